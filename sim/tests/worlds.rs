//! A thousand worlds. A seed that fails is told with its whole story, and with the command that replays it.

use moim_sim::participant::TalkKind;
use moim_sim::plan::Plan;
use moim_sim::{Seed, run};
use std::ops::Range;

/// Lives through the worlds of these seeds.
#[expect(clippy::print_stdout, reason = "a failure is told in full")]
fn live(kind: TalkKind, seeds: Range<u64>) {
    let failed: Vec<_> = seeds
        .filter_map(|seed| {
            let failure = run::run(&Plan::random(Seed(seed)), kind).err()?;
            println!("{failure}");
            Some(seed)
        })
        .collect();
    assert!(failed.is_empty(), "worlds that failed, by {kind:?}: {failed:?}");
}

/// Tests of so many worlds each, so that several run at a time and none takes long.
macro_rules! worlds {
    ($kind:ident: $($name:ident $seeds:expr;)*) => {
        $(
            #[test]
            fn $name() {
                live(TalkKind::$kind, $seeds);
            }
        )*
    };
}

mod agents {
    use super::{TalkKind, live};

    worlds! { Ice:
        worlds_0_to_50 0..50;
        worlds_50_to_100 50..100;
        worlds_100_to_150 100..150;
        worlds_150_to_200 150..200;
        worlds_200_to_250 200..250;
        worlds_250_to_300 250..300;
        worlds_300_to_350 300..350;
        worlds_350_to_400 350..400;
        worlds_400_to_450 400..450;
        worlds_450_to_500 450..500;
        worlds_500_to_550 500..550;
        worlds_550_to_600 550..600;
        worlds_600_to_650 600..650;
        worlds_650_to_700 650..700;
    }
}

mod connections {
    use super::{TalkKind, live};

    worlds! { Peer:
        worlds_0_to_25 0..25;
        worlds_25_to_50 25..50;
        worlds_50_to_75 50..75;
        worlds_75_to_100 75..100;
        worlds_100_to_125 100..125;
        worlds_125_to_150 125..150;
        worlds_150_to_175 150..175;
        worlds_175_to_200 175..200;
        worlds_200_to_225 200..225;
        worlds_225_to_250 225..250;
        worlds_250_to_275 250..275;
        worlds_275_to_300 275..300;
    }
}

/// Worlds that a soak has found: what was wrong in each, with the agent, with what it is held against, or with the programs around it.
#[test]
fn worlds_that_once_failed_hold() {
    // Both hold their descriptions back until 40 s have shown that a server does not answer, one after the other.
    live(TalkKind::Ice, 14_774..14_775);
    live(TalkKind::Peer, 14_774..14_775);
    // A NAT that has restarted gives one of two behind it the port of the other one: their own words come back.
    live(TalkKind::Ice, 16_678..16_679);
    // An address is lost between opening a link to the signalling server and the first word by it.
    live(TalkKind::Ice, 16_892..16_893);
    // Relayed by streams that are slower than what is said.
    live(TalkKind::Peer, 12_164..12_165);
    // Two homes with the same addresses, and a host in both.
    live(TalkKind::Peer, 19_057..19_058);
}

/// The same seed is the same world, to the last packet.
#[test]
fn a_world_can_be_had_again() {
    for seed in [3, 17, 29] {
        let once =
            || run::run(&Plan::random(Seed(seed)), TalkKind::Ice).map_err(|failure| failure.to_string());
        let (first, second) = (once(), once());
        assert!(first.is_ok(), "{first:?}");
        assert_eq!(first, second);
    }
}
