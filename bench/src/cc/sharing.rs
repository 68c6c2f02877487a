//! Flows that share a link: moim's with each other, and with one that a browser would send.

use moim_cc::Config;
use moim_cc::testing::{Control, FlowConfig, LinkConfig, World, WorldConfig};
use moim_wire::Bitrate;
use std::time::Duration;

const LENGTH: Duration = Duration::from_secs(100);
/// The first of the two has the link for itself so long.
const LATER: Duration = Duration::from_secs(20);
/// What counts.
const FROM: f64 = 40.0;

/// Which two, on which link.
pub(super) struct Pair {
    pub(super) name: String,
    controls: [Control; 2],
    link: LinkConfig,
}

/// What two flows had, as shares of the link, and how long packets waited in milliseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Shares {
    pub(super) of_link: [f64; 2],
    pub(super) wait_mean: f64,
    pub(super) wait_p95: f64,
}

/// All pairs on all links.
pub(super) fn all() -> Vec<Pair> {
    let mut pairs = Vec::new();
    for (kbps, rtt_ms) in [(2_000, 6), (2_000, 50), (3_000, 50), (3_000, 200), (10_000, 50)] {
        for controls in [
            [Control::Moim, Control::Moim],
            [Control::Moim, Control::Gcc],
            [Control::Gcc, Control::Moim],
            [Control::Gcc, Control::Gcc],
        ] {
            let name = format!("{:?} then {:?}, {kbps} kbit/s, {rtt_ms} ms", controls[0], controls[1])
                .to_lowercase();
            let link = LinkConfig::steady(Bitrate::from_kbps(kbps), Duration::from_millis(rtt_ms / 2));
            pairs.push(Pair { name, controls, link });
        }
    }
    pairs
}

impl Pair {
    pub(super) fn run(&self, seed: u64, trace: bool) -> Shares {
        let link = self.link.clone();
        let rate = link.rate.at(Duration::ZERO);
        let began = [Duration::ZERO, LATER];
        let flows = [0, 1].map(|index| FlowConfig {
            control: self.controls[index],
            began: began[index],
            controller: Config {
                // Of a browser: what its first probes, which the model has not, would find.
                start: if self.controls[index] == Control::Gcc {
                    rate.scaled(0.2)
                } else {
                    Config::default().start
                },
                ..Config::default()
            },
            ..FlowConfig::default()
        });
        let mut world = World::new(
            WorldConfig { way_back: link.delay, link, flows: flows.to_vec(), reno: Vec::new() },
            seed,
        );
        world.run(LENGTH);
        let counted = FROM..LENGTH.as_secs_f64();
        if trace {
            super::print_traces(world.trace(0), world.trace(1));
        }
        let (wait_mean, wait_p95) = world.trace(0).waits(counted.clone());
        Shares {
            of_link: [0, 1].map(|flow| super::share(world.trace(flow).rate(counted.clone()), rate)),
            wait_mean: super::millis(wait_mean),
            wait_p95: super::millis(wait_p95),
        }
    }
}
