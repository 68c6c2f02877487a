use crate::tcp::StreamKey;
use moim_turn::channel_data::framed_len;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long a client without an allocation may say nothing, as in production.
const IDLE_MAX: Duration = Duration::from_secs(30);

/// Clients on streams.
#[derive(Debug, Default)]
pub(super) struct ClientStreams(BTreeMap<StreamKey, ClientStream>);

#[derive(Debug)]
struct ClientStream {
    /// The beginning of a message that has not come in full.
    buffer: Vec<u8>,
    /// When it ends unless something comes. [`None`]: it has an allocation, and lives as long as that.
    idle_at: Option<Instant>,
}

impl ClientStreams {
    pub(super) fn open(&mut self, key: StreamKey, now: Instant) {
        self.0.insert(key, ClientStream { buffer: Vec::new(), idle_at: Some(now + IDLE_MAX) });
    }

    /// Whether there is an allocation for the client from now on.
    pub(super) fn set_allocated(&mut self, key: StreamKey, is_allocated: bool, now: Instant) {
        if let Some(stream) = self.0.get_mut(&key) {
            stream.idle_at = (!is_allocated).then_some(now + IDLE_MAX);
        }
    }

    /// When the next one has been idle for too long.
    pub(super) fn idle_at(&self) -> Option<Instant> {
        self.0.values().filter_map(|stream| stream.idle_at).min()
    }

    /// Those that have been idle for too long.
    pub(super) fn idle(&self, now: Instant) -> Vec<StreamKey> {
        let is_idle = |stream: &ClientStream| stream.idle_at.is_some_and(|at| at <= now);
        self.0.iter().filter(|(_, stream)| is_idle(stream)).map(|(key, _)| *key).collect()
    }

    pub(super) fn close(&mut self, key: StreamKey) {
        self.0.remove(&key);
    }

    /// The messages that are there in full, and whether what follows them is none.
    pub(super) fn receive(&mut self, key: StreamKey, bytes: &[u8], now: Instant) -> (Vec<Vec<u8>>, bool) {
        let Some(ClientStream { buffer, idle_at }) = self.0.get_mut(&key) else { return (Vec::new(), false) };
        *idle_at = idle_at.map(|_| now + IDLE_MAX);
        buffer.extend_from_slice(bytes);
        let mut frames = Vec::new();
        loop {
            match framed_len(buffer) {
                Ok(Some(len)) if len <= buffer.len() => frames.push(buffer.drain(..len).collect()),
                Ok(_) => return (frames, false),
                Err(_) => return (frames, true),
            }
        }
    }
}
