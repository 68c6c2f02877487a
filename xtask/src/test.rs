//! `cargo xtask test`: Rust tests and doctests, web unit tests, then real browsers on a real server.

use crate::partners;
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
    system::ensure(&[system::BUILD, system::LAB, system::MEDIA, system::PARTNERS].concat())?;
    system::ensure_node()?;
    partners::install()?;
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
    in_browsers("browser tests", filter)
}

/// The lab's own tests, then calls between all pairs of its hosts, or those whose name holds one of the words.
pub(crate) fn lab(filter: &[&str]) -> Result<()> {
    if filter.is_empty() {
        system::ensure(&[system::BUILD, system::LAB].concat())?;
        shell::step("tests of the lab", || {
            shell::run(&mut workspace::cargo(&["test", "-p", "moim-lab", "--locked"]))
        })?;
        shell::step("links that change, one test at a time", || {
            let one_at_a_time = ["test", "-p", "moim-lab", "--locked", "--", "--ignored", "--test-threads=1"];
            shell::run(&mut workspace::cargo(&one_at_a_time))
        })?;
    }
    in_browsers("calls between all hosts of the lab", &[&["--matrix"], filter].concat())
}

fn in_browsers(title: &str, args: &[&str]) -> Result<()> {
    system::ensure(&[system::LAB, system::BROWSERS, system::MEDIA].concat())?;
    let moim = run::build_dev()?;
    let target = Metadata::read()?.target_dir()?;
    shell::step("build the lab", || {
        shell::run(&mut workspace::cargo(&["build", "-p", "moim-lab", "--bin", "lab", "--locked"]))
    })?;
    shell::step(title, || {
        web::install(web::BROWSER_TESTS)?;
        let mut command = shell::command("node", &workspace::root().join(web::BROWSER_TESTS));
        command.arg("run.mjs").args(args);
        command.env("MOIM_BIN", &moim).env("MOIM_LAB", target.join("debug/lab"));
        shell::run(command.env("MOIM_ARTIFACTS", target.join("browser-tests")))
    })
}
