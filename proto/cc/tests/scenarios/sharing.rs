use super::{LINK, link, millis, run, seconds, seeds, share};
use moim_cc::testing::{FlowConfig, LinkConfig, WorldConfig};

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
        let first = share(rates[0], moim_wire::Bitrate::from_bps(both));
        assert!((0.4..=0.6).contains(&first), "seed {seed}: {first:.2} of {rates:?}");
        let used = share(moim_wire::Bitrate::from_bps(both), LINK);
        assert!(used > 0.85, "seed {seed}: {used:.2}");
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

#[test]
fn a_flow_beside_tcp_is_not_starved() {
    for seed in seeds() {
        let config = WorldConfig {
            link: link(),
            way_back: millis(25),
            flows: vec![FlowConfig::default()],
            reno: vec![seconds(10)..seconds(60)],
        };
        let world = run(config, seconds(60), seed);
        let (ours, theirs) =
            (share(world.trace(0).rate(20.0..60.0), LINK), share(world.reno(0).rate(20.0..60.0), LINK));
        assert!(ours > 0.15, "seed {seed}: {ours:.2} beside {theirs:.2}");
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
