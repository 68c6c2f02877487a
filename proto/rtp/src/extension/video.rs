use moim_wire::{Bitrate, OutOfSpace, Reader, Writer};

/// How the pictures of a packet are turned (3GPP TS 26.114 §7.4.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoOrientation {
    /// Whether they are of the camera on the back of the device.
    pub back_camera: bool,
    /// Whether left and right are exchanged.
    pub flipped: bool,
    /// How far the receiver has to turn them clockwise.
    pub rotation: Rotation,
}

/// A turn by right angles, clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Not at all.
    #[default]
    None,
    /// 90°.
    Quarter,
    /// 180°.
    Half,
    /// 270°.
    ThreeQuarters,
}

impl VideoOrientation {
    pub(super) fn from_byte(byte: u8) -> Self {
        let rotation = match byte & 0x03 {
            0 => Rotation::None,
            1 => Rotation::Quarter,
            2 => Rotation::Half,
            _ => Rotation::ThreeQuarters,
        };
        Self { back_camera: byte & 0x08 != 0, flipped: byte & 0x04 != 0, rotation }
    }

    pub(super) fn to_byte(self) -> u8 {
        (u8::from(self.back_camera) << 3) | (u8::from(self.flipped) << 2) | self.rotation as u8
    }
}

/// When a picture passed which step on the sender's side (<http://www.webrtc.org/experiments/rtp-hdrext/video-timing>): milliseconds
/// after its capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoTiming {
    /// Why the sender reports it: bit 0 by a timer, bit 1 because the picture is large.
    pub flags: u8,
    /// Encoding began.
    pub encode_start_ms: u16,
    /// Encoding ended.
    pub encode_finish_ms: u16,
    /// The last of its packets was made.
    pub packetization_finish_ms: u16,
    /// The last of its packets left the pacer.
    pub pacer_exit_ms: u16,
    /// For servers on the way: it came in.
    pub network_in_ms: u16,
    /// For servers on the way: it went out.
    pub network_out_ms: u16,
}

impl VideoTiming {
    pub(super) const LEN: usize = 13;

    pub(super) fn read(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        // An early version of the extension had no flags.
        let flags = if data.len() == Self::LEN - 1 { 0 } else { reader.u8()? };
        Some(Self {
            flags,
            encode_start_ms: reader.u16()?,
            encode_finish_ms: reader.u16()?,
            packetization_finish_ms: reader.u16()?,
            pacer_exit_ms: reader.u16()?,
            network_in_ms: reader.u16()?,
            network_out_ms: reader.u16()?,
        })
    }

    pub(super) fn to_bytes(self) -> [u8; Self::LEN] {
        let steps = [
            self.encode_start_ms,
            self.encode_finish_ms,
            self.packetization_finish_ms,
            self.pacer_exit_ms,
            self.network_in_ms,
            self.network_out_ms,
        ];
        let mut bytes = [0; Self::LEN];
        bytes[0] = self.flags;
        for (target, step) in bytes[1..].as_chunks_mut().0.iter_mut().zip(steps) {
            *target = step.to_be_bytes();
        }
        bytes
    }
}

/// RTP streams of one simulcast that an allocation can speak of.
pub const LAYER_STREAMS_MAX: usize = 4;
/// Spatial layers of one RTP stream.
pub const SPATIAL_LAYERS_MAX: usize = 4;
/// Temporal layers of one spatial layer.
pub const TEMPORAL_LAYERS_MAX: usize = 4;

/// Which layers a sender sends at the moment, and at which rate (<http://www.webrtc.org/experiments/rtp-hdrext/video-layers-allocation00>).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VideoLayersAllocation {
    /// Which of the streams the packet belongs to, counted from 0.
    pub stream: u8,
    /// How many streams there are: 1 to [`LAYER_STREAMS_MAX`]. 0: the sender sends nothing at all.
    pub stream_count: u8,
    /// By stream, then by spatial layer; [`None`] is not being sent.
    pub layers: [[Option<SpatialLayer>; SPATIAL_LAYERS_MAX]; LAYER_STREAMS_MAX],
}

/// What a sender says about a spatial layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpatialLayer {
    /// How many temporal layers it has: 1 to [`TEMPORAL_LAYERS_MAX`].
    pub temporal_count: u8,
    /// The rate of each temporal layer together with those below, in whole kbit/s on the wire.
    pub rates: [Bitrate; TEMPORAL_LAYERS_MAX],
    /// The size and frame rate of its pictures. Either all layers say it, or none.
    pub size: Option<LayerSize>,
}

/// The size and frame rate of pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LayerSize {
    /// In pixels, 1 to 65,536.
    pub width: u32,
    /// In pixels, 1 to 65,536.
    pub height: u32,
    /// At most so many a second.
    pub fps_max: u8,
}

impl VideoLayersAllocation {
    /// Reads what the extension carries. [`None`] if it is malformed.
    pub fn parse(data: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(data);
        let first = reader.u8()?;
        if first == 0 && reader.is_empty() {
            return Some(Self::default());
        }
        let stream_count = ((first >> 4) & 0x03) + 1;
        let mut allocation = Self { stream: first >> 6, stream_count, ..Self::default() };
        let masks = read_masks(&mut reader, first & 0x0F, usize::from(stream_count))?;
        for (layers, mask) in allocation.layers.iter_mut().zip(masks) {
            for (at, layer) in layers.iter_mut().enumerate() {
                *layer = (mask & (1 << at) != 0).then(SpatialLayer::default);
            }
        }
        let mut counts = 0;
        for (at, layer) in allocation.active().enumerate() {
            if at % 4 == 0 {
                counts = reader.u8()?;
            }
            layer.temporal_count = ((counts >> (6 - 2 * (at % 4))) & 0x03) + 1;
        }
        for layer in allocation.active() {
            for rate in &mut layer.rates[..usize::from(layer.temporal_count)] {
                *rate = Bitrate::from_kbps(read_leb128(&mut reader)?);
            }
        }
        if !reader.is_empty() {
            for layer in allocation.active() {
                layer.size = Some(LayerSize {
                    width: u32::from(reader.u16()?) + 1,
                    height: u32::from(reader.u16()?) + 1,
                    fps_max: reader.u8()?,
                });
            }
        }
        Some(allocation)
    }

    /// Writes what the extension carries.
    pub fn write(&self, out: &mut Writer<'_>) -> Result<(), OutOfSpace> {
        let count = usize::from(self.stream_count).min(LAYER_STREAMS_MAX);
        let streams = &self.layers[..count];
        let active = || streams.iter().flatten().flatten();
        if active().next().is_none() {
            return out.u8(0);
        }
        let masks = streams.iter().map(|layers| {
            layers.iter().enumerate().fold(0, |mask, (at, layer)| mask | (u8::from(layer.is_some()) << at))
        });
        let mut masks_of = [0; LAYER_STREAMS_MAX];
        masks_of.iter_mut().zip(masks).for_each(|(of, mask)| *of = mask);
        let is_same = masks_of[..count].iter().all(|mask| *mask == masks_of[0]);
        let shared = if is_same { masks_of[0] } else { 0 };
        out.u8(((self.stream & 0x03) << 6) | ((self.stream_count.clamp(1, 4) - 1) << 4) | shared)?;
        if !is_same {
            for pair in masks_of[..count.next_multiple_of(2)].chunks_exact(2) {
                out.u8((pair[0] << 4) | pair[1])?;
            }
        }
        let mut counts = 0;
        let total = active().count();
        for (at, layer) in active().enumerate() {
            counts |= (layer.temporal_count.clamp(1, 4) - 1) << (6 - 2 * (at % 4));
            if at % 4 == 3 || at + 1 == total {
                out.u8(counts)?;
                counts = 0;
            }
        }
        for layer in active() {
            for rate in &layer.rates[..usize::from(layer.temporal_count.clamp(1, 4))] {
                write_leb128(out, rate.as_bps() / 1_000)?;
            }
        }
        if active().all(|layer| layer.size.is_some()) {
            for size in active().filter_map(|layer| layer.size) {
                out.u16(less_one(size.width))?;
                out.u16(less_one(size.height))?;
                out.u8(size.fps_max)?;
            }
        }
        Ok(())
    }

    fn active(&mut self) -> impl Iterator<Item = &mut SpatialLayer> {
        self.layers.iter_mut().flatten().flatten()
    }
}

/// Which spatial layers each stream has: all streams the same, or four bits for each.
fn read_masks(reader: &mut Reader<'_>, shared: u8, count: usize) -> Option<[u8; LAYER_STREAMS_MAX]> {
    let mut masks = [0; LAYER_STREAMS_MAX];
    if shared != 0 {
        masks[..count].fill(shared);
        return Some(masks);
    }
    for pair in masks[..count.next_multiple_of(2)].chunks_exact_mut(2) {
        let byte = reader.u8()?;
        pair[0] = byte >> 4;
        pair[1] = byte & 0x0F;
    }
    masks[count..].fill(0);
    Some(masks)
}

fn less_one(pixels: u32) -> u16 {
    u16::try_from(pixels.saturating_sub(1)).unwrap_or(u16::MAX)
}

/// Seven bits a byte, the lowest first; the highest bit says that more follow. A rate of more than 32 bits, in kbit/s, is none.
fn read_leb128(reader: &mut Reader<'_>) -> Option<u64> {
    let mut value = 0;
    for at in 0..5 {
        let byte = reader.u8()?;
        value |= u64::from(byte & 0x7F) << (7 * at);
        if byte & 0x80 == 0 {
            return u32::try_from(value).ok().map(u64::from);
        }
    }
    None
}

fn write_leb128(out: &mut Writer<'_>, value: u64) -> Result<(), OutOfSpace> {
    let mut value = value.min(u64::from(u32::MAX));
    loop {
        let bits = (value & 0x7F) as u8;
        value >>= 7;
        if value == 0 {
            return out.u8(bits);
        }
        out.u8(bits | 0x80)?;
    }
}
