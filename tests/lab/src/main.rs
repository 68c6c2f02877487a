//! `lab`: makes a network with real NATs, runs programs in it, and changes it while they run.

#![expect(clippy::print_stdout, reason = "what it prints is what other programs read")]

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use moim_lab::{Change, Lab, RunId, Topology, forward};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Read as _};
use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode, Stdio};

#[derive(Debug, Parser)]
#[command(about, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Make a network, print one line of JSON that tells what is in it, and keep it until the input ends
    Up {
        /// A file with a topology in JSON; `-` for the first line of the input
        topology: PathBuf,
    },
    /// What `up` starts, so that it outlives a signal and can clean up
    #[command(hide = true)]
    Hold,
    /// Run a program on a host, in place of this one
    Exec {
        /// The `run` that `up` printed
        run: String,
        /// The name of a host or gateway
        host: String,
        /// The program and its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<OsString>,
    },
    /// Make something happen to a network, and print anew what is in it
    Change {
        /// The `run` that `up` printed
        run: String,
        /// What happens, in JSON: {"address":{"of":"anna"}}, {"firewall":{"gateway":"home","firewall":"udpBlocked"}}, …
        change: String,
    },
    /// Pass connections to a port of the loopback on to the same port of a host's loopback; prints `ready`
    Forward {
        /// The `run` that `up` printed
        run: String,
        /// The name of the host
        host: String,
        /// The port
        port: u16,
    },
}

fn main() -> Result<ExitCode> {
    match Arguments::parse().task {
        Task::Up { topology } => return up(&topology),
        Task::Hold => hold()?,
        Task::Exec { run, host, command } => {
            let mut words = command.iter();
            let program = words.next().context("clap asks for at least one")?;
            let error = Lab::of_run(RunId::parse(&run)?)?.host(&host)?.command(program).args(words).exec();
            return Err(error).context("cannot start ip");
        }
        Task::Change { run, change } => {
            let change: Change = serde_json::from_str(&change).context("this is nothing that can happen")?;
            let mut lab = Lab::of_run(RunId::parse(&run)?)?;
            lab.change(change)?;
            println!("{}", serde_json::to_string(&lab.describe()?)?);
        }
        Task::Forward { run, host, port } => {
            let host = Lab::of_run(RunId::parse(&run)?)?.host(&host)?;
            forward(host.namespace(), port, || println!("ready"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Lets a process that signals do not reach hold the lab: that process sees its input end when this one ends, for
/// whatever reason, and takes the lab down.
fn up(topology: &PathBuf) -> Result<ExitCode> {
    let mut text = String::new();
    if topology.as_os_str() == "-" {
        io::stdin().read_line(&mut text).context("cannot read the topology")?;
    } else {
        text = fs::read_to_string(topology).with_context(|| format!("cannot read {}", topology.display()))?;
    }
    // One line, which is how the other process knows where it ends.
    let topology = serde_json::to_string(&Topology::from_json(&text)?)?;
    let itself = std::env::current_exe().context("cannot tell where this program is")?;
    let mut holder = Command::new(itself)
        .arg("hold")
        .process_group(0)
        .stdin(Stdio::piped())
        .spawn()
        .context("cannot start the process that holds the lab")?;
    let mut input = holder.stdin.take().context("its input is a pipe")?;
    io::Write::write_all(&mut input, format!("{topology}\n").as_bytes()).context("the holder ended")?;
    // It ends by itself when the lab cannot be made.
    std::thread::spawn(move || {
        wait_for_end();
        drop(input);
    });
    let status = holder.wait().context("cannot wait for the holder")?;
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn hold() -> Result<()> {
    let mut topology = String::new();
    io::stdin().read_line(&mut topology).context("cannot read the topology")?;
    let lab = Lab::up(Topology::from_json(&topology)?)?;
    println!("{}", serde_json::to_string(&lab.describe()?)?);
    wait_for_end();
    drop(lab);
    Ok(())
}

/// Waits until the input ends.
fn wait_for_end() {
    let mut byte = [0];
    // An input that cannot be read has ended too.
    while io::stdin().read(&mut byte).is_ok_and(|len| len > 0) {}
}
