//! A limit on connections from one address that have not shown a signalling session yet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Connections of strangers, counted by address. There are never more entries than connections.
#[derive(Debug)]
pub(crate) struct Strangers {
    per_address_max: u32,
    connections: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection; counted until dropped, but for the time in which it carries a session.
#[derive(Debug)]
pub(crate) struct Stranger {
    strangers: Arc<Strangers>,
    address: IpAddr,
    /// How many links with a session it carries. Changed only while the connections are locked.
    links: AtomicU32,
}

/// A link with a session, on a connection that is no stranger's as long as it has one of these.
#[derive(Debug)]
pub(crate) struct Known(Arc<Stranger>);

impl Strangers {
    pub(crate) fn new(per_address_max: u32) -> Arc<Self> {
        Arc::new(Self { per_address_max, connections: Mutex::default() })
    }

    /// Counts a connection from `address`, unless there are too many of them.
    pub(crate) fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Stranger> {
        let address = counted_as(address);
        let mut connections = self.lock();
        let count = connections.entry(address).or_default();
        if *count >= self.per_address_max {
            return None;
        }
        *count += 1;
        Some(Stranger { strangers: Arc::clone(self), address, links: AtomicU32::new(0) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, u32>> {
        self.connections.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stranger {
    /// What it is counted as: its IPv4 address, or its site's /64.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// The connection carries a session, which has a limit of its own, until what is returned is dropped.
    pub(crate) fn known(self: &Arc<Self>) -> Known {
        let mut connections = self.strangers.lock();
        if self.links.fetch_add(1, Ordering::Relaxed) == 0 {
            forget(&mut connections, self.address);
        }
        Known(Arc::clone(self))
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        // Whoever holds a `Known` holds the connection: there is none any more.
        forget(&mut self.strangers.lock(), self.address);
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        let Stranger { strangers, address, links } = &*self.0;
        let mut connections = strangers.lock();
        if links.fetch_sub(1, Ordering::Relaxed) == 1 {
            // It may be one too many; then no other is let in.
            *connections.entry(*address).or_default() += 1;
        }
    }
}

fn forget(connections: &mut HashMap<IpAddr, u32>, address: IpAddr) {
    if let Entry::Occupied(mut entry) = connections.entry(address) {
        *entry.get_mut() -= 1;
        if *entry.get() == 0 {
            entry.remove();
        }
    }
}

/// A site has a /64 of IPv6 addresses at least (RFC 6177), and may use a new one for every connection.
fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let site = u128::from(address) & !u128::from(u64::MAX);
            Ipv6Addr::from(site).into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_strangers_of_one_address_without_those_that_left_or_have_a_session() {
        let strangers = Strangers::new(2);
        let address = IpAddr::from([192, 0, 2, 1]);

        let first = Arc::new(strangers.admit(address).unwrap());
        let second = strangers.admit(address).unwrap();
        assert!(strangers.admit(address).is_none());
        assert!(strangers.admit(IpAddr::from([192, 0, 2, 2])).is_some());

        let links = (first.known(), first.known());
        let third = strangers.admit(address).unwrap();
        assert!(strangers.admit(address).is_none());
        drop(links.0);
        drop(second);
        let fourth = strangers.admit(address).unwrap();
        drop((links.1, fourth));
        assert!(strangers.admit(address).is_none(), "the first is a stranger again");

        drop((first, third));
        assert!(strangers.connections.lock().unwrap().is_empty());
    }

    #[test]
    fn one_ipv6_site_counts_as_one_address() {
        let strangers = Strangers::new(1);

        let _first = strangers.admit("2001:db8::1".parse().unwrap()).unwrap();

        assert!(strangers.admit("2001:db8::2:2".parse().unwrap()).is_none());
        assert!(strangers.admit("2001:db8:0:1::1".parse().unwrap()).is_some());
    }
}
