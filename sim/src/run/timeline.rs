//! When what is done to a world.

use super::Run;
use crate::network::SegmentId;
use crate::plan::{Disturbance, Event, PEOPLE, Place, Plan, Quality};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is to be done, by when; then in the order of the plan.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    actions: BTreeMap<(Duration, usize), Action>,
    /// How many outages each cable has just now.
    outages: BTreeMap<Cable, u32>,
}

/// Something that is done to a world.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Arrive(usize),
    RestartGateway(usize),
    RenumberGateway(usize),
    Cut(Cable),
    Mend(Cable),
    Move { person: usize, interface: usize, to: Place },
    ChangeQuality { person: usize, to: Quality },
    RestartRelay,
    RestartSignalling,
    Sleep(usize),
    Wake(usize),
    JumpCalendar(usize, i64),
    BlockUdp(usize),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cable {
    Site(usize),
    Interface(usize, usize),
}

impl Timeline {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut timeline = Self::default();
        for index in 0..PEOPLE {
            timeline.add(plan.people[index].arrives, Action::Arrive(index));
        }
        for Disturbance { at, what } in &plan.disturbances {
            let (first, second) = actions(what);
            timeline.add(*at, first);
            if let Some((lasts, second)) = second {
                timeline.add(*at + lasts, second);
            }
        }
        timeline
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.actions.first_key_value().map(|((at, _), _)| *at)
    }

    /// What is to be done by then.
    pub(super) fn pop(&mut self, by: Duration) -> Option<Action> {
        self.next().filter(|at| *at <= by)?;
        self.actions.pop_first().map(|(_, action)| action)
    }

    fn add(&mut self, at: Duration, action: Action) {
        self.actions.insert((at, self.actions.len()), action);
    }
}

/// What begins, and what ends it so much later.
fn actions(event: &Event) -> (Action, Option<(Duration, Action)>) {
    match *event {
        Event::GatewayRestarts(site) => (Action::RestartGateway(site), None),
        Event::GatewayRenumbered(site) => (Action::RenumberGateway(site), None),
        Event::SiteOutage(site, lasts) => {
            let cable = Cable::Site(site);
            (Action::Cut(cable), Some((lasts, Action::Mend(cable))))
        }
        Event::InterfaceOutage { person, interface, lasts } => {
            let cable = Cable::Interface(person, interface);
            (Action::Cut(cable), Some((lasts, Action::Mend(cable))))
        }
        Event::Move { person, interface, to } => (Action::Move { person, interface, to }, None),
        Event::QualityChanges { person, to } => (Action::ChangeQuality { person, to }, None),
        Event::RelayRestarts => (Action::RestartRelay, None),
        Event::SignallingRestarts => (Action::RestartSignalling, None),
        Event::Sleep(person, lasts) => (Action::Sleep(person), Some((lasts, Action::Wake(person)))),
        Event::CalendarJumps(person, seconds) => (Action::JumpCalendar(person, seconds), None),
        Event::UdpBlocked(site) => (Action::BlockUdp(site), None),
    }
}

impl Run {
    pub(super) fn act(&mut self, action: &Action) {
        let site = |site| SegmentId::of_site(site);
        match *action {
            Action::Arrive(index) => self.arrive(index),
            Action::RestartGateway(index) => {
                if let Some(gateway) = self.layout.world.network_mut().gateway_mut(site(index)) {
                    gateway.restart();
                }
            }
            Action::RenumberGateway(index) => self.layout.world.network_mut().renumber_gateway(site(index)),
            Action::Cut(cable) => {
                *self.timeline.outages.entry(cable).or_default() += 1;
                self.set_up(cable);
            }
            Action::Mend(cable) => {
                *self.timeline.outages.entry(cable).or_default() -= 1;
                self.set_up(cable);
            }
            Action::Move { person, interface, to } => self.move_interface(person, interface, to),
            Action::ChangeQuality { person, to } => {
                for interface in self.layout.people[person].1.clone() {
                    let links = self.layout.world.network_mut().interface_links(interface);
                    let is_up = links.up.config().is_up;
                    links.up.set_config(to.links().up);
                    links.down.set_config(to.links().down);
                    links.set_up(is_up);
                }
            }
            Action::RestartRelay => self.start_relay(),
            Action::RestartSignalling => self.start_gateway(),
            Action::Sleep(person) => self.layout.world.set_asleep(self.layout.people[person].0, true),
            Action::Wake(person) => {
                self.layout.world.set_asleep(self.layout.people[person].0, false);
                self.tell_addresses(person);
            }
            Action::JumpCalendar(person, seconds) => {
                self.layout.world.jump_calendar(self.layout.people[person].0, seconds);
            }
            Action::BlockUdp(index) => {
                if let Some(gateway) = self.layout.world.network_mut().gateway_mut(site(index)) {
                    gateway.firewall_mut().block_udp();
                }
            }
        }
    }

    fn set_up(&mut self, cable: Cable) {
        let is_up = self.timeline.outages.get(&cable).is_none_or(|count| *count == 0);
        let network = self.layout.world.network_mut();
        match cable {
            Cable::Site(index) => {
                if let Some(gateway) = network.gateway_mut(SegmentId::of_site(index)) {
                    gateway.links_mut().set_up(is_up);
                }
            }
            Cable::Interface(person, interface) => {
                let interface = self.layout.people[person].1[interface];
                network.interface_links(interface).set_up(is_up);
            }
        }
    }

    fn move_interface(&mut self, person: usize, interface: usize, to: Place) {
        let (host, interfaces) = &self.layout.people[person];
        let (host, interface) = (*host, interfaces[interface]);
        self.layout.world.network_mut().reattach(interface, to.segment());
        self.layout.world.readdressed(host);
        if !self.layout.world.is_asleep(host) {
            self.tell_addresses(person);
        }
    }
}
