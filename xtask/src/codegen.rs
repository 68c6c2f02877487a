//! `cargo xtask codegen`: files that are generated from the Rust source, so that there is one source of truth.

use crate::shell;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::fs;

/// What to do with what is generated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Put it into its file.
    Write,
    /// Fail if the file says anything else.
    Check,
}

/// A file and the Cargo command that prints it.
struct Generated {
    path: &'static str,
    source: &'static [&'static str],
}

const GENERATED: &[Generated] = &[
    Generated {
        path: "client/web/sdk/src/protocol.ts",
        source: &["run", "-q", "-p", "moim-signal", "--features", "typescript", "--example", "typescript"],
    },
    Generated {
        path: "docs/moim.sample.toml",
        source: &["run", "-q", "-p", "moim-server", "--bin", "moim", "--", "sample-config"],
    },
];

/// Writes or compares every generated file.
pub(crate) fn codegen(mode: Mode) -> Result<()> {
    shell::step("generated files", || {
        let mut outdated = Vec::new();
        for file in GENERATED {
            let path = workspace::root().join(file.path);
            let wanted = shell::output(&mut workspace::cargo(file.source))?;
            if fs::read_to_string(&path).is_ok_and(|found| found == wanted) {
                println!("   {} is current", file.path);
            } else if mode == Mode::Write {
                fs::write(&path, wanted).with_context(|| format!("cannot write {}", file.path))?;
                println!("   {} written", file.path);
            } else {
                outdated.push(file.path);
            }
        }
        if !outdated.is_empty() {
            bail!("not current: {}. Run: cargo xtask codegen", outdated.join(", "));
        }
        Ok(())
    })
}
