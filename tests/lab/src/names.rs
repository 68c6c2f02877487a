//! What a namespace calls hosts, and who answers it when it asks for more: nobody, at once.

use crate::layout::{Layout, Node};
use crate::topology::INTERNET;
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Where `ip netns exec` looks for files that a namespace has in place of those in /etc.
const NETNS_ETC: &str = "/etc/netns";
/// The domain of all hosts on the internet.
pub(crate) const DOMAIN: &str = "test";
/// A resolver that refuses: nothing listens there, so that no look-up waits for an answer.
const RESOLV_CONF: &str = "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n";

/// Writes the host names and the resolver of a namespace.
pub(crate) fn write(namespace: &str, layout: &Layout) -> Result<()> {
    let dir = folder(namespace);
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    for (name, text) in [("hosts", hosts(layout)?.as_str()), ("resolv.conf", RESOLV_CONF)] {
        let path = dir.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Removes what [`write`] wrote.
pub(crate) fn remove(namespace: &str) {
    // What is gone needs no removing.
    let _ = fs::remove_dir_all(folder(namespace));
}

fn folder(namespace: &str) -> PathBuf {
    Path::new(NETNS_ETC).join(namespace)
}

fn hosts(layout: &Layout) -> Result<String> {
    let mut text = String::from("127.0.0.1 localhost\n::1 localhost\n");
    for host in layout.topology.hosts.iter().map(Node::Host).filter(|host| host.parent() == INTERNET) {
        let uplink = layout.uplink(host)?;
        let ipv4 = uplink.ipv4.map(|attachment| attachment.addresses[0].to_string());
        let ipv6 = uplink.ipv6.map(|attachment| attachment.addresses[0].to_string());
        for address in ipv4.into_iter().chain(ipv6) {
            // Chromium asks for STUN and TURN servers with the dot that ends a full name; the file is searched literally.
            let _ = writeln!(text, "{address} {0}.{DOMAIN} {0}.{DOMAIN}.", host.name());
        }
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::hosts;
    use crate::layout::Layout;
    use crate::topology::{Nat, Topology};

    #[test]
    fn hosts_on_the_internet_have_names_for_all() {
        let topology =
            Topology::new().gateway("home", Nat::FullCone).host("server").host_behind("anna", "home");
        let text = hosts(&Layout::new(topology).unwrap()).unwrap();
        assert!(text.contains("11.0.2.2 server.test server.test.\n2a11:0:0:2::2 server.test "), "{text}");
        assert!(!text.contains("anna"), "{text}");
    }
}
