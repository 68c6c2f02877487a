use super::{PayloadError, PayloadFormat, av1, h264::H264, h265::H265, nal, vp8, vp9};

/// The longest frame that is put together.
pub const FRAME_LEN_MAX: usize = 4 << 20;

/// Puts the frames of one stream together, in whatever format.
///
/// It is given the payloads of a frame's packets in order and without a gap; order is the jitter buffer's business. After an
/// error the frame is lost, and the next payload begins another.
#[derive(Debug)]
pub struct Depacketizer {
    format: PayloadFormat,
    frame: Vec<u8>,
    assembly: Assembly,
}

/// How far the frame has been put together.
#[derive(Debug)]
enum Assembly {
    Opus { is_first: bool },
    Vp8 { is_first: bool },
    Vp9(vp9::Assembly),
    H264(nal::Assembly),
    H265(nal::Assembly),
    Av1(av1::Assembly),
}

impl Assembly {
    fn new(format: PayloadFormat) -> Self {
        match format {
            PayloadFormat::Opus => Self::Opus { is_first: true },
            PayloadFormat::Vp8 => Self::Vp8 { is_first: true },
            PayloadFormat::Vp9 => Self::Vp9(vp9::Assembly::default()),
            PayloadFormat::H264 => Self::H264(nal::Assembly::default()),
            PayloadFormat::H265 => Self::H265(nal::Assembly::default()),
            PayloadFormat::Av1 => Self::Av1(av1::Assembly::default()),
        }
    }

    fn append(&mut self, payload: &[u8], frame: &mut Vec<u8>) -> Result<(), PayloadError> {
        match self {
            Self::Opus { is_first: false } => {
                return Err(PayloadError::Malformed("an Opus frame is one packet"));
            }
            Self::Opus { is_first } => {
                *is_first = false;
                frame.extend_from_slice(payload);
            }
            Self::Vp8 { is_first } => {
                frame.extend_from_slice(vp8::frame_data(payload, *is_first)?);
                *is_first = false;
            }
            Self::Vp9(assembly) => frame.extend_from_slice(assembly.data(payload)?),
            Self::H264(assembly) => assembly.append::<H264>(payload, frame)?,
            Self::H265(assembly) => assembly.append::<H265>(payload, frame)?,
            Self::Av1(assembly) => assembly.append(payload, frame)?,
        }
        Ok(())
    }

    /// Bytes that are held beside the frame.
    fn pending(&self) -> usize {
        match self {
            Self::Av1(assembly) => assembly.pending(),
            Self::Opus { .. } | Self::Vp8 { .. } | Self::Vp9(_) | Self::H264(_) | Self::H265(_) => 0,
        }
    }

    fn finish(&self) -> Result<(), PayloadError> {
        match self {
            Self::Opus { .. } | Self::Vp8 { .. } => Ok(()),
            Self::Vp9(assembly) => assembly.finish(),
            Self::H264(assembly) | Self::H265(assembly) => assembly.finish(),
            Self::Av1(assembly) => assembly.finish(),
        }
    }
}

impl Depacketizer {
    /// A depacketizer that waits for the first packet of a frame.
    pub fn new(format: PayloadFormat) -> Self {
        Self { format, frame: Vec::new(), assembly: Assembly::new(format) }
    }

    /// The format.
    pub fn format(&self) -> PayloadFormat {
        self.format
    }

    /// Takes the next payload of the frame.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), PayloadError> {
        // No format makes more of a payload than start codes and lengths of its units, which are fewer than its bytes.
        let appended = if self.frame.len() + self.assembly.pending() + payload.len() > FRAME_LEN_MAX {
            Err(PayloadError::TooLarge)
        } else {
            self.assembly.append(payload, &mut self.frame)
        };
        if appended.is_err() {
            self.reset();
        }
        appended
    }

    /// Hands out the frame whose last payload was given, and waits for the next.
    pub fn finish(&mut self) -> Result<Vec<u8>, PayloadError> {
        let finished = self.assembly.finish();
        let frame = std::mem::take(&mut self.frame);
        self.reset();
        finished?;
        if frame.is_empty() {
            return Err(PayloadError::Incomplete("there is nothing in the frame"));
        }
        Ok(frame)
    }

    /// Forgets what was given.
    pub fn reset(&mut self) {
        self.frame.clear();
        self.assembly = Assembly::new(self.format);
    }
}
