use super::{
    BindingLifetime, Client, FITS, Finding, Outcome, ResponsePort, SocketId, Unknown, mapped_address, request,
};
use super::{Step as ClientStep, Transaction};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A search for less than this would ask forever.
const PRECISION_MIN: Duration = Duration::from_secs(1);

/// How the lifetime of a mapping is looked for (RFC 5780 §4.6): silences twice as long each time until the mapping does
/// not live through one, then halfway between the two, until they are close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LifetimeSearch {
    /// The first silence.
    pub first: Duration,
    /// The longest silence.
    pub longest: Duration,
    /// How close the two silences are to be that the result lies between.
    pub precision: Duration,
}

impl Default for LifetimeSearch {
    /// From 15 s to 20 minutes, to within 15 s: at most about an hour.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(15),
            longest: Duration::from_secs(20 * 60),
            precision: Duration::from_secs(15),
        }
    }
}

impl LifetimeSearch {
    pub(super) fn first(self, server: SocketAddr) -> Search {
        let silence = self.first.min(self.longest);
        Search { bounds: self, server, silence, survived: Duration::ZERO, ended: None }
    }
}

/// Where the search is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Search {
    bounds: LifetimeSearch,
    server: SocketAddr,
    silence: Duration,
    survived: Duration,
    ended: Option<Duration>,
}

impl Search {
    /// Takes what became of the mapping in a silence, and says how to go on: with a further one, or the result.
    fn after(mut self, is_alive: bool) -> Result<Self, BindingLifetime> {
        if is_alive {
            self.survived = self.silence;
        } else {
            self.ended = Some(self.silence);
        }
        let next = match self.ended {
            None if self.survived < self.bounds.longest => (self.survived * 2).min(self.bounds.longest),
            Some(ended) if ended > self.survived + self.bounds.precision.max(PRECISION_MIN) => {
                (self.survived + ended) / 2
            }
            _ => return Err(BindingLifetime { at_least: self.survived, less_than: self.ended }),
        };
        Ok(Self { silence: next, ..self })
    }
}

/// What is going on with the mapping.
#[derive(Clone, Copy, Debug)]
pub(super) enum Step {
    /// It is being made, or used again.
    Open(Search),
    /// It is left alone.
    Wait { search: Search, mapped: SocketAddr, until: Instant },
    /// A response to it is asked for from elsewhere.
    Probe(Search),
}

impl Step {
    /// When the silence ends. [`None`]: there is none.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Wait { until, .. } => Some(*until),
            Self::Open(_) | Self::Probe(_) => None,
        }
    }
}

impl Client {
    pub(super) fn open_mapping(&mut self, search: Search) {
        self.step = ClientStep::Lifetime(Step::Open(search));
        self.ask(SocketId::Idle, search.server, |_| {});
    }

    pub(super) fn lifetime_waited(&mut self) {
        let ClientStep::Lifetime(Step::Wait { search, mapped, until }) = self.step else { return };
        if self.now < until {
            return;
        }
        self.step = ClientStep::Lifetime(Step::Probe(search));
        let id = self.ids.next();
        let bytes = request(id, |builder| builder.attribute(&ResponsePort(mapped.port())).expect(FITS));
        let mut transaction = Transaction::new(id, SocketId::Prober, search.server, bytes, self.now);
        transaction.response_socket = Some(SocketId::Idle);
        self.begin(transaction);
    }

    pub(super) fn lifetime_ended(&mut self, step: Step, outcome: &Outcome<'_>) {
        match (step, outcome) {
            (Step::Open(search), Outcome::Success { message, .. }) => match mapped_address(message) {
                Some(mapped) => {
                    let until = self.now + search.silence;
                    self.step = ClientStep::Lifetime(Step::Wait { search, mapped, until });
                }
                None => self.lifetime_known(Finding::Unknown(Unknown::NoAnswer)),
            },
            (Step::Open(_), Outcome::NoAnswer) => self.lifetime_known(Finding::Unknown(Unknown::NoAnswer)),
            (Step::Probe(search), Outcome::Success { .. } | Outcome::NoAnswer) => {
                match search.after(Self::is_success(outcome)) {
                    Ok(search) => self.open_mapping(search),
                    Err(lifetime) => self.lifetime_known(Finding::Known(lifetime)),
                }
            }
            (_, Outcome::Refused) => self.lifetime_known(Finding::Unknown(Unknown::Refused)),
            (Step::Wait { .. }, _) => {}
        }
    }

    pub(super) fn lifetime_known(&mut self, lifetime: Finding<BindingLifetime>) {
        self.report.lifetime = lifetime;
        self.finish();
    }
}
