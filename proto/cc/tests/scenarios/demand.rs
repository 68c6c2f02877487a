use super::{LINK, link, millis, one, seconds, seeds};
use moim_cc::Config;
use moim_cc::testing::{FlowConfig, Steps};
use moim_wire::Bitrate;

#[test]
fn an_application_that_wants_more_gets_it_at_once() {
    for seed in seeds() {
        let demand = Steps::constant(Bitrate::from_kbps(300)).then(seconds(15), Bitrate::from_kbps(2_500));
        let world = one(link(), FlowConfig { demand, ..FlowConfig::default() }, seconds(30), seed);
        let trace = world.trace(0);
        let rose = trace.reaches(Bitrate::from_kbps(2_300), 15.0);
        assert!(rose.is_some_and(|at| at < 17.0), "seed {seed}: {rose:?}");
        let wait = trace.wait_max(0.0..30.0);
        assert!(wait < millis(150), "seed {seed}: {wait:?}");
    }
}

#[test]
fn probes_go_no_further_than_what_is_needed() {
    for seed in seeds() {
        let demand = Steps::constant(Bitrate::from_kbps(1_000));
        let world = one(link(), FlowConfig { demand, ..FlowConfig::default() }, seconds(30), seed);
        let highest = world.trace(0).bins().iter().map(|bin| bin.target_bps).max();
        assert!(highest <= Some(2_000_000), "seed {seed}: {highest:?}");
    }
}

#[test]
fn audio_alone_neither_stalls_nor_grows() {
    for seed in seeds() {
        let world = one(
            link(),
            FlowConfig { demand: Steps::constant(Bitrate::ZERO), ..FlowConfig::default() },
            seconds(60),
            seed,
        );
        let trace = world.trace(0);
        let rate = trace.rate(1.0..60.0);
        assert!((45..60).contains(&(rate.as_bps() / 1_000)), "seed {seed}: {rate}");
        assert!(world.stats(0).target >= Bitrate::from_kbps(100), "seed {seed}: {:?}", world.stats(0));
        assert!(trace.loss(0.0..59.0) < 0.01, "seed {seed}");
    }
}

#[test]
fn the_target_stays_within_its_limits() {
    for seed in seeds() {
        let controller = Config {
            start: Bitrate::from_kbps(500),
            min: Bitrate::from_kbps(400),
            max: Bitrate::from_kbps(1_500),
            probing: true,
        };
        let rate = Steps::constant(LINK).then(seconds(15), Bitrate::from_kbps(200));
        let world = one(
            moim_cc::testing::LinkConfig { rate, ..link() },
            FlowConfig { controller, ..FlowConfig::default() },
            seconds(30),
            seed,
        );
        for bin in world.trace(0).bins() {
            assert!((400_000..=1_500_000).contains(&bin.target_bps), "seed {seed}: {bin:?}");
        }
        assert!(world.trace(0).reaches(Bitrate::from_kbps(1_500), 0.0).is_some(), "seed {seed}");
        assert!(world.trace(0).falls_to(Bitrate::from_kbps(400), 15.0).is_some(), "seed {seed}");
    }
}
