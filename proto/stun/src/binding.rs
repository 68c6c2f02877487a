//! A server for the Binding method without authentication (RFC 8489 §6.3, §12): it tells clients their address.
//!
//! Where it does otherwise than RFC 8489 would like: a response has neither SOFTWARE (§6.3.1.1) nor a reason phrase (§14.8),
//! since every byte of an answer to a forged request is one an attacker can multiply; and classic STUN (RFC 3489) is not
//! answered (§11, §12). That §12 wants TCP as well is up to the driver: [`framed_len`](crate::framed_len) tells the messages
//! of a stream apart, and [`Server::handle`] takes them.

use crate::attribute::{AttributeType, ErrorCode, UnknownAttributes, XorMappedAddress};
use crate::{BuildError, Class, FingerprintCheck, Message, MessageBuilder, Method, ParseError, Seal};
use moim_wire::is_one_host;
use std::net::SocketAddr;
use std::ops::AddAssign;

/// What an `out` buffer must hold for every response to fit, in bytes: header, the longest of the bodies (ERROR-CODE with a
/// full UNKNOWN-ATTRIBUTES), FINGERPRINT.
pub const RESPONSE_LEN_MAX: usize = 20 + (8 + 20) + 8;

/// Answers Binding requests, and counts what it does.
///
/// It keeps nothing about clients, so that one can serve any number of them and a restart is not noticed.
#[derive(Clone, Debug, Default)]
pub struct Server {
    counters: Counters,
}

/// What became of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Handled {
    /// The first so many bytes of `out` are the response, to be sent to where the datagram came from, from the address it
    /// was sent to.
    Respond(usize),
    /// There is nothing to send.
    Dropped(DropReason),
}

/// Why a datagram is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum DropReason {
    /// It cannot be a message: too short, other first bits, a length that does not fit, attributes beyond the end.
    Malformed,
    /// It has no magic cookie: classic STUN (RFC 3489), or another protocol.
    NoMagicCookie,
    /// Its FINGERPRINT is wrong: it may be another protocol's packet.
    BadFingerprint,
    /// It is an indication, as clients send to keep a NAT binding alive. No answer is wanted.
    Indication,
    /// It is a response to something that was never asked.
    Response,
    /// Its method is not Binding.
    UnsupportedMethod,
    /// It claims to come from where nothing can be sent to: port 0, or an address that is not one host's.
    UnusableSource,
    /// The response does not fit into `out`: give [`RESPONSE_LEN_MAX`] bytes.
    BufferTooSmall,
}

impl DropReason {
    /// Every reason, in the order they are declared.
    pub const ALL: [Self; 8] = [
        Self::Malformed,
        Self::NoMagicCookie,
        Self::BadFingerprint,
        Self::Indication,
        Self::Response,
        Self::UnsupportedMethod,
        Self::UnusableSource,
        Self::BufferTooSmall,
    ];

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NoMagicCookie => "no_magic_cookie",
            Self::BadFingerprint => "bad_fingerprint",
            Self::Indication => "indication",
            Self::Response => "response",
            Self::UnsupportedMethod => "unsupported_method",
            Self::UnusableSource => "unusable_source",
            Self::BufferTooSmall => "buffer_too_small",
        }
    }
}

/// How often what happened, since the server was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests answered with the client's address.
    pub successes: u64,
    /// Requests answered with an error.
    pub errors: u64,
    dropped: [u64; DropReason::ALL.len()],
}

impl Counters {
    /// Datagrams dropped for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    pub(crate) fn count_response(&mut self, is_success: bool) {
        *if is_success { &mut self.successes } else { &mut self.errors } += 1;
    }

    pub(crate) fn count_drop(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }
}

impl AddAssign for Counters {
    /// Counts what another server has counted.
    fn add_assign(&mut self, other: Self) {
        self.successes += other.successes;
        self.errors += other.errors;
        for (count, other) in self.dropped.iter_mut().zip(other.dropped) {
            *count += other;
        }
    }
}

impl Server {
    /// A server that has counted nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// How often what happened.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Takes a datagram, or a message framed from a stream, that came from `source`, and writes the response into `out`.
    pub fn handle(&mut self, datagram: &[u8], source: SocketAddr, out: &mut [u8]) -> Handled {
        match answer(datagram, source, out) {
            Ok(Answer::Success(len)) => {
                self.counters.count_response(true);
                Handled::Respond(len)
            }
            Ok(Answer::Error(len)) => {
                self.counters.count_response(false);
                Handled::Respond(len)
            }
            Err(reason) => {
                self.counters.count_drop(reason);
                Handled::Dropped(reason)
            }
        }
    }
}

/// A response in `out`, by its length.
enum Answer {
    Success(usize),
    Error(usize),
}

fn answer(datagram: &[u8], source: SocketAddr, out: &mut [u8]) -> Result<Answer, DropReason> {
    let request = Request::accept(datagram, source)?;
    let unknown = request.unknown_attributes(&[]);
    if unknown.is_empty() {
        Ok(Answer::Success(success(&request, out)?))
    } else {
        Ok(Answer::Error(request.refuse(&ErrorCode::UNKNOWN_ATTRIBUTE, &unknown, out)?))
    }
}

/// A Binding request that gets an answer, whichever.
pub(crate) struct Request<'a> {
    pub(crate) message: Message<'a>,
    /// Where it came from, as the client knows it.
    pub(crate) source: SocketAddr,
    /// How the answer ends.
    seal: Seal<'static>,
}

impl<'a> Request<'a> {
    /// What every kind of Binding server asks of a datagram before it answers.
    pub(crate) fn accept(datagram: &'a [u8], source: SocketAddr) -> Result<Self, DropReason> {
        let message = Message::parse(datagram)?;
        match message.class() {
            Class::Request => {}
            Class::Indication => return Err(DropReason::Indication),
            Class::SuccessResponse | Class::ErrorResponse => return Err(DropReason::Response),
        }
        // RFC 8489 §6.3: a request of a method that is not supported is discarded without an answer.
        if message.method() != Method::BINDING {
            return Err(DropReason::UnsupportedMethod);
        }
        let fingerprint = match message.check_fingerprint() {
            FingerprintCheck::Absent => false,
            FingerprintCheck::Valid => true,
            FingerprintCheck::Invalid => return Err(DropReason::BadFingerprint),
        };
        let source = usable(source).ok_or(DropReason::UnusableSource)?;
        // RFC 8489 §7: an agent that uses FINGERPRINT has it in what it sends; a client shows that it does.
        let seal = Seal { fingerprint, ..Seal::default() };
        Ok(Self { message, source, seal })
    }

    /// The attributes that have to be understood, and are neither of RFC 8489 nor among `extension`.
    pub(crate) fn unknown_attributes(&self, extension: &[AttributeType]) -> UnknownAttributes {
        let mut unknown = UnknownAttributes::EMPTY;
        for attribute in self.message.attributes() {
            let attribute_type = attribute.attribute_type;
            let is_understood = UNDERSTOOD.contains(&attribute_type) || extension.contains(&attribute_type);
            if attribute_type.is_comprehension_required() && !is_understood {
                unknown.insert(attribute_type);
            }
        }
        unknown
    }

    /// Begins the success response, with XOR-MAPPED-ADDRESS (RFC 8489 §6.3.1.1).
    pub(crate) fn succeed<'b>(&self, out: &'b mut [u8]) -> Result<MessageBuilder<'b>, BuildError> {
        let mut response = self.respond(Class::SuccessResponse, out)?;
        response.attribute(&XorMappedAddress(self.source))?;
        Ok(response)
    }

    /// Ends a response, and says how long it is.
    pub(crate) fn finish(&self, response: MessageBuilder<'_>) -> Result<usize, BuildError> {
        Ok(response.finish(self.seal)?.len())
    }

    /// The error response (RFC 8489 §6.3.1), with the attributes that were not understood if there are any.
    pub(crate) fn refuse(
        &self,
        error: &ErrorCode<'_>,
        unknown: &UnknownAttributes,
        out: &mut [u8],
    ) -> Result<usize, BuildError> {
        let mut response = self.respond(Class::ErrorResponse, out)?;
        response.attribute(error)?;
        if !unknown.is_empty() {
            response.attribute(unknown)?;
        }
        self.finish(response)
    }

    fn respond<'b>(&self, class: Class, out: &'b mut [u8]) -> Result<MessageBuilder<'b>, BuildError> {
        MessageBuilder::new(out, class, self.message.method(), self.message.transaction_id())
    }
}

fn success(request: &Request<'_>, out: &mut [u8]) -> Result<usize, BuildError> {
    let response = request.succeed(out)?;
    request.finish(response)
}

/// The comprehension-required attributes of RFC 8489. Those about credentials are understood, and have no effect: a
/// server without authentication does not look at the ones a request may carry (RFC 8489 §9).
const UNDERSTOOD: [AttributeType; 11] = [
    AttributeType::MAPPED_ADDRESS,
    AttributeType::USERNAME,
    AttributeType::MESSAGE_INTEGRITY,
    AttributeType::ERROR_CODE,
    AttributeType::UNKNOWN_ATTRIBUTES,
    AttributeType::REALM,
    AttributeType::NONCE,
    AttributeType::MESSAGE_INTEGRITY_SHA256,
    AttributeType::PASSWORD_ALGORITHM,
    AttributeType::USERHASH,
    AttributeType::XOR_MAPPED_ADDRESS,
];

/// The source as the client knows it, IPv4 on a dual-stack socket included. [`None`]: it cannot be answered.
///
/// UDP allows 0 for "no port", and a forged source can be any address. Some kernels refuse to send to these, and count the
/// refusal against the socket.
fn usable(source: SocketAddr) -> Option<SocketAddr> {
    let source = SocketAddr::new(source.ip().to_canonical(), source.port());
    (is_one_host(source.ip()) && source.port() != 0).then_some(source)
}

impl From<ParseError> for DropReason {
    fn from(error: ParseError) -> Self {
        match error {
            ParseError::NoMagicCookie => Self::NoMagicCookie,
            ParseError::TooShort
            | ParseError::NotStun
            | ParseError::LengthUnaligned
            | ParseError::LengthMismatch
            | ParseError::AttributeOverrun
            | ParseError::FingerprintNotLast
            | ParseError::MalformedAttribute(_) => Self::Malformed,
        }
    }
}

impl From<BuildError> for DropReason {
    fn from(error: BuildError) -> Self {
        debug_assert_eq!(error, BuildError::BufferTooSmall, "the attributes of a response have valid values");
        Self::BufferTooSmall
    }
}

#[cfg(test)]
mod tests;
