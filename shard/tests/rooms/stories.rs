//! Whatever happens in whatever order: everybody receives what they may and want, and nothing else.

use crate::client::{Client, Shape};
use crate::world::{ALL, World};
use moim_signal::id::TrackId;
use moim_signal::media::MediaAction;
use moim_signal::message::{Permissions, TrackDescription, TrackWatch};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const CLIENTS: usize = 4;
const ACTS: usize = 25;

/// What is so of a client.
#[derive(Clone, Debug)]
struct State {
    is_there: bool,
    permissions: Permissions,
    tracks: Vec<TrackDescription>,
    /// Clients whose sound is not wanted.
    unwanted: BTreeSet<usize>,
}

struct Story {
    world: World,
    states: BTreeMap<usize, State>,
    random: u64,
}

impl Story {
    fn begin(seed: u64) -> Self {
        let mut world = World::new();
        let mut states = BTreeMap::new();
        for at in 0..CLIENTS {
            world.join(Shape::default(), ALL);
            let tracks = world.clients[at].tracks();
            let unwanted = BTreeSet::new();
            states.insert(at, State { is_there: true, permissions: ALL, tracks, unwanted });
        }
        world.run_until(World::is_connected);
        Self { world, states, random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1 }
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 20) % limit
    }

    /// Something happens.
    fn act(&mut self) {
        let at = usize::try_from(self.below(CLIENTS as u64)).unwrap();
        let kind = self.below(8);
        let (flag, other) = (self.below(2) == 0, usize::try_from(self.below(CLIENTS as u64)).unwrap());
        let State { is_there, permissions, tracks, .. } = self.states[&at].clone();
        match kind {
            0 if is_there => {
                self.world.leave(at);
                self.change(at, |state| state.is_there = false);
            }
            0 | 1 if !is_there => self.come_back(at),
            _ if !is_there => {}
            1 => self.permit(at, Permissions { publish: flag, ..permissions }),
            2 => self.permit(at, Permissions { subscribe: flag, ..permissions }),
            3 => {
                let tracks = tracks.into_iter().map(|track| TrackDescription { muted: flag, ..track });
                self.publish(at, tracks.collect());
            }
            4 => {
                let all = self.world.clients[at].tracks();
                self.publish(at, if flag { all } else { Vec::new() });
            }
            5 if other != at && self.states[&other].is_there => self.want(at, other, flag),
            6 => {
                let (config, now) = (self.world.config(), self.world.now);
                self.world.clients[at].replace(config, now);
                self.world.offer(at);
            }
            _ => {
                let now = self.world.now;
                self.world.clients[at].peer.restart_ice(now);
                self.world.offer(at);
            }
        }
    }

    fn change(&mut self, at: usize, change: impl FnOnce(&mut State)) {
        change(self.states.get_mut(&at).unwrap());
    }

    fn come_back(&mut self, at: usize) {
        let (config, now) = (self.world.config(), self.world.now);
        let client = &mut self.world.clients[at];
        client.is_gone = false;
        client.replace(config, now);
        let tracks = client.tracks();
        self.world.command(at, MediaAction::Enter { permissions: ALL });
        self.world.offer(at);
        self.world.command(at, MediaAction::Publish { tracks: tracks.clone() });
        let unwanted = BTreeSet::new();
        self.change(at, |state| *state = State { is_there: true, permissions: ALL, tracks, unwanted });
        // What others did not want of who was there before is forgotten with them.
        for state in self.states.values_mut() {
            state.unwanted.remove(&at);
        }
    }

    fn permit(&mut self, at: usize, permissions: Permissions) {
        self.world.command(at, MediaAction::Permit { permissions });
        self.change(at, |state| state.permissions = permissions);
    }

    fn publish(&mut self, at: usize, tracks: Vec<TrackDescription>) {
        self.world.command(at, MediaAction::Publish { tracks: tracks.clone() });
        self.change(at, |state| state.tracks = tracks);
    }

    fn want(&mut self, at: usize, other: usize, wanted: bool) {
        let watch = TrackWatch {
            participant: self.world.clients[other].id.clone(),
            track: TrackId::new("mic"),
            wanted,
            paused: false,
            width: None,
            height: None,
            priority: 0,
        };
        self.world.command(at, MediaAction::Watch { watches: vec![watch] });
        self.change(at, |state| {
            if wanted {
                state.unwanted.remove(&other)
            } else {
                state.unwanted.insert(other)
            };
        });
    }

    /// Whose sound a client is to receive.
    fn audible(&self, at: usize) -> BTreeSet<u8> {
        let state = &self.states[&at];
        let is_heard = |other: usize, of: &State| {
            let sounds = of.tracks.iter().any(|track| track.id.as_str() == "mic" && !track.muted);
            other != at && of.is_there && of.permissions.publish && sounds && !state.unwanted.contains(&other)
        };
        let is_listening = state.is_there && state.permissions.subscribe;
        let heard = self.states.iter().filter(|(other, of)| is_listening && is_heard(**other, of));
        heard.map(|(other, _)| self.world.clients[*other].number).collect()
    }

    fn forget(&mut self) {
        // What is on its way arrives first.
        self.world.run_for(Duration::from_millis(50));
        self.world.clients.iter_mut().for_each(Client::forget);
    }

    /// Nobody receives what they are not to.
    fn check_nothing_else(&self) {
        for (at, client) in self.world.clients.iter().enumerate() {
            let audible = self.audible(at);
            assert!(client.voices().is_subset(&audible), "{at}: {:?} {audible:?}", client.voices());
            client.pictures();
        }
    }

    fn is_complete(&self) -> bool {
        let clients = || self.world.clients.iter().enumerate();
        clients().all(|(at, client)| client.voices() == self.audible(at))
    }
}

#[test]
fn whatever_happens_everybody_receives_what_they_may_and_nothing_else() {
    for seed in 1..=4 {
        let mut story = Story::begin(seed);
        for _ in 0..ACTS {
            story.act();
            story.forget();
            story.world.pictures(6);
            story.check_nothing_else();
        }
        story.forget();
        let complete = |story: &mut Story| {
            for _ in 0..600 {
                story.world.pictures(1);
                if story.is_complete() {
                    return true;
                }
            }
            false
        };
        assert!(complete(&mut story), "seed {seed}: {:?}", story.states);
        story.check_nothing_else();
    }
}
