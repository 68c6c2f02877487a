//! Writing lines by a thread of its own.
//!
//! Whoever reads a log may be slow or have stopped: a pager, a full disk, a service manager that restarts. The threads that
//! relay packets write lines as well, and must not wait for that.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread::Builder;
use std::time::Duration;
use tracing_subscriber::fmt::MakeWriter;

/// How many lines wait at most. Those that come then are dropped, which is told when there is room again.
const LINES_MAX: usize = 4096;
/// How long the lines that wait at the end of the process are given.
const FLUSH_MAX: Duration = Duration::from_secs(2);

/// Where lines are put. Clones are the same one.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    sender: SyncSender<Item>,
    dropped: Arc<AtomicU64>,
}

#[derive(Debug)]
enum Item {
    Line(Box<[u8]>),
    /// Everything before has been written.
    Flush(SyncSender<()>),
}

/// Those that the process logs to.
static CURRENT: OnceLock<Lines> = OnceLock::new();

impl Lines {
    /// Starts the thread, which writes to `out`.
    pub(super) fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (sender, receiver) = sync_channel(LINES_MAX);
        let dropped = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&dropped);
        Builder::new().name("log".to_owned()).spawn(move || write(out, &receiver, &counter))?;
        Ok(Self { sender, dropped })
    }

    /// Makes these the ones that [`flush`] is about. Only the first call has an effect.
    pub(super) fn set_current(&self) {
        let _ = CURRENT.set(self.clone());
    }

    fn flush(&self) {
        let (sender, done) = sync_channel(1);
        if self.sender.try_send(Item::Flush(sender)).is_ok() {
            let _ = done.recv_timeout(FLUSH_MAX);
        }
    }
}

/// Waits for a moment until what was logged has been written.
pub(super) fn flush() {
    if let Some(lines) = CURRENT.get() {
        lines.flush();
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> &'a Self {
        self
    }
}

/// Each write is a whole line: that is how they are made.
impl Write for &Lines {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.sender.try_send(Item::Line(line.into())).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn write(mut out: impl Write, items: &Receiver<Item>, dropped: &AtomicU64) {
    for item in items {
        match item {
            // There is nobody to tell that nothing can be told.
            Item::Line(line) => drop(out.write_all(&line)),
            Item::Flush(done) => drop(done.try_send(())),
        }
        let lines = dropped.swap(0, Ordering::Relaxed);
        if lines > 0 {
            tracing::warn!(
                lines,
                "lines of the log were dropped, since nobody reads them as fast as they come"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::Sender;
    use std::sync::mpsc::channel;

    /// Tells what is written, after waiting for a permission.
    struct Slow {
        permissions: Receiver<()>,
        written: Sender<Vec<u8>>,
    }

    impl Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.permissions.recv();
            let _ = self.written.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn nobody_waits_for_a_reader_that_does_not_read() {
        let (permit, permissions) = channel();
        let (sender, written) = channel();
        let lines = Lines::start(Slow { permissions, written: sender }).unwrap();

        for number in 0..2 * LINES_MAX {
            (&lines).write_all(number.to_string().as_bytes()).unwrap();
        }

        assert!(lines.dropped.load(Ordering::Relaxed) >= LINES_MAX as u64 - 1);
        drop(permit);
        assert_eq!(written.recv().unwrap(), b"0");
        assert_eq!(written.recv().unwrap(), b"1");
    }

    #[test]
    fn what_waits_is_written_before_the_end() {
        let (permit, permissions) = channel::<()>();
        drop(permit);
        let (sender, written) = channel();
        let lines = Lines::start(Slow { permissions, written: sender }).unwrap();
        (&lines).write_all(b"the last words").unwrap();

        lines.flush();

        assert_eq!(written.try_recv().unwrap(), b"the last words");
    }
}
