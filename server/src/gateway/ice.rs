//! The STUN and TURN servers that a participant is told of, with credentials of its own.
//!
//! Credentials are made by coturn's scheme (`use-auth-secret`, draft-uberti-behave-turn-rest): the user name is the time at
//! which they end, in seconds since 1970, with the participant's id; the password is the HMAC-SHA1 of the user name, keyed
//! with a secret that the relay knows, in Base64. Nothing is kept for them here.

use crate::config::{ExternalCredential, ExternalIceServer, IceConfig, RelayMode, Secret};
use moim_signal::id::ParticipantId;
use moim_signal::message::{IceCredential, IceServer};
use moim_turn::auth::SharedSecret;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

/// Makes ICE servers for participants. Clones are the same one.
#[derive(Clone, Debug)]
pub(crate) struct IceServers(Arc<RwLock<Templates>>);

/// What all participants' servers have in common.
#[derive(Debug)]
pub(crate) struct Templates {
    servers: Vec<Template>,
    lifetime: Duration,
}

#[derive(Debug)]
struct Template {
    /// What every participant gets.
    urls: Vec<String>,
    /// What only those get that reached this server by a name for which it has a trusted certificate.
    urls_by_name: Vec<String>,
    credential: ExternalCredential,
}

impl IceServers {
    pub(crate) fn new(templates: Templates) -> Self {
        Self(Arc::new(RwLock::new(templates)))
    }

    /// From now on, participants get these.
    pub(crate) fn replace(&self, templates: Templates) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = templates;
    }

    /// The servers for one participant, with credentials that begin `now`.
    pub(crate) fn mint(
        &self,
        participant: &ParticipantId,
        is_reached_by_name: bool,
        now: SystemTime,
    ) -> Vec<IceServer> {
        let templates = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let servers = templates.servers.iter();
        servers
            .filter_map(|template| {
                let mut urls = template.urls.clone();
                if is_reached_by_name {
                    urls.extend_from_slice(&template.urls_by_name);
                }
                (!urls.is_empty())
                    .then(|| template.credential.to_server(urls, participant, templates.lifetime, now))
            })
            .collect()
    }
}

impl Templates {
    /// What the configuration tells of, for a server that listens on `port` and whose relay knows `secret`.
    pub(crate) fn new(
        config: &IceConfig,
        relay: Option<Secret>,
        port: u16,
        is_certificate_trusted: bool,
    ) -> Self {
        let on_port = |urls: &[String]| -> Vec<String> {
            urls.iter().map(|url| url.replace("{port}", &port.to_string())).collect()
        };
        let stun = Template {
            urls: on_port(&config.stun_urls),
            urls_by_name: Vec::new(),
            credential: ExternalCredential::None,
        };
        let own = relay.map(|secret| {
            // A certificate is good for a name. One that only the browser's user has accepted is none to a relay's client,
            // which asks nobody.
            let (by_name, urls): (Vec<_>, Vec<_>) = on_port(&config.turn_urls)
                .into_iter()
                .partition(|url| url.starts_with("turns:") && url.contains("{host}"));
            let urls_by_name = if is_certificate_trusted { by_name } else { Vec::new() };
            Template { urls, urls_by_name, credential: ExternalCredential::SharedSecret(secret) }
        });
        let others = config.servers.iter().map(|ExternalIceServer { urls, credential }| Template {
            urls: urls.clone(),
            urls_by_name: Vec::new(),
            credential: credential.clone(),
        });
        Self {
            servers: std::iter::once(stun).chain(own).chain(others).collect(),
            lifetime: config.credential_lifetime,
        }
    }
}

impl ExternalCredential {
    fn to_server(
        &self,
        urls: Vec<String>,
        participant: &ParticipantId,
        lifetime: Duration,
        now: SystemTime,
    ) -> IceServer {
        match self {
            Self::None => IceServer { urls, username: None, credential: None, lifetime_ms: None },
            Self::Fixed { username, credential } => IceServer {
                urls,
                username: Some(username.clone()),
                credential: Some(IceCredential::new(credential.as_str())),
                lifetime_ms: None,
            },
            Self::SharedSecret(secret) => {
                let ends = (now + lifetime).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
                let username = format!("{}:{participant}", ends.as_secs());
                let credential = SharedSecret::new(secret.expose()).password(&username);
                IceServer {
                    urls,
                    username: Some(username),
                    credential: Some(IceCredential::new(credential.as_str())),
                    lifetime_ms: Some(u32::try_from(lifetime.as_millis()).unwrap_or(u32::MAX)),
                }
            }
        }
    }
}

/// Whether there is a relay for which to make credentials, by the configuration.
pub(crate) fn is_relaying(relay: RelayMode) -> bool {
    match relay {
        RelayMode::Off => false,
        RelayMode::Internal | RelayMode::Range => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "north wind and the sun";

    fn templates(relay: bool, trusted: bool, servers: Vec<ExternalIceServer>) -> IceServers {
        let config = IceConfig {
            stun_urls: vec!["stun:{host}:{port}".into()],
            turn_urls: vec![
                "turn:{host}:{port}?transport=udp".into(),
                "turns:{host}:{port}?transport=tcp".into(),
                "turns:relay.example:443?transport=tcp".into(),
            ],
            credential_lifetime: Duration::from_secs(3600),
            servers,
        };
        let secret = relay.then(|| Secret::new(SECRET));
        IceServers::new(Templates::new(&config, secret, 8443, trusted))
    }

    fn at(secs: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
    }

    fn anna() -> ParticipantId {
        ParticipantId::new("p_anna")
    }

    /// The password is what `openssl dgst -sha1 -hmac SECRET -binary | base64` prints for the user name, as coturn's
    /// documentation has it made.
    #[test]
    fn credentials_are_those_of_the_shared_secret_scheme() {
        let servers = templates(true, false, vec![]).mint(&anna(), false, at(1_800_000_000));

        let [stun, turn] = servers.as_slice() else { panic!("{servers:?}") };
        assert_eq!(
            (stun.urls.as_slice(), &stun.username),
            (["stun:{host}:8443".to_owned()].as_slice(), &None)
        );
        assert_eq!(turn.username.as_deref(), Some("1800003600:p_anna"));
        assert_eq!(turn.credential.as_ref().unwrap().expose(), "oqsR9YGuBgAWA9wMQZMuQ3znaKc=");
        assert_eq!(turn.lifetime_ms, Some(3_600_000));
    }

    #[test]
    fn tls_is_offered_only_where_the_certificate_will_be_trusted() {
        let by_own_name = |trusted, by_name| {
            let servers = templates(true, trusted, vec![]).mint(&anna(), by_name, at(0));
            servers.iter().flat_map(|server| &server.urls).any(|url| url.starts_with("turns:{host}"))
        };

        assert!(by_own_name(true, true));
        assert!(!by_own_name(true, false), "an address is no name");
        assert!(!by_own_name(false, true), "a self-signed certificate is not trusted");
        let servers = templates(true, false, vec![]).mint(&anna(), false, at(0));
        let fixed = "turns:relay.example:443?transport=tcp".to_owned();
        assert!(servers.iter().any(|server| server.urls.contains(&fixed)), "the operator's own name stays");
    }

    #[test]
    fn without_a_relay_there_is_stun_alone() {
        let servers = templates(false, true, vec![]).mint(&anna(), true, at(0));

        assert_eq!(servers.len(), 1);
        assert_eq!(servers[0].credential, None);
    }

    #[test]
    fn other_servers_are_told_with_what_they_want() {
        let shared = ExternalCredential::SharedSecret(Secret::new(SECRET));
        let fixed = ExternalCredential::Fixed { username: "moim".into(), credential: Secret::new("pass") };
        let other = |credential| ExternalIceServer { urls: vec!["turn:other.example".into()], credential };

        let servers =
            templates(false, true, vec![other(shared), other(fixed)]).mint(&anna(), true, at(1_800_000_000));

        assert_eq!(servers[1].username.as_deref(), Some("1800003600:p_anna"));
        assert_eq!(servers[2].username.as_deref(), Some("moim"));
        assert_eq!(servers[2].credential.as_ref().unwrap().expose(), "pass");
        assert_eq!(servers[2].lifetime_ms, None);
    }
}
