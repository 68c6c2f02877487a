//! Where things are, and what Cargo knows about them.

use crate::shell;
use anyhow::{Context, Result};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder that holds everything.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask lies in the workspace's root")
}

/// The Cargo that started this program, in the workspace's root.
pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut command = shell::command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), root());
    command.args(args);
    command
}

/// What `cargo metadata` says about the members and what they depend on directly.
pub(crate) struct Metadata(Value);

/// A package of the workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Member {
    /// Its name, such as `moim-signal`.
    pub(crate) name: String,
    /// Its folder within the workspace, such as `proto/signal`.
    pub(crate) folder: String,
    /// What it needs to be built: not its development dependencies.
    pub(crate) dependencies: Vec<String>,
}

impl Metadata {
    pub(crate) fn read() -> Result<Self> {
        let mut command = cargo(&["metadata", "--format-version", "1", "--no-deps"]);
        let text = shell::output(&mut command)?;
        Ok(Self(serde_json::from_str(&text).context("cargo metadata did not print JSON")?))
    }

    /// Where Cargo puts what it builds.
    pub(crate) fn target_dir(&self) -> Result<PathBuf> {
        let dir = self.0["target_directory"].as_str().context("cargo metadata names no target directory")?;
        Ok(PathBuf::from(dir))
    }

    pub(crate) fn members(&self) -> Result<Vec<Member>> {
        let packages = self.0["packages"].as_array().context("cargo metadata names no packages")?;
        packages.iter().map(member).collect()
    }
}

fn member(package: &Value) -> Result<Member> {
    let name = package["name"].as_str().context("a package without a name")?.to_owned();
    let manifest = Path::new(package["manifest_path"].as_str().context("a package without a manifest")?);
    let folder = manifest.parent().and_then(|dir| dir.strip_prefix(root()).ok());
    let folder = folder.with_context(|| format!("{name} lies outside the workspace"))?;
    let dependencies = package["dependencies"].as_array().into_iter().flatten();
    Ok(Member {
        folder: folder.to_string_lossy().replace('\\', "/"),
        dependencies: dependencies
            .filter(|dependency| dependency["kind"].as_str() != Some("dev"))
            .filter_map(|dependency| dependency["name"].as_str().map(str::to_owned))
            .collect(),
        name,
    })
}
