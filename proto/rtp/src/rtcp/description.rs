use super::{List, ssrc};
use crate::ParseError;
use moim_wire::{Reader, Ssrc};

/// What a source description says about several sources (RFC 3550 §6.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks<'a> {
    bytes: &'a [u8],
    count: u8,
}

/// What it says about one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    /// The source.
    pub ssrc: Ssrc,
    /// What is said.
    pub items: Items<'a>,
}

/// What is said about a source, item by item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Items<'a> {
    bytes: &'a [u8],
}

/// One thing said about a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Item<'a> {
    /// What it is.
    pub kind: ItemKind,
    /// The text: at most 255 bytes, UTF-8 if the sender keeps to the rules.
    pub text: &'a [u8],
}

/// What an item of a source description is (RFC 3550 §12.2, RFC 8843 §15.1, RFC 8852 §4.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ItemKind(pub u8);

impl ItemKind {
    /// A name for all sources of a sender whose clocks are one.
    pub const CNAME: Self = Self(1);
    /// The encoding of a simulcast.
    pub const RID: Self = Self(12);
    /// The media section.
    pub const MID: Self = Self(15);
}

impl<'a> Chunks<'a> {
    pub(super) fn parse(bytes: &'a [u8], count: u8) -> Result<Self, ParseError> {
        let mut reader = Reader::new(bytes);
        for _ in 0..count {
            read_chunk(&mut reader)?;
        }
        Ok(Self { bytes, count })
    }

    /// Chunk by chunk.
    pub fn iter(&self) -> impl Iterator<Item = Chunk<'a>> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        (0..self.count).map_while(move |_| read_chunk(&mut reader).ok())
    }
}

fn read_chunk<'a>(reader: &mut Reader<'a>) -> Result<Chunk<'a>, ParseError> {
    let ssrc = ssrc(reader)?;
    let start = reader.rest();
    loop {
        let kind = reader.u8().ok_or(ParseError::TooShort)?;
        if kind == 0 {
            break;
        }
        let len = reader.u8().ok_or(ParseError::TooShort)?;
        reader.bytes(usize::from(len)).ok_or(ParseError::TooShort)?;
    }
    let ended_at = start.len() - reader.rest().len();
    // RFC 3550 §6.5: zeros up to the next multiple of four.
    reader.bytes(ended_at.next_multiple_of(4) - ended_at).ok_or(ParseError::TooShort)?;
    Ok(Chunk { ssrc, items: Items { bytes: &start[..ended_at - 1] } })
}

impl<'a> Items<'a> {
    /// Item by item.
    pub fn iter(&self) -> impl Iterator<Item = Item<'a>> + use<'a> {
        let mut reader = Reader::new(self.bytes);
        std::iter::from_fn(move || {
            let kind = ItemKind(reader.u8()?);
            let len = usize::from(reader.u8()?);
            Some(Item { kind, text: reader.bytes(len)? })
        })
    }

    /// The text of the first item of this kind.
    pub fn find(&self, kind: ItemKind) -> Option<&'a [u8]> {
        self.iter().find(|item| item.kind == kind).map(|item| item.text)
    }
}

/// Sources that have ended, and why (RFC 3550 §6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bye<'a> {
    /// The sources.
    pub ssrcs: List<'a, Ssrc>,
    /// Why, in the sender's words: at most 255 bytes.
    pub reason: Option<&'a [u8]>,
}

impl<'a> Bye<'a> {
    pub(super) fn parse(reader: &mut Reader<'a>, count: u8) -> Result<Self, ParseError> {
        let ssrcs = List::read(reader, count)?;
        let reason = match reader.u8() {
            Some(len) => Some(reader.bytes(usize::from(len)).ok_or(ParseError::TooShort)?),
            None => None,
        };
        Ok(Self { ssrcs, reason })
    }
}
