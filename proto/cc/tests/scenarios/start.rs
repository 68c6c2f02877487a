use super::{LINK, link, millis, one, run, seconds, seeds, share};
use moim_cc::testing::{FlowConfig, LinkConfig, Steps, World, WorldConfig};
use moim_wire::Bitrate;

#[test]
fn probes_find_most_of_the_link_within_two_seconds() {
    for seed in seeds() {
        let world = one(link(), FlowConfig::default(), seconds(10), seed);
        let reached = world.trace(0).reaches(LINK.scaled(0.8), 0.0);
        assert!(reached.is_some_and(|at| at <= 2.0), "seed {seed}: {reached:?}");
    }
}

#[test]
fn without_probing_the_target_grows_all_the_same() {
    for seed in seeds() {
        let mut flow = FlowConfig::default();
        flow.controller.probing = false;
        let world = one(link(), flow, seconds(40), seed);
        assert_eq!(world.stats(0).counters.probes, 0);
        assert!(world.trace(0).reaches(LINK.scaled(0.8), 0.0).is_some(), "seed {seed}");
    }
}

#[test]
fn a_link_slower_than_the_start_is_not_swamped_for_long() {
    for seed in seeds() {
        let rate = Bitrate::from_kbps(150);
        let link = LinkConfig { queue_bytes: 40_000, ..LinkConfig::steady(rate, millis(25)) };
        let world = one(link, FlowConfig { audio: false, ..FlowConfig::default() }, seconds(30), seed);
        let trace = world.trace(0);
        assert!(share(trace.rate(10.0..30.0), rate) > 0.7, "seed {seed}: {}", trace.rate(10.0..30.0));
        let (_, wait) = trace.waits(10.0..30.0);
        assert!(wait < millis(500), "seed {seed}: {wait:?}");
    }
}

#[test]
fn a_steady_link_is_used_and_its_queue_stays_short() {
    for rtt in [10, 100, 300] {
        for seed in seeds() {
            let link = LinkConfig::steady(LINK, millis(rtt / 2));
            let world = one(link, FlowConfig::default(), seconds(40), seed);
            let trace = world.trace(0);
            let used = share(trace.rate(5.0..40.0), LINK);
            let (_, wait) = trace.waits(5.0..40.0);
            assert!(used > 0.85, "{rtt} ms, seed {seed}: {used:.2}");
            assert!(wait < millis(100), "{rtt} ms, seed {seed}: {wait:?}");
        }
    }
}

#[test]
fn links_of_any_size_are_used() {
    for kbps in [300, 1_000, 10_000, 30_000] {
        for seed in seeds().take(5) {
            let rate = Bitrate::from_kbps(kbps);
            let demand = Steps::constant(Bitrate::from_kbps(50_000));
            let flow = FlowConfig { demand, ..FlowConfig::default() };
            let world = one(LinkConfig::steady(rate, millis(25)), flow, seconds(30), seed);
            let used = share(world.trace(0).rate(10.0..30.0), rate);
            assert!(used > 0.8, "{kbps} kbit/s, seed {seed}: {used:.2}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_run() {
    let run = || {
        run(
            WorldConfig {
                link: link(),
                way_back: millis(25),
                flows: vec![FlowConfig::default(); 2],
                reno: vec![seconds(3)..seconds(8)],
            },
            seconds(10),
            7,
        )
    };
    let (first, second) = (run(), run());
    let targets = |world: &World| world.trace(0).bins().iter().map(|bin| bin.target_bps).collect::<Vec<_>>();
    assert_eq!(targets(&first), targets(&second));
}
