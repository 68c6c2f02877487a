//! What was recorded of arrivals comes out at the sender.

use crate::extension::{FeedbackRequest, TransportSequence};
use crate::feedback::{CCFB_STREAMS_MAX, CcfbDecoder, CcfbRecorder, TWCC_WINDOW, TwccDecoder, TwccRecorder};
use crate::rtcp::{Compound, Ecn, Packet, packets};
use moim_wire::{ExtSeqNo, NtpTime, OutOfSpace, SeqNo, Ssrc};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
fn origin() -> Instant {
    Instant::now()
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// A receiver and a sender, with packets of at most `mtu` bytes between them.
struct Twcc {
    recorder: TwccRecorder,
    decoder: TwccDecoder,
    mtu: usize,
}

impl Twcc {
    fn new(start: Instant) -> Self {
        Self { recorder: TwccRecorder::new(start), decoder: TwccDecoder::new(), mtu: 1_200 }
    }

    fn receive(&mut self, seq: u64, now: Instant) {
        self.recorder.on_packet(TransportSequence::new(SeqNo((seq & 0xFFFF) as u16)), now);
    }

    /// All feedback that is due, as the sender understands it.
    fn exchange(&mut self, newest: u64, now: Instant) -> Vec<(u64, Option<Duration>)> {
        let mut results = Vec::new();
        let mut buffer = vec![0; self.mtu];
        loop {
            let mut out = Compound::new(&mut buffer);
            let count = self.recorder.poll_feedback(&mut out, Ssrc(1), Ssrc(2), now).unwrap();
            if count == 0 {
                return results;
            }
            for packet in packets(out.written()) {
                let Ok(Packet::Twcc(feedback)) = packet else { panic!("{packet:?}") };
                assert_eq!(feedback.count(), count);
                results.extend(self.decoder.decode(&feedback, newest).unwrap());
            }
        }
    }
}

/// Times relative to the first.
fn relative(results: &[(u64, Option<Duration>)]) -> Vec<(u64, Option<u64>)> {
    let first = results.iter().find_map(|(_, at)| *at).unwrap();
    let micros = |at: Duration| u64::try_from(at.saturating_sub(first).as_micros()).unwrap();
    results.iter().map(|(seq, at)| (*seq, at.map(micros))).collect()
}

#[test]
fn arrivals_and_losses_are_reported_once() {
    let start = origin();
    let mut twcc = Twcc::new(start);
    for (seq, at) in [(100, 0), (101, 5), (104, 7), (103, 9)] {
        twcc.receive(seq, start + millis(at));
    }

    assert_eq!(twcc.exchange(110, start + millis(49)), []);
    assert_eq!(twcc.recorder.poll_timeout().unwrap().at, start + millis(50));
    let results = relative(&twcc.exchange(110, start + millis(50)));
    assert_eq!(
        results,
        [(100, Some(0)), (101, Some(5_000)), (102, None), (103, Some(9_000)), (104, Some(7_000))]
    );
    assert_eq!(twcc.recorder.poll_timeout(), None);
    assert_eq!(twcc.exchange(110, start + millis(500)), []);
}

#[test]
fn a_late_packet_takes_back_its_loss() {
    let start = origin();
    let mut twcc = Twcc::new(start);
    twcc.receive(1, start);
    twcc.receive(3, start);
    let first = twcc.exchange(10, start + millis(50));
    assert_eq!(first[1], (2, None));

    twcc.receive(4, start + millis(55));
    twcc.receive(2, start + millis(60));
    let second = twcc.exchange(10, start + millis(200));

    assert_eq!(
        second.iter().map(|(seq, at)| (*seq, at.is_some())).collect::<Vec<_>>(),
        [(2, true), (3, true), (4, true)]
    );
    assert_eq!(second[1].1, first[2].1, "what was reported before is the same again");
}

#[test]
fn numbers_wrap_and_long_pauses_take_several_packets() {
    let start = origin();
    let mut twcc = Twcc::new(start);
    let pause = Duration::from_secs(3_600);
    twcc.receive(65_534, start);
    twcc.receive(65_535, start + millis(1));
    twcc.receive(65_537, start + pause);

    let results = relative(&twcc.exchange(65_540, start + pause));

    let expected = [(65_534, Some(0)), (65_535, Some(1_000)), (65_536, None), (65_537, Some(3_600_000_000))];
    assert_eq!(results, expected);
}

/// The reference time of packets wraps every 12.4 days.
#[test]
fn reference_times_wrap() {
    let start = origin();
    let mut twcc = Twcc::new(start);
    let mut last = None;
    for day in 0..40 {
        let now = start + Duration::from_secs(86_400 * day);
        twcc.receive(day, now);
        let results = twcc.exchange(day, now + millis(50));
        let at = results.last().unwrap().1.unwrap();
        if let Some(last) = last {
            assert_eq!(at, last + Duration::from_secs(86_400));
        }
        last = Some(at);
    }
}

#[test]
fn feedback_that_does_not_fit_goes_on_in_the_next_packet() {
    let start = origin();
    let mut twcc = Twcc { mtu: 60, ..Twcc::new(start) };
    for seq in (0..300).filter(|seq| seq % 7 != 3) {
        twcc.receive(seq, start + millis(seq * 70));
    }

    let results = relative(&twcc.exchange(300, start + Duration::from_secs(60)));

    assert_eq!(results.len(), 300);
    assert!(results.iter().all(|(seq, at)| *at == (seq % 7 != 3).then_some(seq * 70_000)));
    twcc.receive(400, start + Duration::from_secs(60));
    let mut small = [0; 19];
    let mut out = Compound::new(&mut small);
    let asked = twcc.recorder.poll_feedback(&mut out, Ssrc(1), Ssrc(2), start + Duration::from_secs(90));
    assert_eq!(asked, Err(OutOfSpace));
}

#[test]
fn what_nobody_reported_in_time_is_forgotten() {
    let start = origin();
    let mut twcc = Twcc::new(start);
    for seq in 0..10_000 {
        twcc.receive(seq, start + millis(seq / 100));
    }

    let results = twcc.exchange(10_000, start + Duration::from_secs(1));

    assert_eq!(results.len(), TWCC_WINDOW);
    assert_eq!(results.last().unwrap().0, 9_999);
}

#[test]
fn a_sender_can_ask_for_feedback() {
    let start = origin();
    let mut twcc = Twcc::new(start);
    twcc.recorder.set_interval(None);
    for seq in 0..20 {
        twcc.receive(seq, start);
    }
    assert_eq!(twcc.recorder.poll_timeout(), None);

    let request = FeedbackRequest { with_times: true, packet_count: 5 };
    twcc.recorder.on_packet(TransportSequence { seq: SeqNo(20), feedback_request: Some(request) }, start);
    assert_eq!(twcc.exchange(20, start).len(), 21, "what was never reported comes along");
    let request = TransportSequence { seq: SeqNo(21), feedback_request: Some(request) };
    twcc.recorder.on_packet(request, start);
    let results = twcc.exchange(21, start);
    assert_eq!(results.iter().map(|(seq, _)| *seq).collect::<Vec<_>>(), [17, 18, 19, 20, 21]);
}

#[test]
fn feedback_from_before_the_first_packet_is_nothing() {
    let start = origin();
    let mut twcc = Twcc::new(start);
    twcc.receive(65_000, start);
    let mut buffer = [0; 100];
    let mut out = Compound::new(&mut buffer);
    twcc.recorder.poll_feedback(&mut out, Ssrc(1), Ssrc(2), start + millis(50)).unwrap();
    let Some(Ok(Packet::Twcc(feedback))) = packets(out.written()).next() else { panic!("one is there") };

    assert!(twcc.decoder.decode(&feedback, 10).is_none());
}

proptest! {
    /// Any packets in any order at any times: the sender knows of each what the receiver knew, to a quarter of a millisecond.
    #[test]
    fn the_sender_learns_what_the_receiver_saw(
        arrivals in prop::collection::vec((0_u64..1_500, 0_u64..20_000), 1..300),
        mtu in 40_usize..1_200,
    ) {
        let start = origin();
        let mut twcc = Twcc { mtu, ..Twcc::new(start) };
        let mut now = 0;
        let mut seen = BTreeMap::new();
        for (seq, after) in &arrivals {
            now += after;
            twcc.receive(40_000 + seq, start + millis(now));
            seen.entry(40_000 + seq).or_insert(now);
        }
        let results = twcc.exchange(41_500, start + millis(now + 50));
        let known: BTreeMap<_, _> = results.into_iter().collect();
        let highest = *seen.keys().next_back().unwrap();
        prop_assert_eq!(*known.keys().next_back().unwrap(), highest);
        let (first_seq, first_at) = known.iter().find_map(|(seq, at)| Some((*seq, (*at)?))).unwrap();
        for (seq, at) in &known {
            let expected = seen.get(seq).map(|at| i128::from(*at) - i128::from(seen[&first_seq]));
            let actual = at.map(|at| i128::try_from(at.as_millis()).unwrap() - i128::try_from(first_at.as_millis()).unwrap());
            prop_assert_eq!(actual, expected, "{}", seq);
        }
    }
}

/// SSRC, sequence number, and when and how the packet arrived.
type Told = (u32, u16, Option<(Duration, Ecn)>);

/// All congestion feedback that is due, as the sender understands it.
fn exchange(
    recorder: &mut CcfbRecorder,
    decoder: &mut CcfbDecoder,
    mtu: usize,
    (wall, now): (NtpTime, Instant),
) -> Vec<Told> {
    let mut results = Vec::new();
    let mut buffer = vec![0; mtu];
    loop {
        let mut out = Compound::new(&mut buffer);
        if recorder.poll_feedback(&mut out, Ssrc(1), wall, now).unwrap() == 0 {
            return results;
        }
        for packet in packets(out.written()) {
            let Ok(Packet::Ccfb(feedback)) = packet else { panic!("{packet:?}") };
            results.extend(decoder.decode(&feedback).map(|result| {
                let arrival = result.is_received.then(|| (result.at.unwrap(), result.ecn));
                (result.ssrc.0, result.seq.0, arrival)
            }));
        }
    }
}

fn wall(at: u64) -> NtpTime {
    NtpTime::from_unix(Duration::from_secs(1_000_000) + millis(at))
}

/// Covers: RFC 8888 §3.1
#[test]
fn congestion_feedback_tells_arrivals_and_marks_of_every_stream() {
    let start = origin();
    let (mut recorder, mut decoder) = (CcfbRecorder::new(start), CcfbDecoder::new());
    for (ssrc, seq, at, ecn) in [
        (9, 65_535, 0, Ecn::Capable0),
        (9, 65_537, 10, Ecn::CongestionExperienced),
        (4, 7, 20, Ecn::NotCapable),
    ] {
        assert!(recorder.on_packet(Ssrc(ssrc), ExtSeqNo((1 << 16) + seq), ecn, start + millis(at)));
    }
    assert!(!recorder.on_packet(Ssrc(4), ExtSeqNo((1 << 16) + 7), Ecn::NotCapable, start));

    let now = (wall(50), start + millis(50));
    let results = exchange(&mut recorder, &mut decoder, 1_200, now);

    let [(4, 7, Some(last)), (9, 65_535, Some(first)), (9, 0, None), (9, 1, Some(marked))] = results[..]
    else {
        panic!("{results:?}");
    };
    assert_eq!((first.1, marked.1, last.1), (Ecn::Capable0, Ecn::CongestionExperienced, Ecn::NotCapable));
    assert!(marked.0.abs_diff(first.0 + millis(10)) < millis(2));
    assert!(last.0.abs_diff(first.0 + millis(20)) < millis(2));
    assert_eq!(recorder.poll_timeout(), None);
}

#[test]
fn every_stream_has_its_turn_in_small_packets() {
    let start = origin();
    let (mut recorder, mut decoder) = (CcfbRecorder::new(start), CcfbDecoder::new());
    for seq in 0..50 {
        for ssrc in 0..10 {
            recorder.on_packet(Ssrc(ssrc), ExtSeqNo((1 << 16) + seq), Ecn::NotCapable, start + millis(seq));
        }
    }

    let results = exchange(&mut recorder, &mut decoder, 64, (wall(50), start + millis(50)));

    assert_eq!(results.len(), 500);
    assert!(results.iter().all(|(_, _, arrival)| arrival.is_some()));
    recorder.on_packet(Ssrc(1), ExtSeqNo((1 << 16) + 51), Ecn::NotCapable, start + millis(60));
    let mut small = [0; 16];
    let asked =
        recorder.poll_feedback(&mut Compound::new(&mut small), Ssrc(1), wall(200), start + millis(200));
    assert_eq!(asked, Err(OutOfSpace));
}

#[test]
fn there_are_only_so_many_streams() {
    let start = origin();
    let mut recorder = CcfbRecorder::new(start);
    let mut arrive = |ssrc: usize| {
        recorder.on_packet(Ssrc(u32::try_from(ssrc).unwrap()), ExtSeqNo(1 << 16), Ecn::NotCapable, start)
    };

    assert!((0..CCFB_STREAMS_MAX).all(&mut arrive));
    assert!(!arrive(CCFB_STREAMS_MAX));
    recorder.remove(Ssrc(0));
    assert!(recorder.on_packet(Ssrc(1_000), ExtSeqNo(1 << 16), Ecn::NotCapable, start));
}

/// An age ends at 8 s, and the wall clock of reports wraps every 18 hours.
#[test]
fn ages_end_and_report_times_wrap() {
    let start = origin();
    let (mut recorder, mut decoder) = (CcfbRecorder::new(start), CcfbDecoder::new());
    let mut last = None;
    for hour in 0..40 {
        let at = hour * 3_600_000;
        recorder.on_packet(Ssrc(1), ExtSeqNo((1 << 16) + hour), Ecn::NotCapable, start + millis(at));
        let now = (wall(at + 50), start + millis(at + 50));
        let (arrived, _) = exchange(&mut recorder, &mut decoder, 1_200, now)[0].2.unwrap();
        if let Some(last) = last {
            assert!(arrived.abs_diff(last + Duration::from_secs(3_600)) < millis(2));
        }
        last = Some(arrived);
    }
    recorder.on_packet(Ssrc(1), ExtSeqNo((1 << 16) + 40), Ecn::NotCapable, start + millis(0));
    let mut buffer = [0; 100];
    let mut out = Compound::new(&mut buffer);
    let late = start + Duration::from_secs(10);
    recorder.poll_feedback(&mut out, Ssrc(1), wall(10_000), late + Duration::from_secs(200_000)).unwrap();
    let Some(Ok(Packet::Ccfb(feedback))) = packets(out.written()).next() else { panic!("one is there") };
    let result = decoder.decode(&feedback).next().unwrap();
    assert_eq!((result.is_received, result.at), (true, None));
}
