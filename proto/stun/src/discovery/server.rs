use super::attribute::{ChangeRequest, OtherAddress, Padding, ResponseOrigin, ResponsePort};
use super::endpoints::{Endpoint, Endpoints};
use crate::attribute::{Attribute, AttributeType, ErrorCode, MappedAddress, UnknownAttributes};
use crate::binding::{Counters, DropReason, Request};
use crate::{BuildError, HEADER_LEN};
use std::net::SocketAddr;

/// The longest PADDING of a response, in bytes: with what is around it, more than an Ethernet packet holds, so that the
/// response arrives in fragments, which is what PADDING is for (RFC 5780 §3.5).
pub const PADDING_LEN_MAX: usize = 1500;

/// What an `out` buffer must hold for every response to fit, in bytes: header, four IPv6 addresses, PADDING, FINGERPRINT.
pub const RESPONSE_LEN_MAX: usize = HEADER_LEN + 4 * (4 + 20) + (4 + PADDING_LEN_MAX) + 8;

/// How many tenths of its request's bytes a [proportionate](Disclosure::Proportionate) response may have.
const AMPLIFICATION_TENTHS_MAX: usize = 16;

/// Which responses tell the server's other addresses.
///
/// RFC 5780 §6.1 puts MAPPED-ADDRESS, RESPONSE-ORIGIN and OTHER-ADDRESS into every response of a server that has a second
/// address. That makes 68 bytes out of a bare request of 20, whose source may be forged: 3.4 times as much, where plain
/// Binding gives 1.6.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Disclosure {
    /// Those that stay within 1.6 times the length of their request. A client that asks in at least 44 bytes over IPv4, or
    /// 76 over IPv6, is told; [`Client`](super::Client) does, by a SOFTWARE attribute of that size.
    #[default]
    Proportionate,
    /// All, as the RFC says, for clients that send bare requests. A driver limits the rate of what it sends anyway.
    Always,
}

/// What a server is to know about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Where clients reach it.
    pub endpoints: Endpoints,
    /// Which responses tell its other addresses.
    pub disclosure: Disclosure,
}

/// Answers Binding requests from where they ask to be answered from (RFC 5780 §6).
///
/// It keeps nothing about clients. A request without attributes of RFC 5780 is answered as
/// [`binding::Server`](crate::binding::Server) does, plus what [`Disclosure`] adds.
#[derive(Clone, Debug)]
pub struct Server {
    config: ServerConfig,
    counters: Counters,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Handled {
    /// There is a response to send.
    Respond {
        /// It is the first so many bytes of `out`.
        len: usize,
        /// Where to send it from.
        from: Endpoint,
        /// Where to send it to: the IP address that the request came from, and its port unless it asked for another.
        to: SocketAddr,
    },
    /// There is nothing to send.
    Dropped(DropReason),
}

/// A response in `out`, and its way.
struct Answer {
    len: usize,
    from: Endpoint,
    to: SocketAddr,
    is_success: bool,
}

/// What a request asks of its response.
struct Wishes {
    change: ChangeRequest,
    port: Option<u16>,
    padding: Option<usize>,
}

impl Server {
    /// A server that has counted nothing yet.
    pub fn new(config: ServerConfig) -> Self {
        Self { config, counters: Counters::default() }
    }

    /// How often what happened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a datagram that came from `source` to `received_on`, and writes the response into `out`.
    pub fn handle(
        &mut self,
        datagram: &[u8],
        source: SocketAddr,
        received_on: Endpoint,
        out: &mut [u8],
    ) -> Handled {
        match self.answer(datagram, source, received_on, out) {
            Ok(Answer { len, from, to, is_success }) => {
                self.counters.count_response(is_success);
                Handled::Respond { len, from, to }
            }
            Err(reason) => {
                self.counters.count_drop(reason);
                Handled::Dropped(reason)
            }
        }
    }

    fn answer(
        &self,
        datagram: &[u8],
        source: SocketAddr,
        received_on: Endpoint,
        out: &mut [u8],
    ) -> Result<Answer, DropReason> {
        let request = Request::accept(datagram, source)?;
        match self.wishes(&request) {
            Ok(wishes) => {
                let from = Endpoint {
                    ip: received_on.ip.changed(wishes.change.ip),
                    port: received_on.port.changed(wishes.change.port),
                };
                let port = wishes.port.unwrap_or(request.source.port());
                let to = SocketAddr::new(request.source.ip(), port);
                let len = self.succeed(&request, &wishes, received_on, from, out)?;
                Ok(Answer { len, from, to, is_success: true })
            }
            Err((error, unknown)) => {
                let len = request.refuse(&error, &unknown, out)?;
                Ok(Answer { len, from: received_on, to: request.source, is_success: false })
            }
        }
    }

    /// What the request asks for, if it can be had; otherwise the error to answer with (RFC 5780 §6.1).
    fn wishes(&self, request: &Request<'_>) -> Result<Wishes, (ErrorCode<'static>, UnknownAttributes)> {
        let mut unknown = request.unknown_attributes(&UNDERSTOOD);
        let malformed = |_| (ErrorCode::BAD_REQUEST, UnknownAttributes::EMPTY);
        let change: ChangeRequest = request.message.get().map_err(malformed)?.unwrap_or_default();
        let port = request.message.get().map_err(malformed)?.map(|ResponsePort(port)| port);
        let padding = request.message.get().map_err(malformed)?.map(|Padding { len }| len);
        // RFC 5780 §6.1: a server without a second address does not understand that it is to be used.
        if change.ip && !self.config.endpoints.has_second_ip() {
            unknown.insert(AttributeType::CHANGE_REQUEST);
        }
        if !unknown.is_empty() {
            return Err((ErrorCode::UNKNOWN_ATTRIBUTE, unknown));
        }
        // RFC 5780 §6.1: long responses to ports that did not ask are not to be had.
        if port == Some(0) || (port.is_some() && padding.is_some()) {
            return Err((ErrorCode::BAD_REQUEST, UnknownAttributes::EMPTY));
        }
        Ok(Wishes { change, port, padding })
    }

    fn succeed(
        &self,
        request: &Request<'_>,
        wishes: &Wishes,
        received_on: Endpoint,
        from: Endpoint,
        out: &mut [u8],
    ) -> Result<usize, BuildError> {
        if let Some(len) = self.disclose(request, wishes, received_on, from, out)? {
            return Ok(len);
        }
        let mut response = request.succeed(out)?;
        pad(&mut response, wishes)?;
        request.finish(response)
    }

    /// The response that tells everything. [`None`]: it may not be that long.
    fn disclose(
        &self,
        request: &Request<'_>,
        wishes: &Wishes,
        received_on: Endpoint,
        from: Endpoint,
        out: &mut [u8],
    ) -> Result<Option<usize>, BuildError> {
        let endpoints = &self.config.endpoints;
        let other = Endpoint { ip: received_on.ip.other(), port: received_on.port.other() };
        let mut response = request.succeed(out)?;
        response.attribute(&MappedAddress(request.source))?;
        response.attribute(&ResponseOrigin(endpoints.address(from)))?;
        response.attribute(&OtherAddress(endpoints.address(other)))?;
        pad(&mut response, wishes)?;
        let len = request.finish(response)?;
        let is_proportionate = len * 10 <= request.message.as_bytes().len() * AMPLIFICATION_TENTHS_MAX;
        Ok((self.config.disclosure == Disclosure::Always || is_proportionate).then_some(len))
    }
}

/// RFC 5780 §7.6, but never longer than what the client sent itself.
fn pad(response: &mut crate::MessageBuilder<'_>, wishes: &Wishes) -> Result<(), BuildError> {
    match wishes.padding {
        Some(len) => response.attribute(&Padding { len: len.min(PADDING_LEN_MAX) }),
        None => Ok(()),
    }
}

/// The attributes of RFC 5780 that a request may have and that must be understood.
const UNDERSTOOD: [AttributeType; 3] = [ChangeRequest::TYPE, ResponsePort::TYPE, Padding::TYPE];
