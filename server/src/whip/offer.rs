//! What an offer over HTTP says, as a room understands it.

use super::agent::Refusal;
use axum::http::StatusCode;
use moim_sdp::{Direction, SessionDescription};
use moim_signal::id::TrackId;
use moim_signal::message::{MidTrack, TrackDescription, TrackKind, TrackSource};
use moim_wire::MediaKind;

/// Most media sections of an offer.
const SECTIONS_MAX: usize = 16;

/// Which way the media of a resource goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// WHIP (RFC 9725): the client publishes.
    Publisher,
    /// WHEP (draft-ietf-wish-whep): the client watches.
    Viewer,
}

impl Role {
    pub(super) fn software(self) -> &'static str {
        match self {
            Self::Publisher => "whip",
            Self::Viewer => "whep",
        }
    }
}

/// Reads an offer; the error says what is wrong with it.
pub(super) fn read(text: &str, role: Role) -> Result<SessionDescription, Refusal> {
    let bad = |message: String| Refusal::new(StatusCode::BAD_REQUEST, message);
    let offer = SessionDescription::parse(text).map_err(|error| {
        bad(format!("The offer cannot be read: {error}. Send one of RFC 8866 and RFC 9429."))
    })?;
    if offer.media.len() > SECTIONS_MAX {
        return Err(bad(format!(
            "The offer has {} media sections; {SECTIONS_MAX} are taken.",
            offer.media.len()
        )));
    }
    let wanted = match role {
        Role::Publisher => Direction::SendOnly,
        Role::Viewer => Direction::RecvOnly,
    };
    let is_of_use = offer.media.iter().any(|section| {
        let direction = offer.direction(section);
        section.kind.media().is_some() && (direction == wanted || direction == Direction::SendRecv)
    });
    if is_of_use {
        Ok(offer)
    } else {
        Err(bad(format!(
            "No media section of the offer is a={wanted}, so that nothing would go by the connection."
        )))
    }
}

/// The tracks that an offer publishes, and the sections that carry them. Their ids say what and the how manieth they are.
pub(super) fn tracks(offer: &SessionDescription) -> (Vec<TrackDescription>, Vec<MidTrack>) {
    let mut counts = [0_u32; 2];
    let sending = offer.media.iter().filter(|section| {
        !section.is_rejected()
            && matches!(offer.direction(section), Direction::SendOnly | Direction::SendRecv)
    });
    let described = sending.filter_map(|section| {
        let (mid, kind) = (section.mid()?, section.kind.media()?);
        let (name, count, kind, first) = match kind {
            MediaKind::Audio => ("audio", &mut counts[0], TrackKind::Audio, TrackSource::Microphone),
            MediaKind::Video => ("video", &mut counts[1], TrackKind::Video, TrackSource::Camera),
        };
        *count += 1;
        let source = if *count == 1 { first } else { TrackSource::Other };
        let id = TrackId::new(format!("{name}-{count}"));
        let mid = MidTrack { mid: mid.as_str().to_owned(), track: id.clone() };
        Some((TrackDescription { id, kind, source, muted: false }, mid))
    });
    described.unzip()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1 2\r\n";

    fn section(kind: &str, mid: &str, direction: &str) -> String {
        format!(
            "m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na={direction}\r\na=rtpmap:96 VP8/90000\r\n"
        )
    }

    #[test]
    fn sections_that_send_are_tracks() {
        let text = format!(
            "{HEAD}{}{}{}",
            section("audio", "0", "sendonly"),
            section("video", "1", "sendrecv"),
            section("video", "2", "sendonly")
        );
        let offer = read(&text, Role::Publisher).unwrap();

        let (described, mids) = tracks(&offer);

        let ids: Vec<_> = described.iter().map(|track| (track.id.as_str(), track.source)).collect();
        let expected = [
            ("audio-1", TrackSource::Microphone),
            ("video-1", TrackSource::Camera),
            ("video-2", TrackSource::Other),
        ];
        assert_eq!(ids, expected);
        let mids: Vec<_> = mids.iter().map(|mid| (mid.mid.as_str(), mid.track.as_str())).collect();
        assert_eq!(mids, [("0", "audio-1"), ("1", "video-1"), ("2", "video-2")]);
    }

    #[test]
    fn offers_that_would_carry_nothing_are_refused() {
        let receiving = format!("{HEAD}{}", section("video", "0", "recvonly"));
        assert_eq!(read(&receiving, Role::Publisher).unwrap_err().status, StatusCode::BAD_REQUEST);
        assert!(read(&receiving, Role::Viewer).is_ok());
        assert!(tracks(&read(&receiving, Role::Viewer).unwrap()).0.is_empty());
        let refusal = read("nothing", Role::Viewer).unwrap_err();
        assert!(refusal.message.contains("cannot be read"), "{}", refusal.message);
    }
}
