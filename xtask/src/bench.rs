//! `cargo xtask bench`: numbers about the server. They are reported, never asserted.

use crate::run;
use crate::shell;
use crate::workspace::{self, Metadata};
use anyhow::{Context, Result};
use std::fs;
use std::time::Instant;

/// What the release server costs: idle, and with thousands of idle participants.
pub(crate) fn signal(flags: &[&str]) -> Result<()> {
    let moim = run::build_release()?;
    shell::step("measure signalling", || {
        let mut command = workspace::cargo(&["run", "-q", "--release", "-p", "moim-bench", "--"]);
        shell::run(command.arg("signal").arg("--server").arg(&moim).args(flags))
    })
}

/// What relaying costs the release server, beside coturn and beside blind forwarders.
pub(crate) fn turn(flags: &[&str]) -> Result<()> {
    let moim = run::build_release()?;
    // Built apart from being run: the compiler is no good neighbour of a measurement.
    shell::step("build the benchmark", || {
        shell::run(&mut workspace::cargo(&["build", "-q", "--release", "-p", "moim-bench"]))
    })?;
    let bench = Metadata::read()?.target_dir()?.join("release/moim-bench");
    let bench = bench.to_str().context("the target folder's name is not UTF-8")?;
    shell::step("measure relaying", || {
        shell::run(
            shell::command(bench, workspace::root()).arg("turn").arg("--server").arg(&moim).args(flags),
        )
    })
}

/// What forwarding a packet costs, in memory, beside str0m and beside what encrypting and sending cost at least.
pub(crate) fn sfu(flags: &[&str]) -> Result<()> {
    shell::step("build the benchmark", || {
        shell::run(&mut workspace::cargo(&["build", "-q", "--release", "-p", "moim-bench"]))
    })?;
    let bench = Metadata::read()?.target_dir()?.join("release/moim-bench");
    let bench = bench.to_str().context("the target folder's name is not UTF-8")?;
    shell::step("measure forwarding", || {
        shell::run(shell::command(bench, workspace::root()).arg("sfu").args(flags))
    })
}

/// What a release build from nothing takes, and how large what comes out is.
pub(crate) fn build() -> Result<()> {
    let target = Metadata::read()?.target_dir()?.join("bench-build");
    if target.exists() {
        fs::remove_dir_all(&target).with_context(|| format!("cannot empty {}", target.display()))?;
    }
    let begun = Instant::now();
    shell::step("build moim in release from nothing", || {
        let args = ["build", "--release", "--locked", "-p", "moim-server", "--bin", "moim", "--target-dir"];
        shell::run(workspace::cargo(&args).arg(&target))
    })?;
    let seconds = begun.elapsed().as_secs_f64();
    let moim = target.join("release/moim");
    let size = |path: &std::path::Path| fs::metadata(path).map(|file| file.len());
    let plain = size(&moim)?;
    let stripped_path = target.join("moim.stripped");
    shell::run(shell::command("strip", workspace::root()).arg("-o").arg(&stripped_path).arg(&moim))?;
    let stripped = size(&stripped_path)?;
    fs::remove_dir_all(&target)?;
    println!("\nbuild time     {seconds:.0} s\nbinary         {}", mebibytes(plain));
    println!("without symbols {}", mebibytes(stripped));
    Ok(())
}

fn mebibytes(bytes: u64) -> String {
    format!("{}.{:02} MiB", bytes >> 20, ((bytes & 0xf_ffff) * 100) >> 20)
}

#[cfg(test)]
mod tests {
    use super::mebibytes;

    #[test]
    fn sizes_are_shown_in_mebibytes() {
        assert_eq!(mebibytes(0), "0.00 MiB");
        assert_eq!(mebibytes(3 << 19), "1.50 MiB");
        assert_eq!(mebibytes((12 << 20) + 10_486), "12.01 MiB");
    }
}
