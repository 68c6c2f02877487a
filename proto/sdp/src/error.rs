use std::fmt;

/// How many characters of what was found an error repeats.
const FOUND_LEN_MAX: usize = 60;

/// Why a text is no session description. Whoever wrote the text is to blame.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// What was there, shortened to 60 characters; empty if the text has ended.
    pub found: String,
    /// What should have been there.
    pub expected: &'static str,
}

impl ParseError {
    pub(crate) fn new(line: usize, found: &str, expected: &'static str) -> Self {
        Self { line, found: shortened(found), expected }
    }
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, found, expected } = self;
        if found.is_empty() {
            write!(f, "line {line}: the text ends where {expected} was expected")
        } else {
            write!(f, "line {line}: found {found:?} where {expected} was expected")
        }
    }
}

impl std::error::Error for ParseError {}

/// The beginning of a line, without its secret if it has one.
fn shortened(found: &str) -> String {
    if let Some(name) = ["a=ice-pwd:", "a=crypto:"].into_iter().find(|name| found.starts_with(name)) {
        return format!("{name}…");
    }
    match found.char_indices().nth(FOUND_LEN_MAX) {
        Some((end, _)) => format!("{}…", &found[..end]),
        None => found.to_owned(),
    }
}
