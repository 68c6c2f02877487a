//! TLS between a client and a shard, after the handshake: bytes of the wire in, plaintext out, and back.

use crate::stream::{Backlog, Read, StreamEnded};
use moim_turn::channel_data::framed_len;
use rustls::ServerConnection;
use std::io::{Read as _, Write};

/// The longest TLS record on the wire, with room for what its protection adds (RFC 5246 §6.2.3, RFC 8446 §5.2).
const RECORD_LEN_MAX: usize = 5 + 16 * 1024 + 2048;
/// Most that TLS keeps from one read to the next: one record that is not whole, and what was decrypted before it was handed
/// over, of which rustls takes no more than a record's worth before it wants to be read.
pub(crate) const KEPT_LEN_MAX: usize = 4 * RECORD_LEN_MAX;
/// How much is encrypted ahead of the socket. It bounds what waits in that form, and makes full records.
const ENCRYPT_LEN: usize = 16 * 1024;

/// The TLS side of a connection, without the socket.
pub(crate) struct Tls {
    state: Box<ServerConnection>,
    /// Encrypted, and not sent yet.
    backlog: Backlog,
    /// The end was said.
    is_closed: bool,
}

impl Tls {
    /// Takes over a connection whose handshake is done.
    pub(crate) fn new(mut state: Box<ServerConnection>) -> Self {
        // What is written is taken out again at once, into the backlog.
        state.set_buffer_limit(None);
        Self { state, backlog: Backlog::default(), is_closed: false }
    }

    /// The state for whoever takes it over. [`None`]: something encrypted still waits for the socket.
    pub(crate) fn into_state(self) -> Option<Box<ServerConnection>> {
        self.backlog.is_empty().then_some(self.state)
    }

    /// Whether something encrypted waits for the socket.
    pub(crate) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// Decrypts what was received before the connection was taken over.
    pub(crate) fn take_kept(&mut self, plain: &mut [u8]) -> Read {
        self.decrypt(plain, 0)
    }

    /// Decrypts `wire` into `plain`, which has room for all there can be.
    pub(crate) fn receive(&mut self, mut wire: &[u8], plain: &mut [u8]) -> Read {
        let mut read = Read::default();
        while !wire.is_empty() && read.ended.is_none() {
            // Takes some kilobytes at a time, and never nothing: everything before was processed.
            match self.state.read_tls(&mut wire) {
                Ok(1..) => read = self.decrypt(plain, read.len),
                Ok(0) | Err(_) => read.ended = Some(StreamEnded::Tls),
            }
        }
        read
    }

    /// Decrypts what TLS has, to behind the first `len` bytes of `plain`.
    fn decrypt(&mut self, plain: &mut [u8], mut len: usize) -> Read {
        let processed = self.state.process_new_packets();
        // An alert, a key update: what TLS itself has to say goes first.
        self.gather();
        while let Some(room @ [_, ..]) = plain.get_mut(len..) {
            match self.state.reader().read(room) {
                Ok(0) | Err(_) => break,
                Ok(more) => len += more,
            }
        }
        let ended = match processed {
            // RFC 8446 §6.1: the client sends no more.
            Ok(state) if state.peer_has_closed() => Some(StreamEnded::ByClient),
            Ok(_) => None,
            Err(_) => Some(StreamEnded::Tls),
        };
        Read { len, ended }
    }

    /// Encrypts the messages that wait in `outbox` and sends them, as far as `io` takes them; how many bytes it took.
    ///
    /// Each message is a record of its own: there are clients that take what one read of theirs gives for one message.
    pub(crate) fn send(&mut self, outbox: &mut Backlog, io: &mut impl Write) -> Result<usize, StreamEnded> {
        self.send_pieces(outbox, usize::MAX, io, |bytes| {
            let message_len = framed_len(bytes).ok().flatten();
            message_len.map_or(bytes.len(), |len| len.min(bytes.len()))
        })
    }

    /// Encrypts and sends the first `len_max` bytes of what waits, whatever they are.
    pub(crate) fn send_some(
        &mut self,
        outbox: &mut Backlog,
        len_max: usize,
        io: &mut impl Write,
    ) -> Result<usize, StreamEnded> {
        self.send_pieces(outbox, len_max, io, <[u8]>::len)
    }

    fn send_pieces(
        &mut self,
        outbox: &mut Backlog,
        len_max: usize,
        io: &mut impl Write,
        piece_len: impl Fn(&[u8]) -> usize,
    ) -> Result<usize, StreamEnded> {
        let (mut sent, kept) = (0, outbox.len().saturating_sub(len_max));
        loop {
            sent += self.backlog.write_to(io).map_err(|_| StreamEnded::Broken)?;
            if self.has_backlog() || outbox.len() == kept {
                return Ok(sent);
            }
            while self.backlog.len() < ENCRYPT_LEN && outbox.len() > kept {
                let left = outbox.len() - kept;
                let next = &outbox.waiting()[..left.min(ENCRYPT_LEN)];
                self.encrypt(outbox, piece_len(next))?;
            }
        }
    }

    /// Encrypts what waits in `outbox`, and that nothing more will be sent (RFC 8446 §6.1).
    pub(crate) fn close(&mut self, outbox: &mut Backlog) -> Result<(), StreamEnded> {
        self.encrypt(outbox, outbox.len())?;
        self.state.send_close_notify();
        self.is_closed = true;
        self.gather();
        Ok(())
    }

    /// Whether [`Self::close`] was called.
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn encrypt(&mut self, outbox: &mut Backlog, len: usize) -> Result<(), StreamEnded> {
        self.state.writer().write_all(&outbox.waiting()[..len]).map_err(|_| StreamEnded::Tls)?;
        outbox.advance(len);
        self.gather();
        Ok(())
    }

    fn gather(&mut self) {
        while self.state.wants_write() {
            // A backlog takes everything.
            let _ = self.state.write_tls(&mut self.backlog);
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("backlog_len", &self.backlog.len()).finish_non_exhaustive()
    }
}
