//! Signalling: a session with a server that outlives its links (docs/protocol.md, "Frames" and "Resuming").

mod backoff;
mod link;
mod outbox;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use session::{SessionEvent, SignalSender, SignalSession};
