use std::fmt;
use std::str::FromStr;

/// The most characters a [`Mid`] or [`Rid`] may have: what a one-byte header extension can carry (RFC 8285 §4.2).
pub const LABEL_LEN_MAX: usize = 16;

/// Why a text is no [`Mid`] or [`Rid`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LabelError {
    /// It has no character.
    #[error("it is empty")]
    Empty,
    /// It is longer than [`LABEL_LEN_MAX`].
    #[error("it is longer than 16 characters")]
    TooLong,
    /// It has a character that is not allowed.
    #[error("it has a character that may not be in it")]
    Character,
}

macro_rules! label {
    ($(#[$doc:meta])* $name:ident, $allowed:expr) => {
        $(#[$doc])*
        ///
        /// It is kept in place: copying it allocates nothing.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            bytes: [u8; LABEL_LEN_MAX],
            len: u8,
        }

        impl $name {
            /// Takes the bytes of a header extension or of a description.
            pub fn from_bytes(text: &[u8]) -> Result<Self, LabelError> {
                let allowed: fn(u8) -> bool = $allowed;
                if text.is_empty() {
                    return Err(LabelError::Empty);
                }
                if text.len() > LABEL_LEN_MAX {
                    return Err(LabelError::TooLong);
                }
                if !text.iter().copied().all(allowed) {
                    return Err(LabelError::Character);
                }
                let mut bytes = [0; LABEL_LEN_MAX];
                bytes[..text.len()].copy_from_slice(text);
                Ok(Self { bytes, len: u8::try_from(text.len()).map_err(|_| LabelError::TooLong)? })
            }

            /// Its bytes, all of them ASCII.
            pub fn as_bytes(&self) -> &[u8] {
                &self.bytes[..usize::from(self.len)]
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                // Only ASCII gets in, so nothing is ever replaced by the empty text.
                std::str::from_utf8(self.as_bytes()).unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = LabelError;

            fn from_str(text: &str) -> Result<Self, LabelError> {
                Self::from_bytes(text.as_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

label! {
    /// What a media section is called in a session description, and in packets (RFC 8843 §15): a token.
    Mid, is_token_character
}

label! {
    /// What an encoding of a simulcast is called in a session description, and in packets (RFC 8852 §3.1).
    Rid, |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// RFC 8866 §9, `token-char`.
fn is_token_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_keep_their_text() {
        assert_eq!("0".parse::<Mid>().unwrap().as_str(), "0");
        assert_eq!("sdparta_0".parse::<Mid>().unwrap().to_string(), "sdparta_0");
        assert_eq!("hi-res_1".parse::<Rid>().unwrap().as_bytes(), b"hi-res_1");
        assert_eq!("x".repeat(LABEL_LEN_MAX).parse::<Mid>().unwrap().as_bytes().len(), LABEL_LEN_MAX);
    }

    #[test]
    fn what_is_no_label_is_refused() {
        assert_eq!("".parse::<Mid>(), Err(LabelError::Empty));
        assert_eq!("x".repeat(LABEL_LEN_MAX + 1).parse::<Rid>(), Err(LabelError::TooLong));
        assert_eq!("a b".parse::<Mid>(), Err(LabelError::Character));
        assert_eq!("ä".parse::<Mid>(), Err(LabelError::Character));
        assert_eq!("a.b".parse::<Rid>(), Err(LabelError::Character), "a token, but no rid");
    }
}
