//! What the other side can do to media by what it says about it.
#![expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]

use super::*;
use moim_rtp::extension::RawRange;
use moim_rtp::rtcp::{Compound, FirEntry, TwccBase};
use moim_rtp::{ExtensionKind, ExtensionMap, ExtensionValues};
use moim_wire::{ExtSeqNo, MediaKind, Mid, PayloadType, RtpTimestamp, SeqNo};
use zeroize::Zeroizing;

const OWN: Ssrc = Ssrc(1);
const PROFILE: Profile = Profile::AeadAes128Gcm;

/// Media that sends one stream of pictures, and what the other side seals with.
struct Attacked {
    media: Media,
    sealer: Sealer,
    now: Instant,
}

fn payload_type() -> PayloadType {
    PayloadType::new(96).unwrap()
}

fn spec(feedback: CongestionFeedback) -> SectionSpec {
    let format = Format { clock_rate: 90_000, has_nack: true, has_pli: true, has_fir: true, rtx: None };
    let mut formats = Formats::default();
    formats.insert(payload_type(), format);
    SectionSpec {
        kind: MediaKind::Video,
        mid: Mid::from_bytes(b"0").unwrap(),
        extensions: ExtensionMap::new(),
        sends: true,
        receives: true,
        send_formats: formats.clone(),
        receive_formats: formats,
        encodings: vec![EncodingSpec { ssrc: OWN, rtx: None, rid: None, is_accepted: true }],
        remote_streams: Vec::new(),
        is_reduced_size: true,
        feedback,
    }
}

impl Attacked {
    fn new(feedback: CongestionFeedback) -> Self {
        let now = Instant::now();
        let config = MediaConfig {
            congestion: Some(moim_cc::Config::default()),
            pacer: moim_cc::PacerConfig::default(),
            stored_packets_max: 4_096,
            wall: NtpTime(0),
            cname: "cname".to_owned(),
        };
        let mut media = Media::new(config, [1; 32], now).unwrap();
        media.set_section(0, &spec(feedback), now);
        let material = Zeroizing::new((0..).take(PROFILE.exported_len()).collect::<Vec<u8>>());
        let theirs = KeyingMaterial::from_dtls(PROFILE, &material).unwrap().client_write;
        media.set_keys(&SrtpKeys { profile: PROFILE, material }, DtlsRole::Server).unwrap();
        Self { media, sealer: Sealer::new(PROFILE, &theirs).unwrap(), now }
    }

    /// Sends so many packets, from number 0 on.
    fn send(&mut self, count: u16) {
        for number in 0..count {
            let packet = OutgoingRtp {
                seq: Some(SeqNo(number)),
                ..OutgoingRtp::new(payload_type(), true, RtpTimestamp(0), &[7; 1_000])
            };
            self.media.send(0, 0, &packet, self.now).unwrap();
        }
        self.sent();
    }

    /// How many packets of media leave now.
    fn sent(&mut self) -> usize {
        let mut out = [0; 2_048];
        let mut count = 0;
        while self.media.poll_transmit(&NoPayloads, &mut out, self.now).is_some() {
            count += usize::from(!moim_rtp::rtcp::is_rtcp(&out));
        }
        count
    }

    /// The other side says something.
    fn hear(&mut self, write: impl FnOnce(&mut Compound<'_>)) {
        let mut packet = [0; 1_400];
        let mut compound = Compound::new(&mut packet[..1_200]);
        write(&mut compound);
        let len = compound.len();
        let len = self.sealer.seal_rtcp(&mut packet, len).unwrap();
        self.media.handle_rtcp(&mut packet[..len], self.now).unwrap();
    }

    fn ask_for(&mut self, seqs: std::ops::Range<u16>) {
        self.hear(|compound| {
            compound.nack(Ssrc(9), OWN, seqs.map(SeqNo)).unwrap();
        });
    }
}

#[test]
fn a_packet_that_waits_to_be_sent_again_waits_once() {
    for feedback in [CongestionFeedback::None, CongestionFeedback::Ccfb] {
        let mut attacked = Attacked::new(feedback);
        attacked.send(1);

        // There is no path to send by, and the other side goes on asking.
        for _ in 0..300 {
            attacked.now += Duration::from_millis(21);
            attacked.ask_for(0..1);
            attacked.now += Duration::from_millis(100);
            attacked.ask_for(0..1);
        }

        assert!(attacked.sent() <= 1, "{feedback:?}");
    }
}

#[test]
fn whoever_asks_for_everything_gets_it_so_many_times_and_no_more() {
    let mut attacked = Attacked::new(CongestionFeedback::None);
    attacked.send(100);

    let mut again = 0;
    for _ in 0..1_000 {
        attacked.now += Duration::from_millis(101);
        attacked.ask_for(0..100);
        again += attacked.sent();
    }

    assert!((100..=1_000).contains(&again), "{again}");
}

#[test]
fn a_section_whose_streams_change_with_every_description_takes_the_last_ones() {
    let mut attacked = Attacked::new(CongestionFeedback::None);
    for number in 0..100 {
        let streams = vec![(Ssrc(1_000 + number), Some(Ssrc(2_000 + number)))];
        attacked.media.set_section(
            0,
            &SectionSpec { remote_streams: streams, ..spec(CongestionFeedback::None) },
            attacked.now,
        );

        for ssrc in [1_000 + number, 2_000 + number] {
            assert!(attacked.media.inbound.by_ssrc(Ssrc(ssrc)).is_some(), "{ssrc}");
        }
    }
}

#[test]
fn a_stream_is_of_the_section_that_the_last_description_puts_it_in() {
    let mut attacked = Attacked::new(CongestionFeedback::None);
    let with = |mid: &[u8], ssrcs: &[u32]| SectionSpec {
        mid: Mid::from_bytes(mid).unwrap(),
        encodings: Vec::new(),
        remote_streams: ssrcs.iter().map(|ssrc| (Ssrc(*ssrc), None)).collect(),
        ..spec(CongestionFeedback::None)
    };
    let now = attacked.now;
    attacked.media.set_section(0, &with(b"0", &[5, 6]), now);

    attacked.media.set_section(0, &with(b"0", &[6]), now);
    attacked.media.set_section(1, &with(b"1", &[5]), now);

    let section_of = |ssrc: u32| {
        let index = attacked.media.inbound.by_ssrc(Ssrc(ssrc)).unwrap();
        attacked.media.inbound.stream(index).unwrap().section
    };
    assert_eq!((section_of(5), section_of(6)), (1, 0));
}

#[test]
fn limits_and_goodbyes_said_again_and_again_are_told_once() {
    let mut attacked = Attacked::new(CongestionFeedback::None);
    let named = SectionSpec { remote_streams: vec![(Ssrc(77), None)], ..spec(CongestionFeedback::None) };
    attacked.media.set_section(0, &named, attacked.now);

    for _ in 0..100 {
        attacked.hear(|compound| {
            for _ in 0..20 {
                compound.remb(Ssrc(9), Bitrate::from_kbps(500), &[OWN]).unwrap();
                compound.bye(&[Ssrc(77)], None).unwrap();
            }
        });
    }

    let told: Vec<_> = std::iter::from_fn(|| attacked.media.poll_event()).collect();
    assert_eq!(
        told,
        [MediaEvent::Bye { section: 0, stream: 0, rid: None }, MediaEvent::Target(Bitrate::from_kbps(500))]
    );
}

#[test]
fn no_limit_that_is_told_is_outside_of_those_that_are_configured() {
    let mut attacked = Attacked::new(CongestionFeedback::None);
    let limits = moim_cc::Config::default();
    for (said, taken) in [(0, limits.min), (u64::from(u32::MAX) << 20, limits.max)] {
        attacked.hear(|compound| compound.remb(Ssrc(9), Bitrate::from_bps(said), &[OWN]).unwrap());
        assert_eq!(attacked.media.poll_event(), Some(MediaEvent::Target(taken)));
    }
}

#[test]
fn feedback_that_speaks_of_everything_over_and_over_is_not_read_to_the_end() {
    let mut attacked = Attacked::new(CongestionFeedback::Twcc);
    attacked.media.transport_seq = 100_000;
    let base = TwccBase { seq: SeqNo(20_000), reference_time: 0, feedback_count: 0 };

    attacked.hear(|compound| {
        for _ in 0..20 {
            compound.twcc(Ssrc(9), OWN, base, std::iter::repeat_n(None, 20_000)).unwrap();
        }
    });

    let counters = attacked.media.congestion().unwrap().counters;
    assert!((1..=moim_cc::SENT_MAX as u64).contains(&counters.results_ignored), "{counters:?}");
}

#[test]
fn requests_beyond_counting_are_no_harm() {
    let mut attacked = Attacked::new(CongestionFeedback::None);
    attacked.send(1);
    let counters = &mut attacked.media.encodings[0].counters;
    (counters.plis, counters.firs, counters.nacks) = (u32::MAX, u32::MAX, u32::MAX);

    attacked.hear(|compound| {
        compound.picture_loss(Ssrc(9), OWN).unwrap();
        compound.full_intra_request(Ssrc(9), &[FirEntry { ssrc: OWN, request: 1 }]).unwrap();
        compound.nack(Ssrc(9), OWN, [SeqNo(0)]).unwrap();
    });

    assert_eq!(attacked.media.encodings[0].counters.plis, u32::MAX);
}

/// A source that has everything.
struct Sevens;

impl Payloads for Sevens {
    fn write(&self, _payload: &SharedPayload, out: &mut [u8]) -> bool {
        out.fill(7);
        true
    }
}

#[test]
fn a_shared_payload_may_have_a_header_of_any_length_up_to_a_whole_packet() {
    let mut attacked = Attacked::new(CongestionFeedback::None);
    let mut extensions = ExtensionMap::new();
    extensions.set_allow_mixed(true);
    extensions.insert(1, ExtensionKind::DependencyDescriptor).unwrap();
    attacked.media.set_section(
        0,
        &SectionSpec { extensions, ..spec(CongestionFeedback::None) },
        attacked.now,
    );
    let raw = [5; 255];
    let mut out = [0; 2_048];
    for (descriptor_len, payload_len, fits) in [
        (0, 1_388, true),
        (0, 1_389, false),
        (30, 100, true),
        (255, 100, true),
        (255, 1_124, true),
        (255, 1_125, false),
    ] {
        let descriptor = RawRange::new(0, descriptor_len).filter(|_| descriptor_len > 0);
        let values = ExtensionValues { dependency_descriptor: descriptor, ..ExtensionValues::default() };
        let key = PayloadKey { stream: 0, seq: ExtSeqNo(0) };
        let payload = SharedPayload { key, len: payload_len, rewrite: 0 };
        let packet = OutgoingRtp {
            extensions: &values,
            raw: &raw,
            ..OutgoingRtp::shared(payload_type(), true, RtpTimestamp(0), payload)
        };

        let given = attacked.media.send(0, 0, &packet, attacked.now);

        assert_eq!(given, if fits { Ok(()) } else { Err(SendError::TooLong) });
        let Some(len) = attacked.media.poll_transmit(&Sevens, &mut out, attacked.now) else {
            assert!(!fits, "{descriptor_len} and {payload_len}");
            continue;
        };
        let header_len = moim_rtp::Header::parse(&out[..len]).unwrap().header_len;
        assert!(header_len >= 12 + descriptor_len);
        assert_eq!(len, header_len + usize::from(payload_len) + PROFILE.rtp_overhead());
    }
}
