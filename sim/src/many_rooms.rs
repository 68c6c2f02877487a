//! Rooms of a forwarder: one, told in full and made shorter if it fails; many; and one that lasts for hours.

use anyhow::{Result, bail};
use moim_sim::Seed;
use moim_sim::rooms::{Outcome, Plan, run, shrink};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How often a long soak says how it is, in time of its own.
const PROGRESS: Duration = Duration::from_secs(600);

/// One room, told in full; its shortest story, if it fails.
pub(crate) fn one(seed: Seed) -> Result<()> {
    let plan = Plan::random(seed);
    match run(&plan, |_, _| {}) {
        Ok(outcome) => {
            println!("{plan}\n{outcome:#?}");
            Ok(())
        }
        Err(failure) => {
            let (_, shortest) = shrink(&plan, &failure);
            bail!("{failure}\n\nIt can be told shorter:\n{shortest}")
        }
    }
}

/// Many rooms, with their progress.
pub(crate) fn soak(from: u64, seeds: u64, failures_max: usize) -> Result<()> {
    let begun = Instant::now();
    let (mut failures, mut rules) = (Vec::new(), BTreeMap::<&str, Vec<u64>>::new());
    let mut total = Outcome::default();
    for seed in from..from + seeds {
        match run(&Plan::random(Seed(seed)), |_, _| {}) {
            Ok(outcome) => add(&mut total, &outcome),
            Err(failure) => {
                println!("seed {seed}: {}: {}", failure.broken.rule, failure.broken.why);
                failures.push(seed);
                rules.entry(failure.broken.rule).or_default().push(seed);
                if failures.len() >= failures_max {
                    break;
                }
            }
        }
        let count = seed - from + 1;
        if count.is_multiple_of(100) {
            println!("{count} rooms in {} s: {}", begun.elapsed().as_secs(), told(&total));
        }
    }
    if failures.is_empty() { Ok(()) } else { bail!("rooms that failed, by rule: {rules:#?}") }
}

/// A room that lasts for long, and what memory it takes meanwhile.
pub(crate) fn long(seed: Seed, length: Duration) -> Result<()> {
    let begun = Instant::now();
    let mut next = PROGRESS;
    let mut plan = Plan::lasting(seed, length);
    // Once is enough.
    plan.is_independent = false;
    let result = run(&plan, |passed, outcome| {
        if passed >= next {
            next += PROGRESS;
            println!(
                "{:5.2} h in {} s: {} kB in rings at most, {} switches, {}",
                passed.as_secs_f64() / 3_600.0,
                begun.elapsed().as_secs(),
                outcome.memory_max / 1_024,
                outcome.switches,
                process_memory().unwrap_or_default()
            );
        }
    });
    match result {
        Ok(outcome) => {
            println!("{}", told(&outcome));
            Ok(())
        }
        Err(failure) => bail!("{failure} soak --from {} --hours {}", seed.0, length.as_secs_f64() / 3_600.0),
    }
}

fn add(total: &mut Outcome, outcome: &Outcome) {
    total.received += outcome.received;
    total.forwarded += outcome.forwarded;
    total.switches += outcome.switches;
    total.events += outcome.events;
    total.key_frames_wanted += outcome.key_frames_wanted;
    total.memory_max = total.memory_max.max(outcome.memory_max);
}

fn told(outcome: &Outcome) -> String {
    let Outcome { received, forwarded, switches, events, key_frames_wanted, .. } = outcome;
    format!(
        "{received} packets in, {forwarded} out, {switches} switches, {events} events, {key_frames_wanted} key frames asked for"
    )
}

/// What the process has in memory, as the kernel says.
fn process_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmRSS"))?;
    Some(format!("process {}", line.trim_start_matches("VmRSS:").trim()))
}
