//! What a value may be.

mod ice;
mod rooms;
mod sockets;
mod stun;
mod turn;
mod webhooks;

use super::raw::{RawConfig, RawTls};
use super::{CertificateSource, SECRET_LEN_MIN, Secret};
use crate::gateway::Origin;
use crate::log::LogFilter;
use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The greatest value of a limit. Sums and products of two of them cannot overflow.
const COUNT_MAX: u64 = u32::MAX as u64;

/// Turns raw values into typed ones, and collects every problem on the way rather than stopping at the first.
#[derive(Default)]
pub(super) struct Check {
    problems: Vec<String>,
    /// What is allowed, and yet hardly meant.
    warnings: Vec<String>,
}

impl Check {
    pub(super) fn problems(&self) -> &[String] {
        &self.problems
    }

    pub(super) fn into_problems(self) -> Vec<String> {
        self.problems
    }

    pub(super) fn into_warnings(self) -> Vec<String> {
        self.warnings
    }

    fn warning(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    pub(super) fn certificate(&mut self, tls: &RawTls) -> Option<CertificateSource> {
        match (&tls.certificate, &tls.key) {
            (None, None) => Some(CertificateSource::SelfSigned),
            (Some(certificate), Some(key)) => {
                Some(CertificateSource::Files { certificate: certificate.clone(), key: key.clone() })
            }
            (Some(_), None) => {
                self.problem("tls.certificate is given without tls.key: a certificate needs its private key");
                None
            }
            (None, Some(_)) => {
                self.problem("tls.key is given without tls.certificate");
                None
            }
        }
    }

    pub(super) fn data_dir(&mut self, configured: Option<&Path>) -> Option<PathBuf> {
        let found = configured.map(Path::to_owned).or_else(default_data_dir);
        if found.is_none() {
            self.problem("data_dir is not given, and neither STATE_DIRECTORY, XDG_DATA_HOME nor HOME is set");
        }
        found
    }

    pub(super) fn origins(&mut self, texts: &[String]) -> BTreeSet<Origin> {
        let mut origins = BTreeSet::new();
        for text in texts {
            match Origin::parse(text) {
                Some(origin) => {
                    origins.insert(origin);
                }
                None => self.problem(format!(
                    "http.allowed_origins: {text:?} is not an origin; write scheme, host and port only, as in \
                     \"https://school.example\""
                )),
            }
        }
        origins
    }

    pub(super) fn keys(&mut self, keys: &BTreeMap<String, Secret>) {
        for (name, secret) in keys {
            if name.is_empty() {
                self.problem("auth.keys: a key needs a name, which tokens carry as `iss`");
            }
            if secret.expose().len() < SECRET_LEN_MIN {
                self.problem(format!(
                    "auth.keys.{name}: the secret has {} bytes; it needs at least {SECRET_LEN_MIN}, or tokens can be \
                     forged by guessing. `openssl rand -hex 32` makes a good one",
                    secret.expose().len()
                ));
            }
        }
    }

    pub(super) fn addresses(&mut self, addresses: &[IpAddr]) {
        if addresses.is_empty() {
            self.problem("listen.addresses is empty: give at least one, such as \"0.0.0.0\"");
        }
        let distinct: BTreeSet<_> = addresses.iter().collect();
        if distinct.len() < addresses.len() {
            self.problem("listen.addresses names an address twice");
        }
    }

    pub(super) fn limits(&mut self, raw: &RawConfig) {
        let limits = &raw.limits;
        let counts = [
            ("rooms.participants_max", raw.rooms.participants_max.map_or(2, u64::from), 2),
            ("limits.connections_max", limits.connections_max as u64, 1),
            ("limits.strangers_per_address_max", limits.strangers_per_address_max.into(), 1),
            ("limits.sessions_per_address_max", limits.sessions_per_address_max.into(), 1),
            ("limits.sessions_max", limits.sessions_max as u64, 1),
            ("limits.rooms_max", limits.rooms_max as u64, 1),
            ("limits.frame_bytes_max", limits.frame_bytes_max.into(), 1024),
            ("limits.name_bytes_max", limits.name_bytes_max.into(), 1),
            ("limits.messages_per_second", limits.messages_per_second.into(), 1),
            ("limits.messages_burst", limits.messages_burst.into(), 1),
            ("limits.bad_frames_max", limits.bad_frames_max.into(), 1),
            ("limits.queue_messages_max", limits.queue_messages_max as u64, 16),
            ("limits.queue_bytes_max", limits.queue_bytes_max as u64, u64::from(limits.frame_bytes_max)),
        ];
        for (name, value, least) in counts {
            if value < least {
                self.problem(format!("{name} is {value}; it must be at least {least}"));
            } else if value > COUNT_MAX {
                self.problem(format!("{name} is {value}; it must be at most {COUNT_MAX}"));
            }
        }
        let second = Duration::from_secs(1);
        let durations = [
            ("signal.heartbeat", raw.signal.heartbeat, second),
            ("limits.request_timeout", limits.request_timeout, second),
            ("limits.write_timeout", limits.write_timeout, second),
            ("signal.resume_window", raw.signal.resume_window, Duration::ZERO),
            ("drain.grace", raw.drain.grace, Duration::ZERO),
        ];
        for (name, value, least) in durations {
            let most = Duration::from_secs(24 * 60 * 60);
            if value.0 < least || value.0 > most {
                self.problem(format!("{name} is {:?}; it must be between {least:?} and {most:?}", value.0));
            }
        }
    }

    pub(super) fn log_filter(&mut self, text: &str) -> Option<LogFilter> {
        let filter = LogFilter::parse(text);
        if filter.is_none() {
            self.problem(format!(
                "log.level: {text:?} is not a level; use error, warn, info, debug or trace, or name parts as in \
                 \"info,moim_server=debug\""
            ));
        }
        filter
    }
}

fn default_data_dir() -> Option<PathBuf> {
    let folder = |name| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    folder("STATE_DIRECTORY")
        .or_else(|| folder("XDG_DATA_HOME").map(|home| home.join("moim")))
        .or_else(|| folder("HOME").map(|home| home.join(".local/share/moim")))
}
