//! What a value about ICE servers may be.

use super::Check;
use crate::config::raw::RawIce;
use crate::config::turn::{ExternalCredential, ExternalIceServer, IceConfig};
use std::time::Duration;

impl Check {
    pub(in crate::config) fn ice(&mut self, raw: &RawIce) -> IceConfig {
        self.urls("ice.stun_urls", &raw.stun_urls, &["stun:", "stuns:"]);
        self.urls("ice.turn_urls", &raw.turn_urls, &["turn:", "turns:"]);
        let servers = raw
            .servers
            .iter()
            .filter_map(|server| {
                self.urls("ice.servers", &server.urls, &["stun:", "stuns:", "turn:", "turns:"]);
                let credential = match (&server.shared_secret, &server.username, &server.credential) {
                    (None, None, None) => ExternalCredential::None,
                    (Some(secret), None, None) => ExternalCredential::SharedSecret(secret.clone()),
                    (None, Some(username), Some(credential)) => ExternalCredential::Fixed {
                        username: username.clone(),
                        credential: credential.clone(),
                    },
                    _ => {
                        self.problem(
                            "ice.servers: a server has either shared_secret, or username and credential, or none of them",
                        );
                        return None;
                    }
                };
                let needs_one = server.urls.iter().any(|url| url.starts_with("turn"));
                if needs_one && credential == ExternalCredential::None {
                    self.problem(format!(
                        "ice.servers: {:?} needs credentials: give shared_secret, or username and credential",
                        server.urls
                    ));
                }
                Some(ExternalIceServer { urls: server.urls.clone(), credential })
            })
            .collect();
        let lifetime = raw.credential_lifetime.0;
        let (least, most) = (Duration::from_secs(60), Duration::from_secs(7 * 24 * 60 * 60));
        if lifetime < least || lifetime > most {
            self.problem(format!(
                "ice.credential_lifetime is {lifetime:?}; it must be between {least:?} and {most:?}"
            ));
        }
        IceConfig {
            stun_urls: raw.stun_urls.clone(),
            turn_urls: raw.turn_urls.clone(),
            credential_lifetime: lifetime,
            servers,
        }
    }

    fn urls(&mut self, name: &str, urls: &[String], schemes: &[&str]) {
        for url in urls {
            if !schemes.iter().any(|scheme| url.starts_with(scheme)) {
                let scheme = schemes[0];
                self.problem(format!("{name}: {url:?} is not a URL such as \"{scheme}{{host}}:3478\""));
            }
        }
    }
}
