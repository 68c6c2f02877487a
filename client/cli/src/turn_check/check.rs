use super::subject::Subject;
use super::verdict::{Outcome, Verdict};

/// One rule, and how to see whether a server keeps it.
pub(crate) struct Check {
    /// What the rule is called: a group and a name.
    pub(crate) id: &'static str,
    /// What the server must do, in one sentence.
    pub(crate) rule: &'static str,
    /// Where that is written, or what it protects.
    pub(crate) reference: &'static str,
    pub(crate) kind: Kind,
    pub(crate) run: fn(&Subject) -> Outcome,
}

/// What a check does to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// What any client may do.
    Conformance,
    /// What nobody should, little of it.
    Abuse,
    /// Much of it: only against a machine or network of the user's own.
    Flood,
}

impl Kind {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Conformance => "conformance",
            Self::Abuse => "abuse",
            Self::Flood => "flood",
        }
    }
}

/// How a check of a subject ended.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) id: &'static str,
    pub(crate) rule: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) kind: Kind,
    pub(crate) verdict: Verdict,
}

impl Check {
    /// Makes the check, and sees that the server still answers afterwards.
    pub(crate) fn find(&self, subject: &Subject) -> Finding {
        let verdict = if self.kind == Kind::Flood && !subject.may_flood {
            Verdict::skipped("floods need --flood, and a target on loopback or in a network named by --i-own")
        } else {
            let verdict = Verdict::from((self.run)(subject));
            match still_answers(subject) {
                Ok(()) => verdict,
                Err(silence) => {
                    Verdict::fail(format_args!("afterwards: {}; before: {}", silence.seen, verdict.seen))
                }
            }
        };
        Finding { id: self.id, rule: self.rule, reference: self.reference, kind: self.kind, verdict }
    }

    /// Whether the user asked for it: by its id, or the beginning of it.
    pub(crate) fn is_among(&self, wanted: &[String]) -> bool {
        wanted.is_empty() || wanted.iter().any(|prefix| self.id.starts_with(prefix.as_str()))
    }
}

/// A request that every TURN server answers, with whatever.
fn still_answers(subject: &Subject) -> Result<(), Verdict> {
    let mut link = subject.link()?;
    let draft = super::turn::allocate_draft();
    link.exchange(&draft.plain(), draft.id).map(|_| ())
}
