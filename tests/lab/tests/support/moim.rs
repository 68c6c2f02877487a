//! A server on a host of a lab.

use moim_lab::Host;
use moim_server::{Config, Overrides, Server, Shutdown};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use tempfile::TempDir;

/// The port of STUN and TURN, and of all else: moim needs no second one for TLS.
pub(crate) const PORT: &str = "3478";

/// A server in this process, on another host.
pub(crate) struct Moim {
    shutdown: Shutdown,
    thread: Option<JoinHandle<()>>,
    _folder: TempDir,
}

impl Moim {
    pub(crate) fn start(host: Host, toml: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("moim.toml");
        std::fs::write(&file, toml).unwrap();
        let shutdown = Shutdown::new();
        let (bound, is_bound) = mpsc::channel();
        let stop = shutdown.clone();
        let data_dir = folder.path().to_owned();
        // Threads are where the thread was that started them, and so are their sockets.
        let thread = thread::spawn(move || {
            host.enter(|| run(&file, data_dir, stop, || bound.send(()).unwrap())).unwrap();
        });
        is_bound.recv().expect("the server is up");
        Self { shutdown, thread: Some(thread), _folder: folder }
    }
}

impl Drop for Moim {
    fn drop(&mut self) {
        self.shutdown.stop();
        let ended = self.thread.take().map(JoinHandle::join);
        if !thread::panicking() {
            ended.transpose().expect("the server ends without a panic");
        }
    }
}

fn run(file: &Path, data_dir: PathBuf, shutdown: Shutdown, ready: impl FnOnce()) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let overrides =
            Overrides { port: Some(PORT.parse().unwrap()), data_dir: Some(data_dir), ..Overrides::default() };
        let server = Server::bind(Config::load(Some(file), overrides).unwrap()).unwrap();
        ready();
        server.run(shutdown).await.unwrap();
    });
}
