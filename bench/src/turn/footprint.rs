//! What an allocation costs: memory of the server and of the kernel, and the CPU time of its set-up.

use super::Bench;
use super::client::Clients;
use super::contender::Running;
use super::load::{Pace, Route};
use super::report::{Figure, Metric, Place};
use super::traffic::{Direction, flows};
use crate::process::{float, kernel_slab};
use anyhow::Result;
use std::thread;
use std::time::Duration;

/// Allocations made and freed before, so that what is used once is there.
const WARM_UP: u32 = 32;
/// For what is given back late.
const SETTLE: Duration = Duration::from_millis(500);
/// At which rate each allocation relays a packet each way.
const TOUCH_PER_SECOND: u32 = 20_000;

const METRICS: [Metric; 5] = [
    Metric::new("KiB of the server each", 2),
    Metric::new("KiB of the kernel each", 2),
    Metric::new("CPU µs an allocation", 1),
    Metric::new("CPU µs a ChannelBind", 1),
    Metric::new("allocations a second", 0),
];

pub(crate) fn memory(bench: &mut Bench) -> Result<Figure> {
    let title =
        "A bound allocation: memory once it has relayed a packet each way, and its set-up (two round trips)";
    let mut figure = Figure::new("memory", title, &METRICS);
    let contenders: Vec<_> =
        bench.contenders.iter().filter(|contender| contender.is_turn()).cloned().collect();
    for round in 0..bench.rounds.div_ceil(2) {
        for count in [1_000, 10_000] {
            for contender in &contenders {
                let case = format!("{count} allocations");
                let mut place = Place { contender: &contender.name, case: &case, round, foreign: 0.0 };
                let running = contender.start(&bench.network, 0, &[bench.server_core])?;
                match measure(bench, &running, count) {
                    Ok((values, foreign)) => {
                        place.foreign = foreign;
                        figure.add(place, &values);
                    }
                    Err(error) => {
                        figure.remark(format!("{}, {case}: {error:#}", contender.name));
                        figure.add(place, &[f64::NAN; METRICS.len()]);
                    }
                }
            }
        }
    }
    Ok(figure)
}

fn measure(bench: &mut Bench, running: &Running, count: u32) -> Result<([f64; METRICS.len()], f64)> {
    let some = bench.new_clients(WARM_UP);
    let mut clients = Clients::new(&bench.clients, running.address, &bench.network, some..some + WARM_UP);
    clients.allocate()?;
    clients.bind()?;
    clients.free()?;
    thread::sleep(SETTLE);

    let (rss, slab, begun) = (running.meter.rss()?, kernel_slab()?, running.meter.sample()?);
    let first = bench.new_clients(count);
    let mut clients = Clients::new(&bench.clients, running.address, &bench.network, first..first + count);
    clients.allocate()?;
    let allocated = running.meter.sample()?;
    clients.bind()?;
    let bound = running.meter.sample()?;
    let pace = Pace::Even { payload_len: 100, train: 1, rate: Some(TOUCH_PER_SECOND) };
    let time = Duration::from_secs(1) * count / TOUCH_PER_SECOND + Duration::from_millis(10);
    for (direction, out, back) in [
        (Direction::ClientToPeer, &bench.clients, &bench.peers),
        (Direction::PeerToClient, &bench.peers, &bench.clients),
    ] {
        let route = Route { out, back, flows: flows(&clients, direction) };
        bench.generator.run(&route, pace, &running.meter, Duration::ZERO, time)?.check()?;
    }
    thread::sleep(SETTLE);
    let each = |now: u64, before: u64| float(now.saturating_sub(before)) / f64::from(count);
    let allocating = allocated.since(&begun);
    let values = [
        each(running.meter.rss()?, rss) / 1024.0,
        each(kernel_slab()?, slab) / 1024.0,
        each(allocating.cpu_ns, 0) / 1e3,
        each(bound.since(&allocated).cpu_ns, 0) / 1e3,
        f64::from(count) / allocating.seconds,
    ];
    Ok((values, bound.since(&begun).foreign))
}
