//! Blind forwarders: the floor under every relay that uses sockets.
//!
//! What comes in on the client side goes out on the relay side and the other way round. They parse nothing and look nothing up:
//! where a datagram goes follows from the socket it came by, or from counting.

#![expect(clippy::print_stdout, reason = "a line tells the one that started it that it listens")]

use crate::udp::{BATCH_MAX, FORWARDING_BUFFER_LEN, Outgoing, Receiver, Sender, Socket, TRAIN_LEN_MAX};
use anyhow::{Result, bail};
use clap::{Args, ValueEnum};
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::fd::OwnedFd;
use std::io::{self, Write};
use std::net::SocketAddrV4;
use std::os::fd::AsFd;
use std::thread;
use std::time::Duration;

/// Said on standard output once it forwards.
pub(crate) const READY: &str = "ready";
/// What a datagram takes that belongs to no train.
const DATAGRAM_LEN_MAX: usize = 2_048;
/// Most batches of one socket before others get their turn.
const BATCHES_PER_TURN_MAX: usize = 4;
/// Most sockets that one wait tells of.
const EVENTS_MAX: usize = 64;
/// What the poller calls the socket on the client side; those on the relay side are called by their index.
const LISTEN: u64 = u64::MAX;

/// How datagrams are received and sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Batching {
    /// recvmmsg and sendmmsg, each datagram for itself
    Mmsg,
    /// The same, with trains kept whole by UDP_GRO and UDP_SEGMENT
    Gso,
}

#[derive(Args)]
pub(crate) struct Options {
    #[arg(long, value_enum)]
    batching: Batching,
    /// The address on the side of the clients
    #[arg(long)]
    listen: SocketAddrV4,
    /// The address on the side of the peers; further sockets take the ports that follow
    #[arg(long)]
    relay: SocketAddrV4,
    /// Where to send what comes from peers: one for each socket on their side
    #[arg(long, value_delimiter = ',', required = true)]
    clients: Vec<SocketAddrV4>,
    /// Where to send what comes from clients: one for each socket on the side of the peers, in turns
    #[arg(long, value_delimiter = ',', required = true)]
    peers: Vec<SocketAddrV4>,
    /// Microseconds to rest after each turn
    #[arg(long, default_value_t = 0)]
    rest_us: u64,
}

/// Forwards until it is ended.
pub(crate) fn run(options: &Options) -> Result<()> {
    let mut forwarder = Forwarder::new(options)?;
    let mut events = Vec::with_capacity(EVENTS_MAX);
    println!("{READY}");
    io::stdout().flush()?;
    loop {
        events.clear();
        match epoll::wait(&forwarder.poller, spare_capacity(&mut events), None) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            forwarder.forward(event.data.u64())?;
        }
        if options.rest_us > 0 {
            thread::sleep(Duration::from_micros(options.rest_us));
        }
    }
}

struct Forwarder {
    poller: OwnedFd,
    listen: Socket,
    /// Each with where its datagrams go, to the client and to the peer.
    lanes: Vec<Lane>,
    next_lane: usize,
    receiver: Receiver,
    sender: Sender,
    outgoing: Vec<Outgoing>,
}

struct Lane {
    relay: Socket,
    client: SocketAddrV4,
    peer: SocketAddrV4,
}

impl Forwarder {
    fn new(options: &Options) -> Result<Self> {
        if options.clients.len() != options.peers.len() {
            bail!("there must be as many clients as peers");
        }
        let gro = options.batching == Batching::Gso;
        let poller = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let listen = Socket::bind(options.listen, gro, FORWARDING_BUFFER_LEN)?;
        watch(&poller, &listen, LISTEN)?;
        let mut lanes = Vec::new();
        for (index, (&client, &peer)) in options.clients.iter().zip(&options.peers).enumerate() {
            let port = options.relay.port() + u16::try_from(index)?;
            let relay =
                Socket::bind(SocketAddrV4::new(*options.relay.ip(), port), gro, FORWARDING_BUFFER_LEN)?;
            watch(&poller, &relay, u64::try_from(index)?)?;
            lanes.push(Lane { relay, client, peer });
        }
        Ok(Self {
            poller,
            listen,
            lanes,
            next_lane: 0,
            receiver: Receiver::new(if gro { TRAIN_LEN_MAX } else { DATAGRAM_LEN_MAX }),
            sender: Sender::new(),
            outgoing: Vec::with_capacity(BATCH_MAX),
        })
    }

    fn forward(&mut self, token: u64) -> io::Result<()> {
        for _ in 0..BATCHES_PER_TURN_MAX {
            let received = match usize::try_from(token).ok().and_then(|index| self.lanes.get(index)) {
                None => self.forward_to_peers()?,
                Some(_) => self.forward_to_client(usize::try_from(token).unwrap_or_default())?,
            };
            if received < BATCH_MAX {
                break;
            }
        }
        Ok(())
    }

    fn forward_to_peers(&mut self) -> io::Result<usize> {
        let received = self.receiver.receive(&self.listen)?;
        // With one socket on the other side, a batch stays a batch.
        let at_once = if self.lanes.len() == 1 { BATCH_MAX } else { 1 };
        let mut first = 0;
        while first < received {
            let lane = &self.lanes[self.next_lane];
            self.next_lane = (self.next_lane + 1) % self.lanes.len();
            let last = received.min(first + at_once);
            fill(&mut self.outgoing, &self.receiver, first..last, lane.peer);
            send(&mut self.sender, &lane.relay, &self.receiver, &self.outgoing)?;
            first = last;
        }
        Ok(received)
    }

    fn forward_to_client(&mut self, index: usize) -> io::Result<usize> {
        let lane = &self.lanes[index];
        let received = self.receiver.receive(&lane.relay)?;
        fill(&mut self.outgoing, &self.receiver, 0..received, lane.client);
        send(&mut self.sender, &self.listen, &self.receiver, &self.outgoing)?;
        Ok(received)
    }
}

fn watch(poller: &OwnedFd, socket: &Socket, token: u64) -> io::Result<()> {
    Ok(epoll::add(poller, socket.as_fd(), epoll::EventData::new_u64(token), epoll::EventFlags::IN)?)
}

fn fill(outgoing: &mut Vec<Outgoing>, receiver: &Receiver, range: std::ops::Range<usize>, to: SocketAddrV4) {
    outgoing.clear();
    outgoing.extend(range.map(|index| {
        let message = receiver.message(index);
        let is_train = message.len > message.segment_len;
        Outgoing {
            start: message.start,
            len: message.len,
            segment_len: if is_train { u16::try_from(message.segment_len).ok() } else { None },
            from: None,
            to,
        }
    }));
}

/// What the kernel does not take is lost, as on any router.
fn send(sender: &mut Sender, socket: &Socket, receiver: &Receiver, outgoing: &[Outgoing]) -> io::Result<()> {
    let mut sent = 0;
    while sent < outgoing.len() {
        match sender.send(socket, receiver.memory(), &outgoing[sent..])? {
            0 => break,
            count => sent += count,
        }
    }
    Ok(())
}
