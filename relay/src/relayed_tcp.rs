//! The relayed TCP addresses of the whole process (RFC 6062).
//!
//! A client may connect to the relayed TCP address of another one, whichever shard holds it, and to nothing else that listens
//! on the server's own addresses. Asking before the connection is made is not enough: the address may be given up in between,
//! and another program may listen on its port by the time the connection arrives. So whoever connects takes a [`Sighting`] and asks it
//! once more when the connection is there. An entry is made after its socket has begun to listen, goes before the socket is
//! closed, and is told apart from later ones of the same address; one that was there before the connection was begun and is
//! there still had the port all the while.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// The addresses, for all shards. It is locked when a TCP allocation is made or freed and when a client connects to one of
/// the server's own addresses, never on the way of data. It has as many entries as there are sockets that listen, and so at
/// most one for each port of a relayed IP address.
#[derive(Clone, Debug, Default)]
pub(crate) struct RelayedTcp(Arc<Mutex<Entries>>);

#[derive(Debug, Default)]
struct Entries {
    /// By the addresses that peers are told.
    by_address: BTreeMap<SocketAddr, Entry>,
    /// How many there have been.
    count: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry {
    /// The address of this host that is listened on.
    local: SocketAddr,
    /// Which of all that ever were.
    number: u64,
}

/// An address is among them for as long as this is kept. It is dropped before the socket that listens is closed.
#[derive(Debug)]
pub(crate) struct Registration {
    all: RelayedTcp,
    address: SocketAddr,
}

/// An address was among them.
#[derive(Clone, Debug)]
pub(crate) struct Sighting {
    all: RelayedTcp,
    address: SocketAddr,
    entry: Entry,
}

impl RelayedTcp {
    /// Takes in an address as peers are told it, whose socket listens on `local` by now.
    pub(crate) fn register(&self, address: SocketAddr, local: SocketAddr) -> Registration {
        self.with(|entries| {
            entries.count += 1;
            entries.by_address.insert(address, Entry { local, number: entries.count });
        });
        Registration { all: self.clone(), address }
    }

    /// Looks for an address as peers are told it.
    pub(crate) fn sight(&self, address: SocketAddr) -> Option<Sighting> {
        let entry = self.with(|entries| entries.by_address.get(&address).copied())?;
        Some(Sighting { all: self.clone(), address, entry })
    }

    fn with<T>(&self, ask: impl FnOnce(&mut Entries) -> T) -> T {
        // Nothing that can panic is done under the lock.
        ask(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.all.with(|entries| entries.by_address.remove(&self.address));
    }
}

impl Sighting {
    /// The address of this host that is listened on.
    pub(crate) fn local(&self) -> SocketAddr {
        self.entry.local
    }

    /// Whether the address has been among them ever since.
    pub(crate) fn holds(&self) -> bool {
        self.all.with(|entries| entries.by_address.get(&self.address) == Some(&self.entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sighting_holds_until_its_very_entry_is_gone() {
        let (all, address) = (RelayedTcp::default(), "203.0.113.5:50000".parse().unwrap());
        let local = "10.0.0.5:50000".parse().unwrap();
        assert!(all.sight(address).is_none());
        let registration = all.register(address, local);
        let sighting = all.clone().sight(address).unwrap();
        assert_eq!(sighting.local(), local);
        assert!(sighting.holds());

        drop(registration);
        assert!(!sighting.holds());
        assert!(all.sight(address).is_none());

        let _next = all.register(address, local);
        assert!(!sighting.holds(), "in between, somebody else may have had the port");
        assert!(all.sight(address).unwrap().holds());
    }
}
