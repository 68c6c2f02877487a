//! Whatever comes in and whatever is asked for, streams go on.

use crate::world::{Network, World};
use moim_rtp::payload::PayloadFormat;
use moim_sfu::Watch;
use moim_wire::Bitrate;
use proptest::prelude::*;

const FORMATS: [(PayloadFormat, usize); 4] =
    [(PayloadFormat::Vp8, 3), (PayloadFormat::H264, 3), (PayloadFormat::Vp9, 1), (PayloadFormat::Av1, 1)];

#[derive(Clone, Copy, Debug)]
enum Step {
    Pictures(u8),
    Target(u8),
    Watch { who: u8, what: u8, how: u8 },
    Leave { who: u8, what: u8 },
    Mute { what: u8 },
    Lost { who: u8 },
    Silent { what: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1_u8..20).prop_map(Step::Pictures),
        3 => any::<u8>().prop_map(Step::Target),
        3 => any::<(u8, u8, u8)>().prop_map(|(who, what, how)| Step::Watch { who, what, how }),
        1 => any::<(u8, u8)>().prop_map(|(who, what)| Step::Leave { who, what }),
        1 => any::<u8>().prop_map(|what| Step::Mute { what }),
        1 => any::<u8>().prop_map(|who| Step::Lost { who }),
        1 => any::<u8>().prop_map(|what| Step::Silent { what }),
    ];
    prop::collection::vec(step, 1..25)
}

fn watch(how: u8) -> Watch {
    let size = match how % 4 {
        0 => None,
        other => Some((320 << (other - 1), 180 << (other - 1))),
    };
    Watch { size, priority: how >> 6, is_paused: how & 0x3C == 0x3C }
}

/// Plays a story with two subscribers of two slots each and three tracks of a format.
fn play(seed: u64, (format, encodings): (PayloadFormat, usize), network: Network, story: &[Step]) {
    let mut world = World::new(seed, network);
    let publishers: Vec<_> = (0..3).map(|owner| world.publish(format, encodings, owner)).collect();
    let viewers = [world.subscriber(2), world.subscriber(2)];
    for viewer in viewers {
        let track = world.publishers[0].track;
        world.forwarder.subscribe(viewer, track, Watch::default(), world.now).unwrap();
    }
    for step in story {
        let of = |number: u8| publishers[usize::from(number) % publishers.len()];
        let who = |number: u8| viewers[usize::from(number) % viewers.len()];
        let now = world.now;
        match *step {
            Step::Pictures(count) => world.run(usize::from(count)),
            Step::Target(rate) => {
                let target = Bitrate::from_kbps(u64::from(rate) * 10);
                world.forwarder.set_target(viewers[0], target, now).unwrap();
            }
            Step::Watch { who: number, what, how } => {
                let track = world.publishers[of(what)].track;
                world.forwarder.subscribe(who(number), track, watch(how), now).unwrap();
            }
            Step::Leave { who: number, what } => {
                let track = world.publishers[of(what)].track;
                world.forwarder.unsubscribe(who(number), track, now).unwrap();
            }
            Step::Mute { what } => {
                let track = world.publishers[of(what)].track;
                world.forwarder.set_muted(track, what & 0x80 != 0, now).unwrap();
            }
            Step::Lost { who: number } => {
                let slot = moim_sfu::SlotId { subscriber: who(number), index: u16::from(number & 1) };
                world.forwarder.key_frame_requested(slot, now).unwrap();
            }
            Step::Silent { what } => world.publishers[of(what)].is_silent ^= true,
        }
    }
    world.settle();
    world.check();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// Covers: RFC 7667 §3.7
    #[test]
    fn streams_have_no_gaps_and_frames_are_whole(seed: u64, format in 0_usize..4, story in steps()) {
        play(seed, FORMATS[format], Network::default(), &story);
    }

    #[test]
    fn late_packets_have_their_place(seed: u64, format in 0_usize..4, story in steps()) {
        play(seed, FORMATS[format], Network { loss_percent: 0, overtaken_by: 6 }, &story);
    }

    #[test]
    fn what_was_lost_leaves_the_gap_it_had(seed: u64, format in 0_usize..4, story in steps()) {
        play(seed, FORMATS[format], Network { loss_percent: 5, overtaken_by: 6 }, &story);
    }
}
