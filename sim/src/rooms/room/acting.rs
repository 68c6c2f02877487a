//! What is done in a room.

use super::super::plan::What;
use super::super::publisher::Publisher;
use super::super::subscriber::Subscriber;
use super::super::{Broken, must};
use super::{Happening, REPORT, Room};
use moim_sfu::{SlotId, SubscriberSpec};
use std::time::Duration;

impl Room {
    pub(super) fn act(&mut self, what: What) -> Result<(), Broken> {
        let now = self.now;
        match what {
            What::Publish(index) => self.publish(index),
            What::Unpublish(index) => self.unpublish(index),
            What::Mute(index, is_muted) => {
                let Some(publisher) = self.publishers.get_mut(&index) else { return Ok(()) };
                publisher.set_muted(is_muted, now);
                let muted = self.forwarder.set_muted(publisher.track, is_muted, now);
                must(muted.is_ok(), "tracks can be muted", || format!("{muted:?}"))
            }
            What::Silence(index, is_silent) => {
                self.with_publisher(index, |publisher| publisher.set_silent(is_silent, now));
                Ok(())
            }
            What::HoldBack(index, carried) => {
                self.with_publisher(index, |publisher| publisher.hold_back(carried, now));
                Ok(())
            }
            What::Spatial(index, spatial) => {
                self.with_publisher(index, |publisher| publisher.set_spatial(spatial));
                Ok(())
            }
            What::Restart { publisher, encoding, is_told } => {
                let Some(publisher) = self.publishers.get_mut(&publisher) else { return Ok(()) };
                publisher.restart(encoding, is_told, now);
                if is_told {
                    self.forwarder.restart(publisher.track, encoding, now);
                }
                Ok(())
            }
            What::Join { subscriber, slots, grows } => self.join(subscriber, slots, grows),
            What::Leave(index) => self.leave_room(index),
            What::Watch { subscriber, publisher, watch } => {
                let track = self.publishers.get(&publisher).map(|publisher| publisher.track);
                let Some(model) = self.subscribers.get_mut(&subscriber) else { return Ok(()) };
                let Some(track) = track else { return Ok(()) };
                model.watches.insert(publisher, watch);
                model.wishes_since = now;
                let watched = self.forwarder.subscribe(model.id, track, watch, now);
                must(watched.is_ok(), "tracks can be watched", || format!("{watched:?}"))
            }
            What::Unwatch(subscriber, publisher) => {
                let track = self.publishers.get(&publisher).map(|publisher| publisher.track);
                let Some(model) = self.subscribers.get_mut(&subscriber) else { return Ok(()) };
                let Some(track) = track else { return Ok(()) };
                model.watches.remove(&publisher);
                let unwatched = self.forwarder.unsubscribe(model.id, track, now);
                must(unwatched.is_ok(), "tracks can be left", || format!("{unwatched:?}"))
            }
            What::Target(index, target) => {
                let Some(model) = self.subscribers.get_mut(&index) else { return Ok(()) };
                (model.target, model.wishes_since) = (target, now);
                let set = self.forwarder.set_target(model.id, target, now);
                must(set.is_ok(), "targets can be set", || format!("{set:?}"))
            }
            What::KeyFrames(index, times) => self.ask_for_key_frames(index, times),
            What::Nack(index) => self.ask_again(index),
            What::Slow(index, delay) => {
                if let Some(model) = self.subscribers.get_mut(&index) {
                    model.delay = delay;
                }
                Ok(())
            }
        }
    }

    fn with_publisher(&mut self, index: usize, act: impl FnOnce(&mut Publisher)) {
        if let Some(publisher) = self.publishers.get_mut(&index) {
            act(publisher);
        }
    }

    fn publish(&mut self, index: usize) -> Result<(), Broken> {
        let now = self.now;
        if self.publishers.contains_key(&index) {
            return Ok(());
        }
        let Some(plan) = self.plan.publishers.get(index).cloned() else { return Ok(()) };
        let added = self.forwarder.add_track(&Publisher::spec(&plan), now);
        let Ok(track) = added else {
            return must(false, "tracks can be added", || format!("{added:?}"));
        };
        self.lives[index] += 1;
        let life = self.lives[index];
        let publisher = Publisher::new((index, life), plan, track, self.plan.seed, now);
        self.publishers.insert(index, publisher);
        self.plan_at(now, Happening::Picture { publisher: index, life });
        self.plan_at(now + REPORT, Happening::Report { publisher: index, life });
        Ok(())
    }

    fn unpublish(&mut self, index: usize) -> Result<(), Broken> {
        let Some(publisher) = self.publishers.remove(&index) else { return Ok(()) };
        for subscriber in self.subscribers.values_mut() {
            subscriber.watches.remove(&index);
        }
        self.tellings.forget(publisher.track);
        let removed = self.forwarder.remove_track(publisher.track, self.now);
        must(removed.is_ok(), "tracks can be removed", || format!("{removed:?}"))
    }

    fn join(&mut self, index: usize, slots: (u16, u16), grows: bool) -> Result<(), Broken> {
        let now = self.now;
        if self.subscribers.contains_key(&index) {
            return Ok(());
        }
        let spec = SubscriberSpec { audio_slots: slots.0, video_slots: slots.1 };
        let added = self.forwarder.add_subscriber(spec, now);
        let Ok(id) = added else {
            return must(false, "subscribers can be added", || format!("{added:?}"));
        };
        let number = u64::try_from(index).unwrap_or(0);
        let mut model = Subscriber::new(id, grows, self.plan.seed.random("subscriber", number), now);
        model.digest = self.outcome.digests[index];
        model.add_slots(slots, now);
        self.subscribers.insert(index, model);
        Ok(())
    }

    fn leave_room(&mut self, index: usize) -> Result<(), Broken> {
        let Some(mut model) = self.subscribers.remove(&index) else { return Ok(()) };
        model.settle_all(&self.archive, true)?;
        self.outcome.digests[index] = model.digest;
        let removed = self.forwarder.remove_subscriber(model.id, self.now);
        must(removed.is_ok(), "subscribers can be removed", || format!("{removed:?}"))
    }

    /// Requests for key frames of all slots, and of some that there are not.
    fn ask_for_key_frames(&mut self, index: usize, times: u16) -> Result<(), Broken> {
        let Some(model) = self.subscribers.get(&index) else { return Ok(()) };
        let count = u16::try_from(model.slots.len()).unwrap_or(u16::MAX);
        for time in 0..times {
            let slot = time % (count + 1);
            let asked =
                self.forwarder.key_frame_requested(SlotId { subscriber: model.id, index: slot }, self.now);
            must(asked.is_ok() == (slot < count), "key frames are of slots that there are", || {
                format!("{asked:?} of {slot}, {count}")
            })?;
        }
        Ok(())
    }

    fn ask_again(&mut self, index: usize) -> Result<(), Broken> {
        for _ in 0..20 {
            let Some(what) = self.subscribers.get_mut(&index).and_then(Subscriber::any_again) else { break };
            self.fetch_again(&what)?;
        }
        Ok(())
    }

    pub(super) fn send_picture(&mut self, index: usize, life: u32) {
        let (now, elapsed) = (self.now, self.elapsed());
        let Some(publisher) = self.publishers.get_mut(&index).filter(|publisher| publisher.life == life)
        else {
            return;
        };
        let interval = publisher.plan.interval;
        let mut arrivals = Vec::new();
        // The packets of a picture leave one after the other.
        let mut behind = Duration::ZERO;
        for sent in publisher.pictures(elapsed, &mut self.archive) {
            let times = publisher.arrivals();
            arrivals.extend(times.into_iter().map(|time| (now + time + behind, std::rc::Rc::clone(&sent))));
            behind += Duration::from_micros(50);
        }
        for (at, sent) in arrivals {
            self.plan_at(at, Happening::Arrival(sent));
        }
        self.plan_at(now + interval, Happening::Picture { publisher: index, life });
    }

    pub(super) fn report(&mut self, index: usize, life: u32) {
        let (now, elapsed) = (self.now, self.elapsed());
        let Some(publisher) = self.publishers.get_mut(&index).filter(|publisher| publisher.life == life)
        else {
            return;
        };
        for encoding in 0..publisher.streams.len() {
            if let Some((ntp, rtp)) = publisher.report(encoding, elapsed) {
                self.forwarder.on_sender_report(publisher.track, encoding, ntp, rtp);
            }
        }
        self.plan_at(now + REPORT, Happening::Report { publisher: index, life });
    }
}
