//! The WebRTC stacks of others that ours is tested with: what does not come with the distribution.

use crate::shell;
use crate::web;
use crate::workspace;
use anyhow::Result;
use std::fs;
use std::path::Path;

/// Where the tests with them are.
const FOLDER: &str = "tests/interop";
/// Debian's Python, for which GStreamer's bindings are.
const PYTHON: &str = "/usr/bin/python3";

/// Installs them as locked, unless they are.
pub(crate) fn install() -> Result<()> {
    shell::step("WebRTC stacks of others", || {
        web::install(FOLDER)?;
        let folder = workspace::root().join(FOLDER);
        let wanted = fs::read_to_string(folder.join("requirements.txt"))?;
        let installed = folder.join(".partners/requirements.txt");
        if fs::read_to_string(&installed).is_ok_and(|installed| installed == wanted) {
            return Ok(());
        }
        python(&folder, PYTHON, &["-m", "venv", "--clear", ".partners"])?;
        let pip =
            ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
        python(&folder, ".partners/bin/python", &pip)?;
        // Last, so that a run that was interrupted is not taken for one that was not.
        Ok(fs::write(installed, wanted)?)
    })
}

fn python(folder: &Path, program: &str, args: &[&str]) -> Result<()> {
    // A path that is absolute stays what it is.
    shell::run(shell::command(folder.join(program), folder).args(args))
}
