use moim_wire::Bitrate;

/// How a [`Forwarder`](crate::Forwarder) decides. Limits of its memory are constants beside what they limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Config {
    /// How many voices a subscriber hears at a time: slots for audio beyond that are not asked for. Default: 5.
    pub audio_slots_max: u16,
    /// How many videos a subscriber sees at a time: slots for video beyond that are not asked for. Default: 25.
    pub video_slots_max: u16,
    /// What a subscriber gets until [`set_target`](crate::Forwarder::set_target) says what its network carries. Default: no limit.
    pub target_start: Bitrate,
}

impl Default for Config {
    fn default() -> Self {
        Self { audio_slots_max: 5, video_slots_max: 25, target_start: Bitrate::MAX }
    }
}
