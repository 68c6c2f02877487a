//! STUN and TURN servers, from the URIs of RFC 7064 and RFC 7065 to addresses.

use moim_ice::{Credential, IceServer, TurnTransport};
use moim_signal::message::IceServer as Announced;
use rustls::pki_types::ServerName;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::lookup_host;
use tokio::time::timeout;

const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;
/// Servers that are used at once; a list may name more.
const SERVERS_MAX: usize = 16;
/// How long looking up a name may take.
const LOOKUP_TIME_MAX: Duration = Duration::from_secs(5);

/// Servers by their addresses.
#[derive(Clone, Debug, Default)]
pub struct IceServers {
    pub(crate) servers: Vec<IceServer>,
    /// What certificates have to name, of servers that are reached by TLS.
    pub(crate) names: BTreeMap<SocketAddr, ServerName<'static>>,
}

/// A server as a URI names it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ServerUri {
    /// How to reach it if it is a TURN server.
    turn: Option<TurnTransport>,
    host: String,
    port: u16,
}

impl IceServers {
    /// Looks up the servers that a moim server has announced. `{host}` in their URIs is `host` (docs/protocol.md, "ICE servers").
    /// Whatever cannot be used is left out.
    pub async fn resolve(announced: &[Announced], host: &str) -> Self {
        let mut resolved = Self::default();
        for server in announced {
            for uri in &server.urls {
                let Some(uri) = ServerUri::parse(&uri.replace("{host}", host)) else {
                    tracing::debug!(uri, "passed over the URI of an ICE server");
                    continue;
                };
                for address in uri.addresses().await {
                    if resolved.servers.len() == SERVERS_MAX {
                        return resolved;
                    }
                    resolved.add(&uri, address, server);
                }
            }
        }
        resolved
    }

    fn add(&mut self, uri: &ServerUri, address: SocketAddr, announced: &Announced) {
        let server = match uri.turn {
            None => IceServer::Stun { address },
            Some(transport) => {
                let (Some(username), Some(password)) = (&announced.username, &announced.credential) else {
                    tracing::debug!("a TURN server without credentials was passed over");
                    return;
                };
                let credential = Credential::long_term(username, password.expose());
                IceServer::Turn { address, transport, credential }
            }
        };
        if uri.turn == Some(TurnTransport::Tls)
            && let Ok(name) = ServerName::try_from(uri.host.clone())
        {
            self.names.insert(address, name);
        }
        self.servers.push(server);
    }
}

impl ServerUri {
    fn parse(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once(':')?;
        let (authority, query) = rest.split_once('?').unwrap_or((rest, ""));
        let turn = match (scheme, query) {
            ("stun", _) => None,
            ("turn", "" | "transport=udp") => Some(TurnTransport::Udp),
            ("turn", "transport=tcp") => Some(TurnTransport::Tcp),
            ("turns", "" | "transport=tcp") => Some(TurnTransport::Tls),
            _ => return None,
        };
        let usual = if turn == Some(TurnTransport::Tls) { TLS_PORT } else { PORT };
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !authority.ends_with(']') => (host, port.parse().ok()?),
            Some(_) | None => (authority, usual),
        };
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        (!host.is_empty()).then(|| Self { turn, host: host.to_owned(), port })
    }

    /// One of each family.
    async fn addresses(&self) -> Vec<SocketAddr> {
        let looked_up = timeout(LOOKUP_TIME_MAX, lookup_host((self.host.as_str(), self.port))).await;
        let Ok(Ok(addresses)) = looked_up else {
            tracing::debug!("the name of an ICE server could not be looked up");
            return Vec::new();
        };
        let mut chosen: Vec<SocketAddr> = Vec::new();
        for address in addresses {
            if !chosen.iter().any(|other| other.is_ipv4() == address.is_ipv4()) {
                chosen.push(address);
            }
        }
        chosen
    }
}

#[cfg(test)]
mod tests {
    use super::{IceServers, ServerUri};
    use moim_ice::{IceServer, TurnTransport};
    use moim_signal::message::{IceCredential, IceServer as Announced};

    /// Covers: RFC 7064 §3.2, RFC 7065 §3.2
    #[test]
    fn uris_name_host_port_and_transport() {
        let read = |text| {
            let ServerUri { turn, host, port } = ServerUri::parse(text).unwrap();
            (turn, host, port)
        };
        let (udp, tcp, tls) = (TurnTransport::Udp, TurnTransport::Tcp, TurnTransport::Tls);
        assert_eq!(read("stun:host"), (None, "host".into(), 3478));
        assert_eq!(read("stun:[2001:db8::1]:443"), (None, "2001:db8::1".into(), 443));
        assert_eq!(read("turn:[2001:db8::1]"), (Some(udp), "2001:db8::1".into(), 3478));
        assert_eq!(read("turn:h:1?transport=tcp"), (Some(tcp), "h".into(), 1));
        assert_eq!(read("turns:h?transport=tcp"), (Some(tls), "h".into(), 5349));
        for other in
            ["stuns:h", "turn:h?transport=sctp", "turns:h?transport=udp", "turn:", "turn", "turn:h:x"]
        {
            assert_eq!(ServerUri::parse(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn the_host_that_reached_the_server_is_put_in() {
        let announced = [Announced {
            urls: vec!["stun:{host}:5000".into(), "turn:{host}:5000?transport=tcp".into(), "x:y".into()],
            username: Some("u".into()),
            credential: Some(IceCredential::new("p")),
            lifetime_ms: None,
        }];

        let resolved = IceServers::resolve(&announced, "127.0.0.1").await.servers;

        let address = "127.0.0.1:5000".parse().unwrap();
        assert!(matches!(resolved[0], IceServer::Stun { address: at } if at == address));
        assert!(
            matches!(resolved[1], IceServer::Turn { address: at, transport: TurnTransport::Tcp, .. } if at == address)
        );
        assert_eq!(resolved.len(), 2);
    }

    #[tokio::test]
    async fn a_turn_server_without_credentials_is_left_out() {
        let announced = [Announced {
            urls: vec!["turn:127.0.0.1".into()],
            username: None,
            credential: None,
            lifetime_ms: None,
        }];

        assert!(IceServers::resolve(&announced, "x").await.servers.is_empty());
    }
}
