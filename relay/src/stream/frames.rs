//! Cutting what was read from a stream into messages.

use moim_turn::channel_data::{FramingError, framed_len};

/// The longest message on a stream: a STUN message with a header and as much as its length field can say.
pub(crate) const FRAME_LEN_MAX: usize = 20 + 65_535;

/// The longest message of a client without an allocation. All it can ask for is short; so is what it may leave half sent.
pub(crate) const STRANGER_FRAME_LEN_MAX: usize = 4096;

/// Whole messages, one after the other, padding included.
#[derive(Clone, Debug)]
pub(crate) struct Frames<'b> {
    rest: &'b [u8],
}

impl<'b> Frames<'b> {
    /// What has not been taken yet.
    pub(crate) fn rest(&self) -> &'b [u8] {
        self.rest
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = &'b [u8];

    fn next(&mut self) -> Option<Self::Item> {
        // `cut` made sure that there are whole messages only.
        let len = framed_len(self.rest).ok()??;
        let (frame, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(frame)
    }
}

/// A stretch of a stream, cut after its last whole message.
#[derive(Debug)]
pub(crate) struct Cut<'b> {
    /// The whole messages.
    pub(crate) frames: Frames<'b>,
    /// The beginning of the next, or nothing.
    pub(crate) partial: &'b [u8],
    /// Why no message can follow: the stream is to be closed.
    pub(crate) error: Option<CutError>,
}

/// Why a stream cannot be followed any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CutError {
    /// Something else than STUN and ChannelData.
    #[error(transparent)]
    Framing(#[from] FramingError),
    /// A message that is longer than the client may send.
    #[error("a message is longer than it may be")]
    TooLong,
}

/// Cuts `stream` into messages of `len_max` bytes at most, wherever the network has cut it.
pub(crate) fn cut(stream: &[u8], len_max: usize) -> Cut<'_> {
    let mut whole = 0;
    let error = loop {
        let rest = &stream[whole..];
        match framed_len(rest) {
            Ok(Some(len)) if len > len_max => break Some(CutError::TooLong),
            Ok(Some(len)) if len <= rest.len() => whole += len,
            Ok(Some(_) | None) => break None,
            Err(error) => break Some(error.into()),
        }
    };
    let (whole, partial) = stream.split_at(whole);
    Cut { frames: Frames { rest: whole }, partial: if error.is_some() { &[] } else { partial }, error }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stun(body_words: u8) -> Vec<u8> {
        let len = u16::from(body_words) * 4;
        let mut message = vec![0, 1];
        message.extend(len.to_be_bytes());
        message.extend(moim_stun::MAGIC_COOKIE.to_be_bytes());
        message.resize(20 + usize::from(len), 7);
        message
    }

    fn channel_data(data: &[u8]) -> Vec<u8> {
        let mut message = vec![0x40, 0];
        message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
        message.extend(data);
        message.resize(message.len().next_multiple_of(4), 0);
        message
    }

    fn message() -> impl Strategy<Value = Vec<u8>> {
        prop_oneof![
            any::<u8>().prop_map(stun),
            prop::collection::vec(any::<u8>(), 0..400).prop_map(|data| channel_data(&data)),
        ]
    }

    proptest! {
        /// Covers: RFC 8656 §12.5
        #[test]
        fn messages_are_the_same_however_the_stream_is_cut(
            messages in prop::collection::vec(message(), 0..12),
            chunks in prop::collection::vec(1..300_usize, 1..60),
        ) {
            let stream = messages.concat();
            let mut sizes = chunks.iter().copied().cycle();
            let (mut at, mut held, mut found) = (0, Vec::new(), Vec::new());
            while at < stream.len() {
                let end = stream.len().min(at + sizes.next().unwrap());
                held.extend_from_slice(&stream[at..end]);
                at = end;
                let cut = cut(&held, FRAME_LEN_MAX);
                prop_assert_eq!(cut.error, None);
                found.extend(cut.frames.map(<[u8]>::to_vec));
                held = cut.partial.to_vec();
            }
            prop_assert_eq!(found, messages);
            prop_assert!(held.is_empty());
        }

        #[test]
        fn any_bytes_are_cut_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let cut = cut(&bytes, STRANGER_FRAME_LEN_MAX);
            let whole: usize = cut.frames.map(<[u8]>::len).sum();
            if cut.error.is_none() {
                prop_assert_eq!(whole + cut.partial.len(), bytes.len());
            }
        }
    }

    #[test]
    fn what_came_before_an_error_still_counts() {
        let mut stream = channel_data(b"hello");
        stream.push(0xff);

        let cut = cut(&stream, FRAME_LEN_MAX);

        assert_eq!(cut.frames.count(), 1);
        assert_eq!(cut.error, Some(CutError::Framing(FramingError::NeitherStunNorChannelData)));
        assert!(cut.partial.is_empty());
    }

    #[test]
    fn a_message_that_is_too_long_is_refused_by_its_header() {
        let header = [0x40, 0, 0xff, 0xff];

        assert_eq!(cut(&header, STRANGER_FRAME_LEN_MAX).error, Some(CutError::TooLong));
        let allowed = cut(&header, FRAME_LEN_MAX);
        assert_eq!((allowed.error, allowed.partial), (None, &header[..]));
    }
}
