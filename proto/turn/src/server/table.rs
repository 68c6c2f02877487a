use super::allocation::Allocation;
use crate::{AddressFamily, AllocationId, FiveTuple, RelayId};
use hashbrown::HashTable;
use siphasher::sip::SipHasher13;
use std::hash::{BuildHasher, Hasher};
use std::net::{IpAddr, SocketAddr};

/// The allocations, and how they are found.
#[derive(Debug)]
pub(super) struct Table {
    places: Vec<Place>,
    /// Places that are empty.
    free: Vec<u32>,
    /// Places, by the hash of the 5-tuple. The 5-tuples themselves are in the allocations, where whoever finds one goes next.
    by_five_tuple: HashTable<u32>,
    /// Places and families, by the hash of the relayed address.
    by_relayed: HashTable<(u32, AddressFamily)>,
    keyed: Keyed,
}

#[derive(Debug)]
struct Place {
    /// How often the place has been used: an id of an earlier use finds nothing.
    generation: u32,
    /// On its own, so that the table can grow without moving it.
    allocation: Option<Box<Allocation>>,
}

impl Table {
    /// An empty table, whose hashing nobody can foresee who does not know the key.
    pub(super) fn new(key: [u64; 2]) -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            by_five_tuple: HashTable::new(),
            by_relayed: HashTable::new(),
            keyed: Keyed(key),
        }
    }

    /// How many allocations there are.
    pub(super) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    #[inline]
    pub(super) fn find(&self, five_tuple: &FiveTuple) -> Option<AllocationId> {
        let hash = self.keyed.hash_one(five_tuple);
        let index =
            *self.by_five_tuple.find(hash, |index| has_five_tuple(&self.places, *index, five_tuple))?;
        Some(AllocationId::new(index, self.places[index as usize].generation))
    }

    #[inline]
    pub(super) fn at(&self, relayed: SocketAddr) -> Option<RelayId> {
        let hash = self.keyed.of_relayed(relayed);
        let (index, family) =
            *self.by_relayed.find(hash, |entry| has_relayed(&self.places, *entry, relayed))?;
        let allocation = AllocationId::new(index, self.places[index as usize].generation);
        Some(RelayId { allocation, family })
    }

    #[inline]
    pub(super) fn get(&self, id: AllocationId) -> Option<&Allocation> {
        let place = self.places.get(id.index())?;
        place.allocation.as_deref().filter(|_| place.generation == id.generation())
    }

    #[inline]
    pub(super) fn get_mut(&mut self, id: AllocationId) -> Option<&mut Allocation> {
        let place = self.places.get_mut(id.index())?;
        place.allocation.as_deref_mut().filter(|_| place.generation == id.generation())
    }

    /// Takes an allocation in. It comes back if there are as many as there can be, or one with this 5-tuple or these addresses.
    pub(super) fn insert(&mut self, allocation: Box<Allocation>) -> Result<AllocationId, Box<Allocation>> {
        let is_taken = self.find(&allocation.five_tuple).is_some()
            || allocation.relays.iter().any(|(_, relay)| self.at(relay.address).is_some());
        if is_taken {
            return Err(allocation);
        }
        let Some(index) = self.vacant() else { return Err(allocation) };
        let (five_tuple, relays) = (allocation.five_tuple, allocation.relays);
        let place = &mut self.places[index as usize];
        place.generation = place.generation.wrapping_add(1);
        let id = AllocationId::new(index, place.generation);
        place.allocation = Some(allocation);
        self.name(index, &five_tuple);
        for (family, relay) in relays.iter() {
            let (keyed, places) = (self.keyed, &self.places);
            self.by_relayed.insert_unique(keyed.of_relayed(relay.address), (index, family), |entry| {
                relayed(places, *entry).map_or(0, |address| keyed.of_relayed(address))
            });
        }
        Ok(id)
    }

    /// Takes an allocation out.
    pub(super) fn remove(&mut self, id: AllocationId) -> Option<Box<Allocation>> {
        let (five_tuple, relays) =
            self.get(id).map(|allocation| (allocation.five_tuple, allocation.relays))?;
        self.unname(&five_tuple);
        for (_, relay) in relays.iter() {
            self.forget_relayed(relay.address);
        }
        self.free.push(u32::try_from(id.index()).expect("an index comes from an id, where it is a u32"));
        self.places[id.index()].allocation.take()
    }

    /// Forgets a relayed address that its allocation is about to lose.
    pub(super) fn forget_relayed(&mut self, address: SocketAddr) {
        let hash = self.keyed.of_relayed(address);
        let places = &self.places;
        if let Ok(entry) = self.by_relayed.find_entry(hash, |entry| has_relayed(places, *entry, address)) {
            entry.remove();
        }
    }

    /// Takes an allocation's 5-tuple away: whoever comes from there next is somebody else.
    pub(super) fn set_adrift(&mut self, id: AllocationId) {
        let Some(five_tuple) = self.get(id).map(|allocation| allocation.five_tuple) else { return };
        self.unname(&five_tuple);
        if let Some(allocation) = self.get_mut(id) {
            allocation.five_tuple = five_tuple.without_client();
        }
    }

    /// Gives an allocation another 5-tuple, which is nobody's, and returns the one it had.
    pub(super) fn rename(&mut self, id: AllocationId, five_tuple: FiveTuple) -> Option<FiveTuple> {
        debug_assert!(self.find(&five_tuple).is_none(), "the 5-tuple is free");
        let before = self.get(id)?.five_tuple;
        self.unname(&before);
        self.get_mut(id)?.five_tuple = five_tuple;
        self.name(u32::try_from(id.index()).ok()?, &five_tuple);
        Some(before)
    }

    /// Lets a place be found by the 5-tuple of its allocation.
    fn name(&mut self, index: u32, five_tuple: &FiveTuple) {
        let (keyed, places) = (self.keyed, &self.places);
        self.by_five_tuple.insert_unique(keyed.hash_one(five_tuple), index, |index| {
            allocation(places, *index).map_or(0, |allocation| keyed.hash_one(allocation.five_tuple))
        });
    }

    /// Undoes [`name`](Self::name), while the allocation is still there. There is nothing to undo for one that is adrift.
    fn unname(&mut self, five_tuple: &FiveTuple) {
        let hash = self.keyed.hash_one(five_tuple);
        let places = &self.places;
        if let Ok(entry) =
            self.by_five_tuple.find_entry(hash, |index| has_five_tuple(places, *index, five_tuple))
        {
            entry.remove();
        }
    }

    /// All allocations, in the order of their places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (AllocationId, &Allocation)> {
        (0..=AllocationId::INDEX_MAX).zip(&self.places).filter_map(|(index, place)| {
            Some((AllocationId::new(index, place.generation), place.allocation.as_deref()?))
        })
    }

    /// All allocations, in the order of their places, to be changed in what they are not found by.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Allocation> {
        self.places.iter_mut().filter_map(|place| place.allocation.as_deref_mut())
    }

    /// The index of an empty place.
    fn vacant(&mut self) -> Option<u32> {
        if let Some(index) = self.free.pop() {
            return Some(index);
        }
        let index =
            u32::try_from(self.places.len()).ok().filter(|index| *index <= AllocationId::INDEX_MAX)?;
        self.places.push(Place { generation: 0, allocation: None });
        Some(index)
    }
}

#[inline]
fn allocation(places: &[Place], index: u32) -> Option<&Allocation> {
    places[index as usize].allocation.as_deref()
}

#[inline]
fn has_five_tuple(places: &[Place], index: u32, five_tuple: &FiveTuple) -> bool {
    allocation(places, index).is_some_and(|allocation| allocation.five_tuple == *five_tuple)
}

#[inline]
fn relayed(places: &[Place], (index, family): (u32, AddressFamily)) -> Option<SocketAddr> {
    allocation(places, index)?.relays.of(family).as_ref().map(|relay| relay.address)
}

#[inline]
fn has_relayed(places: &[Place], entry: (u32, AddressFamily), address: SocketAddr) -> bool {
    relayed(places, entry) == Some(address)
}

/// Hashing that strangers, who choose their own addresses, cannot foresee: without it they could choose collisions.
#[derive(Clone, Copy)]
struct Keyed([u64; 2]);

impl std::fmt::Debug for Keyed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyed([redacted])")
    }
}

impl BuildHasher for Keyed {
    type Hasher = SipHasher13;

    #[inline]
    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.0[0], self.0[1])
    }
}

impl Keyed {
    /// The hash of a relayed address, in one step or two.
    #[inline]
    fn of_relayed(self, address: SocketAddr) -> u64 {
        let mut hasher = self.build_hasher();
        match address.ip() {
            IpAddr::V4(ip) => hasher.write_u64((u64::from(ip.to_bits()) << 16) | u64::from(address.port())),
            IpAddr::V6(ip) => {
                hasher.write_u128(ip.to_bits());
                hasher.write_u16(address.port());
            }
        }
        hasher.finish()
    }
}
