//! Which labs there are on this machine, and who holds them.
//!
//! Each has a folder in /run with a file that its holder keeps locked: when the holder is gone, however it went, the
//! lock is gone with it, and the next lab that is made takes down what was left.

use crate::layout::Layout;
use crate::names;
use crate::system;
use anyhow::{Context as _, Result, ensure};
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};
use serde::Serialize;
use std::fmt;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::path::{Path, PathBuf};

const FOLDER: &str = "/run/moim-lab";
const NAMESPACES: &str = "/run/netns";
const PREFIX: &str = "moim-";

/// Tells one lab from all others on the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunId(String);

impl RunId {
    /// Takes what [`fmt::Display`] gave.
    pub fn parse(text: &str) -> Result<Self> {
        ensure!(
            text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
            "{text:?} names no lab: such a name is the `run` that `lab up` prints"
        );
        Ok(Self(text.to_owned()))
    }

    fn random() -> Self {
        // The standard library seeds each from the system's randomness.
        let number = RandomState::new().hash_one(std::process::id());
        Self(format!("{:08x}", number & 0xffff_ffff))
    }

    /// The namespace of a node.
    pub(crate) fn namespace(&self, node: &str) -> String {
        format!("{PREFIX}{}-{node}", self.0)
    }

    fn folder(&self) -> PathBuf {
        Path::new(FOLDER).join(&self.0)
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A lab that this process holds. Dropping it takes the lab down.
#[derive(Debug)]
pub(crate) struct Registration {
    pub(crate) run: RunId,
    _lock: File,
}

impl Registration {
    /// Takes down what dead processes left, and begins a lab.
    pub(crate) fn begin() -> Result<Self> {
        fs::create_dir_all(FOLDER).with_context(|| format!("cannot make {FOLDER}"))?;
        // One at a time: a folder whose file is not locked yet must not look abandoned.
        let turn = open_lock(&Path::new(FOLDER).join("turn"))?;
        flock(&turn, FlockOperation::LockExclusive).context("cannot wait for other labs to be made")?;
        sweep()?;
        let run = RunId::random();
        fs::create_dir(run.folder()).with_context(|| format!("cannot make the folder of lab {run}"))?;
        let lock = open_lock(&run.folder().join("lock"))?;
        flock(&lock, FlockOperation::NonBlockingLockExclusive).context("a new file cannot be locked")?;
        Ok(Self { run, _lock: lock })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        take_down(&self.run);
    }
}

/// Keeps how a lab looks, for other processes.
pub(crate) fn save(run: &RunId, layout: &Layout) -> Result<()> {
    let (new, path) = (run.folder().join("layout.new"), run.folder().join("layout.json"));
    fs::write(&new, serde_json::to_string(layout)?)
        .with_context(|| format!("cannot write {}", new.display()))?;
    fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))
}

/// How a lab looks that this or another process holds.
pub(crate) fn load(run: &RunId) -> Result<Layout> {
    let path = run.folder().join("layout.json");
    let text = fs::read_to_string(&path).with_context(|| format!("there is no lab {run} (any more)"))?;
    serde_json::from_str(&text).with_context(|| format!("{} was written by another version", path.display()))
}

fn sweep() -> Result<()> {
    for entry in fs::read_dir(FOLDER).with_context(|| format!("cannot list {FOLDER}"))? {
        let name = entry?.file_name();
        let Some(run) = name.to_str().and_then(|name| RunId::parse(name).ok()) else { continue };
        let is_held = open_lock(&run.folder().join("lock"))
            .is_ok_and(|lock| flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err());
        if !is_held {
            take_down(&run);
        }
    }
    Ok(())
}

/// Ends what runs in a lab and removes it. What cannot be removed is left to the next lab that is made.
fn take_down(run: &RunId) {
    let prefix = run.namespace("");
    let namespaces = fs::read_dir(NAMESPACES).into_iter().flatten().flatten();
    let names = namespaces.filter_map(|entry| entry.file_name().into_string().ok());
    for namespace in names.filter(|name| name.starts_with(&prefix)) {
        end_processes(&namespace);
        if system::run("ip", &["netns", "delete", &namespace]).is_err() {
            // A file that lost its namespace, as after a restart of the machine.
            let _ = fs::remove_file(Path::new(NAMESPACES).join(&namespace));
        }
        names::remove(&namespace);
    }
    let _ = fs::remove_dir_all(run.folder());
}

/// Ends all processes whose network is this namespace. They were started in a lab, and by nobody else.
fn end_processes(namespace: &str) {
    let Ok(wanted) = rustix::fs::stat(Path::new(NAMESPACES).join(namespace)) else { return };
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
        let Some(pid) = pid.filter(|pid| *pid != rustix::process::getpid()) else { continue };
        let own = rustix::fs::stat(entry.path().join("ns/net"));
        if own.is_ok_and(|own| own.st_ino == wanted.st_ino && own.st_dev == wanted.st_dev) {
            // It may have ended by itself meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

fn open_lock(path: &Path) -> Result<File> {
    let opened: io::Result<File> = File::options().create(true).truncate(false).write(true).open(path);
    opened.with_context(|| format!("cannot open {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::RunId;

    #[test]
    fn a_run_is_named_by_eight_digits() {
        let run = RunId::random();
        assert_eq!(RunId::parse(&run.to_string()).unwrap(), run);
        for text in ["", "../../etc", "0123456", "0123456g"] {
            assert!(RunId::parse(text).is_err(), "{text}");
        }
    }
}
