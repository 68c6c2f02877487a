//! Rooms and the media plane, as they are written.

use crate::config::rooms::RoomTopology;
use confique::Config;
use serde::Serialize;
use std::net::IpAddr;

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawRooms {
    /// How media travels between participants.
    ///   "auto": directly while there are two who reach each other well, else by moim, which forwards it (SFU). It changes in the
    ///           middle of a call, without a gap.
    ///   "mesh": always directly, everybody to everybody.
    ///   "sfu":  always by moim.
    #[config(env = "MOIM_ROOMS_TOPOLOGY", default = "auto")]
    pub(crate) topology: RoomTopology,

    /// Most participants of a room. Default: 100; 4 where rooms are always a mesh, since there everybody sends to everybody, and few
    /// machines bear more.
    #[config(env = "MOIM_ROOMS_PARTICIPANTS_MAX")]
    pub(crate) participants_max: Option<u32>,

    /// With how many sections for sound a participant's connection to moim begins: so many of those who speak are heard at once. More are
    /// asked for when there are more.
    #[config(env = "MOIM_ROOMS_AUDIO_SECTIONS", default = 3)]
    pub(crate) audio_sections: u16,

    /// With how many sections for pictures it begins. More are asked for when more is watched.
    #[config(env = "MOIM_ROOMS_VIDEO_SECTIONS", default = 4)]
    pub(crate) video_sections: u16,
}

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawMedia {
    /// Whether moim forwards media. Without it every room is a mesh.
    #[config(env = "MOIM_MEDIA_ENABLED", default = true)]
    pub(crate) enabled: bool,

    /// Connections of participants at a time, on each of the threads that `turn.shards` sets. A room is on one thread.
    #[config(env = "MOIM_MEDIA_CONNECTIONS_MAX", default = 2000)]
    pub(crate) connections_max: usize,

    /// Under which addresses participants reach moim's UDP ports, besides those of this machine, such as "203.0.113.5": where a NAT stands
    /// before it. Default: the public ones of `turn.external_addresses`.
    #[config(env = "MOIM_MEDIA_PUBLIC_ADDRESSES", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub(crate) public_addresses: Vec<IpAddr>,
}
