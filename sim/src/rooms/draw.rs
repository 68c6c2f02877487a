//! Plans from seeds.

use super::codec::Codec;
use super::plan::{Manners, Plan, PublisherPlan, Reports, Step, Way, What};
use crate::random::{Chance, Random, Seed};
use moim_rtp::payload::PayloadFormat;
use moim_sfu::{Source, Watch};
use moim_wire::Bitrate;
use std::time::Duration;

/// How long most rooms last.
const LENGTH: (Duration, Duration) = (Duration::from_secs(8), Duration::from_secs(24));
/// Something happens about so often.
const STEP: Duration = Duration::from_millis(350);
/// The widest picture that somebody wants to see.
const WIDTH_MAX: u64 = 1_600;

pub(super) fn draw(seed: Seed, length: Option<Duration>) -> Plan {
    let random = &mut seed.random("room", 0);
    let is_independent = random.happens(Chance::percent(25));
    let length = length.unwrap_or_else(|| random.between(LENGTH.0, LENGTH.1));
    let is_peaceful = random.happens(Chance::percent(30));
    let mut publishers = Vec::new();
    for owner in 0..=random.below(4) {
        let group = random.below(2);
        let way = way(random, is_peaceful);
        publishers.push(camera(random, owner, group, way, is_independent));
        if random.happens(Chance::percent(70)) {
            publishers.push(microphone(random, owner, group, way));
        }
    }
    let subscribers = 1 + random.index(5);
    let slots_max = (1 + small(random, 5), 1 + small(random, 6));
    let mut plan =
        Plan { seed, length, publishers, subscribers, slots_max, is_independent, steps: Vec::new() };
    begin(random, &mut plan);
    let mut at = Duration::from_millis(500);
    while at < length {
        at += random.up_to(STEP * 2);
        if let Some(what) = what(random, &plan) {
            plan.steps.push(Step { at, what });
        }
    }
    plan
}

fn small(random: &mut Random, end: u64) -> u16 {
    u16::try_from(random.below(end)).unwrap_or(0)
}

fn way(random: &mut Random, is_peaceful: bool) -> Way {
    if is_peaceful {
        return Way {
            loss: Chance::NEVER,
            recovery: Chance::NEVER,
            duplicates: Chance::NEVER,
            delay: Duration::from_millis(20),
            jitter: Duration::ZERO,
        };
    }
    Way {
        loss: Chance::per_million(u32::try_from(random.below(60_000)).unwrap_or(0)),
        recovery: Chance::percent(u32::try_from(random.below(101)).unwrap_or(0)),
        duplicates: Chance::per_million(u32::try_from(random.below(20_000)).unwrap_or(0)),
        delay: random.between(Duration::from_millis(1), Duration::from_millis(120)),
        jitter: random.choose(&[Duration::ZERO, Duration::from_millis(3), Duration::from_millis(60)]),
    }
}

fn camera(random: &mut Random, owner: u64, group: u64, way: Way, is_independent: bool) -> PublisherPlan {
    let codec = codec(random);
    let is_screen = random.happens(Chance::percent(20));
    let encodings = if codec.spatial > 1 || is_screen { 1 } else { 1 + random.index(3) };
    let answers = !is_independent && random.happens(Chance::percent(85));
    let every = 10 + u32::try_from(random.below(50)).unwrap_or(0);
    PublisherPlan {
        owner,
        group,
        source: if is_screen { Source::Screen } else { Source::Camera },
        codec,
        encodings,
        interval: random.choose(&[50, 66, 100].map(Duration::from_millis)),
        way,
        manners: Manners {
            answers_key_frames: answers,
            key_every: (!answers || random.happens(Chance::percent(10))).then_some(every),
            follows_layers_wanted: !is_independent && random.happens(Chance::percent(60)),
            reports: random.choose(&[Reports::None, Reports::True, Reports::True, Reports::Wild]),
            skips: random.choose(&[Chance::NEVER, Chance::percent(5), Chance::percent(20)]),
            pads: random.choose(&[Chance::NEVER, Chance::percent(10)]),
        },
    }
}

fn microphone(random: &mut Random, owner: u64, group: u64, way: Way) -> PublisherPlan {
    let is_voice = random.happens(Chance::percent(90));
    PublisherPlan {
        owner,
        group,
        source: if is_voice { Source::Microphone } else { Source::ScreenSound },
        codec: Codec::OPUS,
        encodings: 1,
        interval: random.choose(&[20, 60].map(Duration::from_millis)),
        way,
        manners: Manners {
            answers_key_frames: false,
            key_every: None,
            follows_layers_wanted: false,
            reports: Reports::True,
            skips: Chance::NEVER,
            pads: Chance::NEVER,
        },
    }
}

fn codec(random: &mut Random) -> Codec {
    let layers = |random: &mut Random| 1 + u8::try_from(random.below(3)).unwrap_or(0);
    let half = |random: &mut Random| random.happens(Chance::percent(50));
    match random.below(6) {
        0 | 1 => {
            let temporal = layers(random);
            let is_deep = temporal == 3 && half(random);
            Codec { temporal, is_deep, ..Codec::plain(PayloadFormat::Vp8) }
        }
        2 => {
            let has_descriptor = half(random);
            let temporal = if has_descriptor { layers(random) } else { 1 };
            let has_lone_parameters = half(random);
            Codec { temporal, has_descriptor, has_lone_parameters, ..Codec::plain(PayloadFormat::H264) }
        }
        3 => {
            let (spatial, temporal) = (layers(random), layers(random));
            let is_key_svc = spatial > 1 && half(random);
            let (is_flexible, has_descriptor) = (half(random), half(random));
            let plain = Codec::plain(PayloadFormat::Vp9);
            Codec { spatial, temporal, is_key_svc, is_flexible, has_descriptor, ..plain }
        }
        4 => {
            let (spatial, temporal) = (layers(random), layers(random));
            let is_key_svc = spatial > 1 && half(random);
            let has_descriptor = spatial > 1 || temporal > 1 || half(random);
            Codec { spatial, temporal, is_key_svc, has_descriptor, ..Codec::plain(PayloadFormat::Av1) }
        }
        _ => Codec { temporal: layers(random), ..Codec::plain(PayloadFormat::H265) },
    }
}

/// Most are there from the beginning.
fn begin(random: &mut Random, plan: &mut Plan) {
    let mut steps = Vec::new();
    let mut add = |what| steps.push(Step { at: Duration::ZERO, what });
    for publisher in 0..plan.publishers.len() {
        if random.happens(Chance::percent(85)) {
            add(What::Publish(publisher));
        }
    }
    for subscriber in 0..plan.subscribers {
        add(join(random, subscriber));
        for publisher in 0..plan.publishers.len() {
            if random.happens(Chance::percent(80)) {
                add(What::Watch { subscriber, publisher, watch: Watch::default() });
            }
        }
    }
    plan.steps = steps;
}

fn join(random: &mut Random, subscriber: usize) -> What {
    What::Join {
        subscriber,
        slots: (small(random, 4), small(random, 5)),
        grows: random.happens(Chance::percent(70)),
    }
}

fn what(random: &mut Random, plan: &Plan) -> Option<What> {
    let publisher = random.index(plan.publishers.len());
    let subscriber = random.index(plan.subscribers);
    let encodings = plan.publishers[publisher].encodings;
    let yes = random.happens(Chance::percent(50));
    Some(match random.below(34) {
        0 | 1 if !plan.is_independent => What::Mute(publisher, yes),
        2 if !plan.is_independent => What::Silence(publisher, yes),
        3 | 4 if !plan.is_independent => {
            What::HoldBack(publisher, u8::try_from(random.below(8)).unwrap_or(0))
        }
        5 => What::Spatial(publisher, 1 + u8::try_from(random.below(3)).unwrap_or(0)),
        6 => What::Restart { publisher, encoding: random.index(encodings), is_told: yes },
        7 => What::Unpublish(publisher),
        8 | 9 => What::Publish(publisher),
        10 => What::Leave(subscriber),
        11 | 12 => join(random, subscriber),
        13..=19 => What::Watch { subscriber, publisher, watch: watch(random) },
        20 | 21 => What::Unwatch(subscriber, publisher),
        22..=26 => What::Target(subscriber, target(random)),
        27 | 28 => What::KeyFrames(subscriber, 1 + small(random, 40)),
        29 | 30 => What::Nack(subscriber),
        31 => What::Slow(subscriber, random.up_to(Duration::from_secs(3))),
        _ => return None,
    })
}

fn watch(random: &mut Random) -> Watch {
    let width = u32::try_from(random.below(WIDTH_MAX)).unwrap_or(0);
    Watch {
        size: random.happens(Chance::percent(60)).then_some((width, width * 9 / 16)),
        priority: u8::try_from(random.below(3)).unwrap_or(0),
        is_paused: random.happens(Chance::percent(15)),
    }
}

fn target(random: &mut Random) -> Bitrate {
    match random.below(4) {
        0 => Bitrate::MAX,
        1 => Bitrate::from_kbps(random.below(60)),
        _ => Bitrate::from_kbps(random.below(2_500)),
    }
}
