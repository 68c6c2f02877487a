//! Two str0m connections over the same link: a sender with its estimator and pacer, and a receiver that reports.

use super::cases::Case;
use anyhow::{Context, Result, bail};
use moim_cc::testing::{Dice, Encoder, Link, Trace};
use moim_wire::Bitrate;
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use str0m::bwe::{Bitrate as TheirBitrate, BweKind};
use str0m::format::Codec;
use str0m::media::{MediaKind, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, Ssrc};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// How far time is turned at once, as in the world of moim's flows.
const STEP: Duration = Duration::from_millis(1);
const START: Bitrate = Bitrate::from_kbps(300);
const AUDIO_EVERY: Duration = Duration::from_millis(20);
const AUDIO_SIZE: u32 = 120;
/// What a packet has besides its payload: RTP header, extensions, SRTP tag.
const OVERHEAD: u32 = 40;
/// The handshake is over long before.
const HANDSHAKE_STEPS_MAX: u32 = 5_000;

const VIDEO: u32 = 42;
const AUDIO: u32 = 52;

/// Runs a case.
pub(super) fn run(case: &Case, seed: u64) -> Result<Trace> {
    let mut pair = Pair::connected()?;
    pair.sender.rtc.bwe().set_bitrate(TheirBitrate::ZERO, theirs(case.demand(Duration::ZERO)));
    let mut run = Run::new(case, seed, pair);
    while run.at < case.length {
        run.at += STEP;
        run.step()?;
    }
    Ok(run.trace)
}

struct Run<'a> {
    case: &'a Case,
    pair: Pair,
    /// Where the time of the link begins on the clock of the connections.
    began: Instant,
    at: Duration,
    link: Link<Vec<u8>>,
    way_back: VecDeque<(Duration, Vec<u8>)>,
    encoder: Encoder,
    next_audio: Duration,
    target: Bitrate,
    demand: Bitrate,
    seq: [u64; 2],
    /// When packets of video were encoded, by sequence number.
    encoded: BTreeMap<u64, Duration>,
    trace: Trace,
}

impl<'a> Run<'a> {
    fn new(case: &'a Case, seed: u64, pair: Pair) -> Self {
        // As moim's flows draw theirs.
        let mut dice = Dice::new(seed.wrapping_mul(1_000) + 1);
        let first = Duration::from_secs_f64(dice.between(0.0, 0.033));
        Self {
            case,
            began: pair.sender.now.max(pair.receiver.now),
            pair,
            at: Duration::ZERO,
            link: Link::new(case.link(seed), seed),
            way_back: VecDeque::new(),
            encoder: Encoder::new(START, first, dice.next_u64()),
            next_audio: first,
            target: START,
            demand: case.demand(Duration::ZERO),
            seq: [1_000; 2],
            encoded: BTreeMap::new(),
            trace: Trace::default(),
        }
    }

    fn step(&mut self) -> Result<()> {
        let at = self.at;
        while let Some(delivered) = self.link.receive(at) {
            self.receiver_until(delivered.at)?;
            self.trace.received(delivered.at, delivered.size, delivered.waited);
            let now = self.began + delivered.at;
            self.pair.receiver.receive(&delivered.value, now)?;
            self.drain_receiver(delivered.at)?;
        }
        self.receiver_until(at)?;
        let now = self.began + at;
        while self.way_back.front().is_some_and(|(arrives, _)| *arrives <= at) {
            let Some((_, bytes)) = self.way_back.pop_front() else { break };
            self.pair.sender.receive(&bytes, now)?;
            self.drain_sender()?;
        }
        self.encode()?;
        self.pair.sender.turn_to(now)?;
        self.drain_sender()?;
        self.trace.target(at, self.target);
        Ok(())
    }

    fn encode(&mut self) -> Result<()> {
        let demand = self.case.demand(self.at);
        if demand != self.demand {
            self.demand = demand;
            self.pair.sender.rtc.bwe().set_bitrate(TheirBitrate::ZERO, theirs(demand));
            self.drain_sender()?;
        }
        if self.at >= self.next_audio {
            self.next_audio += AUDIO_EVERY;
            self.write(AUDIO, AUDIO_SIZE)?;
        }
        if let Some(packets) = self.encoder.poll(self.target.min(demand), self.at) {
            for size in packets {
                self.encoded.insert(self.seq[0], self.at);
                self.write(VIDEO, size)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, ssrc: u32, size: u32) -> Result<()> {
        let now = self.began + self.at;
        let audio = ssrc == AUDIO;
        let seq = &mut self.seq[usize::from(audio)];
        *seq += 1;
        let payload_type = if audio { self.pair.audio } else { self.pair.video };
        let payload = vec![0; size.saturating_sub(OVERHEAD).max(1) as usize];
        let time = u32::try_from(self.at.as_millis() * 90 % (1 << 32)).unwrap_or_default();
        let packet = RtpWrite::new(payload_type, (*seq - 1).into(), time, now, payload).nackable(!audio);
        let mut api = self.pair.sender.rtc.direct_api();
        api.stream_tx(&Ssrc::from(ssrc)).context("the stream was declared")?.write_rtp(packet);
        self.drain_sender()
    }

    fn drain_sender(&mut self) -> Result<()> {
        loop {
            match self.pair.sender.rtc.poll_output()? {
                Output::Timeout(next) => {
                    self.pair.sender.next = next;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    let bytes = transmit.contents.to_vec();
                    let size = u32::try_from(bytes.len())?;
                    self.trace.sent(self.at);
                    self.link.send(bytes, size, self.at);
                }
                Output::Event(Event::EgressBitrateEstimate(BweKind::Twcc { estimate, .. })) => {
                    self.target = Bitrate::from_bps(estimate.as_u64());
                }
                Output::Event(_) => {}
            }
        }
    }

    fn drain_receiver(&mut self, at: Duration) -> Result<()> {
        loop {
            match self.pair.receiver.rtc.poll_output()? {
                Output::Timeout(next) => {
                    self.pair.receiver.next = next;
                    return Ok(());
                }
                Output::Transmit(transmit) => {
                    self.way_back.push_back((at + self.case.delay, transmit.contents.to_vec()));
                }
                Output::Event(Event::RtpPacket(packet)) => {
                    let video = *packet.header.ssrc == VIDEO;
                    let encoded = if video { self.encoded.remove(&*packet.seq_no) } else { None };
                    if let Some(encoded) = encoded {
                        self.trace.took(at, at.saturating_sub(encoded));
                    }
                }
                Output::Event(_) => {}
            }
        }
    }

    /// Lets the receiver do what is due until then, each at its time.
    fn receiver_until(&mut self, at: Duration) -> Result<()> {
        let until = self.began + at;
        while self.pair.receiver.next <= until {
            let now = self.pair.receiver.next.max(self.pair.receiver.now);
            let at = now.saturating_duration_since(self.began);
            self.pair.receiver.turn_to(now)?;
            self.drain_receiver(at)?;
            if self.pair.receiver.next <= now {
                self.pair.receiver.next = now + STEP;
            }
        }
        Ok(())
    }
}

/// Two connections.
struct Pair {
    sender: End,
    receiver: End,
    video: Pt,
    audio: Pt,
}

struct End {
    rtc: Rtc,
    own: SocketAddr,
    other: SocketAddr,
    now: Instant,
    next: Instant,
}

impl End {
    fn receive(&mut self, bytes: &[u8], now: Instant) -> Result<()> {
        self.now = now;
        let contents = bytes.try_into()?;
        let received = Receive { proto: Protocol::Udp, source: self.other, destination: self.own, contents };
        Ok(self.rtc.handle_input(Input::Receive(now, received))?)
    }

    /// Takes datagrams and the time, and gives datagrams.
    fn exchange(&mut self, received: &[Vec<u8>], now: Instant) -> Result<Vec<Vec<u8>>> {
        let mut sent = Vec::new();
        for bytes in received {
            self.receive(bytes, now)?;
            self.drain_into(&mut sent)?;
        }
        self.now = now;
        self.rtc.handle_input(Input::Timeout(now))?;
        self.drain_into(&mut sent)?;
        Ok(sent)
    }

    fn drain_into(&mut self, sent: &mut Vec<Vec<u8>>) -> Result<()> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(next) => {
                    self.next = next;
                    return Ok(());
                }
                Output::Transmit(transmit) => sent.push(transmit.contents.to_vec()),
                Output::Event(_) => {}
            }
        }
    }

    /// Time passes, if something is due.
    fn turn_to(&mut self, now: Instant) -> Result<()> {
        self.now = now;
        if self.next <= now {
            self.rtc.handle_input(Input::Timeout(now))?;
        }
        Ok(())
    }
}

impl Pair {
    /// After the handshake, with streams declared at both ends.
    fn connected() -> Result<Self> {
        let now = Instant::now();
        let sender = Rtc::builder().set_rtp_mode(true).enable_bwe(Some(theirs(START))).build(now);
        let receiver = Rtc::builder().set_rtp_mode(true).build(now);
        let addresses: [SocketAddr; 2] =
            [(Ipv4Addr::new(192, 0, 2, 1), 1_000).into(), (Ipv4Addr::new(192, 0, 2, 2), 2_000).into()];
        let end = |rtc, own, other| End { rtc, own, other, now, next: now };
        let mut pair = Self {
            video: payload_type(&sender, Codec::Vp8)?,
            audio: payload_type(&sender, Codec::Opus)?,
            sender: end(sender, addresses[0], addresses[1]),
            receiver: end(receiver, addresses[1], addresses[0]),
        };
        pair.introduce()?;
        pair.shake_hands()?;
        pair.declare();
        Ok(pair)
    }

    fn introduce(&mut self) -> Result<()> {
        let (left, right) = (&mut self.sender, &mut self.receiver);
        for end in [&mut *left, &mut *right] {
            end.rtc.add_local_candidate(Candidate::host(end.own, "udp")?);
            end.rtc.add_remote_candidate(Candidate::host(end.other, "udp")?);
        }
        let (mut left, mut right) = (left.rtc.direct_api(), right.rtc.direct_api());
        let fingerprints = (left.local_dtls_fingerprint().clone(), right.local_dtls_fingerprint().clone());
        left.set_remote_fingerprint(fingerprints.1);
        right.set_remote_fingerprint(fingerprints.0);
        let credentials = (left.local_ice_credentials(), right.local_ice_credentials());
        left.set_remote_ice_credentials(credentials.1);
        right.set_remote_ice_credentials(credentials.0);
        left.set_ice_controlling(true);
        right.set_ice_controlling(false);
        left.start_dtls(true)?;
        right.start_dtls(false)?;
        Ok(())
    }

    /// Over a path that takes a step each way.
    fn shake_hands(&mut self) -> Result<()> {
        let (mut forth, mut back) = (Vec::new(), Vec::new());
        for _ in 0..HANDSHAKE_STEPS_MAX {
            if self.sender.rtc.is_connected() && self.receiver.rtc.is_connected() {
                return Ok(());
            }
            let now = self.sender.now + STEP;
            let (to_receiver, to_sender) = (std::mem::take(&mut forth), std::mem::take(&mut back));
            forth = self.sender.exchange(&to_sender, now)?;
            back = self.receiver.exchange(&to_receiver, now)?;
        }
        bail!("the connections did not come to be")
    }

    fn declare(&mut self) {
        let media = [("vid", MediaKind::Video, VIDEO), ("aud", MediaKind::Audio, AUDIO)];
        let (mut left, mut right) = (self.sender.rtc.direct_api(), self.receiver.rtc.direct_api());
        for (mid, kind, ssrc) in media {
            let rtx = (kind == MediaKind::Video).then(|| Ssrc::from(ssrc + 1));
            left.declare_media(mid.into(), kind);
            left.declare_stream_tx(ssrc.into(), rtx, mid.into(), None);
            right.declare_media(mid.into(), kind);
            // moim's flows send nothing again either.
            right.expect_stream_rx(ssrc.into(), rtx, mid.into(), None).suppress_nack(true);
        }
        right.enable_twcc_feedback();
    }
}

fn payload_type(rtc: &Rtc, codec: Codec) -> Result<Pt> {
    let params = rtc.codec_config().find(|params| params.spec().codec == codec);
    Ok(params.context("the codec is enabled")?.pt())
}

fn theirs(rate: Bitrate) -> TheirBitrate {
    TheirBitrate::bps(rate.as_bps())
}
