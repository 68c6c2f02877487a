//! Lives through worlds of seeds: one, told in full, or many.
#![expect(clippy::print_stdout, reason = "this is what it is for")]

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use moim_sim::participant::TalkKind;
use moim_sim::plan::Plan;
use moim_sim::{Seed, run};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

/// Deterministic worlds in which two people call each other.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// By what people talk: `ice` or `peer`.
    #[arg(long, default_value = "ice", value_parser = kind)]
    kind: TalkKind,
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
        /// By what people talk: `ice` or `peer`.
        #[arg(long, default_value = "ice", value_parser = kind)]
        kind: TalkKind,
        /// After how many failures to stop.
        #[arg(long, default_value_t = 10)]
        failures_max: usize,
    },
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
        Some(Command::Soak { seeds, from, kind, failures_max }) => soak(from, seeds, kind, failures_max),
        None => {
            let seed =
                std::env::var("SIM_SEED").context("set SIM_SEED to the seed of the world, or give `soak`")?;
            one(Seed(seed.parse().context("SIM_SEED is not a number")?), arguments.kind)
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

fn kind(text: &str) -> Result<TalkKind, String> {
    let known = TalkKind::ALL.into_iter().find(|kind| kind.as_str() == text);
    known.ok_or_else(|| format!("{text:?} is neither of {:?}", TalkKind::ALL.map(TalkKind::as_str)))
}
