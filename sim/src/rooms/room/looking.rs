//! What is looked at: after every step, now and then, and at the end.

use super::super::tellings::check_slots;
use super::super::{Broken, must};
use super::{Room, is_of_video};
use moim_sfu::{RING_BYTES_MAX, RING_PACKETS_MAX, Reason};
use moim_wire::Bitrate;
use std::time::Duration;

/// Time is asked for at least so often while there is anything.
const DEADLINE_MAX: Duration = Duration::from_millis(50);
/// Whoever can have a picture has one after so long at the latest.
const PICTURE_MAX: Duration = Duration::from_secs(15);
/// What a packet in a ring may cost beyond its bytes.
const PACKET_MEMORY_MAX: usize = 512;

impl Room {
    /// After every step.
    pub(super) fn check_told(&self) -> Result<(), Broken> {
        let has_any = !self.publishers.is_empty() || !self.subscribers.is_empty();
        let deadline = self.forwarder.poll_timeout();
        let is_soon = deadline.is_some_and(|deadline| deadline.at <= self.now + DEADLINE_MAX);
        must(!has_any || is_soon, "time is asked for", || format!("{deadline:?}"))?;
        for subscriber in self.subscribers.values() {
            let watch_of = |track| self.watch_of(subscriber, track);
            check_slots(&self.forwarder, subscriber, watch_of, self.now)?;
        }
        Ok(())
    }

    /// After a packet has come and everything was told, before time passes.
    pub(super) fn check_fresh(&self) -> Result<(), Broken> {
        for (id, encoding) in &self.fresh {
            let subscriber = self.subscribers.values().find(|subscriber| subscriber.id == id.subscriber);
            let told = subscriber.and_then(|subscriber| subscriber.slots.get(usize::from(id.index)));
            // That what was not sent is sent again is told when time passes.
            let is_told = told.is_none_or(|slot| {
                let was_silent = slot
                    .told
                    .layer
                    .is_some_and(|(layer, reason)| layer.is_none() && reason == Reason::NotSent);
                was_silent || slot.told.encoding() == Some(*encoding)
            });
            must(is_told, "what is sent was told", || {
                format!(
                    "{id:?} {encoding}: {:?}, {:?}",
                    told.map(|slot| slot.told),
                    self.forwarder.slot_stats(*id)
                )
            })?;
        }
        Ok(())
    }

    /// Now and then.
    pub(super) fn look(&mut self) -> Result<(), Broken> {
        self.check_memory()?;
        self.check_pictures()?;
        let now = self.now;
        let indices: Vec<usize> = self.subscribers.keys().copied().collect();
        for index in indices {
            while let Some(what) = self.subscribers.get_mut(&index).and_then(|model| model.leaving(now)) {
                self.fetch_again(&what)?;
            }
        }
        let publishers = &self.publishers;
        self.archive.close_others(|key| {
            let publisher = publishers.get(&key.publisher);
            publisher
                .and_then(|publisher| publisher.streams.get(key.encoding))
                .is_some_and(|stream| stream.key == key)
        });
        for subscriber in self.subscribers.values_mut() {
            subscriber.settle_all(&self.archive, false)?;
        }
        self.archive.forget();
        Ok(())
    }

    fn check_memory(&mut self) -> Result<(), Broken> {
        let mut total = 0;
        for publisher in self.publishers.values() {
            for encoding in 0..publisher.streams.len() {
                let stats = self.forwarder.encoding_stats(publisher.track, encoding);
                let memory = stats.map_or(0, |stats| stats.memory);
                let limit = RING_BYTES_MAX + RING_PACKETS_MAX * PACKET_MEMORY_MAX;
                must(memory <= limit, "memory has a limit", || format!("{memory} bytes"))?;
                total += memory;
            }
        }
        self.outcome.memory_max = self.outcome.memory_max.max(total);
        let stats = self.forwarder.stats();
        let is_all = stats.tracks == self.publishers.len() && stats.subscribers == self.subscribers.len();
        must(is_all, "nothing is left of what is gone", || format!("{stats:?}"))
    }

    /// Where the network carries everything and the publisher sends everything, there are pictures.
    fn check_pictures(&self) -> Result<(), Broken> {
        for subscriber in self.subscribers.values() {
            for slot in subscriber.slots.iter().filter(|slot| is_of_video(slot.kind)) {
                let Some(track) = slot.told.track else { continue };
                let publisher = self.publishers.values().find(|publisher| publisher.track == track);
                let Some(publisher) = publisher.filter(|publisher| publisher.is_generous()) else { continue };
                let is_paused = self.watch_of(subscriber, track).is_none_or(|watch| watch.is_paused);
                if is_paused || subscriber.target != Bitrate::MAX {
                    continue;
                }
                let since = publisher.changed_at.max(subscriber.wishes_since).max(slot.told.since);
                let since = slot.receiver.last_at.map_or(since, |at| at.max(since));
                let silent = self.now.saturating_duration_since(since);
                must(silent < PICTURE_MAX, "there are pictures where there can be", || {
                    format!("{silent:?} without: {:?}", slot.told)
                })?;
            }
        }
        Ok(())
    }

    /// Everybody goes, and nothing is left.
    pub(super) fn end(&mut self) -> Result<(), Broken> {
        self.look()?;
        let subscribers: Vec<usize> = self.subscribers.keys().copied().collect();
        for index in subscribers {
            self.act(super::What::Leave(index))?;
            self.attend()?;
        }
        let publishers: Vec<usize> = self.publishers.keys().copied().collect();
        for index in publishers {
            self.act(super::What::Unpublish(index))?;
            self.attend()?;
        }
        self.check_memory()?;
        self.now += 2 * DEADLINE_MAX;
        self.forwarder.handle_timeout(self.now);
        self.attend()?;
        must(self.forwarder.poll_timeout().is_none(), "an empty room sleeps", || {
            format!("{:?}", self.forwarder.poll_timeout())
        })
    }
}
