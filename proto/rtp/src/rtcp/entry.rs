use crate::ParseError;
use moim_wire::{OutOfSpace, Reader, Ssrc, Writer};
use std::fmt;
use std::marker::PhantomData;

/// Something of a fixed length that packets carry several of.
pub trait Entry: Sized {
    /// Its length on the wire, in bytes.
    const LEN: usize;

    /// Reads one. [`None`] if there are too few bytes.
    fn read(reader: &mut Reader<'_>) -> Option<Self>;

    /// Writes it.
    fn write(&self, out: &mut Writer<'_>) -> Result<(), OutOfSpace>;
}

/// Entries as they lie in a packet.
pub struct List<'a, T> {
    bytes: &'a [u8],
    of: PhantomData<T>,
}

impl<'a, T: Entry> List<'a, T> {
    /// Takes as many entries as a count field says.
    pub(crate) fn read(reader: &mut Reader<'a>, count: u8) -> Result<Self, ParseError> {
        let bytes = reader.bytes(usize::from(count) * T::LEN).ok_or(ParseError::TooShort)?;
        Ok(Self { bytes, of: PhantomData })
    }

    /// Takes all that is left.
    pub(crate) fn read_rest(reader: &mut Reader<'a>) -> Result<Self, ParseError> {
        let bytes = reader.rest();
        if !bytes.len().is_multiple_of(T::LEN) {
            return Err(ParseError::Content);
        }
        reader.bytes(bytes.len());
        Ok(Self { bytes, of: PhantomData })
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / T::LEN
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Reads them one after the other.
    pub fn iter(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || T::read(&mut reader))
    }
}

impl<T> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for List<'_, T> {}

impl<T> PartialEq for List<'_, T> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

impl<T> Eq for List<'_, T> {}

impl<T: Entry + fmt::Debug> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Entry for Ssrc {
    const LEN: usize = 4;

    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        reader.u32().map(Self)
    }

    fn write(&self, out: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        out.u32(self.0)
    }
}
