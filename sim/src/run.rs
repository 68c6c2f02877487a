//! A plan is lived through, and looked at all the time.

mod failure;
mod invariants;
mod timeline;

use crate::layout::Layout;
use crate::network::HostId;
use crate::nodes::{Echo, GATEWAY_PORT, GatewayConfig, GatewayNode, Program, RelayConfig, RelayNode};
use crate::oracle::Verdict;
use crate::participant::{Participant, ParticipantConfig, Path, TalkKind, Talker};
use crate::plan::{PEOPLE, Plan, Trickle};
use crate::world::World;
use invariants::Invariants;
use moim_ice::ConnectionState;
use moim_signal::TopologyPolicy;
use std::net::SocketAddr;
use std::time::Duration;
use timeline::Timeline;

pub use failure::{Broken, Failure};

/// How long two people may take to be connected in a world of good links in which nothing happens, from when the second one comes.
pub const CONNECT_MAX: Duration = Duration::from_secs(12);
/// How much longer for each of them who tells nothing before all servers have answered, or have not: the one who answers does not begin
/// to ask before there is an offer, so that where both are like that, the one waits after the other.
pub const UNTOLD_MAX: Duration = Duration::from_secs(45);
/// How long they may take in any world, from when the last thing has happened.
pub const RECOVER_MAX: Duration = Duration::from_secs(180);
/// How long nothing may arrive of what must not get lost, when that is all there is to send. Over links that lose a third of what is sent,
/// SCTP waits for a minute each time that it tries again.
pub const ARRIVE_MAX: Duration = Duration::from_secs(600);
/// How long each may take to find out that there is no way once nobody begins anew: a check takes 40 s in which nothing answers it, and the
/// last one of the other side's that gets through asks for one more; half as much again for those that have many.
pub const GIVE_UP_MAX: Duration = Duration::from_secs(120);
/// How long they are looked at once they are connected, or after they should have found out that they cannot be.
pub const LOOK: Duration = Duration::from_secs(6);
/// How long it may take until nothing is left of a call: an allocation whose end was not heard of lives for ten minutes.
pub const CLEAN_UP_MAX: Duration = Duration::from_secs(720);
/// How long credentials for the relay are good.
const CREDENTIAL_LIFETIME: Duration = Duration::from_secs(3600);

/// What came about in a world.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What had to come about.
    pub verdict: Verdict,
    /// By what the two were connected in the end.
    pub path: Option<Path>,
    /// How long it took, from when the last thing had happened.
    pub took: Option<Duration>,
    /// How long the world lasted.
    pub lasted: Duration,
    /// How many packets were sent.
    pub packets: u64,
    /// The same for each run of this world.
    pub digest: u64,
}

/// A world in which people talk.
#[derive(Debug)]
pub struct Run {
    plan: Plan,
    kind: TalkKind,
    layout: Layout<Program>,
    timeline: Timeline,
    invariants: Invariants,
    restarts: u64,
}

/// Lives through a plan.
pub fn run(plan: &Plan, kind: TalkKind) -> Result<Outcome, Box<Failure>> {
    let mut run = Run::new(plan.clone(), kind);
    match run.live() {
        Ok(outcome) => Ok(outcome),
        Err(broken) => Err(Box::new(run.failure(broken))),
    }
}

/// The same, with everything that happened.
pub fn run_told(plan: &Plan, kind: TalkKind) -> (Result<Outcome, Box<Failure>>, String) {
    let mut run = Run::new(plan.clone(), kind);
    let outcome = run.live().map_err(|broken| Box::new(run.failure(broken)));
    (outcome, run.trace())
}

impl Run {
    /// The world of a plan, before anybody has come.
    pub fn new(plan: Plan, kind: TalkKind) -> Self {
        let layout = Layout::new(&plan, false, |_, _| Program::Echo(Box::<Echo>::default()));
        let timeline = Timeline::new(&plan);
        let mut run = Self { plan, kind, layout, timeline, invariants: Invariants::default(), restarts: 0 };
        run.start_relay();
        run.start_gateway();
        run
    }

    /// Lives through it all.
    pub fn live(&mut self) -> Result<Outcome, Broken> {
        let verdict = Verdict::at_end(&self.plan);
        self.live_until(self.plan.calm_after())?;
        let calm = self.layout.world.elapsed();
        let took = if verdict.is_possible() {
            let took = self.must_connect(&verdict, calm)?;
            self.must_arrive()?;
            took
        } else {
            self.must_not_connect(&verdict)?;
            None
        };
        let path = self.talker_path(0);
        self.hang_up()?;
        let world = &self.layout.world;
        Ok(Outcome {
            verdict,
            path,
            took,
            lasted: world.elapsed(),
            packets: world.network().counters().sent,
            digest: world.network().digest(),
        })
    }

    /// Everything that happened to people, with the times.
    pub fn trace(&self) -> String {
        failure::trace(&self.layout)
    }

    fn failure(&self, broken: Broken) -> Failure {
        Failure {
            kind: self.kind,
            at: self.layout.world.elapsed(),
            broken,
            plan: self.plan.to_string(),
            trace: self.trace(),
            seed: self.plan.seed,
        }
    }

    /// A way exists: it has to be found in time, and to carry what is said both ways.
    fn must_connect(&mut self, verdict: &Verdict, calm: Duration) -> Result<Option<Duration>, Broken> {
        let longest = self.connect_max();
        let mut is_connected = false;
        while self.layout.world.elapsed() < calm + longest {
            if self.are_connected() {
                is_connected = true;
                break;
            }
            if !self.step(calm + longest)? {
                break;
            }
        }
        if !is_connected {
            return Err(Broken::NotConnected {
                verdict: verdict.clone(),
                states: self.states(),
                why: self.failures(),
            });
        }
        let took = self.layout.world.elapsed().checked_sub(calm);
        self.must_flow(verdict)?;
        Ok(took)
    }

    /// What is said arrives. A path that breaks down while it is looked at may be replaced, in a world of bad links.
    fn must_flow(&mut self, verdict: &Verdict) -> Result<(), Broken> {
        let deadline = self.layout.world.elapsed() + RECOVER_MAX;
        loop {
            let before = self.received();
            let end = self.layout.world.elapsed() + LOOK;
            self.live_until(end)?;
            let flows = self.received().iter().zip(before).all(|(after, before)| *after > before);
            let is_done = flows && self.are_connected();
            if is_done {
                break;
            }
            if self.plan.is_clean() && self.plan.disturbances.is_empty() || end > deadline {
                let states = self.states();
                return Err(Broken::Silent { verdict: verdict.clone(), states, why: self.failures() });
            }
        }
        let is_peaceful = self.plan.is_clean() && self.plan.disturbances.is_empty();
        let is_relayed = self.talker_path(0).is_some_and(Path::is_relayed);
        // Who hears late of the better ways, or has many to try, may have settled on another one by then.
        let is_prompt = self
            .plan
            .people
            .iter()
            .all(|person| !matches!(person.trickle, Trickle::Late(_)) && person.interfaces.len() == 1);
        if is_peaceful && is_prompt && verdict.is_direct() && is_relayed {
            let (verdict, path, why) = (verdict.clone(), self.talker_path(0), self.failures());
            return Err(Broken::RelayedForNothing { verdict, path, why });
        }
        Ok(())
    }

    /// Everybody falls silent, and what was said by what must not lose anything arrives; where nothing is lost, all of it.
    fn must_arrive(&mut self) -> Result<(), Broken> {
        self.of_everybody(Participant::fall_silent);
        let mut last = Vec::new();
        let mut end = Duration::ZERO;
        loop {
            let missing = self.missing();
            if missing.is_empty() {
                return Ok(());
            }
            if missing != last {
                end = self.layout.world.elapsed() + ARRIVE_MAX;
                last.clone_from(&missing);
            }
            if !self.step(end)? {
                return Err(Broken::NotArrived { missing, why: self.failures() });
            }
        }
    }

    /// What was said in the calls that there are just now, and has not arrived.
    fn missing(&self) -> Vec<String> {
        let talkers = self.participants().map(|participant| participant.and_then(Participant::talker));
        let [Some(anna), Some(boris)] = talkers.map(|talker| talker.map(|talker| talker.speech().record()))
        else {
            return Vec::new();
        };
        let is_lossless = self.plan.is_clean() && self.plan.disturbances.is_empty();
        let mut missing = Vec::new();
        for (said, heard) in [(anna, boris), (boris, anna)] {
            if heard.reliable_received < said.reliable_sent {
                missing.push(format!("{} of {} reliably", heard.reliable_received, said.reliable_sent));
            }
            if is_lossless && heard.received < said.sent {
                missing.push(format!("{} of {}", heard.received, said.sent));
            }
        }
        missing
    }

    /// No way exists: nothing may be heard, and the two must find out.
    fn must_not_connect(&mut self, verdict: &Verdict) -> Result<(), Broken> {
        let before = self.received();
        let settle = self.layout.world.elapsed() + RECOVER_MAX;
        let mut has_anybody_failed = false;
        while self.step(settle)? {
            has_anybody_failed |= self.states().contains(&Some(ConnectionState::Failed));
        }
        let were_in_call = self.states().iter().all(Option::is_some);
        if self.plan.disturbances.is_empty() {
            if were_in_call {
                self.must_fail(verdict, has_anybody_failed)?;
            }
            if self.received() != before || self.received() != [0; PEOPLE] {
                return Err(Broken::ConnectedAgainstAllOdds {
                    verdict: verdict.clone(),
                    path: self.talker_path(0),
                });
            }
        }
        Ok(())
    }

    /// In a call that cannot be, one has failed by now, and has begun anew: at that moment the other one may still have been checking,
    /// since what the first one sends may get through one way. Both must find out once neither begins anew.
    fn must_fail(&mut self, verdict: &Verdict, has_anybody_failed: bool) -> Result<(), Broken> {
        let both = [Some(ConnectionState::Failed); PEOPLE];
        if has_anybody_failed {
            self.of_everybody(Participant::give_up);
            let end = self.layout.world.elapsed() + GIVE_UP_MAX;
            while self.states() != both && self.step(end)? {}
        }
        if self.states() == both {
            return Ok(());
        }
        Err(Broken::NeverFailed { verdict: verdict.clone(), states: self.states(), why: self.failures() })
    }

    /// Does something to everybody.
    fn of_everybody(&mut self, act: impl Fn(&mut Participant)) {
        for (host, _) in self.layout.people.clone() {
            self.layout.world.with(host, |program, _| {
                if let Some(participant) = program.participant_mut() {
                    act(participant);
                }
            });
        }
    }

    /// Everybody leaves, and nothing is left.
    fn hang_up(&mut self) -> Result<(), Broken> {
        for (host, _) in self.layout.people.clone() {
            self.layout.world.with(host, |program, now| {
                if let Some(participant) = program.participant_mut() {
                    participant.leave(now);
                }
            });
        }
        let end = self.layout.world.elapsed() + CLEAN_UP_MAX;
        let mut left = invariants::left_over(&self.layout);
        while !left.is_empty() && self.step(end)? {
            left = invariants::left_over(&self.layout);
        }
        if left.is_empty() { Ok(()) } else { Err(Broken::LeftOver(left)) }
    }

    fn live_until(&mut self, end: Duration) -> Result<(), Broken> {
        while self.step(end)? {}
        Ok(())
    }

    /// Lets one thing happen, and looks at everything. Whether there was one before `end`.
    fn step(&mut self, end: Duration) -> Result<bool, Broken> {
        let origin = self.layout.world.origin();
        let next = self.timeline.next().filter(|at| *at <= end);
        let is_first = self.layout.world.step(origin + next.unwrap_or(end))?;
        if !is_first && let Some(at) = next {
            while let Some(action) = self.timeline.pop(at) {
                self.act(&action);
            }
        }
        self.invariants.check(&self.layout, &self.plan, self.kind)?;
        Ok(is_first || next.is_some())
    }

    fn start_relay(&mut self) {
        let addresses = self.layout.world.network().addresses(self.layout.relay);
        let config = RelayConfig::new(&addresses, self.plan.relay.mode);
        let node = RelayNode::new(config, self.plan.seed, self.restarts, self.layout.world.now());
        let before = self.layout.world.restart(self.layout.relay, Program::Relay(Box::new(node)));
        self.invariants.keep(&before);
        self.restarts += 1;
    }

    fn start_gateway(&mut self) {
        let config = GatewayConfig {
            // These participants have no connection to a server: what is tried here is the mesh.
            signal: moim_signal::Config { topology: TopologyPolicy::Mesh, ..moim_signal::Config::default() },
            relays: self.layout.relay_addresses(),
            transports: self.plan.relay.transports.clone(),
            credential_lifetime: CREDENTIAL_LIFETIME,
        };
        let node = GatewayNode::new(config, self.plan.seed, self.restarts, self.layout.world.now());
        self.layout.world.restart(self.layout.gateway, Program::Gateway(Box::new(node)));
        self.restarts += 1;
    }

    fn arrive(&mut self, index: usize) {
        let person = &self.plan.people[index];
        let gateways = self.layout.gateway_addresses();
        let config = ParticipantConfig {
            name: person.name,
            gateways: gateways.into_iter().map(|ip| SocketAddr::new(ip, GATEWAY_PORT)).collect(),
            kind: self.kind,
            trickle: person.trickle,
            tcp: person.tcp,
            relay_only: person.relay_only,
        };
        let host = self.layout.people[index].0;
        let participant = Participant::new(config, self.plan.seed, 0, self.layout.world.now());
        self.layout.world.restart(host, Program::Participant(Box::new(participant)));
        self.tell_addresses(index);
    }

    /// The operating system tells a program which addresses there are.
    fn tell_addresses(&mut self, index: usize) {
        let host = self.layout.people[index].0;
        let addresses = self.layout.world.network().addresses(host);
        self.layout.world.with(host, |program, now| {
            if let Some(participant) = program.participant_mut() {
                participant.set_addresses(addresses, now);
            }
        });
    }

    fn connect_max(&self) -> Duration {
        let trickles = self.plan.people.each_ref().map(|person| person.trickle);
        let untold = trickles.iter().filter(|trickle| **trickle == Trickle::None).count();
        let is_any_late = trickles.iter().any(|trickle| *trickle != Trickle::Full);
        if self.plan.is_clean() && self.plan.disturbances.is_empty() {
            let waits = u32::try_from(untold.max(usize::from(is_any_late))).unwrap_or(u32::MAX);
            CONNECT_MAX + UNTOLD_MAX * waits
        } else {
            RECOVER_MAX
        }
    }

    fn are_connected(&self) -> bool {
        let good = [Some(ConnectionState::Connected), Some(ConnectionState::Completed)];
        self.states().iter().all(|state| good.contains(state))
    }

    fn states(&self) -> [Option<ConnectionState>; PEOPLE] {
        self.participants().map(|participant| participant.and_then(Participant::state))
    }

    fn failures(&self) -> String {
        let why = self.participants().map(|participant| {
            participant.and_then(Participant::talker).map_or_else(|| "no call".to_owned(), Talker::failure)
        });
        why.join("; ")
    }

    fn received(&self) -> [u64; PEOPLE] {
        self.participants()
            .map(|participant| participant.map_or(0, |participant| participant.record().received))
    }

    fn talker_path(&self, index: usize) -> Option<Path> {
        self.participants()[index]?.talker()?.path()
    }

    fn participants(&self) -> [Option<&Participant>; PEOPLE] {
        participants(&self.layout)
    }
}

fn participants(layout: &Layout<Program>) -> [Option<&Participant>; PEOPLE] {
    layout.people.each_ref().map(|(host, _)| participant(&layout.world, *host))
}

fn participant(world: &World<Program>, host: HostId) -> Option<&Participant> {
    world.node(host).participant()
}
