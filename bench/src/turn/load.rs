//! The generator: sends at a pace, receives what is relayed, and checks every packet.

use super::latency::Latencies;
use super::video::Pattern;
use crate::process::{Meter, Sample, Spent, float};
use crate::udp::{BATCH_MAX, Incoming, Outgoing, Receiver, Sender, Socket, TRAIN_LEN_MAX};
use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

/// What of a payload tells about it: the run, the flow, its number in the flow, when it was sent.
pub(crate) const PAYLOAD_LEN_MIN: usize = 24;
/// The header of ChannelData.
const CHANNEL_HEADER_LEN: usize = 4;
/// Most messages of one `sendmmsg`: more of them would come to the server as one burst.
const SEND_MAX: usize = 32;
/// How much later than due anything is still sent. Beyond it the pace begins anew, so that no burst makes up for a pause.
const LAG_MAX: Duration = Duration::from_millis(2);
/// One payload in so many is compared byte by byte.
const COMPARE_EVERY: u64 = 61;
/// How long to wait for packets that are still under way at the end.
const QUIET: Duration = Duration::from_millis(60);

/// Where one client's packets go and come from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Flow {
    pub(crate) from: Ipv4Addr,
    pub(crate) to: SocketAddrV4,
    /// The channel it is sent on.
    pub(crate) channel: Option<u16>,
    /// From where it must arrive.
    pub(crate) arrives_from: SocketAddrV4,
    /// Whether a forwarder is free to choose the port it arrives from.
    pub(crate) arrives_by_any_port: bool,
    /// The channel it must arrive on.
    pub(crate) arrives_on: Option<u16>,
}

/// Flows between two sides.
pub(crate) struct Route<'a> {
    pub(crate) out: &'a Socket,
    pub(crate) back: &'a Socket,
    pub(crate) flows: Vec<Flow>,
}

/// What is sent when.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace<'a> {
    /// Flows in turns, each a train of so many packets of one length; so many packets a second, or as many as go.
    Even { payload_len: usize, train: usize, rate: Option<u32> },
    /// Every flow is a video.
    Video(&'a Pattern),
}

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) spent: Spent,
    /// Packets that arrived while CPU time was measured.
    pub(crate) delivered: u64,
    pub(crate) offered_per_second: f64,
    /// The part that did not arrive, from 0 to 1.
    pub(crate) lost: f64,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    pub(crate) faults: Faults,
}

/// What should not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// From the wrong address or on the wrong channel.
    pub(crate) misdirected: u64,
    /// Not what was sent.
    pub(crate) corrupt: u64,
    /// After a later packet of its flow, or for a second time.
    pub(crate) disordered: u64,
    /// Left over of an earlier run: no fault of this one.
    pub(crate) stale: u64,
    /// What the generator itself was too slow to receive.
    pub(crate) missed: u64,
}

impl Outcome {
    /// CPU time of the server for each packet that arrived, in nanoseconds.
    pub(crate) fn cpu_ns_per_packet(&self) -> f64 {
        float(self.spent.cpu_ns) / float(self.delivered.max(1))
    }

    pub(crate) fn delivered_per_second(&self) -> f64 {
        float(self.delivered) / self.spent.seconds
    }
}

/// Buffers, kept from run to run.
pub(crate) struct Generator {
    sender: Sender,
    receiver: Receiver,
    memory: Vec<u8>,
    pattern: Vec<u8>,
    outgoing: Vec<Outgoing>,
    /// Numbers the runs, so that what was left over of an earlier one is told apart.
    runs: u32,
}

impl Generator {
    pub(crate) fn new() -> Self {
        let pattern = (0..TRAIN_LEN_MAX).map(|index| (index % 251).to_le_bytes()[0]).collect();
        Self {
            sender: Sender::new(),
            receiver: Receiver::new(TRAIN_LEN_MAX),
            memory: vec![0; TRAIN_LEN_MAX * SEND_MAX],
            pattern,
            outgoing: Vec::with_capacity(SEND_MAX),
            runs: 0,
        }
    }

    /// Sends along `route` at `pace` for `time`, after as long as `warm_up` without measuring.
    pub(crate) fn run(
        &mut self,
        route: &Route<'_>,
        pace: Pace<'_>,
        meter: &Meter,
        warm_up: Duration,
        time: Duration,
    ) -> Result<Outcome> {
        self.runs += 1;
        self.fill(route, pace);
        let missed_before = route.back.drops()?;
        let mut run = Run::new(self.runs, route, pace);
        let mut began: Option<(Sample, u64)> = None;
        let ended = loop {
            let elapsed = run.begun.elapsed();
            if began.is_none() && elapsed >= warm_up {
                began = Some((meter.sample()?, run.received));
                run.measure_from = Some(run.begun.elapsed());
            }
            if elapsed >= warm_up + time {
                break meter.sample()?;
            }
            self.send(&mut run)?;
            self.receive(&mut run)?;
        };
        let (began, received_before) = began.context("a run is longer than its warm-up")?;
        let delivered = run.received - received_before;
        let mut last = (run.received, Instant::now());
        while run.measured_received < run.measured_sent && last.1.elapsed() < QUIET {
            self.receive(&mut run)?;
            if run.received > last.0 {
                last = (run.received, Instant::now());
            }
        }
        run.faults.missed = u64::from(route.back.drops()?.wrapping_sub(missed_before));
        Ok(run.outcome(ended.since(&began), delivered))
    }

    /// Writes the part of each packet that stays the same.
    fn fill(&mut self, route: &Route<'_>, pace: Pace<'_>) {
        let header_len = if route.flows[0].channel.is_some() { CHANNEL_HEADER_LEN } else { 0 };
        let payload_len = match pace {
            Pace::Even { payload_len, .. } => payload_len,
            Pace::Video(_) => TRAIN_LEN_MAX - header_len,
        };
        for slot in self.memory.chunks_exact_mut(TRAIN_LEN_MAX) {
            for packet in slot.chunks_exact_mut(header_len + payload_len) {
                packet[header_len..].copy_from_slice(&self.pattern[..payload_len]);
                packet[header_len..header_len + 4].copy_from_slice(&self.runs.to_be_bytes());
            }
        }
        self.outgoing.clear();
    }

    fn send(&mut self, run: &mut Run<'_>) -> Result<()> {
        if self.outgoing.is_empty() {
            let now = run.begun.elapsed();
            run.catch_up(now);
            while self.outgoing.len() < SEND_MAX {
                let Some(next) = run.next(now) else { break };
                let start = self.outgoing.len() * TRAIN_LEN_MAX;
                let message = run.write(next, now, &mut self.memory[start..start + TRAIN_LEN_MAX]);
                self.outgoing.push(Outgoing { start, ..message });
            }
        }
        if !self.outgoing.is_empty() {
            let sent = self.sender.send(run.route.out, &self.memory, &self.outgoing)?;
            // What the kernel did not take comes again, from the places where it lies.
            self.outgoing.drain(..sent);
        }
        Ok(())
    }

    fn receive(&mut self, run: &mut Run<'_>) -> Result<()> {
        loop {
            let count = self.receiver.receive(run.route.back)?;
            if count > 0 {
                let now_ns = nanoseconds(run.begun.elapsed());
                for index in 0..count {
                    let message = self.receiver.message(index);
                    run.arrived(&message, self.receiver.memory(), &self.pattern, now_ns);
                }
            }
            if count < BATCH_MAX {
                return Ok(());
            }
        }
    }
}

/// The next message: a train of equal packets of one flow.
#[derive(Clone, Copy)]
struct Next {
    flow: usize,
    payload_len: usize,
    train: usize,
}

/// A run under way.
struct Run<'a> {
    number: u32,
    route: &'a Route<'a>,
    pace: Pace<'a>,
    begun: Instant,
    /// Time that was given up because the generator did not keep up.
    forgiven: Duration,
    /// Packets asked to be sent so far, and the flow that is next; of a video, the packets of its pattern.
    scheduled: u64,
    next_flow: usize,
    next_numbers: Vec<u64>,
    expected_numbers: Vec<u64>,
    measure_from: Option<Duration>,
    received: u64,
    measured_sent: u64,
    measured_received: u64,
    latencies: Latencies,
    faults: Faults,
}

impl<'a> Run<'a> {
    fn new(number: u32, route: &'a Route<'a>, pace: Pace<'a>) -> Self {
        Self {
            number,
            route,
            pace,
            begun: Instant::now(),
            forgiven: Duration::ZERO,
            scheduled: 0,
            next_flow: 0,
            next_numbers: vec![0; route.flows.len()],
            expected_numbers: vec![0; route.flows.len()],
            measure_from: None,
            received: 0,
            measured_sent: 0,
            measured_received: 0,
            latencies: Latencies::new(),
            faults: Faults::default(),
        }
    }

    /// Gives up time by which the generator is too late.
    fn catch_up(&mut self, now: Duration) {
        if let Some(due) = self.due() {
            let lag = now.saturating_sub(due + self.forgiven);
            if lag > LAG_MAX {
                self.forgiven += lag;
            }
        }
    }

    /// When the next message is due, on a clock that has not been stopped; `None` when there is no pace.
    fn due(&self) -> Option<Duration> {
        match self.pace {
            Pace::Even { rate: None, .. } => None,
            Pace::Even { rate: Some(rate), .. } => {
                Some(Duration::from_nanos(self.scheduled.saturating_mul(1_000_000_000) / u64::from(rate)))
            }
            Pace::Video(pattern) => Some(pattern.packet(self.scheduled).at),
        }
    }

    /// The next message that is due, if one is.
    fn next(&mut self, now: Duration) -> Option<Next> {
        if self.due().is_some_and(|due| due + self.forgiven > now) {
            return None;
        }
        match self.pace {
            Pace::Even { payload_len, train, .. } => {
                self.scheduled += train as u64;
                let flow = self.next_flow;
                self.next_flow = (flow + 1) % self.route.flows.len();
                Some(Next { flow, payload_len, train })
            }
            Pace::Video(pattern) => {
                let packet = pattern.packet(self.scheduled);
                self.scheduled += 1;
                Some(Next { flow: packet.flow, payload_len: packet.payload_len, train: 1 })
            }
        }
    }

    /// Writes what differs from packet to packet into `slot`, which has the rest already.
    fn write(&mut self, next: Next, now: Duration, slot: &mut [u8]) -> Outgoing {
        let flow = &self.route.flows[next.flow];
        let header_len = if flow.channel.is_some() { CHANNEL_HEADER_LEN } else { 0 };
        let packet_len = header_len + next.payload_len;
        let index = u32::try_from(next.flow).expect("flows are few");
        for packet in slot.chunks_exact_mut(packet_len).take(next.train) {
            if let Some(channel) = flow.channel {
                packet[..2].copy_from_slice(&channel.to_be_bytes());
                let len = u16::try_from(next.payload_len).expect("a payload fits into a datagram");
                packet[2..4].copy_from_slice(&len.to_be_bytes());
            }
            let payload = &mut packet[header_len..];
            payload[4..8].copy_from_slice(&index.to_be_bytes());
            payload[8..16].copy_from_slice(&self.next_numbers[next.flow].to_be_bytes());
            payload[16..24].copy_from_slice(&nanoseconds(now).to_be_bytes());
            self.next_numbers[next.flow] += 1;
        }
        if self.measure_from.is_some_and(|from| now >= from) {
            self.measured_sent += next.train as u64;
        }
        let segment_len = if next.train > 1 { u16::try_from(packet_len).ok() } else { None };
        Outgoing { start: 0, len: packet_len * next.train, segment_len, from: Some(flow.from), to: flow.to }
    }

    fn arrived(&mut self, message: &Incoming, memory: &[u8], pattern: &[u8], now_ns: u64) {
        if message.len == 0 {
            self.faults.corrupt += 1;
            return;
        }
        let bytes = &memory[message.start..message.start + message.len];
        for datagram in bytes.chunks(message.segment_len) {
            if self.packet_arrived(datagram, message.from, pattern, now_ns).is_none() {
                self.faults.corrupt += 1;
            }
        }
    }

    /// `None`: it is not what was sent.
    fn packet_arrived(
        &mut self,
        datagram: &[u8],
        from: SocketAddrV4,
        pattern: &[u8],
        now_ns: u64,
    ) -> Option<()> {
        let is_framed = self.route.flows[0].arrives_on.is_some();
        let (channel, payload) = if is_framed {
            let (header, payload) = datagram.split_first_chunk::<CHANNEL_HEADER_LEN>()?;
            let len = usize::from(u16::from_be_bytes([header[2], header[3]]));
            (Some(u16::from_be_bytes([header[0], header[1]])), payload.get(..len)?)
        } else {
            (None, datagram)
        };
        let (head, rest) = payload.split_first_chunk::<PAYLOAD_LEN_MIN>()?;
        if head[..4] != self.number.to_be_bytes() {
            self.faults.stale += 1;
            return Some(());
        }
        self.received += 1;
        let flow = usize::try_from(u32::from_be_bytes(head[4..8].try_into().ok()?)).ok()?;
        let number = u64::from_be_bytes(head[8..16].try_into().ok()?);
        let sent_ns = u64::from_be_bytes(head[16..24].try_into().ok()?);
        let expected = self.expected_numbers.get_mut(flow)?;
        if number < *expected {
            self.faults.disordered += 1;
        } else {
            *expected = number + 1;
        }
        let flow = &self.route.flows[flow];
        let is_from_there = if flow.arrives_by_any_port {
            from.ip() == flow.arrives_from.ip()
        } else {
            from == flow.arrives_from
        };
        if !is_from_there || channel != flow.arrives_on {
            self.faults.misdirected += 1;
        }
        if self.measure_from.is_some_and(|measured| sent_ns >= nanoseconds(measured)) {
            self.measured_received += 1;
            self.latencies.record(now_ns.saturating_sub(sent_ns));
        }
        let is_as_sent = !self.received.is_multiple_of(COMPARE_EVERY)
            || *rest == pattern[PAYLOAD_LEN_MIN..PAYLOAD_LEN_MIN + rest.len()];
        is_as_sent.then_some(())
    }

    fn outcome(self, spent: Spent, delivered: u64) -> Outcome {
        let microseconds = |thousandths| self.latencies.quantile(thousandths).map_or(0.0, float) / 1e3;
        let lost = self.measured_sent.saturating_sub(self.measured_received);
        Outcome {
            spent,
            delivered,
            offered_per_second: float(self.measured_sent) / spent.seconds,
            lost: float(lost) / float(self.measured_sent.max(1)),
            p50_us: microseconds(500),
            p99_us: microseconds(990),
            faults: self.faults,
        }
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).expect("a run is shorter than 584 years")
}
