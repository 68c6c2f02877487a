use super::credential::Credential;
use super::draft::Draft;
use super::link::{Link, Transport};
use super::turn::Turn;
use super::verdict::Verdict;
use ipnet::IpNet;
use moim_stun::Method;
use std::cell::OnceCell;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The server that is checked, and what the checks may use.
pub(crate) struct Subject {
    /// As the user named it, for TLS.
    pub(crate) name: String,
    pub(crate) server: SocketAddr,
    /// Where it speaks TLS and DTLS.
    pub(crate) tls: SocketAddr,
    pub(crate) transport: Transport,
    pub(crate) credential: Option<Credential>,
    /// Another user.
    pub(crate) second: Option<Credential>,
    pub(crate) secret: Option<String>,
    pub(crate) realm: Option<String>,
    /// The address that peers of the checks have.
    pub(crate) peer_ip: IpAddr,
    /// Peers that the server allows on purpose.
    pub(crate) allowed: Vec<IpNet>,
    /// How long an answer is waited for.
    pub(crate) patience: Duration,
    /// Whether the user owns the network that the server is in, and wants it flooded.
    pub(crate) may_flood: bool,
    /// Whether peers outside of the server can be reached, once it has been tried.
    pub(crate) outside_peer: OnceCell<Result<(), Verdict>>,
}

impl Subject {
    /// A new 5-tuple over the transport that is checked.
    pub(crate) fn link(&self) -> Result<Link, Verdict> {
        self.link_by(self.transport)
    }

    pub(crate) fn link_by(&self, transport: Transport) -> Result<Link, Verdict> {
        let server = self.address(transport);
        Link::connect(transport, server, &self.name, self.patience).map_err(|error| {
            Verdict::fail(format_args!("no connection over {}: {error}", transport.as_str()))
        })
    }

    pub(crate) fn address(&self, transport: Transport) -> SocketAddr {
        match transport {
            Transport::Udp | Transport::Tcp => self.server,
            Transport::Tls | Transport::Dtls => self.tls,
        }
    }

    /// The user that the checks are made with.
    pub(crate) fn credential(&self) -> Result<&Credential, Verdict> {
        self.credential.as_ref().ok_or_else(|| Verdict::skipped("needs --user and --password, or --secret"))
    }

    /// Another user than that.
    pub(crate) fn second(&self) -> Result<&Credential, Verdict> {
        self.second
            .as_ref()
            .ok_or_else(|| Verdict::skipped("needs --second-user and --second-password, or --secret"))
    }

    pub(crate) fn only_over(&self, transport: Transport) -> Result<(), Verdict> {
        if self.transport == transport {
            Ok(())
        } else {
            Err(Verdict::skipped(format_args!("only over {}", transport.as_str())))
        }
    }

    /// Ends a check that needs a transport which the server does not speak.
    pub(crate) fn speaks(&self, transport: Transport) -> Result<(), Verdict> {
        let unspoken = |why: &str| Verdict::not_supported(format_args!("no {}: {why}", transport.as_str()));
        let mut link = self.link_by(transport).map_err(|verdict| unspoken(&verdict.seen))?;
        let draft = Draft::request(Method::BINDING);
        match link.exchange(&draft.plain(), draft.id) {
            Ok(_) => Ok(()),
            Err(verdict) => Err(unspoken(&verdict.seen)),
        }
    }

    /// Ends a check that needs a peer outside of the server where the server refuses the one there is.
    pub(crate) fn needs_outside_peer(&self) -> Result<(), Verdict> {
        let result = self.outside_peer.get_or_init(|| {
            let mut turn = Turn::allocated(self)?;
            let reply = turn.permit(self.peer_ip)?;
            if reply.is_success() {
                return Ok(());
            }
            Err(Verdict::skipped(format_args!(
                "the server refuses the peer {}: {}",
                self.peer_ip,
                reply.seen()
            )))
        });
        result.clone()
    }

    /// Whether a peer is one that the user said is allowed on purpose.
    pub(crate) fn is_allowed(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.allowed.iter().any(|network| network.contains(&ip))
    }
}
