//! What must hold for any bytes whatsoever: for the tests and for the fuzzer.

use crate::extension::VideoLayersAllocation;
use crate::feedback::{CcfbDecoder, TwccDecoder};
use crate::rtcp::{CcfbArrival, Chunk, Chunks, Compound, Item, OutgoingChunk, Packet, Twcc, packets};
use crate::{
    ExtensionKind, ExtensionMap, ExtensionValues, Header, OutgoingHeader, RtpPacket, rtx, write_header,
};
use moim_wire::{Bitrate, Ssrc, Writer};
use std::collections::BTreeSet;

/// Reads `bytes` as an RTP packet, and writes what its header said again: it reads the same.
///
/// # Panics
/// If anything is found that must not be.
pub fn exercise_rtp(bytes: &[u8]) {
    let Ok(packet) = RtpPacket::parse(bytes) else {
        return;
    };
    let header = packet.header();
    assert_eq!(header.header_len + packet.payload().len() + packet.padding_len(), bytes.len());
    let payload = header.payload(bytes).expect("it was read before");
    if let Some(original) = rtx::unwrap(bytes, payload) {
        assert!(!bytes[original.payload].is_empty());
    }
    for element in packet.extensions() {
        assert_eq!(&bytes[element.offset..element.offset + element.data.len()], element.data);
    }
    let mut map = ExtensionMap::new();
    for (id, kind) in (1..).filter(|id| *id != 15).zip(ExtensionKind::ALL) {
        map.insert(id, kind).expect("each number and each kind comes once");
    }
    map.set_allow_mixed(true);
    let values = map.read(packet.extensions());
    if let Some(allocation) = values.layers_allocation.and_then(|range| range.of(bytes)) {
        write_allocation_again(allocation);
    }
    let csrcs: Vec<Ssrc> = packet.csrcs().collect();
    let outgoing = OutgoingHeader {
        marker: header.marker,
        payload_type: header.payload_type,
        seq: header.seq,
        timestamp: header.timestamp,
        ssrc: header.ssrc,
        csrcs: &csrcs,
        has_padding: header.has_padding,
    };
    let mut written = vec![0; header.header_len + 256];
    let layout = write_header(&mut written, &outgoing, &map, &values, bytes).expect("there is room");
    let read = Header::parse(&written).expect("a header that was written can be read");
    assert_eq!(read.header_len, layout.header_len);
    assert_eq!(
        (read.marker, read.payload_type, read.seq, read.timestamp, read.ssrc, read.has_padding),
        (header.marker, header.payload_type, header.seq, header.timestamp, header.ssrc, header.has_padding)
    );
    assert!(read.csrcs(&written).eq(csrcs));
    assert_same(&map.read(read.extensions(&written)), &written, &values, bytes);
}

/// The same values, wherever their long ones lie.
///
/// # Panics
/// If they are not.
pub(crate) fn assert_same(read: &ExtensionValues, packet: &[u8], expected: &ExtensionValues, raw: &[u8]) {
    let long = |values: &ExtensionValues| {
        [values.color_space, values.dependency_descriptor, values.layers_allocation]
    };
    for (read, expected) in long(read).into_iter().zip(long(expected)) {
        assert_eq!(read.and_then(|range| range.of(packet)), expected.and_then(|range| range.of(raw)));
    }
    let short = |values: &ExtensionValues| ExtensionValues {
        color_space: None,
        dependency_descriptor: None,
        layers_allocation: None,
        ..*values
    };
    assert_eq!(short(read), short(expected));
}

fn write_allocation_again(bytes: &[u8]) {
    let Some(allocation) = VideoLayersAllocation::parse(bytes) else {
        return;
    };
    let mut buffer = [0; 1_024];
    let mut out = Writer::new(&mut buffer);
    allocation.write(&mut out).expect("there is room");
    if allocation.layers.iter().flatten().flatten().next().is_some() {
        assert_eq!(VideoLayersAllocation::parse(out.written()), Some(allocation));
    }
}

/// Reads `bytes` as RTCP, and writes each packet again: it reads the same.
///
/// # Panics
/// If anything is found that must not be.
pub fn exercise_rtcp(bytes: &[u8]) {
    for packet in packets(bytes).flatten() {
        // One that announces many packets is rewritten packet by packet.
        let mut buffer = vec![0; 1 << 18];
        let mut out = Compound::new(&mut buffer);
        if !write_again(&packet, &mut out) {
            continue;
        }
        let mut read = packets(out.written());
        let again = read.next().expect("a packet was written").expect("what was written can be read");
        assert_eq!(read.next(), None);
        compare(&packet, &again);
    }
}

/// False if there is nothing that could be written: a packet that says nothing, or that only others write.
fn write_again(packet: &Packet<'_>, out: &mut Compound<'_>) -> bool {
    match *packet {
        Packet::SenderReport { info, reports } => {
            out.sender_report(&info, &reports.iter().collect::<Vec<_>>()).is_ok()
        }
        Packet::ReceiverReport { ssrc, reports } => {
            out.receiver_report(ssrc, &reports.iter().collect::<Vec<_>>()).is_ok()
        }
        Packet::SourceDescription(chunks) => write_chunks(chunks, out),
        Packet::Bye(bye) => {
            let reason = bye.reason.map(std::str::from_utf8).transpose();
            reason.is_ok_and(|reason| out.bye(&bye.ssrcs.iter().collect::<Vec<_>>(), reason).is_ok())
        }
        Packet::App { subtype, ssrc, name, data } => {
            data.len().is_multiple_of(4) && out.app(subtype, ssrc, name, data).is_ok()
        }
        Packet::ExtendedReport { ssrc, blocks } => out.extended_report(ssrc, blocks.iter()).is_ok(),
        Packet::Nack(nack) => out.nack(nack.sender, nack.media, nack.seqs()).is_ok(),
        Packet::Twcc(twcc) => write_twcc(&twcc, out),
        Packet::Ccfb(ccfb) => {
            CcfbDecoder::new().decode(&ccfb).for_each(drop);
            let blocks = ccfb.blocks().filter(|block| block.count() > 0);
            let written = out.ccfb(ccfb.sender, ccfb.time, |writer| {
                blocks.for_each(|block| {
                    let statuses = block.statuses().map(|(_, arrival)| arrival);
                    assert_eq!(writer.block(block.ssrc, block.first, statuses), Ok(block.count()));
                });
            });
            written.is_ok()
        }
        Packet::PictureLoss { sender, media } => out.picture_loss(sender, media).is_ok(),
        Packet::FullIntraRequest { sender, entries } => {
            out.full_intra_request(sender, &entries.iter().collect::<Vec<_>>()).is_ok()
        }
        Packet::Remb(remb) => {
            remb.bitrate != Bitrate::MAX
                && out.remb(remb.sender, remb.bitrate, &remb.ssrcs.iter().collect::<Vec<_>>()).is_ok()
        }
        Packet::Other { .. } => false,
    }
}

fn write_chunks(chunks: Chunks<'_>, out: &mut Compound<'_>) -> bool {
    let items: Vec<_> = chunks.iter().map(described).collect();
    let chunks: Vec<_> = items.iter().map(|(ssrc, items)| OutgoingChunk { ssrc: *ssrc, items }).collect();
    out.source_description(&chunks).is_ok()
}

fn write_twcc(twcc: &Twcc<'_>, out: &mut Compound<'_>) -> bool {
    let decoded = TwccDecoder::new().decode(twcc, 1 << 32).expect("far from the first packet");
    assert_eq!(decoded.count(), twcc.count());
    let mut before = 0;
    let deltas: Vec<Option<i16>> = twcc
        .statuses()
        .map(|(_, arrival)| {
            arrival.map(|ticks| {
                let delta = i16::try_from(ticks - before).expect("it was read from so many bits");
                before = ticks;
                delta
            })
        })
        .collect();
    let written = out.twcc(twcc.sender, twcc.media, twcc.base, deltas.iter().copied());
    if let Ok(count) = written {
        assert_eq!(count, twcc.count());
    }
    written.is_ok()
}

fn compare(packet: &Packet<'_>, again: &Packet<'_>) {
    match (packet, again) {
        // Those that can say the same in several ways.
        (Packet::Nack(first), Packet::Nack(second)) => {
            let seqs = |nack: &crate::rtcp::Nack<'_>| nack.seqs().map(|seq| seq.0).collect::<BTreeSet<_>>();
            assert_eq!((first.sender, first.media, seqs(first)), (second.sender, second.media, seqs(second)));
        }
        (Packet::Twcc(first), Packet::Twcc(second)) => {
            assert_eq!((first.sender, first.media, first.base), (second.sender, second.media, second.base));
            assert!(first.statuses().eq(second.statuses()));
        }
        (Packet::Ccfb(first), Packet::Ccfb(second)) => {
            assert_eq!((first.sender, first.time), (second.sender, second.time));
            let blocks = |ccfb: &crate::rtcp::Ccfb<'_>| {
                let blocks = ccfb.blocks().filter(|block| block.count() > 0);
                blocks
                    .map(|block| (block.ssrc, block.first, block.statuses().map(known).collect::<Vec<_>>()))
                    .collect::<Vec<_>>()
            };
            assert_eq!(blocks(first), blocks(second));
        }
        (Packet::SourceDescription(first), Packet::SourceDescription(second)) => {
            assert!(first.iter().map(described).eq(second.iter().map(described)));
        }
        (
            Packet::ExtendedReport { ssrc, blocks },
            Packet::ExtendedReport { ssrc: ssrc_again, blocks: blocks_again },
        ) => {
            assert_eq!(ssrc, ssrc_again);
            assert!(blocks.iter().eq(blocks_again.iter()));
        }
        (
            Packet::FullIntraRequest { sender, entries },
            Packet::FullIntraRequest { sender: sender_again, entries: entries_again },
        ) => {
            assert_eq!(sender, sender_again);
            assert!(entries.iter().eq(entries_again.iter()));
        }
        _ => assert_eq!(packet, again),
    }
}

fn known<T>((_, arrival): (T, Option<CcfbArrival>)) -> Option<CcfbArrival> {
    arrival
}

fn described(chunk: Chunk<'_>) -> (Ssrc, Vec<Item<'_>>) {
    (chunk.ssrc, chunk.items.iter().collect())
}
