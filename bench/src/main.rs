//! `moim-bench`: what the server costs, measured from outside. Numbers are reported, never asserted.
//!
//! Everything stays on the loopback interface: the server is started here, and so are its clients.

mod client;
mod server;
mod signal;

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
}

fn main() -> Result<()> {
    match Cli::parse().command {
        Command::Signal(options) => signal::measure(&options),
    }
}
