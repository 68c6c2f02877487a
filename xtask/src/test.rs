//! `cargo xtask test`: Rust tests and doctests, web unit tests, then real browsers on a real server.

use crate::run;
use crate::shell;
use crate::system;
use crate::web;
use crate::workspace::{self, Metadata};
use anyhow::Result;

/// Every kind of test, the quickest first.
pub(crate) fn all() -> Result<()> {
    rust(&[])?;
    web(&[])?;
    browser(&[])
}

/// Unit, property and integration tests, then the examples in the documentation.
pub(crate) fn rust(filter: &[&str]) -> Result<()> {
    system::ensure(system::BUILD)?;
    system::ensure_node()?;
    let runner: &[&str] = if system::has_nextest() { &["nextest", "run"] } else { &["test", "--tests"] };
    shell::step("Rust tests", || {
        shell::run(workspace::cargo(runner).args(["--workspace", "--locked"]).args(filter))
    })?;
    if !filter.is_empty() {
        return Ok(());
    }
    shell::step("examples in the documentation", || {
        shell::run(&mut workspace::cargo(&["test", "--doc", "--workspace", "--locked"]))
    })
}

/// The unit tests of the SDK and the app.
pub(crate) fn web(filter: &[&str]) -> Result<()> {
    system::ensure_node()?;
    web::test(filter)
}

/// Chromium and Firefox against the real server, in a network of their own.
pub(crate) fn browser(filter: &[&str]) -> Result<()> {
    system::ensure(system::BROWSERS)?;
    let moim = run::build_dev()?;
    let artifacts = Metadata::read()?.target_dir()?.join("browser-tests");
    shell::step("browser tests", || {
        web::install(web::BROWSER_TESTS)?;
        let dir = workspace::root().join(web::BROWSER_TESTS);
        let mut command = shell::command("node", &dir);
        command.arg("run.mjs").args(filter).env("MOIM_BIN", &moim).env("MOIM_ARTIFACTS", &artifacts);
        shell::run(&mut command)
    })
}
