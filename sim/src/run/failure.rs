//! What went wrong, as somebody reads it who has to find out why.

use crate::layout::Layout;
use crate::nodes::Program;
use crate::oracle::Verdict;
use crate::participant::{Participant, Path, Record, TalkKind};
use crate::plan::PEOPLE;
use crate::random::Seed;
use crate::world::BusyLoop;
use moim_ice::ConnectionState;
use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

/// What was not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// There is a way, and it was not found.
    #[error("not connected although it is possible ({verdict}): {states:?}; {why}")]
    NotConnected {
        /// What is possible.
        verdict: Verdict,
        /// How far both are.
        states: [Option<ConnectionState>; PEOPLE],
        /// What their agents say.
        why: String,
    },
    /// There is a way, and nothing goes by it.
    #[error("connected, and nothing is heard ({verdict}): {states:?}; {why}")]
    Silent {
        /// What is possible.
        verdict: Verdict,
        /// How far both are.
        states: [Option<ConnectionState>; PEOPLE],
        /// What their agents say.
        why: String,
    },
    /// There is a direct way, nothing is lost, and the relay is used.
    #[error("relayed by {path:?}, although there is a better way ({verdict}): {why}")]
    RelayedForNothing {
        /// What is possible.
        verdict: Verdict,
        /// What is used.
        path: Option<Path>,
        /// What their agents say.
        why: String,
    },
    /// There is no way, and it was found: the reference is wrong, or a NAT.
    #[error("connected by {path:?}, although that is impossible ({verdict})")]
    ConnectedAgainstAllOdds {
        /// What is possible.
        verdict: Verdict,
        /// What is used.
        path: Option<Path>,
    },
    /// There is no way, and somebody still hopes.
    #[error("did not notice that there is no way ({verdict}): {states:?}; {why}")]
    NeverFailed {
        /// What is possible.
        verdict: Verdict,
        /// How far both are.
        states: [Option<ConnectionState>; PEOPLE],
        /// What their agents say.
        why: String,
    },
    /// Something that must not get lost has not arrived, although nobody says anything any more.
    #[error("not arrived: {missing:?}; {why}")]
    NotArrived {
        /// How much of how much has.
        missing: Vec<String>,
        /// What the agents say.
        why: String,
    },
    /// A machine asks to be called again and again.
    #[error(transparent)]
    BusyLoop(#[from] BusyLoop),
    /// Packets are neither delivered nor dropped nor under way.
    #[error("packets are missing: {0}")]
    Unbalanced(String),
    /// The relay has relayed for a stranger.
    #[error("relayed without a permission: {0}")]
    RelayedWithoutPermission(String),
    /// Something came that nobody has sent.
    #[error("heard {heard:?} while the other one said {said:?}")]
    HeardWhatWasNotSaid {
        /// The record of the one.
        heard: Box<Record>,
        /// The record of the other.
        said: Box<Record>,
    },
    /// Somebody holds ever more of something.
    #[error("there is too much of {0}")]
    Growing(String),
    /// Everybody has gone, and something is still there.
    #[error("left over: {}", .0.join(", "))]
    LeftOver(Vec<String>),
}

/// A world in which something was not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed of the world.
    pub seed: Seed,
    /// By what people talked.
    pub kind: TalkKind,
    /// When it was seen.
    pub at: Duration,
    /// What it is.
    pub broken: Broken,
    /// The world.
    pub plan: String,
    /// What happened in it.
    pub trace: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, kind, at, broken, plan, trace } = self;
        writeln!(f, "{plan}")?;
        writeln!(f, "{trace}")?;
        writeln!(f, "at {:.3} s: {broken}", at.as_secs_f64())?;
        write!(f, "replay: SIM_SEED={} cargo run -p moim-sim -- --kind {}", seed.0, kind.as_str())
    }
}

impl std::error::Error for Failure {}

/// What happened to everybody, in the order it happened.
pub(super) fn trace(layout: &Layout<Program>) -> String {
    let origin = layout.world.origin();
    let mut lines = Vec::new();
    for (_, name, program) in layout.world.nodes() {
        let history = program.participant().into_iter().flat_map(Participant::history);
        lines.extend(history.map(|(at, line)| (*at, name, line)));
    }
    lines.sort_by_key(|(at, ..)| *at);
    lines.into_iter().fold(String::new(), |mut text, (at, name, line)| {
        let _ = writeln!(text, "  {:9.3} {name:6} {line}", (at - origin).as_secs_f64());
        text
    })
}
