//! Two hundred rooms of a forwarder. A seed that fails is told with its whole story, and with the command that replays it.

use moim_sim::Seed;
use moim_sim::rooms::{Plan, run};
use std::ops::Range;

/// Lives through the rooms of these seeds.
#[expect(clippy::print_stdout, reason = "a failure is told in full")]
fn live(seeds: Range<u64>) {
    let failed: Vec<_> = seeds
        .filter_map(|seed| {
            let failure = run(&Plan::random(Seed(seed)), |_, _| {}).err()?;
            println!("{failure}");
            Some(seed)
        })
        .collect();
    assert!(failed.is_empty(), "rooms that failed: {failed:?}");
}

/// Tests of so many rooms each, so that several run at a time and none takes long.
macro_rules! rooms {
    ($($name:ident $seeds:expr;)*) => {
        $(
            #[test]
            fn $name() {
                live($seeds);
            }
        )*
    };
}

rooms! {
    rooms_0_to_25 0..25;
    rooms_25_to_50 25..50;
    rooms_50_to_75 50..75;
    rooms_75_to_100 75..100;
    rooms_100_to_125 100..125;
    rooms_125_to_150 125..150;
    rooms_150_to_175 150..175;
    rooms_175_to_200 175..200;
}

/// Rooms that a soak has found: what was wrong in each, with the forwarder.
#[test]
fn rooms_that_once_failed_hold() {
    // The mark of a picture's last packet, where that is late and other layers are sent since.
    live(278..279);
    // A key frame whose first packet is late, and brings other ids for the kinds of frames: the rest was taken for something else.
    live(219..220);
    live(271..272);
    // Down, in layers that refer to those below in key frames only.
    live(398..399);
    live(426..427);
    live(464..465);
}

/// The same seed is the same room, to the last packet.
#[test]
fn a_room_can_be_had_again() {
    for seed in [3, 17, 29] {
        let once = || run(&Plan::random(Seed(seed)), |_, _| {}).map_err(|failure| failure.to_string());
        let (first, second) = (once(), once());
        assert!(first.is_ok(), "{first:?}");
        assert_eq!(first, second);
    }
}
