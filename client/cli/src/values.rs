//! Values of the command line.

use moim_wire::Bitrate;

/// Width and height of a picture, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) width: u16,
    pub(crate) height: u16,
}

/// Reads `640x360`.
pub(crate) fn parse_size(text: &str) -> Result<Size, String> {
    let sides = text
        .split_once(['x', 'X'])
        .and_then(|(width, height)| Some(Size { width: width.parse().ok()?, height: height.parse().ok()? }));
    sides.ok_or_else(|| "a size is written as 640x360".to_owned())
}

/// Reads bits a second: `800000`, `800k` or `0.8M`.
pub(crate) fn parse_bitrate(text: &str) -> Result<Bitrate, String> {
    let (digits, unit) = match text.strip_suffix(['k', 'K', 'M', 'm']) {
        Some(digits) if text.ends_with(['k', 'K']) => (digits, 1_000),
        Some(digits) => (digits, 1_000_000),
        None => (text, 1),
    };
    let number = digits.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number
        .map(|number| Bitrate::from_bps(unit).scaled(number))
        .ok_or_else(|| "a bitrate is written as 800k or 2M".to_owned())
}

/// Reads bytes: `500000`, `500M` or `8G`, which are powers of 1,024 as disks are measured by systems.
pub(crate) fn parse_bytes(text: &str) -> Result<u64, String> {
    let units = [("K", 1 << 10), ("M", 1 << 20), ("G", 1 << 30), ("T", 1_u64 << 40)];
    let found = units.iter().find_map(|(unit, bytes)| Some((text.strip_suffix(unit)?, *bytes)));
    let (digits, unit) = found.unwrap_or((text, 1));
    let number = digits.parse().ok().and_then(|number: u64| number.checked_mul(unit));
    number.filter(|bytes| *bytes > 0).ok_or_else(|| "a number of bytes is written as 500M or 8G".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{Bitrate, Size, parse_bitrate, parse_bytes, parse_size};

    #[test]
    fn bytes_are_read() {
        for (text, bytes) in [("17", 17), ("3K", 3_072), ("500M", 524_288_000), ("8G", 8_589_934_592)] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for wrong in ["", "0", "-1", "1.5G", "G", "99999999999T"] {
            assert!(parse_bytes(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn sizes_are_read() {
        assert_eq!(parse_size("640x360"), Ok(Size { width: 640, height: 360 }));
        for wrong in ["640", "x", "640x-1", "640x99999"] {
            assert!(parse_size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn bitrates_are_read() {
        for (text, kbps) in [("800000", 800), ("800k", 800), ("2M", 2_000), ("0.8M", 800)] {
            assert_eq!(parse_bitrate(text), Ok(Bitrate::from_kbps(kbps)), "{text}");
        }
        for wrong in ["", "k", "-1", "0", "NaN", "fast"] {
            assert!(parse_bitrate(wrong).is_err(), "{wrong}");
        }
    }
}
