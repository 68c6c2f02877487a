use super::capability::Codec;
use super::media;
use super::transceiver::{SenderSsrc, Transceiver, TransceiverId};
use super::transport::RemoteTransport;
use crate::{Direction, MediaSection, Msid, SessionDescription};
use moim_wire::{MediaKind, Mid, PayloadType, Rid, Ssrc};

/// What follows from a description that has been set.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// How to reach the other side: with each answer, be it final or not, and never with offers, which may still be rolled back.
    pub transport: Option<RemoteTransport>,
    /// The transceivers that the description is about, in the order of its media sections, and those that are gone.
    pub transceivers: Vec<TransceiverChange>,
}

/// What follows for one transceiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransceiverChange {
    /// Which one.
    pub id: TransceiverId,
    /// What it carries.
    pub kind: MediaKind,
    /// Its media section; `None` if it has lost it, by rollback.
    pub mid: Option<Mid>,
    /// Which way its media goes by what is negotiated.
    pub current_direction: Option<Direction>,
    /// Whether it is gone: stopped, rejected, or made by an offer that was rolled back.
    pub stopped: bool,
    /// Whether the other side's offer made it.
    pub added_by_remote: bool,
    /// Whether the other side's description says that it sends: this is what tells of a track (`ontrack`).
    pub remote_sends: bool,
    /// The streams that its media belongs to, as the other side says.
    pub remote_streams: Vec<String>,
    /// The id of its track, as the other side says.
    pub remote_track: Option<String>,
    /// What is negotiated; with answers, if the section was not rejected.
    pub media: Option<NegotiatedMedia>,
}

impl TransceiverChange {
    /// What there is to say about a transceiver, with what the other side's description says.
    pub(super) fn of(
        transceiver: &Transceiver,
        remote: Option<(&SessionDescription, &MediaSection)>,
    ) -> Self {
        let (remote_streams, remote_track) =
            remote.map(|(_, section)| media::msid(section)).unwrap_or_default();
        let sends = |(description, section): (&SessionDescription, &MediaSection)| {
            !section.is_rejected() && description.direction(section).sends()
        };
        Self {
            id: transceiver.id,
            kind: transceiver.kind,
            mid: transceiver.mid,
            current_direction: transceiver.current_direction,
            stopped: false,
            added_by_remote: transceiver.added_by_remote,
            remote_sends: remote.is_some_and(sends),
            remote_streams,
            remote_track,
            media: None,
        }
    }
}

/// What both sides agree on about a media section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedMedia {
    /// What it carries.
    pub kind: MediaKind,
    /// Its name.
    pub mid: Mid,
    /// Which way media goes.
    pub direction: Direction,
    /// What may be sent, the preferred one first, with the payload types and parameters of the other side.
    pub send_codecs: Vec<NegotiatedCodec>,
    /// What may arrive, with our payload types and parameters.
    pub receive_codecs: Vec<NegotiatedCodec>,
    /// The header extensions.
    pub extensions: Vec<NegotiatedExtension>,
    /// Whether header extensions of one and two bytes may be mixed.
    pub allow_mixed: bool,
    /// Whether RTCP packets may be less than a whole report (RFC 5506).
    pub rtcp_rsize: bool,
    /// The RTP streams that the other side names.
    pub remote_ssrcs: Vec<RemoteStream>,
    /// The encodings of a simulcast that we send; empty if there is one without a name.
    pub send_rids: Vec<Rid>,
    /// The encodings of a simulcast that we receive; empty if there is one without a name.
    pub receive_rids: Vec<Rid>,
    /// The RTP streams that our description names.
    pub local_ssrcs: Vec<SenderSsrc>,
}

/// A codec that both sides know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedCodec {
    /// Its payload type in packets.
    pub payload_type: PayloadType,
    /// That of its retransmissions, if both sides want them.
    pub rtx_payload_type: Option<PayloadType>,
    /// The codec, with the parameters of the side that receives it, and the feedback that both sides know.
    pub codec: Codec,
}

/// A header extension that both sides know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NegotiatedExtension {
    /// Its id in packets.
    pub id: u8,
    /// What it means.
    pub uri: String,
    /// Which way it may be used.
    pub direction: Direction,
}

/// An RTP stream that the other side has told of (RFC 5576).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteStream {
    /// The stream.
    pub ssrc: Ssrc,
    /// The one that repeats what of it got lost.
    pub rtx: Option<Ssrc>,
    /// The name that streams played together share.
    pub cname: Option<String>,
    /// What it belongs to, where that is said per RTP stream.
    pub msid: Option<Msid>,
}
