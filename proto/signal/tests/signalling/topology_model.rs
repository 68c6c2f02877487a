//! The policy of topologies against a model of it: what follows from the history of a room, looked at anew each second.

use crate::harness::Told::{Changed, Settled};
use crate::harness::{Told, World, forwarding_config, open_grants};
use moim_signal::Config;
use moim_signal::id::RoomName;
use moim_signal::message::Topology::{Mesh, Sfu};
use moim_signal::message::TopologyReason::{Few, Many, PathAbsent, PathPoor, ServerOnly};
use moim_signal::message::{ClientMessage, PathState, Topology, TopologyReason};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

const CLIENTS: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Action {
    Join(usize, bool),
    Leave(usize),
    Switch(usize),
    Report(usize, usize, PathState),
    DropLink(usize),
    OpenLink(usize),
    Pass(u64),
}

fn action() -> impl Strategy<Value = Action> {
    let client = 0..CLIENTS;
    let state = prop_oneof![Just(PathState::Good), Just(PathState::Poor), Just(PathState::Absent)];
    prop_oneof![
        4 => (client.clone(), prop::bool::weighted(0.8)).prop_map(|(client, direct)| Action::Join(client, direct)),
        2 => client.clone().prop_map(Action::Leave),
        4 => client.clone().prop_map(Action::Switch),
        1 => (client.clone(), client.clone(), state).prop_map(|(from, to, state)| Action::Report(from, to, state)),
        1 => client.clone().prop_map(Action::DropLink),
        2 => client.prop_map(Action::OpenLink),
        4 => (1_u64..25).prop_map(Action::Pass),
    ]
}

/// What is known of the room, in seconds.
#[derive(Default)]
struct Model {
    now: u64,
    present: BTreeSet<usize>,
    /// Those of them who connect to the server alone.
    server_only: BTreeSet<usize>,
    unlinked: BTreeSet<usize>,
    /// What was said of paths since somebody last came or left.
    reports: Vec<PathState>,
    /// Since when two could be a mesh.
    could_be_mesh_since: Option<u64>,
    topology: Option<(Topology, TopologyReason)>,
    /// Who has not switched, and since when.
    change: Option<(BTreeSet<usize>, u64)>,
    said: Vec<Told>,
}

impl Model {
    /// The rules, in the order in which `docs/protocol.md` has them.
    fn judge(&mut self, count: usize) {
        let reason = if count > 2 {
            Some(Many)
        } else if !self.server_only.is_empty() {
            Some(ServerOnly)
        } else if self.reports.contains(&PathState::Absent) {
            Some(PathAbsent)
        } else if self.reports.contains(&PathState::Poor) {
            Some(PathPoor)
        } else {
            None
        };
        let since = match reason {
            Some(_) => None,
            None => Some(self.could_be_mesh_since.unwrap_or(self.now)),
        };
        self.could_be_mesh_since = since;
        let next = match (reason, self.topology) {
            (Some(reason), _) => Some((Sfu, reason)),
            (None, None | Some((Mesh, _))) => Some((Mesh, Few)),
            (None, Some((Sfu, _))) => {
                since.is_some_and(|since| self.now >= since + 30).then_some((Mesh, Few))
            }
        };
        if let Some(next) = next.filter(|next| self.topology != Some(*next)) {
            if self.topology.is_some_and(|before| before.0 != next.0) {
                let have_to_switch = self.present.difference(&self.server_only).copied().collect();
                self.change = Some((have_to_switch, self.now));
            }
            if self.topology.replace(next).is_some() {
                self.said.push(Changed(next.0, next.1));
            }
        }
        if let (Some((waiting, since)), Some((topology, _))) = (&self.change, self.topology)
            && (waiting.is_empty() || self.now >= since + 10)
        {
            self.said.push(Settled(topology));
            self.change = None;
        }
    }

    fn join(&mut self, client: usize, direct: bool) {
        self.reports.clear();
        if !direct {
            self.server_only.insert(client);
        }
        self.judge(self.present.len() + 1);
        self.present.insert(client);
    }

    fn leave(&mut self, client: usize) {
        self.reports.clear();
        self.present.remove(&client);
        self.server_only.remove(&client);
        if let Some((waiting, _)) = &mut self.change {
            waiting.remove(&client);
        }
        self.judge_if_any();
    }

    fn judge_if_any(&mut self) {
        if self.present.is_empty() {
            let (now, unlinked) = (self.now, std::mem::take(&mut self.unlinked));
            *self = Self { now, unlinked, ..Self::default() };
        } else {
            self.judge(self.present.len());
        }
    }
}

/// A world, its model, and what the model says that each client has been told.
struct Pair {
    world: World,
    model: Model,
    expected: Vec<Vec<Told>>,
}

impl Pair {
    fn act(&mut self, action: Action) {
        let Self { world, model, .. } = self;
        match action {
            Action::Join(client, direct)
                if !model.present.contains(&client) && !model.unlinked.contains(&client) =>
            {
                let (room, name) = (RoomName::new("tea"), format!("client {client}"));
                world.send(client, ClientMessage::Join { room, name, metadata: None, direct });
                model.join(client, direct);
                self.tell_all_but(client);
                let (topology, reason) = self.model.topology.expect("somebody is there");
                self.expected[client].push(Changed(topology, reason));
            }
            Action::Leave(client) if model.present.contains(&client) && !model.unlinked.contains(&client) => {
                world.send(client, ClientMessage::Leave);
                model.leave(client);
            }
            Action::Switch(client)
                if model.present.contains(&client) && !model.unlinked.contains(&client) =>
            {
                let (topology, _) = model.topology.expect("somebody is there");
                world.send(client, ClientMessage::Switched { topology });
                if let Some((waiting, _)) = &mut model.change {
                    waiting.remove(&client);
                }
                model.judge_if_any();
            }
            Action::Report(from, to, state)
                if from != to
                    && model.present.contains(&from)
                    && model.present.contains(&to)
                    && !model.unlinked.contains(&from) =>
            {
                let to = world.id(to);
                world.send(from, ClientMessage::ReportPath { to, state });
                model.reports.push(state);
                model.judge_if_any();
            }
            Action::DropLink(client) if !model.unlinked.contains(&client) => {
                world.drop_link(client);
                model.unlinked.insert(client);
            }
            Action::OpenLink(client) if model.unlinked.contains(&client) => {
                world.open_link(client, Ok(open_grants()));
                model.unlinked.remove(&client);
            }
            Action::Pass(seconds) => {
                for _ in 0..seconds {
                    self.world.pass(Duration::from_secs(1));
                    self.model.now += 1;
                    self.model.judge_if_any();
                    self.tell_all_but(CLIENTS);
                }
            }
            _ => {}
        }
        self.tell_all_but(CLIENTS);
    }

    /// Everybody present but one is told what the model has said.
    fn tell_all_but(&mut self, newcomer: usize) {
        let said = std::mem::take(&mut self.model.said);
        for client in self.model.present.iter().filter(|client| **client != newcomer) {
            self.expected[*client].extend(&said);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn a_room_goes_as_its_history_says(actions in prop::collection::vec(action(), 1..80)) {
        // Nobody is timed out: those without a link are there to the end.
        let hour = Duration::from_secs(3600 * 10);
        let config = Config { resume_window: hour, heartbeat: hour, frame_burst_max: 10_000, ..forwarding_config() };
        let mut pair = Pair {
            world: World::new(config),
            model: Model::default(),
            expected: vec![Vec::new(); CLIENTS],
        };
        for _ in 0..CLIENTS {
            pair.world.connect();
        }
        for action in actions {
            pair.act(action);
        }
        for client in 0..CLIENTS {
            pair.act(Action::OpenLink(client));
        }
        for client in 0..CLIENTS {
            prop_assert_eq!(&pair.world.clients[client].topologies(), &pair.expected[client]);
        }
    }
}
