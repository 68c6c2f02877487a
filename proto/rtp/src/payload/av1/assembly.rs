use super::super::PayloadError;
use super::obu::{Leb128, obu_type, split_obu};
use super::{AggregationHeader, elements};

/// How far a temporal unit has been put together.
#[derive(Clone, Debug, Default)]
pub(in crate::payload) struct Assembly {
    /// The beginning of an OBU that goes on in the next packet.
    partial: Option<Vec<u8>>,
}

impl Assembly {
    /// How many bytes wait for the rest of their OBU.
    pub(in crate::payload) fn pending(&self) -> usize {
        self.partial.as_ref().map_or(0, Vec::len)
    }

    /// Appends the OBUs that end in a payload to a frame, with their sizes.
    pub(in crate::payload) fn append(
        &mut self,
        payload: &[u8],
        frame: &mut Vec<u8>,
    ) -> Result<(), PayloadError> {
        let header = AggregationHeader::parse(payload)?;
        match (self.partial.is_some(), header.continues) {
            (false, true) => return Err(PayloadError::Incomplete("the beginning of an OBU is missing")),
            (true, false) => return Err(PayloadError::Incomplete("the end of an OBU is missing")),
            (true, true) | (false, false) => {}
        }
        let mut elements = elements(payload)?.peekable();
        while let Some(element) = elements.next() {
            let element = element?;
            let is_continued = header.is_continued && elements.peek().is_none();
            match self.partial.take() {
                None if is_continued => self.partial = Some(element.to_vec()),
                None => append_obu(element, frame)?,
                Some(mut obu) => {
                    obu.extend_from_slice(element);
                    if is_continued {
                        self.partial = Some(obu);
                    } else {
                        append_obu(&obu, frame)?;
                    }
                }
            }
        }
        Ok(())
    }

    pub(in crate::payload) fn finish(&self) -> Result<(), PayloadError> {
        match self.partial {
            Some(_) => Err(PayloadError::Incomplete("the end of an OBU is missing")),
            None => Ok(()),
        }
    }
}

/// Appends an OBU with its size, whether it came with one or not. Delimiters, which should not have come, and padding of the format stay away.
fn append_obu(element: &[u8], frame: &mut Vec<u8>) -> Result<(), PayloadError> {
    let (obu, behind) = split_obu(element)?;
    if !behind.is_empty() {
        return Err(PayloadError::Malformed("an element is longer than its OBU"));
    }
    if matches!(obu.header.obu_type, obu_type::TEMPORAL_DELIMITER | obu_type::TILE_LIST) {
        return Ok(());
    }
    frame.push(obu.header_bytes[0] | 0x02);
    frame.extend_from_slice(&obu.header_bytes[1..]);
    frame.extend_from_slice(Leb128::new(obu.data.len()).as_bytes());
    frame.extend_from_slice(obu.data);
    Ok(())
}
