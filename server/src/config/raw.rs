//! The configuration as it is written: a file, then the environment over it, then flags over both.
//!
//! The comments of these types are the comments of the annotated sample (`moim sample-config`): they speak to operators.

#![expect(
    unused_qualifications,
    reason = "the derive macro names types by paths that are longer than needed"
)]
#![expect(clippy::doc_link_with_quotes, reason = "these comments show TOML, in which lists are in brackets")]

mod rooms;
mod stun;
mod turn;
mod webhooks;

pub(crate) use rooms::{RawMedia, RawRooms};
pub(crate) use stun::RawStun;
pub(crate) use turn::{RawIce, RawListener, RawManagement, RawTurn};
pub(crate) use webhooks::RawWebhooks;

use super::humane::HumaneDuration;
use super::secret::Secret;
use super::{LogAddresses, LogFormat};
use confique::Config;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;

/// moim's configuration. Every value here is optional; what is shown is the default.
/// Order of precedence: command line, environment, this file, default.
#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawConfig {
    /// Where the self-signed certificate is kept. Default: $STATE_DIRECTORY (set by systemd), else
    /// $XDG_DATA_HOME/moim, else ~/.local/share/moim.
    #[config(env = "MOIM_DATA_DIR")]
    pub(crate) data_dir: Option<PathBuf>,

    /// Where else moim listens. Everything that moim speaks is spoken there too. In a file each is a table of its own:
    ///   [[listeners]]
    ///   address = "0.0.0.0:3478"
    ///   proxy_protocol = false     # true where a proxy puts a PROXY protocol header before every TCP connection
    ///   proxies = ["192.0.2.7"]    # where that proxy connects from; default: this machine and private networks
    ///   realm = "school.example"   # one of turn.realms; default: turn.realm
    #[config(default = [])]
    pub(crate) listeners: Vec<RawListener>,

    /// Where moim listens: one port, for TCP (HTTPS, WebSocket, TURN) and UDP (STUN, TURN) alike.
    #[config(nested)]
    pub(crate) listen: RawListen,

    /// The certificate. Without one of your own, moim makes a self-signed one, of which browsers warn.
    #[config(nested)]
    pub(crate) tls: RawTls,

    /// The web server.
    #[config(nested)]
    pub(crate) http: RawHttp,

    /// Who may enter. Without keys the server is in open mode: whoever knows a room's name can enter it.
    #[config(nested)]
    pub(crate) auth: RawAuth,

    /// STUN and TURN servers that clients are told of.
    #[config(nested)]
    pub(crate) ice: RawIce,

    /// STUN: what tells clients by which address they are seen.
    #[config(nested)]
    pub(crate) stun: RawStun,

    /// The relay (TURN): what makes calls connect where no direct path does.
    #[config(nested)]
    pub(crate) turn: RawTurn,

    /// Metrics and control, on a socket of their own.
    #[config(nested)]
    pub(crate) management: RawManagement,

    /// Rooms, and how media travels in them.
    #[config(nested)]
    pub(crate) rooms: RawRooms,

    /// What forwards media (SFU) in rooms that are no mesh.
    #[config(nested)]
    pub(crate) media: RawMedia,

    /// Telling another server what happens in rooms.
    #[config(nested)]
    pub(crate) webhooks: RawWebhooks,

    /// Signalling connections.
    #[config(nested)]
    pub(crate) signal: RawSignal,

    /// What one client, and all of them together, may take.
    #[config(nested)]
    pub(crate) limits: RawLimits,

    /// Shutting down.
    #[config(nested)]
    pub(crate) drain: RawDrain,

    /// Logs, written to standard error.
    #[config(nested)]
    pub(crate) log: RawLog,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawListen {
    /// The port. 443 makes the shortest links, and needs permission on most systems. 0 takes any free one.
    #[config(env = "MOIM_LISTEN_PORT", default = 8443)]
    pub(crate) port: u16,

    /// The addresses. "0.0.0.0" is every IPv4 address of this machine, "::" every IPv6 address.
    #[config(env = "MOIM_LISTEN_ADDRESSES", parse_env = confique::env::parse::list_by_comma,
             default = ["0.0.0.0", "::"])]
    pub(crate) addresses: Vec<IpAddr>,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawTls {
    /// PEM file with the certificate and its chain. Goes together with `key`.
    #[config(env = "MOIM_TLS_CERTIFICATE")]
    pub(crate) certificate: Option<PathBuf>,

    /// PEM file with the private key.
    #[config(env = "MOIM_TLS_KEY")]
    pub(crate) key: Option<PathBuf>,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawHttp {
    /// Origins of other sites whose pages may open calls here, such as "https://school.example".
    #[config(env = "MOIM_HTTP_ALLOWED_ORIGINS", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub(crate) allowed_origins: Vec<String>,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawAuth {
    /// The keys that sign tokens: a name (the token's `iss`) and a secret of at least 32 bytes each, such as
    /// { school = "…" }. `openssl rand -hex 32` makes a secret; `moim token --room NAME` makes a token.
    /// In the environment: name=secret, several separated by commas.
    #[config(env = "MOIM_AUTH_KEYS", parse_env = parse_keys, default = {})]
    pub(crate) keys: BTreeMap<String, Secret>,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawSignal {
    /// How often a client shows that it is alive. After three times as long in silence its connection is closed.
    #[config(env = "MOIM_SIGNAL_HEARTBEAT", default = "10s")]
    pub(crate) heartbeat: HumaneDuration,

    /// How long a participant whose connection dropped keeps its place.
    #[config(env = "MOIM_SIGNAL_RESUME_WINDOW", default = "30s")]
    pub(crate) resume_window: HumaneDuration,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawLimits {
    /// TCP connections at a time. The operating system's limit on open files must be higher.
    #[config(env = "MOIM_LIMITS_CONNECTIONS_MAX", default = 30000)]
    pub(crate) connections_max: usize,

    /// TCP connections at a time from one address (IPv6: one /64) that carry no signalling session.
    #[config(env = "MOIM_LIMITS_STRANGERS_PER_ADDRESS_MAX", default = 256)]
    pub(crate) strangers_per_address_max: u32,

    /// How long a TLS handshake, the header of a request, its body, or the first frame of a link may take.
    #[config(env = "MOIM_LIMITS_REQUEST_TIMEOUT", default = "10s")]
    pub(crate) request_timeout: HumaneDuration,

    /// How long a client may leave what is sent to it unread.
    #[config(env = "MOIM_LIMITS_WRITE_TIMEOUT", default = "30s")]
    pub(crate) write_timeout: HumaneDuration,

    /// Signalling sessions at a time.
    #[config(env = "MOIM_LIMITS_SESSIONS_MAX", default = 20000)]
    pub(crate) sessions_max: usize,

    /// Signalling sessions at a time begun from one address (IPv6: one /64). Behind a reverse proxy, or for a school with
    /// one public address, it must be as many as people may come that way.
    #[config(env = "MOIM_LIMITS_SESSIONS_PER_ADDRESS_MAX", default = 1024)]
    pub(crate) sessions_per_address_max: u32,

    /// Rooms at a time.
    #[config(env = "MOIM_LIMITS_ROOMS_MAX", default = 10000)]
    pub(crate) rooms_max: usize,

    /// Longest signalling frame, in bytes.
    #[config(env = "MOIM_LIMITS_FRAME_BYTES_MAX", default = 65536)]
    pub(crate) frame_bytes_max: u32,

    /// Longest name of a participant, in bytes.
    #[config(env = "MOIM_LIMITS_NAME_BYTES_MAX", default = 64)]
    pub(crate) name_bytes_max: u32,

    /// Longest metadata of a participant, in bytes.
    #[config(env = "MOIM_LIMITS_METADATA_BYTES_MAX", default = 4096)]
    pub(crate) metadata_bytes_max: u32,

    /// Longest chat text, in bytes.
    #[config(env = "MOIM_LIMITS_CHAT_BYTES_MAX", default = 8192)]
    pub(crate) chat_bytes_max: u32,

    /// Most tracks of one participant.
    #[config(env = "MOIM_LIMITS_TRACKS_MAX", default = 8)]
    pub(crate) tracks_max: u32,

    /// Messages a second that one session may send in the long run.
    #[config(env = "MOIM_LIMITS_MESSAGES_PER_SECOND", default = 50)]
    pub(crate) messages_per_second: u32,

    /// Messages that one session may send at once.
    #[config(env = "MOIM_LIMITS_MESSAGES_BURST", default = 250)]
    pub(crate) messages_burst: u32,

    /// Unreadable frames before a connection is closed.
    #[config(env = "MOIM_LIMITS_BAD_FRAMES_MAX", default = 20)]
    pub(crate) bad_frames_max: u32,

    /// Messages that wait for one client before its session ends.
    #[config(env = "MOIM_LIMITS_QUEUE_MESSAGES_MAX", default = 512)]
    pub(crate) queue_messages_max: usize,

    /// Bytes that wait for one client before its session ends.
    #[config(env = "MOIM_LIMITS_QUEUE_BYTES_MAX", default = 1_048_576)]
    pub(crate) queue_bytes_max: usize,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawDrain {
    /// How long running calls, and allocations of the relay, may go on after SIGTERM or SIGINT. Nobody new is let in; it ends early when nobody is left.
    #[config(env = "MOIM_DRAIN_GRACE", default = "10s")]
    pub(crate) grace: HumaneDuration,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawLog {
    /// What is logged: error, warn, info, debug or trace; or by part, such as "info,moim_server=debug".
    #[config(env = "MOIM_LOG_LEVEL", default = "info")]
    pub(crate) level: String,

    /// "text" for people, "json" for machines.
    #[config(env = "MOIM_LOG_FORMAT", default = "text")]
    pub(crate) format: LogFormat,

    /// "redacted" keeps the addresses of clients out of the logs, "full" shows them.
    #[config(env = "MOIM_LOG_ADDRESSES", default = "redacted")]
    pub(crate) addresses: LogAddresses,
}

/// Values given on the command line. They win over everything else.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Overrides {
    /// The port, for TCP and UDP; 0 takes any free one
    #[arg(long, value_name = "PORT")]
    pub port: Option<u16>,
    /// An address to listen on; may be given several times
    #[arg(long = "listen", value_name = "ADDRESS")]
    pub addresses: Vec<IpAddr>,
    /// Where the self-signed certificate is kept
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<PathBuf>,
    /// PEM file with the certificate and its chain
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_certificate: Option<PathBuf>,
    /// PEM file with the private key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    pub tls_key: Option<PathBuf>,
    /// What is logged: error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// The format of the logs
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,
}

impl Overrides {
    pub(crate) fn into_layer(self) -> <RawConfig as Config>::Layer {
        use confique::Layer;
        let mut layer = <RawConfig as Config>::Layer::empty();
        layer.listen.port = self.port;
        layer.listen.addresses = (!self.addresses.is_empty()).then_some(self.addresses);
        layer.data_dir = self.data_dir;
        layer.tls.certificate = self.tls_certificate;
        layer.tls.key = self.tls_key;
        layer.log.level = self.log_level;
        layer.log.format = self.log_format;
        layer
    }
}

/// An entry of `MOIM_AUTH_KEYS` that is not `name=secret`. Its text may hold a secret, and is not shown.
#[derive(Debug, thiserror::Error)]
#[error("entry {position} is not of the form name=secret")]
struct KeysError {
    position: usize,
}

fn parse_keys(text: &str) -> Result<BTreeMap<String, Secret>, KeysError> {
    text.split(',')
        .enumerate()
        .map(|(index, entry)| {
            let (name, secret) = entry.split_once('=').ok_or(KeysError { position: index + 1 })?;
            Ok((name.trim().to_owned(), Secret::new(secret.trim())))
        })
        .collect()
}
