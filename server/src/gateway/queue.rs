//! Frames on their way from the hub to the task of a link: bounded in number and in bytes, and let go of when the link is
//! not read, however long its client keeps it open.

use moim_signal::message::ServerFrame;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// What may wait for one link.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    pub(super) frames_max: usize,
    pub(super) bytes_max: usize,
    /// How long what is left may wait once the link is to be closed.
    pub(super) patience: Duration,
}

/// The hub's end. Dropping it lets the other end have what is left, for as long as that may wait.
#[derive(Debug)]
pub(super) struct FrameSender {
    shared: Arc<Shared>,
    limits: QueueLimits,
}

/// The end of the link's task.
#[derive(Debug)]
pub(super) struct FrameReceiver(Arc<Shared>);

/// A frame was not taken: too much waits already, or nobody waits for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotTaken;

#[derive(Debug, Default)]
struct Shared {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Default)]
struct Waiting {
    /// Boxed, because most queues are short and there are many.
    frames: VecDeque<Box<ServerFrame>>,
    bytes: usize,
    /// No frame will be added.
    is_ended: bool,
}

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waiting").field("frames", &self.frames.len()).finish_non_exhaustive()
    }
}

/// A queue with nothing in it.
pub(super) fn queue(limits: QueueLimits) -> (FrameSender, FrameReceiver) {
    let shared = Arc::<Shared>::default();
    (FrameSender { shared: Arc::clone(&shared), limits }, FrameReceiver(shared))
}

impl FrameSender {
    /// Adds a frame.
    pub(super) fn send(&self, frame: ServerFrame) -> Result<(), NotTaken> {
        let mut waiting = self.shared.lock();
        let bytes = waiting.bytes + frame.text_len();
        if waiting.is_ended || waiting.frames.len() >= self.limits.frames_max || bytes > self.limits.bytes_max
        {
            return Err(NotTaken);
        }
        waiting.bytes = bytes;
        waiting.frames.push_back(Box::new(frame));
        drop(waiting);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Ends the queue with `last` in place of all that waits.
    pub(super) fn give_up(self, last: ServerFrame) {
        let mut waiting = self.shared.lock();
        if !waiting.is_ended {
            *waiting = Waiting { frames: VecDeque::from([Box::new(last)]), bytes: 0, is_ended: true };
        }
    }
}

impl Drop for FrameSender {
    fn drop(&mut self) {
        let is_empty = {
            let mut waiting = self.shared.lock();
            waiting.is_ended = true;
            waiting.frames.is_empty()
        };
        self.shared.changed.notify_one();
        if !is_empty && let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let shared = Arc::downgrade(&self.shared);
            let patience = self.limits.patience;
            runtime.spawn(async move {
                sleep(patience).await;
                if let Some(shared) = shared.upgrade() {
                    shared.lock().frames = VecDeque::new();
                }
            });
        }
    }
}

impl FrameReceiver {
    /// The next frame; `None` when there will be none. Cancel-safe.
    pub(super) async fn recv(&mut self) -> Option<Box<ServerFrame>> {
        loop {
            {
                let mut waiting = self.0.lock();
                if let Some(frame) = waiting.frames.pop_front() {
                    waiting.bytes = waiting.bytes.saturating_sub(frame.text_len());
                    return Some(frame);
                }
                if waiting.is_ended {
                    return None;
                }
            }
            self.0.changed.notified().await;
        }
    }
}

impl Drop for FrameReceiver {
    fn drop(&mut self) {
        *self.0.lock() = Waiting { is_ended: true, ..Waiting::default() };
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_signal::message::{CloseCode, ServerMessage};

    fn limits() -> QueueLimits {
        QueueLimits { frames_max: 3, bytes_max: 4096, patience: Duration::from_secs(30) }
    }

    fn ack(ack: u32) -> ServerFrame {
        ServerFrame::Ack { ack }
    }

    fn close() -> ServerFrame {
        super::super::close(CloseCode::SlowConsumer, "")
    }

    async fn rest(receiver: &mut FrameReceiver) -> Vec<ServerFrame> {
        let mut frames = Vec::new();
        while let Some(frame) = receiver.recv().await {
            frames.push(*frame);
        }
        frames
    }

    #[tokio::test]
    async fn what_was_sent_arrives_in_order_and_then_the_end() {
        let (sender, mut receiver) = queue(limits());
        let received = tokio::spawn(async move { rest(&mut receiver).await });

        for number in 1..=9 {
            while sender.send(ack(number)).is_err() {
                tokio::task::yield_now().await;
            }
        }
        drop(sender);

        assert_eq!(received.await.unwrap(), (1..=9).map(ack).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn is_bounded_in_frames_and_in_bytes() {
        let (sender, mut receiver) = queue(limits());
        for number in 1..=3 {
            sender.send(ack(number)).unwrap();
        }
        assert_eq!(sender.send(ack(4)), Err(NotTaken));
        receiver.recv().await;
        sender.send(ack(4)).unwrap();

        let (sender, mut receiver) = queue(limits());
        let long = |len| ServerFrame::Message {
            seq: 1,
            ack: 0,
            body: ServerMessage::Error {
                request: 1,
                code: moim_signal::message::ErrorCode::Malformed,
                message: "x".repeat(len),
            },
        };
        sender.send(long(3000)).unwrap();
        assert_eq!(sender.send(long(3000)), Err(NotTaken));
        receiver.recv().await;
        sender.send(long(3000)).unwrap();
    }

    #[tokio::test]
    async fn giving_up_leaves_only_the_last_word() {
        let (sender, mut receiver) = queue(limits());
        sender.send(ack(1)).unwrap();

        sender.give_up(close());

        assert_eq!(rest(&mut receiver).await, [close()]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_reads_is_let_go_of_after_a_while() {
        let (sender, mut receiver) = queue(limits());
        sender.send(ack(1)).unwrap();
        sender.send(close()).unwrap();
        drop(sender);

        sleep(Duration::from_secs(29)).await;
        assert_eq!(receiver.0.lock().frames.len(), 2);
        sleep(Duration::from_secs(2)).await;

        assert_eq!(receiver.recv().await, None);
    }

    #[tokio::test]
    async fn nothing_is_kept_for_a_task_that_has_ended() {
        let (sender, receiver) = queue(limits());
        sender.send(ack(1)).unwrap();

        drop(receiver);

        assert!(sender.shared.lock().frames.is_empty());
        assert_eq!(sender.send(ack(2)), Err(NotTaken));
    }
}
