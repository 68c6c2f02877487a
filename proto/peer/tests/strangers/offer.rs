//! A stranger who calls the server's end: an offer that bytes have changed, and then, with keys agreed on, any RTP and any RTCP. The fuzz target
//! `media_offer`, and its replay.

use dimpl::{Dtls, DtlsCertificate, Output, SrtpProfile};
use moim_peer::ice::{LocalAddress, Protocol};
use moim_peer::sdp::jsep::SdpType;
use moim_peer::{
    Certificate, Config, EVENTS_MAX, Handled, PeerConnection, PeerConnectionState, Received, TRANSMIT_LEN_MAX,
};
use moim_srtp::{KeyingMaterial, Profile, Sealer};
use moim_stun::attribute::{IceControlling, Priority, UseCandidate, Username};
use moim_stun::{Class, Integrity, IntegrityKey, MessageBuilder, Method, Seal, TransactionId};
use moim_wire::{ExtSeqNo, NtpTime, SeqNo};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a browser offers a server that forwards: a camera in three sizes, a microphone, sections to receive by, and data.
const OFFER: &str = include_str!("offer.sdp");
/// What the stranger shows, whose fingerprint is in the offer, and the key of it.
const CERTIFICATE: &[u8] = include_bytes!("stranger-certificate.der");
const KEY: &[u8] = include_bytes!("stranger-key.der");
/// Changes of the offer.
const CHANGES_MAX: u8 = 12;
/// How many turns a handshake has.
const TURNS_MAX: u32 = 60;
/// Packets after it.
const PACKETS_MAX: usize = 120;
/// What a connection may want to send at once.
const TRANSMITS_MAX: usize = 2_000;
/// The longest packet that the stranger makes.
const PACKET_LEN_MAX: usize = 1_200;

/// What is left of the bytes.
struct Script<'a>(&'a [u8]);

impl<'a> Script<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn take(&mut self, len: usize) -> &'a [u8] {
        let (taken, rest) = self.0.split_at(len.min(self.0.len()));
        self.0 = rest;
        taken
    }
}

/// Lives through what `bytes` say. Says whether the stranger was connected.
///
/// # Panics
/// If the server's end does what it must never do.
#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
pub(crate) fn live(bytes: &[u8]) -> bool {
    let mut script = Script(bytes);
    let mut call = Call::new(Instant::now());
    let offer = change(OFFER, &mut script);
    let Some(answer) = call.answer(&offer) else { return false };
    let keys = call.shake_hands(&answer);
    let Some(mut keys) = keys else { return false };
    for _ in 0..PACKETS_MAX {
        let Some(what) = script.byte() else { break };
        match what % 4 {
            0 => call.send_rtp(what, &mut script, &mut keys),
            1 | 2 => call.send_rtcp(&mut script, &mut keys),
            _ => call.now += Duration::from_millis(u64::from(what) * 4),
        }
        call.settle();
    }
    // An offer more, of whatever is left, is answered or refused.
    let again = change(&offer, &mut script);
    call.answer(&again);
    call.settle();
    true
}

/// Lines of an offer are left out, repeated, swapped, and changed.
fn change(offer: &str, script: &mut Script<'_>) -> String {
    let mut lines: Vec<Vec<u8>> = offer.lines().map(|line| line.as_bytes().to_vec()).collect();
    for _ in 0..script.byte().unwrap_or(0) % CHANGES_MAX {
        let (Some(how), Some(at)) = (script.byte(), script.byte()) else { break };
        let at = usize::from(at) % lines.len().max(1);
        let Some(line) = lines.get_mut(at) else { break };
        match how % 5 {
            0 => drop(lines.remove(at)),
            1 => {
                let line = line.clone();
                lines.insert(at, line);
            }
            2 => lines.swap(at, 0),
            3 => {
                let place = usize::from(script.byte().unwrap_or(0)) % line.len().max(1);
                if let Some(byte) = line.get_mut(place) {
                    *byte = script.byte().unwrap_or(b'0');
                }
            }
            _ => {
                let len = usize::from(script.byte().unwrap_or(0) % 16);
                line.extend_from_slice(script.take(len));
            }
        }
    }
    let lines = lines.iter().map(|line| String::from_utf8_lossy(line) + "\r\n");
    lines.collect()
}

/// What was agreed on.
struct Keys {
    sealer: Sealer,
    /// The next number of each of a few streams.
    seqs: [u64; 4],
}

/// The server's end, and the stranger at the other one.
struct Call {
    server: PeerConnection,
    stranger: Dtls,
    material: Option<(Vec<u8>, Profile)>,
    now: Instant,
}

fn addresses() -> [SocketAddr; 2] {
    [1, 2].map(|host| SocketAddr::from(([192, 0, 2, host], 5000)))
}

fn value<'a>(description: &'a str, name: &str) -> Option<&'a str> {
    description.lines().find_map(|line| line.strip_prefix(name))
}

fn profile_of(profile: SrtpProfile) -> Profile {
    match profile {
        SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
        SrtpProfile::AEAD_AES_256_GCM => Profile::AeadAes256Gcm,
        _ => Profile::AesCm128HmacSha1_80,
    }
}

impl Call {
    fn new(now: Instant) -> Self {
        let wall = Duration::from_secs(1_800_000_000);
        let certificate = Certificate::generate(wall).expect("a certificate can be made");
        let mut config = Config::new(certificate, NtpTime::from_unix(wall));
        config.ice.lite = true;
        config.replayable = true;
        let mut server = PeerConnection::new(config, [5; 32], now).expect("the configuration is valid");
        let [_, local] = addresses();
        server.add_local_address(LocalAddress::udp(local), now).expect("an address more");
        let own = DtlsCertificate { certificate: CERTIFICATE.to_vec(), private_key: KEY.to_vec() };
        let config = dimpl::Config::builder()
            .with_crypto_provider(dimpl::crypto::aws_lc_rs::default_provider())
            .dangerously_set_rng_seed(7)
            .build()
            .expect("the configuration is valid");
        let mut stranger = Dtls::new_12(Arc::new(config), own, now);
        stranger.set_active(true);
        Self { server, stranger, material: None, now }
    }

    /// [`None`]: the offer is refused.
    fn answer(&mut self, offer: &str) -> Option<String> {
        self.server.set_remote(SdpType::Offer, offer, self.now).ok()?;
        self.server.create_answer().ok()?;
        self.server.set_local(SdpType::Answer, self.now).ok()?;
        self.settle();
        self.server.local_description()
    }

    /// A check with the candidate's nomination, and the handshake. [`None`]: they did not come about.
    fn shake_hands(&mut self, answer: &str) -> Option<Keys> {
        let (ufrag, password) = (value(answer, "a=ice-ufrag:")?, value(answer, "a=ice-pwd:")?);
        let mut buffer = [0; 300];
        let id = TransactionId([9; 12]);
        let mut check = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).ok()?;
        check.attribute(&Username(&format!("{ufrag}:strn"))).ok()?;
        check.attribute(&Priority(1_000)).ok()?;
        check.attribute(&IceControlling(1)).ok()?;
        check.attribute(&UseCandidate).ok()?;
        let key = IntegrityKey::short_term(password);
        let seal = Seal { integrity: Integrity::Sha1(&key), fingerprint: true };
        let mut check = check.finish(seal).ok()?.to_vec();
        self.arrive(&mut check);
        for _ in 0..TURNS_MAX {
            self.now += Duration::from_millis(20);
            // What it does not understand ends the stranger, and not the server's end.
            let _ended = self.stranger.handle_timeout(self.now);
            self.take_from_stranger();
            self.settle();
            if self.server.connection_state() == PeerConnectionState::Connected && self.material.is_some() {
                break;
            }
        }
        let (material, profile) = self.material.take()?;
        let keys = KeyingMaterial::from_dtls(profile, &material).ok()?;
        let sealer = Sealer::new(profile, &keys.client_write).ok()?;
        Some(Keys { sealer, seqs: [(1 << 16) + 100; 4] })
    }

    fn take_from_stranger(&mut self) {
        let mut buffer = [0; 4_096];
        let mut datagrams = Vec::new();
        loop {
            match self.stranger.poll_output(&mut buffer) {
                Output::Packet(datagram) => datagrams.push(datagram.to_vec()),
                Output::KeyingMaterial(material, profile) => {
                    self.material = Some((material.to_vec(), profile_of(profile)));
                }
                Output::Timeout(_) => break,
                _ => {}
            }
        }
        for mut datagram in datagrams {
            self.arrive(&mut datagram);
        }
    }

    fn arrive(&mut self, bytes: &mut [u8]) {
        let [remote, local] = addresses();
        let len = bytes.len();
        let received = Received { local, remote, protocol: Protocol::Udp, bytes };
        if let Handled::Rtp(rtp) = self.server.handle_input(received, self.now) {
            assert!(rtp.payload.start <= rtp.payload.end && rtp.payload.end <= len, "{rtp:?}");
            assert!(rtp.packet_start <= rtp.payload.start, "{rtp:?}");
        }
    }

    /// Whatever the server's end wants to do is done, and comes to an end.
    fn settle(&mut self) {
        if self.server.poll_timeout().is_some_and(|deadline| deadline.at <= self.now) {
            self.server.handle_timeout(self.now);
        }
        let mut out = [0; TRANSMIT_LEN_MAX];
        let mut count = 0;
        while let Some(transmit) = self.server.poll_transmit(&mut out, self.now) {
            count += 1;
            assert!(count <= TRANSMITS_MAX, "sending comes to an end");
            if matches!(out[0], 20..=63) {
                let _ended = self.stranger.handle_packet(&out[..transmit.len]);
            }
        }
        let events = std::iter::from_fn(|| self.server.poll_event()).take(EVENTS_MAX + 1).count();
        assert!(events <= EVENTS_MAX, "events come to an end");
    }

    /// A packet of one of the sections that were offered or of none, with anything in it.
    fn send_rtp(&mut self, what: u8, script: &mut Script<'_>, keys: &mut Keys) {
        let stream = usize::from(what >> 2 & 3);
        let first = script.byte().unwrap_or(0);
        let payload_type = [96, 97, 111, first & 0x7F][usize::from(first >> 6)];
        let len = usize::from(script.byte().unwrap_or(0));
        let body = script.take(len);
        keys.seqs[stream] += 1 + u64::from(first & 7);
        let index = ExtSeqNo(keys.seqs[stream]);
        let SeqNo(seq) = index.seq();
        let mut packet = vec![0x80 | first & 0x30, payload_type | what & 0x80];
        packet.extend_from_slice(&seq.to_be_bytes());
        packet.extend_from_slice(&u32::from(seq).wrapping_mul(3_000).to_be_bytes());
        packet.extend_from_slice(&(1_000 + u32::try_from(stream).unwrap_or(0)).to_be_bytes());
        packet.extend_from_slice(body);
        // Extensions are as long as they say, or the packet is none.
        let Ok(header) = moim_rtp::Header::parse(&packet) else { return };
        let len = packet.len();
        packet.resize(PACKET_LEN_MAX, 0);
        if let Ok(sealed) = keys.sealer.seal_rtp(&mut packet, len, header.header_len, index) {
            self.arrive(&mut packet[..sealed]);
        }
    }

    /// A compound packet of anything.
    fn send_rtcp(&mut self, script: &mut Script<'_>, keys: &mut Keys) {
        let kind = 200 + script.byte().unwrap_or(0) % 8;
        let len = usize::from(script.byte().unwrap_or(0));
        let mut packet = vec![0x80 | script.byte().unwrap_or(0) & 0x3F, kind, 0, 0];
        packet.extend_from_slice(script.take(len));
        packet.resize(packet.len().next_multiple_of(4).max(8), 0);
        let words = u16::try_from(packet.len() / 4 - 1).unwrap_or(0);
        packet[2..4].copy_from_slice(&words.to_be_bytes());
        let len = packet.len();
        packet.resize(PACKET_LEN_MAX, 0);
        if let Ok(sealed) = keys.sealer.seal_rtcp(&mut packet, len) {
            self.arrive(&mut packet[..sealed]);
        }
    }
}
