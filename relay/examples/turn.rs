//! A TURN server on UDP, TCP, TLS and DTLS in a few lines, to be tried with any client:
//!
//! ```text
//! cargo run --release -p moim-relay --example turn -- 127.0.0.1:3478 127.0.0.1 [shards] [rest in µs] [user] [password]
//! turnutils_uclient -y -u user -w pass -p 3478 127.0.0.1
//! ```
//!
//! `-t` makes it TCP, `-S` DTLS, both together TLS, and `-T` relays TCP (RFC 6062).
//!
//! It relays to anybody on this host, which no server should do. It stops when its input ends.

use moim_relay::{DtlsIdentity, Listen, Places, Relay, RelayAddress, RelayConfig, Rest, StreamClient};
use moim_turn::auth::{Algorithms, Realm};
use moim_turn::policy::{PeerLists, PeerPolicy, RelayMode};
use moim_turn::server::{Config, ServerSecrets};
use moim_turn::{PerFamily, RealmId, quota};
use rustls::pki_types::PrivateKeyDer;
use std::error::Error;
use std::io::Read;
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let listen: SocketAddr = args.next().ok_or("the first argument is the address to listen on")?.parse()?;
    let from: IpAddr = args.next().ok_or("the second argument is the address to relay from")?.parse()?;
    let shards = args.next().map_or(Ok(1), |shards| shards.parse())?;
    let rest = args.next().map(|rest| rest.parse()).transpose()?.map(Duration::from_micros);
    let user = args.next().unwrap_or_else(|| "user".to_owned());
    let password = args.next().unwrap_or_else(|| "pass".to_owned());
    let mut realm = Realm::new("moim", Algorithms::default())?;
    realm.add_user(&user, &password)?;
    let peers = PeerLists {
        allow: vec!["127.0.0.0/8".parse()?, "::1/128".parse()?],
        relayed: vec![from],
        ..PeerLists::default()
    };
    // Secrets of this kind are for trying things out on one's own machine only.
    let secrets = ServerSecrets::new([1; 32], [2; 32]);
    let turn = Config {
        relay: RelayMode::Range,
        peers: PeerPolicy::new(peers),
        tcp_allocations: true,
        ..Config::new(vec![Arc::new(realm)], secrets)
    };
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    let (certificate, key) = (signed.cert.der().clone(), signed.signing_key.serialize_der());
    let address = Some(RelayAddress { bind: from, advertised: from });
    let relay = Relay::start(RelayConfig {
        listeners: vec![Listen { address: listen, realm: RealmId::default() }],
        discovery: PerFamily::default(),
        shards,
        pin: true,
        rest: rest.map_or_else(Rest::default, |duration| Rest { duration, ..Rest::default() }),
        relay_addresses: PerFamily {
            ipv4: address.filter(|address| address.bind.is_ipv4()),
            ipv6: address.filter(|address| address.bind.is_ipv6()),
        },
        relay_ports: 49_152..=65_535,
        dtls: Some(DtlsIdentity::new(certificate.to_vec(), key.clone())?),
        turn: Arc::new(turn),
        quota: quota::Limits {
            allocations_per_user_max: 100_000,
            allocations_per_address_max: 100_000,
            ..quota::Limits::default()
        },
        privacy: moim_wire::Privacy::Full,
    })?;
    let tls =
        rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::try_from(key)?)?;
    let listener = TcpListener::bind(listen)?;
    // Threads of their own do for trying things out; they end with the process.
    let tls = Arc::new(tls);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever is not understood is closed by being dropped.
            if let Ok(client) = client(stream, &tls) {
                let _ = relay.adopt(client);
            }
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

/// A connection as the relay takes it, after the handshake if it begins with one.
fn client(mut stream: TcpStream, tls: &Arc<rustls::ServerConfig>) -> Result<StreamClient, Box<dyn Error>> {
    const TLS_HANDSHAKE: u8 = 22;
    let mut first = [0];
    stream.set_read_timeout(Some(Duration::from_secs(5)))?;
    stream.peek(&mut first)?;
    let tls = if first == [TLS_HANDSHAKE] {
        let mut state = rustls::ServerConnection::new(Arc::clone(tls))?;
        while state.is_handshaking() {
            state.complete_io(&mut stream)?;
        }
        Some(Box::new(state))
    } else {
        None
    };
    let (client, server) = (stream.peer_addr()?, stream.local_addr()?);
    let (realm, places, read_ahead) = (RealmId::default(), Places::default(), Vec::new());
    Ok(StreamClient { stream, tls, read_ahead, client, server, realm, places })
}
