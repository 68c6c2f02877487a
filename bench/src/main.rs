//! `moim-bench`: what the server costs, measured from outside. Numbers are reported, never asserted.
//!
//! Everything stays on this machine: the servers are started here, on the loopback interface or in networks of their own, and so
//! are their clients.

mod cc;
mod client;
mod forwarder;
mod peer;
mod process;
mod server;
mod sfu;
mod signal;
mod turn;
mod udp;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "moim-bench", about = "Measures the moim server from outside")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Memory, CPU and joins a second: idle, and with thousands of idle participants over TLS
    Signal(signal::Options),
    /// The relay, beside coturn and beside blind forwarders: CPU per packet, capacity, latency, memory
    Turn(Box<turn::Options>),
    /// The peer connection in memory, beside str0m: time and allocations per packet, handshakes, memory
    Peer(peer::Options),
    /// Forwarding, beside a forwarder made of str0m and beside what encrypting and sending cost at least
    Sfu(sfu::Options),
    /// Congestion control, beside str0m's, over the same simulated links: use of the link, delay, loss
    Cc(cc::Options),
    /// A blind forwarder, as `turn` starts them
    Forwarder(forwarder::Options),
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Signal(options) => signal::measure(&options),
        Command::Turn(options) => turn::measure(&options),
        Command::Peer(options) => peer::measure(&options),
        Command::Sfu(options) => sfu::measure(&options),
        Command::Cc(options) => cc::measure(&options),
        Command::Forwarder(options) => forwarder::run(&options),
    }
}
