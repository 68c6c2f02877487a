use super::{LINK, link, millis, run, seconds, seeds, share};
use moim_cc::Config;
use moim_cc::testing::{Control, FlowConfig, LinkConfig, WorldConfig};
use moim_wire::Bitrate;

#[test]
fn two_flows_share_the_link() {
    for seed in seeds() {
        let late = FlowConfig { began: seconds(10), ..FlowConfig::default() };
        let flows = vec![FlowConfig::default(), late];
        let world = run(
            WorldConfig { link: link(), way_back: millis(25), flows, reno: Vec::new() },
            seconds(100),
            seed,
        );
        let rates = [0, 1].map(|flow| world.trace(flow).rate(40.0..100.0));
        let both = rates[0].as_bps() + rates[1].as_bps();
        let first = share(rates[0], Bitrate::from_bps(both));
        assert!((0.4..=0.6).contains(&first), "seed {seed}: {first:.2} of {rates:?}");
        let used = share(Bitrate::from_bps(both), LINK);
        assert!(used > 0.85, "seed {seed}: {used:.2}");
    }
}

/// Whichever of the two comes first.
#[test]
fn a_browser_and_a_flow_share_the_link() {
    for controls in [[Control::Moim, Control::Gcc], [Control::Gcc, Control::Moim]] {
        for seed in seeds().take(10) {
            let link = LinkConfig::steady(Bitrate::from_kbps(2_000), millis(10));
            let flow = |index: usize| FlowConfig {
                control: controls[index],
                began: seconds(20) * u32::from(index == 1),
                ..FlowConfig::default()
            };
            let flows = vec![flow(0), flow(1)];
            let config = WorldConfig { link, way_back: millis(10), flows, reno: Vec::new() };
            let world = run(config, seconds(100), seed);
            for flow in 0..2 {
                let part = share(world.trace(flow).rate(50.0..100.0), Bitrate::from_kbps(2_000));
                assert!(part >= 0.27, "{controls:?} {flow}, seed {seed}: {part:.2}");
            }
        }
    }
}

#[test]
fn a_browser_that_was_left_next_to_nothing_gets_its_share() {
    for seed in seeds().take(10) {
        let controller = Config { start: Bitrate::from_kbps(60), ..Config::default() };
        let late =
            FlowConfig { control: Control::Gcc, controller, began: seconds(30), ..FlowConfig::default() };
        let flows = vec![FlowConfig::default(), late];
        let config = WorldConfig { link: link(), way_back: millis(25), flows, reno: Vec::new() };
        let world = run(config, seconds(150), seed);
        let part = share(world.trace(1).rate(100.0..150.0), LINK);
        assert!(part >= 0.2, "seed {seed}: {part:.2}");
    }
}

#[test]
fn five_flows_share_the_link() {
    for seed in seeds().take(5) {
        let flows = vec![FlowConfig::default(); 5];
        let world = run(
            WorldConfig { link: link(), way_back: millis(25), flows, reno: Vec::new() },
            seconds(60),
            seed,
        );
        for flow in 0..5 {
            let part = share(world.trace(flow).rate(20.0..60.0), LINK);
            assert!((0.1..=0.32).contains(&part), "seed {seed}, flow {flow}: {part:.2}");
        }
    }
}

/// TCP fills the queue and takes most of the link: of what is left, about as much as a browser takes.
#[test]
fn a_flow_beside_tcp_is_not_starved() {
    for seed in seeds() {
        let beside_tcp = |control: Control| {
            let config = WorldConfig {
                link: link(),
                way_back: millis(25),
                flows: vec![FlowConfig { control, ..FlowConfig::default() }],
                reno: vec![seconds(10)..seconds(60)],
            };
            let world = run(config, seconds(60), seed);
            [world.trace(0).rate(20.0..60.0), world.reno(0).rate(20.0..60.0)].map(|rate| share(rate, LINK))
        };
        let [ours, theirs] = beside_tcp(Control::Moim);
        let [browsers, _] = beside_tcp(Control::Gcc);
        assert!(ours > 0.1, "seed {seed}: {ours:.2} beside {theirs:.2}");
        assert!(ours > browsers * 0.6, "seed {seed}: {ours:.2}, where a browser has {browsers:.2}");
        assert!(theirs > 0.3, "seed {seed}: {theirs:.2} beside {ours:.2}");
    }
}

#[test]
fn the_link_is_taken_again_when_tcp_ends() {
    for seed in seeds().take(5) {
        let link = LinkConfig { rate: moim_cc::testing::Steps::constant(LINK), ..link() };
        let config = WorldConfig {
            link,
            way_back: millis(25),
            flows: vec![FlowConfig::default()],
            reno: vec![seconds(5)..seconds(25)],
        };
        let world = run(config, seconds(50), seed);
        let rose = world.trace(0).reaches(LINK.scaled(0.8), 25.0);
        assert!(rose.is_some_and(|at| at < 40.0), "seed {seed}: {rose:?}");
        let (_, wait) = world.trace(0).waits(45.0..50.0);
        assert!(wait < millis(150), "seed {seed}: {wait:?}");
    }
}
