use moim_stun::discovery::{self, Disclosure, Endpoints, ServerConfig};
use moim_turn::auth::{Algorithms, Realm, SharedSecret};
use moim_turn::client::Credential;
use moim_turn::policy::{PeerLists, PeerPolicy, RelayMode};
use moim_turn::server::{Config, Limits, ServerSecrets};
use moim_turn::{PerFamily, Transport, quota};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// What the relay and whoever makes credentials for it know.
pub const SECRET: &[u8] = b"what only the servers of a simulated world know";
const REALM: &str = "moim.example";

/// The credential of a participant, made at this time of the calendar as the gateway does: its user name says when it ends.
pub fn credential(participant: &str, lifetime: Duration, now: SystemTime) -> (String, String) {
    let ends = (now + lifetime).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let username = format!("{}:{participant}", ends.as_secs());
    let password = SharedSecret::new(SECRET).password(&username);
    (username, password.to_string())
}

/// What a [`RelayNode`](super::RelayNode) is like. Limits and the policy about peers are those of production.
#[derive(Clone, Debug)]
pub struct RelayConfig {
    /// Where it takes datagrams and streams.
    pub listen: Vec<SocketAddr>,
    /// On which ports streams are under TLS. Here they are in the clear, and only called otherwise.
    pub tls_ports: Vec<u16>,
    /// Where it answers questions about NATs (RFC 5780).
    pub endpoints: PerFamily<Option<Endpoints>>,
    /// Where relayed addresses are.
    pub relayed: PerFamily<Option<IpAddr>>,
    /// Whom it relays to.
    pub mode: RelayMode,
    /// How much of everything there may be.
    pub limits: Limits,
    /// How many allocations there may be, and for whom.
    pub quota: quota::Limits,
    /// Whether clients may keep allocations when their address changes (RFC 8016).
    pub mobility: bool,
}

impl RelayConfig {
    /// A server on port 3478 of these addresses, and on 443 for streams, that relays from the first of each family.
    pub fn new(addresses: &[IpAddr], mode: RelayMode) -> Self {
        let on = |port| addresses.iter().map(move |ip| SocketAddr::new(*ip, port));
        let first = |is_ipv6| addresses.iter().copied().find(|ip| ip.is_ipv6() == is_ipv6);
        Self {
            listen: on(3478).chain(on(3479)).chain(on(443)).collect(),
            tls_ports: vec![443],
            endpoints: PerFamily { ipv4: endpoints(addresses, false), ipv6: endpoints(addresses, true) },
            relayed: PerFamily { ipv4: first(false), ipv6: first(true) },
            mode,
            limits: Limits::default(),
            quota: quota::Limits::default(),
            mobility: true,
        }
    }

    /// Who a client of this server is.
    pub fn credential(participant: &str, lifetime: Duration, now: SystemTime) -> Credential {
        let (username, password) = credential(participant, lifetime, now);
        Credential::long_term(&username, &password)
    }

    pub(super) fn server(&self, secrets: ServerSecrets) -> Config {
        let mut realm = Realm::new(REALM, Algorithms::default()).expect("the name is a valid one");
        realm.add_secret(SECRET).expect("it is the first secret, and not empty");
        let own: Vec<_> = self.listen.iter().map(SocketAddr::ip).collect();
        let relayed = self.relayed.iter().map(|(_, ip)| *ip).collect();
        Config {
            relay: self.mode,
            families: PerFamily { ipv4: self.relayed.ipv4.is_some(), ipv6: self.relayed.ipv6.is_some() },
            peers: PeerPolicy::new(PeerLists { own, relayed, ..PeerLists::default() }),
            limits: self.limits,
            mobility: self.mobility,
            ..Config::new(vec![Arc::new(realm)], secrets)
        }
    }

    pub(super) fn discovery(&self) -> PerFamily<Option<(discovery::Server, Endpoints)>> {
        let server = |endpoints: Endpoints| {
            let config = ServerConfig { endpoints, disclosure: Disclosure::default() };
            (discovery::Server::new(config), endpoints)
        };
        PerFamily { ipv4: self.endpoints.ipv4.map(server), ipv6: self.endpoints.ipv6.map(server) }
    }

    pub(super) fn is_listening(&self, local: SocketAddr) -> bool {
        self.listen.contains(&local)
    }

    /// Whether relayed addresses are sockets. Within the process they are numbers only.
    pub(super) fn has_sockets_for_peers(&self) -> bool {
        self.mode == RelayMode::Range
    }

    pub(super) fn stream_transport(&self, local: SocketAddr) -> Transport {
        if self.tls_ports.contains(&local.port()) { Transport::Tls } else { Transport::Tcp }
    }
}

/// The first two addresses of a family, with the ports for discovery.
fn endpoints(addresses: &[IpAddr], is_ipv6: bool) -> Option<Endpoints> {
    let mut of_family = addresses.iter().filter(|ip| ip.is_ipv6() == is_ipv6);
    let (first, second) = (of_family.next()?, of_family.next()?);
    Endpoints::new(SocketAddr::new(*first, 3478), SocketAddr::new(*second, 3479))
}
