//! `cargo xtask tidy`: the house rules that no compiler knows. Each rule is a function from text to complaints, so that
//! each is tested with text.

mod layers;
mod links;
mod manifest;
mod size;
mod words;

use crate::shell;
use crate::workspace::{self, Metadata};
use anyhow::{Context, Result, bail};
use std::fmt;
use std::fs;

/// Files without which this is not a project that others can use.
const DOCUMENTS: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "STYLE.md",
    "docs/protocol.md",
];

/// Something that breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// The file, within the workspace.
    pub(crate) path: String,
    /// The line, from 1; absent when it is about the file.
    pub(crate) line: Option<usize>,
    /// What is wrong and what to do.
    pub(crate) text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.path, self.text),
            None => write!(f, "{}: {}", self.path, self.text),
        }
    }
}

/// A file of the repository.
#[derive(Debug)]
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    pub(crate) fn has_extension(&self, extensions: &[&str]) -> bool {
        self.path.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension))
    }

    /// Written by a program, and so nobody's to tidy.
    pub(crate) fn is_generated(&self) -> bool {
        let first = self.text.lines().take(3);
        self.path.ends_with("package-lock.json")
            || first.into_iter().any(|line| line.contains("@generated") || line.contains("Generated from "))
    }
}

/// Checks the whole repository and names everything that is wrong.
pub(crate) fn tidy() -> Result<()> {
    shell::step("tidiness", || {
        let sources = sources()?;
        let mut problems = Vec::new();
        for source in &sources {
            problems.extend(size::check(source));
            problems.extend(words::check(source));
            problems.extend(links::check(source, &sources));
        }
        let members = Metadata::read()?.members()?;
        problems.extend(layers::check(&members));
        for member in &members {
            let path = format!("{}/Cargo.toml", member.folder);
            let text = fs::read_to_string(workspace::root().join(&path))?;
            problems.extend(manifest::check(&Source { path, text }));
        }
        problems.extend(missing_documents(&sources));
        for problem in &problems {
            println!("   {problem}");
        }
        if !problems.is_empty() {
            bail!("{} problems", problems.len());
        }
        println!("   {} files, {} packages: nothing to complain about", sources.len(), members.len());
        Ok(())
    })
}

/// Every file that is, or is about to be, in the repository.
fn sources() -> Result<Vec<Source>> {
    let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
    let listing = shell::output(shell::command("git", workspace::root()).args(args))?;
    let mut sources = Vec::new();
    for path in listing.split_terminator('\0') {
        let full = workspace::root().join(path);
        if !full.is_file() {
            continue; // deleted, and not yet committed as such
        }
        let bytes = fs::read(&full).with_context(|| format!("cannot read {path}"))?;
        // A picture has no text to check, but may be linked to.
        let text = String::from_utf8(bytes).unwrap_or_default();
        sources.push(Source { path: path.to_owned(), text });
    }
    Ok(sources)
}

fn missing_documents(sources: &[Source]) -> Vec<Problem> {
    let is_missing = |path: &&&str| !sources.iter().any(|source| source.path == **path);
    let missing = DOCUMENTS.iter().filter(is_missing);
    missing
        .map(|path| Problem { path: (*path).to_owned(), line: None, text: "is missing".to_owned() })
        .collect()
}
