use super::EncodedFrame;
use moim_signal::id::{ParticipantId, TrackId};
use moim_signal::message::{TrackDescription, TrackKind, TrackSource};
use moim_wire::Bitrate;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// Most encodings of a simulcast (RFC 8853) that a track is published in.
pub const ENCODINGS_MAX: usize = 3;

/// A published track: frames go in here, and to everybody in the room.
///
/// A track may be published in several encodings, so that a server that forwards it can choose for everybody ([`LocalTrack::encoding`]); whoever is
/// reached directly gets the best one. Clones are the same track.
#[derive(Clone, Debug)]
pub struct LocalTrack {
    description: TrackDescription,
    encodings: usize,
    /// Which of them frames are given for here.
    encoding: usize,
    shared: Arc<Shared>,
}

/// A frame on its way to one peer.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) track: TrackId,
    pub(crate) encoding: usize,
    pub(crate) frame: EncodedFrame,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    /// Of which encodings a key frame was asked for.
    needs_key_frame: [bool; ENCODINGS_MAX],
    peers: BTreeMap<ParticipantId, Subscriber>,
}

/// One who is sent the frames.
#[derive(Debug)]
struct Subscriber {
    frames: mpsc::Sender<Delivery>,
    encodings: [Sent; ENCODINGS_MAX],
    /// What the network takes to them.
    target: Option<Bitrate>,
}

/// How an encoding goes to a peer.
#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    is_wanted: bool,
    /// Frames of pictures that refer to others are of no use until a key frame comes.
    awaits_key_frame: bool,
}

/// Who a peer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerKind {
    /// Another participant, who sees what comes.
    Participant,
    /// The server, which chooses among the encodings for those who see them.
    Server,
}

impl LocalTrack {
    /// A track in one encoding, or in several, the lowest first: at most [`ENCODINGS_MAX`].
    pub(crate) fn new(description: TrackDescription, encodings: usize) -> Self {
        let encodings = encodings.clamp(1, ENCODINGS_MAX);
        Self { description, encodings, encoding: 0, shared: Arc::default() }
    }

    /// What the others are told of it.
    pub fn description(&self) -> &TrackDescription {
        &self.description
    }

    /// Which it is.
    pub fn id(&self) -> &TrackId {
        &self.description.id
    }

    /// Sound or picture.
    pub fn kind(&self) -> TrackKind {
        self.description.kind
    }

    /// Where it comes from.
    pub fn source(&self) -> TrackSource {
        self.description.source
    }

    /// How many encodings it is published in.
    pub fn encodings(&self) -> usize {
        self.encodings
    }

    /// The same track, for frames of another of its encodings: 0 is the lowest, and what a track begins with. [`None`]: it has not as many.
    pub fn encoding(&self, index: usize) -> Option<Self> {
        (index < self.encodings).then(|| Self { encoding: index, ..self.clone() })
    }

    /// Which part of the track's bitrate this encoding has, if each is twice as wide and high as the one before.
    pub(super) fn share(&self) -> f64 {
        let pixels = |encoding: usize| f64::from(1_u32 << (2 * encoding));
        pixels(self.encoding) / (0..self.encodings).map(pixels).sum::<f64>()
    }

    /// Sends a frame to everybody who can make something of it. Returns how many that are. Whoever falls behind loses frames until
    /// the next key frame, which is asked for.
    pub fn send(&self, frame: &EncodedFrame) -> usize {
        let mut sent = 0;
        let mut state = self.lock();
        let State { needs_key_frame, peers } = &mut *state;
        let is_video = self.kind() == TrackKind::Video;
        for Subscriber { frames, encodings, .. } in peers.values_mut() {
            let Sent { is_wanted, awaits_key_frame } = &mut encodings[self.encoding];
            if !*is_wanted || *awaits_key_frame && !frame.is_key_frame {
                continue;
            }
            let (track, encoding, frame) = (self.description.id.clone(), self.encoding, frame.clone());
            // A peer that is closing takes nothing any more, and is removed by whoever closes it.
            let is_sent = frames.try_send(Delivery { track, encoding, frame }).is_ok();
            *awaits_key_frame = is_video && !is_sent;
            needs_key_frame[self.encoding] |= *awaits_key_frame;
            sent += usize::from(is_sent);
        }
        sent
    }

    /// Whether anybody wants what is sent here. While nobody does, it need not be encoded.
    pub fn is_wanted(&self) -> bool {
        self.lock().peers.values().any(|peer| peer.encodings[self.encoding].is_wanted)
    }

    /// Whether a key frame has been asked for since this was last called.
    pub fn take_key_frame_request(&self) -> bool {
        std::mem::take(&mut self.lock().needs_key_frame[self.encoding])
    }

    /// What the slowest of the peers' networks takes, if that is known of any: all encodings together.
    pub fn target_bitrate(&self) -> Option<Bitrate> {
        self.lock().peers.values().filter_map(|peer| peer.target).min()
    }

    /// Waits until [`Self::take_key_frame_request`] or [`Self::target_bitrate`] may say something else.
    pub async fn feedback_changed(&self) {
        self.shared.changed.notified().await;
    }

    /// Sends frames to a peer from the next one on that it can decode.
    pub(crate) fn add_peer(&self, peer: &ParticipantId, kind: PeerKind, frames: mpsc::Sender<Delivery>) {
        let subscriber = Subscriber { frames, encodings: Default::default(), target: None };
        self.lock().peers.insert(peer.clone(), subscriber);
        self.want(peer, |encoding| match kind {
            PeerKind::Participant => encoding + 1 == self.encodings,
            PeerKind::Server => encoding < self.encodings,
        });
    }

    /// Sends a peer these encodings, and no others.
    pub(crate) fn want(&self, peer: &ParticipantId, is_wanted: impl Fn(usize) -> bool) {
        let is_video = self.kind() == TrackKind::Video;
        let mut state = self.lock();
        let State { needs_key_frame, peers } = &mut *state;
        let Some(Subscriber { encodings, .. }) = peers.get_mut(peer) else { return };
        for (index, (sent, needs_key_frame)) in encodings.iter_mut().zip(needs_key_frame).enumerate() {
            let is_new = is_wanted(index) && !sent.is_wanted;
            sent.is_wanted = is_wanted(index);
            sent.awaits_key_frame |= is_video && is_new;
            *needs_key_frame |= is_video && is_new;
        }
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Sends nothing to a peer any more.
    pub(crate) fn remove_peer(&self, peer: &ParticipantId) {
        self.lock().peers.remove(peer);
        self.shared.changed.notify_one();
    }

    /// A peer needs a key frame of an encoding.
    pub(crate) fn request_key_frame(&self, encoding: usize) {
        if let Some(needs_key_frame) = self.lock().needs_key_frame.get_mut(encoding) {
            *needs_key_frame = true;
        }
        self.shared.changed.notify_one();
    }

    /// A peer's network takes so much.
    pub(crate) fn set_target(&self, peer: &ParticipantId, target: Bitrate) {
        if let Some(peer) = self.lock().peers.get_mut(peer) {
            peer.target = Some(target);
        }
        self.shared.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // There is no moment between two of these assignments at which the state would be wrong.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{LocalTrack, PeerKind};
    use crate::media::{Codec, EncodedFrame};
    use moim_signal::id::{ParticipantId, TrackId};
    use moim_signal::message::{TrackDescription, TrackKind, TrackSource};
    use moim_wire::Bitrate;
    use tokio::sync::mpsc;

    fn camera() -> LocalTrack {
        let (kind, source) = (TrackKind::Video, TrackSource::Camera);
        LocalTrack::new(TrackDescription { id: TrackId::new("camera"), kind, source, muted: false }, 1)
    }

    fn frame(is_key_frame: bool) -> EncodedFrame {
        EncodedFrame { codec: Codec::Vp8, data: [0].into(), timestamp: 0, is_key_frame }
    }

    #[test]
    fn a_peer_begins_with_a_key_frame() {
        let camera = camera();
        let (sender, mut frames) = mpsc::channel(8);
        camera.add_peer(&ParticipantId::new("anna"), PeerKind::Participant, sender);
        assert!(camera.take_key_frame_request() && !camera.take_key_frame_request());

        assert_eq!([false, true, false].map(|is_key| camera.send(&frame(is_key))), [0, 1, 1]);

        assert!(frames.try_recv().unwrap().frame.is_key_frame);
    }

    #[test]
    fn a_peer_that_falls_behind_goes_on_with_a_key_frame() {
        let camera = camera();
        let (sender, mut frames) = mpsc::channel(1);
        camera.add_peer(&ParticipantId::new("anna"), PeerKind::Participant, sender);
        camera.send(&frame(true));
        camera.take_key_frame_request();

        assert_eq!(camera.send(&frame(false)), 0, "there is no room");
        assert!(camera.take_key_frame_request());
        frames.try_recv().unwrap();
        assert_eq!(camera.send(&frame(false)), 0, "it refers to one that was lost");
        assert_eq!(camera.send(&frame(true)), 1);
    }

    #[test]
    fn the_slowest_network_counts() {
        let camera = camera();
        let peers = ["anna", "ben"].map(ParticipantId::new);
        for (peer, kbps) in peers.iter().zip([300, 200]) {
            camera.add_peer(peer, PeerKind::Participant, mpsc::channel(1).0);
            camera.set_target(peer, Bitrate::from_kbps(kbps));
        }
        assert_eq!(camera.target_bitrate(), Some(Bitrate::from_kbps(200)));

        camera.remove_peer(&peers[1]);

        assert_eq!(camera.target_bitrate(), Some(Bitrate::from_kbps(300)));
    }

    #[test]
    fn the_server_gets_the_encodings_that_somebody_watches_and_others_the_best_one() {
        let LocalTrack { description, .. } = camera();
        let camera = LocalTrack::new(description, 3);
        let [low, middle, high] = [0, 1, 2].map(|index| camera.encoding(index).unwrap());
        assert!(camera.encoding(3).is_none());
        let (server, anna) = (ParticipantId::new(ParticipantId::SERVER), ParticipantId::new("anna"));
        let (sender, mut to_server) = mpsc::channel(8);
        camera.add_peer(&server, PeerKind::Server, sender);
        camera.add_peer(&anna, PeerKind::Participant, mpsc::channel(8).0);
        assert_eq!([&low, &middle, &high].map(|encoding| encoding.send(&frame(true))), [1, 1, 1]);
        assert_eq!([0, 1, 2].map(|_| to_server.try_recv().unwrap().encoding), [0, 1, 2]);
        assert!([&low, &middle, &high].iter().all(|encoding| encoding.take_key_frame_request()));

        camera.want(&server, |encoding| encoding == 0);
        assert!(!middle.is_wanted() && high.is_wanted(), "somebody else has it directly");
        assert_eq!([&low, &middle].map(|encoding| encoding.send(&frame(false))), [1, 0]);

        camera.want(&server, |encoding| encoding <= 1);
        assert!(middle.take_key_frame_request() && !low.take_key_frame_request());
        assert_eq!(middle.send(&frame(false)), 0, "it refers to one that was not sent");
        assert_eq!([&low, &middle].map(|encoding| encoding.send(&frame(true))), [1, 1]);
    }
}
