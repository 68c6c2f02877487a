//! Lives through worlds of seeds: one, told in full, or many.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

mod many_rooms;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use moim_sim::participant::TalkKind;
use moim_sim::plan::Plan;
use moim_sim::{Seed, run};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Deterministic worlds in which two people call each other, or many are in a room.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// What kind of world: two talk by `ice` or `peer`, or many are in `rooms` of a forwarder.
    #[arg(long, default_value = "ice", value_parser = kind)]
    kind: Kind,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lives through many worlds.
    Soak {
        /// How many.
        #[arg(long, default_value_t = 1_000)]
        seeds: u64,
        /// The first seed.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// What kind of world: `ice`, `peer` or `rooms`.
        #[arg(long, default_value = "ice", value_parser = kind)]
        kind: Kind,
        /// Instead of many worlds, one room that lasts so many hours of its own time.
        #[arg(long)]
        hours: Option<f64>,
        /// After how many failures to stop.
        #[arg(long, default_value_t = 10)]
        failures_max: usize,
    },
}

/// A kind of world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Talk(TalkKind),
    Rooms,
}

fn main() -> ExitCode {
    match act(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn act(arguments: &Arguments) -> Result<()> {
    match arguments.command {
        Some(Command::Soak { from, kind: Kind::Rooms, hours: Some(hours), .. }) => {
            many_rooms::long(Seed(from), Duration::from_secs_f64(hours * 3_600.0))
        }
        Some(Command::Soak { hours: Some(_), .. }) => bail!("only rooms last for hours"),
        Some(Command::Soak { seeds, from, kind: Kind::Rooms, failures_max, .. }) => {
            many_rooms::soak(from, seeds, failures_max)
        }
        Some(Command::Soak { seeds, from, kind: Kind::Talk(kind), failures_max, .. }) => {
            soak(from, seeds, kind, failures_max)
        }
        None => {
            let seed =
                std::env::var("SIM_SEED").context("set SIM_SEED to the seed of the world, or give `soak`")?;
            let seed = Seed(seed.parse().context("SIM_SEED is not a number")?);
            match arguments.kind {
                Kind::Talk(kind) => one(seed, kind),
                Kind::Rooms => many_rooms::one(seed),
            }
        }
    }
}

/// One world, told in full.
fn one(seed: Seed, kind: TalkKind) -> Result<()> {
    let plan = Plan::random(seed);
    match run::run_told(&plan, kind) {
        (Ok(outcome), trace) => {
            println!("{plan}\n{trace}\n{outcome:#?}");
            Ok(())
        }
        (Err(failure), _) => bail!("{failure}"),
    }
}

/// Many worlds, with their progress.
fn soak(from: u64, seeds: u64, kind: TalkKind, failures_max: usize) -> Result<()> {
    let begun = Instant::now();
    let mut failures = Vec::new();
    let mut ways: BTreeMap<String, u64> = BTreeMap::new();
    let mut packets = 0;
    for seed in from..from + seeds {
        match run::run(&Plan::random(Seed(seed)), kind) {
            Ok(outcome) => {
                let way = outcome.path.map_or_else(|| "none".to_owned(), |path| path.to_string());
                *ways.entry(way).or_default() += 1;
                packets += outcome.packets;
            }
            Err(failure) => {
                println!("seed {seed}: {}", failure.broken);
                failures.push(seed);
                if failures.len() >= failures_max {
                    break;
                }
            }
        }
        let count = seed - from + 1;
        if count.is_multiple_of(100) {
            let seconds = begun.elapsed().as_secs();
            println!("{count} worlds in {seconds} s, {packets} packets, {} failures", failures.len());
        }
    }
    println!("{ways:#?}");
    if failures.is_empty() { Ok(()) } else { bail!("worlds that failed: {failures:?}") }
}

fn kind(text: &str) -> Result<Kind, String> {
    if text == "rooms" {
        return Ok(Kind::Rooms);
    }
    let known = TalkKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    let names = TalkKind::ALL.map(TalkKind::as_str);
    known.map(Kind::Talk).ok_or_else(|| format!("{text:?} is neither of {names:?} nor \"rooms\""))
}
