//! RTCP, read and written.

use crate::ParseError;
use crate::rtcp::{
    CcfbArrival, Compound, DlrrBlock, Ecn, ExtendedBlock, FirEntry, Item, ItemKind, OutgoingChunk, Packet,
    ReportBlock, SenderInfo, TwccBase, is_rtcp, packets,
};
use moim_wire::{Bitrate, NtpTime, OutOfSpace, RtpTimestamp, SeqNo, Ssrc};
use proptest::prelude::*;

/// What `write` writes, in a buffer of `room` bytes.
fn written<T>(room: usize, write: impl FnOnce(&mut Compound<'_>) -> T) -> (Vec<u8>, T) {
    let mut buffer = vec![0xEE; room];
    let mut out = Compound::new(&mut buffer);
    let result = write(&mut out);
    (out.written().to_vec(), result)
}

fn only(bytes: &[u8]) -> Packet<'_> {
    let mut packets = packets(bytes);
    let packet = packets.next().unwrap().unwrap();
    assert_eq!(packets.next(), None);
    packet
}

/// Covers: RFC 3550 §6.1; RFC 5761 §4
#[test]
fn a_compound_packet_is_read_as_written() {
    let info = SenderInfo {
        ssrc: Ssrc(1),
        ntp: NtpTime(0x0102_0304_0506_0708),
        timestamp: RtpTimestamp(9),
        packets: 10,
        octets: 11,
    };
    let block = ReportBlock {
        ssrc: Ssrc(2),
        fraction_lost: 128,
        cumulative_lost: -3,
        highest_seq: 70_000,
        ..ReportBlock::default()
    };
    let cname = [Item { kind: ItemKind::CNAME, text: b"who" }, Item { kind: ItemKind::MID, text: b"0" }];
    let chunks =
        [OutgoingChunk { ssrc: Ssrc(1), items: &cname }, OutgoingChunk { ssrc: Ssrc(2), items: &[] }];
    let (bytes, ()) = written(400, |out| {
        out.sender_report(&info, &[block]).unwrap();
        out.source_description(&chunks).unwrap();
        out.bye(&[Ssrc(1), Ssrc(2)], Some("went home")).unwrap();
        out.bye(&[], None).unwrap();
        out.app(5, Ssrc(3), *b"moim", b"data").unwrap();
        out.reference_time(Ssrc(3), NtpTime(77)).unwrap();
    });

    let read: Vec<_> = packets(&bytes).collect::<Result<_, ParseError>>().unwrap();

    assert!(is_rtcp(&bytes));
    let [
        Packet::SenderReport { info: read_info, reports },
        Packet::SourceDescription(description),
        Packet::Bye(bye),
        Packet::Bye(empty),
        app,
        Packet::ExtendedReport { ssrc, blocks },
    ] = read[..]
    else {
        panic!("{read:?}");
    };
    assert_eq!(read_info, info);
    assert!(reports.iter().eq([block]));
    let described: Vec<_> = description.iter().collect();
    assert_eq!((described[0].ssrc, described[0].items.find(ItemKind::CNAME)), (Ssrc(1), Some(&b"who"[..])));
    assert_eq!(described[0].items.find(ItemKind::MID), Some(&b"0"[..]));
    assert_eq!((described[1].ssrc, described[1].items.iter().count()), (Ssrc(2), 0));
    assert!(bye.ssrcs.iter().eq([Ssrc(1), Ssrc(2)]));
    assert_eq!((bye.reason, empty.reason, empty.ssrcs.len()), (Some(&b"went home"[..]), None, 0));
    assert_eq!(app, Packet::App { subtype: 5, ssrc: Ssrc(3), name: *b"moim", data: b"data" });
    assert_eq!(ssrc, Ssrc(3));
    assert!(blocks.iter().eq([ExtendedBlock::ReferenceTime(NtpTime(77))]));
}

/// Covers: RFC 4585 §6.3.1; RFC 5104 §4.3.1; RFC 5506 §3.4.1; RFC 3611 §4.5
#[test]
fn feedback_goes_alone_as_well() {
    let (bytes, ()) = written(100, |out| out.picture_loss(Ssrc(3), Ssrc(2)).unwrap());
    assert_eq!(only(&bytes), Packet::PictureLoss { sender: Ssrc(3), media: Ssrc(2) });

    let entries = [FirEntry { ssrc: Ssrc(2), request: 255 }, FirEntry { ssrc: Ssrc(4), request: 0 }];
    let (bytes, ()) = written(100, |out| out.full_intra_request(Ssrc(3), &entries).unwrap());
    let Packet::FullIntraRequest { sender, entries: read } = only(&bytes) else { panic!("another packet") };
    assert_eq!(sender, Ssrc(3));
    assert!(read.iter().eq(entries));

    let block = DlrrBlock { ssrc: Ssrc(1), last_reference: 2, delay_since: 3 };
    let (bytes, ()) = written(100, |out| out.delay_since_reference(Ssrc(3), &[block, block]).unwrap());
    let Packet::ExtendedReport { blocks, .. } = only(&bytes) else { panic!("another packet") };
    let [ExtendedBlock::DelaySinceReference(read)] = blocks.iter().collect::<Vec<_>>()[..] else {
        panic!("another block")
    };
    assert!(read.iter().eq([block, block]));
}

/// Covers: RFC 3611 §2, §3, §4.4, §4.5
#[test]
fn extended_reports_lose_nothing_that_is_not_known() {
    let strange = ExtendedBlock::Other { block_type: 6, type_specific: 0xE0, body: &[1; 36] };
    let blocks = [strange, ExtendedBlock::ReferenceTime(NtpTime(77)), strange];
    let (bytes, ()) = written(200, |out| out.extended_report(Ssrc(3), blocks).unwrap());
    let Packet::ExtendedReport { ssrc, blocks: read } = only(&bytes) else { panic!("another packet") };
    assert_eq!(ssrc, Ssrc(3));
    assert!(read.iter().eq(blocks));

    let (again, ()) = written(200, |out| out.extended_report(ssrc, read.iter()).unwrap());
    assert_eq!(again, bytes);
    let odd = ExtendedBlock::Other { block_type: 6, type_specific: 0, body: &[1; 35] };
    written(200, |out| assert_eq!(out.extended_report(Ssrc(3), [odd]), Err(OutOfSpace)));
    for wrong in [0, 1, 3, 200] {
        let (mut bytes, ()) = written(200, |out| out.reference_time(Ssrc(3), NtpTime(77)).unwrap());
        bytes[11] = wrong;
        assert!(packets(&bytes).any(|packet| packet.is_err()), "a block of {wrong} words");
    }
}

#[test]
fn what_does_not_fit_is_not_begun() {
    written(8, |out| {
        out.receiver_report(Ssrc(1), &[]).unwrap();
        assert_eq!(out.picture_loss(Ssrc(1), Ssrc(2)), Err(OutOfSpace));
        assert_eq!(out.len(), 8);
    });
    let many = [ReportBlock::default(); 32];
    let (bytes, result) = written(2_000, |out| out.receiver_report(Ssrc(1), &many));
    assert_eq!((bytes.len(), result), (0, Err(OutOfSpace)), "five bits count to 31");
    let (_, result) = written(2_000, |out| out.receiver_report(Ssrc(1), &many[..31]));
    assert_eq!(result, Ok(()));
    let long = "x".repeat(256);
    let (_, result) = written(2_000, |out| out.bye(&[Ssrc(1)], Some(&long)));
    assert_eq!(result, Err(OutOfSpace));
}

/// Covers: RFC 3550 §6.4.1
#[test]
fn a_malformed_packet_costs_itself_and_a_wrong_length_the_rest() {
    let good = [0x80, 201, 0, 1, 0, 0, 0, 9];
    let report_too_short = [0x81, 201, 0, 1, 0, 0, 0, 9];
    let compound = [&good[..], &report_too_short, &good].concat();
    let read: Vec<_> = packets(&compound).collect();
    assert!(read[0].is_ok() && read[1] == Err(ParseError::TooShort) && read[2].is_ok());

    let length_beyond = [0x80, 201, 0, 9, 0, 0, 0, 9];
    let compound = [&good[..], &length_beyond, &good].concat();
    let read: Vec<_> = packets(&compound).map(Result::err).collect();
    assert_eq!(read, [None, Some(ParseError::Length)]);
    assert_eq!(packets(&[0x40, 201, 0, 0]).next(), Some(Err(ParseError::Version)));
    assert_eq!(packets(&[0x80]).next(), Some(Err(ParseError::TooShort)));
    assert_eq!(packets(&[0xA0, 201, 0, 1, 0, 0, 0, 9]).next(), Some(Err(ParseError::Padding)));
    assert_eq!(packets(&[0xA0, 201, 0, 0]).next(), Some(Err(ParseError::Padding)));
    let padded = [0xA0, 201, 0, 2, 0, 0, 0, 9, 0, 0, 0, 4];
    assert!(matches!(only(&padded), Packet::ReceiverReport { ssrc: Ssrc(9), .. }));
}

/// What `statuses` becomes on the wire, behind the header and without padding.
fn twcc_body(statuses: &[Option<i16>]) -> Vec<u8> {
    let (bytes, count) =
        written(2_000, |out| out.twcc(Ssrc(1), Ssrc(2), TwccBase::default(), statuses.iter().copied()));
    assert_eq!(count, Ok(statuses.len()));
    bytes[20..].to_vec()
}

/// Covers: draft-holmer-rmcat-transport-wide-cc-extensions-01 §3.1.1, §3.1.3, §3.1.4
#[test]
fn transport_feedback_takes_the_shortest_chunk() {
    assert_eq!(twcc_body(&[Some(1); 3]), [0x20, 3, 1, 1, 1, 0, 0, 0], "a run of three");
    assert_eq!(twcc_body(&vec![None; 8_000]), [0x1F, 0x40, 0, 0], "a run of 8,000 losses");
    let gaps = [Some(9), None, Some(9), None, Some(9), None, Some(9), None, Some(9), None];
    assert_eq!(twcc_body(&gaps)[..2], [0b1010_1010, 0b1010_0000], "one bit each");
    let mixed = [Some(-1), None, Some(1)];
    assert_eq!(twcc_body(&mixed), [0b1110_0001, 0, 0xFF, 0xFF, 1, 0, 0, 0], "two bits each");
    let run_then_large = [&[Some(1); 20][..], &[Some(256)]].concat();
    assert_eq!(twcc_body(&run_then_large)[..4], [0x20, 20, 0x40, 1]);
}

fn delta() -> impl Strategy<Value = Option<i16>> {
    prop_oneof![
        3 => Just(None),
        6 => (0_i16..256).prop_map(Some),
        1 => any::<i16>().prop_map(Some),
    ]
}

/// Packets whose fates resemble those of their neighbours.
fn fates() -> impl Strategy<Value = Vec<Option<i16>>> {
    let run = (delta(), 1_usize..40).prop_map(|(delta, len)| vec![delta; len]);
    let mixed = prop::collection::vec(delta(), 1..30);
    prop::collection::vec(prop_oneof![run, mixed], 1..12).prop_map(|parts| parts.concat())
}

fn arrival() -> impl Strategy<Value = Option<CcfbArrival>> {
    let age = prop_oneof![Just(None), (0_u16..0x1FFE).prop_map(Some)];
    let arrival = (0_u8..4, age).prop_map(|(ecn, age)| CcfbArrival { ecn: Ecn::from_bits(ecn), age });
    prop::option::of(arrival)
}

proptest! {
    #[test]
    fn transport_feedback_is_read_as_written(
        fates in fates(),
        seq in any::<u16>(),
        reference_time in 0_u32..1 << 24,
        feedback_count in any::<u8>(),
        room in 24_usize..1_500,
    ) {
        let base = TwccBase { seq: SeqNo(seq), reference_time, feedback_count };
        let (bytes, count) = written(room, |out| out.twcc(Ssrc(1), Ssrc(2), base, fates.iter().copied()));
        let count = count.unwrap();
        prop_assert!(bytes.len() <= room && bytes.len() % 4 == 0);
        prop_assert!(count == fates.len() || bytes.len() + 8 > room / 4 * 4, "there was room for more");
        let Packet::Twcc(twcc) = only(&bytes) else { panic!("another packet") };
        prop_assert_eq!((twcc.base, twcc.count()), (base, count));
        let mut at = 0;
        for ((read_seq, read), (offset, fate)) in twcc.statuses().zip((0..).zip(&fates)) {
            prop_assert_eq!(read_seq, SeqNo(seq).advanced(offset));
            at += i64::from(fate.unwrap_or(0));
            prop_assert_eq!(read, fate.map(|_| at));
        }
    }

    #[test]
    fn congestion_feedback_is_read_as_written(
        blocks in prop::collection::vec(
            (any::<u32>(), any::<u16>(), prop::collection::vec(arrival(), 1..60)),
            0..6,
        ),
        time in any::<u32>(),
    ) {
        let (bytes, _) = written(2_000, |out| {
            out.ccfb(Ssrc(1), time, |writer| {
                for (ssrc, first, statuses) in &blocks {
                    writer.block(Ssrc(*ssrc), SeqNo(*first), statuses.iter().copied()).unwrap();
                }
            })
        });
        let Packet::Ccfb(ccfb) = only(&bytes) else { panic!("another packet") };
        prop_assert_eq!((ccfb.sender, ccfb.time), (Ssrc(1), time));
        let read: Vec<(u32, u16, Vec<_>)> = ccfb
            .blocks()
            .map(|block| (block.ssrc.0, block.first.0, block.statuses().map(|(_, status)| status).collect()))
            .collect();
        prop_assert_eq!(read, blocks);
    }

    #[test]
    fn missing_packets_are_read_as_written(
        first in any::<u16>(),
        gaps in prop::collection::vec(1_u16..40, 1..100),
        room in 16_usize..200,
    ) {
        let mut seqs = vec![SeqNo(first)];
        for gap in gaps {
            seqs.push(seqs[seqs.len() - 1].advanced(gap));
        }
        let (bytes, count) = written(room, |out| out.nack(Ssrc(1), Ssrc(2), seqs.iter().copied()));
        let Packet::Nack(nack) = only(&bytes) else { panic!("another packet") };
        let read: Vec<_> = nack.seqs().collect();
        prop_assert_eq!(&read[..], &seqs[..count.unwrap()]);
        prop_assert!(read.len() == seqs.len() || bytes.len() + 4 > room);
    }

    /// To the 18 bits that the format has for a rate.
    #[test]
    fn estimates_are_read_as_written(bps in any::<u64>(), ssrcs in prop::collection::vec(any::<u32>(), 0..20)) {
        let ssrcs: Vec<_> = ssrcs.into_iter().map(Ssrc).collect();
        let (bytes, _) = written(200, |out| out.remb(Ssrc(1), Bitrate::from_bps(bps), &ssrcs));
        let Packet::Remb(remb) = only(&bytes) else { panic!("another packet") };
        let read = remb.bitrate.as_bps();
        prop_assert!(read <= bps && bps - read <= bps >> 17);
        prop_assert!(remb.ssrcs.iter().eq(ssrcs));
    }

    #[test]
    fn reports_are_read_as_written(
        fields in prop::collection::vec((any::<[u32; 5]>(), any::<u8>(), -(1_i32 << 23)..1 << 23), 0..31),
        info in any::<(u32, u64, u32, u32, u32)>(),
    ) {
        let blocks: Vec<_> = fields
            .into_iter()
            .map(|([ssrc, highest_seq, jitter, last_sender_report, delay_since], fraction_lost, lost)| {
                let cumulative_lost = lost;
                let ssrc = Ssrc(ssrc);
                ReportBlock { ssrc, fraction_lost, cumulative_lost, highest_seq, jitter, last_sender_report, delay_since }
            })
            .collect();
        let (ssrc, ntp, timestamp, sent, octets) = info;
        let info =
            SenderInfo { ssrc: Ssrc(ssrc), ntp: NtpTime(ntp), timestamp: RtpTimestamp(timestamp), packets: sent, octets };
        let (bytes, ()) = written(1_000, |out| out.sender_report(&info, &blocks).unwrap());
        let Packet::SenderReport { info: read, reports } = only(&bytes) else { panic!("another packet") };
        prop_assert_eq!(read, info);
        prop_assert!(reports.iter().eq(blocks));
    }
}
