//! What a task needs from the machine: present, installed, or asked for in one exact line.

use crate::shell;
use crate::workspace;
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;

/// The oldest Node.js that the web build and the browser tests run on.
const NODE_VERSION_MIN: u32 = 20;

/// Something a task needs, and the Debian package that brings it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Need {
    /// A program looked for in `PATH`, or an absolute path that must exist.
    probe: &'static str,
    /// The Debian (and Ubuntu) package it comes in.
    package: &'static str,
    /// An environment variable that may name another program to use in its place.
    instead: Option<&'static str>,
}

impl Need {
    const fn new(probe: &'static str, package: &'static str) -> Self {
        Self { probe, package, instead: None }
    }

    const fn or_from(self, variable: &'static str) -> Self {
        Self { instead: Some(variable), ..self }
    }

    fn is_met(&self) -> bool {
        is_present(self.probe) || self.instead.is_some_and(|variable| std::env::var_os(variable).is_some())
    }
}

/// To build the server: aws-lc-rs compiles C.
pub(crate) const BUILD: &[Need] = &[Need::new("cc", "gcc"), Need::new("/usr/include/stdio.h", "libc6-dev")];

/// To judge what is encoded and recorded: a decoder that other people wrote.
pub(crate) const MEDIA: &[Need] = &[Need::new("ffmpeg", "ffmpeg")];

/// To run the browser tests: two browsers, letters to draw, and a network of their own.
pub(crate) const BROWSERS: &[Need] = &[
    // Ubuntu has browsers as snaps only, which are not what is tested here: there the variables name others.
    Need::new("chromium", "chromium").or_from("CHROMIUM_BIN"),
    Need::new("firefox-esr", "firefox-esr").or_from("FIREFOX_BIN"),
    Need::new("/usr/share/fonts/truetype/liberation", "fonts-liberation"),
    Need::new("certutil", "libnss3-tools"),
    Need::new("unshare", "util-linux"),
    Need::new("openssl", "openssl"),
];

/// To make networks with NATs. Debian keeps these where the `PATH` of ordinary users does not look.
pub(crate) const LAB: &[Need] = &[
    Need::new("/sbin/ip", "iproute2"),
    Need::new("/usr/sbin/nft", "nftables"),
    Need::new("/usr/sbin/conntrack", "conntrack"),
    // Clients that other people wrote, and that must be content with our relay.
    Need::new("turnutils_uclient", "coturn"),
    Need::new("/usr/lib/python3/dist-packages/aiortc", "python3-aiortc"),
];

/// WebRTC stacks that nobody here wrote, as far as the distribution has them.
pub(crate) const PARTNERS: &[Need] = &[
    Need::new("/usr/lib/python3/dist-packages/gi/overrides/Gst.py", "python3-gst-1.0"),
    Need::new("/usr/share/doc/gir1.2-gst-plugins-bad-1.0", "gir1.2-gst-plugins-bad-1.0"),
    Need::new("/usr/share/doc/gstreamer1.0-plugins-base", "gstreamer1.0-plugins-base"),
    Need::new("/usr/share/doc/gstreamer1.0-plugins-good", "gstreamer1.0-plugins-good"),
    Need::new("/usr/share/doc/gstreamer1.0-plugins-bad", "gstreamer1.0-plugins-bad"),
    Need::new("/usr/share/doc/gstreamer1.0-nice", "gstreamer1.0-nice"),
    Need::new("/usr/share/doc/python3-venv", "python3-venv"),
    // To post offers.
    Need::new("curl", "curl"),
];

/// Installs what is missing if it may; otherwise says what to type and stops.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let packages: Vec<&str> = needs.iter().filter(|need| !need.is_met()).map(|need| need.package).collect();
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    let by_hand = format!("sudo apt-get update && sudo apt-get install -y --no-install-recommends {list}");
    if !is_present("apt-get") {
        bail!(
            "needed and not found: {list} (Debian's names). Install them with this system's package manager"
        );
    }
    let Some(privilege) = privilege() else {
        bail!("needed and not found: {list}. Please run:\n\n    {by_hand}\n");
    };
    shell::step(&format!("install {list}"), || {
        let apt = |args: &[&str]| {
            let mut command = Command::new("env");
            let words = privilege.iter().chain(&["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"]);
            command.args(words).args(args);
            shell::run(&mut command).with_context(|| format!("by hand it is: {by_hand}"))
        };
        apt(&["update", "-q"])?;
        apt(&[&["install", "-q", "-y", "--no-install-recommends"], packages.as_slice()].concat())
    })
}

/// Node.js and npm, which no package manager has in the version that every system needs.
pub(crate) fn ensure_node() -> Result<()> {
    let advice = format!("Install Node.js {NODE_VERSION_MIN} or newer, with npm: https://nodejs.org");
    let version = shell::output(Command::new("node").arg("--version"))
        .with_context(|| format!("Node.js was not found. {advice}"))?;
    if node_major(&version).is_none_or(|major| major < NODE_VERSION_MIN) {
        bail!("Node.js here is {}. {advice}", version.trim());
    }
    if !is_present("npm") {
        bail!("npm was not found. {advice}");
    }
    Ok(())
}

/// Whether nextest is here; it shows tests better and runs them faster, but is not demanded.
pub(crate) fn has_nextest() -> bool {
    shell::succeeds(&mut workspace::cargo(&["nextest", "--version"]))
}

fn is_present(probe: &str) -> bool {
    if Path::new(probe).is_absolute() {
        return Path::new(probe).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(probe).is_file())
}

/// The words before a command that make it run as root, if that needs no password.
fn privilege() -> Option<&'static [&'static str]> {
    let is_root = shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    if is_root {
        Some(&[])
    } else if shell::succeeds(Command::new("sudo").args(["-n", "true"])) {
        Some(&["sudo", "-n"])
    } else {
        None
    }
}

fn node_major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{is_present, node_major};

    #[test]
    fn node_versions_are_read() {
        assert_eq!(node_major("v20.20.2\n"), Some(20));
        assert_eq!(node_major("v8.0.0"), Some(8));
        assert_eq!(node_major("not a version"), None);
    }

    #[test]
    fn a_program_is_found_by_name_and_a_file_by_path() {
        assert!(is_present("sh"));
        assert!(is_present("/bin/sh"));
        assert!(!is_present("no-such-program-anywhere"));
        assert!(!is_present("/no/such/file"));
    }
}
