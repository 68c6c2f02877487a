//! Running other programs, step by step and in plain sight.

use anyhow::{Context, Result, bail};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Announces a step, does it, and tells how long it took.
pub(crate) fn step<T>(title: &str, action: impl FnOnce() -> Result<T>) -> Result<T> {
    println!("\n\x1b[1m── {title}\x1b[0m");
    let begun = Instant::now();
    let result = action();
    let seconds = begun.elapsed().as_secs_f64();
    match &result {
        Ok(_) => println!("   {title}: done in {seconds:.1} s"),
        Err(_) => println!("   {title}: FAILED after {seconds:.1} s"),
    }
    result.with_context(|| format!("step \"{title}\""))
}

/// A command that is shown, gets no input, and must succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    println!("   $ {}", shown(command));
    let status =
        command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {}", shown(command)))?;
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// What a command prints, if it succeeds. Its complaints go through.
pub(crate) fn output(command: &mut Command) -> Result<String> {
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}", shown(command), output.status);
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} did not print text", shown(command)))
}

/// Whether a command can be started and succeeds. Nothing of it is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// A command in a folder.
pub(crate) fn command(program: impl AsRef<OsStr>, dir: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir);
    command
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
