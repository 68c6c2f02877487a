//! Where connections come from: which connection an address or a user name fragment leads to, and the way back.

use crate::config::ADDRESSES_MAX;
use moim_turn::FiveTuple;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Instant;

/// User name fragments of a connection that still count: the present one, and those before, by which the other side goes until it has
/// found a path by the new one.
const UFRAGS_MAX: usize = 3;

/// Which connection a packet is for. Hashes are keyed at random: strangers cannot choose where they collide.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    by_five_tuple: HashMap<FiveTuple, Known>,
    by_ufrag: HashMap<String, usize>,
}

/// Whose a 5-tuple is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Known {
    /// The place of the connection.
    pub(crate) connection: usize,
    /// The server's address as the connection knows it: that of a candidate.
    pub(crate) local: SocketAddr,
}

/// An address that a connection has come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Path {
    pub(crate) five_tuple: FiveTuple,
    pub(crate) local: SocketAddr,
    checked: Instant,
}

/// What leads to one connection.
#[derive(Debug, Default)]
pub(crate) struct Paths {
    paths: Vec<Path>,
    ufrags: Vec<String>,
}

impl Directory {
    /// Whose packets from an address are.
    pub(crate) fn of(&self, five_tuple: &FiveTuple) -> Option<Known> {
        self.by_five_tuple.get(five_tuple).copied()
    }

    /// The connection that a user name fragment is of.
    pub(crate) fn of_ufrag(&self, ufrag: &str) -> Option<usize> {
        self.by_ufrag.get(ufrag).copied()
    }

    /// A check from an address was authentic: what comes from there is this connection's from now on. Gives the place of another that had it.
    pub(crate) fn learn(
        &mut self,
        five_tuple: FiveTuple,
        known: Known,
        paths: &mut Paths,
        now: Instant,
    ) -> Option<usize> {
        if let Some(path) = paths.paths.iter_mut().find(|path| path.five_tuple == five_tuple) {
            path.checked = now;
        } else {
            if paths.paths.len() >= ADDRESSES_MAX
                && let Some(oldest) = (0..paths.paths.len()).min_by_key(|at| paths.paths[*at].checked)
            {
                let forgotten = paths.paths.swap_remove(oldest);
                self.forget(&forgotten.five_tuple, known.connection);
            }
            paths.paths.push(Path { five_tuple, local: known.local, checked: now });
        }
        let before = self.by_five_tuple.insert(five_tuple, known)?;
        (before.connection != known.connection).then_some(before.connection)
    }

    /// A connection goes by another fragment, too.
    pub(crate) fn name(&mut self, ufrag: &str, connection: usize, paths: &mut Paths) {
        if paths.ufrags.iter().any(|known| known == ufrag) {
            return;
        }
        if paths.ufrags.len() >= UFRAGS_MAX {
            self.by_ufrag.remove(&paths.ufrags.remove(0));
        }
        paths.ufrags.push(ufrag.to_owned());
        self.by_ufrag.insert(ufrag.to_owned(), connection);
    }

    /// A connection is gone.
    pub(crate) fn remove(&mut self, connection: usize, paths: &Paths) {
        for path in &paths.paths {
            self.forget(&path.five_tuple, connection);
        }
        for ufrag in &paths.ufrags {
            self.by_ufrag.remove(ufrag);
        }
    }

    /// Unless it is another's by now.
    fn forget(&mut self, five_tuple: &FiveTuple, connection: usize) {
        if self.by_five_tuple.get(five_tuple).is_some_and(|known| known.connection == connection) {
            self.by_five_tuple.remove(five_tuple);
        }
    }
}

impl Paths {
    /// The way between two addresses as the connection knows them.
    pub(crate) fn way(&self, local: SocketAddr, remote: SocketAddr) -> Option<FiveTuple> {
        // Several of the server's addresses may stand for one: the one that was heard from last works.
        let paths = self.paths.iter().filter(|path| path.five_tuple.client == remote && path.local == local);
        paths.max_by_key(|path| path.checked).map(|path| path.five_tuple)
    }

    /// The address has become another connection's.
    pub(crate) fn lose(&mut self, five_tuple: &FiveTuple) {
        self.paths.retain(|path| path.five_tuple != *five_tuple);
    }
}
