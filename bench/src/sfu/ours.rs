//! Two ends of a connection in memory: a client's and the server's.

use anyhow::{Context, Result};
use moim_peer::ice::{LocalAddress, Protocol};
use moim_peer::sdp::Direction;
use moim_peer::sdp::jsep::{SdpType, TransceiverId, TransceiverInit};
use moim_peer::{
    Certificate, Config, DtlsVersions, Event, PeerConnection, PeerConnectionState, Received, TRANSMIT_LEN_MAX,
};
use moim_wire::{MediaKind, NtpTime, PayloadType};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// How long a handshake may take, in milliseconds of the time that is told.
const CONNECT_MS_MAX: u64 = 2_000;

/// A client and the server's end.
pub(super) struct Link {
    pub(super) client: PeerConnection,
    pub(super) server: PeerConnection,
}

/// Addresses of the client and of the server.
pub(super) fn addresses() -> [SocketAddr; 2] {
    [1, 2].map(|host| SocketAddr::from(([10, 0, 0, host], 5000)))
}

/// A packet as it comes to one side.
pub(super) fn received(to_server: bool, bytes: &mut [u8]) -> Received<'_> {
    let [client, server] = addresses();
    let (local, remote) = if to_server { (server, client) } else { (client, server) };
    Received { local, remote, protocol: Protocol::Udp, bytes }
}

pub(super) fn certificate() -> Result<Certificate> {
    Ok(Certificate::generate(Duration::from_secs(1_800_000_000))?)
}

fn end(certificate: &Certificate, index: usize, seed: u64, now: Instant) -> Result<PeerConnection> {
    let mut config = Config::new(certificate.clone(), NtpTime::from_unix(Duration::from_secs(1_800_000_000)));
    // What estimates cost is measured by `moim-bench peer`; here, nobody is there to give feedback.
    config.congestion = None;
    config.capabilities.video.retain(|codec| codec.name.eq_ignore_ascii_case("VP8"));
    config.capabilities.video.iter_mut().for_each(|codec| {
        codec.feedback.retain(|feedback| feedback.kind != "transport-cc");
    });
    if index == 1 {
        // As the server has it: AES-GCM.
        config.dtls_versions = DtlsVersions::Only12;
    }
    let mut bytes = [u8::try_from(index)?; 32];
    bytes[..8].copy_from_slice(&seed.to_be_bytes());
    let mut connection = PeerConnection::new(config, bytes, now)?;
    connection.add_local_address(LocalAddress::udp(addresses()[index]), now)?;
    Ok(connection)
}

impl Link {
    /// A client that offers so many cameras of one direction, connected with the server.
    pub(super) fn new(
        certificates: &[Certificate; 2],
        seed: u64,
        (sections, direction): (usize, Direction),
        now: Instant,
    ) -> Result<Self> {
        let mut link = Self {
            client: end(&certificates[0], 0, seed, now)?,
            server: end(&certificates[1], 1, seed, now)?,
        };
        for _ in 0..sections {
            let init = TransceiverInit { direction, ..TransceiverInit::default() };
            link.client.add_transceiver(MediaKind::Video, init, now)?;
        }
        let offer = link.client.create_offer()?;
        link.client.set_local(SdpType::Offer, now)?;
        link.server.set_remote(SdpType::Offer, &offer, now)?;
        let ids: Vec<TransceiverId> =
            link.server.transceivers().iter().map(moim_peer::sdp::jsep::Transceiver::id).collect();
        for id in ids {
            link.server.set_direction(id, direction.reversed(), now)?;
        }
        let answer = link.server.create_answer()?;
        link.server.set_local(SdpType::Answer, now)?;
        link.client.set_remote(SdpType::Answer, &answer, now)?;
        for millisecond in 0..CONNECT_MS_MAX {
            link.step(now + Duration::from_millis(millisecond))?;
            let is_connected =
                |end: &PeerConnection| end.connection_state() == PeerConnectionState::Connected;
            if is_connected(&link.client) && is_connected(&link.server) {
                return Ok(link);
            }
        }
        anyhow::bail!("not connected")
    }

    fn step(&mut self, now: Instant) -> Result<()> {
        self.client.handle_timeout(now);
        while let Some(event) = self.client.poll_event() {
            if let Event::IceCandidate(candidate) = event {
                self.server.add_ice_candidate(&candidate.candidate, now)?;
            }
        }
        self.server.handle_timeout(now);
        while let Some(event) = self.server.poll_event() {
            if let Event::IceCandidate(candidate) = event {
                self.client.add_ice_candidate(&candidate.candidate, now)?;
            }
        }
        let mut bytes = vec![0; TRANSMIT_LEN_MAX];
        while let Some(transmit) = self.client.poll_transmit(&mut bytes, now) {
            let _handled = self.server.handle_input(received(true, &mut bytes[..transmit.len]), now);
        }
        while let Some(transmit) = self.server.poll_transmit(&mut bytes, now) {
            let _handled = self.client.handle_input(received(false, &mut bytes[..transmit.len]), now);
        }
        Ok(())
    }
}

/// Where an end sends, and in which format.
pub(super) fn sections_of(end: &PeerConnection) -> Result<Vec<(TransceiverId, PayloadType)>> {
    let sections = end.transceivers().iter().map(|transceiver| {
        let codec = transceiver.media().and_then(|media| media.send_codecs.first());
        Ok((transceiver.id(), codec.context("no codec was negotiated")?.payload_type))
    });
    sections.collect()
}
