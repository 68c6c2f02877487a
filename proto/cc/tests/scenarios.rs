//! How a sender behaves on links that change, lose, delay and are shared: in virtual time, each over many seeds, so that what
//! is asserted is exact and holds on any machine.

#[path = "scenarios/adverse.rs"]
mod adverse;
#[path = "scenarios/change.rs"]
mod change;
#[path = "scenarios/demand.rs"]
mod demand;
#[path = "scenarios/sharing.rs"]
mod sharing;
#[path = "scenarios/start.rs"]
mod start;

use moim_cc::testing::{FlowConfig, LinkConfig, World, WorldConfig};
use moim_wire::Bitrate;
use std::time::Duration;

/// What most scenarios run over.
const LINK: Bitrate = Bitrate::from_kbps(3_000);

fn seeds() -> std::ops::Range<u64> {
    1..21
}

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// 3 Mbit/s, 25 ms each way, a queue of 300 ms.
fn link() -> LinkConfig {
    LinkConfig::steady(LINK, millis(25))
}

/// One flow on a link, for so long.
fn one(link: LinkConfig, flow: FlowConfig, time: Duration, seed: u64) -> World {
    run(WorldConfig { way_back: link.delay, link, flows: vec![flow], reno: Vec::new() }, time, seed)
}

fn run(config: WorldConfig, time: Duration, seed: u64) -> World {
    let mut world = World::new(config, seed);
    world.run(time);
    world
}

/// `rate` as a share of `of`.
#[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
fn share(rate: Bitrate, of: Bitrate) -> f64 {
    rate.as_bps() as f64 / of.as_bps() as f64
}
