use super::super::PayloadError;
use super::super::nal::BitReader;
use super::obu::{obu_type, obus};

/// What a sequence header says of the pictures (AV1 bitstream, 5.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of the format")]
pub struct SequenceHeader {
    /// seq_profile: 0 main, 1 high, 2 professional.
    pub profile: u8,
    /// seq_level_idx of the first operating point.
    pub level: u8,
    /// Whether the first operating point is of the high tier.
    pub is_high_tier: bool,
    /// Pixels from left to right at most.
    pub width: u32,
    /// Pixels from top to bottom at most.
    pub height: u32,
    /// More than eight bits a sample.
    pub is_high_bit_depth: bool,
    /// Twelve bits a sample.
    pub is_twelve_bit: bool,
    /// No colours.
    pub is_monochrome: bool,
    /// Half the colours from left to right.
    pub is_subsampled_x: bool,
    /// Half the colours from top to bottom.
    pub is_subsampled_y: bool,
    /// Where colours lie between samples.
    pub chroma_sample_position: u8,
}

impl SequenceHeader {
    /// Finds and reads the sequence header of a frame. None if there is none.
    pub fn find(frame: &[u8]) -> Result<Option<Self>, PayloadError> {
        for obu in obus(frame) {
            let obu = obu?;
            if obu.header.obu_type == obu_type::SEQUENCE_HEADER {
                return Self::parse(obu.data).map(Some);
            }
        }
        Ok(None)
    }

    /// Reads what is behind header and size of a sequence header OBU.
    pub fn parse(data: &[u8]) -> Result<Self, PayloadError> {
        Self::read(&mut Bits(BitReader::without_escapes(data))).ok_or(PayloadError::Truncated)
    }

    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut header = Self { profile: bits.small(3)?, ..Self::default() };
        bits.flag()?; // still_picture
        let is_reduced = bits.flag()?;
        if is_reduced {
            header.level = bits.small(5)?;
        } else {
            header.read_operating_points(bits)?;
        }
        let (width_bits, height_bits) = (bits.number(4)? + 1, bits.number(4)? + 1);
        header.width = bits.number(width_bits)? + 1;
        header.height = bits.number(height_bits)? + 1;
        if !is_reduced && bits.flag()? {
            bits.number(4 + 3)?; // Lengths of frame numbers.
        }
        bits.number(3)?; // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
        if !is_reduced {
            skip_tools(bits)?;
        }
        bits.number(3)?; // enable_superres, enable_cdef, enable_restoration
        header.read_colors(bits)?;
        Some(header)
    }

    fn read_operating_points(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        let mut has_decoder_model = false;
        let mut delay_bits = 0;
        if bits.flag()? {
            bits.number(32)?; // num_units_in_display_tick
            bits.number(32)?; // time_scale
            if bits.flag()? {
                bits.0.unsigned()?; // num_ticks_per_picture_minus_1
            }
            has_decoder_model = bits.flag()?;
            if has_decoder_model {
                delay_bits = bits.number(5)? + 1;
                bits.number(32)?; // num_units_in_decoding_tick
                bits.number(5 + 5)?; // Lengths of times.
            }
        }
        let has_display_delay = bits.flag()?;
        for point in 0..=bits.number(5)? {
            bits.number(12)?; // operating_point_idc
            let level = bits.small(5)?;
            let is_high_tier = level > 7 && bits.flag()?;
            if has_decoder_model && bits.flag()? {
                bits.number(delay_bits)?;
                bits.number(delay_bits)?;
                bits.flag()?; // low_delay_mode_flag
            }
            if has_display_delay && bits.flag()? {
                bits.number(4)?;
            }
            if point == 0 {
                (self.level, self.is_high_tier) = (level, is_high_tier);
            }
        }
        Some(())
    }

    fn read_colors(&mut self, bits: &mut Bits<'_>) -> Option<()> {
        self.is_high_bit_depth = bits.flag()?;
        self.is_twelve_bit = self.profile == 2 && self.is_high_bit_depth && bits.flag()?;
        self.is_monochrome = self.profile != 1 && bits.flag()?;
        // Primaries, transfer and matrix; 2 is "unspecified".
        let description =
            if bits.flag()? { [bits.small(8)?, bits.small(8)?, bits.small(8)?] } else { [2; 3] };
        (self.is_subsampled_x, self.is_subsampled_y) = (true, true);
        if self.is_monochrome {
            bits.flag()?; // color_range
            return Some(());
        }
        if description == [1, 13, 0] {
            // sRGB: all colours.
            (self.is_subsampled_x, self.is_subsampled_y) = (false, false);
            return Some(());
        }
        bits.flag()?; // color_range
        (self.is_subsampled_x, self.is_subsampled_y) = match self.profile {
            0 => (true, true),
            1 => (false, false),
            _ if self.is_twelve_bit => {
                let is_subsampled_x = bits.flag()?;
                (is_subsampled_x, is_subsampled_x && bits.flag()?)
            }
            _ => (true, false),
        };
        if self.is_subsampled_x && self.is_subsampled_y {
            self.chroma_sample_position = bits.small(2)?;
        }
        Some(())
    }
}

/// Past the coding tools, none of which matters here.
fn skip_tools(bits: &mut Bits<'_>) -> Option<()> {
    bits.number(4)?; // enable_interintra_compound, enable_masked_compound, enable_warped_motion, enable_dual_filter
    let has_order_hint = bits.flag()?;
    if has_order_hint {
        bits.number(2)?; // enable_jnt_comp, enable_ref_frame_mvs
    }
    // The tools for screen content may be chosen for each frame, and those for integer vectors only with them.
    let screen_content = if bits.flag()? { 2 } else { bits.number(1)? };
    if screen_content > 0 && !bits.flag()? {
        bits.flag()?;
    }
    if has_order_hint {
        bits.number(3)?; // order_hint_bits_minus_1
    }
    Some(())
}

struct Bits<'a>(BitReader<'a>);

impl Bits<'_> {
    fn flag(&mut self) -> Option<bool> {
        self.0.bit()
    }

    fn number(&mut self, count: u32) -> Option<u32> {
        self.0.bits(count)
    }

    /// Up to eight bits.
    fn small(&mut self, count: u32) -> Option<u8> {
        self.0.bits(count).and_then(|value| u8::try_from(value).ok())
    }
}

/// What MP4 and Matroska keep of a track ("av1C", AV1 Codec ISO Media File Format Binding, 2.3), from a frame with a sequence header.
pub fn codec_configuration(frame: &[u8]) -> Result<Vec<u8>, PayloadError> {
    let header =
        SequenceHeader::find(frame)?.ok_or(PayloadError::InvalidArgument("there is no sequence header"))?;
    let bit = |is_set: bool, place: u8| u8::from(is_set) << place;
    let mut out = vec![
        0x81,
        (header.profile << 5) | (header.level & 0x1F),
        bit(header.is_high_tier, 7)
            | bit(header.is_high_bit_depth, 6)
            | bit(header.is_twelve_bit, 5)
            | bit(header.is_monochrome, 4)
            | bit(header.is_subsampled_x, 3)
            | bit(header.is_subsampled_y, 2)
            | (header.chroma_sample_position & 0x03),
        0,
    ];
    for obu in obus(frame) {
        let obu = obu?;
        if obu.header.obu_type == obu_type::SEQUENCE_HEADER {
            out.push(obu.header_bytes[0] | 0x02);
            out.extend_from_slice(&obu.header_bytes[1..]);
            out.extend_from_slice(super::obu::Leb128::new(obu.data.len()).as_bytes());
            out.extend_from_slice(obu.data);
            break;
        }
    }
    Ok(out)
}
