//! Headers and their extensions, read and written.

use crate::extension::{
    AbsCaptureTime, AbsSendTime, AudioLevel, FeedbackRequest, LayerSize, MapError, PlayoutDelay, RawRange,
    Rotation, SpatialLayer, TransmissionOffset, TransportSequence, VideoLayersAllocation, VideoOrientation,
    VideoTiming,
};
use crate::testing::assert_same;
use crate::{
    ExtensionKind, ExtensionMap, ExtensionValues, Header, HeaderCache, OutgoingHeader, ParseError, RtpPacket,
    write_header, write_padding,
};
use moim_wire::{Bitrate, NtpTime, PayloadType, RtpTimestamp, SeqNo, Ssrc, Writer};
use std::time::Duration;

fn outgoing() -> OutgoingHeader<'static> {
    OutgoingHeader {
        marker: true,
        payload_type: PayloadType::new(96).unwrap(),
        seq: SeqNo(0x1234),
        timestamp: RtpTimestamp(0x89AB_CDEF),
        ssrc: Ssrc(0xCAFE_BABE),
        csrcs: &[],
        has_padding: false,
    }
}

/// Every kind, by its place in [`ExtensionKind::ALL`], but without the first version of transport sequence numbers.
fn map_of_all() -> ExtensionMap {
    let mut map = ExtensionMap::new();
    map.set_allow_mixed(true);
    for (id, kind) in (1..).filter(|id| *id != 15).zip(ExtensionKind::ALL) {
        if kind != ExtensionKind::TransportSequenceNumber {
            map.insert(id, kind).unwrap();
        }
    }
    map
}

fn every_value(raw: &[u8]) -> ExtensionValues {
    ExtensionValues {
        mid: Some("video0".parse().unwrap()),
        rid: Some("hi".parse().unwrap()),
        repaired_rid: Some("lo".parse().unwrap()),
        transport_sequence: Some(TransportSequence {
            seq: SeqNo(77),
            feedback_request: Some(FeedbackRequest { with_times: true, packet_count: 300 }),
        }),
        abs_send_time: Some(AbsSendTime::from_bits(0x12_3456)),
        audio_level: Some(AudioLevel { voice: true, attenuation_db: 33 }),
        abs_capture_time: Some(AbsCaptureTime { at: NtpTime(0x0102_0304_0506_0708), clock_offset: Some(-5) }),
        playout_delay: Some(PlayoutDelay { min_10ms: 0x123, max_10ms: 0xABC }),
        video_orientation: Some(VideoOrientation {
            back_camera: true,
            flipped: false,
            rotation: Rotation::ThreeQuarters,
        }),
        video_content_type: Some(1),
        video_timing: Some(VideoTiming {
            flags: 1,
            encode_start_ms: 2,
            network_out_ms: 700,
            ..Default::default()
        }),
        transmission_offset: Some(TransmissionOffset::new(-12_345)),
        color_space: RawRange::new(0, 4),
        dependency_descriptor: RawRange::new(4, raw.len() - 6),
        layers_allocation: RawRange::new(raw.len() - 2, 2),
    }
}

/// Covers: RFC 3550 §5.1
#[test]
fn a_plain_header_is_read_as_written() {
    let csrcs = [Ssrc(1), Ssrc(2)];
    let mut packet = [0; 64];
    let header = OutgoingHeader { csrcs: &csrcs, has_padding: true, ..outgoing() };
    let layout =
        write_header(&mut packet, &header, &ExtensionMap::new(), &ExtensionValues::default(), &[]).unwrap();
    assert_eq!(layout.header_len, 20);
    packet[20..23].copy_from_slice(b"abc");
    write_padding(&mut packet[23..28]);

    let read = RtpPacket::parse(&packet[..28]).unwrap();

    assert!(read.header().marker);
    assert_eq!(read.header().payload_type.get(), 96);
    assert_eq!(read.header().seq, SeqNo(0x1234));
    assert_eq!(read.header().timestamp, RtpTimestamp(0x89AB_CDEF));
    assert_eq!(read.header().ssrc, Ssrc(0xCAFE_BABE));
    assert!(read.csrcs().eq(csrcs));
    assert_eq!((read.payload(), read.padding_len()), (&b"abc"[..], 5));
    assert_eq!(read.extensions().count(), 0);
}

#[test]
fn what_is_no_packet_is_refused() {
    let mut packet = [0; 20];
    write_header(&mut packet, &outgoing(), &ExtensionMap::new(), &ExtensionValues::default(), &[]).unwrap();

    assert_eq!(Header::parse(&packet[..11]), Err(ParseError::TooShort));
    let with_first = |first: u8| {
        let mut packet = packet;
        packet[0] = first;
        packet
    };
    assert_eq!(Header::parse(&with_first(0x40)), Err(ParseError::Version));
    assert_eq!(Header::parse(&with_first(0x83)), Err(ParseError::TooShort), "three sources in eight bytes");
    let mut extended = with_first(0x90);
    extended[15] = 2;
    assert_eq!(Header::parse(&extended), Err(ParseError::TooShort));
    let padded = with_first(0xA0);
    assert_eq!(RtpPacket::parse(&padded).err(), Some(ParseError::Padding), "none, though announced");
    let mut overlong = padded;
    overlong[19] = 9;
    assert_eq!(RtpPacket::parse(&overlong).err(), Some(ParseError::Padding));
    overlong[19] = 8;
    assert_eq!(RtpPacket::parse(&overlong).unwrap().payload(), b"");
}

/// Covers: RFC 8285 §4.2, §4.3
#[test]
fn every_extension_is_read_as_written_in_either_form() {
    let long: Vec<u8> = (0..60).collect();
    let short: Vec<u8> = (0..12).collect();
    for (raw, profile) in [(&long, [0x10, 0x00]), (&short, [0xBE, 0xDE])] {
        let mut map = ExtensionMap::new();
        map.set_allow_mixed(true);
        // The one-byte form has numbers for 14 kinds.
        let left_out = [ExtensionKind::TransportSequenceNumber, ExtensionKind::RepairedRid];
        let kinds = ExtensionKind::ALL.into_iter().filter(|kind| !left_out.contains(kind));
        kinds.zip(1..).for_each(|(kind, id)| map.insert(id, kind).unwrap());
        let values = ExtensionValues { repaired_rid: None, ..every_value(raw) };
        let mut packet = [0; 300];

        let layout = write_header(&mut packet, &outgoing(), &map, &values, raw).unwrap();

        assert_eq!(packet[12..14], profile);
        let read = Header::parse(&packet[..layout.header_len]).unwrap();
        assert_eq!(read.header_len, layout.header_len);
        assert_same(&map.read(read.extensions(&packet)), &packet, &values, raw);
    }
}

#[test]
fn numbers_above_14_need_the_two_byte_form() {
    let raw: Vec<u8> = (0..12).collect();
    let map = map_of_all();
    let mut packet = [0; 300];
    let values = every_value(&raw);

    let layout = write_header(&mut packet, &outgoing(), &map, &values, &raw).unwrap();

    assert_eq!(packet[12..14], [0x10, 0x00]);
    let read = Header::parse(&packet[..layout.header_len]).unwrap();
    assert_same(&map.read(read.extensions(&packet)), &packet, &values, &raw);
}

/// Covers: RFC 8285 §4.1
#[test]
fn what_needs_the_other_form_is_left_out_where_forms_may_not_mix() {
    let raw = [7; 40];
    let mut map = ExtensionMap::new();
    map.insert(1, ExtensionKind::Mid).unwrap();
    map.insert(2, ExtensionKind::DependencyDescriptor).unwrap();
    let values = ExtensionValues {
        mid: Some("0".parse().unwrap()),
        dependency_descriptor: RawRange::new(0, 40),
        ..ExtensionValues::default()
    };
    let mut packet = [0; 100];

    write_header(&mut packet, &outgoing(), &map, &values, &raw).unwrap();
    assert_eq!(packet[12..20], [0xBE, 0xDE, 0, 1, 0x10, b'0', 0, 0]);

    map.insert(16, ExtensionKind::Rid).unwrap();
    let layout = write_header(&mut packet, &outgoing(), &map, &values, &raw).unwrap();
    assert_eq!(packet[12..14], [0x10, 0x00], "one number that is too large makes all packets of that form");
    assert_eq!(layout.header_len, 12 + 4 + (3 + 42_usize).next_multiple_of(4));
}

/// Covers: RFC 8285 §4.2, §4.3
#[test]
fn elements_end_where_they_cannot_be_read_any_more() {
    let with_block = |profile: [u8; 2], block: &[u8]| {
        let mut packet = [0; 12].to_vec();
        packet[0] = 0x90;
        packet.extend_from_slice(&profile);
        packet.extend_from_slice(&[0, u8::try_from(block.len() / 4).unwrap()]);
        packet.extend_from_slice(block);
        packet
    };
    let ids = |packet: &[u8]| -> Vec<(u8, Vec<u8>)> {
        let header = Header::parse(packet).unwrap();
        header.extensions(packet).map(|element| (element.id, element.data.to_vec())).collect()
    };

    let padded = with_block([0xBE, 0xDE], &[0x10, 1, 0, 0, 0x20, 2, 0, 0]);
    assert_eq!(ids(&padded), [(1, vec![1]), (2, vec![2])]);
    let stopped = with_block([0xBE, 0xDE], &[0x10, 1, 0xF0, 9, 0x20, 2, 0, 0]);
    assert_eq!(ids(&stopped), [(1, vec![1])], "the number 15 ends it");
    let overlong = with_block([0xBE, 0xDE], &[0x10, 1, 0x2F, 9]);
    assert_eq!(ids(&overlong), [(1, vec![1])]);
    let two_byte = with_block([0x10, 0x00], &[1, 0, 0, 2, 1, 7, 3, 200]);
    assert_eq!(ids(&two_byte), [(1, vec![]), (2, vec![7])]);
    let application_bits = with_block([0x10, 0x05], &[1, 1, 7, 0]);
    assert_eq!(ids(&application_bits), [(1, vec![7])]);
    assert_eq!(ids(&with_block([0xAB, 0xAC], &[0x10, 1, 0, 0])), [], "another profile's");
}

#[test]
fn the_pacer_writes_late_what_is_known_late() {
    let mut map = ExtensionMap::new();
    map.insert(3, ExtensionKind::TransportSequenceNumber).unwrap();
    map.insert(4, ExtensionKind::AbsSendTime).unwrap();
    let values = ExtensionValues {
        transport_sequence: Some(TransportSequence::default()),
        abs_send_time: Some(AbsSendTime::from_bits(0)),
        ..ExtensionValues::default()
    };
    let mut packet = [0; 64];
    let layout = write_header(&mut packet, &outgoing(), &map, &values, &[]).unwrap();
    let time = AbsSendTime::from_bits(0x00AB_CDEF);

    assert!(layout.has_transport_sequence());
    layout.set_transport_sequence(&mut packet, SeqNo(0x0102));
    layout.set_abs_send_time(&mut packet, time);

    let read = map.read(Header::parse(&packet).unwrap().extensions(&packet));
    assert_eq!(read.transport_sequence, Some(TransportSequence::new(SeqNo(0x0102))));
    assert_eq!(read.abs_send_time, Some(time));
}

#[test]
fn a_cache_writes_what_is_written_without_one() {
    let raw: Vec<u8> = (0..100).collect();
    let map = map_of_all();
    let (none, all) = (ExtensionValues::default(), every_value(&raw));
    let short = ExtensionValues {
        mid: all.mid,
        abs_send_time: all.abs_send_time,
        transport_sequence: Some(TransportSequence::default()),
        ..none
    };
    let louder =
        ExtensionValues { audio_level: Some(AudioLevel { voice: true, attenuation_db: 3 }), ..short };
    let long = ExtensionValues { dependency_descriptor: RawRange::new(4, 20), ..short };
    let elsewhere: Vec<u8> = (100..200).collect();
    let sources = [Ssrc(5), Ssrc(6)];
    let mut cache = HeaderCache::new(false);
    let mut headers = (0..).map(|number: u16| OutgoingHeader {
        marker: number.is_multiple_of(2),
        payload_type: PayloadType::new(if number.is_multiple_of(3) { 96 } else { 111 }).unwrap(),
        seq: SeqNo(number),
        timestamp: RtpTimestamp(u32::from(number) * 3_000),
        ssrc: Ssrc(u32::from(number % 5)),
        csrcs: if number % 4 == 3 { &sources } else { &[] },
        has_padding: number.is_multiple_of(7),
    });

    for _ in 0..30 {
        for (values, raw) in
            [(&none, &raw), (&short, &raw), (&long, &raw), (&long, &elsewhere), (&louder, &raw), (&all, &raw)]
        {
            for header in headers.by_ref().take(5) {
                for room in [300, 20] {
                    let (mut with, mut without) = ([0xAA; 300], [0xAA; 300]);
                    let rid = all.rid.filter(|_| header.seq.0.is_multiple_of(2));
                    let complete = ExtensionValues { rid, ..*values };
                    let expected = write_header(&mut without[..room], &header, &map, &complete, raw);
                    let is_named = header.seq.0.is_multiple_of(2);
                    let name = |values: &mut ExtensionValues| values.rid = all.rid.filter(|_| is_named);
                    let layout =
                        cache.write(&mut with[..room], &header, &map, (values, raw), (is_named, name));

                    assert_eq!(layout, expected);
                    let len = expected.map_or(0, |layout| layout.header_len);
                    assert_eq!(with[..len], without[..len], "{values:?}");
                }
            }
        }
    }
}

#[test]
fn a_map_has_one_number_for_an_extension() {
    let mut map = ExtensionMap::new();

    assert_eq!(map.insert(0, ExtensionKind::Mid), Err(MapError::Id));
    assert_eq!(map.insert(15, ExtensionKind::Mid), Err(MapError::Id));
    assert_eq!(map.insert(1, ExtensionKind::Mid), Ok(()));
    assert_eq!(map.insert(1, ExtensionKind::Mid), Ok(()));
    assert_eq!(map.insert(2, ExtensionKind::Mid), Err(MapError::Taken));
    assert_eq!(map.insert(1, ExtensionKind::Rid), Err(MapError::Taken));
    assert_eq!(map.iter().collect::<Vec<_>>(), [(1, ExtensionKind::Mid)]);
    for kind in ExtensionKind::ALL {
        assert_eq!(ExtensionKind::from_uri(kind.uri()), Some(kind));
    }
}

#[test]
fn send_times_go_round_every_64_s() {
    let at = |millis| AbsSendTime::from_ntp(NtpTime::from_unix(Duration::from_millis(millis)));

    assert_eq!(at(64_500).bits(), at(500).bits());
    assert_eq!(at(64_250).since(at(63_750)), Some(Duration::from_millis(500)));
    assert_eq!(at(63_750).since(at(64_250)), None, "it is earlier");
}

#[test]
fn layers_allocations_are_read_as_written() {
    let layer = |kbps: &[u64], size: Option<LayerSize>| {
        let mut layer =
            SpatialLayer { temporal_count: u8::try_from(kbps.len()).unwrap(), size, ..Default::default() };
        layer.rates.iter_mut().zip(kbps).for_each(|(rate, kbps)| *rate = Bitrate::from_kbps(*kbps));
        Some(layer)
    };
    let size = |width, height| Some(LayerSize { width, height, fps_max: 30 });
    let mut simulcast = VideoLayersAllocation { stream: 2, stream_count: 3, ..Default::default() };
    simulcast.layers[0][0] = layer(&[50, 100, 150], size(320, 180));
    simulcast.layers[1][0] = layer(&[200, 500], size(640, 360));
    simulcast.layers[2][0] = layer(&[2_500], size(65_536, 720));
    let mut uneven = VideoLayersAllocation { stream: 0, stream_count: 3, ..Default::default() };
    uneven.layers[0] = [layer(&[1], None), None, layer(&[128], None), layer(&[300, 301], None)];
    uneven.layers[2] = [None, layer(&[16_384], None), layer(&[5], None), None];

    for allocation in [VideoLayersAllocation::default(), simulcast, uneven] {
        let mut buffer = [0; 128];
        let mut out = Writer::new(&mut buffer);
        allocation.write(&mut out).unwrap();

        assert_eq!(VideoLayersAllocation::parse(out.written()), Some(allocation));
        for len in 1..out.len() {
            // Cut anywhere, it is another one or none; it never panics.
            let _ = VideoLayersAllocation::parse(&out.written()[..len]);
        }
    }
}
