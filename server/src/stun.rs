//! STUN over UDP: tells a client by which address and port the outside sees it (RFC 8489).
//!
//! Left out: STUN over TCP and TLS, which RFC 8489 §12 wants of a server. It comes with TURN, which needs it.

use crate::shared::Shared;
use moim_stun::binding::{Handled, RESPONSE_LEN_MAX, Server};
use moim_udp::{Batch, Listener, Transmit};
use std::net::SocketAddr;
use std::sync::Arc;

/// Answers until signalling has ended.
pub(crate) async fn answer(listener: Listener, shared: Arc<Shared>) {
    let mut server = Server::new();
    let mut batch = Batch::new();
    let mut out = [0; RESPONSE_LEN_MAX];
    loop {
        let received = tokio::select! {
            received = listener.recv(&mut batch) => received,
            () = shared.closing.cancelled() => return,
        };
        if let Err(error) = received {
            // Calls go on without it; clients find no address of theirs beyond a NAT.
            tracing::error!(%error, address = %listener.local_addr(), "STUN has stopped on this address");
            return;
        }
        for datagram in &batch {
            match server.handle(datagram.payload, datagram.source, &mut out) {
                Handled::Respond(len) => {
                    shared.counters.stun_answered.add_one();
                    // RFC 8489 §6.3.1.2: from the address that the request was sent to. A full buffer drops the answer,
                    // and the client asks again.
                    let from = datagram.local.as_ref().map(SocketAddr::ip);
                    let _ = listener.try_send(&Transmit::new(datagram.source, from, &out[..len]));
                }
                Handled::Dropped(_) => shared.counters.datagrams_dropped.add_one(),
            }
        }
    }
}
