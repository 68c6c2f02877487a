//! What goes over signalling, and what agents make of it.

use moim_ice::{Credential, IceServer, TurnTransport};
use moim_signal::id::{ParticipantId, PeerConnectionId};
use moim_signal::message::{self, ClientMessage};

/// What the gateway tells, as agents take it.
pub(super) fn read_ice_servers(servers: &[message::IceServer]) -> Vec<IceServer> {
    let mut read = Vec::new();
    for server in servers {
        for url in &server.urls {
            let (scheme, rest) = url.split_once(':').unwrap_or_default();
            let (host, query) = rest.split_once('?').unwrap_or((rest, ""));
            let Ok(address) = host.parse() else { continue };
            let transport = match (scheme, query) {
                ("stun", _) => {
                    read.push(IceServer::Stun { address });
                    continue;
                }
                ("turns", _) => TurnTransport::Tls,
                ("turn", "transport=tcp") => TurnTransport::Tcp,
                _ => TurnTransport::Udp,
            };
            let (Some(username), Some(password)) = (&server.username, &server.credential) else { continue };
            let credential = Credential::long_term(username, password.expose());
            read.push(IceServer::Turn { address, transport, credential });
        }
    }
    read
}

/// A message for the other one.
pub(super) fn candidate_message(
    to: &ParticipantId,
    connection: &PeerConnectionId,
    candidate: String,
) -> ClientMessage {
    let candidate = message::IceCandidate {
        candidate,
        sdp_mid: None,
        sdp_m_line_index: Some(0),
        username_fragment: None,
    };
    ClientMessage::Candidate { to: to.clone(), connection: connection.clone(), candidate }
}
