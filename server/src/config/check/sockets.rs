//! Where else to listen, and for whom.

use super::Check;
use crate::config::SECRET_LEN_MIN;
use crate::config::raw::{RawConfig, RawListener, RawManagement};
use crate::config::turn::{ListenerConfig, ManagementConfig};
use ipnet::IpNet;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Whose word about a client's address is taken unless told otherwise: this machine's, and private networks', through which
/// no stranger connects (RFC 1918, RFC 4193, RFC 4291 §2.5.6).
const PROXIES_DEFAULT: [&str; 7] =
    ["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fe80::/10"];

impl Check {
    pub(in crate::config) fn listeners(&mut self, raw: &RawConfig) -> Vec<ListenerConfig> {
        let main = raw.listen.addresses.iter().map(|&ip| SocketAddr::new(ip, raw.listen.port));
        let mut taken: BTreeSet<_> = main.collect();
        raw.listeners.iter().filter_map(|listener| self.listener(raw, listener, &mut taken)).collect()
    }

    fn listener(
        &mut self,
        raw: &RawConfig,
        listener: &RawListener,
        taken: &mut BTreeSet<SocketAddr>,
    ) -> Option<ListenerConfig> {
        let address = listener.address;
        if address.port() != 0 && !taken.insert(address) {
            self.problem(format!("listeners: {address} is listened on twice"));
        }
        let realm = match &listener.realm {
            None => Some(0),
            Some(name) if *name == raw.turn.realm => Some(0),
            Some(name) => raw.turn.realms.iter().position(|realm| realm.name == *name).map(|index| index + 1),
        };
        if realm.is_none() {
            self.problem(format!(
                "listeners ({address}): there is no realm {:?}; add it under [[turn.realms]]",
                listener.realm.as_deref().unwrap_or_default()
            ));
        }
        let proxies = self.proxies(listener);
        Some(ListenerConfig { address, proxy_protocol: listener.proxy_protocol, proxies, realm: realm? })
    }

    fn proxies(&mut self, listener: &RawListener) -> Vec<IpNet> {
        let name = format!("listeners ({}): proxies", listener.address);
        if !listener.proxy_protocol && !listener.proxies.is_empty() {
            self.problem(format!("{name} has no effect without proxy_protocol = true"));
        }
        if listener.proxies.is_empty() {
            PROXIES_DEFAULT.iter().filter_map(|prefix| prefix.parse().ok()).collect()
        } else {
            self.prefixes(&name, &listener.proxies)
        }
    }

    /// The management socket, if there is to be one and nothing is wrong with it.
    pub(in crate::config) fn management(&mut self, raw: &RawManagement) -> Option<ManagementConfig> {
        if let Some(token) = &raw.token
            && token.expose().len() < SECRET_LEN_MIN
        {
            self.problem(format!(
                "management.token has {} bytes; it needs at least {SECRET_LEN_MIN}, or it can be found by trying. \
                 `openssl rand -hex 32` makes a good one",
                token.expose().len()
            ));
        }
        if raw.address.is_empty() {
            return None;
        }
        let Ok(address) = raw.address.parse::<SocketAddr>() else {
            self.problem(format!(
                "management.address: {:?} is not an address and a port, as in \"127.0.0.1:9410\"",
                raw.address
            ));
            return None;
        };
        if !address.ip().is_loopback() && raw.token.is_none() {
            self.problem(format!(
                "management.address: {address} can be reached by others, who could drop every call. Set management.token, or \
                 listen on 127.0.0.1"
            ));
        }
        Some(ManagementConfig { address, token: raw.token.clone() })
    }
}
