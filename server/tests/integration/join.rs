//! `moim join`: what one publishes, another records to files that play; and those are published again.

use crate::command_line::moim;
use crate::support::TestServer;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Lines};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// More frames than are needed to know that a file is played again from its beginning: those that are recorded at first are not many more
/// than half of that.
const FRAMES_MIN: u64 = 40;

/// The program, in a room.
struct Participant {
    child: Running,
    lines: Lines<BufReader<ChildStdout>>,
    folder: TempDir,
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Usually it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Participant {
    fn join(server: &TestServer, room: &str, name: &str, more: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("https://{}/r/{room}", server.address);
        let record = folder.path().to_str().unwrap();
        let fixed =
            ["join", &url, "--name", name, "--insecure", "--loopback", "--stats", "json", "--record", record];
        let mut child = moim(&folder, &[&fixed, more].concat(), &[]).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child: Running(child), lines, folder }
    }

    /// The next line of which this is so.
    fn until(&mut self, is_so: impl Fn(&Value) -> bool) -> Value {
        let mut lines = self.lines.by_ref().map(|line| serde_json::from_str(&line.unwrap()).unwrap());
        lines.find(is_so).expect("it goes on")
    }

    fn is_in_the_room(&mut self) {
        self.until(|line| line["type"] == "joined");
    }

    /// Waits until so many frames of every track of the others have come.
    fn receives(&mut self, tracks: usize, frames: u64) {
        self.until(|line| {
            let others = line["participants"].as_array().into_iter().flatten();
            let tracks_of_all: Vec<_> =
                others.flat_map(|other| other["tracks"].as_array().into_iter().flatten()).collect();
            line["type"] == "stats"
                && tracks_of_all.len() == tracks
                && tracks_of_all.iter().all(|track| track["frames"].as_u64().unwrap() >= frames)
        });
    }

    /// Leaves, and tells what was recorded.
    fn leave(mut self) -> (Vec<PathBuf>, TempDir) {
        kill_process(Pid::from_child(&self.child.0), Signal::TERM).unwrap();
        let summary = self.until(|line| line["type"] == "summary");
        assert!(self.child.0.wait().unwrap().success());
        let files = summary["recordings"].as_array().unwrap();
        (files.iter().map(|file| file["path"].as_str().unwrap().into()).collect(), self.folder)
    }
}

/// Fails if ffmpeg has anything to complain of.
fn plays(path: &Path) {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-xerror", "-i"])
        .arg(path)
        .args(["-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "-"])
        .output()
        .expect("ffmpeg is needed; `cargo xtask test` installs it");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{}", path.display());
    assert!(output.status.success(), "{}", path.display());
}

/// What somebody publishes, as somebody else records it.
fn recorded(
    server: &TestServer,
    room: &str,
    publish: &[&str],
    tracks: usize,
    frames: u64,
) -> (Vec<PathBuf>, TempDir) {
    let mut anna = Participant::join(server, room, "Anna", publish);
    anna.is_in_the_room();
    let mut ben = Participant::join(server, room, "Ben", &[]);
    ben.receives(tracks, frames);
    let recorded = ben.leave();
    anna.leave();
    for path in &recorded.0 {
        plays(path);
    }
    recorded
}

/// Records the test picture, or tone, or both, and publishes what was recorded.
fn is_published_again(room: &str, without: &[&str], extension: &str) {
    let server = TestServer::start();
    let test = ["--publish", "test", "--size", "320x180", "--bitrate", "300k"];
    let tracks = 2 - without.len();
    let (files, _folder) = recorded(&server, room, &[&test, without].concat(), tracks, FRAMES_MIN / 2);
    // On a busy machine, picture and sound may begin so far from each other that each has a file.
    let file = files.first().expect("something was recorded");
    assert!(files.len() > 1 || file.extension().is_some_and(|is| is == extension), "{files:?}");

    let tracks = tracks.min(3 - files.len());
    let publish = ["--publish", file.to_str().unwrap()];
    let (again, _folder) = recorded(&server, room, &publish, tracks, FRAMES_MIN);

    assert!(!again.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_picture_is_published_as_ivf() {
    is_published_again("picture", &["--no-audio"], "ivf");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorded_tone_is_published_as_ogg() {
    is_published_again("tone", &["--no-video"], "ogg");
}

#[tokio::test(flavor = "multi_thread")]
async fn picture_and_tone_are_published_as_webm() {
    is_published_again("both", &[], "webm");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_that_reaches_its_limit_says_so() {
    let server = TestServer::start();
    let mut anna = Participant::join(&server, "limit", "Anna", &["--publish", "test", "--size", "320x180"]);
    anna.is_in_the_room();
    let mut ben = Participant::join(&server, "limit", "Ben", &["--record-max", "40K"]);

    let full = ben.until(|line| line["type"] == "recordingFull");

    assert_eq!(full["bytesMax"], 40_960);
    let (files, _folder) = ben.leave();
    let len: u64 = files.iter().map(|file| file.metadata().unwrap().len()).sum();
    assert!(!files.is_empty() && len < 2 * 40_960, "{len} bytes in {files:?}");
    for file in &files {
        plays(file);
    }
    anna.leave();
}
