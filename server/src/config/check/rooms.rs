//! What a value about rooms and the media plane may be.

use super::Check;
use crate::config::raw::RawConfig;
use crate::config::rooms::{MediaConfig, RoomTopology, RoomsConfig};
use crate::config::turn::ExternalAddress;
use moim_signal::config::{PARTICIPANTS_MAX_FORWARDED, PARTICIPANTS_MAX_MESH};

/// Most sections of a kind to begin with. What is not used costs every participant some bytes of each description.
const SECTIONS_MAX: u16 = 32;

impl Check {
    pub(in crate::config) fn rooms(&mut self, raw: &RawConfig) -> RoomsConfig {
        let rooms = &raw.rooms;
        let is_mesh = rooms.topology == RoomTopology::Mesh || !raw.media.enabled;
        if rooms.topology == RoomTopology::Sfu && !raw.media.enabled {
            self.problem(
                "rooms.topology is \"sfu\", and media.enabled is false: nothing would forward media. Change one of them",
            );
        }
        for (name, sections) in
            [("rooms.audio_sections", rooms.audio_sections), ("rooms.video_sections", rooms.video_sections)]
        {
            if !(1..=SECTIONS_MAX).contains(&sections) {
                self.problem(format!("{name} is {sections}; it must be between 1 and {SECTIONS_MAX}"));
            }
        }
        let default = if is_mesh { PARTICIPANTS_MAX_MESH } else { PARTICIPANTS_MAX_FORWARDED };
        RoomsConfig {
            topology: rooms.topology,
            participants_max: rooms.participants_max.unwrap_or(default),
            audio_sections: rooms.audio_sections,
            video_sections: rooms.video_sections,
        }
    }

    /// The media plane, if rooms may need it.
    pub(in crate::config) fn media(
        &mut self,
        raw: &RawConfig,
        external: &[ExternalAddress],
    ) -> Option<MediaConfig> {
        let media = &raw.media;
        if media.connections_max == 0 {
            self.problem(
                "media.connections_max is 0; set media.enabled = false if media is not to be forwarded",
            );
        }
        for address in &media.public_addresses {
            if address.is_unspecified() || address.is_multicast() {
                self.problem(format!(
                    "media.public_addresses: {address} is no address by which anybody could reach this machine"
                ));
            }
        }
        let public_addresses = if media.public_addresses.is_empty() {
            external.iter().map(|external| external.advertised).collect()
        } else {
            media.public_addresses.clone()
        };
        let is_needed = media.enabled && raw.rooms.topology != RoomTopology::Mesh;
        is_needed.then_some(MediaConfig { connections_max: media.connections_max, public_addresses })
    }
}
