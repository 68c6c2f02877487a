//! What those get who have no credentials: bytes of an answer, and memory of the server.

use super::Bench;
use super::client::UDP;
use super::contender::{Contender, Running};
use super::report::{Figure, Metric, Place};
use crate::process::float;
use crate::udp::{Outgoing, Receiver, Sender, Socket};
use anyhow::Result;
use std::thread;
use std::time::Duration;

/// Requests of the flood, each from another address.
const STRANGERS: u32 = 30_000;
/// How many of them are sent at a time.
const BURST: u32 = 20;
/// For what is given back late.
const SETTLE: Duration = Duration::from_millis(500);
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const MESSAGE_LEN_MAX: usize = 2_048;

/// A request without credentials.
struct Request {
    name: &'static str,
    bytes: Vec<u8>,
}

impl Request {
    fn all() -> [Self; 3] {
        // REQUESTED-TRANSPORT (RFC 8656 §18.7): UDP.
        let mut transport = vec![0, 0x19, 0, 4];
        transport.extend(UDP);
        [
            Self { name: "Binding, bare", bytes: message(1, &[]) },
            Self { name: "Allocate, bare", bytes: message(3, &[]) },
            Self { name: "Allocate with REQUESTED-TRANSPORT", bytes: message(3, &transport) },
        ]
    }
}

fn message(method: u8, attributes: &[u8]) -> Vec<u8> {
    let len = u8::try_from(attributes.len()).expect("requests of strangers are short");
    let mut bytes = vec![0, method, 0, len];
    bytes.extend(MAGIC_COOKIE);
    bytes.extend([7; 12]);
    bytes.extend(attributes);
    bytes
}

/// Bytes of each answer.
pub(crate) fn replies(bench: &mut Bench) -> Result<Figure> {
    let metrics = [Metric::new("bytes of the answer", 0), Metric::new("payload amplification", 2)];
    let mut figure = Figure::new("replies", "What a stranger is answered", &metrics);
    for contender in turn_contenders(bench) {
        let running = contender.start(&bench.network, 0, &[bench.server_core])?;
        for request in Request::all() {
            let answer = ask(bench, &running, &request.bytes)?;
            let case = format!("{} ({} bytes)", request.name, request.bytes.len());
            let len = answer.map_or(f64::NAN, |len| float(len as u64));
            let place = Place { contender: &contender.name, case: &case, round: 0, foreign: 0.0 };
            figure.add(place, &[len, len / float(request.bytes.len() as u64)]);
        }
    }
    Ok(figure)
}

/// The length of the answer to `request`; `None`: there is none.
fn ask(bench: &Bench, running: &Running, request: &[u8]) -> Result<Option<usize>> {
    let from = Some(*bench.network.client(bench.new_clients(1)).ip());
    let mut receiver = Receiver::new(MESSAGE_LEN_MAX);
    let outgoing = Outgoing { start: 0, len: request.len(), segment_len: None, from, to: running.address };
    Sender::new().send(&bench.clients, request, &[outgoing])?;
    bench.clients.wait(SETTLE)?;
    Ok((receiver.receive(&bench.clients)? > 0).then(|| receiver.message(0).len))
}

/// Memory after requests from many addresses.
pub(crate) fn flood(bench: &mut Bench) -> Result<Figure> {
    let metrics = [
        Metric::new("growth of the server, KiB", 0),
        Metric::new("bytes a request", 0),
        Metric::new("answers", 0),
        Metric::new("CPU µs a request", 2),
    ];
    let title = "30,000 Allocate requests without credentials, each from another address";
    let mut figure = Figure::new("flood", title, &metrics);
    for contender in turn_contenders(bench) {
        let running = contender.start(&bench.network, 0, &[bench.server_core])?;
        let [_, _, request] = Request::all();
        ask(bench, &running, &request.bytes)?;
        thread::sleep(SETTLE);
        let (rss, begun) = (running.meter.rss()?, running.meter.sample()?);
        let answers = send_from_everywhere(bench, &running, &request.bytes)?;
        let spent = running.meter.sample()?.since(&begun);
        let growth = running.meter.rss()?.saturating_sub(rss);
        let place =
            Place { contender: &contender.name, case: "30,000 strangers", round: 0, foreign: spent.foreign };
        let requests = f64::from(STRANGERS);
        let values = [
            float(growth) / 1024.0,
            float(growth) / requests,
            float(answers),
            float(spent.cpu_ns) / requests / 1e3,
        ];
        figure.add(place, &values);
    }
    Ok(figure)
}

/// Returns how many answers came.
fn send_from_everywhere(bench: &Bench, running: &Running, request: &[u8]) -> Result<u64> {
    let first = bench.new_clients(STRANGERS);
    let (mut sender, mut receiver) = (Sender::new(), Receiver::new(MESSAGE_LEN_MAX));
    let mut answers = 0;
    for index in (first..first + STRANGERS).step_by(BURST as usize) {
        let burst: Vec<_> = (index..index + BURST)
            .map(|index| Outgoing {
                start: 0,
                len: request.len(),
                segment_len: None,
                from: Some(*bench.network.client(index).ip()),
                to: running.address,
            })
            .collect();
        sender.send(&bench.clients, request, &burst)?;
        answers += receive_all(&bench.clients, &mut receiver)?;
        thread::sleep(Duration::from_millis(1));
    }
    thread::sleep(SETTLE);
    Ok(answers + receive_all(&bench.clients, &mut receiver)?)
}

fn receive_all(socket: &Socket, receiver: &mut Receiver) -> Result<u64> {
    let mut count = 0;
    loop {
        match receiver.receive(socket)? {
            0 => return Ok(count),
            received => count += received as u64,
        }
    }
}

fn turn_contenders(bench: &Bench) -> Vec<Contender> {
    bench.contenders.iter().filter(|contender| contender.is_turn()).cloned().collect()
}
