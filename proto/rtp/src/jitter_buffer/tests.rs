use super::*;
use crate::payload::{PictureId, vp8};
use proptest::prelude::*;

const TICKS: u32 = 3_000;

/// A packet and what frame it is of.
#[derive(Clone, Debug)]
struct Sent {
    seq: SeqNo,
    timestamp: RtpTimestamp,
    marker: bool,
    payload: Vec<u8>,
    at_ms: u64,
}

impl Sent {
    fn incoming(&self) -> Incoming<'_> {
        Incoming {
            seq: self.seq,
            timestamp: self.timestamp,
            marker: self.marker,
            payload: &self.payload,
            is_retransmission: false,
            playout_delay: None,
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
fn origin() -> Instant {
    Instant::now()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The data of a frame: its number, and whether it is a key frame as VP8 says it.
fn frame_data(number: u16, is_key: bool, len: usize) -> Vec<u8> {
    let mut data = vec![number.to_be_bytes()[1]; len.max(3)];
    data[0] = u8::from(!is_key);
    data[1..3].copy_from_slice(&number.to_be_bytes());
    data
}

fn number_of(frame: &Frame) -> u16 {
    u16::from_be_bytes([frame.data[1], frame.data[2]])
}

/// Frames of 30 a second from sequence number 65,500 on, so that everything wraps. `layers` as VP8 in three temporal layers: 0 2 1 2.
fn video(frames: u16, key_every: u16, layers: bool) -> Vec<Sent> {
    let mut packets = Vec::new();
    let mut seq = SeqNo(65_500);
    let mut tl0 = 250_u8;
    for number in 0..frames {
        let is_key = number.is_multiple_of(key_every);
        let temporal_id = if is_key { 0 } else { [0, 2, 1, 2][usize::from(number % key_every % 4)] };
        tl0 = tl0.wrapping_add(u8::from(temporal_id == 0));
        let mut descriptor =
            vp8::Descriptor { picture_id: Some(PictureId::Long(number)), ..Default::default() };
        if layers {
            descriptor.tl0_picture_index = Some(tl0);
            descriptor.temporal = Some(vp8::TemporalLayer { id: temporal_id, is_sync: false });
        }
        let timestamp = RtpTimestamp(u32::MAX - 5_000).advanced(u32::from(number) * TICKS);
        let data = frame_data(number, is_key, 200 + usize::from(number * 7 % 900));
        vp8::packetize(&descriptor, &data, 300, |fragment| {
            let at_ms = u64::from(number) * 100 / 3;
            packets.push(Sent {
                seq,
                timestamp,
                marker: fragment.is_last(),
                payload: fragment.to_vec(),
                at_ms,
            });
            seq = seq.advanced(1);
        })
        .unwrap();
    }
    packets
}

fn audio(packets: u16) -> Vec<Sent> {
    (0..packets)
        .map(|number| Sent {
            seq: SeqNo(65_500).advanced(number),
            timestamp: RtpTimestamp(u32::MAX - 5_000).advanced(u32::from(number) * 960),
            marker: number == 0,
            payload: [&[0xF8][..], &number.to_be_bytes()].concat(),
            at_ms: u64::from(number) * 20,
        })
        .collect()
}

/// Plays arrivals (in any order) into a buffer and obeys its deadlines; ends when it wants nothing more.
fn run(config: Config, mut arrivals: Vec<(u64, Sent)>) -> (Vec<(Instant, Output)>, JitterBuffer, Instant) {
    arrivals.sort_by_key(|(at, _)| *at);
    let start = origin();
    let mut buffer = JitterBuffer::new(config, start);
    let mut outputs = Vec::new();
    let mut arrivals = arrivals.into_iter().peekable();
    let mut now = start;
    for _ in 0..1_000_000 {
        while let Some(output) = buffer.poll(now) {
            outputs.push((now, output));
        }
        let timeout = buffer.poll_timeout().map(|deadline| deadline.at);
        assert!(timeout.is_none_or(|at| at > now), "a deadline in the past with nothing to give");
        let arrival = arrivals.peek().map(|(at, _)| start + ms(*at));
        match (arrival, timeout) {
            (Some(arrival), timeout) if timeout.is_none_or(|at| arrival <= at) => {
                now = arrival.max(now);
                let (_, packet) = arrivals.next().unwrap();
                let _ = buffer.insert(packet.incoming(), now);
                assert!(buffer.len() <= config.packets_max);
            }
            (_, Some(timeout)) => now = timeout,
            (_, None) => return (outputs, buffer, start),
        }
    }
    panic!("the buffer does not come to rest");
}

fn frames(outputs: &[(Instant, Output)]) -> Vec<&Frame> {
    let frame = |output: &'_ (Instant, Output)| match &output.1 {
        Output::Frame(_) => true,
        Output::Lost { .. } | Output::KeyFrameNeeded => false,
    };
    outputs
        .iter()
        .filter(|output| frame(output))
        .map(|(_, output)| match output {
            Output::Frame(frame) => frame,
            Output::Lost { .. } | Output::KeyFrameNeeded => unreachable!("filtered out"),
        })
        .collect()
}

/// What happens to a packet on the way: lost, or delayed by one number of milliseconds or two.
fn fate() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![
        8 => (0_u64..30).prop_map(|delay| vec![delay]),
        1 => Just(vec![]),
        1 => (0_u64..400).prop_map(|delay| vec![delay]),
        1 => (0_u64..60, 0_u64..300).prop_map(|(one, two)| vec![one, two]),
    ]
}

fn arrivals(packets: &[Sent], fates: &[Vec<u64>]) -> Vec<(u64, Sent)> {
    packets
        .iter()
        .zip(fates)
        .flat_map(|(packet, fate)| fate.iter().map(move |delay| (packet.at_ms + delay, packet.clone())))
        .collect()
}

/// Frames of VP8 with or without layers that a decoder cannot decode, given those before.
fn assert_decodable(given: &[u16], key_every: u16, layers: bool) {
    let mut decoded = std::collections::BTreeSet::new();
    for number in given {
        let place = number % key_every;
        let needs = match (layers, place) {
            (_, 0) => None,
            (false, _) => Some(number - 1),
            (true, place) => Some(match place % 4 {
                // Of the lowest layer: the one before; the upper ones: the frame they follow in a pyramid.
                0 => number - 4,
                2 => number - 2,
                _ => number - 1,
            }),
        };
        assert!(
            needs.is_none_or(|needed| decoded.contains(&needed)),
            "frame {number} lacks {needs:?} of {given:?}"
        );
        decoded.insert(*number);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pictures_come_in_order_at_most_once_and_decodable(
        fates in proptest::collection::vec(fate(), 200),
        layers: bool,
        recording: bool,
        key_every in prop_oneof![Just(12_u16), Just(24)],
    ) {
        let packets = video(60, key_every, layers);
        let format = PayloadFormat::Vp8;
        let config = if recording { Config::recording(format) } else { Config::playing(format) };

        let (outputs, buffer, start) = run(config, arrivals(&packets, &fates));

        let given = frames(&outputs);
        let numbers: Vec<_> = given.iter().map(|frame| number_of(frame)).collect();
        prop_assert!(numbers.is_sorted_by(|a, b| a < b), "{:?}", numbers);
        prop_assert!(given.iter().all(|frame| frame.data == frame_data(number_of(frame), number_of(frame).is_multiple_of(key_every), frame.data.len())));
        assert_decodable(&numbers, key_every, layers);
        prop_assert!(buffer.is_empty());
        let end = start + ms(60 * 34 + 400) + config.delay_max + config.loss_wait;
        prop_assert!(outputs.iter().all(|(at, _)| *at <= end), "something waited for too long");
    }

    #[test]
    fn sound_comes_in_order_at_most_once_and_all_is_accounted_for(fates in proptest::collection::vec(fate(), 150)) {
        let packets = audio(150);
        let arrivals = arrivals(&packets, &fates);
        let newest = arrivals.iter().map(|(_, packet)| packet.seq.distance_from(SeqNo(65_500))).max();

        let (outputs, buffer, _) = run(Config::playing(PayloadFormat::Opus), arrivals);

        let given = frames(&outputs);
        prop_assert!(given.windows(2).all(|pair| pair[0].first < pair[1].first && pair[0].due <= pair[1].due + ms(1_000)));
        prop_assert!(buffer.is_empty());
        if let Some(first) = given.first() {
            let lost: u64 = outputs.iter().map(|(_, output)| match output {
                Output::Lost { packets } => *packets,
                Output::Frame(_) | Output::KeyFrameNeeded => 0,
            }).sum();
            let begun = first.first.seq().distance_from(SeqNo(65_500));
            prop_assert_eq!(given.len() as u64 + lost, u64::from((newest.unwrap() - begun + 1).unsigned_abs()));
        }
    }

    #[test]
    fn nothing_is_lost_that_comes_in_time(delays in proptest::collection::vec(0_u64..15, 200)) {
        let packets = video(60, 30, false);
        let fates: Vec<_> = delays.into_iter().map(|delay| vec![delay]).collect();

        let (outputs, buffer, _) = run(Config::playing(PayloadFormat::Vp8), arrivals(&packets, &fates[..packets.len().min(200)]));

        prop_assert_eq!(buffer.statistics().packets_lost, 0);
        let whole = packets.iter().take(200).filter(|packet| packet.marker).count();
        prop_assert!(frames(&outputs).len() >= whole);
    }

    #[test]
    fn any_packets_leave_it_bounded_and_it_comes_to_rest(
        packets in proptest::collection::vec((any::<u16>(), any::<u32>(), any::<bool>(), proptest::collection::vec(any::<u8>(), 0..40), 0_u64..3_000), 0..200),
        format in prop_oneof![Just(PayloadFormat::Vp8), Just(PayloadFormat::Opus)],
    ) {
        let config = Config { packets_max: 20, bytes_max: 300, ..Config::playing(format) };
        let arrivals = packets.into_iter().map(|(seq, timestamp, marker, payload, at_ms)| {
            (at_ms, Sent { seq: SeqNo(seq % 200), timestamp: RtpTimestamp(timestamp), marker, payload, at_ms })
        });

        let (outputs, buffer, _) = run(config, arrivals.collect());

        prop_assert!(buffer.is_empty());
        prop_assert!(frames(&outputs).windows(2).all(|pair| pair[0].last < pair[1].first));
    }
}

#[test]
fn a_lost_frame_takes_everything_up_to_the_next_key_frame() {
    let mut packets = video(40, 20, false);
    let lost = RtpTimestamp(u32::MAX - 5_000).advanced(5 * TICKS);
    packets.retain(|packet| packet.timestamp != lost);

    let (outputs, ..) =
        run(Config::playing(PayloadFormat::Vp8), arrivals(&packets, &vec![vec![0]; packets.len()]));

    let numbers: Vec<_> = frames(&outputs).iter().map(|frame| number_of(frame)).collect();
    assert_eq!(numbers, (0..5).chain(20..40).collect::<Vec<_>>());
    assert!(outputs.iter().any(|(_, output)| *output == Output::KeyFrameNeeded));
}

#[test]
fn a_lost_frame_of_an_upper_layer_takes_its_dependants_only() {
    let mut packets = video(24, 24, true);
    let lost = RtpTimestamp(u32::MAX - 5_000).advanced(6 * TICKS);
    packets.retain(|packet| packet.timestamp != lost);

    let (outputs, ..) =
        run(Config::playing(PayloadFormat::Vp8), arrivals(&packets, &vec![vec![0]; packets.len()]));

    let numbers: Vec<_> = frames(&outputs).iter().map(|frame| number_of(frame)).collect();
    // Without a switching point the upper layers stay away; the lowest goes on, and no key frame is needed.
    assert_eq!(numbers, [0, 1, 2, 3, 4, 5, 8, 12, 16, 20]);
    assert_eq!(outputs.iter().filter(|(_, output)| *output == Output::KeyFrameNeeded).count(), 0);
}

#[test]
fn the_delay_grows_with_jitter_and_shrinks_again() {
    let packets = audio(1_500);
    let jittery = |index: usize| if (200..500).contains(&index) { index as u64 * 37 % 120 } else { 0 };
    let start = origin();
    let mut buffer = JitterBuffer::new(Config::playing(PayloadFormat::Opus), start);
    let mut delays = Vec::new();

    for (index, packet) in packets.iter().enumerate() {
        let now = start + ms(packet.at_ms + jittery(index));
        let _ = buffer.insert(packet.incoming(), now);
        while buffer.poll(now).is_some() {}
        delays.push(buffer.target_delay());
    }

    assert_eq!(delays[199], ms(20), "the least there is");
    assert!((ms(100)..=ms(130)).contains(&delays[499]), "{:?}", delays[499]);
    assert_eq!(delays[1_499], ms(20));
}

#[test]
fn the_sender_may_ask_for_a_delay() {
    let packets = video(1, 30, false);
    let start = origin();
    let mut buffer = JitterBuffer::new(Config::playing(PayloadFormat::Vp8), start);

    for packet in &packets {
        let playout_delay = Some((ms(400), ms(500)));
        buffer.insert(Incoming { playout_delay, ..packet.incoming() }, start).unwrap();
    }

    assert_eq!(buffer.target_delay(), ms(400));
    assert_eq!(buffer.poll(start + ms(399)), None);
    assert!(matches!(buffer.poll(start + ms(400)), Some(Output::Frame(_))));
}

#[test]
fn padding_leaves_no_gap() {
    let mut packets = video(2, 30, false);
    let first = packets.iter().position(|packet| packet.marker).unwrap() + 1;
    for packet in &mut packets[first..] {
        packet.seq = packet.seq.advanced(2);
    }
    for step in 0..2 {
        let mut padding = packets[first - 1].clone();
        padding.seq = padding.seq.advanced(step + 1);
        (padding.payload, padding.marker) = (Vec::new(), false);
        packets.push(padding);
    }

    let (outputs, buffer, _) =
        run(Config::playing(PayloadFormat::Vp8), arrivals(&packets, &vec![vec![0]; packets.len()]));

    assert_eq!((frames(&outputs).len(), buffer.statistics().packets_lost), (2, 0));
}

/// Covers: RFC 3550 A.1
#[test]
fn two_packets_in_a_row_elsewhere_begin_the_stream_anew() {
    let start = origin();
    let mut buffer = JitterBuffer::new(Config::recording(PayloadFormat::Opus), start);
    let packets = audio(1);
    let at = |seq: u16| Incoming { seq: SeqNo(seq), ..packets[0].incoming() };

    assert_eq!(buffer.insert(at(100), start), Ok(()));
    assert!(buffer.poll(start).is_some());
    assert_eq!(buffer.insert(at(30_000), start), Err(DropReason::OutOfRange));
    assert_eq!(buffer.insert(at(30_001), start), Ok(()));
    assert!(matches!(buffer.poll(start), Some(Output::Frame(frame)) if frame.first.seq() == SeqNo(30_001)));
    assert_eq!(buffer.insert(at(30_001), start), Err(DropReason::Late));
    assert_eq!(buffer.statistics().restarts, 1);
    assert_eq!(buffer.statistics().packets_dropped, [1, 0, 1, 0]);
}
