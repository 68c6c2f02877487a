use super::world::{Link, World, config};
use super::{AUDIO, VIDEO};
use moim_peer::sdp::jsep::{EncodingInit, SenderInit, TransceiverInit};
use moim_peer::sdp::{Direction, RtcpFeedback};
use moim_peer::{Event, OutgoingRtp, PACKET_LEN_MAX, SendError};
use moim_wire::{Bitrate, MediaKind, Rid, RtpTimestamp, SeqNo};
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn a_simulcast_arrives_with_the_names_of_its_encodings() {
    let mut world = World::new();
    let rids = ["q", "h", "f"].map(|rid| rid.parse::<Rid>().unwrap());
    let encodings = rids.map(|rid| EncodingInit { rid: Some(rid) }).to_vec();
    let sender = SenderInit { encodings, ..SenderInit::default() };
    let init = TransceiverInit { direction: Direction::SendOnly, sender, ..TransceiverInit::default() };
    let id = world.ends[0].connection.add_transceiver(MediaKind::Video, init, world.now).unwrap();
    world.negotiate(0);
    world.run_until_connected();
    let payload_type = world.payload_type(0, id);
    world.link.loss = 30;

    for number in 0..100_u32 {
        for encoding in 0..3 {
            let mut payload = [0; 400];
            payload[..4].copy_from_slice(&(number * 3 + u32::try_from(encoding).unwrap()).to_be_bytes());
            let packet = OutgoingRtp::new(payload_type, true, RtpTimestamp(number * 3000), &payload);
            world.ends[0].connection.send_rtp(id, encoding, &packet, world.now).unwrap();
        }
        world.run_for(Duration::from_millis(20));
    }
    world.run_for(Duration::from_secs(1));

    let mut streams = BTreeSet::new();
    for (rtp, payload) in &world.ends[1].media {
        let number = u32::from_be_bytes(payload[..4].try_into().unwrap());
        assert_eq!(rtp.rid, Some(rids[(number % 3) as usize]), "packet {number}");
        streams.insert(rtp.stream);
    }
    assert_eq!(streams.len(), 3, "retransmissions are of the stream that they repeat");
    let missing = world.missing(1, id, 290);
    assert_eq!(missing, [0; 0]);
    let repaired = world.ends[1].media.iter().filter(|(rtp, _)| rtp.is_repaired).count();
    assert!(repaired > 0);
}

#[test]
fn a_key_frame_that_is_wanted_is_asked_for_once() {
    let mut world = World::new();
    world.connected();
    world.stream(0, VIDEO, 10, Duration::from_millis(20), 500);
    world.run_for(Duration::from_secs(1));
    let stream = world.ends[1].media.iter().find(|(rtp, _)| rtp.transceiver == VIDEO).unwrap().0.stream;

    for _ in 0..20 {
        assert!(world.ends[1].connection.request_key_frame(stream, world.now));
        world.run_for(Duration::from_millis(5));
    }
    world.run_for(Duration::from_secs(1));

    let wanted = Event::KeyFrameRequested { transceiver: VIDEO, encoding: 0 };
    assert_eq!(world.ends[0].events.iter().filter(|event| **event == wanted).count(), 1);
}

/// Sends as much as the target allows for ten seconds, and hands out what the target is then.
fn target_after_ten_seconds(world: &mut World) -> Bitrate {
    world.connected();
    world.ends[0].connection.set_demand(Bitrate::from_kbps(5_000), world.now);
    let payload_type = world.payload_type(0, VIDEO);
    let mut target = Bitrate::from_kbps(300);
    let mut owed = 0;
    for number in 0..1_000_u32 {
        owed += target.bytes_in(Duration::from_millis(10));
        while owed >= 1_100 {
            owed -= 1_100;
            let packet = OutgoingRtp::new(payload_type, true, RtpTimestamp(number * 900), &[0; 1_100]);
            world.ends[0].connection.send_rtp(VIDEO, 0, &packet, world.now).unwrap();
        }
        world.run_for(Duration::from_millis(10));
        for event in world.ends[0].events.drain(..) {
            if let Event::TargetBitrate(told) = event {
                target = told;
            }
        }
        world.ends[1].media.clear();
    }
    target
}

#[test]
fn the_target_follows_the_network() {
    let target = target_after_ten_seconds(&mut World::new());

    assert!(target > Bitrate::from_kbps(1_500), "nothing limits, and the target is {target}");
}

/// Covers: RFC 8888 §3.1
#[test]
fn the_target_follows_reports_by_stream_as_well() {
    let configs = [config(), config()].map(|mut config| {
        for codec in config.capabilities.audio.iter_mut().chain(&mut config.capabilities.video) {
            codec.feedback.extend(RtcpFeedback::parse("ack ccfb"));
        }
        config
    });
    let [one, other] = configs;
    let mut world = World::with(one, other);

    let target = target_after_ten_seconds(&mut world);

    assert!(target > Bitrate::from_kbps(1_500), "nothing limits, and the target is {target}");
}

#[test]
fn statistics_say_what_happened() {
    let mut world = World::new();
    world.link = Link { loss: 50, ..world.link };
    world.connected();
    super::exchange(&mut world);
    world.run_for(Duration::from_secs(3));

    let [ours, theirs] = [0, 1].map(|end| world.ends[end].connection.stats());
    let video = |stats: &moim_peer::stats::StatsReport| {
        let found = stats.outbound_rtp.iter().find(|stream| stream.kind == "video").cloned();
        found.expect("video was sent")
    };
    let sent = video(&ours);
    let received = theirs.inbound_rtp.iter().find(|stream| stream.ssrc == sent.ssrc).unwrap();
    assert_eq!((sent.packets_sent, sent.bytes_sent, sent.frames_sent), (53, 53 * 1_100, 53));
    assert_eq!(received.packets_received + received.retransmitted_packets_received, 53);
    assert!(sent.retransmitted_packets_sent > 0 && received.nack_count > 0 && sent.nack_count > 0);
    let remote = ours.remote_inbound_rtp.iter().find(|stream| stream.ssrc == sent.ssrc).unwrap();
    let rtt = remote.round_trip_time.unwrap();
    assert!((0.015..0.05).contains(&rtt), "{rtt}");
    assert!(
        theirs.remote_outbound_rtp.iter().any(|stream| stream.ssrc == sent.ssrc && stream.packets_sent == 53)
    );
    assert_eq!(ours.transport.dtls_state, "connected");
    assert_eq!(ours.transport.srtp_cipher, theirs.transport.srtp_cipher);
    assert!(
        ours.transport.bytes_sent > sent.bytes_sent && ours.transport.available_outgoing_bitrate.is_some()
    );
    assert!(ours.candidate_pairs.iter().any(|pair| pair.selected && pair.state == "succeeded"));
    assert_eq!(ours.data_channels[0].messages_sent, 3);
    assert_eq!(theirs.peer_connection.data_channels_opened, 1);
}

#[test]
fn who_forwards_numbers_packets_itself_and_none_twice() {
    let mut world = World::new();
    world.connected();
    let payload_type = world.payload_type(0, VIDEO);
    let send = |world: &mut World, seq: u16| {
        let packet = OutgoingRtp {
            seq: Some(SeqNo(seq)),
            ..OutgoingRtp::new(payload_type, false, RtpTimestamp(0), b"payload")
        };
        world.ends[0].connection.send_rtp(VIDEO, 0, &packet, world.now)
    };

    for seq in [65_530, 65_532, 65_531, 2, 65_535] {
        assert_eq!(send(&mut world, seq), Ok(()), "{seq}");
    }
    for seq in [65_530, 65_532, 65_531, 2, 65_400] {
        assert_eq!(send(&mut world, seq), Err(SendError::SeqUsed), "{seq}");
    }
    world.run_for(Duration::from_secs(1));

    let mut seqs: Vec<_> = world.ends[1].media.iter().map(|(rtp, _)| rtp.header.seq.0).collect();
    seqs.sort_unstable();
    assert_eq!(seqs, [2, 65_530, 65_531, 65_532, 65_535]);
}

#[test]
fn what_cannot_be_sent_is_refused() {
    let mut one = config();
    one.stored_packets_max = 100;
    one.congestion = None;
    let mut world = World::with(one, config());
    world.connected();
    let payload_type = world.payload_type(0, VIDEO);
    let connection = &mut world.ends[0].connection;
    let packet = |payload| OutgoingRtp::new(payload_type, false, RtpTimestamp(0), payload);

    let long = [0; PACKET_LEN_MAX];
    assert_eq!(connection.send_rtp(VIDEO, 0, &packet(&long), world.now), Err(SendError::TooLong));
    assert_eq!(connection.send_rtp(VIDEO, 1, &packet(b"x"), world.now), Err(SendError::Unknown));
    assert_eq!(connection.send_rtp(AUDIO, 0, &packet(b"x"), world.now), Err(SendError::PayloadType));
    let sent =
        (0..1_000).take_while(|_| connection.send_rtp(VIDEO, 0, &packet(b"x"), world.now).is_ok()).count();
    assert_eq!(sent, 100, "what waits is bounded");
    assert_eq!(connection.send_rtp(VIDEO, 0, &packet(b"x"), world.now), Err(SendError::QueueFull));
}

#[test]
fn without_congestion_control_media_goes_as_it_comes() {
    let (mut one, mut other) = (config(), config());
    one.congestion = None;
    other.congestion = None;
    let mut world = World::with(one, other);
    world.link = Link { loss: 50, ..world.link };
    world.connected();
    super::exchange(&mut world);
}
