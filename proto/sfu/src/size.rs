//! The size of pictures, as far as the first packet of a key frame tells it.

use moim_rtp::payload::dependency_descriptor::TemplateStructure;
use moim_rtp::payload::{PayloadFormat, h264, vp8, vp9};

/// The width and height of the largest spatial layer, in pixels.
pub(crate) fn picture_size(
    format: PayloadFormat,
    payload: &[u8],
    structure: Option<&TemplateStructure>,
) -> Option<(u32, u32)> {
    if let Some(resolution) = structure.and_then(|structure| structure.resolutions.last()) {
        return Some((resolution.width, resolution.height));
    }
    match format {
        PayloadFormat::Vp8 => {
            let (_, len) = vp8::Descriptor::parse(payload).ok()?;
            let header = vp8::KeyFrameHeader::parse(payload.get(len..)?)?;
            Some((u32::from(header.width), u32::from(header.height)))
        }
        PayloadFormat::Vp9 => of_scalability(vp9::Descriptor::parse(payload).ok()?.0.scalability?),
        PayloadFormat::H264 => of_parameter_set(payload),
        PayloadFormat::H265 | PayloadFormat::Av1 | PayloadFormat::Opus => None,
    }
}

/// RFC 9628 §4.2.1: the number of spatial layers less one, whether there are sizes, and then those, two bytes for each side.
fn of_scalability(structure: &[u8]) -> Option<(u32, u32)> {
    let (flags, sizes) = structure.split_first()?;
    if flags & 0x10 == 0 {
        return None;
    }
    let [w0, w1, h0, h1] = *sizes.get(usize::from(flags >> 5) * 4..)?.first_chunk()?;
    Some((u32::from(u16::from_be_bytes([w0, w1])), u32::from(u16::from_be_bytes([h0, h1]))))
}

/// A sequence parameter set comes first, alone or in an aggregation packet (RFC 6184 §5.7.1).
fn of_parameter_set(payload: &[u8]) -> Option<(u32, u32)> {
    let unit = if h264::type_of(*payload.first()?) == h264::unit_type::STAP_A {
        let (len, rest) = payload.get(1..)?.split_first_chunk()?;
        rest.get(..usize::from(u16::from_be_bytes(*len)))?
    } else {
        payload
    };
    if h264::type_of(*unit.first()?) != h264::unit_type::SPS {
        return None;
    }
    let sps = h264::Sps::parse(unit).ok()?;
    Some((sps.width, sps.height))
}

#[cfg(test)]
mod tests {
    use super::picture_size;
    use moim_rtp::payload::PayloadFormat;

    /// Covers: RFC 9628 §4.2.1
    #[test]
    fn the_largest_spatial_layer_counts() {
        // B, E and V; two layers with sizes: 320 × 180 and 640 × 360; then a byte of VP9.
        let payload = [0x0E, 0x30, 1, 64, 0, 180, 2, 128, 1, 104, 0xA2];
        assert_eq!(picture_size(PayloadFormat::Vp9, &payload, None), Some((640, 360)));
    }

    /// Covers: RFC 6184 §5.7.1
    #[test]
    fn a_parameter_set_is_found_in_an_aggregation_packet() {
        // Baseline profile, level 3.1, 1280 × 720.
        let sps = [0x67, 0x42, 0xC0, 0x1F, 0xDA, 0x01, 0x40, 0x16, 0xEC, 0x04, 0x40, 0x00, 0x00, 0x03];
        let alone = picture_size(PayloadFormat::H264, &sps, None);
        let mut packet = vec![24, 0, 14];
        packet.extend_from_slice(&sps);

        assert!(alone.is_some());
        assert_eq!(picture_size(PayloadFormat::H264, &packet, None), alone);
        assert_eq!(picture_size(PayloadFormat::H264, &packet[..9], None), None);
    }
}
