//! The figures that are about traffic: what is compared, in which cases.

use super::contender::{Contender, Kind, Running};
use super::footprint::memory;
use super::load::{Outcome, Pace};
use super::report::{Figure, Metric, Place};
use super::strangers::{flood, replies};
use super::traffic::Direction;
use super::video::Pattern;
use super::{Bench, LANES};
use anyhow::{Context, Result};
use std::time::Duration;

/// Measures a figure.
type Measure = fn(&mut Bench) -> Result<Figure>;

/// Every figure by its name.
pub(crate) const ALL: [(&str, Measure); 8] = [
    ("relay", relay),
    ("capacity", capacity),
    ("client-to-client", client_to_client),
    ("video", video),
    ("shards", shards),
    ("memory", memory),
    ("flood", flood),
    ("replies", replies),
];

/// The name of no pace.
const FLAT_OUT: &str = "flat out";
/// Callers in the video figure: about as many packets a second as in the others.
const VIDEOS: u32 = 200;
/// More lost than this part is more than a rate that goes through whole loses to chance.
const LOSS_MAX: f64 = 0.01;
/// Where the search for the highest rate ends: bounds this close.
const SEARCH_RATIO: f64 = 1.03;
/// How much shorter a probe of the search is than a measurement.
const PROBE_DIVISOR: u32 = 2;

const COST: [Metric; 5] = [
    Metric::new("CPU ns a packet", 0),
    Metric::new("delivered k/s", 1),
    Metric::new("lost %", 2),
    Metric::new("latency p50 µs", 0),
    Metric::new("latency p99 µs", 0),
];

/// Traffic of one kind.
#[derive(Clone, Copy, Debug)]
struct Case {
    direction: Direction,
    payload_len: usize,
    train: usize,
    /// Packets a second; none: as many as go.
    rate: Option<u32>,
}

impl Case {
    fn name(&self) -> String {
        let rate = self.rate.map_or(FLAT_OUT.to_owned(), |rate| format!("{}k/s", rate / 1_000));
        format!("{}, {rate}", self.shape())
    }

    /// All but the rate.
    fn shape(&self) -> String {
        let train = if self.train == 1 { "singles".to_owned() } else { format!("trains of {}", self.train) };
        format!("{} {} B, {train}", self.direction.as_str(), self.payload_len)
    }

    fn pace(&self) -> Pace<'static> {
        Pace::Even { payload_len: self.payload_len, train: self.train, rate: self.rate }
    }
}

fn relay(bench: &mut Bench) -> Result<Figure> {
    let mut cases = Vec::new();
    for rate in [Some(40_000), Some(200_000), None] {
        for (payload_len, train) in [(1_000, 1), (172, 1), (1_000, 8), (1_000, 32)] {
            for direction in [Direction::ClientToPeer, Direction::PeerToClient] {
                let is_essential = match direction {
                    Direction::ClientToPeer => (payload_len == 1_000 && train <= 8) || rate == Some(40_000),
                    Direction::PeerToClient => payload_len == 1_000 && train <= 8 && rate.is_none(),
                    Direction::ClientToClient => false,
                };
                if !bench.is_quick || is_essential {
                    cases.push(Case { direction, payload_len, train, rate });
                }
            }
        }
    }
    let title = "Relaying: what a packet costs the server";
    costs(bench, Figure::new("relay", title, &COST), &cases, bench_contenders)
}

fn client_to_client(bench: &mut Bench) -> Result<Figure> {
    let case = |train, rate| Case { direction: Direction::ClientToClient, payload_len: 1_000, train, rate };
    let mut cases = vec![case(1, Some(40_000)), case(8, Some(40_000)), case(1, None), case(8, None)];
    if bench.is_quick {
        cases.truncate(1);
    }
    let title = "From client to client of one server: two relayed addresses";
    costs(bench, Figure::new("client-to-client", title, &COST), &cases, turn_contenders)
}

fn bench_contenders(bench: &Bench) -> Vec<Contender> {
    bench.contenders.clone()
}

fn turn_contenders(bench: &Bench) -> Vec<Contender> {
    bench.contenders.iter().filter(|contender| contender.is_turn()).cloned().collect()
}

/// Measures each case with each contender, round by round.
fn costs(
    bench: &mut Bench,
    mut figure: Figure,
    cases: &[Case],
    contenders: fn(&Bench) -> Vec<Contender>,
) -> Result<Figure> {
    let running = start(bench, &contenders(bench))?;
    let cases: Vec<_> = cases.iter().filter(|case| case.name().contains(&bench.case_filter)).collect();
    for round in 0..bench.rounds {
        for case in &cases {
            for running in &running {
                let outcome = bench.relay(running, case.direction, LANES, case.pace(), bench.time);
                add_cost(&mut figure, running, &case.name(), round, outcome);
            }
        }
    }
    Ok(figure)
}

/// Starts all of them, each with an address of its own. Those that wait take nothing from the one that is measured.
fn start(bench: &Bench, contenders: &[Contender]) -> Result<Vec<Running>> {
    let start = |(index, contender): (usize, &Contender)| {
        contender.start(&bench.network, u8::try_from(index)?, &[bench.server_core])
    };
    contenders.iter().enumerate().map(start).collect()
}

/// Adds what was measured, or says why there is nothing.
fn add_cost(figure: &mut Figure, running: &Running, case: &str, round: u32, outcome: Result<Outcome>) {
    let contender = &running.contender.name;
    let is_paced = !case.ends_with(FLAT_OUT);
    let outcome = outcome.and_then(|outcome| outcome.check().map(|()| outcome));
    match outcome {
        Ok(outcome) => {
            if outcome.faults.missed > 0 || outcome.faults.disordered > 0 {
                figure.remark(format!(
                    "{contender}, {case}, round {round}: {} out of order, {} missed by the generator",
                    outcome.faults.disordered, outcome.faults.missed
                ));
            }
            // Flat out, packets wait as long as the server's buffers are.
            let latency = |microseconds| if is_paced { microseconds } else { f64::NAN };
            let values = [
                outcome.cpu_ns_per_packet(),
                outcome.delivered_per_second() / 1e3,
                outcome.lost * 100.0,
                latency(outcome.p50_us),
                latency(outcome.p99_us),
            ];
            figure.add(Place { contender, case, round, foreign: outcome.spent.foreign }, &values);
        }
        Err(error) => {
            figure.remark(format!("{contender}, {case}: {error:#}"));
            figure.add(Place { contender, case, round, foreign: 0.0 }, &[f64::NAN; COST.len()]);
        }
    }
}

fn capacity(bench: &mut Bench) -> Result<Figure> {
    let metrics = [Metric::new("highest rate without loss, k/s", 0)];
    let mut figure = Figure::new("capacity", "What one core relays without loss (less than 1 %)", &metrics);
    let shapes = [
        (Direction::ClientToPeer, 1_000, 1),
        (Direction::PeerToClient, 1_000, 1),
        (Direction::ClientToPeer, 172, 1),
        (Direction::ClientToPeer, 1_000, 8),
        (Direction::PeerToClient, 1_000, 8),
        (Direction::ClientToPeer, 1_000, 32),
    ];
    let shapes: Vec<_> = if bench.is_quick { vec![shapes[0], shapes[3]] } else { shapes.into() };
    let contenders = bench.contenders.clone();
    let running = start(bench, &contenders)?;
    for round in 0..bench.rounds.div_ceil(2) {
        for &(direction, payload_len, train) in &shapes {
            let case = Case { direction, payload_len, train, rate: None };
            let name = case.shape();
            for running in &running {
                let (rate, is_generator_bound) = search(bench, running, case)
                    .with_context(|| format!("{}, {name}", running.contender.name))?;
                if is_generator_bound {
                    figure.remark(format!(
                        "{}, {name}: the generator did not go higher in round {round}",
                        running.contender.name
                    ));
                }
                let place = Place { contender: &running.contender.name, case: &name, round, foreign: 0.0 };
                figure.add(place, &[f64::from(rate) / 1e3]);
            }
        }
    }
    Ok(figure)
}

/// The highest rate that goes through, in packets a second, and whether the generator was what kept it from being higher.
fn search(bench: &mut Bench, running: &Running, case: Case) -> Result<(u32, bool)> {
    let time = bench.time / PROBE_DIVISOR;
    let mut probe =
        |rate: Option<u32>| bench.relay(running, case.direction, LANES, Case { rate, ..case }.pace(), time);
    let flat_out = probe(None)?;
    flat_out.check()?;
    let mut high = flat_out.delivered_per_second() * 1.15;
    let mut low = 0.0;
    let mut is_generator_bound = false;
    let mut next = high / 1.2;
    while low == 0.0 || high / low > SEARCH_RATIO {
        if next < 1_000.0 {
            break;
        }
        let rate = whole(next);
        let is_through = |outcome: &Outcome| outcome.lost <= LOSS_MAX;
        let is_offered = |outcome: &Outcome| outcome.offered_per_second >= next * 0.97;
        let mut outcome = probe(Some(rate))?;
        if !is_through(&outcome) {
            // A neighbour's moment on the core loses packets too; it rarely comes twice.
            outcome = probe(Some(rate))?;
        }
        if is_through(&outcome) && is_offered(&outcome) {
            low = next;
            is_generator_bound = false;
        } else {
            is_generator_bound = is_through(&outcome);
            high = next;
        }
        next = if low == 0.0 { high * 0.8 } else { (low * high).sqrt() };
    }
    Ok((whole(low), is_generator_bound))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rates are positive and below a thousand million"
)]
fn whole(rate: f64) -> u32 {
    rate as u32
}

fn video(bench: &mut Bench) -> Result<Figure> {
    let title = "Video of a browser, 1.5 Mbit/s each: near-equal packets in bursts";
    let mut figure = Figure::new("video", title, &COST);
    let pattern = Pattern::recorded(VIDEOS)?;
    let contenders = bench.contenders.clone();
    let running = start(bench, &contenders)?;
    let directions = [Direction::ClientToPeer, Direction::PeerToClient, Direction::ClientToClient];
    for round in 0..bench.rounds {
        for direction in directions {
            let name = format!("{VIDEOS} videos, {}", direction.as_str());
            for running in &running {
                if direction == Direction::ClientToClient && !running.contender.is_turn() {
                    continue;
                }
                let outcome = bench.relay(running, direction, VIDEOS, Pace::Video(&pattern), bench.time);
                add_cost(&mut figure, running, &name, round, outcome);
            }
        }
    }
    Ok(figure)
}

/// One shard and two, at rates that the generator can share a core with.
fn shards(bench: &mut Bench) -> Result<Figure> {
    let mut figure = Figure::new("shards", "One shard and two", &COST);
    figure.remark(
        "with two shards the generator shares its core with one of them: compare the CPU, not the rates"
            .to_owned(),
    );
    let Some(moim) = bench.moim().cloned() else { return Ok(figure) };
    let mut running = Vec::new();
    for (index, count) in [1_u16, 2].into_iter().enumerate() {
        let kind = match &moim.kind {
            Kind::Moim { binary, .. } => Kind::Moim { binary: binary.clone(), shards: count },
            other @ (Kind::Coturn { .. } | Kind::Forwarder { .. }) => other.clone(),
        };
        let contender =
            Contender { name: format!("{count} shard{}", if count == 1 { "" } else { "s" }), kind };
        let cores = [bench.server_core, bench.generator_core];
        running.push(contender.start(&bench.network, u8::try_from(index)?, &cores[..usize::from(count)])?);
    }
    let rates = [Some(40_000), Some(100_000), None];
    for round in 0..bench.rounds {
        for rate in rates {
            for train in [1, 8] {
                let case = Case { direction: Direction::ClientToPeer, payload_len: 1_000, train, rate };
                if !case.name().contains(&bench.case_filter) {
                    continue;
                }
                for running in &running {
                    let time = Duration::max(bench.time, Duration::from_millis(300));
                    // Here the generator is always foreign to one of the cores.
                    let outcome = bench.relay_once(running, case.direction, LANES, case.pace(), time);
                    let outcome = outcome.map(|mut outcome| {
                        outcome.spent.foreign = 0.0;
                        outcome
                    });
                    add_cost(&mut figure, running, &case.name(), round, outcome);
                }
            }
        }
    }
    Ok(figure)
}
