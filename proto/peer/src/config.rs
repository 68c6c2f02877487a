use crate::certificate::Certificate;
use crate::data_channel::BUFFERED_AMOUNT_MAX;
use crate::dtls::DtlsVersions;
use moim_sdp::jsep::{Capabilities, DtlsRole};
use moim_wire::NtpTime;

/// Most packets that wait to be sent or can be asked for again, unless configured otherwise: half of them for either.
pub const STORED_PACKETS_MAX: usize = 4_096;

/// What a connection is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// What it shows.
    pub certificate: Certificate,
    /// How it connects.
    pub ice: moim_ice::Config,
    /// What it can do: codecs, header extensions, data channels.
    pub capabilities: Capabilities,
    /// Which DTLS it speaks.
    pub dtls_versions: DtlsVersions,
    /// Which role in DTLS it takes if the other side leaves the choice: server, unless configured otherwise, since the server chooses
    /// how media is encrypted.
    pub preferred_role: DtlsRole,
    /// Whether how much is sent follows what the network carries, and between which limits. [`None`]: everything leaves as it comes, and
    /// the sender sees to it itself.
    pub congestion: Option<moim_cc::Config>,
    /// How packets are spread, if congestion is controlled.
    pub pacer: moim_cc::PacerConfig,
    /// Most packets that wait to be sent or can be asked for again.
    pub stored_packets_max: usize,
    /// Most bytes that wait in data channels.
    pub buffered_amount_max: usize,
    /// Whether the SCTP INIT is exchanged in descriptions (SNAP, draft-hancke-tsvwg-snap), which saves the handshake of the association, with
    /// those that do so too. A draft: off unless asked for.
    pub snap: bool,
    /// Whether the handshake of DTLS goes by ICE's checks and their answers (SPED, draft-hancke-webrtc-sped), which saves a round trip, with those
    /// that do so too. A draft: off unless asked for.
    pub sped: bool,
    /// The wall clock at the moment the connection is made, for sender reports.
    pub wall: NtpTime,
    /// What chance there is in DTLS follows from the seed as well. For worlds that are replayed, and never for others.
    pub replayable: bool,
}

impl Config {
    /// A connection as browsers make it.
    pub fn new(certificate: Certificate, wall: NtpTime) -> Self {
        Self {
            certificate,
            ice: moim_ice::Config::default(),
            capabilities: Capabilities::default(),
            dtls_versions: DtlsVersions::Auto,
            preferred_role: DtlsRole::Server,
            congestion: Some(moim_cc::Config::default()),
            pacer: moim_cc::PacerConfig::default(),
            stored_packets_max: STORED_PACKETS_MAX,
            buffered_amount_max: BUFFERED_AMOUNT_MAX,
            snap: false,
            sped: false,
            wall,
            replayable: false,
        }
    }
}
