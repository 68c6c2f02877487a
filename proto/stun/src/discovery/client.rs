use super::attribute::{ChangeRequest, OtherAddress, ResponsePort};
use super::report::{BindingLifetime, Filtering, Finding, Mapping, Observation, Report, Unknown};
use crate::attribute::{MappedAddress, Software, XorMappedAddress};
use crate::{Class, HEADER_LEN, Message, MessageBuilder, Method, Seal, TransactionId};
use moim_wire::Deadline;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use transaction::{Transaction, TransactionIds};

mod hairpin;
mod lifetime;
mod transaction;

pub use lifetime::LifetimeSearch;

/// The most servers that are asked, including the alternate addresses that the first of them tells.
pub const SERVERS_MAX: usize = 16;

/// What a request says it comes from. Its length is the point: a server that keeps its answers in proportion to requests
/// (see [`Disclosure`](super::Disclosure)) can tell its other addresses, over IPv6 as well.
const SOFTWARE: &str = "moim: NAT behaviour discovery (RFC 5780), long on purpose";

/// What a client is to do.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// The servers to ask, all of one family. The first that answers is asked for RFC 5780; the others tell more about the
    /// mapping. At most [`SERVERS_MAX`] count.
    pub servers: Vec<SocketAddr>,
    /// The address of [`SocketId::Main`], with the IP address that it sends from. Whoever is seen at it is behind no NAT.
    pub local: SocketAddr,
    /// How long to wait for answers.
    pub timing: Timing,
    /// Whether and how to look for the lifetime of a mapping, which takes minutes.
    pub lifetime: Option<LifetimeSearch>,
}

/// How often a request is sent, and how long each is waited for (RFC 8489 §6.2.1).
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// The wait after the first; it doubles with each further one.
    pub rto: Duration,
    /// How many are sent before an answer is given up.
    pub requests_max: u32,
}

impl Default for Timing {
    /// 300 ms and four requests: an answer is given up after 4.5 s.
    fn default() -> Self {
        Self { rto: Duration::from_millis(300), requests_max: 4 }
    }
}

/// One of the sockets that the driver opens, each on a port of its own, when something is first to be sent from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SocketId {
    /// Tests of the mapping.
    Main,
    /// Tests of the filter: it must not have sent to the server's other addresses.
    Filter,
    /// Tests of the lifetime: it asks for answers to the other sockets.
    Prober,
    /// Tests of the lifetime: its mapping is left alone.
    Idle,
}

impl SocketId {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Main, Self::Filter, Self::Prober, Self::Idle];
}

/// A datagram to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transmit {
    /// From which socket.
    pub socket: SocketId,
    /// Where to.
    pub to: SocketAddr,
    /// What.
    pub bytes: Vec<u8>,
}

/// Asks servers, one request after the other, until what can be told is known (RFC 5780 §4).
///
/// Drive it until [`report`](Self::report) has something: send what [`poll_transmit`](Self::poll_transmit) gives, hand in
/// what comes, and call [`handle_timeout`](Self::handle_timeout) when it is due.
#[derive(Debug)]
pub struct Client {
    timing: Timing,
    ids: TransactionIds,
    step: Step,
    current: Option<Transaction>,
    transmits: VecDeque<Transmit>,
    servers: VecDeque<SocketAddr>,
    primary: Option<Primary>,
    filter_mapped: Option<SocketAddr>,
    lifetime_search: Option<LifetimeSearch>,
    now: Instant,
    report: Report,
}

/// The server that is asked for RFC 5780.
#[derive(Clone, Copy, Debug)]
struct Primary {
    address: SocketAddr,
    other: Option<SocketAddr>,
}

impl Primary {
    /// Where the response to a request for change comes from. [`None`]: there is no such place.
    fn changed(&self, change: ChangeRequest) -> Option<SocketAddr> {
        let other = self.other?;
        let ip = if change.ip { other.ip() } else { self.address.ip() };
        let port = if change.port { other.port() } else { self.address.port() };
        Some(SocketAddr::new(ip, port))
    }

    fn has_second_ip(&self) -> bool {
        self.other.is_some_and(|other| other.ip() != self.address.ip())
    }
}

/// What the current transaction is for.
#[derive(Clone, Copy, Debug)]
enum Step {
    Mapping,
    /// Opens the mapping of the second socket.
    FilterOpen,
    FilterBoth,
    FilterPort,
    Hairpin,
    Lifetime(lifetime::Step),
    Done,
}

/// How a transaction ended.
enum Outcome<'a> {
    Success { message: &'a Message<'a>, from: SocketAddr },
    Refused,
    NoAnswer,
}

impl Client {
    /// A client that has something to send at once. The seed is for transaction ids, and is to be random.
    pub fn new(config: ClientConfig, seed: [u8; 32], now: Instant) -> Self {
        let mut servers: VecDeque<_> = config.servers.into();
        servers.truncate(SERVERS_MAX);
        let mut client = Self {
            timing: config.timing,
            ids: TransactionIds::new(seed),
            step: Step::Mapping,
            current: None,
            transmits: VecDeque::new(),
            servers,
            primary: None,
            filter_mapped: None,
            lifetime_search: config.lifetime,
            now,
            report: Report {
                local: config.local,
                mapped: None,
                observations: Vec::new(),
                mapping: Finding::Unknown(Unknown::NoAnswer),
                filtering: Finding::Unknown(Unknown::NoAnswer),
                hairpinning: Finding::Unknown(Unknown::NoAnswer),
                lifetime: Finding::Unknown(Unknown::NotTested),
            },
        };
        client.ask_next_server();
        client
    }

    /// What was found out. [`None`]: not finished.
    pub fn report(&self) -> Option<&Report> {
        matches!(self.step, Step::Done).then_some(&self.report)
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// When something is next to be done.
    pub fn poll_timeout(&self) -> Option<Deadline> {
        if !self.transmits.is_empty() {
            return Some(Deadline::new(self.now, "something is to be sent"));
        }
        match (&self.current, &self.step) {
            (Some(transaction), _) => Some(Deadline::new(transaction.due, "no answer yet")),
            (None, Step::Lifetime(step)) => {
                step.due().map(|due| Deadline::new(due, "the mapping was left alone"))
            }
            (None, _) => None,
        }
    }

    /// Takes a datagram that came from `from` to one of the sockets. What does not belong to the test is passed over.
    pub fn handle_datagram(&mut self, datagram: &[u8], from: SocketAddr, socket: SocketId, now: Instant) {
        self.now = now;
        let Ok(message) = Message::parse(datagram) else { return };
        let Some(transaction) = &self.current else { return };
        if message.method() != Method::BINDING || message.transaction_id() != transaction.id {
            return;
        }
        match message.class() {
            Class::SuccessResponse if transaction.wants_response_on(socket) => {
                self.end(&Outcome::Success { message: &message, from });
            }
            // An answer to where it was not to go is none to what was asked.
            Class::ErrorResponse | Class::SuccessResponse if socket == transaction.socket => {
                self.end(&Outcome::Refused);
            }
            // The request came back by way of its own mapped address.
            Class::Request if matches!(self.step, Step::Hairpin) => self.hairpin_seen(true),
            Class::Request | Class::Indication | Class::SuccessResponse | Class::ErrorResponse => {}
        }
    }

    /// Sends again what was not answered, or gives it up.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.now = now;
        match &mut self.current {
            Some(transaction) if transaction.due <= now => match transaction.repeat(self.timing, now) {
                Some(transmit) => {
                    self.transmits.push_back(transmit);
                    self.repeat_for_hairpin();
                }
                None => self.end(&Outcome::NoAnswer),
            },
            None => self.lifetime_waited(),
            Some(_) => {}
        }
    }

    fn end(&mut self, outcome: &Outcome<'_>) {
        let Some(transaction) = self.current.take() else { return };
        self.transmits.clear();
        match self.step {
            Step::Mapping => self.mapping_ended(&transaction, outcome),
            Step::FilterOpen => self.filter_opened(outcome),
            Step::FilterBoth => self.filter_both_ended(outcome),
            Step::FilterPort => self.filter_port_ended(outcome),
            // The server at the mapped address is this client, which does not answer.
            Step::Hairpin => self.hairpin_seen(false),
            Step::Lifetime(step) => self.lifetime_ended(step, outcome),
            Step::Done => {}
        }
    }

    fn ask_next_server(&mut self) {
        let is_new = |server: &SocketAddr| {
            !self.report.observations.iter().any(|observation| observation.destination == *server)
        };
        let next = self.servers.iter().position(is_new);
        // What was asked already has nothing new to tell.
        let next = next.and_then(|position| self.servers.drain(..=position).next_back());
        match next {
            Some(server) => self.ask(SocketId::Main, server, |_| {}),
            None => self.mapping_done(),
        }
    }

    /// RFC 5780 §4.3, tests I to III; with further servers in place of the alternate address where there is none.
    fn mapping_ended(&mut self, transaction: &Transaction, outcome: &Outcome<'_>) {
        if let Outcome::Success { message, from } = outcome
            && *from == transaction.to
            && let Some(mapped) = mapped_address(message)
        {
            let destination = transaction.to;
            self.report.mapped.get_or_insert(mapped);
            self.report.observations.push(Observation { destination, mapped });
            let other = message.get::<OtherAddress>().ok().flatten().map(|OtherAddress(other)| other);
            let is_first = self.primary.is_none();
            if is_first || (other.is_some() && self.primary.is_some_and(|primary| primary.other.is_none())) {
                let primary = Primary {
                    address: destination,
                    other: other.filter(|other| is_other(*other, destination)),
                };
                self.primary = Some(primary);
                self.ask_alternates_of(&primary);
            }
        }
        self.ask_next_server();
    }

    fn ask_alternates_of(&mut self, primary: &Primary) {
        let Some(other) = primary.other else { return };
        let alternates = [SocketAddr::new(other.ip(), primary.address.port()), other];
        let asked: Vec<_> =
            self.report.observations.iter().map(|observation| observation.destination).collect();
        for address in alternates.into_iter().rev() {
            if !asked.contains(&address) && self.servers.len() < SERVERS_MAX {
                self.servers.retain(|server| *server != address);
                self.servers.push_front(address);
            }
        }
    }

    fn mapping_done(&mut self) {
        self.report.mapping = Mapping::tell(self.report.local, &self.report.observations);
        let Some(primary) = self.primary else { return self.finish() };
        self.step = Step::FilterOpen;
        self.ask(SocketId::Filter, primary.address, |_| {});
    }

    /// RFC 5780 §4.4, test I, from a socket that has sent nowhere else.
    fn filter_opened(&mut self, outcome: &Outcome<'_>) {
        let mapped = match outcome {
            Outcome::Success { message, .. } => mapped_address(message),
            Outcome::Refused | Outcome::NoAnswer => None,
        };
        self.filter_mapped = mapped;
        let (Some(primary), Some(_)) = (self.primary, mapped) else {
            self.report.filtering = Finding::Unknown(Unknown::NoAnswer);
            return self.begin_hairpin();
        };
        if primary.other.is_none() {
            self.report.filtering = Finding::Unknown(Unknown::NoOtherAddress);
            self.begin_hairpin();
        } else if primary.has_second_ip() {
            self.step = Step::FilterBoth;
            self.ask_for_change(&primary, ChangeRequest { ip: true, port: true });
        } else {
            self.begin_filter_port(&primary);
        }
    }

    fn begin_filter_port(&mut self, primary: &Primary) {
        self.step = Step::FilterPort;
        self.ask_for_change(primary, ChangeRequest { ip: false, port: true });
    }

    fn ask_for_change(&mut self, primary: &Primary, change: ChangeRequest) {
        self.ask(SocketId::Filter, primary.address, |builder| builder.attribute(&change).expect(FITS));
    }

    /// Test II: an answer from where nothing was sent to.
    fn filter_both_ended(&mut self, outcome: &Outcome<'_>) {
        let Some(primary) = self.primary else { return self.begin_hairpin() };
        let change = ChangeRequest { ip: true, port: true };
        match outcome {
            Outcome::NoAnswer => return self.begin_filter_port(&primary),
            Outcome::Refused => self.report.filtering = Finding::Unknown(Unknown::Refused),
            Outcome::Success { from, .. } if primary.changed(change) == Some(*from) => {
                self.report.filtering = Finding::Known(Filtering::EndpointIndependent);
            }
            Outcome::Success { .. } => self.report.filtering = Finding::Unknown(Unknown::NotChanged),
        }
        self.begin_hairpin();
    }

    /// Test III: an answer from another port of where something was sent to.
    fn filter_port_ended(&mut self, outcome: &Outcome<'_>) {
        let Some(primary) = self.primary else { return self.begin_hairpin() };
        let change = ChangeRequest { ip: false, port: true };
        self.report.filtering = match outcome {
            Outcome::NoAnswer => Finding::Known(Filtering::AddressAndPortDependent),
            Outcome::Refused => Finding::Unknown(Unknown::Refused),
            Outcome::Success { from, .. } if primary.changed(change) != Some(*from) => {
                Finding::Unknown(Unknown::NotChanged)
            }
            Outcome::Success { .. } if primary.has_second_ip() => Finding::Known(Filtering::AddressDependent),
            Outcome::Success { .. } => Finding::Unknown(Unknown::PortOnly),
        };
        self.begin_hairpin();
    }

    fn finish(&mut self) {
        self.step = Step::Done;
    }

    /// Begins a transaction: builds the request and queues its first transmission.
    fn ask(&mut self, socket: SocketId, to: SocketAddr, add: impl FnOnce(&mut MessageBuilder<'_>)) {
        let id = self.ids.next();
        let bytes = request(id, add);
        self.begin(Transaction::new(id, socket, to, bytes, self.now));
    }

    fn begin(&mut self, mut transaction: Transaction) {
        if let Some(transmit) = transaction.repeat(self.timing, self.now) {
            self.transmits.push_back(transmit);
        }
        self.current = Some(transaction);
    }
}

/// Why building a request cannot fail.
const FITS: &str = "the buffer holds a header, SOFTWARE and one attribute of four bytes";

fn request(id: TransactionId, add: impl FnOnce(&mut MessageBuilder<'_>)) -> Vec<u8> {
    let mut buffer = [0; HEADER_LEN + 4 + SOFTWARE.len().next_multiple_of(4) + 8];
    let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id).expect(FITS);
    builder.attribute(&Software(SOFTWARE)).expect(FITS);
    add(&mut builder);
    builder.finish(Seal::default()).expect(FITS).to_vec()
}

fn mapped_address(message: &Message<'_>) -> Option<SocketAddr> {
    let xored = message.get::<XorMappedAddress>().ok().flatten().map(|mapped| mapped.0);
    xored.or_else(|| message.get::<MappedAddress>().ok().flatten().map(|mapped| mapped.0))
}

/// Whether a server's OTHER-ADDRESS is one that can be asked: another port, of the same family.
fn is_other(other: SocketAddr, address: SocketAddr) -> bool {
    other.is_ipv4() == address.is_ipv4() && other.port() != 0 && other.port() != address.port()
}
