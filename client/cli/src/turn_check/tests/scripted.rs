//! Servers that do as a test tells them, to see what the checks make of it.

use crate::turn_check::check::Finding;
use crate::turn_check::checks;
use crate::turn_check::credential::Credential;
use crate::turn_check::link::Transport;
use crate::turn_check::subject::Subject;
use crate::turn_check::verdict::Status;
use moim_stun::attribute::{ErrorCode, Nonce, Realm, XorMappedAddress};
use moim_stun::{Class, Integrity, IntegrityKey, Message, MessageBuilder, Method, Seal, binding};
use moim_turn::attribute::{Lifetime, XorRelayedAddress};
use std::cell::OnceCell;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

pub(super) const REALM: &str = "realm";
/// How long an answer is waited for: long enough for a machine that is busy.
const PATIENCE: Duration = Duration::from_secs(4);

/// What a server answers to a datagram: any number of datagrams.
pub(super) type Script = fn(&[u8], SocketAddr) -> Vec<Vec<u8>>;

/// What the check called `id` says about a server that does `script`.
pub(super) fn judge(id: &str, script: Script) -> Finding {
    let running = Running::start(script);
    let subject = subject(running.address);
    let check =
        checks::all().find(|check| check.id == id).unwrap_or_else(|| panic!("there is no check {id}"));
    check.find(&subject)
}

pub(super) fn status(id: &str, script: Script) -> Status {
    judge(id, script).verdict.status
}

pub(super) fn subject(server: SocketAddr) -> Subject {
    Subject {
        name: server.ip().to_string(),
        server,
        tls: server,
        transport: Transport::Udp,
        credential: Some(Credential::new("user", "pass")),
        second: Some(Credential::new("second", "word")),
        secret: None,
        realm: Some(REALM.to_owned()),
        peer_ip: Ipv4Addr::LOCALHOST.into(),
        allowed: Vec::new(),
        patience: PATIENCE,
        may_flood: false,
        outside_peer: OnceCell::new(),
    }
}

/// A server on a thread, until it is dropped.
struct Running {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Running {
    fn start(script: Script) -> Self {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let address = socket.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        thread::spawn(move || {
            let mut buffer = vec![0; 65_536];
            while !stopped.load(Ordering::Relaxed) {
                if let Ok((len, from)) = socket.recv_from(&mut buffer) {
                    for answer in script(&buffer[..len], from) {
                        let _ = socket.send_to(&answer, from);
                    }
                }
            }
        });
        Self { address, stop }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A response to `request`, with what `add` adds.
pub(super) fn respond(
    request: &Message<'_>,
    class: Class,
    integrity: Integrity<'_>,
    add: impl FnOnce(&mut MessageBuilder<'_>),
) -> Vec<u8> {
    let mut buffer = [0; 1024];
    let mut builder =
        MessageBuilder::new(&mut buffer, class, request.method(), request.transaction_id()).unwrap();
    add(&mut builder);
    builder.finish(Seal { integrity, fingerprint: false }).unwrap().to_vec()
}

/// A nonce of the client's own, as good servers give.
pub(super) fn nonce_for(source: SocketAddr) -> String {
    format!("nonce-{}", source.port())
}

/// A server that answers Binding by the book and challenges everything else.
pub(super) fn challenging(datagram: &[u8], source: SocketAddr) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    if message.method() == Method::BINDING {
        let mut out = [0; binding::RESPONSE_LEN_MAX];
        return match binding::Server::new().handle(datagram, source, &mut out) {
            binding::Handled::Respond(len) => vec![out[..len].to_vec()],
            binding::Handled::Dropped(_) => Vec::new(),
        };
    }
    if message.class() != Class::Request {
        return Vec::new();
    }
    vec![respond(&message, Class::ErrorResponse, Integrity::None, |builder| {
        builder.attribute(&ErrorCode::UNAUTHENTICATED).unwrap();
        builder.attribute(&Realm(REALM)).unwrap();
        builder.attribute(&Nonce(&nonce_for(source))).unwrap();
    })]
}

/// A server that believes whatever comes with a NONCE, and does whatever it is asked.
pub(super) fn credulous(datagram: &[u8], source: SocketAddr) -> Vec<Vec<u8>> {
    let Ok(message) = Message::parse(datagram) else { return Vec::new() };
    let has_nonce = message.get::<Nonce<'_>>().ok().flatten().is_some();
    if message.class() != Class::Request || !has_nonce {
        return challenging(datagram, source);
    }
    let key = IntegrityKey::long_term_md5("user", REALM, "pass").unwrap();
    vec![respond(&message, Class::SuccessResponse, Integrity::Sha1(&key), |builder| {
        builder.attribute(&XorRelayedAddress((Ipv4Addr::new(198, 51, 100, 1), 50_000).into())).unwrap();
        builder.attribute(&XorMappedAddress(source)).unwrap();
        builder.attribute(&Lifetime(600)).unwrap();
    })]
}
