//! Memory, CPU and joins a second of the signalling server.

#![expect(clippy::print_stdout, reason = "the table is the result")]

use crate::client::Dialer;
use crate::server::{Moim, Usage};
use anyhow::{Context, Result};
use clap::Args;
use moim_signal::id::RoomName;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

/// As many as a room takes.
const ROOM_PARTICIPANTS: usize = 4;
/// Fewer than the strangers that the server lets one address bring at a time.
const JOINS_AT_A_TIME: usize = 64;

#[derive(Args)]
pub(crate) struct Options {
    /// The server's binary, built in release
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// How many participants to measure with, each with a fresh server
    #[arg(long, value_delimiter = ',', default_value = "1000,10000")]
    participants: Vec<usize>,
    /// For how long to watch the idle server, in seconds
    #[arg(long, default_value_t = 30)]
    seconds: u64,
    /// Where to write the results as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What was measured with so many participants.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    participants: usize,
    rss_bytes: u64,
    /// Beyond what the server takes with nobody there.
    rss_bytes_per_participant: Option<u64>,
    /// Of one core, over the watch.
    cpu_percent: f64,
    joins_per_second: Option<f64>,
    server_cpu_us_per_join: Option<f64>,
}

/// Measures and reports.
pub(crate) fn measure(options: &Options) -> Result<()> {
    raise_open_files_limit()?;
    let time = Duration::from_secs(options.seconds);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut rows = vec![measure_idle(options, time)?];
    let idle_rss = rows[0].rss_bytes;
    for &participants in &options.participants {
        println!("measuring with {participants} participants …");
        let moim = Moim::start(&options.server)?;
        rows.push(runtime.block_on(measure_crowd(&moim, participants, idle_rss, time))?);
    }
    print_table(&rows);
    if let Some(path) = &options.json {
        let json = serde_json::to_string_pretty(&rows)? + "\n";
        fs::write(path, json).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn measure_idle(options: &Options, time: Duration) -> Result<Row> {
    println!("measuring with nobody there …");
    let moim = Moim::start(&options.server)?;
    let before = moim.usage()?;
    std::thread::sleep(time);
    let after = moim.usage()?;
    Ok(Row {
        participants: 0,
        rss_bytes: after.rss,
        rss_bytes_per_participant: None,
        cpu_percent: cpu_percent(before, after, time),
        joins_per_second: None,
        server_cpu_us_per_join: None,
    })
}

async fn measure_crowd(moim: &Moim, participants: usize, idle_rss: u64, time: Duration) -> Result<Row> {
    let dialer = Dialer::new(moim.address(), moim.roots()?);
    let permits = Arc::new(Semaphore::new(JOINS_AT_A_TIME));
    let (end, over) = watch::channel(false);
    let (arrived, mut arrivals) = tokio::sync::mpsc::channel(participants);
    let mut crowd = JoinSet::new();
    let empty = moim.usage()?;
    let begun = Instant::now();
    for number in 0..participants {
        let (dialer, permits, over, arrived) =
            (dialer.clone(), Arc::clone(&permits), over.clone(), arrived.clone());
        crowd.spawn(async move {
            let permit = permits.acquire_owned().await?;
            let room = RoomName::new(format!("room-{}", number / ROOM_PARTICIPANTS));
            let participant = dialer.join(room, format!("Participant {number}")).await?;
            drop(permit);
            arrived.send(()).await?;
            participant.stay(over).await
        });
    }
    drop(arrived);
    for _ in 0..participants {
        tokio::select! {
            Some(()) = arrivals.recv() => {}
            Some(ended) = crowd.join_next() => ended?.context("a participant did not get in")?,
        }
    }
    let took = begun.elapsed();
    let joined = moim.usage()?;

    // What joining took in passing is given back before the watch begins.
    tokio::time::sleep(time / 3).await;
    let before = moim.usage()?;
    tokio::time::sleep(time).await;
    let after = moim.usage()?;
    end.send(true)?;
    while let Some(ended) = crowd.join_next().await {
        ended?.context("a participant was lost")?;
    }
    let count = u32::try_from(participants)?;
    Ok(Row {
        participants,
        rss_bytes: after.rss,
        rss_bytes_per_participant: Some(after.rss.saturating_sub(idle_rss) / u64::from(count)),
        cpu_percent: cpu_percent(before, after, time),
        joins_per_second: Some(f64::from(count) / took.as_secs_f64()),
        server_cpu_us_per_join: Some((joined.cpu_seconds - empty.cpu_seconds) * 1e6 / f64::from(count)),
    })
}

fn cpu_percent(before: Usage, after: Usage, time: Duration) -> f64 {
    (after.cpu_seconds - before.cpu_seconds) / time.as_secs_f64() * 100.0
}

fn print_table(rows: &[Row]) {
    println!("\nparticipants   memory MiB   KiB each   CPU % of a core   joins/s   server CPU µs/join");
    for row in rows {
        let optional = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.0}"));
        println!(
            "{:>12} {:>12} {:>10} {:>17.2} {:>9} {:>20}",
            row.participants,
            format!("{}.{}", row.rss_bytes >> 20, ((row.rss_bytes & 0xf_ffff) * 10) >> 20),
            row.rss_bytes_per_participant.map_or("-".to_owned(), |bytes| format!("{}", bytes.div_ceil(1024))),
            row.cpu_percent,
            optional(row.joins_per_second),
            optional(row.server_cpu_us_per_join),
        );
    }
}

/// Every participant is an open file. The server raises its own limit.
fn raise_open_files_limit() -> Result<()> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })
        .context("cannot raise the limit on open files")
}
