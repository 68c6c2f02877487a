//! A byte that chooses the format, then packets: flags, a step of the sequence number, one of the clock, a length, and a payload.

use moim_rtp::jitter_buffer::{Config, Incoming, JitterBuffer, Output};
use moim_rtp::payload::{Depacketizer, FRAME_LEN_MAX, Packetizer, PayloadFormat};
use moim_wire::{ExtSeqNo, Reader, RtpTimestamp, SeqNo};
use std::time::{Duration, Instant};

/// Packets that a jitter buffer may hold here.
const PACKETS_MAX: usize = 12;

/// Puts any payloads together: in a row, and by a jitter buffer. What comes out goes through packets unharmed; order and limits hold, and nothing stays.
pub(crate) fn exercise(input: &[u8]) {
    let [choice, rest @ ..] = input else { return };
    let format = PayloadFormat::ALL[usize::from(*choice) % PayloadFormat::ALL.len()];
    let packets = packets(rest);
    in_a_row(format, &packets);
    by_a_jitter_buffer(format, &packets, choice & 0x80 != 0);
}

#[derive(Debug)]
struct Packet<'a> {
    flags: u8,
    seq_step: u8,
    clock_step: u8,
    payload: &'a [u8],
}

fn packets(input: &[u8]) -> Vec<Packet<'_>> {
    let mut reader = Reader::new(input);
    std::iter::from_fn(|| {
        let [flags, seq_step, clock_step, len] = reader.array()?;
        let len = usize::from(len).min(reader.rest().len());
        Some(Packet { flags, seq_step, clock_step, payload: reader.bytes(len)? })
    })
    .collect()
}

fn in_a_row(format: PayloadFormat, packets: &[Packet<'_>]) {
    let mut depacketizer = Depacketizer::new(format);
    for packet in packets {
        let pushed = depacketizer.push(packet.payload);
        if (packet.flags & 1 != 0 || pushed.is_err())
            && let Ok(frame) = depacketizer.finish()
        {
            assert!(pushed.is_ok(), "an error is the end of the frame");
            through_packets(format, &frame);
        }
    }
}

fn through_packets(format: PayloadFormat, frame: &[u8]) {
    assert!(!frame.is_empty() && frame.len() <= FRAME_LEN_MAX * 2);
    let mut packetizer = Packetizer::new(format, 0);
    let mut depacketizer = Depacketizer::new(format);
    let len_max = 40;
    let mut payloads = Vec::new();
    if packetizer.packetize(frame, len_max, |fragment| payloads.push(fragment.to_vec())).is_err() {
        return;
    }
    let mut pushed = Ok(());
    for payload in &payloads {
        assert!(payload.len() <= len_max);
        pushed = pushed.and_then(|()| depacketizer.push(payload));
    }
    let again = pushed.and_then(|()| depacketizer.finish()).expect("own packets can be put together");
    // A NAL unit from a stranger may hold what looks like a start code, and so be taken for two.
    if !matches!(format, PayloadFormat::H264 | PayloadFormat::H265) {
        assert_eq!(again, frame);
    }
}

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
fn by_a_jitter_buffer(format: PayloadFormat, packets: &[Packet<'_>], is_recording: bool) {
    let config = if is_recording { Config::recording(format) } else { Config::playing(format) };
    let config = Config { packets_max: PACKETS_MAX, bytes_max: 1_000, ..config };
    let mut now = Instant::now();
    let mut buffer = JitterBuffer::new(config, now);
    let mut last = None;
    let (mut seq, mut timestamp) = (SeqNo(65_530), RtpTimestamp(0));
    for packet in packets {
        // Steps back, too, and now and then far away.
        seq = seq.advanced(if packet.flags & 2 == 0 { u16::from(packet.seq_step) } else { u16::MAX - 2 });
        if packet.flags & 4 != 0 {
            seq = seq.advanced(20_000);
        }
        timestamp = timestamp.advanced(u32::from(packet.clock_step) * 500);
        now += Duration::from_millis(u64::from(packet.flags >> 4) * 10);
        let incoming = Incoming {
            seq,
            timestamp,
            marker: packet.flags & 1 != 0,
            payload: packet.payload,
            is_retransmission: packet.flags & 8 != 0,
            playout_delay: None,
        };
        let _ = buffer.insert(incoming, now);
        assert!(buffer.len() <= PACKETS_MAX);
        drain(&mut buffer, now, &mut last);
    }
    for _ in 0..10_000 {
        let Some(deadline) = buffer.poll_timeout() else {
            assert!(buffer.is_empty(), "what waits has a deadline");
            return;
        };
        now = deadline.at.max(now);
        drain(&mut buffer, now, &mut last);
    }
    panic!("the buffer does not come to rest");
}

fn drain(buffer: &mut JitterBuffer, now: Instant, last: &mut Option<ExtSeqNo>) {
    while let Some(output) = buffer.poll(now) {
        if let Output::Frame(frame) = output {
            assert!(
                last.is_none_or(|last| last < frame.first) && frame.first <= frame.last,
                "frames come in order"
            );
            assert!(frame.due <= now && !frame.data.is_empty());
            *last = Some(frame.last);
        }
    }
    assert!(buffer.poll_timeout().is_none_or(|deadline| deadline.at > now), "what was due was given out");
}
