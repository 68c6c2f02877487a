use super::{Fragment, PayloadError, PayloadFormat, PictureId, av1, h264, h265, opus, vp8, vp9};

/// Takes the frames of one stream apart, in whatever format.
///
/// It numbers pictures and knows no layers: whoever sends layers uses the format's own `packetize`.
#[derive(Clone, Debug)]
pub struct Packetizer {
    format: PayloadFormat,
    picture_id: PictureId,
}

impl Packetizer {
    /// A packetizer that numbers pictures from `first_picture_id` on, which should be random (RFC 7741 §4.2).
    pub fn new(format: PayloadFormat, first_picture_id: u16) -> Self {
        Self { format, picture_id: PictureId::Long(first_picture_id & 0x7FFF) }
    }

    /// The format.
    pub fn format(&self) -> PayloadFormat {
        self.format
    }

    /// Gives the payloads of a frame's packets to `each`, none longer than `len_max` and as equal in length as may be, and says how many they
    /// are. The frame is not copied. An error comes before the first packet.
    pub fn packetize(
        &mut self,
        frame: &[u8],
        len_max: usize,
        each: impl FnMut(Fragment<'_>),
    ) -> Result<usize, PayloadError> {
        match self.format {
            PayloadFormat::Opus => opus::packetize(frame, len_max, each),
            PayloadFormat::Vp8 => {
                let picture_id = Some(self.picture_id);
                self.picture_id = self.picture_id.advanced(1);
                let descriptor = vp8::Descriptor { picture_id, ..vp8::Descriptor::default() };
                vp8::packetize(&descriptor, frame, len_max, each)
            }
            PayloadFormat::Vp9 => {
                let picture_id = Some(self.picture_id);
                self.picture_id = self.picture_id.advanced(1);
                let is_inter_predicted = !vp9::is_key_frame(frame);
                let descriptor =
                    vp9::Descriptor { picture_id, is_inter_predicted, ..vp9::Descriptor::default() };
                vp9::packetize(&descriptor, frame, len_max, each)
            }
            PayloadFormat::H264 => {
                h264::packetize(h264::PacketizationMode::NonInterleaved, frame, len_max, each)
            }
            PayloadFormat::H265 => h265::packetize(frame, len_max, each),
            PayloadFormat::Av1 => av1::packetize(frame, len_max, each),
        }
    }
}
