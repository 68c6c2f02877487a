//! A stack of others, as a process that speaks lines.

use crate::ours::Role;
use moim_lab::Host;
use serde_json::Value;
use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use tokio::sync::mpsc::{Receiver, channel};

const FOLDER: &str = env!("CARGO_MANIFEST_DIR");
/// Debian's own Python, for which GStreamer's bindings are.
const PYTHON: &str = "/usr/bin/python3";
/// Lines that may wait to be looked at.
const LINES_MAX: usize = 256;

/// Who is met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Partner {
    Str0m,
    Aiortc,
    Gstreamer,
    Libwebrtc,
}

/// What has been received.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) video: u32,
    pub(crate) audio: u32,
    pub(crate) messages: u32,
}

/// A partner that runs.
pub(crate) struct Running {
    child: Child,
    input: ChildStdin,
    pub(crate) lines: Receiver<Value>,
}

impl Partner {
    /// Starts it on a host.
    pub(crate) fn start(self, host: &Host, role: Role) -> Running {
        let file = |name: &str| Path::new(FOLDER).join(name);
        let present = |name: &str| {
            let path = file(name);
            assert!(path.exists(), "{} is missing: `cargo xtask test rust` installs it", path.display());
            path
        };
        let mut command = match self {
            Self::Str0m => {
                let mut command = host.command(env!("CARGO_BIN_EXE_moim-interop"));
                command.args([role.word(), &host.ipv4()[0].to_string()]);
                command
            }
            Self::Aiortc => {
                let mut command = host.command(present(".partners/bin/python"));
                command.arg(file("partners/aiortc_partner.py")).arg(role.word());
                command
            }
            Self::Gstreamer => {
                let mut command = host.command(PYTHON);
                command.arg(file("partners/gstreamer_partner.py")).arg(role.word());
                command
            }
            Self::Libwebrtc => {
                present("node_modules/@roamhq/wrtc");
                let mut command = host.command("node");
                command.arg(file("partners/wrtc_partner.mjs")).arg(role.word());
                command
            }
        };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let (sender, lines) = channel(LINES_MAX);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                let Ok(line) = serde_json::from_str(&line) else { continue };
                if sender.blocking_send(line).is_err() {
                    break;
                }
            }
        });
        Running { child, input, lines }
    }
}

impl Running {
    pub(crate) fn say(&mut self, line: &Value) {
        writeln!(self.input, "{line}").expect("the partner still listens");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself; why, the test will tell.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Counts {
    pub(crate) fn reaches(self, other: Self) -> bool {
        self.video >= other.video && self.audio >= other.audio && self.messages >= other.messages
    }

    /// What a line of `counts` says.
    pub(crate) fn read(line: &Value) -> Self {
        let of = |name: &str| line[name].as_u64().and_then(|count| u32::try_from(count).ok()).unwrap_or(0);
        Self { video: of("video"), audio: of("audio"), messages: of("messages") }
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pictures, {} packets of sound, {} messages", self.video, self.audio, self.messages)
    }
}
