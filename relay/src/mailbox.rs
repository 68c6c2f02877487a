//! How threads reach each other: bounded queues, and a bell that wakes who sleeps.

use moim_udp::Waker;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Wakes a shard that sleeps. Ringing for one that is awake costs no system call.
#[derive(Debug)]
pub(crate) struct Bell {
    waker: Waker,
    is_asleep: AtomicBool,
}

impl Bell {
    /// A bell of a shard that is awake.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { waker: Waker::new()?, is_asleep: AtomicBool::new(false) })
    }

    /// The shard's descriptor for it.
    pub(crate) fn waker(&self) -> &Waker {
        &self.waker
    }

    /// Called after something was put into a mailbox.
    pub(crate) fn ring(&self) {
        // Either this sees that the shard is asleep, or the shard, which says so before it looks into its mailboxes for a last
        // time, sees what was put there.
        fence(Ordering::SeqCst);
        if self.is_asleep.swap(false, Ordering::Relaxed) {
            self.waker.wake();
        }
    }

    /// The shard is about to sleep: it looks into its mailboxes after this.
    pub(crate) fn fall_asleep(&self) {
        self.is_asleep.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// The shard is awake.
    pub(crate) fn wake_up(&self) {
        self.is_asleep.store(false, Ordering::Relaxed);
    }
}

/// Where things are put for a shard.
#[derive(Debug)]
pub(crate) struct Mailbox<T> {
    sender: SyncSender<T>,
    bell: Arc<Bell>,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), bell: Arc::clone(&self.bell) }
    }
}

/// A mailbox for so many things, and where the shard takes them out.
pub(crate) fn mailbox<T>(len_max: usize, bell: &Arc<Bell>) -> (Mailbox<T>, Receiver<T>) {
    let (sender, receiver) = sync_channel(len_max);
    (Mailbox { sender, bell: Arc::clone(bell) }, receiver)
}

impl<T> Mailbox<T> {
    /// Puts something in. It comes back if the mailbox is full, or if the shard is no more.
    pub(crate) fn put(&self, thing: T) -> Result<(), T> {
        match self.sender.try_send(thing) {
            Ok(()) => {
                self.bell.ring();
                Ok(())
            }
            Err(TrySendError::Full(thing) | TrySendError::Disconnected(thing)) => Err(thing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_udp::{Interest, Poller};
    use std::time::Duration;

    #[test]
    fn a_shard_that_sleeps_is_woken_and_one_that_is_awake_is_not() {
        let bell = Arc::new(Bell::new().unwrap());
        let (mailbox, receiver) = mailbox(2, &bell);
        let mut poller = Poller::new().unwrap();
        poller.add(bell.waker(), 0, Interest::Read).unwrap();
        let mut wait = || {
            poller.wait(Some(Duration::ZERO)).unwrap();
            !poller.is_empty()
        };

        mailbox.put(1).unwrap();
        assert!(!wait(), "awake");
        bell.fall_asleep();
        mailbox.put(2).unwrap();
        assert!(wait());
        bell.wake_up();
        bell.waker().reset();

        assert_eq!(mailbox.put(3), Err(3), "full");
        assert!(!wait());
        assert_eq!(receiver.try_iter().collect::<Vec<_>>(), [1, 2]);
    }
}
