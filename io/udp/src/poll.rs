use crate::sys;
use rustix::event::{EventfdFlags, epoll, eventfd};
use std::cell::Cell;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// How many events one wait returns. What else is ready comes with the next one, in turn.
const EVENTS_MAX: usize = 256;

/// Waits until descriptors are ready (`epoll`), however many are being waited for.
///
/// A descriptor is reported as long as it is ready. It is named by a token of the caller's.
pub struct Poller {
    epoll: OwnedFd,
    events: Vec<libc::epoll_event>,
    ready: usize,
    /// Whether the kernel takes timeouts in nanoseconds.
    is_precise: Cell<bool>,
}

/// What a descriptor is to be ready for. Errors are always reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Something has arrived.
    Read,
    /// There is room to write.
    Write,
    /// Either.
    ReadWrite,
    /// Errors alone.
    ErrorsOnly,
}

/// A descriptor that is ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Its name.
    pub token: u64,
    /// Reading gets something, or the end.
    pub readable: bool,
    /// Writing finds room, or an error.
    pub writable: bool,
    /// There is an error to be taken.
    pub failed: bool,
    /// The other end is gone, or will write no more.
    pub ended: bool,
}

impl Poller {
    /// A poller that waits for nothing.
    pub fn new() -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let nothing = libc::epoll_event { events: 0, u64: 0 };
        Ok(Self { epoll, events: vec![nothing; EVENTS_MAX], ready: 0, is_precise: Cell::new(true) })
    }

    /// Begins waiting for a descriptor. Closing it ends that.
    pub fn add(&self, descriptor: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::add(&self.epoll, descriptor, epoll::EventData::new_u64(token), interest.flags())?)
    }

    /// Changes the name of a descriptor, or what it is to be ready for.
    pub fn modify(&self, descriptor: impl AsFd, token: u64, interest: Interest) -> io::Result<()> {
        Ok(epoll::modify(&self.epoll, descriptor, epoll::EventData::new_u64(token), interest.flags())?)
    }

    /// Ends waiting for a descriptor that stays open.
    pub fn remove(&self, descriptor: impl AsFd) -> io::Result<()> {
        Ok(epoll::delete(&self.epoll, descriptor)?)
    }

    /// Waits until something is ready, or until the time is up; without a timeout for as long as it takes. A signal ends the
    /// wait as if nothing had become ready.
    pub fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        self.ready = 0;
        let result = if self.is_precise.get() {
            match sys::epoll_pwait2(&self.epoll, &mut self.events, timeout) {
                // ENOSYS: an old kernel. EPERM: a sandbox that does not know the call.
                Err(error) if matches!(error.raw_os_error(), Some(libc::ENOSYS | libc::EPERM)) => {
                    self.is_precise.set(false);
                    sys::epoll_wait(&self.epoll, &mut self.events, timeout)
                }
                result => result,
            }
        } else {
            sys::epoll_wait(&self.epoll, &mut self.events, timeout)
        };
        match result {
            Ok(ready) => self.ready = ready,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Whether waits end within microseconds of the timeout, rather than within a millisecond. Known after the first wait.
    pub fn is_precise(&self) -> bool {
        self.is_precise.get()
    }

    /// How many descriptors the last wait found ready.
    pub fn len(&self) -> usize {
        self.ready
    }

    /// Whether the last wait found nothing ready.
    pub fn is_empty(&self) -> bool {
        self.ready == 0
    }

    /// What the last wait found ready, by its place.
    ///
    /// # Panics
    /// If there are no so many.
    pub fn ready(&self, index: usize) -> Ready {
        let libc::epoll_event { events, u64: token } = self.events[..self.ready][index];
        let has = |flags: libc::c_int| events & flags.cast_unsigned() != 0;
        let ended = has(libc::EPOLLHUP | libc::EPOLLRDHUP);
        let failed = has(libc::EPOLLERR);
        Ready {
            token,
            readable: has(libc::EPOLLIN) || ended,
            writable: has(libc::EPOLLOUT) || failed,
            failed,
            ended,
        }
    }
}

impl std::fmt::Debug for Poller {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Poller").field("ready", &self.ready).finish_non_exhaustive()
    }
}

impl Interest {
    fn flags(self) -> epoll::EventFlags {
        let read = epoll::EventFlags::IN | epoll::EventFlags::RDHUP;
        match self {
            Self::Read => read,
            Self::Write => epoll::EventFlags::OUT,
            Self::ReadWrite => read | epoll::EventFlags::OUT,
            Self::ErrorsOnly => epoll::EventFlags::empty(),
        }
    }
}

/// Wakes a thread that waits in a [`Poller`], from any other thread.
#[derive(Debug)]
pub struct Waker {
    descriptor: OwnedFd,
}

impl Waker {
    /// A waker, to be added to the poller for reading.
    pub fn new() -> io::Result<Self> {
        Ok(Self { descriptor: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    /// Makes the waker ready. Waking it again before it has been reset changes nothing.
    pub fn wake(&self) {
        // It can only fail because the counter is full, and then the waker is ready already.
        let _ = rustix::io::write(&self.descriptor, &1_u64.to_ne_bytes());
    }

    /// Takes the readiness back. What was to be looked at must be looked at after this, not before.
    pub fn reset(&self) {
        let _ = rustix::io::read(&self.descriptor, &mut [0; 8]);
    }
}

impl AsFd for Waker {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Destination, SendBuffers, Socket, SocketOptions};
    use std::sync::Arc;

    const WITHIN_REASON: Option<Duration> = Some(Duration::from_secs(30));

    #[test]
    fn a_waker_wakes_from_another_thread_until_it_is_reset() {
        let mut poller = Poller::new().unwrap();
        let waker = Arc::new(Waker::new().unwrap());
        poller.add(&*waker, 7, Interest::Read).unwrap();

        let elsewhere = Arc::clone(&waker);
        std::thread::spawn(move || elsewhere.wake()).join().unwrap();
        poller.wait(WITHIN_REASON).unwrap();

        assert_eq!(poller.len(), 1);
        assert_eq!(poller.ready(0).token, 7);
        assert!(poller.ready(0).readable);
        waker.reset();
        poller.wait(Some(Duration::ZERO)).unwrap();
        assert!(poller.is_empty());
    }

    #[test]
    fn a_socket_is_reported_until_it_has_been_read_and_no_more_when_removed() {
        let mut poller = Poller::new().unwrap();
        let socket = Socket::bind("127.0.0.1:0".parse().unwrap(), &SocketOptions::default()).unwrap();
        poller.add(&socket, u64::MAX, Interest::Read).unwrap();
        let mut buffers = SendBuffers::new();
        let mut queue = buffers.queue();
        queue.push(Destination::new(socket.local_addr()), &[b"to myself"]);
        queue.flush(&socket);

        for _ in 0..2 {
            poller.wait(WITHIN_REASON).unwrap();
            assert_eq!(poller.ready(0).token, u64::MAX);
        }
        poller.modify(&socket, 5, Interest::ReadWrite).unwrap();
        poller.wait(WITHIN_REASON).unwrap();
        assert_eq!((poller.ready(0).token, poller.ready(0).writable), (5, true));
        poller.remove(&socket).unwrap();
        poller.wait(Some(Duration::from_micros(50))).unwrap();
        assert!(poller.is_empty());
    }

    #[test]
    fn a_kernel_without_precise_timeouts_is_waited_for_in_milliseconds() {
        let mut poller = Poller::new().unwrap();
        poller.is_precise.set(false);

        poller.wait(Some(Duration::from_micros(10))).unwrap();

        assert!(poller.is_empty());
    }
}
