//! Plans as people read them.

use super::{Disturbance, Event, Person, Place, Plan, Site, Trickle};
use std::fmt;

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, sites, relay, people, disturbances } = self;
        writeln!(f, "world {}", seed.0)?;
        for (index, site) in sites.iter().enumerate() {
            writeln!(f, "  site {index}: {site}")?;
        }
        let family = if relay.ipv6 { "IPv4 and IPv6" } else { "IPv4" };
        writeln!(f, "  relay: {:?}, told by {:?}, {family}", relay.mode, relay.transports)?;
        for person in people {
            writeln!(f, "  {person}")?;
        }
        for Disturbance { at, what } in disturbances {
            writeln!(f, "  at {:7.3} s: {what}", at.as_secs_f64())?;
        }
        Ok(())
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, parent, ipv4, ipv6, nat, public_addresses, firewall, quality } = self;
        write!(f, "{name} on {parent} by {quality:?}")?;
        if let Some(ipv4) = ipv4 {
            write!(f, ", {ipv4} with {:?} mapping, {:?} filtering", nat.mapping, nat.filtering)?;
            write!(f, ", ports {:?}, hairpinning {:?}", nat.ports, nat.hairpinning)?;
            write!(f, ", {public_addresses} public by {:?} pooling, {:?}", nat.pooling, nat.udp_lifetime)?;
        }
        if *ipv6 {
            write!(f, ", IPv6 filtered by {:?}", firewall.inbound)?;
        }
        if !firewall.udp_out {
            write!(f, ", no UDP")?;
        }
        if let Some(ports) = &firewall.tcp_out {
            write!(f, ", TCP to {ports:?} only")?;
        }
        Ok(())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Internet => f.write_str("the Internet"),
            Self::Site(index) => write!(f, "site {index}"),
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} comes at {:.3} s", self.name, self.arrives.as_secs_f64())?;
        for (place, quality) in &self.interfaces {
            write!(f, ", on {place} by {quality:?}")?;
        }
        match self.trickle {
            Trickle::Full => {}
            Trickle::None => write!(f, ", does not trickle")?,
            Trickle::Late(by) => write!(f, ", tells candidates {:.3} s late", by.as_secs_f64())?,
        }
        if self.tcp {
            write!(f, ", with TCP")?;
        }
        if self.relay_only {
            write!(f, ", by relay only")?;
        }
        Ok(())
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GatewayRestarts(site) => write!(f, "the gateway of site {site} restarts"),
            Self::GatewayRenumbered(site) => write!(f, "the gateway of site {site} has another address"),
            Self::SiteOutage(site, lasts) => {
                write!(f, "site {site} is cut off for {:.3} s", lasts.as_secs_f64())
            }
            Self::InterfaceOutage { person, interface, lasts } => {
                write!(
                    f,
                    "interface {interface} of person {person} is cut off for {:.3} s",
                    lasts.as_secs_f64()
                )
            }
            Self::Move { person, interface, to } => {
                write!(f, "interface {interface} of person {person} moves to {to}")
            }
            Self::QualityChanges { person, to } => write!(f, "the links of person {person} become {to:?}"),
            Self::RelayRestarts => f.write_str("the relay restarts"),
            Self::SignallingRestarts => f.write_str("the signalling server restarts"),
            Self::Sleep(person, lasts) => {
                write!(f, "person {person} sleeps for {:.3} s", lasts.as_secs_f64())
            }
            Self::CalendarJumps(person, seconds) => {
                write!(f, "the calendar of person {person} jumps by {seconds} s")
            }
            Self::UdpBlocked(site) => write!(f, "the firewall of site {site} blocks UDP"),
        }
    }
}
