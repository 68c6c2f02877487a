//! Real offers of other implementations.

use super::pair::{answer, ids, listed};
use moim_sdp::jsep::DtlsRole;
use moim_sdp::{Direction, SessionDescription};
use moim_wire::Ssrc;

macro_rules! vector {
    ($name:literal) => {
        include_str!(concat!("../../../../tests/vectors/sdp/", $name, ".sdp"))
    };
}

const ALL: [&str; 13] = [
    vector!("aiortc-av-data"),
    vector!("chromium-av-sendrecv"),
    vector!("chromium-datachannel"),
    vector!("chromium-h264"),
    vector!("chromium-simulcast-vp8"),
    vector!("chromium-svc-vp9-l3t3key"),
    vector!("firefox-av-sendrecv"),
    vector!("firefox-datachannel"),
    vector!("firefox-relay-policy"),
    vector!("firefox-simulcast-vp8"),
    vector!("gstreamer-av-data-max-bundle"),
    vector!("gstreamer-av-data-no-bundle"),
    vector!("libwebrtc-av-data"),
];

#[test]
fn what_others_send_is_written_as_it_was_read() {
    for text in ALL {
        assert_eq!(SessionDescription::parse(text).unwrap().to_string(), text);
    }
}

#[test]
fn chromium_is_answered_with_its_own_numbers() {
    let answered = answer(vector!("chromium-av-sendrecv"));
    let (audio, video) = (answered.media(0), answered.media(1));

    assert_eq!(answered.answer.bundle().unwrap().len(), 2);
    assert_eq!((audio.mid.as_str(), video.mid.as_str()), ("0", "1"));
    assert_eq!(listed(&audio.send_codecs)[..2], [(111, None, "opus"), (9, None, "G722")]);
    let pictures = [
        (96, Some(97), "VP8"),
        (102, Some(103), "H264"),
        (108, Some(109), "H264"),
        (45, Some(46), "AV1"),
        (98, Some(99), "VP9"),
    ];
    assert_eq!(listed(&video.send_codecs), pictures);
    assert_eq!(listed(&video.receive_codecs), pictures);
    assert_eq!(video.send_codecs[1].codec.parameters.get("profile-level-id"), Some("42001f"));
    let feedback: Vec<_> = video.send_codecs[0].codec.feedback.iter().map(ToString::to_string).collect();
    assert_eq!(feedback, ["goog-remb", "transport-cc", "ccm fir", "nack", "nack pli"]);
    assert_eq!(
        ids(audio),
        [
            (1, "ssrc-audio-level"),
            (2, "abs-send-time"),
            (3, "draft-holmer-rmcat-transport-wide-cc-extensions-01"),
            (4, "mid")
        ]
    );
    let pictures = ids(video);
    assert!(pictures.contains(&(13, "video-orientation")) && pictures.contains(&(10, "rtp-stream-id")));
    assert!(audio.allow_mixed && audio.rtcp_rsize);
    assert_eq!((video.remote_ssrcs.len(), video.remote_ssrcs[0].ssrc), (1, Ssrc(388_144_917)));
    assert_eq!(video.remote_ssrcs[0].rtx, Some(Ssrc(4_139_252_173)));
    assert_eq!(video.remote_ssrcs[0].cname.as_deref(), Some("X1Ip6uDB2SEiqk2Q"));
}

#[test]
fn a_browsers_transport_is_that_of_its_first_section() {
    let answered = answer(vector!("chromium-av-sendrecv"));
    let transport = answered.changes.transport.unwrap();

    assert_eq!(
        (transport.ice_ufrag.as_str(), transport.ice_pwd.as_str()),
        ("fwbL", "bixZt8mz6FrXxKBYrq8UrMou")
    );
    assert_eq!(transport.role, DtlsRole::Server, "we prefer to choose the SRTP profile");
    assert_eq!(transport.candidates.len(), 4);
    assert!(
        transport.candidates.iter().all(|candidate| candidate.port != 46_359),
        "the other section's port"
    );
    assert!(
        transport.trickles() && !transport.end_of_candidates && !transport.ice_restart && !transport.ice_lite
    );
    assert_eq!((transport.fingerprints.len(), transport.sctp), (1, None));
}

#[test]
fn a_browsers_tracks_are_told_with_its_offer() {
    let answered = answer(vector!("chromium-av-sendrecv"));
    let change = &answered.offered.transceivers[0];

    assert!(change.added_by_remote && change.remote_sends && change.media.is_none());
    assert_eq!(change.remote_streams, ["a7c41900-eae0-4069-848d-0157cc823692"]);
    assert_eq!(change.remote_track.as_deref(), Some("f5eb22c0-e01c-470a-ba19-209cd3d28a28"));
    assert_eq!(answered.changes.transceivers[0].current_direction, Some(Direction::RecvOnly));
}

/// Covers: RFC 8841 §5, RFC 8841 §6
#[test]
fn data_channels_of_browsers_are_answered() {
    for (text, size) in
        [(vector!("chromium-datachannel"), 262_144), (vector!("firefox-datachannel"), 1_073_741_823)]
    {
        let answered = answer(text);
        let sctp = answered.changes.transport.unwrap().sctp.unwrap();

        assert_eq!((sctp.port, sctp.max_message_size), (5_000, Some(size)));
        assert_eq!(answered.answer.media[0].protocol, "UDP/DTLS/SCTP");
        assert_eq!(answered.answer.media[0].sctp_port(), Some(5_000));
        assert!(answered.negotiator.has_data_section());
    }
}

#[test]
fn the_order_of_browsers_codecs_is_kept() {
    let h264 = answer(vector!("chromium-h264"));
    let svc = answer(vector!("chromium-svc-vp9-l3t3key"));

    assert_eq!(listed(&h264.media(0).send_codecs)[0], (102, Some(103), "H264"));
    assert_eq!(listed(&h264.media(0).send_codecs)[1], (108, Some(109), "H264"));
    assert_eq!(listed(&svc.media(0).send_codecs)[0], (98, Some(99), "VP9"));
    assert!(ids(svc.media(0)).contains(&(13, "dependency-descriptor-rtp-header-extension")));
}

#[test]
fn simulcast_of_browsers_is_received() {
    for text in [vector!("chromium-simulcast-vp8"), vector!("firefox-simulcast-vp8")] {
        let answered = answer(text);
        let written = answered.answer.to_string();

        let rids: Vec<_> = answered.media(0).receive_rids.iter().map(ToString::to_string).collect();
        assert_eq!(rids, ["q", "h", "f"]);
        assert!(
            written.contains("a=rid:q recv\r\na=rid:h recv\r\na=rid:f recv\r\na=simulcast:recv q;h;f\r\n")
        );
    }
}

#[test]
fn firefox_sends_some_extensions_one_way() {
    let answered = answer(vector!("firefox-simulcast-vp8"));
    let media = answered.media(0);

    let rid = media.extensions.iter().find(|extension| extension.id == 9).unwrap();
    assert_eq!(rid.direction, Direction::RecvOnly);
    assert!(
        answered
            .answer
            .to_string()
            .contains("a=extmap:9/recvonly urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id")
    );
    assert_eq!(
        listed(&media.send_codecs),
        [(120, Some(124), "VP8"), (121, Some(125), "VP9"), (99, Some(100), "AV1")]
    );
    assert_eq!(
        media.send_codecs[0].codec.parameters.get("max-fs"),
        Some("12288"),
        "what its receiver can do"
    );
    assert_eq!(media.receive_codecs[0].codec.parameters.get("max-fs"), None, "what ours can do");
    assert!(media.allow_mixed, "said in the section, not for the session");
}

#[test]
fn firefox_says_who_it_is_for_the_session() {
    let answered = answer(vector!("firefox-relay-policy"));
    let transport = answered.changes.transport.unwrap();

    assert_eq!(transport.fingerprints.len(), 1);
    assert!(transport.trickles() && transport.end_of_candidates && transport.candidates.is_empty());
}

#[test]
fn aiortc_is_answered() {
    let answered = answer(vector!("aiortc-av-data"));
    let transport = answered.changes.transport.as_ref().unwrap();

    assert_eq!(transport.fingerprints.len(), 3, "one for each hash function it has");
    assert!(!transport.trickles() && transport.end_of_candidates);
    assert_eq!(transport.sctp.as_ref().unwrap().port, 5_000);
    assert_eq!(listed(&answered.media(0).send_codecs)[0], (96, None, "opus"));
    let pictures = listed(&answered.media(1).send_codecs);
    assert_eq!(pictures, [(97, Some(98), "VP8"), (99, Some(100), "H264"), (101, Some(102), "H264")]);
    assert!(!answered.media(1).rtcp_rsize && !answered.media(1).allow_mixed);
}

/// Covers: RFC 9143 §6
#[test]
fn gstreamers_bundle_only_sections_are_not_rejected_ones() {
    let answered = answer(vector!("gstreamer-av-data-max-bundle"));

    let mids: Vec<_> = answered.answer.bundle().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(mids, ["video0", "audio1", "application2"]);
    assert_eq!(listed(&answered.media(1).send_codecs), [(111, None, "OPUS")]);
    let video = &answered.changes.transceivers[0];
    assert_eq!(video.remote_streams, ["user3930832692@host-c55d6082"], "said by its RTP stream only");
    assert_eq!(video.remote_track.as_deref(), Some("webrtctransceiver0"));
    assert_eq!(
        answered.changes.transport.unwrap().sctp.unwrap().max_message_size,
        Some(65_536),
        "the default"
    );
}

/// Covers: RFC 9143 §7.3
#[test]
fn what_is_not_bundled_is_rejected() {
    let answered = answer(vector!("gstreamer-av-data-no-bundle"));

    let rejected: Vec<_> = answered.answer.media.iter().map(moim_sdp::MediaSection::is_rejected).collect();
    assert_eq!(rejected, [false, true, true]);
    assert_eq!(answered.answer.bundle(), None);
    assert_eq!(answered.changes.transceivers.len(), 1);
}

#[test]
fn libwebrtcs_tracks_may_belong_to_no_stream() {
    let answered = answer(vector!("libwebrtc-av-data"));

    assert!(answered.changes.transceivers[0].remote_streams.is_empty());
    assert_eq!(
        answered.changes.transceivers[0].remote_track.as_deref(),
        Some("825de1de-1cb4-4c79-95f4-d6f0349aaec6")
    );
    assert_eq!(
        listed(&answered.media(1).send_codecs)[1],
        (39, Some(40), "AV1"),
        "no parameters are those of profile 0"
    );
}

/// What encoders that use libdatachannel write: the transport for the session, and options between commas.
#[test]
fn an_encoder_may_say_everything_for_the_session() {
    let text = "v=0\r\no=rtc 3877212184 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n\
        a=group:BUNDLE 0 1\r\na=group:LS 0 1\r\na=msid-semantic:WMS *\r\na=setup:actpass\r\na=ice-ufrag:nxcM\r\n\
        a=ice-pwd:ezjAjgSSLLvbRhUA1zc6Se\r\na=ice-options:ice2,trickle\r\n\
        a=fingerprint:sha-256 4E:7F:77:DB:7E:A3:A6:4E:5D:27:EB:39:D2:1B:96:9F:91:C9:58:8B:30:B4:AA:0F:77:60:5A:F3:86:60:03:F3\r\n\
        m=audio 57249 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 192.0.2.2\r\na=mid:0\r\na=sendonly\r\n\
        a=ssrc:3388068600 cname:Yuu1KDxQcc3L5CpY\r\na=rtcp-mux\r\na=rtpmap:111 OPUS/48000/2\r\n\
        m=video 57249 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 192.0.2.2\r\na=mid:1\r\na=sendonly\r\n\
        a=ssrc:3388068601 cname:Yuu1KDxQcc3L5CpY\r\na=rtcp-mux\r\na=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 profile-level-id=42e01f;packetization-mode=1;level-asymmetry-allowed=1\r\n";
    let answered = answer(text);

    assert_eq!(SessionDescription::parse(text).unwrap().to_string(), text);
    let transport = answered.changes.transport.as_ref().unwrap();
    assert!(transport.trickles());
    assert_eq!(transport.ice_ufrag, "nxcM");
    assert_eq!(answered.media(0).direction, Direction::RecvOnly);
    assert_eq!(answered.media(1).remote_ssrcs[0].ssrc, Ssrc(3_388_068_601));
}
