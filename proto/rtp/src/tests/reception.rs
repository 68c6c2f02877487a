//! What is reported about reception.

use crate::reception::{ReceptionStats, ReportSchedule, round_trip_time, round_trip_time_by_reference};
use crate::rtcp::{DlrrBlock, ReportBlock, SenderInfo};
use moim_wire::{ExtSeqNo, NtpTime, RtpTimestamp, SeqNo, Ssrc};
use std::time::{Duration, Instant};

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
fn origin() -> Instant {
    Instant::now()
}

fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Covers: RFC 3550 §6.4.1, A.3
#[test]
fn losses_are_reported_since_the_last_report_and_in_all() {
    let start = origin();
    let mut stats = ReceptionStats::new(90_000);
    let first = ExtSeqNo::first(SeqNo(65_530));
    assert_eq!(stats.report(Ssrc(5), start), None);
    for seq in (0..8).chain([10, 11]) {
        stats.on_packet(ExtSeqNo(first.0 + seq), RtpTimestamp(0), 100, start);
    }

    let report = stats.report(Ssrc(5), start).unwrap();

    assert_eq!((report.ssrc, report.fraction_lost, report.cumulative_lost), (Ssrc(5), 42, 2));
    assert_eq!(report.highest_seq, (1 << 16) + 5, "the number has wrapped once");
    assert_eq!((report.last_sender_report, report.delay_since), (0, 0));
    assert_eq!((stats.packets(), stats.bytes()), (10, 1_000));

    let quiet = stats.report(Ssrc(5), start).unwrap();
    assert_eq!((quiet.fraction_lost, quiet.cumulative_lost), (0, 2));
    for seq in [8, 9, 9, 9] {
        stats.on_packet(ExtSeqNo(first.0 + seq), RtpTimestamp(0), 100, start);
    }
    let late = stats.report(Ssrc(5), start).unwrap();
    assert_eq!((late.fraction_lost, late.cumulative_lost), (0, -2), "two came three times");
}

#[test]
fn a_packet_from_before_the_first_was_expected_too() {
    let start = origin();
    let mut stats = ReceptionStats::new(48_000);
    stats.on_packet(ExtSeqNo::first(SeqNo(10)), RtpTimestamp(0), 1, start);
    stats.on_packet(ExtSeqNo::first(SeqNo(8)), RtpTimestamp(0), 1, start);

    assert_eq!(stats.lost(), 1);
}

/// Covers: RFC 3550 A.8
#[test]
fn jitter_is_how_much_arrivals_differ_from_timestamps() {
    let start = origin();
    let mut stats = ReceptionStats::new(8_000);
    // A packet every 20 ms, of which every second one is 4 ms (32 ticks) late.
    for number in 0..200 {
        let at = start + millis(20 * number + 4 * (number % 2));
        let timestamp = RtpTimestamp(u32::MAX.wrapping_add(u32::try_from(160 * number).unwrap()));
        stats.on_packet(ExtSeqNo::first(SeqNo(0)), timestamp, 160, at);
    }

    let jitter = stats.report(Ssrc(1), start).unwrap().jitter;

    assert!((31..=32).contains(&jitter), "{jitter}");
    assert!(stats.jitter().abs_diff(millis(4)) < millis(1));
}

#[test]
fn packets_of_one_picture_and_pauses_are_no_jitter() {
    let start = origin();
    let mut stats = ReceptionStats::new(90_000);
    for number in 0..10 {
        stats.on_packet(ExtSeqNo::first(SeqNo(0)), RtpTimestamp(7), 1, start + millis(number));
    }
    stats.on_packet(ExtSeqNo::first(SeqNo(0)), RtpTimestamp(3_007), 1, start + Duration::from_secs(60));

    assert_eq!(stats.jitter(), Duration::ZERO);
}

/// Covers: RFC 3550 §6.4.1; RFC 3611 §4.5
#[test]
fn a_round_trip_is_known_from_what_is_reported_back() {
    let start = origin();
    let sent = NtpTime::from_unix(Duration::from_secs(1_000));
    let mut stats = ReceptionStats::new(90_000);
    stats.on_packet(ExtSeqNo::first(SeqNo(1)), RtpTimestamp(0), 1, start);
    stats.on_sender_report(&SenderInfo { ntp: sent, ..SenderInfo::default() }, start);

    let report = stats.report(Ssrc(1), start + millis(500)).unwrap();
    let back = NtpTime::from_unix(Duration::from_secs(1_000) + millis(575));

    assert!(round_trip_time(&report, back).unwrap().abs_diff(millis(75)) < millis(1));
    let dlrr = DlrrBlock {
        ssrc: Ssrc(1),
        last_reference: report.last_sender_report,
        delay_since: report.delay_since,
    };
    assert_eq!(round_trip_time_by_reference(&dlrr, back), round_trip_time(&report, back));
    assert_eq!(round_trip_time(&ReportBlock::default(), back), None, "it answers nothing");
    assert_eq!(round_trip_time(&report, sent), None, "before it was sent");
    let at_once = NtpTime::from_unix(Duration::from_secs(1_000) + millis(499));
    assert_eq!(round_trip_time(&report, at_once), Some(Duration::ZERO));
}

/// Covers: RFC 3550 §6.2, §6.3.1
#[test]
fn reports_come_at_intervals_that_vary_by_half() {
    let start = origin();
    let mut schedule = ReportSchedule::new(ReportSchedule::VIDEO, [7; 32], start);
    let mut intervals = Vec::new();
    let mut last = schedule.poll_timeout().at;
    assert!(last - start <= millis(500));
    for _ in 0..100 {
        assert!(!schedule.poll(start) && schedule.poll(last));
        intervals.push(schedule.poll_timeout().at - last);
        last = schedule.poll_timeout().at;
    }

    assert!(intervals.iter().all(|interval| (millis(500)..=millis(1_500)).contains(interval)));
    assert!(intervals.iter().max().unwrap().abs_diff(*intervals.iter().min().unwrap()) > millis(500));
}

#[test]
fn no_clock_is_too_fast_and_no_jitter_too_large() {
    let start = origin();
    let mut stats = ReceptionStats::new(u32::MAX);
    for seq in 0..10 {
        let now = start + Duration::from_secs(4 * seq);
        stats.on_packet(ExtSeqNo((1 << 16) + seq), RtpTimestamp(u32::try_from(seq).unwrap()), 1, now);
    }

    assert!(stats.jitter() > Duration::ZERO);
}
