//! Address translation as RFC 4787 tells its kinds apart.

use super::DropReason;
use crate::packet::{Packet, Protocol};
use crate::random::{Random, Seed};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// The first port a NAT gives out where it does not keep the host's own.
const PORT_MIN: u16 = 1024;
/// Mappings of one NAT at a time.
const MAPPINGS_MAX: usize = 4096;
/// How many ports are tried before a NAT has none left.
const PORT_ATTEMPTS_MAX: usize = 64;

/// How a NAT behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatConfig {
    /// Which destinations share a mapping (RFC 4787 §4.1).
    pub mapping: Dependence,
    /// Which sources are let in through a mapping (RFC 4787 §5).
    pub filtering: Dependence,
    /// Which port a mapping is given (RFC 4787 §4.2).
    pub ports: PortAssignment,
    /// Which of several public addresses a mapping is given (RFC 4787 §4.1).
    pub pooling: Pooling,
    /// Whether hosts behind it reach each other by their public addresses (RFC 4787 §6).
    pub hairpinning: Hairpinning,
    /// How long a mapping for datagrams outlives the last packet from inside (RFC 4787 §4.3).
    pub udp_lifetime: Duration,
    /// The same for streams.
    pub tcp_lifetime: Duration,
    /// Whether packets from outside keep a mapping alive as well (RFC 4787 §4.3).
    pub inbound_refreshes: bool,
}

impl Default for NatConfig {
    /// What RFC 4787 asks for: endpoint-independent mapping, address-dependent filtering, hairpinning.
    fn default() -> Self {
        Self {
            mapping: Dependence::EndpointIndependent,
            filtering: Dependence::AddressDependent,
            ports: PortAssignment::Preserving,
            pooling: Pooling::Paired,
            hairpinning: Hairpinning::ExternalSource,
            udp_lifetime: Duration::from_secs(120),
            tcp_lifetime: Duration::from_secs(7_440),
            inbound_refreshes: false,
        }
    }
}

impl NatConfig {
    /// A NAT of this mapping and filtering, that does not hairpin.
    pub fn of(mapping: Dependence, filtering: Dependence) -> Self {
        Self { mapping, filtering, hairpinning: Hairpinning::None, ..Self::default() }
    }
}

/// What of the other end matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependence {
    /// Nothing.
    EndpointIndependent,
    /// Its IP address.
    AddressDependent,
    /// Its IP address and port.
    AddressAndPortDependent,
}

impl Dependence {
    /// All of them.
    pub const ALL: [Self; 3] =
        [Self::EndpointIndependent, Self::AddressDependent, Self::AddressAndPortDependent];

    /// Whether two other ends are the same as far as it matters.
    pub fn is_same(self, one: SocketAddr, other: SocketAddr) -> bool {
        match self {
            Self::EndpointIndependent => true,
            Self::AddressDependent => one.ip() == other.ip(),
            Self::AddressAndPortDependent => one == other,
        }
    }
}

/// Which port a mapping is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortAssignment {
    /// The host's own if it is free, else any.
    Preserving,
    /// One after the other, with such a step.
    Sequential(u16),
    /// Any.
    Random,
}

/// Which public address a mapping is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pooling {
    /// Always the same one for one host, as REQ-2 of RFC 4787 wants.
    Paired,
    /// Any.
    Arbitrary,
}

/// What becomes of a packet from inside to a public address of the NAT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hairpinning {
    /// It is dropped.
    None,
    /// It comes to the host it is for, with its public source, as REQ-9 of RFC 4787 wants.
    ExternalSource,
    /// It comes to the host it is for, with its private source.
    InternalSource,
}

/// A NAT: its mappings, and the rules by which they are made.
#[derive(Debug)]
pub struct Nat {
    config: NatConfig,
    public: Vec<IpAddr>,
    next_port: u16,
    random: Random,
    next_id: u64,
    mappings: BTreeMap<u64, Mapping>,
    by_inside: BTreeMap<Inside, Vec<u64>>,
    by_outside: BTreeMap<Outside, u64>,
}

type Inside = (Protocol, SocketAddr);
type Outside = (Protocol, SocketAddr);

#[derive(Debug)]
struct Mapping {
    protocol: Protocol,
    inside: SocketAddr,
    outside: SocketAddr,
    /// For whom it was made.
    first_destination: SocketAddr,
    /// Whom the host has sent to through it, and when last.
    contacts: BTreeMap<SocketAddr, Instant>,
    used: Instant,
}

impl Nat {
    /// A NAT with these public addresses, one at least.
    ///
    /// # Panics
    /// If there is no public address.
    pub(super) fn new(config: NatConfig, public: Vec<IpAddr>, seed: Seed, index: u64) -> Self {
        assert!(!public.is_empty(), "a NAT has a public address");
        let mut random = seed.random("nat ports", index);
        let next_port = first_port(&mut random);
        Self {
            config,
            public,
            next_port,
            random,
            next_id: 0,
            mappings: BTreeMap::new(),
            by_inside: BTreeMap::new(),
            by_outside: BTreeMap::new(),
        }
    }

    /// How it behaves.
    pub fn config(&self) -> &NatConfig {
        &self.config
    }

    /// Its public addresses.
    pub fn public(&self) -> &[IpAddr] {
        &self.public
    }

    /// How many mappings it has, those that nobody has asked for since they expired included.
    pub fn mappings_len(&self) -> usize {
        self.mappings.len()
    }

    /// It restarts: every mapping is gone, and new ones get other ports, whatever its way to assign them.
    pub fn restart(&mut self) {
        self.mappings.clear();
        self.by_inside.clear();
        self.by_outside.clear();
        self.next_port = first_port(&mut self.random);
    }

    /// It is given other public addresses, by its provider. Mappings are gone.
    ///
    /// # Panics
    /// If there is none.
    pub(super) fn set_public(&mut self, public: Vec<IpAddr>) {
        assert!(!public.is_empty(), "a NAT has a public address");
        self.public = public;
        self.restart();
    }

    /// Translates a packet from inside, making a mapping if there is none.
    pub(super) fn outbound(&mut self, packet: &mut Packet, now: Instant) -> Result<(), DropReason> {
        let (protocol, inside, to) = (packet.protocol(), packet.source, packet.destination);
        let id = match self.find_outbound(protocol, inside, to, now) {
            Some(id) => id,
            None => self.make(protocol, inside, to, now)?,
        };
        let mapping = self.mappings.get_mut(&id).ok_or(DropReason::NatExhausted)?;
        mapping.contacts.insert(to, now);
        mapping.used = now;
        packet.source = mapping.outside;
        Ok(())
    }

    /// Translates a packet from outside, if there is a mapping and its filter lets it in.
    pub(super) fn inbound(&mut self, packet: &mut Packet, now: Instant) -> Result<(), DropReason> {
        let key = (packet.protocol(), packet.destination);
        let id = *self.by_outside.get(&key).ok_or(DropReason::NoMapping)?;
        if !self.is_alive(id, now) {
            self.remove(id);
            return Err(DropReason::NoMapping);
        }
        let (filtering, refreshes) = (self.config.filtering, self.config.inbound_refreshes);
        let lifetime = self.lifetime(packet.protocol());
        let mapping = self.mappings.get_mut(&id).ok_or(DropReason::NoMapping)?;
        let from = packet.source;
        let mut contacts = mapping.contacts.iter_mut();
        let contact = contacts
            .find(|(contact, last)| filtering.is_same(**contact, from) && now < **last + lifetime)
            .ok_or(DropReason::Filtered)?;
        if refreshes {
            *contact.1 = now;
            mapping.used = now;
        }
        packet.destination = mapping.inside;
        Ok(())
    }

    /// Translates a packet from inside that is for a public address of the NAT itself.
    pub(super) fn hairpin(&mut self, packet: &mut Packet, now: Instant) -> Result<(), DropReason> {
        let private = packet.source;
        match self.config.hairpinning {
            Hairpinning::None => Err(DropReason::NoHairpinning),
            Hairpinning::ExternalSource => {
                self.outbound(packet, now)?;
                self.inbound(packet, now)
            }
            Hairpinning::InternalSource => {
                self.outbound(packet, now)?;
                self.inbound(packet, now)?;
                packet.source = private;
                Ok(())
            }
        }
    }

    fn find_outbound(
        &mut self,
        protocol: Protocol,
        inside: SocketAddr,
        to: SocketAddr,
        now: Instant,
    ) -> Option<u64> {
        let ids = self.by_inside.get(&(protocol, inside))?.clone();
        for id in ids {
            if !self.is_alive(id, now) {
                self.remove(id);
                continue;
            }
            let first = self.mappings.get(&id)?.first_destination;
            if self.config.mapping.is_same(first, to) {
                return Some(id);
            }
        }
        None
    }

    fn make(
        &mut self,
        protocol: Protocol,
        inside: SocketAddr,
        to: SocketAddr,
        now: Instant,
    ) -> Result<u64, DropReason> {
        if self.mappings.len() >= MAPPINGS_MAX {
            self.sweep(now);
        }
        if self.mappings.len() >= MAPPINGS_MAX {
            return Err(DropReason::NatExhausted);
        }
        let ip = self.public_for(inside.ip());
        let outside = self.free_port(protocol, ip, inside.port(), now).ok_or(DropReason::NatExhausted)?;
        let id = self.next_id;
        self.next_id += 1;
        let mapping = Mapping {
            protocol,
            inside,
            outside,
            first_destination: to,
            contacts: BTreeMap::new(),
            used: now,
        };
        self.mappings.insert(id, mapping);
        self.by_inside.entry((protocol, inside)).or_default().push(id);
        self.by_outside.insert((protocol, outside), id);
        Ok(id)
    }

    fn public_for(&mut self, inside: IpAddr) -> IpAddr {
        let index = match self.config.pooling {
            Pooling::Paired => {
                let sum: usize = octets(inside).into_iter().map(usize::from).sum();
                sum % self.public.len()
            }
            Pooling::Arbitrary => self.random.index(self.public.len()),
        };
        self.public[index]
    }

    fn free_port(&mut self, protocol: Protocol, ip: IpAddr, own: u16, now: Instant) -> Option<SocketAddr> {
        for attempt in 0..PORT_ATTEMPTS_MAX {
            let port = match self.config.ports {
                PortAssignment::Preserving if attempt == 0 => own,
                PortAssignment::Preserving | PortAssignment::Random => first_port(&mut self.random),
                PortAssignment::Sequential(step) => {
                    self.next_port = self.next_port.checked_add(step.max(1)).unwrap_or(PORT_MIN);
                    self.next_port
                }
            };
            let outside = SocketAddr::new(ip, port);
            match self.by_outside.get(&(protocol, outside)).copied() {
                None => return Some(outside),
                Some(id) if !self.is_alive(id, now) => {
                    self.remove(id);
                    return Some(outside);
                }
                Some(_) => {}
            }
        }
        None
    }

    fn lifetime(&self, protocol: Protocol) -> Duration {
        match protocol {
            Protocol::Udp => self.config.udp_lifetime,
            Protocol::Tcp => self.config.tcp_lifetime,
        }
    }

    fn is_alive(&self, id: u64, now: Instant) -> bool {
        self.mappings.get(&id).is_some_and(|mapping| now < mapping.used + self.lifetime(mapping.protocol))
    }

    fn sweep(&mut self, now: Instant) {
        let dead: Vec<_> = self.mappings.keys().copied().filter(|id| !self.is_alive(*id, now)).collect();
        for id in dead {
            self.remove(id);
        }
    }

    fn remove(&mut self, id: u64) {
        let Some(mapping) = self.mappings.remove(&id) else { return };
        self.by_outside.remove(&(mapping.protocol, mapping.outside));
        if let Some(ids) = self.by_inside.get_mut(&(mapping.protocol, mapping.inside)) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_inside.remove(&(mapping.protocol, mapping.inside));
            }
        }
    }
}

fn first_port(random: &mut Random) -> u16 {
    let ports = u64::from(u16::MAX - PORT_MIN) + 1;
    PORT_MIN + u16::try_from(random.below(ports)).unwrap_or(0)
}

fn octets(ip: IpAddr) -> Vec<u8> {
    match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    }
}
