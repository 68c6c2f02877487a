//! Who answers Binding requests: the server of NAT behaviour discovery (RFC 5780) those that came to its addresses, an ordinary
//! one all others.

use crate::Discovery;
use moim_stun::binding::{self, Counters};
use moim_stun::discovery::{self, Endpoint, Endpoints};
use moim_turn::{AddressFamily, FiveTuple, PerFamily, Transport};

/// What [`BindingServers::handle`] has to have room for, in bytes.
pub(crate) const RESPONSE_LEN_MAX: usize = discovery::RESPONSE_LEN_MAX;
const _: () = assert!(RESPONSE_LEN_MAX >= binding::RESPONSE_LEN_MAX, "there is room for ordinary responses");

/// The Binding servers of a shard.
#[derive(Debug)]
pub(crate) struct BindingServers {
    ordinary: binding::Server,
    discovery: PerFamily<Option<DiscoveryServer>>,
}

/// The server of one address family, and where it is.
#[derive(Debug)]
struct DiscoveryServer {
    server: discovery::Server,
    local: Endpoints,
}

/// A response, and its way: from `server` to `client`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    pub(crate) five_tuple: FiveTuple,
    /// It is the first so many bytes of `out`.
    pub(crate) len: usize,
}

impl BindingServers {
    /// Servers that have counted nothing yet.
    pub(crate) fn new(discovery: &PerFamily<Option<Discovery>>) -> Self {
        let server = |discovery: Discovery| DiscoveryServer {
            server: discovery::Server::new(discovery.server),
            local: discovery.local,
        };
        let discovery = PerFamily { ipv4: discovery.ipv4.map(server), ipv6: discovery.ipv6.map(server) };
        Self { ordinary: binding::Server::new(), discovery }
    }

    /// How often what happened, whichever server it was.
    pub(crate) fn counters(&self) -> Counters {
        let mut counters = *self.ordinary.counters();
        for (_, one) in self.discovery.iter() {
            counters += *one.server.counters();
        }
        counters
    }

    /// Takes a message of the Binding method, and writes the response into `out`, if there is one.
    pub(crate) fn handle(
        &mut self,
        message: &[u8],
        five_tuple: FiveTuple,
        out: &mut [u8],
    ) -> Option<Response> {
        let family = if five_tuple.server.is_ipv4() { AddressFamily::Ipv4 } else { AddressFamily::Ipv6 };
        // A connection or DTLS session is between two ports, and a response cannot come from or go to a third one.
        let discovery =
            self.discovery.of_mut(family).as_mut().filter(|_| five_tuple.transport == Transport::Udp);
        let asked = discovery.and_then(|one| Some((one.local.find(five_tuple.server)?, one)));
        match asked {
            Some((received_on, one)) => one.handle(message, five_tuple, received_on, out),
            None => match self.ordinary.handle(message, five_tuple.client, out) {
                binding::Handled::Respond(len) => Some(Response { five_tuple, len }),
                binding::Handled::Dropped(_) => None,
            },
        }
    }
}

impl DiscoveryServer {
    fn handle(
        &mut self,
        message: &[u8],
        mut five_tuple: FiveTuple,
        received_on: Endpoint,
        out: &mut [u8],
    ) -> Option<Response> {
        match self.server.handle(message, five_tuple.client, received_on, out) {
            discovery::Handled::Respond { len, from, to } => {
                five_tuple.server = self.local.address(from);
                // The address stays as the socket spells it, which for a link-local one says on which link it is.
                five_tuple.client.set_port(to.port());
                Some(Response { five_tuple, len })
            }
            discovery::Handled::Dropped(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_stun::discovery::{ChangeRequest, Disclosure, ResponsePort, ServerConfig};
    use moim_stun::{Class, Message, MessageBuilder, Method, Seal, TransactionId};
    use std::net::SocketAddr;

    const CLIENT: &str = "203.0.113.9:4000";

    fn endpoints(primary: &str, alternate: &str) -> Endpoints {
        Endpoints::new(primary.parse().unwrap(), alternate.parse().unwrap()).unwrap()
    }

    /// Behind a 1:1 NAT: clients are told public addresses, and sockets have others.
    fn servers() -> BindingServers {
        let discovery = Discovery {
            server: ServerConfig {
                endpoints: endpoints("198.51.100.1:3478", "198.51.100.2:3479"),
                disclosure: Disclosure::Always,
            },
            local: endpoints("10.0.0.1:3478", "10.0.0.2:3479"),
        };
        BindingServers::new(&PerFamily { ipv4: Some(discovery), ipv6: None })
    }

    fn way(transport: Transport, server: &str) -> FiveTuple {
        FiveTuple::new(transport, CLIENT.parse().unwrap(), server.parse().unwrap())
    }

    fn request(fill: impl Fn(&mut MessageBuilder<'_>)) -> Vec<u8> {
        let mut buffer = [0; 128];
        let id = TransactionId([9; 12]);
        let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).unwrap();
        fill(&mut builder);
        builder.finish(Seal::default()).unwrap().to_vec()
    }

    fn answer(servers: &mut BindingServers, message: &[u8], five_tuple: FiveTuple) -> (FiveTuple, Class) {
        let mut out = [0; RESPONSE_LEN_MAX];
        let response = servers.handle(message, five_tuple, &mut out).unwrap();
        (response.five_tuple, Message::parse(&out[..response.len]).unwrap().class())
    }

    /// Covers: RFC 5780 §6.1
    #[test]
    fn a_response_leaves_from_the_local_address_that_is_asked_for() {
        let mut servers = servers();
        let change = |ip, port| request(|builder| builder.attribute(&ChangeRequest { ip, port }).unwrap());
        for (asked, ip, port, from) in [
            ("10.0.0.1:3478", true, true, "10.0.0.2:3479"),
            ("10.0.0.1:3478", false, true, "10.0.0.1:3479"),
            ("10.0.0.2:3479", true, false, "10.0.0.1:3479"),
            ("10.0.0.2:3478", false, false, "10.0.0.2:3478"),
        ] {
            let answered = answer(&mut servers, &change(ip, port), way(Transport::Udp, asked));
            assert_eq!(answered, (way(Transport::Udp, from), Class::SuccessResponse), "{asked}");
        }
        assert_eq!(servers.counters().successes, 4);
    }

    /// Covers: RFC 5780 §7.5
    #[test]
    fn a_response_goes_to_another_port_of_the_same_client_if_it_asks_so() {
        let message = request(|builder| builder.attribute(&ResponsePort(4001)).unwrap());

        let (way, _) = answer(&mut servers(), &message, way(Transport::Udp, "10.0.0.1:3478"));

        assert_eq!(way.client, "203.0.113.9:4001".parse::<SocketAddr>().unwrap());
    }

    #[test]
    fn what_is_for_discovery_is_refused_elsewhere() {
        let mut servers = servers();
        let message = request(|builder| {
            builder.attribute(&ChangeRequest { ip: false, port: true }).unwrap();
        });
        let elsewhere = [
            way(Transport::Udp, "10.0.0.1:443"),
            way(Transport::Udp, "[2001:db8::1]:3478"),
            way(Transport::Tcp, "10.0.0.1:3478"),
            way(Transport::Dtls, "10.0.0.1:3478"),
        ];
        for way in elsewhere {
            assert_eq!(answer(&mut servers, &message, way), (way, Class::ErrorResponse));
        }
        assert_eq!(servers.counters().errors, elsewhere.len() as u64);
    }
}
