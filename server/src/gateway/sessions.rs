//! How many signal sessions there are of one address, those waiting to be resumed included.

use moim_signal::id::SessionId;
use std::collections::HashMap;
use std::net::IpAddr;

/// Sessions by the address that began them. There are never more entries than sessions.
#[derive(Debug)]
pub(super) struct SessionsByAddress {
    per_address_max: u32,
    addresses: HashMap<SessionId, IpAddr>,
    counts: HashMap<IpAddr, u32>,
}

impl SessionsByAddress {
    pub(super) fn new(per_address_max: u32) -> Self {
        Self { per_address_max, addresses: HashMap::new(), counts: HashMap::new() }
    }

    /// Whether an address has as many sessions as one may have.
    pub(super) fn is_full(&self, address: IpAddr) -> bool {
        self.counts.get(&address).is_some_and(|count| *count >= self.per_address_max)
    }

    /// Counts a session that has begun.
    pub(super) fn begin(&mut self, session: SessionId, address: IpAddr) {
        self.addresses.insert(session, address);
        *self.counts.entry(address).or_default() += 1;
    }

    /// Forgets a session that has ended.
    pub(super) fn end(&mut self, session: &SessionId) {
        let Some(address) = self.addresses.remove(session) else { return };
        if let Some(count) = self.counts.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.counts.remove(&address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_one_address_are_counted_until_they_end() {
        let mut sessions = SessionsByAddress::new(2);
        let [here, there] = [[192, 0, 2, 1], [192, 0, 2, 2]].map(IpAddr::from);

        sessions.begin(SessionId::new("s_1"), here);
        sessions.begin(SessionId::new("s_2"), here);
        assert!(sessions.is_full(here));
        assert!(!sessions.is_full(there));

        sessions.end(&SessionId::new("s_1"));
        sessions.end(&SessionId::new("s_1"));
        assert!(!sessions.is_full(here));
        sessions.end(&SessionId::new("s_2"));
        assert!(sessions.addresses.is_empty() && sessions.counts.is_empty());
    }
}
