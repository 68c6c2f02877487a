use moim_peer::{Certificate, DtlsVersions};
use moim_sfu::SLOTS_MAX;
use moim_wire::Bitrate;
use std::net::SocketAddr;
use std::time::Duration;

/// Most participants of a shard, with a connection or without.
pub const PARTICIPANTS_MAX: usize = 16_384;
/// Most media sections of a connection: those that receive, and as many that send.
pub const SECTIONS_MAX: usize = SLOTS_MAX + SENDING_SECTIONS_MAX;
/// Most sections by which a participant sends.
pub const SENDING_SECTIONS_MAX: usize = 32;
/// Most wishes of a participant about tracks of others that are remembered.
pub const WATCHES_MAX: usize = moim_sfu::WATCHES_MAX;
/// Most addresses that a participant's connection may have come from. Of more, the one that was not heard of for longest is forgotten.
pub const ADDRESSES_MAX: usize = 8;
/// As many offers of a participant may follow each other at once.
pub const OFFERS_AT_ONCE_MAX: u32 = 10;
/// And so often one more, from then on.
pub const OFFER_INTERVAL: Duration = Duration::from_secs(1);
/// What a connection's rate allows in this time leaves at once. Publishers have spread their frames already: a viewer's frame of the usual size goes out as it comes
/// in, as one run, and only a key frame is spread.
pub(crate) const BURST: Duration = Duration::from_millis(20);
/// A connection that does not come about in so long has failed.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// What a shard is made with.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// What the server's ends show.
    pub certificate: Certificate,
    /// Where clients reach the server, the preferred address first: addresses that are listened on, and those that others know them by. No
    /// wildcards. What comes to an address that is not among them counts as having come to the first one of its family.
    pub candidates: Vec<SocketAddr>,
    /// How is forwarded. Default: as everywhere, but a subscriber gets 2.5 Mbit/s until it is known what its network carries, which is a moment: enough to begin with
    /// a large picture, and little enough to wait for none.
    pub forwarder: moim_sfu::Config,
    /// Between which rates a connection sends, and at which it begins. Default: as everywhere, but from 600 kbit/s on, which is a small picture and
    /// several voices.
    pub congestion: moim_cc::Config,
    /// Which DTLS the server's ends speak. Default: 1.2 alone. The server is passive, and chooses how media is encrypted: with 1.2 that is
    /// AES-GCM wherever the client knows it, which costs a fraction of the AES-CM that browsers name first.
    pub dtls_versions: DtlsVersions,
    /// Most connections of this shard. Default: 2,000.
    pub connections_max: usize,
}

impl MediaConfig {
    /// Forwarding as it is meant to be, with addresses that are given.
    pub fn new(certificate: Certificate, candidates: Vec<SocketAddr>) -> Self {
        Self {
            certificate,
            candidates,
            forwarder: moim_sfu::Config {
                target_start: Bitrate::from_kbps(2_500),
                ..moim_sfu::Config::default()
            },
            congestion: moim_cc::Config { start: Bitrate::from_kbps(600), ..moim_cc::Config::default() },
            dtls_versions: DtlsVersions::Only12,
            connections_max: 2_000,
        }
    }
}
