//! A thread that holds many connections: their sockets, their timers, what they send and what they count.
//!
//! A turn waits for whatever is ready, takes the trains that have arrived, does what is due, and sends. The thread shares nothing with others but commands
//! and a few counters; what is received is looked at where it lies and counted, and no frame is put together.

mod client;
mod timers;
mod tools;

pub(super) use client::{ClientSpec, Told};

use super::histogram::Histogram;
use super::stamp::Clock;
use super::{cpu, recording::Recording};
use client::Client;
use moim_peer::Certificate;
use moim_udp::{Interest, Poller, RecvBatch, Waker};
use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use timers::Timers;
use tokio::sync::{mpsc, oneshot};
use tools::Tools;

/// Commands that may wait for a worker. Whoever has more waits.
const COMMANDS_MAX: usize = 1_024;
/// Commands that are taken in one turn: each may cost a handshake.
const COMMANDS_AT_ONCE: usize = 8;
/// How long to wait when there is nothing to do.
const IDLE: Duration = Duration::from_millis(100);
/// What the waker is called among the sockets.
const WAKER: u64 = u64::MAX;

/// What a worker is told.
pub(super) enum Command {
    /// A participant has joined a room: make its connection.
    Add(Box<ClientSpec>),
    /// Something of a participant's, by its number.
    Client(usize, ClientCommand),
    /// Count from here on.
    Begin,
    /// Say what was counted.
    End(oneshot::Sender<Counted>),
}

/// What a participant's connection is told.
#[derive(Debug)]
pub(super) enum ClientCommand {
    /// The server has answered the offer.
    Answer(String),
    /// So many sections are to receive, of sound and of pictures.
    Receive { audio: u16, video: u16 },
    /// These encodings of a track are to be sent.
    Encodings { track: String, wanted: u8 },
    /// Whether media is to be sent at all.
    Send(bool),
    /// It leaves.
    Remove,
}

/// What was counted since it was begun.
#[derive(Clone, Default)]
pub(super) struct Counted {
    /// How long packets took from being given to a publisher's connection to being read by a subscriber.
    pub(super) latency: Histogram,
    /// Packets of media that were received, those among them that were sent again, and bytes of payload.
    pub(super) received: u64,
    pub(super) repaired: u64,
    pub(super) bytes: u64,
    /// Numbers that are missing in what was received.
    pub(super) lost: u64,
    /// Frames that belong to another room.
    pub(super) misdelivered: u64,
    /// Packets of media that were given to be sent, and those that were refused.
    pub(super) sent: u64,
    pub(super) refused: u64,
    /// Datagrams that the system did not take.
    pub(super) not_sent: u64,
    /// Streams that something came of.
    pub(super) streams: u64,
    /// What the worker has computed.
    pub(super) cpu: Duration,
}

impl Counted {
    pub(super) fn add(&mut self, other: &Self) {
        self.latency.add(&other.latency);
        self.received += other.received;
        self.repaired += other.repaired;
        self.bytes += other.bytes;
        self.lost += other.lost;
        self.misdelivered += other.misdelivered;
        self.sent += other.sent;
        self.refused += other.refused;
        self.not_sent += other.not_sent;
        self.streams += other.streams;
        self.cpu += other.cpu;
    }
}

/// What can be seen while a worker runs.
#[derive(Debug, Default)]
pub(super) struct Progress {
    pub(super) received: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) bytes: AtomicU64,
}

/// What all workers have in common.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) certificate: Certificate,
    pub(super) clock: Clock,
    /// The sound that is published, and the picture in its encodings.
    pub(super) audio: Option<Arc<Recording>>,
    pub(super) video: Vec<Arc<Recording>>,
    pub(super) progress: Arc<Progress>,
}

/// A worker, for others to talk to.
pub(super) struct Worker {
    commands: mpsc::Sender<Command>,
    waker: Arc<Waker>,
    thread: JoinHandle<io::Result<()>>,
}

impl Worker {
    /// Starts a thread.
    pub(super) fn spawn(number: usize, shared: Shared) -> io::Result<Self> {
        let (commands, inbox) = mpsc::channel(COMMANDS_MAX);
        let waker = Arc::new(Waker::new()?);
        let poller = Poller::new()?;
        poller.add(&*waker, WAKER, Interest::Read)?;
        let woken = Arc::clone(&waker);
        let run = move || {
            let run = Run {
                poller,
                waker: woken,
                commands: inbox,
                clients: Vec::new(),
                timers: Timers::default(),
                batch: RecvBatch::new(),
                tools: Tools::new(shared),
                touched: Vec::new(),
                cpu_before: Duration::ZERO,
            };
            run.run()
        };
        let thread = std::thread::Builder::new().name(format!("load-{number}")).spawn(run)?;
        Ok(Self { commands, waker, thread })
    }

    /// Tells the worker something. Waits while it has much to do already.
    pub(super) async fn tell(&self, command: Command) {
        // A worker that has failed hears nothing; whoever waits for it finds out by its silence.
        let _ = self.commands.send(command).await;
        self.waker.wake();
    }

    /// Ends the worker, and says how it ended.
    pub(super) fn stop(self) -> io::Result<()> {
        drop(self.commands);
        self.waker.wake();
        self.thread.join().unwrap_or_else(|_| Err(io::Error::other("a worker has panicked")))
    }
}

/// What a worker's thread has.
struct Run {
    poller: Poller,
    waker: Arc<Waker>,
    commands: mpsc::Receiver<Command>,
    /// By their numbers; every worker has some of them.
    clients: Vec<Option<Box<Client>>>,
    timers: Timers,
    batch: RecvBatch,
    tools: Tools,
    /// Clients that may have something to send or to tell.
    touched: Vec<usize>,
    cpu_before: Duration,
}

impl Run {
    fn run(mut self) -> io::Result<()> {
        loop {
            let wait =
                self.timers.soonest().map_or(IDLE, |due| due.saturating_duration_since(Instant::now()));
            self.poller.wait(Some(wait.min(IDLE)))?;
            self.tools.now = Instant::now();
            for index in 0..self.poller.len() {
                match self.poller.ready(index).token {
                    WAKER => self.waker.reset(),
                    token => self.receive(usize::try_from(token).unwrap_or(usize::MAX))?,
                }
            }
            if !self.take_commands()? {
                return Ok(());
            }
            while let Some(client) = self.timers.pop_due(self.tools.now) {
                if let Some(client) = self.client(client) {
                    client.is_scheduled = None;
                }
                self.touched.push(client);
            }
            self.settle();
            self.tools.show_progress();
        }
    }

    fn client(&mut self, index: usize) -> Option<&mut Client> {
        self.clients.get_mut(index)?.as_deref_mut()
    }

    /// Takes what has arrived at a socket.
    fn receive(&mut self, index: usize) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(index).and_then(Option::as_deref_mut) else { return Ok(()) };
        self.batch.clear();
        let slots = self.batch.recv(&client.socket)?;
        for slot in slots {
            let train = self.batch.train_mut(slot);
            for packet in train.bytes.chunks_mut(train.segment_len.max(1)) {
                client.receive(packet, train.source, &mut self.tools);
            }
        }
        self.touched.push(index);
        Ok(())
    }

    /// Returns whether to go on.
    fn take_commands(&mut self) -> io::Result<bool> {
        for _ in 0..COMMANDS_AT_ONCE {
            match self.commands.try_recv() {
                Ok(Command::Add(spec)) => self.add(*spec)?,
                Ok(Command::Client(index, ClientCommand::Remove)) => self.remove(index),
                Ok(Command::Client(index, command)) => {
                    if let Some(client) = self.clients.get_mut(index).and_then(Option::as_deref_mut) {
                        client.command(command, &mut self.tools);
                        self.touched.push(index);
                    }
                }
                Ok(Command::Begin) => {
                    self.cpu_before = cpu::of_this_thread().unwrap_or_default();
                    self.tools.counted = Counted::default();
                    self.clients.iter_mut().flatten().for_each(|client| client.begin_counting());
                }
                Ok(Command::End(answer)) => {
                    // Whoever asked may have given up.
                    let _ = answer.send(self.counted());
                }
                Err(mpsc::error::TryRecvError::Empty) => return Ok(true),
                Err(mpsc::error::TryRecvError::Disconnected) => return Ok(false),
            }
        }
        // There may be more: come back at once, after what has arrived.
        self.waker.wake();
        Ok(true)
    }

    fn counted(&self) -> Counted {
        let mut counted = self.tools.counted.clone();
        for (lost, streams) in self.clients.iter().flatten().map(|client| client.lost()) {
            counted.lost += lost;
            counted.streams += streams;
        }
        counted.cpu = cpu::of_this_thread().unwrap_or_default().saturating_sub(self.cpu_before);
        counted
    }

    fn add(&mut self, spec: ClientSpec) -> io::Result<()> {
        let index = spec.index;
        let client = match Client::new(spec, &mut self.tools) {
            Ok(client) => client,
            // It has been told whose it is.
            Err(error) if error.kind() == io::ErrorKind::InvalidInput => return Ok(()),
            Err(error) => return Err(error),
        };
        self.poller.add(&client.socket, index as u64, Interest::Read)?;
        if self.clients.len() <= index {
            self.clients.resize_with(index + 1, || None);
        }
        self.clients[index] = Some(Box::new(client));
        self.touched.push(index);
        Ok(())
    }

    fn remove(&mut self, index: usize) {
        if let Some(mut client) = self.clients.get_mut(index).and_then(Option::take) {
            client.close(&mut self.tools);
            // What it has lost goes with it, and is counted all the same.
            let (lost, streams) = client.lost();
            self.tools.counted.lost += lost;
            self.tools.counted.streams += streams;
        }
    }

    /// Sends what is to be sent, and sees to it that every client is looked at again in time.
    fn settle(&mut self) {
        self.touched.sort_unstable();
        self.touched.dedup();
        for index in self.touched.drain(..) {
            let Some(client) = self.clients.get_mut(index).and_then(Option::as_deref_mut) else { continue };
            client.settle(&mut self.tools);
            if let Some(due) = client.poll_timeout()
                && client.is_scheduled.is_none_or(|scheduled| due < scheduled)
            {
                client.is_scheduled = Some(due);
                self.timers.insert(due, index);
            }
        }
    }
}
