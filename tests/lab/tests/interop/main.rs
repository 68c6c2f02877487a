//! Programs that other people wrote, as clients of a real server: coturn's own clients, over all that they
//! speak, and aiortc.

#![expect(clippy::unwrap_used, reason = "a failure of the helpers is a failure of the test")]

mod aiortc;
mod discovery;
#[path = "../support/moim.rs"]
mod moim;
mod server;
mod uclient;
