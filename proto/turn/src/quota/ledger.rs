use super::meter::{Bandwidth, Meter};
use crate::RealmId;
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// So many bits at the end of an IPv6 address are the client's own to choose, and do not count.
const IPV6_HOST_BITS: u32 = 64;

/// What may be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Allocations of everybody together.
    pub allocations_max: usize,
    /// Allocations of one user of a realm.
    pub allocations_per_user_max: usize,
    /// Allocations of one client address: an IPv4 address, or an IPv6 /64.
    pub allocations_per_address_max: usize,
    /// Bandwidth of everybody together.
    pub bandwidth_total: Option<Bandwidth>,
    /// Bandwidth of one user.
    pub bandwidth_per_user: Option<Bandwidth>,
    /// Bandwidth of one client address.
    pub bandwidth_per_address: Option<Bandwidth>,
    /// Bandwidth of one allocation.
    pub bandwidth_per_allocation: Option<Bandwidth>,
}

impl Default for Limits {
    /// Room for a busy machine, no limit of bandwidth. An address may be that of a large company or of a mobile network.
    fn default() -> Self {
        Self {
            allocations_max: 100_000,
            allocations_per_user_max: 100,
            allocations_per_address_max: 2_000,
            bandwidth_total: None,
            bandwidth_per_user: None,
            bandwidth_per_address: None,
            bandwidth_per_allocation: None,
        }
    }
}

/// Which limit an allocation would have gone beyond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum QuotaReached {
    /// That of the user.
    User,
    /// That of the client's address.
    Address,
    /// That of everybody together.
    Total,
}

impl QuotaReached {
    /// Every limit, in the order they are declared.
    pub const ALL: [Self; 3] = [Self::User, Self::Address, Self::Total];

    /// A name for metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Address => "address",
            Self::Total => "total",
        }
    }

    /// The error code that says so (RFC 8656 §7.2): 486 for what the client has too much of, 508 for what the server has too
    /// little of.
    pub const fn error_code(self) -> u16 {
        match self {
            Self::User | Self::Address => 486,
            Self::Total => 508,
        }
    }
}

/// Counts the allocations of all shards.
///
/// What it stores is bounded by [`Limits::allocations_max`]: of users and addresses without an allocation it knows nothing.
pub struct Ledger {
    limits: Limits,
    origin: Instant,
    allocations: usize,
    meter: Arc<Meter>,
    users: BTreeMap<User, Holding>,
    addresses: BTreeMap<IpAddr, Holding>,
}

/// A user of a realm.
type User = (RealmId, Arc<str>);

/// What a user or an address has.
#[derive(Debug)]
struct Holding {
    allocations: usize,
    meter: Arc<Meter>,
}

/// The right to one allocation. It goes back to the ledger by [`Ledger::release`]; the type makes sure that it does so once
/// at most.
#[must_use = "an allocation whose lease is lost counts forever"]
pub struct Lease {
    user: Option<User>,
    address: IpAddr,
    meters: [Option<Arc<Meter>>; 3],
    own: Meter,
}

impl Ledger {
    /// A ledger with nothing in it.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            origin: now,
            allocations: 0,
            meter: Arc::new(Meter::new(limits.bandwidth_total, now)),
            users: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    /// Changes the limits. What there is stays, even if it would not be admitted any more; bandwidth limits of users, addresses
    /// and the total hold at once, those of single allocations for new ones.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
        self.meter.set_bandwidth(limits.bandwidth_total);
        for user in self.users.values() {
            user.meter.set_bandwidth(limits.bandwidth_per_user);
        }
        for address in self.addresses.values() {
            address.meter.set_bandwidth(limits.bandwidth_per_address);
        }
    }

    /// How many allocations there are.
    pub fn allocations(&self) -> usize {
        self.allocations
    }

    /// How many allocations a user has.
    pub fn allocations_of_user(&self, realm: RealmId, user: &str) -> usize {
        self.users.get(&(realm, user.into())).map_or(0, |holding| holding.allocations)
    }

    /// Admits an allocation for a client at `client`. Without a user (a credential that many share) it counts for the address and
    /// the total.
    pub fn admit(
        &mut self,
        realm: RealmId,
        user: Option<&str>,
        client: IpAddr,
    ) -> Result<Lease, QuotaReached> {
        let user: Option<User> = user.map(|user| (realm, user.into()));
        let address = network(client);
        if self.allocations >= self.limits.allocations_max {
            return Err(QuotaReached::Total);
        }
        let of_address = self.addresses.get(&address).map_or(0, |holding| holding.allocations);
        if of_address >= self.limits.allocations_per_address_max {
            return Err(QuotaReached::Address);
        }
        let of_user = user.as_ref().and_then(|user| self.users.get(user)).map_or(0, |user| user.allocations);
        if user.is_some() && of_user >= self.limits.allocations_per_user_max {
            return Err(QuotaReached::User);
        }
        self.allocations += 1;
        let (limits, origin) = (self.limits, self.origin);
        let user_meter =
            user.as_ref().map(|user| hold(&mut self.users, user, limits.bandwidth_per_user, origin));
        let address_meter = hold(&mut self.addresses, &address, limits.bandwidth_per_address, origin);
        Ok(Lease {
            user,
            address,
            meters: [user_meter, Some(address_meter), Some(Arc::clone(&self.meter))],
            own: Meter::new(limits.bandwidth_per_allocation, origin),
        })
    }

    /// Takes back the right to an allocation that is no more.
    pub fn release(&mut self, lease: Lease) {
        let Lease { user, address, .. } = lease;
        self.allocations -= 1;
        if let Some(user) = user {
            let_go(&mut self.users, &user);
        }
        let_go(&mut self.addresses, &address);
    }
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { limits, allocations, users, addresses, .. } = self;
        f.debug_struct("Ledger")
            .field("limits", limits)
            .field("allocations", allocations)
            .field("users", &users.len())
            .field("addresses", &addresses.len())
            .finish_non_exhaustive()
    }
}

impl Lease {
    /// Lets `bytes` of payload pass, or not: by the limits of the allocation, of its user, of its client's address and of the
    /// total. `false`: they are to be dropped.
    #[must_use]
    pub fn pass(&self, bytes: usize, now: Instant) -> bool {
        if !self.own.pass(bytes, now) {
            return false;
        }
        let mut shared = self.meters.iter().flatten();
        let refused_by = shared.position(|meter| !meter.pass(bytes, now));
        if let Some(index) = refused_by {
            self.own.take_back(bytes);
            self.meters.iter().flatten().take(index).for_each(|meter| meter.take_back(bytes));
        }
        refused_by.is_none()
    }
}

impl fmt::Debug for Lease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").finish_non_exhaustive()
    }
}

fn hold<K: Clone + Ord>(
    holdings: &mut BTreeMap<K, Holding>,
    key: &K,
    bandwidth: Option<Bandwidth>,
    origin: Instant,
) -> Arc<Meter> {
    let holding = holdings
        .entry(key.clone())
        .or_insert_with(|| Holding { allocations: 0, meter: Arc::new(Meter::new(bandwidth, origin)) });
    holding.allocations += 1;
    Arc::clone(&holding.meter)
}

fn let_go<K: Ord>(holdings: &mut BTreeMap<K, Holding>, key: &K) {
    if let Some(holding) = holdings.get_mut(key) {
        holding.allocations -= 1;
        if holding.allocations == 0 {
            holdings.remove(key);
        }
    }
}

/// What a client address is counted as.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V4(ip) => IpAddr::V4(ip),
        IpAddr::V6(ip) => IpAddr::V6((ip.to_bits() >> IPV6_HOST_BITS << IPV6_HOST_BITS).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const REALM: RealmId = RealmId(0);

    #[test]
    fn each_limit_is_reached_on_its_own() {
        let limits = Limits {
            allocations_max: 4,
            allocations_per_user_max: 2,
            allocations_per_address_max: 3,
            ..Limits::default()
        };
        let mut ledger = ledger(limits);
        let mut leases = Vec::new();
        let mut admit = |user, client| match ledger.admit(REALM, user, ip(client)) {
            Ok(lease) => {
                leases.push(lease);
                Ok(())
            }
            Err(reached) => Err(reached),
        };

        assert_eq!(admit(Some("ann"), "192.0.2.1"), Ok(()));
        assert_eq!(admit(Some("ann"), "192.0.2.1"), Ok(()));
        assert_eq!(admit(Some("ann"), "192.0.2.9"), Err(QuotaReached::User));
        assert_eq!(admit(Some("bob"), "192.0.2.1"), Ok(()));
        assert_eq!(admit(None, "192.0.2.1"), Err(QuotaReached::Address));
        assert_eq!(admit(None, "192.0.2.2"), Ok(()));
        assert_eq!(admit(None, "192.0.2.3"), Err(QuotaReached::Total));
        assert_eq!(ledger.allocations(), 4);
        assert_eq!(ledger.allocations_of_user(REALM, "ann"), 2);
    }

    #[test]
    fn users_of_different_realms_are_different() {
        let mut ledger = ledger(Limits { allocations_per_user_max: 1, ..Limits::default() });

        let first = ledger.admit(REALM, Some("ann"), ip("192.0.2.1")).unwrap();
        let second = ledger.admit(RealmId(1), Some("ann"), ip("192.0.2.1")).unwrap();

        assert!(ledger.admit(REALM, Some("ann"), ip("192.0.2.1")).is_err());
        ledger.release(first);
        ledger.release(second);
    }

    #[test]
    fn an_ipv6_client_is_counted_by_its_network() {
        let mut ledger = ledger(Limits { allocations_per_address_max: 1, ..Limits::default() });
        let _lease = ledger.admit(REALM, None, ip("2001:db8::1")).unwrap();

        assert_eq!(ledger.admit(REALM, None, ip("2001:db8::2:3:4:5")).unwrap_err(), QuotaReached::Address);
        assert!(ledger.admit(REALM, None, ip("2001:db8:0:1::1")).is_ok());
    }

    #[test]
    fn a_ledger_forgets_whoever_has_nothing() {
        let mut ledger = ledger(Limits::default());
        let leases: Vec<_> = (0..100)
            .map(|n| {
                ledger.admit(REALM, Some(&format!("user {}", n % 7)), IpAddr::from([192, 0, 2, n])).unwrap()
            })
            .collect();

        for lease in leases {
            ledger.release(lease);
        }

        assert_eq!(ledger.allocations(), 0);
        assert!(ledger.users.is_empty() && ledger.addresses.is_empty());
    }

    #[test]
    fn bandwidth_is_shared_by_what_it_is_a_limit_of() {
        let start = origin();
        let limit = |bytes| Some(Bandwidth { bytes_per_second: 1, burst_bytes: bytes });
        let limits = Limits {
            bandwidth_per_allocation: limit(100),
            bandwidth_per_user: limit(150),
            bandwidth_per_address: limit(200),
            bandwidth_total: limit(1_000),
            ..Limits::default()
        };
        let mut ledger = Ledger::new(limits, start);
        let first = ledger.admit(REALM, Some("ann"), ip("192.0.2.1")).unwrap();
        let second = ledger.admit(REALM, Some("ann"), ip("192.0.2.1")).unwrap();
        let third = ledger.admit(REALM, Some("bob"), ip("192.0.2.1")).unwrap();

        assert!(first.pass(100, start));
        assert!(!first.pass(1, start), "the allocation's");
        assert!(!second.pass(51, start), "the user's");
        assert!(second.pass(50, start), "what was refused is counted nowhere");
        assert!(third.pass(50, start));
        assert!(!third.pass(1, start), "the address's");
        assert!(third.pass(1, start + Duration::from_secs(1)));
    }

    #[test]
    fn new_limits_hold_for_what_there_is() {
        let start = origin();
        let mut ledger = Ledger::new(Limits::default(), start);
        let lease = ledger.admit(REALM, Some("ann"), ip("192.0.2.1")).unwrap();
        assert!(lease.pass(1_000_000, start));

        let bandwidth = Some(Bandwidth { bytes_per_second: 1, burst_bytes: 10 });
        ledger.set_limits(Limits { allocations_max: 0, bandwidth_per_user: bandwidth, ..Limits::default() });

        assert!(!lease.pass(11, start));
        assert_eq!(ledger.admit(REALM, None, ip("192.0.2.2")).unwrap_err(), QuotaReached::Total);
        ledger.release(lease);
        assert_eq!(ledger.allocations(), 0);
    }

    /// Covers: RFC 8656 §7.2
    #[test]
    fn the_error_says_whose_limit_it_is() {
        assert_eq!(QuotaReached::ALL.map(QuotaReached::error_code), [486, 486, 508]);
    }

    fn ledger(limits: Limits) -> Ledger {
        Ledger::new(limits, origin())
    }

    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn origin() -> Instant {
        Instant::now()
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
