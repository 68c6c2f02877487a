//! Blocks: the frames of a track at one time (RFC 9559 §10).

use super::elements::read_number;
use crate::Error;

/// A block, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    pub(super) track: u64,
    /// Relative to the cluster.
    pub(super) time: i16,
    /// Whether frames need no others: meant in simple blocks only.
    pub(super) is_key: bool,
    pub(super) frames: Vec<&'a [u8]>,
}

impl<'a> Block<'a> {
    pub(super) fn parse(body: &'a [u8]) -> Result<Self, Error> {
        let mut rest = body;
        let track = read_number(&mut rest, 8)?.ok_or_else(too_short)?.value;
        let (&[t0, t1, flags], data) = rest.split_first_chunk().ok_or_else(too_short)?;
        let frames = match flags & 0x06 {
            0x00 => vec![data],
            lacing => unlace(lacing, data)?,
        };
        Ok(Self { track, time: i16::from_be_bytes([t0, t1]), is_key: flags & 0x80 != 0, frames })
    }
}

/// Takes frames apart that lie in one block (RFC 9559 §10.3).
fn unlace(lacing: u8, data: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let (more, mut rest) = data.split_first().ok_or_else(too_short)?;
    let count = usize::from(*more) + 1;
    let lens = match lacing {
        0x02 => xiph_lens(&mut rest, count - 1)?,
        0x06 => ebml_lens(&mut rest, count - 1)?,
        _ if rest.len() % count != 0 => return Err(Error::malformed("laced frames are not of one length")),
        _ => vec![rest.len() / count; count - 1],
    };
    let mut frames = Vec::with_capacity(count);
    for len in lens {
        let (frame, behind) = rest.split_at_checked(len).ok_or_else(too_short)?;
        frames.push(frame);
        rest = behind;
    }
    frames.push(rest);
    Ok(frames)
}

/// Lengths as sums of bytes, the last of which is below 255.
fn xiph_lens(rest: &mut &[u8], count: usize) -> Result<Vec<usize>, Error> {
    let mut lens = Vec::with_capacity(count);
    for _ in 0..count {
        let mut len = 0;
        loop {
            let (byte, behind) = rest.split_first().ok_or_else(too_short)?;
            *rest = behind;
            len += usize::from(*byte);
            if *byte < 255 {
                break;
            }
        }
        lens.push(len);
    }
    Ok(lens)
}

/// The first length, then differences.
fn ebml_lens(rest: &mut &[u8], count: usize) -> Result<Vec<usize>, Error> {
    let mut lens = Vec::with_capacity(count);
    let mut len: i64 = 0;
    for index in 0..count {
        let number = read_number(rest, 8)?.ok_or_else(too_short)?;
        let value = i64::try_from(number.value).map_err(|_| too_short())?;
        // A difference is written above half of what its bytes can hold.
        len = if index == 0 { value } else { len + value - ((1 << (7 * number.len - 1)) - 1) };
        lens.push(usize::try_from(len).ok().filter(|len| *len <= rest.len()).ok_or_else(too_short)?);
    }
    Ok(lens)
}

fn too_short() -> Error {
    Error::malformed("a block is shorter than it says")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(body: &[u8]) -> Vec<Vec<u8>> {
        Block::parse(body).unwrap().frames.into_iter().map(<[u8]>::to_vec).collect()
    }

    /// Covers: RFC 9559 §10.3
    #[test]
    fn laced_frames_are_taken_apart() {
        assert_eq!(frames(&[0x81, 0, 0, 0x80, 7, 8]), [vec![7, 8]]);
        assert_eq!(frames(&[0x81, 0, 0, 0x02, 1, 1, 7, 8, 9]), [vec![7], vec![8, 9]]);
        assert_eq!(frames(&[0x81, 0, 0, 0x04, 1, 7, 8]), [vec![7], vec![8]]);
        // The first has 2 bytes, the second one less.
        assert_eq!(
            frames(&[0x81, 0, 0, 0x06, 2, 0x82, 0xBE, 1, 2, 3, 4, 5]),
            [vec![1, 2], vec![3], vec![4, 5]]
        );
    }

    #[test]
    fn blocks_that_lie_are_refused() {
        for body in [
            &[0x81, 0, 0][..],
            &[],
            &[0x81, 0, 0, 0x02],
            &[0x81, 0, 0, 0x02, 1, 9, 1],
            &[0x81, 0, 0, 0x04, 1, 1],
            &[0x81, 0, 0, 0x06, 2, 0x81, 0x80, 1],
        ] {
            assert!(Block::parse(body).is_err(), "{body:?}");
        }
    }
}
