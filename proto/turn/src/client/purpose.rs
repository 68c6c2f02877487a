use super::allocation::Allocation;
use super::config::{Config, Families};
use crate::attribute::{
    AdditionalAddressFamily, ChannelNumberAttribute, DontFragment, EvenPort, Lifetime, MobilityTicket,
    RequestedAddressFamily, RequestedTransport, XorPeerAddress,
};
use crate::channel_data::ChannelNumber;
use crate::server::RelayedTransport;
use crate::{AddressFamily, ConnectionId, method};
use moim_stun::{BuildError, MessageBuilder, Method};
use std::net::{IpAddr, SocketAddr};

/// What a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Allocate {
        mobility: bool,
    },
    Refresh,
    /// A Refresh with the mobility ticket.
    Move,
    /// A Refresh with a lifetime of zero.
    Release,
    CreatePermission {
        peers: Vec<IpAddr>,
    },
    ChannelBind {
        number: ChannelNumber,
        peer: SocketAddr,
    },
    Connect {
        peer: SocketAddr,
    },
    ConnectionBind {
        connection: ConnectionId,
    },
}

impl Purpose {
    pub(super) fn method(&self) -> Method {
        match self {
            Self::Allocate { .. } => method::ALLOCATE,
            Self::Refresh | Self::Move | Self::Release => method::REFRESH,
            Self::CreatePermission { .. } => method::CREATE_PERMISSION,
            Self::ChannelBind { .. } => method::CHANNEL_BIND,
            Self::Connect { .. } => method::CONNECT,
            Self::ConnectionBind { .. } => method::CONNECTION_BIND,
        }
    }

    /// Writes what is asked for.
    pub(super) fn write(
        &self,
        config: &Config,
        allocation: Option<&Allocation>,
        request: &mut MessageBuilder<'_>,
    ) -> Result<(), BuildError> {
        match self {
            Self::Allocate { mobility } => write_allocate(config, *mobility, request),
            Self::Refresh => write_lifetime(config, request),
            Self::Move => {
                write_lifetime(config, request)?;
                match allocation.and_then(|allocation| allocation.ticket.as_deref()) {
                    Some(ticket) => request.attribute(&MobilityTicket(ticket)),
                    None => Ok(()),
                }
            }
            Self::Release => request.attribute(&Lifetime(0)),
            Self::CreatePermission { peers } => {
                // RFC 8656 §10.1: only the addresses count.
                peers
                    .iter()
                    .try_for_each(|peer| request.attribute(&XorPeerAddress(SocketAddr::new(*peer, 0))))
            }
            Self::ChannelBind { number, peer } => {
                request.attribute(&ChannelNumberAttribute::from(*number))?;
                request.attribute(&XorPeerAddress(*peer))
            }
            Self::Connect { peer } => request.attribute(&XorPeerAddress(*peer)),
            Self::ConnectionBind { connection } => request.attribute(connection),
        }
    }
}

/// RFC 8656 §7.1.
fn write_allocate(
    config: &Config,
    mobility: bool,
    request: &mut MessageBuilder<'_>,
) -> Result<(), BuildError> {
    request.attribute(&match config.relayed {
        RelayedTransport::Udp => RequestedTransport::UDP,
        RelayedTransport::Tcp => RequestedTransport::TCP,
    })?;
    write_lifetime(config, request)?;
    if config.dont_fragment {
        request.attribute(&DontFragment)?;
    }
    if mobility {
        request.attribute(&MobilityTicket(&[]))?;
    }
    if let Some(token) = &config.reservation {
        return request.attribute(token);
    }
    match config.families {
        Families::Default => {}
        Families::One(family) => request.attribute(&RequestedAddressFamily::from(family))?,
        Families::Both => request.attribute(&AdditionalAddressFamily::from(AddressFamily::Ipv6))?,
    }
    match config.even_port {
        None => Ok(()),
        Some(reserve) => request.attribute(&EvenPort { reserve }),
    }
}

fn write_lifetime(config: &Config, request: &mut MessageBuilder<'_>) -> Result<(), BuildError> {
    match config.lifetime {
        Some(seconds) => request.attribute(&Lifetime(seconds)),
        None => Ok(()),
    }
}
