//! Text that must not be seen.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A secret of the configuration. Printing or serialising it gives a placeholder.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Takes `text` as a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The secret's bytes, for the cryptography that needs them.
    pub(crate) fn expose(&self) -> &[u8] {
        self.as_str().as_bytes()
    }

    /// The bytes that the secret writes as hexadecimal digits, if it does.
    pub(crate) fn hex(&self) -> Option<Vec<u8>> {
        let digits = self.expose();
        if !digits.len().is_multiple_of(2) {
            return None;
        }
        let nibble = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
        digits.chunks_exact(2).map(|pair| Some(nibble(pair[0])? << 4 | nibble(pair[1])?)).collect()
    }

    /// The secret as text, for whoever it is to be told to.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret([redacted])")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_printed() {
        assert_eq!(format!("{:?}", Secret::new("psst")), "Secret([redacted])");
        assert_eq!(serde_json::to_string(&Secret::new("psst")).unwrap(), "\"[redacted]\"");
    }

    #[test]
    fn hexadecimal_digits_are_read_and_nothing_else() {
        assert_eq!(Secret::new("00fFa1").hex(), Some(vec![0, 0xff, 0xa1]));
        for text in ["0", "0g", "+1", "äö"] {
            assert_eq!(Secret::new(text).hex(), None, "{text}");
        }
    }
}
