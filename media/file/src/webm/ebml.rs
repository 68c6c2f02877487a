//! Elements of EBML as they are written (RFC 8794 §4 to §7), into memory.

/// The elements this crate writes and reads (RFC 8794 §11.2, RFC 9559 §5.1).
pub(super) mod id {
    pub(in crate::webm) const EBML: u32 = 0x1A45_DFA3;
    pub(in crate::webm) const EBML_VERSION: u32 = 0x4286;
    pub(in crate::webm) const EBML_READ_VERSION: u32 = 0x42F7;
    pub(in crate::webm) const EBML_MAX_ID_LENGTH: u32 = 0x42F2;
    pub(in crate::webm) const EBML_MAX_SIZE_LENGTH: u32 = 0x42F3;
    pub(in crate::webm) const DOC_TYPE: u32 = 0x4282;
    pub(in crate::webm) const DOC_TYPE_VERSION: u32 = 0x4287;
    pub(in crate::webm) const DOC_TYPE_READ_VERSION: u32 = 0x4285;
    pub(in crate::webm) const VOID: u32 = 0xEC;
    pub(in crate::webm) const SEGMENT: u32 = 0x1853_8067;
    pub(in crate::webm) const SEEK_HEAD: u32 = 0x114D_9B74;
    pub(in crate::webm) const SEEK: u32 = 0x4DBB;
    pub(in crate::webm) const SEEK_ID: u32 = 0x53AB;
    pub(in crate::webm) const SEEK_POSITION: u32 = 0x53AC;
    pub(in crate::webm) const INFO: u32 = 0x1549_A966;
    pub(in crate::webm) const TIMESTAMP_SCALE: u32 = 0x2A_D7B1;
    pub(in crate::webm) const DURATION: u32 = 0x4489;
    pub(in crate::webm) const MUXING_APP: u32 = 0x4D80;
    pub(in crate::webm) const WRITING_APP: u32 = 0x5741;
    pub(in crate::webm) const TRACKS: u32 = 0x1654_AE6B;
    pub(in crate::webm) const TRACK_ENTRY: u32 = 0xAE;
    pub(in crate::webm) const TRACK_NUMBER: u32 = 0xD7;
    pub(in crate::webm) const TRACK_UID: u32 = 0x73C5;
    pub(in crate::webm) const TRACK_TYPE: u32 = 0x83;
    pub(in crate::webm) const FLAG_LACING: u32 = 0x9C;
    pub(in crate::webm) const CODEC_ID: u32 = 0x86;
    pub(in crate::webm) const CODEC_PRIVATE: u32 = 0x63A2;
    pub(in crate::webm) const CODEC_DELAY: u32 = 0x56AA;
    pub(in crate::webm) const SEEK_PRE_ROLL: u32 = 0x56BB;
    pub(in crate::webm) const VIDEO: u32 = 0xE0;
    pub(in crate::webm) const PIXEL_WIDTH: u32 = 0xB0;
    pub(in crate::webm) const PIXEL_HEIGHT: u32 = 0xBA;
    pub(in crate::webm) const AUDIO: u32 = 0xE1;
    pub(in crate::webm) const SAMPLING_FREQUENCY: u32 = 0xB5;
    pub(in crate::webm) const CHANNELS: u32 = 0x9F;
    pub(in crate::webm) const CLUSTER: u32 = 0x1F43_B675;
    pub(in crate::webm) const TIMESTAMP: u32 = 0xE7;
    pub(in crate::webm) const SIMPLE_BLOCK: u32 = 0xA3;
    pub(in crate::webm) const BLOCK_GROUP: u32 = 0xA0;
    pub(in crate::webm) const BLOCK: u32 = 0xA1;
    pub(in crate::webm) const REFERENCE_BLOCK: u32 = 0xFB;
    pub(in crate::webm) const CONTENT_ENCODINGS: u32 = 0x6D80;
    pub(in crate::webm) const CUES: u32 = 0x1C53_BB6B;
    pub(in crate::webm) const CUE_POINT: u32 = 0xBB;
    pub(in crate::webm) const CUE_TIME: u32 = 0xB3;
    pub(in crate::webm) const CUE_TRACK_POSITIONS: u32 = 0xB7;
    pub(in crate::webm) const CUE_TRACK: u32 = 0xF7;
    pub(in crate::webm) const CUE_CLUSTER_POSITION: u32 = 0xF1;
}

/// The size that says that nobody knows, in eight bytes (RFC 8794 §6.2).
pub(super) const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF];

/// Elements one after another.
#[derive(Clone, Debug, Default)]
pub(super) struct Elements(pub(super) Vec<u8>);

impl Elements {
    /// An element's id, which has its own length in it.
    pub(super) fn id(&mut self, id: u32) -> &mut Self {
        let bytes = id.to_be_bytes();
        self.0.extend_from_slice(&bytes[(id.leading_zeros() / 8) as usize..]);
        self
    }

    /// A size, in eight bytes, so that it can be written over another.
    pub(super) fn size(&mut self, size: u64) -> &mut Self {
        self.0.extend_from_slice(&((size & 0x00FF_FFFF_FFFF_FFFF) | (1 << 56)).to_be_bytes());
        self
    }

    /// Bytes, or text.
    pub(super) fn binary(&mut self, id: u32, bytes: &[u8]) -> &mut Self {
        self.id(id);
        match u8::try_from(bytes.len()) {
            // All ones would say that nobody knows.
            Ok(len @ 0..0x7F) => self.0.push(0x80 | len),
            _ => {
                self.size(bytes.len() as u64);
            }
        }
        self.0.extend_from_slice(bytes);
        self
    }

    /// A number, in as few bytes as it takes.
    pub(super) fn unsigned(&mut self, id: u32, value: u64) -> &mut Self {
        let bytes = value.to_be_bytes();
        self.binary(id, &bytes[(value.leading_zeros() / 8).min(7) as usize..])
    }

    pub(super) fn float(&mut self, id: u32, value: f64) -> &mut Self {
        self.binary(id, &value.to_be_bytes())
    }

    /// An element made of elements.
    pub(super) fn master(&mut self, id: u32, fill: impl FnOnce(&mut Self)) -> &mut Self {
        let mut inner = Self::default();
        fill(&mut inner);
        self.binary(id, &inner.0)
    }

    /// Room for later: `len` bytes in all, 2 to 100.
    pub(super) fn void(&mut self, len: usize) -> &mut Self {
        self.binary(id::VOID, &[0; 100][..len.saturating_sub(2).min(100)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 8794 §4, RFC 8794 §5
    #[test]
    fn elements_have_ids_sizes_and_data() {
        let mut elements = Elements::default();
        elements.unsigned(id::TRACK_NUMBER, 0).unsigned(id::TIMESTAMP_SCALE, 1_000_000).void(4);
        elements.master(id::SEEK, |seek| {
            seek.binary(id::SEEK_ID, &[7]);
        });

        assert_eq!(
            elements.0,
            [
                0xD7, 0x81, 0, 0x2A, 0xD7, 0xB1, 0x83, 0x0F, 0x42, 0x40, 0xEC, 0x82, 0, 0, 0x4D, 0xBB, 0x84,
                0x53, 0xAB, 0x81, 7
            ]
        );
        let mut long = Elements::default();
        long.binary(id::VOID, &[1; 127]);
        assert_eq!(long.0[..9], [0xEC, 1, 0, 0, 0, 0, 0, 0, 127]);
    }
}
