//! Video as browsers send it: when which packet of how many bytes leaves, recorded once and played by many flows.

use anyhow::{Context, Result};
use std::time::Duration;

/// Recorded of a browser, see the file's own head.
const RECORDED: &str = include_str!("../../data/video.csv");

/// A packet that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VideoPacket {
    pub(crate) at: Duration,
    pub(crate) flow: usize,
    pub(crate) payload_len: usize,
}

/// Many flows that play one recording over and over, each from another place of it.
#[derive(Debug)]
pub(crate) struct Pattern {
    /// In order of time.
    packets: Vec<VideoPacket>,
    period: Duration,
}

impl Pattern {
    /// The recording, played by so many flows.
    pub(crate) fn recorded(flows: u32) -> Result<Self> {
        Self::new(RECORDED, flows)
    }

    /// Of lines `microseconds,bytes` in order of time. The last line is where the recording begins again.
    fn new(recording: &str, flows: u32) -> Result<Self> {
        let mut lines = Vec::new();
        for line in recording.lines().filter(|line| !line.starts_with('#')) {
            let (at_us, payload_len) = line.split_once(',').context("a line has two numbers")?;
            lines.push((Duration::from_micros(at_us.parse()?), payload_len.parse()?));
        }
        let (period, _) = lines.pop().context("a recording has an end")?;
        let mut packets = Vec::new();
        for flow in 0..flows {
            let shift = period * flow / flows;
            packets.extend(lines.iter().map(|&(at, payload_len)| {
                let at = at + shift;
                let at = at.checked_sub(period).unwrap_or(at);
                VideoPacket { at, flow: flow as usize, payload_len }
            }));
        }
        // Packets of one instant stay in the order they were recorded in: they are a burst.
        packets.sort_by_key(|packet| packet.at);
        Ok(Self { packets, period })
    }

    /// Packet number `number` of all flows together.
    pub(crate) fn packet(&self, number: u64) -> VideoPacket {
        let len = self.packets.len() as u64;
        let index = usize::try_from(number % len).expect("an index");
        let round = u32::try_from(number / len).expect("a run is short");
        let packet = self.packets[index];
        VideoPacket { at: packet.at + self.period * round, ..packet }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, VideoPacket};
    use std::time::Duration;

    #[test]
    fn flows_play_the_same_from_different_places() {
        let pattern = Pattern::new("# a comment\n0,1000\n5,999\n10,0\n", 2).unwrap();
        let packet =
            |at_us, flow, payload_len| VideoPacket { at: Duration::from_micros(at_us), flow, payload_len };
        let played: Vec<_> = (0..5).map(|number| pattern.packet(number)).collect();
        assert_eq!(
            played,
            [
                packet(0, 0, 1000),
                packet(0, 1, 999),
                packet(5, 0, 999),
                packet(5, 1, 1000),
                packet(10, 0, 1000)
            ]
        );
    }

    #[test]
    fn the_recording_is_a_video_of_a_megabit_or_two() {
        let pattern = Pattern::recorded(1).unwrap();
        let bytes: usize = pattern.packets.iter().map(|packet| packet.payload_len).sum();
        let bits_per_second = f64::from(u32::try_from(bytes).unwrap()) * 8.0 / pattern.period.as_secs_f64();
        assert!((1e6..2.2e6).contains(&bits_per_second), "{bits_per_second}");
        assert!(pattern.packets.iter().all(|packet| (24..1_400).contains(&packet.payload_len)));
    }
}
