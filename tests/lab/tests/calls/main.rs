//! Native clients in a room of a real server, each on a host of a lab of its own kind: which path their call takes, and what becomes of
//! it when the network changes.

#![expect(clippy::unwrap_used, reason = "a failure of the helpers is a failure of the test")]
#![expect(clippy::print_stdout, reason = "what was measured is for people, who ask for it by --no-capture")]

mod call;
mod changes;
mod guest;
#[path = "../support/moim.rs"]
mod moim;
mod path;
mod paths;
mod rates;
