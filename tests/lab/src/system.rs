//! The programs that a lab is made with.

use anyhow::{Context as _, Result, ensure};
use std::io::Write as _;
use std::process::{Command, Stdio};

/// What a lab needs to run, each with the Debian package that it comes in.
const PROGRAMS: &[(&str, &str)] =
    &[("ip", "iproute2"), ("tc", "iproute2"), ("nft", "nftables"), ("conntrack", "conntrack")];
/// Where these are, even for users whose `PATH` does not say so.
const SYSTEM_PATH: &str = "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin";

/// Why no lab can be made here, in words for a person; `None` if one can.
pub fn lacking() -> Option<String> {
    if !rustix::process::geteuid().is_root() {
        return Some("making network namespaces takes root".to_owned());
    }
    let missing = PROGRAMS.iter().find(|(program, _)| !is_present(program))?;
    Some(format!("there is no program {} here; it comes in the package {}", missing.0, missing.1))
}

/// Runs a program of the system, which must succeed.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<()> {
    feed(program, args, "")
}

/// Runs a program of the system with this as its input; it must succeed.
pub(crate) fn feed(program: &str, args: &[&str], input: &str) -> Result<()> {
    let shown = || format!("{program} {}", args.join(" "));
    let mut child = Command::new(program)
        .args(args)
        .env("PATH", SYSTEM_PATH)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown()))?;
    let mut stdin = child.stdin.take().context("its input is a pipe")?;
    // A program that has failed does not read on; what it then says is of more use than the broken pipe.
    let fed = stdin.write_all(input.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().with_context(|| format!("cannot wait for {}", shown()))?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "{} ended with {}: {}\n{input}",
        shown(),
        output.status,
        complaint.trim()
    );
    fed.with_context(|| format!("{} did not read its input", shown()))
}

/// Runs lines of `ip` in a namespace, each with the words that follow `ip`.
pub(crate) fn ip(namespace: &str, lines: &[String]) -> Result<()> {
    feed("ip", &["-n", namespace, "-batch", "-"], &batch(lines))
}

/// Runs lines of `ip` in the namespace of this process.
pub(crate) fn ip_here(lines: &[String]) -> Result<()> {
    feed("ip", &["-batch", "-"], &batch(lines))
}

/// Loads rules in a namespace.
pub(crate) fn nft(namespace: &str, rules: &str) -> Result<()> {
    feed("ip", &["netns", "exec", namespace, "nft", "-f", "-"], rules)
}

fn batch(lines: &[String]) -> String {
    lines.join("\n") + "\n"
}

fn is_present(program: &str) -> bool {
    SYSTEM_PATH.split(':').any(|dir| std::path::Path::new(dir).join(program).is_file())
}
