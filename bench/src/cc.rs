//! Congestion control over simulated links: moim's beside str0m's, with the same links, seeds and encoder, in virtual time.
//! `bench/README.md` says how to read it.

#![expect(clippy::print_stdout, reason = "the table is the result")]

mod cases;
mod sharing;
mod str0m;

use anyhow::Result;
use cases::Case;
use clap::Args;
use moim_cc::testing::{Trace, World, WorldConfig};
use moim_wire::Bitrate;
use std::time::Duration;

#[derive(Args)]
pub(crate) struct Options {
    /// Only cases whose name holds this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    case: String,
    /// How many seeds each case is run with; the table shows means
    #[arg(long, default_value_t = 10)]
    seeds: u64,
    /// Prints target and delay of the first seed, each half second
    #[arg(long)]
    trace: bool,
}

/// What a run showed.
#[derive(Clone, Copy, Debug, Default)]
struct Figures {
    /// What arrived, as a share of what the link carried.
    used: f64,
    /// In the queue of the link, in milliseconds.
    wait_mean: f64,
    wait_p95: f64,
    /// From the encoder to the far end, beyond what the link takes at least.
    latency_mean: f64,
    latency_p95: f64,
    loss: f64,
}

/// Runs all cases and prints a table.
pub(crate) fn measure(options: &Options) -> Result<()> {
    println!("{:<44} {:>7} {:>13} {:>17} {:>7}", "", "used", "queue ms", "latency ms", "lost");
    println!("{:<44} {:>7} {:>6} {:>6} {:>8} {:>8} {:>7}", "", "%", "mean", "p95", "mean", "p95", "%");
    for case in cases::all().into_iter().filter(|case| case.name.contains(&options.case)) {
        println!("{}", case.name);
        let mut rows = [("moim", Figures::default()), ("str0m", Figures::default())];
        for seed in 1..=options.seeds {
            let ours = run_ours(&case, seed);
            let theirs = str0m::run(&case, seed)?;
            if options.trace && seed == 1 {
                print_traces(&ours, &theirs);
            }
            rows[0].1.add(&Figures::of(&case, &ours, seed));
            rows[1].1.add(&Figures::of(&case, &theirs, seed));
        }
        for (name, figures) in rows {
            figures.print(name, options.seeds);
        }
    }
    measure_sharing(options);
    Ok(())
}

/// Two flows on one link: the second begins later.
#[expect(clippy::cast_precision_loss, reason = "a few seeds")]
fn measure_sharing(options: &Options) {
    println!("\n{:<44} {:>15} {:>13}", "", "shares %", "queue ms");
    println!("{:<44} {:>7} {:>7} {:>6} {:>6} {:>12}", "", "first", "second", "mean", "p95", "least %");
    for pair in sharing::all().into_iter().filter(|pair| pair.name.contains(&options.case)) {
        let runs: Vec<_> =
            (1..=options.seeds).map(|seed| pair.run(seed, options.trace && seed == 1)).collect();
        let mean =
            |of: fn(&sharing::Shares) -> f64| runs.iter().map(of).sum::<f64>() / runs.len().max(1) as f64;
        let least = runs.iter().flat_map(|run| run.of_link).fold(1.0, f64::min);
        println!(
            "{:<44} {:>7.1} {:>7.1} {:>6.1} {:>6.1} {:>12.1}",
            pair.name,
            mean(|run| run.of_link[0]) * 100.0,
            mean(|run| run.of_link[1]) * 100.0,
            mean(|run| run.wait_mean),
            mean(|run| run.wait_p95),
            least * 100.0,
        );
    }
}

fn run_ours(case: &Case, seed: u64) -> Trace {
    let config = WorldConfig {
        link: case.link(seed),
        way_back: case.delay,
        flows: vec![case.flow()],
        reno: Vec::new(),
    };
    let mut world = World::new(config, seed);
    world.run(case.length);
    world.trace(0).clone()
}

impl Figures {
    fn of(case: &Case, trace: &Trace, seed: u64) -> Self {
        let counted = case.counted();
        let (wait_mean, wait_p95) = trace.waits(counted.clone());
        let (latency_mean, latency_p95) = trace.latency(counted.clone());
        let beyond = |time: Duration| millis(time.saturating_sub(case.delay));
        Self {
            used: share(trace.rate(counted.clone()), case.available(seed)),
            wait_mean: millis(wait_mean),
            wait_p95: millis(wait_p95),
            latency_mean: beyond(latency_mean),
            latency_p95: beyond(latency_p95),
            loss: trace.loss(counted),
        }
    }

    fn add(&mut self, other: &Self) {
        self.used += other.used;
        self.wait_mean += other.wait_mean;
        self.wait_p95 += other.wait_p95;
        self.latency_mean += other.latency_mean;
        self.latency_p95 += other.latency_p95;
        self.loss += other.loss;
    }

    #[expect(clippy::cast_precision_loss, reason = "a few seeds")]
    fn print(&self, name: &str, runs: u64) {
        let runs = runs.max(1) as f64;
        println!(
            "    {name:<40} {:>7.1} {:>6.1} {:>6.1} {:>8.1} {:>8.1} {:>7.2}",
            self.used / runs * 100.0,
            self.wait_mean / runs,
            self.wait_p95 / runs,
            self.latency_mean / runs,
            self.latency_p95 / runs,
            self.loss / runs * 100.0,
        );
    }
}

fn print_traces(ours: &Trace, theirs: &Trace) {
    for (index, (ours, theirs)) in ours.bins().iter().zip(theirs.bins()).enumerate().step_by(5) {
        println!(
            "      {:>5.1} s  moim {:>6} kbit/s {:>5} ms   str0m {:>6} kbit/s {:>5} ms",
            (moim_cc::testing::BIN * u32::try_from(index).unwrap_or(u32::MAX)).as_secs_f64(),
            ours.target_bps / 1_000,
            ours.wait_max.as_millis(),
            theirs.target_bps / 1_000,
            theirs.wait_max.as_millis(),
        );
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

#[expect(clippy::cast_precision_loss, reason = "rates are far below 2^53")]
fn share(rate: Bitrate, of: Bitrate) -> f64 {
    rate.as_bps() as f64 / of.as_bps() as f64
}
