//! Taking up a changed configuration while calls go on.
//!
//! What can be changed without dropping anybody is changed; if anything else differs, nothing is, and the operator is told
//! what. Certificates are read again in any case: their files change without the configuration.

use crate::config::{Config, ConfigError, Secret};
use crate::gateway::ice::IceServers;
use crate::management::view::Reloaded;
use crate::server::{ice_templates, local_addresses};
use crate::shared::Shared;
use crate::tls::{self, CertificateError, Tls};
use crate::turn::TurnError;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// What may change while the server runs: options, and tables with all that is in them.
const CHANGEABLE: &[&str] = &[
    "auth.keys",
    "ice",
    "tls",
    "turn.access_token_keys",
    "turn.algorithms",
    "turn.alternate_servers",
    "turn.alternate_when",
    "turn.allow_peers",
    "turn.deny_peers",
    "turn.lifetime_default",
    "turn.lifetime_max",
    "turn.limits",
    "turn.mobility",
    "turn.realms",
    "turn.shared_secrets",
    "turn.users",
];

/// Why a reload changed nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReloadError {
    /// The configuration cannot be read, or is wrong.
    #[error("nothing was changed: {0}")]
    Config(#[from] ConfigError),
    /// It differs in what cannot change.
    #[error(
        "nothing was changed, since {} cannot change while moim runs. Restart moim, or put back what it was: {}",
        if .0.len() == 1 { "an option" } else { "some options" }, .0.join(", ")
    )]
    Fixed(Vec<String>),
    /// The certificate cannot be read.
    #[error("nothing was changed: {0}")]
    Certificate(#[from] CertificateError),
    /// The certificate does not serve for TLS.
    #[error("nothing was changed: the certificate or its key cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// The relay does not take it.
    #[error("nothing was changed: {0}")]
    Turn(#[from] TurnError),
}

/// Reloads the configuration of a running server. Clones reload the same server.
#[derive(Clone, Debug)]
pub struct Reloader(Arc<Inner>);

/// What a reload changes.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ice: IceServers,
    pub(crate) tls: Tls,
    /// See [`ice_templates`].
    pub(crate) room_secret: Secret,
    /// The main port, where the configuration may leave it open.
    pub(crate) port: u16,
}

#[derive(Debug)]
struct Inner {
    /// What is in effect. Held while it is replaced, so that two reloads follow each other.
    current: Mutex<Config>,
    running: Running,
}

impl Reloader {
    pub(crate) fn new(config: Config, running: Running) -> Self {
        Self(Arc::new(Inner { current: Mutex::new(config), running }))
    }

    /// Reads the configuration from where it came from, and takes up what has changed. Reads files.
    pub fn reload(&self) -> Result<Reloaded, ReloadError> {
        let reloaded = self.0.reload();
        match &reloaded {
            Ok(Reloaded { changed, warnings }) => {
                for warning in warnings {
                    tracing::warn!(warning, "the configuration deserves a second look");
                }
                tracing::info!(changed = changed.join(", "), "the configuration was reloaded");
            }
            Err(error) => tracing::error!(%error, "the configuration was not reloaded"),
        }
        reloaded
    }
}

impl Inner {
    fn reload(&self) -> Result<Reloaded, ReloadError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        let new = current.read_again()?;
        let changed = new.changes_from(&current);
        let fixed = fixed(&changed, &current, &new);
        if !fixed.is_empty() {
            return Err(ReloadError::Fixed(fixed));
        }
        // Whatever may fail comes first, so that everything is changed or nothing.
        let Running { shared, ice, tls, room_secret, port } = &self.running;
        let prepared = shared.turn.prepare(&new, room_secret)?;
        let certificate = tls::certificate(&new, &local_addresses(), SystemTime::now())?;
        tls.replace(&certificate)?;
        shared.turn.identify(&certificate);
        shared.turn.reload(prepared);
        shared.verifier.replace(&new.keys);
        let is_trusted = !certificate.is_self_signed();
        shared.is_certificate_trusted.store(is_trusted, Ordering::Relaxed);
        ice.replace(ice_templates(&new, room_secret, *port, is_trusted));
        let reloaded = Reloaded { changed, warnings: new.warnings.clone() };
        *current = new;
        Ok(reloaded)
    }
}

/// Those of the changes that cannot be made.
fn fixed(changed: &[String], current: &Config, new: &Config) -> Vec<String> {
    let is_changeable = |path: &str| {
        CHANGEABLE.iter().any(|allowed| {
            path.strip_prefix(allowed).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };
    let mut fixed: Vec<_> = changed.iter().filter(|path| !is_changeable(path)).cloned().collect();
    if current.is_open() != new.is_open() {
        fixed.push("auth.keys (from none to some, or from some to none)".to_owned());
    }
    // Listeners and allocations know realms by their places.
    let names = |config: &Config| -> Vec<String> {
        config.turn.realms.iter().map(|realm| realm.name.clone()).collect()
    };
    if !names(new).starts_with(&names(current)) {
        fixed.push("turn.realms (their names and order; add new ones at the end)".to_owned());
    }
    fixed
}
