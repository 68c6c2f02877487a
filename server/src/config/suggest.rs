//! "Did you mean …?"

use confique::meta::{FieldKind, Meta};

/// How many edits apart two names may be for one to be taken for the other.
const EDITS_MAX: usize = 3;

/// The environment variables of all options.
pub(super) fn variables(meta: &'static Meta) -> Box<dyn Iterator<Item = &'static str>> {
    Box::new(meta.fields.iter().flat_map(|field| match field.kind {
        FieldKind::Leaf { env, .. } => Box::new(env.into_iter()) as Box<dyn Iterator<Item = &'static str>>,
        FieldKind::Nested { meta } => variables(meta),
    }))
}

/// The candidate most like `name`, if any is like it at all.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|&(edits, candidate)| edits <= EDITS_MAX.min(candidate.len() / 2))
        .min()
        .map(|(_, candidate)| candidate)
}

/// For serde's "unknown field `a`, expected one of `b`, `c`": the expected name most like the one found.
pub(super) fn for_unknown_field(error: &str) -> Option<String> {
    let (_, names) = error.split_once("unknown field ")?;
    let mut quoted = names.split('`').skip(1).step_by(2);
    let found = quoted.next()?;
    nearest(found, quoted).map(str::to_owned)
}

/// The Levenshtein distance between two names.
fn edits(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &b) in to.iter().enumerate() {
            let substituted = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_that_was_meant() {
        let names = ["port", "addresses", "heartbeat"];

        assert_eq!(nearest("prot", names.into_iter()), Some("port"));
        assert_eq!(nearest("adresses", names.into_iter()), Some("addresses"));
        assert_eq!(nearest("certificate", names.into_iter()), None);
        assert_eq!(
            for_unknown_field("unknown field `hartbeat`, expected `heartbeat` or `resume_window`").as_deref(),
            Some("heartbeat")
        );
        assert_eq!(for_unknown_field("invalid type: string"), None);
    }
}
