use super::super::PayloadError;
use super::super::nal::BitReader;

/// What a sequence parameter set says of the pictures (ITU-T H.264 7.3.2.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sps {
    /// profile_idc.
    pub profile: u8,
    /// The constraint flags.
    pub constraints: u8,
    /// level_idc: ten times the level.
    pub level: u8,
    /// Pixels from left to right that are shown.
    pub width: u32,
    /// Pixels from top to bottom that are shown.
    pub height: u32,
}

/// Profiles whose parameter sets say how colours are sampled.
const PROFILES_WITH_CHROMA: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];
/// Frames that an order of pictures can repeat after.
const CYCLE_MAX: u32 = 255;

impl Sps {
    /// Reads a NAL unit of this type, with its header.
    pub fn parse(unit: &[u8]) -> Result<Self, PayloadError> {
        let [header, rest @ ..] = unit else { return Err(PayloadError::Truncated) };
        if super::type_of(*header) != super::unit_type::SPS {
            return Err(PayloadError::Malformed("it is no sequence parameter set"));
        }
        Self::read(&mut BitReader::new(rest)).ok_or(PayloadError::Truncated)
    }

    fn read(reader: &mut BitReader<'_>) -> Option<Self> {
        let mut byte = || reader.bits(8).and_then(|byte| u8::try_from(byte).ok());
        let (profile, constraints, level) = (byte()?, byte()?, byte()?);
        reader.unsigned()?; // seq_parameter_set_id
        let mut chroma_format = 1;
        if PROFILES_WITH_CHROMA.contains(&profile) {
            chroma_format = reader.unsigned()?;
            if chroma_format == 3 && reader.bit()? {
                chroma_format = 0; // Planes apart from each other are cropped like one.
            }
            reader.unsigned()?; // bit_depth_luma_minus8
            reader.unsigned()?; // bit_depth_chroma_minus8
            reader.bit()?; // qpprime_y_zero_transform_bypass_flag
            if reader.bit()? {
                skip_scaling_matrices(reader, if chroma_format == 3 { 12 } else { 8 })?;
            }
        }
        reader.unsigned()?; // log2_max_frame_num_minus4
        skip_picture_order(reader)?;
        reader.unsigned()?; // max_num_ref_frames
        reader.bit()?; // gaps_in_frame_num_value_allowed_flag
        let width_units = reader.unsigned()?.checked_add(1)?;
        let height_units = reader.unsigned()?.checked_add(1)?;
        let is_frames_only = reader.bit()?;
        if !is_frames_only {
            reader.bit()?; // mb_adaptive_frame_field_flag
        }
        reader.bit()?; // direct_8x8_inference_flag
        let fields = if is_frames_only { 1 } else { 2 };
        let (mut cropped_width, mut cropped_height) = (0, 0);
        if reader.bit()? {
            let (left, right) = (reader.unsigned()?, reader.unsigned()?);
            let (top, bottom) = (reader.unsigned()?, reader.unsigned()?);
            let (unit_width, unit_height) = match chroma_format {
                1 => (2, 2),
                2 => (2, 1),
                _ => (1, 1),
            };
            cropped_width = left.checked_add(right)?.checked_mul(unit_width)?;
            cropped_height = top.checked_add(bottom)?.checked_mul(unit_height * fields)?;
        }
        let width = width_units.checked_mul(16)?.checked_sub(cropped_width)?;
        let height = height_units.checked_mul(16 * fields)?.checked_sub(cropped_height)?;
        Some(Self { profile, constraints, level, width, height })
    }
}

fn skip_scaling_matrices(reader: &mut BitReader<'_>, count: u32) -> Option<()> {
    for index in 0..count {
        if !reader.bit()? {
            continue;
        }
        let (mut last, mut next) = (8, 8);
        for _ in 0..if index < 6 { 16 } else { 64 } {
            if next != 0 {
                next = (last + reader.signed()?).rem_euclid(256);
            }
            last = if next == 0 { last } else { next };
        }
    }
    Some(())
}

fn skip_picture_order(reader: &mut BitReader<'_>) -> Option<()> {
    match reader.unsigned()? {
        0 => {
            reader.unsigned()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            reader.bit()?; // delta_pic_order_always_zero_flag
            reader.signed()?; // offset_for_non_ref_pic
            reader.signed()?; // offset_for_top_to_bottom_field
            let count = reader.unsigned().filter(|count| *count <= CYCLE_MAX)?;
            for _ in 0..count {
                reader.signed()?;
            }
        }
        _ => {}
    }
    Some(())
}

/// What MP4 and Matroska keep of a track's parameter sets ("avcC", ISO/IEC 14496-15 §5.3.3.1), for units behind lengths of four bytes.
/// Each parameter set is a NAL unit with its header.
pub fn decoder_configuration(sps: &[u8], pps: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let parsed = Sps::parse(sps)?;
    let len = |unit: &[u8]| u16::try_from(unit.len()).map_err(|_| PayloadError::TooLarge);
    let mut out = vec![1, parsed.profile, parsed.constraints, parsed.level, 0xFF, 0xE1];
    out.extend_from_slice(&len(sps)?.to_be_bytes());
    out.extend_from_slice(sps);
    out.push(1);
    out.extend_from_slice(&len(pps)?.to_be_bytes());
    out.extend_from_slice(pps);
    if matches!(parsed.profile, 100 | 110 | 122 | 144) {
        // What browsers send has 4:2:0 and eight bits.
        out.extend_from_slice(&[0xFD, 0xF8, 0xF8, 0]);
    }
    Ok(out)
}
