//! Signalling: a session with a server that outlives its links (docs/protocol.md, "Frames" and "Resuming").

mod backoff;
mod link;
mod outbox;
mod session;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_events;

pub(crate) use link::Transport;
#[cfg(test)]
pub(crate) use session::SessionOptions;
pub(crate) use session::TRANSPORTS;
pub use session::{SessionEvent, SignalSender, SignalSession};
