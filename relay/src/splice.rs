//! Relayed TCP (RFC 6062): sockets that listen at relayed transport addresses and connect from them, and the splicing of a
//! peer's connection with a client's.
//!
//! What is read from one end waits in a bounded buffer until the other takes it; a full buffer, or a bandwidth limit, stops the
//! reading, and so in the end the sender. An end that says no more is told to the other once everything before has
//! arrived there, while the opposite direction goes on.

mod peers;
mod sockets;

pub(crate) use peers::{Destination, End, TcpOutcome, TcpPeers};
pub(crate) use sockets::{accept, listen};

use crate::stream::{Backlog, Detached, Read, ReceiveBuffer, StreamEnded, read, receive_tls};
use crate::tls::Tls;
use moim_udp::Interest;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

/// Most that waits in one direction before reading stops. One read may exceed it once.
const QUEUE_LEN_MAX: usize = 128 * 1024;
/// How long an end may take to read something of what waits for it.
const STALL_MAX: Duration = Duration::from_secs(60);
/// Bandwidth is asked for in pieces like packets: a limit's burst may be less than what was read in one go.
const METERED_LEN: usize = 1400;
/// How long to wait for bandwidth that there is none of now.
const METER_PAUSE: Duration = Duration::from_millis(10);

/// A connection whose directions are closed one by one.
pub(crate) trait HalfClose {
    /// Says that no more will be written.
    fn shutdown_write(&self) -> io::Result<()>;
}

impl HalfClose for TcpStream {
    fn shutdown_write(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Towards {
    Peer,
    Client,
}

/// Both ends are done, or one of them is broken or does not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Over;

/// What goes from one end to the other.
#[derive(Debug, Default)]
struct Direction {
    backlog: Backlog,
    /// How many bytes of the backlog have been granted bandwidth.
    granted: usize,
    flow: Flow,
}

/// How far a direction is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Flow {
    /// More may come.
    #[default]
    Open,
    /// No more will come; the other end is told after what waits.
    Ending,
    /// The other end was told.
    Ended,
}

impl Direction {
    fn wants_more(&self) -> bool {
        self.flow == Flow::Open && self.backlog.len() < QUEUE_LEN_MAX
    }

    fn took(&mut self, bytes: &[u8], read: Read) -> Result<(), Over> {
        self.backlog.push(bytes);
        match read.ended {
            None => {}
            Some(StreamEnded::ByClient) => self.flow = Flow::Ending,
            // It is broken in both directions. The error is told once: later, the poller would know of nothing but the end, and
            // say so over and over again.
            Some(_) => return Err(Over),
        }
        Ok(())
    }

    fn grant(&mut self, mut meter: impl FnMut(usize) -> bool) {
        while self.granted < self.backlog.len() {
            let len = METERED_LEN.min(self.backlog.len() - self.granted);
            if !meter(len) {
                return;
            }
            self.granted += len;
        }
    }

    fn lacks_bandwidth(&self) -> bool {
        self.granted < self.backlog.len()
    }

    /// Whether the end is to be told now that no more will come.
    fn is_through(&self) -> bool {
        self.flow == Flow::Ending && self.backlog.is_empty()
    }
}

/// A client's connection and a peer's that are one now.
#[derive(Debug)]
pub(crate) struct Splice<S> {
    client: S,
    client_tls: Option<Tls>,
    peer: S,
    /// From the client to the peer.
    up: Direction,
    /// From the peer to the client.
    down: Direction,
    /// Since when something has waited without any of it being taken.
    stalled_since: Option<Instant>,
}

/// What the poller is to wait for at each end; none: not at all, the end is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interests {
    pub(crate) client: Option<Interest>,
    pub(crate) peer: Option<Interest>,
}

impl<S: io::Read + Write + HalfClose> Splice<S> {
    /// Joins them. What the client was to be sent as a client of the server goes before what the peer says.
    pub(crate) fn new(client: Detached<S>, peer: S) -> Self {
        let mut up = Direction::default();
        up.backlog.push(&client.read_ahead);
        let granted = client.outbox.len();
        let down = Direction { backlog: client.outbox, granted, flow: Flow::Open };
        Self { client: client.io, client_tls: client.tls, peer, up, down, stalled_since: None }
    }

    /// The client's end.
    pub(crate) fn client(&self) -> &S {
        &self.client
    }

    /// The peer's end.
    pub(crate) fn peer(&self) -> &S {
        &self.peer
    }

    /// Moves what can be moved. `meter` grants a number of bytes, or does not for now.
    pub(crate) fn pump(
        &mut self,
        buffer: &mut ReceiveBuffer,
        now: Instant,
        mut meter: impl FnMut(Towards, usize) -> bool,
    ) -> Result<Interests, Over> {
        let (wire, plain) = buffer.parts();
        if self.up.wants_more() {
            let read = match &mut self.client_tls {
                Some(tls) => receive_tls(&mut self.client, tls, wire, plain),
                None => read(&mut self.client, wire),
            };
            let from = if self.client_tls.is_some() { plain } else { &mut *wire };
            self.up.took(&from[..read.len], read)?;
        }
        if self.down.wants_more() {
            let read = read(&mut self.peer, wire);
            self.down.took(&wire[..read.len], read)?;
        }
        self.up.grant(|len| meter(Towards::Peer, len));
        self.down.grant(|len| meter(Towards::Client, len));
        let moved = self.write()?;
        self.pass_on_ends()?;
        if !self.waits() {
            self.stalled_since = None;
        } else if moved > 0 || self.stalled_since.is_none() {
            self.stalled_since = Some(now);
        }
        if self.stalled_since.is_some_and(|since| now >= since + STALL_MAX) {
            return Err(Over);
        }
        if self.up.flow == Flow::Ended && self.down.flow == Flow::Ended && !self.waits() {
            return Err(Over);
        }
        Ok(self.interests())
    }

    /// When to pump again even if neither end is ready.
    pub(crate) fn poll_timeout(&self, now: Instant) -> Option<Instant> {
        if self.up.lacks_bandwidth() || self.down.lacks_bandwidth() {
            return Some(now + METER_PAUSE);
        }
        self.stalled_since.map(|since| since + STALL_MAX)
    }

    fn write(&mut self) -> Result<usize, Over> {
        let Self { client, client_tls, peer, up, down, .. } = self;
        let to_peer = up.backlog.write_some_to(peer, up.granted).map_err(|_| Over)?;
        up.granted -= to_peer;
        let before = down.backlog.len();
        let to_client = match client_tls {
            Some(tls) => tls.send_some(&mut down.backlog, down.granted, client).map_err(|_| Over)?,
            None => down.backlog.write_some_to(client, down.granted).map_err(|_| Over)?,
        };
        down.granted -= before - down.backlog.len();
        Ok(to_peer + to_client)
    }

    fn pass_on_ends(&mut self) -> Result<(), Over> {
        if self.up.is_through() {
            self.up.flow = Flow::Ended;
            self.peer.shutdown_write().map_err(|_| Over)?;
        }
        if self.down.is_through() {
            if let Some(tls) = &mut self.client_tls
                && !tls.is_closed()
            {
                tls.close(&mut self.down.backlog).map_err(|_| Over)?;
                tls.send(&mut self.down.backlog, &mut self.client).map_err(|_| Over)?;
            }
            if !self.has_tls_backlog() {
                self.down.flow = Flow::Ended;
                self.client.shutdown_write().map_err(|_| Over)?;
            }
        }
        Ok(())
    }

    fn has_tls_backlog(&self) -> bool {
        self.client_tls.as_ref().is_some_and(Tls::has_backlog)
    }

    /// Whether something that may be written waits for an end to take it.
    fn waits(&self) -> bool {
        self.up.granted > 0 || self.down.granted > 0 || self.has_tls_backlog()
    }

    fn interests(&self) -> Interests {
        let client_writes = self.down.granted > 0 || self.has_tls_backlog();
        let peer_writes = self.up.granted > 0;
        Interests {
            client: interest(self.up.wants_more(), client_writes, self.down.flow),
            peer: interest(self.down.wants_more(), peer_writes, self.up.flow),
        }
    }
}

/// What to wait for at an end that `to` goes to.
fn interest(reads: bool, writes: bool, to: Flow) -> Option<Interest> {
    match (reads, writes) {
        (true, true) => Some(Interest::ReadWrite),
        (true, false) => Some(Interest::Read),
        (false, true) => Some(Interest::Write),
        // Nothing is read from it for now, if ever again. Should it have ended its direction as well, the poller would report
        // that again and again.
        (false, false) if to == Flow::Ended => None,
        (false, false) => Some(Interest::ErrorsOnly),
    }
}

#[cfg(test)]
mod tests;
