//! Tracks come, go and are muted.

use super::packets::stop_watchers;
use super::{Forwarder, TRACKS_MAX};
use crate::encoding::Encoding;
use crate::error::Error;
use crate::id::{EncodingId, TrackId};
use crate::stats::{EncodingStats, VoiceStats};
use crate::track::{ENCODINGS_MAX, Track, TrackSpec};
use moim_wire::MediaKind;
use std::time::Instant;

impl Forwarder {
    /// A track is published. Nothing of it is forwarded until somebody [subscribes](Self::subscribe).
    pub fn add_track(&mut self, spec: &TrackSpec, now: Instant) -> Result<TrackId, Error> {
        self.now = now;
        if spec.encodings.is_empty() || spec.encodings.len() > ENCODINGS_MAX {
            return Err(Error::InvalidArgument("a track has one to three encodings"));
        }
        if spec.format.kind() != spec.source.kind() {
            return Err(Error::InvalidArgument("the format is not for what the track is of"));
        }
        let full = Error::LimitReached { what: "tracks", limit: TRACKS_MAX };
        if self.tracks.room() == 0 || self.encodings.room() < spec.encodings.len() {
            return Err(full);
        }
        let key =
            self.tracks.insert_with(|key| Track::new(TrackId(key), spec, Vec::new(), now)).ok_or(full)?;
        for (number, encoding) in (0..).zip(&spec.encodings) {
            let of = (key.index, number);
            let id = self
                .encodings
                .insert_with(|id| Encoding::new(EncodingId(id), of, spec.format, *encoding, now))
                .ok_or(full)?;
            if let Some(track) = self.tracks.get_mut(key) {
                track.encodings.push(EncodingId(id));
            }
        }
        self.speakers.add(spec.group, spec.owner);
        self.rebuild_levels(key.index, now);
        self.wake(now);
        Ok(TrackId(key))
    }

    /// A track is gone: so is whatever watches it.
    pub fn remove_track(&mut self, id: TrackId, now: Instant) -> Result<(), Error> {
        self.now = now;
        let track = self.tracks.get(id.0).ok_or(Error::NoSuchTrack)?;
        let (group, owner) = (track.group, track.owner);
        for index in 0..self.subscribers.end() {
            self.forget_watch(index, id, now);
        }
        if let Some(track) = self.tracks.remove(id.0) {
            for encoding in track.encodings {
                self.encodings.remove(encoding.0);
            }
        }
        if self.speakers.remove(group, owner, id) {
            self.dirty.groups.push_back(group);
        }
        Ok(())
    }

    /// A track is muted, so that nothing of it is forwarded whatever comes; or it is not any more.
    pub fn set_muted(&mut self, id: TrackId, is_muted: bool, now: Instant) -> Result<(), Error> {
        self.now = now;
        let track = self.tracks.get_mut(id.0).ok_or(Error::NoSuchTrack)?;
        if track.is_muted == is_muted {
            return Ok(());
        }
        track.is_muted = is_muted;
        track.voice.silence();
        for encoding in 0..track.encodings.len() {
            // What comes while it is muted is missing.
            stop_watchers(&track.watchers, &mut self.slots, u8::try_from(encoding).unwrap_or(u8::MAX));
        }
        let count = track.watchers.len();
        for at in 0..count {
            self.want_key_frame_of_watcher(id.0.index, at, now);
        }
        self.note_watchers(id.0.index);
        self.note_track(id.0.index);
        self.wake(now);
        Ok(())
    }

    /// How an encoding of a track comes in.
    pub fn encoding_stats(&self, track: TrackId, encoding: usize) -> Option<EncodingStats> {
        let id = self.tracks.get(track.0)?.encodings.get(encoding)?;
        self.encodings.get(id.0).map(Encoding::statistics)
    }

    /// How loud a track is.
    pub fn voice(&self, track: TrackId) -> Option<VoiceStats> {
        let track = self.tracks.get(track.0)?;
        (track.kind() == MediaKind::Audio).then(|| track.voice.statistics())
    }
}
