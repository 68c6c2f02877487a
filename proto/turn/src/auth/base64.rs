//! Base64 (RFC 4648 §4) of whole groups and, for encoding, a padded last one.

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Encodes `bytes` into the beginning of `out`, which has room for four characters per three bytes, and returns them.
pub(super) fn encode<'o>(bytes: &[u8], out: &'o mut [u8]) -> &'o str {
    let len = bytes.len().div_ceil(3) * 4;
    for (group, characters) in bytes.chunks(3).zip(out.chunks_exact_mut(4)) {
        let byte = |index| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for (index, character) in characters.iter_mut().enumerate() {
            let sextet = (bits >> (18 - 6 * index)) & 0x3f;
            *character = if index <= group.len() { ALPHABET[sextet as usize] } else { b'=' };
        }
    }
    str::from_utf8(&out[..len]).expect("the alphabet is ASCII")
}

/// Decodes groups of four characters into all of `out`. [`None`]: not exactly as many as that takes, or others than those of
/// the alphabet.
pub(super) fn decode(text: &[u8], out: &mut [u8]) -> Option<()> {
    debug_assert!(out.len().is_multiple_of(3), "only whole groups are decoded");
    if text.len() != out.len() / 3 * 4 {
        return None;
    }
    for (characters, group) in text.chunks_exact(4).zip(out.chunks_exact_mut(3)) {
        let mut bits = 0;
        for character in characters {
            bits = (bits << 6) | sextet(*character)?;
        }
        group.copy_from_slice(&bits.to_be_bytes()[1..]);
    }
    Some(())
}

fn sextet(character: u8) -> Option<u32> {
    let sextet = match character {
        b'A'..=b'Z' => character - b'A',
        b'a'..=b'z' => character - b'a' + 26,
        b'0'..=b'9' => character - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(sextet.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 4648 §10
    #[test]
    fn encodes_the_examples_of_the_rfc() {
        let examples = [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ];
        for (plain, encoded) in examples {
            assert_eq!(encode(plain.as_bytes(), &mut [0; 16]), encoded);
        }
    }

    #[test]
    fn decodes_what_it_encoded() {
        let bytes: Vec<_> = (0..=255).collect();
        let bytes = &bytes[..255];
        let mut text = [0; 340];
        let text = encode(bytes, &mut text);

        let mut decoded = [0; 255];
        assert_eq!(decode(text.as_bytes(), &mut decoded), Some(()));
        assert_eq!(decoded, bytes);
    }

    #[test]
    fn decodes_nothing_else() {
        for text in ["Zm9", "Zm9vZ", "Zg==", "Zm9-", "Zm9\u{e4}"] {
            assert_eq!(decode(text.as_bytes(), &mut [0; 3]), None, "{text}");
        }
    }
}
