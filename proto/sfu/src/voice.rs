//! Who speaks, by what packets say of their loudness (RFC 6464).

use crate::stats::VoiceStats;
use moim_rtp::extension::AudioLevel;
use std::time::{Duration, Instant};

/// Silence, in dB below the loudest possible.
const SILENCE_DB: u16 = 127;
/// Above this loudness somebody begins to speak: 50 dB below the loudest possible.
const SPEECH_BEGINS: u16 = (SILENCE_DB - 50) * SCALE;
/// Below this one somebody stops.
const SPEECH_ENDS: u16 = (SILENCE_DB - 60) * SCALE;
/// Loudness is kept in parts of a dB.
const SCALE: u16 = 64;
/// A voice goes on for so long after its last loud packet: words have pauses.
pub(crate) const HANG_OVER: Duration = Duration::from_millis(1_500);
/// A voice is given the floor when it has spoken for so long: a cough is no speech.
pub(crate) const FLOOR_AFTER: Duration = Duration::from_millis(400);
/// By so much a voice has to be louder to take another's place.
pub(crate) const LOUDER_BY: u16 = 8 * SCALE;

/// The voice of a microphone.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Voice {
    /// Over some 100 ms.
    short: u16,
    /// Over a second.
    long: u16,
    /// Since when somebody speaks, and when it was heard last.
    speaking: Option<(Instant, Instant)>,
}

impl Voice {
    /// A packet's level came. Says whether somebody has begun to speak.
    #[inline]
    pub(crate) fn on_level(&mut self, level: AudioLevel, now: Instant) -> bool {
        let loudness = (SILENCE_DB - u16::from(level.attenuation_db).min(SILENCE_DB)) * SCALE;
        self.short = moved(self.short, loudness, 4);
        self.long = moved(self.long, loudness, 48);
        match &mut self.speaking {
            Some((_, heard)) if self.short >= SPEECH_ENDS => *heard = now,
            None if self.short >= SPEECH_BEGINS => {
                self.speaking = Some((now, now));
                return true;
            }
            Some(_) | None => {}
        }
        false
    }

    /// Time has passed. Says whether somebody has stopped speaking.
    pub(crate) fn update(&mut self, now: Instant) -> bool {
        let Some((_, heard)) = self.speaking else { return false };
        if now.saturating_duration_since(heard) < HANG_OVER {
            return false;
        }
        self.silence();
        true
    }

    /// Nothing is heard any more.
    pub(crate) fn silence(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn is_speaking(&self) -> bool {
        self.speaking.is_some()
    }

    /// Whether somebody has spoken for long enough to have the floor.
    pub(crate) fn has_spoken(&self, now: Instant) -> bool {
        self.speaking.is_some_and(|(since, _)| now.saturating_duration_since(since) >= FLOOR_AFTER)
    }

    /// How loud, over a second.
    pub(crate) fn loudness(&self) -> u16 {
        self.long
    }

    pub(crate) fn statistics(&self) -> VoiceStats {
        let loudness = self.short / SCALE;
        let attenuation_db = u8::try_from(SILENCE_DB.saturating_sub(loudness)).unwrap_or(u8::MAX);
        VoiceStats { attenuation_db, is_speaking: self.is_speaking() }
    }
}

/// A step of 1/`parts` towards `to`.
fn moved(from: u16, to: u16, parts: u16) -> u16 {
    if to >= from { from + (to - from).div_ceil(parts) } else { from - (from - to).div_ceil(parts) }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
mod tests {
    use super::*;

    const PACKET: Duration = Duration::from_millis(20);

    fn level(attenuation_db: u8) -> AudioLevel {
        AudioLevel { voice: true, attenuation_db }
    }

    /// Covers: RFC 6464 §3
    #[test]
    fn a_voice_begins_within_a_tenth_of_a_second_and_outlasts_pauses() {
        let mut now = Instant::now();
        let mut voice = Voice::default();
        let packets = (1..100).find(|_| {
            now += PACKET;
            voice.on_level(level(25), now)
        });
        assert!(packets < Some(6), "{packets:?}");
        assert!(!voice.has_spoken(now));

        for _ in 0..50 {
            now += PACKET;
            assert!(!voice.on_level(level(127), now));
            assert!(!voice.update(now), "a pause of a second");
        }
        assert!(voice.has_spoken(now));
        now += HANG_OVER;
        assert!(voice.update(now));
        assert!(!voice.is_speaking());
    }

    #[test]
    fn a_single_loud_packet_and_steady_noise_are_no_voice() {
        let mut now = Instant::now();
        let mut voice = Voice::default();
        assert!(!voice.on_level(level(20), now));
        for _ in 0..500 {
            now += PACKET;
            assert!(!voice.on_level(level(65), now));
        }
        assert_eq!(voice.statistics().attenuation_db, 65);
    }
}
