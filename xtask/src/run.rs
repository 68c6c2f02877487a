//! `cargo xtask run`: from a fresh clone to a running server.

use crate::shell;
use crate::system;
use crate::workspace::{self, Metadata};
use anyhow::{Context, Result};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

/// Builds the server in release, with the web app inside, and becomes it: signals and the exit status are its own.
pub(crate) fn run(flags: &[&str]) -> Result<()> {
    let binary = build_release()?;
    println!("\n   $ moim {}\n", flags.join(" "));
    let error = Command::new(&binary).args(flags).exec();
    Err(error).with_context(|| format!("cannot start {}", binary.display()))
}

/// The release server, built if it has to be.
pub(crate) fn build_release() -> Result<PathBuf> {
    system::ensure(system::BUILD)?;
    system::ensure_node()?;
    shell::step("build moim with its web app (the first time takes some minutes)", || {
        shell::run(&mut workspace::cargo(&["build", "--release", "-p", "moim-server", "--bin", "moim"]))
    })?;
    Ok(Metadata::read()?.target_dir()?.join("release/moim"))
}

/// The server as the tests use it, built if it has to be.
pub(crate) fn build_dev() -> Result<PathBuf> {
    system::ensure(system::BUILD)?;
    system::ensure_node()?;
    shell::step("build moim for the tests", || {
        shell::run(&mut workspace::cargo(&["build", "-p", "moim-server", "--bin", "moim"]))
    })?;
    Ok(Metadata::read()?.target_dir()?.join("debug/moim"))
}
