//! From which addresses NAT behaviour discovery is served (RFC 5780): which of this machine, and as what clients know them.

use super::addresses::{advertised, advertised_by_name};
use super::resolve::TurnError;
use crate::config::{AlternateAddress, Config, Disclosure, ExternalAddress};
use moim_relay::{Discovery, RelayAddress};
use moim_stun::discovery::{self, Endpoints, ServerConfig};
use moim_turn::{AddressFamily, PerFamily};
use std::net::{IpAddr, SocketAddr};

/// What the configuration means to the relay, which listens on `listened`, the main addresses first.
pub(super) fn discovery(
    config: &Config,
    listened: &[SocketAddr],
    relay_addresses: &PerFamily<Option<RelayAddress>>,
) -> Result<PerFamily<Option<Discovery>>, TurnError> {
    let disclosure = match config.stun.disclosure {
        Disclosure::Proportionate => discovery::Disclosure::Proportionate,
        Disclosure::Always => discovery::Disclosure::Always,
    };
    let mut found = PerFamily::default();
    for AlternateAddress { primary, alternate } in &config.stun.alternate_addresses {
        let family = if alternate.is_ipv4() { AddressFamily::Ipv4 } else { AddressFamily::Ipv6 };
        let relayed_from = relay_addresses.of(family).map(|address| address.bind);
        let primary = primary.or_else(|| main_address(family, listened, relayed_from));
        let primary = primary.ok_or(TurnError::DiscoveryUnknown(*alternate))?;
        let local = Endpoints::new(primary, *alternate).ok_or(TurnError::DiscoveryUnknown(*alternate))?;
        let endpoints = outside(&config.turn.external_addresses, primary, *alternate)
            .ok_or(TurnError::DiscoveryUnmapped(alternate.ip()))?;
        tracing::info!(%primary, %alternate, ?disclosure, "answering clients that discover their NAT");
        let server = ServerConfig { endpoints, disclosure };
        *found.of_mut(family) = Some(Discovery { server, local });
    }
    Ok(found)
}

/// The first address listened on, which is no single one if all are.
fn main_address(
    family: AddressFamily,
    listened: &[SocketAddr],
    relayed_from: Option<IpAddr>,
) -> Option<SocketAddr> {
    let is_ipv4 = family == AddressFamily::Ipv4;
    let main = listened.iter().find(|address| address.is_ipv4() == is_ipv4)?;
    let ip = if main.ip().is_unspecified() { relayed_from? } else { main.ip() };
    Some(SocketAddr::new(ip, main.port()))
}

/// What clients see the addresses as. [`None`]: a NAT has another address for the first one, and what it has for the second one is
/// not said.
fn outside(external: &[ExternalAddress], primary: SocketAddr, alternate: SocketAddr) -> Option<Endpoints> {
    let first = advertised(external, primary.ip());
    let second = if alternate.ip() == primary.ip() {
        first
    } else {
        let is_mapped = first != primary.ip();
        advertised_by_name(external, alternate.ip()).or((!is_mapped).then_some(alternate.ip()))?
    };
    Endpoints::new(SocketAddr::new(first, primary.port()), SocketAddr::new(second, alternate.port()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_stun::discovery::Endpoint;

    const LISTENED: [&str; 3] = ["0.0.0.0:8443", "[2001:db8::1]:8443", "198.51.100.9:443"];

    fn config(toml: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("moim.toml");
        std::fs::write(&file, format!("data_dir = '.'\n{toml}")).unwrap();
        Config::load(Some(&file), crate::Overrides::default()).unwrap()
    }

    fn found(toml: &str) -> Result<PerFamily<Option<Discovery>>, TurnError> {
        let bind = IpAddr::from([10, 0, 0, 5]);
        let relayed = PerFamily { ipv4: Some(RelayAddress { bind, advertised: bind }), ipv6: None };
        discovery(&config(toml), &LISTENED.map(|address| address.parse().expect("an address")), &relayed)
    }

    /// Primary and alternate addresses of IPv4, as clients know them and as this machine does.
    fn addresses(toml: &str) -> [[String; 2]; 2] {
        let discovery = found(toml).unwrap().ipv4.unwrap();
        [discovery.server.endpoints, discovery.local].map(|endpoints| {
            [Endpoint::ALL[0], Endpoint::ALL[3]].map(|end| endpoints.address(end).to_string())
        })
    }

    #[test]
    fn the_first_address_is_the_one_relayed_from_unless_it_is_named() {
        for (named, primary, alternate) in [
            ("10.0.0.6:3479", "10.0.0.5:8443", "10.0.0.6:3479"),
            ("10.0.0.5:3479", "10.0.0.5:8443", "10.0.0.5:3479"),
            ("10.0.0.7:3478/10.0.0.6:3479", "10.0.0.7:3478", "10.0.0.6:3479"),
        ] {
            let [outside, local] = addresses(&format!("stun.alternate_addresses = ['{named}']"));
            assert_eq!(local, [primary, alternate]);
            assert_eq!(outside, local);
        }
    }

    #[test]
    fn behind_a_nat_clients_are_told_the_addresses_outside() {
        let external = "turn.external_addresses = ['203.0.113.5/10.0.0.5', '203.0.113.6/10.0.0.6']\n";
        let [outside, local] = addresses(&format!("{external}stun.alternate_addresses = ['10.0.0.6:3479']"));
        assert_eq!(outside, ["203.0.113.5:8443", "203.0.113.6:3479"]);
        assert_eq!(local, ["10.0.0.5:8443", "10.0.0.6:3479"]);

        let external = "turn.external_addresses = ['203.0.113.5']\n";
        let [outside, _] = addresses(&format!("{external}stun.alternate_addresses = ['10.0.0.5:3479']"));
        assert_eq!(outside, ["203.0.113.5:8443", "203.0.113.5:3479"]);
    }

    #[test]
    fn an_address_that_a_nat_has_none_for_is_refused() {
        let external = "turn.external_addresses = ['203.0.113.5']\n";
        let error = found(&format!("{external}stun.alternate_addresses = ['10.0.0.6:3479']")).unwrap_err();
        assert!(matches!(error, TurnError::DiscoveryUnmapped(_)), "{error}");
    }
}
