//! The web packages: installed as locked, checked, tested.

use crate::shell;
use crate::workspace::{self, Metadata};
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// The folder of the SDK and the app, an npm workspace.
const WEB: &str = "client/web";
/// The folder of the browser tests, an npm package of its own.
pub(crate) const BROWSER_TESTS: &str = "tests/browser";

/// Lint and type-check, of the web packages and of the browser tests.
pub(crate) fn check() -> Result<()> {
    shell::step("web lint and types", || {
        for folder in [WEB, BROWSER_TESTS] {
            install(folder)?;
            shell::run(&mut npm(folder, &["run", "--silent", "check"]))?;
        }
        Ok(())
    })
}

/// The unit tests of the web packages.
pub(crate) fn test(filter: &[&str]) -> Result<()> {
    shell::step("web unit tests", || {
        install(WEB)?;
        let report = Metadata::read()?.target_dir()?.join("web-tests.json");
        let root = read_json(&workspace::root().join(WEB).join("package.json"))?;
        let mut total = Tally::default();
        for package in root["workspaces"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let folder = format!("{WEB}/{package}");
            let manifest = read_json(&workspace::root().join(&folder).join("package.json"))?;
            if manifest["scripts"]["test"].is_null() {
                continue;
            }
            let output = format!("--outputFile.json={}", report.display());
            let mut command = npm(&folder, &["run", "--silent", "test", "--"]);
            command.args(["--reporter=default", "--reporter=json", &output]);
            let result = shell::run(command.args(filter));
            total.add(&read_json(&report)?);
            fs::remove_file(&report)?;
            result?;
        }
        println!("{} passed, {} failed", total.passed, total.failed);
        if total.passed == 0 {
            bail!("no web test was run");
        }
        Ok(())
    })
}

/// Installs a package's dependencies as its lock says, unless that is how they are.
pub(crate) fn install(folder: &str) -> Result<()> {
    let dir = workspace::root().join(folder);
    let installed = modified(&dir.join("node_modules/.package-lock.json"));
    let locked = modified(&dir.join("package-lock.json"));
    if locked.is_none() {
        bail!("{folder}/package-lock.json is missing");
    }
    if installed >= locked {
        return Ok(());
    }
    shell::run(&mut npm(folder, &["ci", "--no-audit", "--no-fund", "--loglevel=error"]))
}

#[derive(Debug, Default)]
struct Tally {
    passed: u64,
    failed: u64,
}

impl Tally {
    fn add(&mut self, report: &Value) {
        self.passed += report["numPassedTests"].as_u64().unwrap_or(0);
        self.failed += report["numFailedTests"].as_u64().unwrap_or(0);
    }
}

fn npm(folder: &str, args: &[&str]) -> Command {
    let mut command = shell::command("npm", &workspace::root().join(folder));
    command.args(args);
    command
}

fn modified(path: &Path) -> Option<SystemTime> {
    fs::metadata(path).and_then(|file| file.modified()).ok()
}

fn read_json(path: &Path) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}
