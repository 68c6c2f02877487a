use super::{LINK, link, millis, one, seconds, seeds, share};
use moim_cc::testing::{FlowConfig, LinkConfig, Steps};
use moim_wire::Bitrate;

const SLOW: Bitrate = Bitrate::from_kbps(500);

#[test]
fn a_link_that_becomes_slow_is_followed_within_three_seconds_and_one_that_becomes_fast_within_ten() {
    for seed in seeds() {
        let rate = Steps::constant(LINK).then(seconds(20), SLOW).then(seconds(40), LINK);
        let world = one(LinkConfig { rate, ..link() }, FlowConfig::default(), seconds(60), seed);
        let trace = world.trace(0);

        let fell = trace.falls_to(SLOW, 20.0);
        assert!(fell.is_some_and(|at| at <= 21.0), "seed {seed}: {fell:?}");
        // What was on the way when the link became slow has to go through it: a second at the most, and then it is over.
        let wait = trace.wait_max(20.0..23.0);
        assert!(wait <= millis(1_000), "seed {seed}: {wait:?}");
        let wait = trace.wait_max(23.0..40.0);
        assert!(wait <= millis(300), "seed {seed}: {wait:?}");
        let used = share(trace.rate(25.0..40.0), SLOW);
        assert!(used > 0.75, "seed {seed}: {used:.2}");

        let rose = trace.reaches(LINK.scaled(0.8), 40.0);
        assert!(rose.is_some_and(|at| at <= 50.0), "seed {seed}: {rose:?}");
    }
}

#[test]
fn a_second_of_buffer_is_not_filled() {
    for seed in seeds() {
        let bloated = LinkConfig { queue_bytes: LINK.bytes_in(seconds(1)), ..link() };
        let world = one(bloated, FlowConfig::default(), seconds(40), seed);
        let wait = world.trace(0).wait_max(3.0..40.0);
        assert!(wait < millis(150), "seed {seed}: {wait:?}");
    }
}

#[test]
fn another_way_is_learnt_anew() {
    for seed in seeds() {
        let rate = Steps::constant(LINK).then(seconds(10), SLOW);
        let flow = FlowConfig { route_changes: vec![seconds(10)], ..FlowConfig::default() };
        let world = one(LinkConfig { rate, ..link() }, flow, seconds(20), seed);
        let trace = world.trace(0);
        assert!(trace.falls_to(Bitrate::from_kbps(300), 10.0).is_some_and(|at| at <= 10.2), "seed {seed}");
        assert!(share(trace.rate(13.0..20.0), SLOW) > 0.6, "seed {seed}: {}", trace.rate(13.0..20.0));
    }
}

#[test]
fn reports_that_stay_away_lower_the_target_and_their_return_raises_it() {
    for seed in seeds() {
        let report_loss = Steps::constant(0.0).then(seconds(10), 1.0).then(seconds(14), 0.0);
        let world = one(link(), FlowConfig { report_loss, ..FlowConfig::default() }, seconds(30), seed);
        let trace = world.trace(0);
        let fell = trace.falls_to(LINK.scaled(0.3), 10.0);
        assert!(fell.is_some_and(|at| at < 12.0), "seed {seed}: {fell:?}");
        assert!(world.stats(0).counters.silences >= 3, "seed {seed}");
        let rose = trace.reaches(LINK.scaled(0.8), 14.0);
        assert!(rose.is_some_and(|at| at < 19.0), "seed {seed}: {rose:?}");
    }
}

#[test]
fn every_third_report_may_be_lost() {
    for seed in seeds() {
        let flow = FlowConfig { report_loss: Steps::constant(0.33), ..FlowConfig::default() };
        let world = one(link(), flow, seconds(30), seed);
        let used = share(world.trace(0).rate(5.0..30.0), LINK);
        assert!(used > 0.8, "seed {seed}: {used:.2}");
    }
}
