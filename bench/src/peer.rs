//! Two peer connections in memory: what a packet costs, how many connections come about, and what one takes in memory.
//!
//! Nothing is sent by sockets, and time is told rather than taken, so that only the stack itself is measured. str0m does the same in the
//! same run, round by round in turns with moim.

#![expect(clippy::cast_precision_loss, reason = "numbers of packets and bytes for a table")]
#![expect(clippy::print_stdout, reason = "the result goes there")]
#![expect(clippy::large_stack_arrays, reason = "two connections, which a pair then owns")]

mod allocation;
mod moim;
mod str0m;

use allocation::Snapshot;
use anyhow::{Result, ensure};
use std::time::{Duration, Instant};

/// Bytes of the payload of every packet.
const PAYLOAD_LEN: usize = 1_100;
/// Packets of all streams together that are sent in a millisecond of the time that is told.
const PACKETS_PER_MS: usize = 10;
/// Milliseconds that nothing is measured: estimators settle, and tables grow.
const WARM_UP_MS: usize = 3_000;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// Milliseconds of told time in each round: ten packets each
    #[arg(long, default_value_t = 5_000)]
    milliseconds: usize,
    /// How often each is measured; tables show medians
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// How many connections are made to count handshakes
    #[arg(long, default_value_t = 100)]
    handshakes: usize,
    /// Only moim, for a profiler
    #[arg(long)]
    only_moim: bool,
}

/// Two connections with each other, of which the first sends.
trait Pair {
    /// Connected, with so many streams of video.
    fn connect(streams: usize, estimates: bool) -> Result<Self>
    where
        Self: Sized;
    /// Sends packets of the streams in turn, and takes in what came back. How many packets are on their way then.
    fn send(&mut self, packets: usize, now: Duration) -> usize;
    /// Receives what is on its way, and answers. How many media packets that were.
    fn receive(&mut self, now: Duration) -> usize;
}

/// What packets cost.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    sent_us: f64,
    received_us: f64,
    sent_allocations: f64,
    received_allocations: f64,
}

pub(crate) fn measure(options: &Options) -> Result<()> {
    println!(
        "{PAYLOAD_LEN}-byte payloads, {PACKETS_PER_MS} packets a millisecond of told time, medians of {} rounds",
        options.rounds
    );
    println!();
    println!(
        "{:8} {:>7} {:>10} {:>10} {:>12} {:>12} {:>12}",
        "", "streams", "estimation", "sent µs", "received µs", "allocations", "allocations"
    );
    for estimates in [false, true] {
        for streams in [1, 10, 50] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..options.rounds {
                ours.push(round::<moim::MoimPair>(streams, estimates, options.milliseconds)?);
                if !options.only_moim {
                    theirs.push(round::<str0m::Str0mPair>(streams, estimates, options.milliseconds)?);
                }
            }
            for (name, costs) in [("moim", ours), ("str0m", theirs)] {
                if !costs.is_empty() {
                    print_cost(name, streams, estimates, &costs);
                }
            }
        }
    }
    println!();
    let (ours, theirs) = (moim::handshakes(options.handshakes)?, str0m::handshakes(options.handshakes)?);
    println!("handshakes a second, both ends on one core: moim {ours:.0}, str0m {theirs:.0}");
    let (ours, theirs) = (moim::memory()?, str0m::memory()?);
    println!(
        "memory of a connected connection with audio, video and data, KiB: moim {ours:.1}, str0m {theirs:.1}"
    );
    Ok(())
}

fn round<P: Pair>(streams: usize, estimates: bool, milliseconds: usize) -> Result<Cost> {
    let mut pair = P::connect(streams, estimates)?;
    let mut clock = Duration::from_secs(10);
    let mut step = |pair: &mut P, cost: &mut Totals| {
        clock += Duration::from_millis(1);
        cost.sending.add(|| {
            pair.send(PACKETS_PER_MS, clock);
            PACKETS_PER_MS
        });
        cost.packets += cost.receiving.add(|| pair.receive(clock));
    };
    for _ in 0..WARM_UP_MS {
        step(&mut pair, &mut Totals::default());
    }
    let mut totals = Totals::default();
    for _ in 0..milliseconds {
        step(&mut pair, &mut totals);
    }
    let expected = milliseconds * PACKETS_PER_MS;
    ensure!(totals.packets * 100 >= expected * 98, "{} packets of {expected} arrived", totals.packets);
    Ok(Cost {
        sent_us: totals.sending.microseconds(),
        received_us: totals.receiving.microseconds(),
        sent_allocations: totals.sending.allocations as f64 / totals.packets as f64,
        received_allocations: totals.receiving.allocations as f64 / totals.packets as f64,
    })
}

#[derive(Default)]
struct Totals {
    packets: usize,
    sending: Side,
    receiving: Side,
}

/// What one end has done.
#[derive(Default)]
pub(crate) struct Side {
    /// Of the packets whose time counts.
    elapsed: Duration,
    packets: usize,
    /// Of all packets.
    allocations: u64,
}

impl Side {
    /// Does something with packets, and says with how many. Its time counts unless somebody else had the processor meanwhile: then the
    /// thread has used less of it than time has passed.
    pub(crate) fn add(&mut self, work: impl FnOnce() -> usize) -> usize {
        let (allocations, used) = (Snapshot::now(), thread_time());
        let begin = Instant::now();
        let packets = work();
        let elapsed = begin.elapsed();
        if used + elapsed <= thread_time() {
            self.elapsed += elapsed;
            self.packets += packets;
        }
        self.allocations += Snapshot::now().since(allocations);
        packets
    }

    pub(crate) fn microseconds(&self) -> f64 {
        self.elapsed.as_secs_f64() * 1e6 / self.packets as f64
    }

    pub(crate) fn allocations(&self) -> u64 {
        self.allocations
    }
}

/// How long this thread has run.
fn thread_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

fn print_cost(name: &str, streams: usize, estimates: bool, costs: &[Cost]) {
    let median = |of: fn(&Cost) -> f64| {
        let mut values: Vec<_> = costs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!(
        "{name:8} {streams:>7} {:>10} {:>10.3} {:>12.3} {:>12.3} {:>12.3}",
        if estimates { "on" } else { "off" },
        median(|cost| cost.sent_us),
        median(|cost| cost.received_us),
        median(|cost| cost.sent_allocations),
        median(|cost| cost.received_allocations),
    );
}
