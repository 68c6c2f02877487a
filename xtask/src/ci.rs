//! `cargo xtask ci`: what a change has to pass, the quickest checks first.

use crate::{codegen, shell, system, test, tidy, web, workspace};
use anyhow::Result;

/// Format, lints, documentation, tidiness and all tests.
pub(crate) fn ci() -> Result<()> {
    // What the last step needs is missed now rather than after twenty minutes.
    system::ensure(&[system::BUILD, system::LAB, system::BROWSERS].concat())?;
    system::ensure_node()?;
    shell::step("format", || shell::run(&mut workspace::cargo(&["fmt", "--all", "--check"])))?;
    tidy::tidy()?;
    web::check()?;
    shell::step("lints", || {
        let args = ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
        shell::run(&mut workspace::cargo(&args))
    })?;
    shell::step("documentation", || {
        let mut command = workspace::cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
        shell::run(command.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    test::all()?;
    // Last, because it asks the binary that the tests have built by now.
    codegen::codegen(codegen::Mode::Check)
}
