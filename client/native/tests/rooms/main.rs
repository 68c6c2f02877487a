//! Native clients in rooms of the real server, over loopback sockets.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod calls;
mod forwarding;
mod probing;
mod recording;
mod sessions;
mod support;
