//! Which targets may be flooded, and which may be put under load.

use ipnet::IpNet;
use std::net::IpAddr;

/// Why a target is not flooded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// A network that was named as one's own is not a private one.
    Public(IpNet),
    /// The target is neither on this machine nor in a network that was named.
    Foreign(IpAddr),
    /// The target is neither on this machine nor in a private network, and nobody says that they operate it.
    OperatedByOthers(IpAddr),
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Public(network) => {
                write!(
                    f,
                    "{network} is not a private network: nobody can own it so much that flooding it harms nobody else"
                )
            }
            Self::Foreign(ip) => write!(
                f,
                "floods go to this machine (loopback) or to a private network of your own that --i-own names; {ip} is neither"
            ),
            Self::OperatedByOthers(ip) => write!(
                f,
                "load goes to this machine (loopback) or to a private network; {ip} is neither. If the server, and the network to it, are yours, say so by --i-operate-this-server"
            ),
        }
    }
}

/// Whether `target` may be flooded by somebody who says that `owned` are theirs.
pub(crate) fn may_flood(target: IpAddr, owned: &[IpNet]) -> Result<(), Refusal> {
    if let Some(network) = owned.iter().find(|network| !is_private(network)) {
        return Err(Refusal::Public(*network));
    }
    let target = target.to_canonical();
    if target.is_loopback() || owned.iter().any(|network| network.contains(&target)) {
        Ok(())
    } else {
        Err(Refusal::Foreign(target))
    }
}

/// Whether `target` may be put under load: by whoever says that they operate it, and else only where nobody but its owner is harmed.
pub(crate) fn may_load(target: IpAddr, is_operated: bool) -> Result<(), Refusal> {
    let target = target.to_canonical();
    if is_operated || is_private(&IpNet::from(target)) {
        Ok(())
    } else {
        Err(Refusal::OperatedByOthers(target))
    }
}

/// RFC 1918, RFC 4193 and loopback: networks whose packets go no further than their owner lets them.
fn is_private(network: &IpNet) -> bool {
    ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128"]
        .into_iter()
        .map(|private| private.parse::<IpNet>().expect("these are networks"))
        .any(|private| private.contains(network))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_may_always_be_flooded() {
        for target in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(may_flood(target.parse().unwrap(), &[]), Ok(()), "{target}");
        }
    }

    #[test]
    fn a_private_network_that_is_named_may_be_flooded_and_others_not() {
        let owned = ["10.1.0.0/16".parse().unwrap(), "fd00:1::/32".parse().unwrap()];

        assert_eq!(may_flood("10.1.2.3".parse().unwrap(), &owned), Ok(()));
        assert_eq!(may_flood("::ffff:10.1.2.3".parse().unwrap(), &owned), Ok(()));
        assert_eq!(may_flood("fd00:1::5".parse().unwrap(), &owned), Ok(()));
        for other in ["10.2.0.1", "192.168.0.1", "203.0.113.1", "fd00:2::5", "2001:db8::1"] {
            let other = other.parse().unwrap();
            assert_eq!(may_flood(other, &owned), Err(Refusal::Foreign(other)));
        }
    }

    #[test]
    fn a_network_that_is_not_private_makes_nothing_floodable() {
        for public in ["0.0.0.0/0", "203.0.113.0/24", "8.0.0.0/7", "::/0", "fe80::/10", "100.64.0.0/10"] {
            let owned = [public.parse().unwrap()];
            for target in ["203.0.113.1", "127.0.0.1", "10.0.0.1"] {
                assert_eq!(may_flood(target.parse().unwrap(), &owned), Err(Refusal::Public(owned[0])));
            }
        }
    }

    #[test]
    fn load_goes_where_nobody_else_is_unless_the_server_is_ones_own() {
        for target in ["127.0.0.1", "::1", "10.1.2.3", "192.168.0.1", "fd00:1::5", "::ffff:172.16.0.1"] {
            assert_eq!(may_load(target.parse().unwrap(), false), Ok(()), "{target}");
        }
        for target in ["203.0.113.1", "2001:db8::1", "100.64.0.1", "::ffff:8.8.8.8"] {
            let target: IpAddr = target.parse().unwrap();
            assert_eq!(may_load(target, false), Err(Refusal::OperatedByOthers(target.to_canonical())));
            assert_eq!(may_load(target, true), Ok(()));
        }
    }
}
