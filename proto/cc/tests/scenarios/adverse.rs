use super::{LINK, link, millis, one, seconds, seeds, share};
use moim_cc::testing::{FlowConfig, Jitter, LinkConfig, Steps};
use moim_wire::Bitrate;

#[test]
fn ten_percent_of_random_loss_leaves_seventy_percent_of_the_link() {
    for seed in seeds() {
        let world = one(
            LinkConfig { loss: Steps::constant(0.1), ..link() },
            FlowConfig::default(),
            seconds(40),
            seed,
        );
        // What arrives: a tenth of what is sent does not.
        let arrived = share(world.trace(0).rate(5.0..40.0), LINK);
        assert!(arrived > 0.7, "seed {seed}: {arrived:.2}");
    }
}

#[test]
fn loss_that_begins_later_does_not_collapse_the_rate_either() {
    for seed in seeds() {
        let loss = Steps::constant(0.0).then(seconds(15), 0.1).then(seconds(30), 0.0);
        let world = one(LinkConfig { loss, ..link() }, FlowConfig::default(), seconds(40), seed);
        let arrived = share(world.trace(0).rate(17.0..30.0), LINK);
        assert!(arrived > 0.65, "seed {seed}: {arrived:.2}");
    }
}

#[test]
fn a_queue_too_short_to_delay_is_found_by_its_loss() {
    for seed in seeds() {
        let world =
            one(LinkConfig { queue_bytes: 6_000, ..link() }, FlowConfig::default(), seconds(40), seed);
        let trace = world.trace(0);
        let (lost, used) = (trace.loss(5.0..40.0), share(trace.rate(5.0..40.0), LINK));
        assert!(lost < 0.05, "seed {seed}: {lost:.3}");
        assert!(used > 0.8, "seed {seed}: {used:.2}");
    }
}

#[test]
fn loss_beyond_the_bound_is_congestion_whatever_it_is() {
    for seed in seeds() {
        let world = one(
            LinkConfig { loss: Steps::constant(0.4), ..link() },
            FlowConfig::default(),
            seconds(40),
            seed,
        );
        let arrived = share(world.trace(0).rate(10.0..40.0), LINK);
        assert!(arrived < 0.3, "seed {seed}: {arrived:.2}");
        assert!(world.trace(0).rate(30.0..40.0) >= Bitrate::from_kbps(15), "seed {seed}: it goes on");
    }
}

#[test]
fn jitter_of_a_radio_is_no_congestion() {
    for jitter in [Jitter::Uniform(millis(5)), Jitter::Slots(millis(5)), Jitter::Slots(millis(20))] {
        for seed in seeds() {
            let world = one(LinkConfig { jitter, ..link() }, FlowConfig::default(), seconds(40), seed);
            let trace = world.trace(0);
            let (used, (_, wait)) = (share(trace.rate(5.0..40.0), LINK), trace.waits(5.0..40.0));
            assert!(used > 0.8, "{jitter:?}, seed {seed}: {used:.2}");
            assert!(wait < millis(100), "{jitter:?}, seed {seed}: {wait:?}");
        }
    }
}
