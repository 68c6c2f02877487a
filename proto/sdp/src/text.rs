//! What the grammars of all attributes are made of.

use std::str::FromStr;

/// What should have been there: the reason of a failure within one line.
pub(crate) type Expected = &'static str;

/// RFC 8866 §9, `token`.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte))
}

/// RFC 8839 §5.1, `ice-char`.
pub(crate) fn is_ice_text(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
}

/// Decimal digits, at least one.
pub(crate) fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// A decimal number without a sign.
pub(crate) fn number<T: FromStr>(text: &str, expected: Expected) -> Result<T, Expected> {
    if !is_number(text) {
        return Err(expected);
    }
    text.parse().map_err(|_| expected)
}

/// Splits at the first run of spaces; the rest is empty if there is none.
pub(crate) fn word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(' ');
    match text.split_once(' ') {
        Some((word, rest)) => (word, rest.trim_start_matches(' ')),
        None => (text, ""),
    }
}

/// The words between spaces.
pub(crate) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(' ').filter(|word| !word.is_empty())
}
