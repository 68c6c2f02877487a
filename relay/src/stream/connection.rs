//! One client on a stream: what it sends in whole messages, what it is sent within limits, and when it has to go.

use super::backlog::Backlog;
use super::frames::{self, FRAME_LEN_MAX, Frames, STRANGER_FRAME_LEN_MAX};
use crate::tls::{self, Tls};
use rustls::ServerConnection;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Most that is read in one go, so that no client has a turn of the shard for itself.
const READ_LEN_MAX: usize = 64 * 1024;
/// Relayed packets wait for a slow client up to so many bytes together; what comes then is dropped, as by any full link.
pub(crate) const RELAYED_QUEUE_LEN_MAX: usize = 128 * 1024;
/// Responses and indications wait up to so many bytes more. A client that does not read its answers either is let go.
pub(crate) const QUEUE_LEN_MAX: usize = RELAYED_QUEUE_LEN_MAX + 16 * 1024;
/// How long a client may take to read something of what waits for it.
pub(crate) const STALL_MAX: Duration = Duration::from_secs(30);
/// How long a client without an allocation may send no whole message.
pub(crate) const IDLE_MAX: Duration = Duration::from_secs(30);

/// Where clients' bytes are read to, one client at a time; each shard has one.
///
/// It holds the beginning of a message that came before, what TLS may have kept, and one read.
#[derive(Default)]
pub(crate) struct ReceiveBuffer {
    wire: Box<[u8]>,
    plain: Box<[u8]>,
}

impl ReceiveBuffer {
    pub(crate) fn new() -> Self {
        Self {
            wire: vec![0; READ_LEN_MAX].into(),
            plain: vec![0; FRAME_LEN_MAX + tls::KEPT_LEN_MAX + READ_LEN_MAX].into(),
        }
    }

    /// Room for one read, and for what TLS makes of it.
    pub(crate) fn parts(&mut self) -> (&mut [u8], &mut [u8]) {
        (&mut self.wire, &mut self.plain)
    }
}

impl std::fmt::Debug for ReceiveBuffer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ReceiveBuffer").finish_non_exhaustive()
    }
}

/// Why a connection is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum StreamEnded {
    /// The client has nothing more to say.
    ByClient,
    /// The network or the client's system broke it off.
    Broken,
    /// Something else than STUN and ChannelData, or a message that is too long.
    Malformed,
    /// TLS failed.
    Tls,
    /// The client does not read what it is sent.
    Stalled,
    /// No allocation, and no message for some time.
    Idle,
    /// The server has no use for it any more.
    ByServer,
}

impl StreamEnded {
    /// Every cause, in the order they are declared.
    pub const ALL: [Self; 7] =
        [Self::ByClient, Self::Broken, Self::Malformed, Self::Tls, Self::Stalled, Self::Idle, Self::ByServer];

    /// A name for metrics and logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ByClient => "by_client",
            Self::Broken => "broken",
            Self::Malformed => "malformed",
            Self::Tls => "tls",
            Self::Stalled => "stalled",
            Self::Idle => "idle",
            Self::ByServer => "by_server",
        }
    }
}

/// How many bytes were read, and whether there will be more.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Read {
    pub(crate) len: usize,
    /// The connection is over, once these bytes are handled.
    pub(crate) ended: Option<StreamEnded>,
}

/// What one read brought, as messages.
#[derive(Debug)]
pub(crate) struct Received<'b> {
    /// Whole messages, in the buffer that was read to.
    pub(crate) frames: Frames<'b>,
    /// The connection is over, once these messages are handled.
    pub(crate) ended: Option<StreamEnded>,
}

/// Whether the client is known.
#[derive(Clone, Copy, Debug)]
enum Standing {
    /// It has no allocation; this is when it last sent a message.
    Stranger { heard: Instant },
    /// It has an allocation, which has its own end.
    Allocated,
}

/// A client's connection over any non-blocking stream.
#[derive(Debug)]
pub(crate) struct Connection<S> {
    io: S,
    tls: Option<Tls>,
    /// The beginning of a message whose rest has not come.
    partial: Vec<u8>,
    /// What waits to be sent, before encryption.
    outbox: Backlog,
    standing: Standing,
    /// Since when the client has read nothing of what waits.
    stalled_since: Option<Instant>,
}

/// A connection that is no client's any more, but one end of a relayed TCP connection (RFC 6062 §5.4).
#[derive(Debug)]
pub(crate) struct Detached<S> {
    pub(crate) io: S,
    pub(crate) tls: Option<Tls>,
    /// Read, and not understood as messages.
    pub(crate) read_ahead: Vec<u8>,
    /// Not sent yet, before encryption.
    pub(crate) outbox: Backlog,
}

impl<S: io::Read + Write> Connection<S> {
    /// Takes over a connection of which `read_ahead` was read (and decrypted) already. [`Self::resume`] comes next.
    pub(crate) fn new(io: S, tls: Option<Box<ServerConnection>>, read_ahead: Vec<u8>, now: Instant) -> Self {
        Self {
            io,
            tls: tls.map(Tls::new),
            partial: read_ahead,
            outbox: Backlog::default(),
            standing: Standing::Stranger { heard: now },
            stalled_since: None,
        }
    }

    pub(crate) fn io(&self) -> &S {
        &self.io
    }

    /// Handles what was read by whoever had the connection before.
    pub(crate) fn resume<'b>(&mut self, buffer: &'b mut ReceiveBuffer, now: Instant) -> Received<'b> {
        self.take_in(buffer, now, |_, tls, plain, _| match tls {
            Some(tls) => tls.take_kept(plain),
            None => Read::default(),
        })
    }

    /// Reads once. More may be left; the poller says so again.
    pub(crate) fn receive<'b>(&mut self, buffer: &'b mut ReceiveBuffer, now: Instant) -> Received<'b> {
        self.take_in(buffer, now, |io, tls, plain, wire| match tls {
            Some(tls) => receive_tls(io, tls, wire, plain),
            None => read(io, &mut plain[..READ_LEN_MAX]),
        })
    }

    fn take_in<'b>(
        &mut self,
        buffer: &'b mut ReceiveBuffer,
        now: Instant,
        read: impl FnOnce(&mut S, Option<&mut Tls>, &mut [u8], &mut [u8]) -> Read,
    ) -> Received<'b> {
        let held = self.partial.len().min(FRAME_LEN_MAX);
        buffer.plain[..held].copy_from_slice(&self.partial[..held]);
        let Read { len, ended } =
            read(&mut self.io, self.tls.as_mut(), &mut buffer.plain[held..], &mut buffer.wire);
        let len_max = match self.standing {
            Standing::Stranger { .. } => STRANGER_FRAME_LEN_MAX,
            Standing::Allocated => FRAME_LEN_MAX,
        };
        let cut = frames::cut(&buffer.plain[..held + len], len_max);
        self.partial.clear();
        self.partial.extend_from_slice(cut.partial);
        if self.partial.is_empty() {
            self.partial = Vec::new();
        }
        if let Standing::Stranger { heard } = &mut self.standing
            && !cut.frames.rest().is_empty()
        {
            *heard = now;
        }
        Received { frames: cut.frames, ended: cut.error.map(|_| StreamEnded::Malformed).or(ended) }
    }

    /// Queues a response or an indication. An error: the client reads none of them, and is to be let go.
    pub(crate) fn queue(&mut self, message: &[u8]) -> Result<(), StreamEnded> {
        if self.outbox.len() + message.len() > QUEUE_LEN_MAX {
            return Err(StreamEnded::Stalled);
        }
        self.outbox.push(message);
        Ok(())
    }

    /// Queues a relayed packet, given in parts; `false` if it is dropped, since too much waits already.
    #[must_use = "a dropped packet is to be counted"]
    pub(crate) fn queue_relayed(&mut self, parts: &[&[u8]]) -> bool {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let fits = self.outbox.len() + len <= RELAYED_QUEUE_LEN_MAX;
        if fits {
            for part in parts {
                self.outbox.push(part);
            }
        }
        fits
    }

    /// Sends what waits, as far as the socket takes it. Whether some of it still waits, for the poller to tell when.
    pub(crate) fn flush(&mut self, now: Instant) -> Result<bool, StreamEnded> {
        let sent = match &mut self.tls {
            Some(tls) => tls.send(&mut self.outbox, &mut self.io),
            None => self.outbox.write_to(&mut self.io).map_err(|_| StreamEnded::Broken),
        }?;
        let waits = !self.outbox.is_empty() || self.tls.as_ref().is_some_and(Tls::has_backlog);
        if !waits {
            self.stalled_since = None;
        } else if sent > 0 || self.stalled_since.is_none() {
            self.stalled_since = Some(now);
        }
        Ok(waits)
    }

    /// Says whether the client has an allocation now.
    pub(crate) fn set_allocated(&mut self, is_allocated: bool, now: Instant) {
        match (self.standing, is_allocated) {
            (Standing::Stranger { .. }, true) => self.standing = Standing::Allocated,
            (Standing::Allocated, false) => self.standing = Standing::Stranger { heard: now },
            (Standing::Stranger { .. }, false) | (Standing::Allocated, true) => {}
        }
    }

    /// When the client has to be let go if nothing happens, and why.
    pub(crate) fn deadline(&self) -> Option<(Instant, StreamEnded)> {
        let stalled = self.stalled_since.map(|since| (since + STALL_MAX, StreamEnded::Stalled));
        let idle = match self.standing {
            Standing::Stranger { heard } => Some((heard + IDLE_MAX, StreamEnded::Idle)),
            Standing::Allocated => None,
        };
        stalled.into_iter().chain(idle).min_by_key(|(at, _)| *at)
    }

    /// Says goodbye, as far as that can be done without waiting. Dropping the connection closes it.
    pub(crate) fn close(mut self) {
        // What does not fit into the socket is for a client that does not read.
        let _ = match &mut self.tls {
            Some(tls) => tls.close(&mut self.outbox).and_then(|()| tls.send(&mut self.outbox, &mut self.io)),
            None => self.outbox.write_to(&mut self.io).map_err(|_| StreamEnded::Broken),
        };
    }

    /// Gives up the connection for a relayed TCP connection, along with `unread` messages of the last read.
    pub(crate) fn detach(self, unread: &[u8]) -> Detached<S> {
        let read_ahead = [unread, &self.partial].concat();
        Detached { io: self.io, tls: self.tls, read_ahead, outbox: self.outbox }
    }
}

/// Reads once, and decrypts it.
pub(crate) fn receive_tls(io: &mut impl io::Read, tls: &mut Tls, wire: &mut [u8], plain: &mut [u8]) -> Read {
    let Read { len, ended } = read(io, wire);
    let decrypted = tls.receive(&wire[..len], plain);
    Read { len: decrypted.len, ended: decrypted.ended.or(ended) }
}

/// Reads once; 0 bytes if there are none for now.
pub(crate) fn read(io: &mut impl io::Read, into: &mut [u8]) -> Read {
    debug_assert!(!into.is_empty(), "without room, what waits would be taken for the end");
    match io.read(into) {
        Ok(0) => Read { len: 0, ended: Some(StreamEnded::ByClient) },
        Ok(len) => Read { len, ended: None },
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
            Read::default()
        }
        Err(_) => Read { len: 0, ended: Some(StreamEnded::Broken) },
    }
}

#[cfg(test)]
mod tests;
