use super::EncodedFrame;
use moim_signal::id::{ParticipantId, TrackId};
use moim_signal::message::{TrackDescription, TrackKind, TrackSource};
use moim_wire::Bitrate;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, mpsc};

/// A published track: frames go in here, and to everybody in the room.
///
/// Clones are the same track.
#[derive(Clone, Debug)]
pub struct LocalTrack {
    description: TrackDescription,
    shared: Arc<Shared>,
}

/// A frame on its way to one peer.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) track: TrackId,
    pub(crate) frame: EncodedFrame,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    needs_key_frame: bool,
    peers: BTreeMap<ParticipantId, Subscriber>,
}

/// One who is sent the frames.
#[derive(Debug)]
struct Subscriber {
    frames: mpsc::Sender<Delivery>,
    /// Frames of pictures that refer to others are of no use until a key frame comes.
    awaits_key_frame: bool,
    /// What the network takes to them.
    target: Option<Bitrate>,
}

impl LocalTrack {
    pub(crate) fn new(description: TrackDescription) -> Self {
        Self { description, shared: Arc::default() }
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

    /// Sends a frame to everybody who can make something of it. Returns how many that are. Whoever falls behind loses frames until
    /// the next key frame, which is asked for.
    pub fn send(&self, frame: &EncodedFrame) -> usize {
        let mut sent = 0;
        let mut state = self.lock();
        let State { needs_key_frame, peers } = &mut *state;
        let is_video = self.kind() == TrackKind::Video;
        for peer in peers.values_mut() {
            if peer.awaits_key_frame && !frame.is_key_frame {
                continue;
            }
            let delivery = Delivery { track: self.description.id.clone(), frame: frame.clone() };
            // A peer that is closing takes nothing any more, and is removed by whoever closes it.
            let is_sent = peer.frames.try_send(delivery).is_ok();
            peer.awaits_key_frame = is_video && !is_sent;
            *needs_key_frame |= peer.awaits_key_frame;
            sent += usize::from(is_sent);
        }
        sent
    }

    /// Whether a key frame has been asked for since this was last called.
    pub fn take_key_frame_request(&self) -> bool {
        std::mem::take(&mut self.lock().needs_key_frame)
    }

    /// What the slowest of the peers' networks takes, if that is known of any.
    pub fn target_bitrate(&self) -> Option<Bitrate> {
        self.lock().peers.values().filter_map(|peer| peer.target).min()
    }

    /// Waits until [`Self::take_key_frame_request`] or [`Self::target_bitrate`] may say something else.
    pub async fn feedback_changed(&self) {
        self.shared.changed.notified().await;
    }

    /// Sends frames to a peer from the next one on that it can decode.
    pub(crate) fn add_peer(&self, peer: &ParticipantId, frames: mpsc::Sender<Delivery>) {
        let awaits_key_frame = self.kind() == TrackKind::Video;
        let mut state = self.lock();
        state.peers.insert(peer.clone(), Subscriber { frames, awaits_key_frame, target: None });
        state.needs_key_frame |= awaits_key_frame;
        drop(state);
        self.shared.changed.notify_one();
    }

    /// Sends nothing to a peer any more.
    pub(crate) fn remove_peer(&self, peer: &ParticipantId) {
        self.lock().peers.remove(peer);
        self.shared.changed.notify_one();
    }

    /// A peer needs a key frame.
    pub(crate) fn request_key_frame(&self) {
        self.lock().needs_key_frame = true;
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
    use super::LocalTrack;
    use crate::media::{Codec, EncodedFrame};
    use moim_signal::id::{ParticipantId, TrackId};
    use moim_signal::message::{TrackDescription, TrackKind, TrackSource};
    use moim_wire::Bitrate;
    use tokio::sync::mpsc;

    fn camera() -> LocalTrack {
        let (kind, source) = (TrackKind::Video, TrackSource::Camera);
        LocalTrack::new(TrackDescription { id: TrackId::new("camera"), kind, source, muted: false })
    }

    fn frame(is_key_frame: bool) -> EncodedFrame {
        EncodedFrame { codec: Codec::Vp8, data: [0].into(), timestamp: 0, is_key_frame }
    }

    #[test]
    fn a_peer_begins_with_a_key_frame() {
        let camera = camera();
        let (sender, mut frames) = mpsc::channel(8);
        camera.add_peer(&ParticipantId::new("anna"), sender);
        assert!(camera.take_key_frame_request() && !camera.take_key_frame_request());

        assert_eq!([false, true, false].map(|is_key| camera.send(&frame(is_key))), [0, 1, 1]);

        assert!(frames.try_recv().unwrap().frame.is_key_frame);
    }

    #[test]
    fn a_peer_that_falls_behind_goes_on_with_a_key_frame() {
        let camera = camera();
        let (sender, mut frames) = mpsc::channel(1);
        camera.add_peer(&ParticipantId::new("anna"), sender);
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
            camera.add_peer(peer, mpsc::channel(1).0);
            camera.set_target(peer, Bitrate::from_kbps(kbps));
        }
        assert_eq!(camera.target_bitrate(), Some(Bitrate::from_kbps(200)));

        camera.remove_peer(&peers[1]);

        assert_eq!(camera.target_bitrate(), Some(Bitrate::from_kbps(300)));
    }
}
