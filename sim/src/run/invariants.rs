//! What has to be so at every moment, and what has to be left when everybody has gone.

use super::failure::Broken;
use super::{Layout, participants};
use crate::node::Node;
use crate::nodes::Program;
use crate::participant::{Participant, TalkKind};
use crate::plan::{PEOPLE, Plan};

/// How many things of one kind somebody may hold at a time in a call of two.
const HOLDINGS_MAX: usize = 2_000;

/// What is remembered from one look to the next.
#[derive(Debug, Default)]
pub(super) struct Invariants {
    /// Whether a relay that is gone has relayed what it must not.
    kept_violation: Option<String>,
}

impl Invariants {
    /// A program has ended: what it did counts all the same.
    pub(super) fn keep(&mut self, program: &Program) {
        if let Some(violation) = program.relay().and_then(|relay| relay.violations().first()) {
            self.kept_violation = Some(format!("{violation:?}"));
        }
    }

    pub(super) fn check(&self, layout: &Layout<Program>, plan: &Plan, kind: TalkKind) -> Result<(), Broken> {
        let network = layout.world.network();
        if !network.counters().are_balanced(network.in_flight()) {
            return Err(Broken::Unbalanced(format!("{:?}", network.counters())));
        }
        if let Some(violation) = &self.kept_violation {
            return Err(Broken::RelayedWithoutPermission(violation.clone()));
        }
        let relay = layout.world.node(layout.relay).relay();
        if let Some(violation) = relay.and_then(|relay| relay.violations().first()) {
            return Err(Broken::RelayedWithoutPermission(format!("{violation:?}")));
        }
        check_records(layout, may_be_reflected(plan, kind))
    }
}

/// Whether somebody's words may come back to them: an agent alone has no keys to tell them from the other one's (RFC 8445 protects checks,
/// and no data), and takes what comes from the right address. As long as no NAT forgets a mapping that is in use, nobody else has that.
fn may_be_reflected(plan: &Plan, kind: TalkKind) -> bool {
    kind == TalkKind::Ice && !plan.disturbances.is_empty()
}

/// Whatever is heard was said, to this one, and by the other one.
fn check_records(layout: &Layout<Program>, may_be_reflected: bool) -> Result<(), Broken> {
    let people = participants(layout);
    let [Some(anna), Some(boris)] = people else { return Ok(()) };
    let records = [anna.record(), boris.record()];
    for index in 0..PEOPLE {
        let (own, other) = (&records[index], &records[1 - index]);
        let is_kept = own.strange == 0
            && (may_be_reflected || own.reflected == 0)
            && own.reliable_wrong == 0
            && own.received <= other.sent
            && own.reliable_received <= other.reliable_sent;
        if !is_kept {
            let [heard, said] = [own, other].map(|record| Box::new(record.clone()));
            return Err(Broken::HeardWhatWasNotSaid { heard, said });
        }
        let holdings = people[index].map(Participant::holdings).unwrap_or_default();
        if let Some(too_many) = holdings.iter().find(|(_, count)| *count > HOLDINGS_MAX) {
            return Err(Broken::Growing(format!("{too_many:?}")));
        }
    }
    Ok(())
}

/// What is still there although everybody has gone.
pub(super) fn left_over(layout: &Layout<Program>) -> Vec<String> {
    let mut left = Vec::new();
    let mut note = |what: &str, count: usize| {
        if count > 0 {
            left.push(format!("{count} {what}"));
        }
    };
    if let Some(relay) = layout.world.node(layout.relay).relay() {
        let (bound, leases) = relay.holdings();
        note("relayed addresses", bound);
        note("leases", leases);
        note("allocations", relay.server().allocation_count());
    }
    if let Some(gateway) = layout.world.node(layout.gateway).gateway() {
        note("sessions", gateway.server().sessions_len());
        note("rooms", gateway.server().rooms_len());
    }
    for (host, name, program) in layout.world.nodes() {
        let is_server = host == layout.relay || host == layout.gateway;
        for stream in layout.world.streams(host).keys() {
            note(&format!("stream of {name} with {}", stream.remote), 1);
        }
        if is_server {
            continue;
        }
        if let Some(participant) = program.participant() {
            for (what, count) in participant.holdings() {
                note(&format!("{what} of {name}"), count);
            }
        }
        if let Some(deadline) = program.poll_timeout() {
            note(&format!("deadline of {name}: {}", deadline.reason), 1);
        }
    }
    left
}
