use super::allocation::Traffic;
use crate::auth::RefusalReason;
use crate::method;
use crate::policy::Denied;
use moim_stun::attribute::ErrorCode;
use moim_stun::{Method, ParseError};

/// Why something that came is not relayed or answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum DropReason {
    /// It is neither a STUN message nor ChannelData.
    Malformed,
    /// It has no magic cookie: classic STUN (RFC 3489), or another protocol.
    NoMagicCookie,
    /// Its FINGERPRINT is wrong: it may be another protocol's packet.
    BadFingerprint,
    /// It is a response to something that was never asked.
    Response,
    /// Its method is not one of TURN, or has no indications.
    UnsupportedMethod,
    /// It claims to come from where nothing can be sent to.
    UnusableSource,
    /// What there is to send does not fit into `out`: give [`OUT_LEN_MAX`](super::OUT_LEN_MAX) bytes.
    BufferTooSmall,
    /// Its sender has proved nothing, and its network has had its share of answers.
    OverBudget,
    /// It is a request that is answered by nothing, such as one with a credential that cannot be checked.
    Unanswerable,
    /// An indication lacks something, or has something that must be understood and is not.
    BadIndication,
    /// There is no such allocation.
    NoAllocation,
    /// There is no such channel.
    NoChannel,
    /// There is no permission for the peer.
    NoPermission,
    /// There is no relayed address of the peer's family.
    NoRelay,
    /// The allocation relays TCP connections, not datagrams; or the other way round.
    WrongTransport,
    /// A limit of bandwidth is reached.
    OverBandwidth,
    /// It is longer than what a message can carry.
    TooLong,
    /// It is an ICMP error of a type that is not passed on.
    IcmpType,
    /// There are as many connections with peers as there may be.
    TooManyConnections,
}

impl DropReason {
    /// Every reason, in the order they are declared.
    pub const ALL: [Self; 19] = [
        Self::Malformed,
        Self::NoMagicCookie,
        Self::BadFingerprint,
        Self::Response,
        Self::UnsupportedMethod,
        Self::UnusableSource,
        Self::BufferTooSmall,
        Self::OverBudget,
        Self::Unanswerable,
        Self::BadIndication,
        Self::NoAllocation,
        Self::NoChannel,
        Self::NoPermission,
        Self::NoRelay,
        Self::WrongTransport,
        Self::OverBandwidth,
        Self::TooLong,
        Self::IcmpType,
        Self::TooManyConnections,
    ];

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::NoMagicCookie => "no_magic_cookie",
            Self::BadFingerprint => "bad_fingerprint",
            Self::Response => "response",
            Self::UnsupportedMethod => "unsupported_method",
            Self::UnusableSource => "unusable_source",
            Self::BufferTooSmall => "buffer_too_small",
            Self::OverBudget => "over_budget",
            Self::Unanswerable => "unanswerable",
            Self::BadIndication => "bad_indication",
            Self::NoAllocation => "no_allocation",
            Self::NoChannel => "no_channel",
            Self::NoPermission => "no_permission",
            Self::NoRelay => "no_relay",
            Self::WrongTransport => "wrong_transport",
            Self::OverBandwidth => "over_bandwidth",
            Self::TooLong => "too_long",
            Self::IcmpType => "icmp_type",
            Self::TooManyConnections => "too_many_connections",
        }
    }
}

impl From<ParseError> for DropReason {
    fn from(error: ParseError) -> Self {
        if error == ParseError::NoMagicCookie { Self::NoMagicCookie } else { Self::Malformed }
    }
}

/// What clients ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Request {
    /// A relayed transport address (RFC 8656 §7).
    Allocate,
    /// To keep it, or to give it back (RFC 8656 §8).
    Refresh,
    /// To let peers through (RFC 8656 §10).
    CreatePermission,
    /// A number for a peer (RFC 8656 §12).
    ChannelBind,
    /// A connection to a peer (RFC 6062 §5.2).
    Connect,
    /// To carry a connection's data (RFC 6062 §5.4).
    ConnectionBind,
}

impl Request {
    /// Every kind, in the order they are declared.
    pub const ALL: [Self; 6] = [
        Self::Allocate,
        Self::Refresh,
        Self::CreatePermission,
        Self::ChannelBind,
        Self::Connect,
        Self::ConnectionBind,
    ];

    /// The kind of request that has this method.
    pub fn of(method: Method) -> Option<Self> {
        Self::ALL.into_iter().find(|request| request.method() == method)
    }

    /// Its method.
    pub const fn method(self) -> Method {
        match self {
            Self::Allocate => method::ALLOCATE,
            Self::Refresh => method::REFRESH,
            Self::CreatePermission => method::CREATE_PERMISSION,
            Self::ChannelBind => method::CHANNEL_BIND,
            Self::Connect => method::CONNECT,
            Self::ConnectionBind => method::CONNECTION_BIND,
        }
    }

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allocate => "allocate",
            Self::Refresh => "refresh",
            Self::CreatePermission => "create_permission",
            Self::ChannelBind => "channel_bind",
            Self::Connect => "connect",
            Self::ConnectionBind => "connection_bind",
        }
    }
}

/// Why a request is not carried out: the codes of ERROR-CODE that the server uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Refusal {
    /// 300: another server is to be asked (RFC 8489 §10).
    TryAlternate,
    /// 400: the request is malformed.
    BadRequest,
    /// 401: the request needs a credential that is right.
    Unauthenticated,
    /// 403: the peer is one that must not be relayed to, or nothing is relayed.
    Forbidden,
    /// 405: clients may not keep allocations when they move (RFC 8016).
    MobilityForbidden,
    /// 420: the request has attributes that must be understood and are not.
    UnknownAttribute,
    /// 437: there is no allocation, or there is one already.
    AllocationMismatch,
    /// 438: the nonce is no longer valid.
    StaleNonce,
    /// 440: there are no relayed addresses of the family.
    AddressFamilyNotSupported,
    /// 441: the allocation is another user's.
    WrongCredentials,
    /// 442: what is to be relayed cannot be.
    UnsupportedTransportProtocol,
    /// 443: the allocation has no relayed address of the peer's family.
    PeerAddressFamilyMismatch,
    /// 446: there is such a connection already (RFC 6062 §6.3).
    ConnectionAlreadyExists,
    /// 447: the peer cannot be connected to (RFC 6062 §6.3).
    ConnectionTimeoutOrFailure,
    /// 486: the user has as many allocations as one may have.
    AllocationQuotaReached,
    /// 500: the server has failed.
    ServerError,
    /// 508: the server has too little of something.
    InsufficientCapacity,
}

impl Refusal {
    /// Every one, in the order they are declared.
    pub const ALL: [Self; 17] = [
        Self::TryAlternate,
        Self::BadRequest,
        Self::Unauthenticated,
        Self::Forbidden,
        Self::MobilityForbidden,
        Self::UnknownAttribute,
        Self::AllocationMismatch,
        Self::StaleNonce,
        Self::AddressFamilyNotSupported,
        Self::WrongCredentials,
        Self::UnsupportedTransportProtocol,
        Self::PeerAddressFamilyMismatch,
        Self::ConnectionAlreadyExists,
        Self::ConnectionTimeoutOrFailure,
        Self::AllocationQuotaReached,
        Self::ServerError,
        Self::InsufficientCapacity,
    ];

    /// The code.
    pub const fn code(self) -> u16 {
        match self {
            Self::TryAlternate => 300,
            Self::BadRequest => 400,
            Self::Unauthenticated => 401,
            Self::Forbidden => 403,
            Self::MobilityForbidden => 405,
            Self::UnknownAttribute => 420,
            Self::AllocationMismatch => 437,
            Self::StaleNonce => 438,
            Self::AddressFamilyNotSupported => 440,
            Self::WrongCredentials => 441,
            Self::UnsupportedTransportProtocol => 442,
            Self::PeerAddressFamilyMismatch => 443,
            Self::ConnectionAlreadyExists => 446,
            Self::ConnectionTimeoutOrFailure => 447,
            Self::AllocationQuotaReached => 486,
            Self::ServerError => 500,
            Self::InsufficientCapacity => 508,
        }
    }

    /// What says so in a response. Without words: clients go by the code.
    pub(super) fn attribute(self) -> ErrorCode<'static> {
        ErrorCode::new(self.code(), "").expect("every code is within 300 to 699")
    }
}

/// How often what happened, since the server was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// What went from clients to peers.
    pub to_peers: Traffic,
    /// What went from peers to clients.
    pub to_clients: Traffic,
    /// ICMP errors passed on to clients.
    pub icmp: u64,
    /// Allocations made.
    pub allocated: u64,
    /// Allocations freed.
    pub freed: u64,
    /// Events not told because nobody fetched those before.
    pub events_lost: u64,
    unauthenticated: [u64; RefusalReason::ALL.len()],
    successes: [u64; Request::ALL.len()],
    refused: [[u64; Refusal::ALL.len()]; Request::ALL.len()],
    dropped: [u64; DropReason::ALL.len()],
    denied: [u64; Denied::ALL.len()],
}

impl Counters {
    /// What was dropped for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Peers that must not be relayed to for this reason, and were asked for.
    pub fn denied(&self, reason: Denied) -> u64 {
        self.denied[reason as usize]
    }

    /// Requests whose sender did not prove who it is, for this reason. They are among those [refused](Self::refused) too.
    pub fn unauthenticated(&self, reason: RefusalReason) -> u64 {
        self.unauthenticated[reason as usize]
    }

    /// Requests of this kind that were carried out.
    pub fn succeeded(&self, request: Request) -> u64 {
        self.successes[request as usize]
    }

    /// Requests of this kind that were refused for this reason.
    pub fn refused(&self, request: Request, refusal: Refusal) -> u64 {
        self.refused[request as usize][refusal as usize]
    }

    pub(super) fn count_dropped(&mut self, reason: DropReason) {
        self.dropped[reason as usize] += 1;
    }

    pub(super) fn count_denied(&mut self, reason: Denied) {
        self.denied[reason as usize] += 1;
    }

    pub(super) fn count_success(&mut self, request: Request) {
        self.successes[request as usize] += 1;
    }

    pub(super) fn count_unauthenticated(&mut self, request: Request, reason: RefusalReason) {
        self.unauthenticated[reason as usize] += 1;
        let refusal = Refusal::ALL.into_iter().find(|refusal| refusal.code() == reason.error_code());
        self.count_refused(request, refusal.unwrap_or(Refusal::Unauthenticated));
    }

    pub(super) fn count_refused(&mut self, request: Request, refusal: Refusal) {
        self.refused[request as usize][refusal as usize] += 1;
    }
}
