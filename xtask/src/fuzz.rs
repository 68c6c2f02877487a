//! `cargo xtask fuzz`: each wire format against whatever libFuzzer can think of.

use crate::shell;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::process::Command;

const SECONDS_DEFAULT: u32 = 300;

/// Fuzzes the named target, or every one in turn.
pub(crate) fn fuzz(args: &[&str]) -> Result<()> {
    let wanted = Wanted::parse(args)?;
    let targets = targets()?;
    let chosen = match wanted.target {
        None => targets,
        Some(target) if targets.iter().any(|known| known == target) => vec![target.to_owned()],
        Some(target) => bail!("there is no fuzz target {target:?}; there are: {}", targets.join(", ")),
    };
    if !shell::succeeds(&mut workspace::cargo(&["fuzz", "--version"])) {
        shell::step("install cargo-fuzz", || {
            shell::run(&mut workspace::cargo(&["install", "cargo-fuzz", "--locked"]))
        })?;
    }
    for target in chosen {
        shell::step(&format!("fuzz {target} for {} s", wanted.seconds), || {
            // What is found goes to the first folder; the second is what the repository keeps, and stays as it is.
            let found = workspace::root().join("fuzz/target/corpus").join(&target);
            let kept = workspace::root().join("fuzz/corpus").join(&target);
            fs::create_dir_all(&found).with_context(|| format!("cannot make {}", found.display()))?;
            let mut command = sanitizing_cargo();
            command.args(["fuzz", "run", &target]).args([found, kept]);
            command.args(["--", &format!("-max_total_time={}", wanted.seconds)]);
            shell::run(&mut command)
        })?;
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
struct Wanted<'a> {
    target: Option<&'a str>,
    seconds: u32,
}

impl<'a> Wanted<'a> {
    fn parse(args: &[&'a str]) -> Result<Self> {
        let (target, rest) = match args {
            [target, rest @ ..] if !target.starts_with('-') => (Some(*target), rest),
            rest => (None, rest),
        };
        let seconds = match rest {
            [] => SECONDS_DEFAULT,
            ["--seconds", number] => {
                number.parse().with_context(|| format!("--seconds {number}: not a number"))?
            }
            other => bail!("{:?} is not understood; it is: fuzz [TARGET] [--seconds N]", other.join(" ")),
        };
        Ok(Self { target, seconds })
    }
}

/// The names of the targets: the files in `fuzz/fuzz_targets`.
fn targets() -> Result<Vec<String>> {
    let dir = workspace::root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&dir).with_context(|| format!("cannot read {}", dir.display()))?;
    let mut targets = Vec::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            targets.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    targets.sort();
    Ok(targets)
}

/// A Cargo that may pass sanitizer flags: nightly where there is one, else the usual one told that it may.
fn sanitizing_cargo() -> Command {
    let has_nightly = shell::succeeds(Command::new("cargo").args(["+nightly", "--version"]));
    // The toolchain is chosen by rustup's proxy; the Cargo that runs this program is past that choice.
    let mut command = shell::command("cargo", workspace::root());
    for variable in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(variable);
    }
    if has_nightly {
        command.arg("+nightly");
    } else {
        command.env("RUSTC_BOOTSTRAP", "1");
    }
    command
}

#[cfg(test)]
mod tests {
    use super::Wanted;

    #[test]
    fn target_and_time_are_optional() {
        let parsed = |args: &[&'static str]| Wanted::parse(args).ok().map(|w| (w.target, w.seconds));
        assert_eq!(parsed(&[]), Some((None, 300)));
        assert_eq!(parsed(&["stun"]), Some((Some("stun"), 300)));
        assert_eq!(parsed(&["stun", "--seconds", "10"]), Some((Some("stun"), 10)));
        assert_eq!(parsed(&["--seconds", "10"]), Some((None, 10)));
        assert_eq!(parsed(&["--seconds", "soon"]), None);
        assert_eq!(parsed(&["stun", "sdp"]), None);
    }
}
