//! What `moim` does as a client: `moim join` takes part in a room, `moim load` fills many with participants, `moim ping` tells how far a server can be reached, `moim nat` what kind
//! of NAT a network is behind, `moim turn-check` what a TURN server is worth.
//!
//! All but the first two block, on plain sockets: they do one thing after the other, and what they find out is the order in which it
//! happened.

mod consent;
mod join;
mod load;
mod nat;
mod ping;
mod secrets;
mod terminal;
mod turn_check;
mod values;

use clap::Subcommand;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::process::ExitCode;

pub use join::JoinArguments;
pub use load::LoadArguments;
pub use nat::{NatOptions, discover_nat};
pub use ping::PingArguments;
pub use secrets::without_secrets;
pub use turn_check::TurnCheckOptions;

/// The commands, for the command line of the program they are part of.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Take part in a room: publish a test picture and tone or a file, and record what comes
    Join(Box<JoinArguments>),
    /// Fill rooms of a server of your own with participants, and measure how it forwards
    Load(Box<LoadArguments>),
    /// Tell how far a server can be reached: each step timed, with the reason of a failure
    Ping(PingArguments),
    /// Tell what kind of NAT this network is behind (RFC 5780)
    Nat(NatOptions),
    /// Check a TURN server: conformance, abuse and, on a network of your own, floods
    TurnCheck(Box<TurnCheckOptions>),
}

/// Runs a command, which prints to standard output. An error is one of the user's, or of the machine; what was found wrong
/// with a server is an exit code.
pub fn run(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Join(arguments) => join::run(arguments),
        Command::Load(arguments) => load::run(arguments),
        Command::Ping(arguments) => ping::run(arguments),
        Command::Nat(options) => nat::run(options),
        Command::TurnCheck(options) => turn_check::run(options),
    }
}

/// The address of this machine that packets to `destination` leave from.
fn source_towards(destination: SocketAddr) -> io::Result<IpAddr> {
    let any: IpAddr = match destination {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    // Connecting a UDP socket sends nothing, but chooses the route.
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(destination)?;
    Ok(socket.local_addr()?.ip())
}
