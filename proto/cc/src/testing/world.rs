use super::flow::{Flow, FlowConfig, Outgoing};
use super::link::{Link, LinkConfig};
use super::pop_if;
use super::reno::{self, Reno};
use super::trace::Trace;
use crate::Stats;
use std::collections::VecDeque;
use std::ops::Range;
use std::time::{Duration, Instant};

/// How far time is turned at once. Packets arrive at moments in between.
const STEP: Duration = Duration::from_millis(1);

/// What is on the link.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// The bottleneck.
    pub link: LinkConfig,
    /// From the far end back to the senders.
    pub way_back: Duration,
    /// Flows that follow a controller.
    pub flows: Vec<FlowConfig>,
    /// When TCP-like flows begin and end.
    pub reno: Vec<Range<Duration>>,
}

/// Flows over one bottleneck.
#[derive(Debug)]
pub struct World {
    began: Instant,
    at: Duration,
    link: Link<Token>,
    way_back: Duration,
    flows: Vec<Flow>,
    reno: Vec<(Reno, Trace)>,
    acknowledgements: VecDeque<(Duration, usize, u64)>,
}

#[derive(Clone, Copy, Debug)]
enum Token {
    Flow(usize, Outgoing),
    Reno(usize, u64),
}

impl World {
    /// A world at its beginning.
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    pub fn new(config: WorldConfig, seed: u64) -> Self {
        let began = Instant::now();
        let flows = (1u64..)
            .zip(config.flows)
            .map(|(index, flow)| Flow::new(flow, began, seed.wrapping_mul(1_000) + index));
        Self {
            began,
            at: Duration::ZERO,
            link: Link::new(config.link, seed),
            way_back: config.way_back,
            flows: flows.collect(),
            reno: config.reno.into_iter().map(|during| (Reno::new(during), Trace::default())).collect(),
            acknowledgements: VecDeque::new(),
        }
    }

    /// Turns the clock by so much.
    pub fn run(&mut self, time: Duration) {
        let end = self.at + time;
        while self.at < end {
            self.at += STEP;
            self.step();
        }
    }

    /// What happened to a flow.
    pub fn trace(&self, flow: usize) -> &Trace {
        &self.flows[flow].trace
    }

    /// What the controller of a flow knows.
    pub fn stats(&self, flow: usize) -> Stats {
        self.flows[flow].controller.stats()
    }

    /// What happened to a TCP-like flow.
    pub fn reno(&self, flow: usize) -> &Trace {
        &self.reno[flow].1
    }

    fn step(&mut self) {
        let at = self.at;
        while let Some(delivered) = self.link.receive(at) {
            match delivered.value {
                Token::Flow(index, packet) => {
                    self.flows[index].received(packet, delivered.at, delivered.waited);
                }
                Token::Reno(index, seq) => {
                    self.reno[index].1.received(delivered.at, delivered.size, delivered.waited);
                    self.acknowledgements.push_back((delivered.at + self.way_back, index, seq));
                }
            }
        }
        for flow in &mut self.flows {
            flow.report(at, self.way_back);
        }
        let now = self.began + at;
        for (index, flow) in self.flows.iter_mut().enumerate() {
            flow.step(at, now, |packet| {
                self.link.send(Token::Flow(index, packet), packet.size, at);
            });
        }
        self.step_reno();
    }

    fn step_reno(&mut self) {
        let at = self.at;
        while let Some((_, index, seq)) = pop_if(&mut self.acknowledgements, |(arrives, ..)| *arrives <= at) {
            self.reno[index].0.acknowledged(seq, at);
        }
        for (index, (flow, trace)) in self.reno.iter_mut().enumerate() {
            while let Some(seq) = flow.poll(at) {
                trace.sent(at);
                self.link.send(Token::Reno(index, seq), reno::SIZE, at);
            }
        }
    }
}
