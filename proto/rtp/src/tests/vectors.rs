//! Packets of real calls, from `tests/vectors/rtp`.

use crate::rtcp::{NackEntry, Packet, ReportBlock, SenderInfo, TwccBase, packets};
use crate::{RtpPacket, testing};
use moim_wire::{Bitrate, NtpTime, RtpTimestamp, SeqNo, Ssrc};

macro_rules! vector {
    ($name:literal) => {
        parse_hex(include_str!(concat!("../../../../tests/vectors/rtp/", $name, ".hex")))
    };
}

fn parse_hex(text: &str) -> Vec<u8> {
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_ascii_whitespace)
        .map(|byte| u8::from_str_radix(byte, 16).unwrap())
        .collect()
}

/// The one packet of a vector, which also reads the same when it is written again.
fn one(bytes: &[u8]) -> Packet<'_> {
    testing::exercise_rtcp(bytes);
    let mut packets = packets(bytes);
    let packet = packets.next().unwrap().unwrap();
    assert_eq!(packets.next(), None);
    packet
}

const BLOCK: ReportBlock = ReportBlock {
    ssrc: Ssrc(0xBC5E_9A40),
    fraction_lost: 0,
    cumulative_lost: 0,
    highest_seq: 0x46E1,
    jitter: 273,
    last_sender_report: 0x09F3_6432,
    delay_since: 150_137,
};

#[test]
fn an_rtp_packet() {
    let bytes = vector!("vp8-other-profile");
    testing::exercise_rtp(&bytes);
    let packet = RtpPacket::parse(&bytes).unwrap();

    let header = packet.header();
    assert!(header.marker && !header.has_padding);
    assert_eq!((header.payload_type.get(), header.seq), (96, SeqNo(27_023)));
    assert_eq!((header.timestamp, header.ssrc), (RtpTimestamp(3_653_407_706), Ssrc(476_325_762)));
    assert_eq!(packet.extensions().count(), 0);
    assert_eq!(packet.payload(), [0x98, 0x36, 0xBE, 0x88, 0x9E]);
}

/// Covers: RFC 3550 §6.4
#[test]
fn reports() {
    let bytes = vector!("sender-report");
    let Packet::SenderReport { info, reports } = one(&bytes) else { panic!("another packet") };
    assert_eq!(
        info,
        SenderInfo {
            ssrc: Ssrc(0x902F_9E2E),
            ntp: NtpTime(0xDA8B_D1FC_DDDD_A05A),
            timestamp: RtpTimestamp(0xAAF4_EDD5),
            packets: 1,
            octets: 2,
        }
    );
    assert!(reports.iter().eq([BLOCK]));

    let bytes = vector!("receiver-report");
    let Packet::ReceiverReport { ssrc, reports } = one(&bytes) else { panic!("another packet") };
    assert_eq!(ssrc, Ssrc(0x902F_9E2E));
    assert!(reports.iter().eq([BLOCK]));
}

/// Covers: RFC 4585 §6.2.1
#[test]
fn a_nack() {
    let bytes = vector!("nack");
    let Packet::Nack(nack) = one(&bytes) else { panic!("another packet") };

    assert_eq!((nack.sender, nack.media), (Ssrc(0x902F_9E2E), Ssrc(0x902F_9E2E)));
    assert!(nack.entries().iter().eq([NackEntry { first: SeqNo(0xAAAA), following: 0x5555 }]));
    let following = (0..8).map(|number| 0xAAAB + 2 * number);
    assert!(nack.seqs().eq(std::iter::once(0xAAAA).chain(following).map(SeqNo)));
}

#[test]
fn an_estimate() {
    let bytes = vector!("remb");
    let Packet::Remb(remb) = one(&bytes) else { panic!("another packet") };

    assert_eq!((remb.sender, remb.bitrate), (Ssrc(1), Bitrate::from_bps(8_927_168)));
    assert!(remb.ssrcs.iter().eq([Ssrc(1_215_622_422)]));
}

#[test]
fn transport_feedback_with_odd_padding() {
    let bytes = vector!("transport-cc-padded");
    let Packet::Twcc(twcc) = one(&bytes) else { panic!("another packet") };

    assert_eq!((twcc.sender, twcc.media), (Ssrc(4_195_875_351), Ssrc(1_124_282_272)));
    assert_eq!(twcc.base, TwccBase { seq: SeqNo(153), reference_time: 4_057_090, feedback_count: 23 });
    assert!(twcc.statuses().eq([(SeqNo(153), Some(148))]));
}
