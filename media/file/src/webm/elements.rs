//! Elements of EBML as they are read (RFC 8794 §4 to §7).

use crate::Error;
use crate::ivf::read_len;
use std::io::Read;

/// The id of an element, and how long what is behind it is; none if nobody knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) id: u32,
    pub(super) size: Option<u64>,
}

impl Header {
    /// Reads a header; none at the end of the input, be it within the header.
    pub(super) fn read(input: &mut impl Read) -> Result<Option<Self>, Error> {
        let Some(id) = read_number(input, 4)? else { return Ok(None) };
        let Some(size) = read_number(input, 8)? else { return Ok(None) };
        let id = u32::try_from(id.raw).map_err(|_| Error::malformed("the id of an element is too long"))?;
        Ok(Some(Self { id, size: (!size.is_all_ones).then_some(size.value) }))
    }

    /// Reads what is behind the header into memory; none if the input ends before. `what` says what must not be longer than `len_max`.
    pub(super) fn read_body(
        self,
        input: &mut impl Read,
        len_max: usize,
        what: &'static str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let size = self.size.ok_or_else(|| Error::malformed(format!("{what} has no length")))?;
        let len = usize::try_from(size).ok().filter(|len| *len <= len_max).ok_or(Error::TooLarge(what))?;
        read_len(input, len)
    }

    /// Passes over what is behind the header.
    pub(super) fn skip_body(self, input: &mut impl Read) -> Result<(), Error> {
        let size =
            self.size.ok_or_else(|| Error::malformed("an element has no length, and must have one"))?;
        std::io::copy(&mut input.take(size), &mut std::io::sink())?;
        Ok(())
    }
}

/// The elements in a piece of memory. One that is longer than what there is ends them.
pub(super) fn elements(mut rest: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let header = Header::read(&mut rest).ok()??;
        let len = usize::try_from(header.size?).ok()?;
        let (body, behind) = rest.split_at_checked(len)?;
        rest = behind;
        Some((header.id, body))
    })
}

/// A number as it is in an element: up to eight bytes, the highest first.
pub(super) fn unsigned(body: &[u8]) -> u64 {
    body.iter().take(8).fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// A float of four or eight bytes; 0 if it is neither.
pub(super) fn float(body: &[u8]) -> f64 {
    match (<[u8; 4]>::try_from(body), <[u8; 8]>::try_from(body)) {
        (Ok(bytes), _) => f64::from(f32::from_be_bytes(bytes)),
        (_, Ok(bytes)) => f64::from_be_bytes(bytes),
        _ => 0.0,
    }
}

/// A number whose length is in its first bits (RFC 8794 §4).
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    /// With the bits that say the length, as ids are written.
    raw: u64,
    pub(super) value: u64,
    is_all_ones: bool,
    pub(super) len: u32,
}

/// Reads a number of at most `len_max` bytes; none at the end of the input.
pub(super) fn read_number(input: &mut impl Read, len_max: u32) -> Result<Option<Number>, Error> {
    let Some(first) = read_len(input, 1)? else { return Ok(None) };
    let len = first[0].leading_zeros() + 1;
    if len > len_max {
        return Err(Error::malformed("a number is too long: the file is damaged here"));
    }
    let Some(rest) = read_len(input, len as usize - 1)? else { return Ok(None) };
    let raw = unsigned(&[&first[..], &rest].concat());
    let mask = u64::MAX >> (64 - 7 * len);
    let value = raw & mask;
    Ok(Some(Number { raw, value, is_all_ones: value == mask, len }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 8794 §4, RFC 8794 §6.2
    #[test]
    fn headers_have_ids_and_sizes_of_any_length() {
        let read = |bytes: &[u8]| Header::read(&mut &bytes[..]);

        assert_eq!(read(&[0xA3, 0x82]).unwrap(), Some(Header { id: 0xA3, size: Some(2) }));
        assert_eq!(
            read(&[0x1A, 0x45, 0xDF, 0xA3, 0x40, 2]).unwrap(),
            Some(Header { id: 0x1A45_DFA3, size: Some(2) })
        );
        assert_eq!(read(&[0xA3, 0xFF]).unwrap(), Some(Header { id: 0xA3, size: None }));
        assert_eq!(read(&[0xA3, 1, 255, 255, 255, 255, 255, 255, 255]).unwrap().unwrap().size, None);
        assert_eq!(read(&[0xA3, 0x41]).unwrap(), None, "cut");
        assert!(read(&[0x08, 0, 0, 0, 0, 0x81]).is_err() && read(&[0xA3, 0]).is_err());
    }
}
