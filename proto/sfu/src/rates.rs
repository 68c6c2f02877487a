//! How much of each layer comes in.

use crate::layers::{LAYERS, LayerIndex, SPATIAL_MAX, TEMPORAL_MAX};
use moim_wire::Bitrate;
use std::time::{Duration, Instant};

/// Rates are measured over so long.
const WINDOW: Duration = Duration::from_millis(500);
/// Bytes that a packet costs beyond its payload, as congestion control counts: header, extensions, authentication.
pub(crate) const PACKET_OVERHEAD: u32 = 40;

/// Bits and pictures per second, by layer.
#[derive(Debug)]
pub(crate) struct Rates {
    since: Instant,
    bytes: [u32; LAYERS],
    pictures: [u16; TEMPORAL_MAX as usize],
    /// In bits per second. Rises at once, falls slowly.
    bps: [u32; LAYERS],
    /// In tenths of a picture per second.
    tenths: [u16; TEMPORAL_MAX as usize],
    has_measured: bool,
}

impl Rates {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            bytes: [0; LAYERS],
            pictures: [0; TEMPORAL_MAX as usize],
            bps: [0; LAYERS],
            tenths: [0; TEMPORAL_MAX as usize],
            has_measured: false,
        }
    }

    #[inline]
    pub(crate) fn on_packet(&mut self, layers: LayerIndex, payload_len: usize, starts_picture: bool) {
        let bytes = &mut self.bytes[usize::from(layers.index())];
        let len = u32::try_from(payload_len).unwrap_or(u32::MAX);
        *bytes = bytes.saturating_add(len.saturating_add(PACKET_OVERHEAD));
        let pictures = &mut self.pictures[usize::from(layers.temporal)];
        *pictures = pictures.saturating_add(u16::from(starts_picture));
    }

    /// Closes the window if it is over, and says whether it was.
    pub(crate) fn update(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.since);
        if passed < WINDOW {
            return false;
        }
        let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX).max(1);
        for (rate, bytes) in self.bps.iter_mut().zip(&mut self.bytes) {
            let measured = u32::try_from(u64::from(*bytes) * 8_000 / ms).unwrap_or(u32::MAX);
            *rate = if measured >= *rate { measured } else { *rate - (*rate - measured) / 4 };
            if *bytes == 0 && *rate < 2_000 {
                *rate = 0;
            }
            *bytes = 0;
        }
        for (tenths, pictures) in self.tenths.iter_mut().zip(&mut self.pictures) {
            let measured = u16::try_from(u64::from(*pictures) * 10_000 / ms).unwrap_or(u16::MAX);
            *tenths = if self.has_measured { tenths.midpoint(measured) } else { measured };
            *pictures = 0;
        }
        self.since = now;
        self.has_measured = true;
        true
    }

    /// Forgets what was: the stream has ended, or is another.
    pub(crate) fn reset(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    pub(crate) fn has_measured(&self) -> bool {
        self.has_measured && self.bps.iter().any(|rate| *rate > 0)
    }

    /// Of all layers up to these.
    pub(crate) fn up_to(&self, limit: LayerIndex) -> Bitrate {
        let mut total = 0;
        for spatial in 0..=limit.spatial {
            for temporal in 0..=limit.temporal {
                total += u64::from(self.bps[usize::from(LayerIndex::new(spatial, temporal).index())]);
            }
        }
        Bitrate::from_bps(total)
    }

    /// Pictures per second, in tenths.
    pub(crate) fn tenths_up_to(&self, temporal: u8) -> u32 {
        self.tenths.iter().take(usize::from(temporal) + 1).map(|tenths| u32::from(*tenths)).sum()
    }

    /// The highest layers that come.
    pub(crate) fn highest(&self) -> LayerIndex {
        let mut highest = LayerIndex::default();
        for spatial in 0..SPATIAL_MAX {
            for temporal in 0..TEMPORAL_MAX {
                let layers = LayerIndex { spatial, temporal };
                if self.bps[usize::from(layers.index())] > 0 {
                    highest.spatial = highest.spatial.max(spatial);
                    highest.temporal = highest.temporal.max(temporal);
                }
            }
        }
        highest
    }
}
