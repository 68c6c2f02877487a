//! The configuration: read in layers, checked as a whole, then typed so that the rest of the server need not doubt it.
//!
//! `raw` mirrors what an operator writes; [`Config`] is what it means and cannot be invalid. Nothing reads the
//! configuration, the environment or a flag after the start.

mod changes;
mod check;
mod humane;
mod raw;
mod rooms;
mod secret;
mod stun;
mod suggest;
mod turn;
mod webhooks;

pub use raw::Overrides;
pub use rooms::{MediaConfig, RoomTopology, RoomsConfig};
pub use secret::Secret;
pub use stun::{AlternateAddress, Disclosure, StunConfig};
pub use turn::{
    Algorithms, AlternateWhen, ExternalAddress, ExternalCredential, ExternalIceServer, IceConfig,
    ListenerConfig, ManagementConfig, RealmConfig, RelayMode, TurnConfig, TurnLimits,
};
pub use webhooks::WebhookConfig;

use crate::gateway::Origin;
use crate::log::LogFilter;
use check::Check;
use confique::{Config as _, FileFormat, Layer as _};
use moim_wire::Privacy;
use raw::RawConfig;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Shortest secret of a key: as long as the output of the hash that it keys (RFC 7518 §3.2).
pub const SECRET_LEN_MIN: usize = 32;

/// A checked configuration.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where to listen, for TCP and UDP alike; the same port everywhere.
    pub listen: Vec<SocketAddr>,
    /// Where the self-signed certificate is kept.
    pub data_dir: PathBuf,
    /// Where the certificate comes from.
    pub certificate: CertificateSource,
    /// Other origins whose pages may open links.
    pub allowed_origins: BTreeSet<Origin>,
    /// Secrets of the keys that sign tokens, by name. None: open mode.
    pub keys: BTreeMap<String, Secret>,
    /// Where else to listen.
    pub listeners: Vec<ListenerConfig>,
    /// STUN and TURN servers for clients.
    pub ice: IceConfig,
    /// STUN, beyond telling clients their address.
    pub stun: StunConfig,
    /// The relay.
    pub turn: TurnConfig,
    /// The management socket, if there is one.
    pub management: Option<ManagementConfig>,
    /// Who is told what happens in rooms, if anybody is.
    pub webhooks: Option<WebhookConfig>,
    /// Rooms, and how media travels in them.
    pub rooms: RoomsConfig,
    /// What forwards media, if rooms may need it.
    pub media: Option<MediaConfig>,
    /// Signalling: sessions, messages.
    pub signal: SignalConfig,
    /// What connections may take.
    pub limits: ConnectionLimits,
    /// How long calls may go on when the server is told to stop.
    pub drain_grace: Duration,
    /// Logs.
    pub log: LogConfig,
    /// What is allowed, and yet hardly meant: for people to read.
    pub warnings: Vec<String>,
    raw: RawConfig,
    source: Source,
}

/// Where a configuration was read from, besides the environment.
#[derive(Clone, Debug)]
struct Source {
    /// As an absolute path, in case the process moves.
    file: Option<PathBuf>,
    overrides: Overrides,
}

/// Where the certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CertificateSource {
    /// Made by the server, kept in the data directory.
    SelfSigned,
    /// The operator's own PEM files.
    Files {
        /// The certificate and its chain.
        certificate: PathBuf,
        /// The private key.
        key: PathBuf,
    },
}

/// What the signalling server is told; see `docs/protocol.md`, "Limits and errors".
#[derive(Clone, Copy, Debug)]
#[expect(missing_docs, reason = "each is described in the annotated sample, from which it comes")]
pub struct SignalConfig {
    pub heartbeat: Duration,
    pub resume_window: Duration,
    pub sessions_max: usize,
    pub rooms_max: usize,
    pub frame_bytes_max: u32,
    pub name_bytes_max: u32,
    pub metadata_bytes_max: u32,
    pub chat_bytes_max: u32,
    pub tracks_max: u32,
    pub messages_per_second: u32,
    pub messages_burst: u32,
    pub bad_frames_max: u32,
    pub queue_messages_max: usize,
    pub queue_bytes_max: usize,
}

/// What TCP connections may take.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionLimits {
    /// Connections at a time.
    pub connections_max: usize,
    /// Connections at a time from one address without a signalling session.
    pub strangers_per_address_max: u32,
    /// Signalling sessions at a time begun from one address.
    pub sessions_per_address_max: u32,
    /// For a TLS handshake, a request's header, a request's body, the first frame of a link.
    pub request_timeout: Duration,
    /// For a client to read something of what is sent to it.
    pub write_timeout: Duration,
}

/// How to log.
#[derive(Clone, Debug)]
pub struct LogConfig {
    /// What is logged.
    pub filter: LogFilter,
    /// How a line looks.
    pub format: LogFormat,
    /// Whether clients' addresses are shown.
    pub addresses: LogAddresses,
}

/// How a line of the log looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object per line.
    Json,
}

/// Whether the addresses of clients are logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogAddresses {
    /// A placeholder stands in their place.
    Redacted,
    /// As they are.
    Full,
}

impl LogAddresses {
    /// The same, in the words of those who write the log.
    pub(crate) fn privacy(self) -> Privacy {
        match self {
            Self::Redacted => Privacy::Redacted,
            Self::Full => Privacy::Full,
        }
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A source cannot be read, or has a value of the wrong kind.
    #[error("{0}")]
    Unreadable(String),
    /// Values that cannot be; all of them.
    #[error("the configuration has {} to correct:\n{}", count(.0), list(.0))]
    Invalid(Vec<String>),
}

fn count(problems: &[String]) -> String {
    if problems.len() == 1 { "one value".to_owned() } else { format!("{} values", problems.len()) }
}

fn list(problems: &[String]) -> String {
    problems.iter().map(|problem| format!("  - {problem}")).collect::<Vec<_>>().join("\n")
}

impl Config {
    /// Reads `file` if there is one, the environment over it, `overrides` over both, and checks the whole.
    pub fn load(file: Option<&Path>, overrides: Overrides) -> Result<Self, ConfigError> {
        refuse_unknown_variables()?;
        let source = Source {
            file: file.map(|file| std::path::absolute(file).unwrap_or_else(|_| file.to_owned())),
            overrides: overrides.clone(),
        };
        let from_environment =
            <RawConfig as confique::Config>::Layer::from_env().map_err(|e| unreadable(&e))?;
        let from_file = match file {
            Some(path) => confique::File::with_format(path, FileFormat::Toml)
                .required()
                .load()
                .map_err(|error| unreadable(&error))?,
            None => <RawConfig as confique::Config>::Layer::empty(),
        };
        let layer = overrides
            .into_layer()
            .with_fallback(from_environment)
            .with_fallback(from_file)
            .with_fallback(<RawConfig as confique::Config>::Layer::default_values());
        Self::resolve(RawConfig::from_layer(layer).map_err(|error| unreadable(&error))?, source)
    }

    /// Reads the configuration again from where this one came from.
    pub fn read_again(&self) -> Result<Self, ConfigError> {
        Self::load(self.source.file.as_deref(), self.source.overrides.clone())
    }

    /// The options that differ from those of `other`, by their names.
    pub fn changes_from(&self, other: &Self) -> Vec<String> {
        changes::between(&other.raw, &self.raw)
    }

    /// The annotated sample: every option, what it is for, its default.
    pub fn sample() -> String {
        confique::toml::template::<RawConfig>(confique::toml::FormatOptions::default())
    }

    /// Whether no token is needed.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty()
    }

    /// The effective configuration in the form of a configuration file, secrets left out.
    pub fn to_toml(&self) -> String {
        let mut raw = self.raw.clone();
        raw.data_dir = Some(self.data_dir.clone());
        toml::to_string(&raw).expect("every value of the configuration has a form in TOML")
    }

    fn resolve(raw: RawConfig, source: Source) -> Result<Self, ConfigError> {
        let mut check = Check::default();
        let certificate = check.certificate(&raw.tls);
        let data_dir = check.data_dir(raw.data_dir.as_deref());
        let allowed_origins = check.origins(&raw.http.allowed_origins);
        check.keys(&raw.auth.keys);
        check.addresses(&raw.listen.addresses);
        let listeners = check.listeners(&raw);
        let ice = check.ice(&raw.ice);
        let stun = check.stun(&raw);
        let turn = check.turn(&raw);
        let rooms = check.rooms(&raw);
        let external = turn.as_ref().map_or(&[][..], |turn| &turn.external_addresses);
        let media = check.media(&raw, external);
        let management = check.management(&raw.management);
        let webhooks = check.webhooks(&raw.webhooks);
        check.limits(&raw);
        let filter = check.log_filter(&raw.log.level);
        let (Some(certificate), Some(data_dir), Some(filter), Some(turn), true) =
            (certificate, data_dir, filter, turn, check.problems().is_empty())
        else {
            return Err(ConfigError::Invalid(check.into_problems()));
        };

        Ok(Self {
            listen: raw.listen.addresses.iter().map(|&ip| SocketAddr::new(ip, raw.listen.port)).collect(),
            data_dir,
            certificate,
            allowed_origins,
            keys: raw.auth.keys.clone(),
            listeners,
            ice,
            stun,
            turn,
            management,
            webhooks,
            rooms,
            media,
            signal: signal(&raw),
            limits: ConnectionLimits {
                connections_max: raw.limits.connections_max,
                strangers_per_address_max: raw.limits.strangers_per_address_max,
                sessions_per_address_max: raw.limits.sessions_per_address_max,
                request_timeout: raw.limits.request_timeout.0,
                write_timeout: raw.limits.write_timeout.0,
            },
            drain_grace: raw.drain.grace.0,
            log: LogConfig { filter, format: raw.log.format, addresses: raw.log.addresses },
            warnings: check.into_warnings(),
            raw,
            source,
        })
    }
}

fn signal(raw: &RawConfig) -> SignalConfig {
    SignalConfig {
        heartbeat: raw.signal.heartbeat.0,
        resume_window: raw.signal.resume_window.0,
        sessions_max: raw.limits.sessions_max,
        rooms_max: raw.limits.rooms_max,
        frame_bytes_max: raw.limits.frame_bytes_max,
        name_bytes_max: raw.limits.name_bytes_max,
        metadata_bytes_max: raw.limits.metadata_bytes_max,
        chat_bytes_max: raw.limits.chat_bytes_max,
        tracks_max: raw.limits.tracks_max,
        messages_per_second: raw.limits.messages_per_second,
        messages_burst: raw.limits.messages_burst,
        bad_frames_max: raw.limits.bad_frames_max,
        queue_messages_max: raw.limits.queue_messages_max,
        queue_bytes_max: raw.limits.queue_bytes_max,
    }
}

/// A misspelt variable must not be passed over: without `MOIM_AUTH_KEYS` everybody may enter.
fn refuse_unknown_variables() -> Result<(), ConfigError> {
    /// Variables that are not options: where the configuration is, what the build reads, and what `moim turn-check` takes.
    const OTHERS: [&str; 4] = ["MOIM_CONFIG", "MOIM_WEB_DIST", "MOIM_TURN_PASSWORD", "MOIM_TURN_SECRET"];
    let known: Vec<_> = suggest::variables(&RawConfig::META).chain(OTHERS).collect();
    let problems: Vec<_> = env::vars_os()
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with("MOIM_") && !known.contains(&name.as_str()))
        .map(|name| {
            let hint = suggest::nearest(&name, known.iter().copied())
                .map_or_else(String::new, |nearest| format!("; did you mean {nearest}?"));
            format!("the environment variable {name} is not an option of moim{hint}")
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError::Invalid(problems)) }
}

/// Joins an error with its causes, and says which name was meant when one is not known.
fn unreadable(error: &confique::Error) -> ConfigError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(cause.to_string().trim_end());
        source = cause.source();
    }
    if let Some(nearest) = suggest::for_unknown_field(&text) {
        text.push_str("\ndid you mean `");
        text.push_str(&nearest);
        text.push_str("`?");
    }
    ConfigError::Unreadable(text)
}
