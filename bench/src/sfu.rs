//! Forwarding: what a packet costs for each subscriber that it goes to.
//!
//! In memory: the forwarder and peer connections of the server's ends, with a clock that is told and without sockets, each part timed by itself; a
//! forwarder made of str0m in the same run; and the floor, which is a sender that knows nothing: it encrypts and sends, over loopback.

#![expect(clippy::cast_precision_loss, reason = "numbers of packets for a table")]
#![expect(clippy::print_stdout, reason = "the result goes there")]

mod floor;
mod moim;
mod ours;
mod str0m;

use crate::peer::Side;
use anyhow::{Result, ensure};
use std::time::Duration;

/// Bytes of the payload of every packet of video.
const PAYLOAD_LEN: usize = 1_100;
/// Packets of a picture. With that and the interval, a camera is 1.5 Mbit/s.
const PICTURE_PACKETS: usize = 8;
/// Between two pictures, in the time that is told.
const PICTURE: Duration = Duration::from_millis(47);
/// Pictures that are not measured: handshakes end, tables and rings grow.
const WARM_UP: usize = 60;

/// What to measure.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Options {
    /// To how many subscribers one camera goes
    #[arg(long, value_delimiter = ',', default_value = "1,10,100,500")]
    subscribers: Vec<usize>,
    /// How many cameras each of ten subscribers gets
    #[arg(long, value_delimiter = ',', default_value = "1,10,100")]
    tracks: Vec<usize>,
    /// About how many packets leave in each round of each case
    #[arg(long, default_value_t = 100_000)]
    packets: usize,
    /// How often each is measured; tables show medians
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Only moim, for a profiler
    #[arg(long)]
    only_moim: bool,
}

/// A server with publishers and subscribers.
trait Server {
    /// So many cameras, all of which go to so many subscribers. Everybody is connected.
    fn connect(tracks: usize, subscribers: usize) -> Result<Self>
    where
        Self: Sized;
    /// Each camera sends a picture, which is not measured, and it goes to everybody, which is. Says how many packets left.
    fn picture(&mut self, at: Duration, parts: &mut Parts) -> Result<usize>;
}

/// What the way of packets consists of.
#[derive(Default)]
pub(crate) struct Parts {
    /// A packet comes: decrypted, and found out whose it is. For each that comes.
    receive: Side,
    /// Who gets it, and in which numbers. For each that leaves, as all that follow.
    route: Side,
    /// It is put into the queues of connections.
    queue: Side,
    /// It is written and encrypted.
    transmit: Side,
    /// Timers.
    upkeep: Side,
}

/// The same in microseconds a packet.
#[derive(Clone, Copy, Debug, Default)]
struct Cost {
    receive: f64,
    route: f64,
    queue: f64,
    transmit: f64,
    upkeep: f64,
    /// A packet that leaves, with its share of the one that came.
    total: f64,
    /// Of all of that, for each packet that leaves.
    allocations: f64,
}

pub(crate) fn measure(options: &Options) -> Result<()> {
    println!("machine's load: {}", load());
    println!(
        "{PAYLOAD_LEN}-byte payloads of VP8, {PICTURE_PACKETS} packets a picture, a camera 1.5 Mbit/s; medians of {} rounds",
        options.rounds
    );
    floor::measure(&options.subscribers, options.rounds)?;
    println!("\nin memory, µs a packet: received for each that comes, the rest for each that leaves");
    println!(
        "{:8} {:>7} {:>12} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9} {:>12}",
        "",
        "cameras",
        "subscribers",
        "received",
        "routed",
        "queued",
        "written",
        "upkeep",
        "all",
        "allocations"
    );
    let cases = options.subscribers.iter().map(|subscribers| (1, *subscribers));
    for (tracks, subscribers) in cases.chain(options.tracks.iter().map(|tracks| (*tracks, 10))) {
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            ours.push(round::<moim::Room>(tracks, subscribers, options.packets)?);
            if !options.only_moim {
                theirs.push(round::<str0m::Room>(tracks, subscribers, options.packets)?);
            }
        }
        for (name, costs) in [("moim", ours), ("str0m", theirs)] {
            if !costs.is_empty() {
                print_cost(name, (tracks, subscribers), &costs);
            }
        }
    }
    println!("machine's load: {}", load());
    Ok(())
}

fn round<S: Server>(tracks: usize, subscribers: usize, packets: usize) -> Result<Cost> {
    let mut server = S::connect(tracks, subscribers)?;
    let mut clock = Duration::from_secs(10);
    let mut step = |parts: &mut Parts| {
        clock += PICTURE;
        server.picture(clock, parts)
    };
    for _ in 0..WARM_UP {
        step(&mut Parts::default())?;
    }
    let of_picture = PICTURE_PACKETS * tracks * subscribers;
    let pictures = packets.div_ceil(of_picture).clamp(20, 400);
    let (mut parts, mut left) = (Parts::default(), 0);
    for _ in 0..pictures {
        left += step(&mut parts)?;
    }
    let expected = pictures * of_picture;
    ensure!(left * 100 >= expected * 98, "{left} packets of {expected} left");
    let sides = [&parts.receive, &parts.route, &parts.queue, &parts.transmit, &parts.upkeep];
    let [receive, route, queue, transmit, upkeep] = sides.map(Side::microseconds);
    let allocations: u64 = sides.iter().map(|side| side.allocations()).sum();
    Ok(Cost {
        receive,
        route,
        queue,
        transmit,
        upkeep,
        total: receive / subscribers as f64 + route + queue + transmit + upkeep,
        allocations: allocations as f64 / left as f64,
    })
}

fn print_cost(name: &str, (tracks, subscribers): (usize, usize), costs: &[Cost]) {
    let of = |part: fn(&Cost) -> f64| median(costs.iter().map(part).collect());
    println!(
        "{name:8} {tracks:>7} {subscribers:>12} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>9.3} {:>12.3}",
        of(|cost| cost.receive),
        of(|cost| cost.route),
        of(|cost| cost.queue),
        of(|cost| cost.transmit),
        of(|cost| cost.upkeep),
        of(|cost| cost.total),
        of(|cost| cost.allocations),
    );
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

/// What the machine had to do besides, over one, five and fifteen minutes.
fn load() -> String {
    std::fs::read_to_string("/proc/loadavg")
        .map_or_else(|error| error.to_string(), |text| text.trim().to_owned())
}
