//! Our end: a connection of `moim-native`, driven by the lines of a partner.

use crate::partner::{Counts, Running};
use moim_media_file::Codec;
use moim_media_file::ivf::{IvfHeader, IvfWriter};
use moim_media_pattern::{PictureConfig, ToneConfig};
use moim_native::{
    Connection, ConnectionEvent, ConnectionOptions, IceServers, NetworkOptions, ReceivedFrame, SourceFrame,
    TrackSource, Trust, kind_of,
};
use moim_peer::{
    Certificate, DataChannelEvent, DataChannelId, DataChannelInit, DataMessage, DropReason, Event,
    PeerConnection,
};
use moim_sdp::Direction;
use moim_sdp::jsep::{SdpType, SenderInit, TransceiverId, TransceiverInit};
use moim_wire::{Bitrate, MediaKind, RtpTimestamp};
use serde_json::{Value, json};
use std::fmt::{self, Write as _};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long it may take until enough has arrived. A machine that is busy takes its time to start some of the partners.
const PATIENCE: Duration = Duration::from_secs(120);
const LABEL: &str = "moim";

/// Who offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Offerer,
    Answerer,
}

impl Role {
    pub(crate) fn other(self) -> Self {
        match self {
            Self::Offerer => Self::Answerer,
            Self::Answerer => Self::Offerer,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Offerer => "offer",
            Self::Answerer => "answer",
        }
    }
}

/// What came of it.
pub(crate) struct Outcome {
    /// What arrived here, and there.
    pub(crate) received: Counts,
    pub(crate) sent: Counts,
    /// The pictures that arrived here.
    pub(crate) video: PathBuf,
    trace: String,
}

/// A source, the frame that is due next, and the section it is sent in.
struct Sending {
    source: TrackSource,
    next: SourceFrame,
    transceiver: Option<TransceiverId>,
}

/// One end of a connection.
pub(crate) struct Ours {
    role: Role,
    path: PathBuf,
    received: Counts,
    sent: Counts,
    recorded: Option<IvfWriter<File>>,
    first: Option<RtpTimestamp>,
    channel: Option<DataChannelId>,
    is_answered: bool,
}

impl Ours {
    pub(crate) fn new(role: Role, folder: &Path) -> Self {
        Self {
            role,
            path: folder.join("video.ivf"),
            received: Counts::default(),
            sent: Counts::default(),
            recorded: None,
            first: None,
            channel: None,
            is_answered: false,
        }
    }

    /// Connects, and goes on until enough has arrived at both ends, or for as long as can be waited.
    pub(crate) fn exchange(self, theirs: Running, enough: Counts) -> Outcome {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(self.run(theirs, enough))
    }

    async fn run(mut self, mut theirs: Running, enough: Counts) -> Outcome {
        let mut connection = connection();
        let mut tracks = [picture(), tone()].map(Sending::new);
        if self.role == Role::Offerer {
            self.offer(&mut connection, &mut tracks, &mut theirs);
        }
        let began = Instant::now();
        let end = tokio::time::Instant::from_std(began + PATIENCE);
        while !(self.received.reaches(enough) && self.sent.reaches(enough)) {
            let due = tracks.iter().map(|track| began + track.next.at).min().unwrap_or(began);
            tokio::select! {
                event = connection.next() => match event {
                    ConnectionEvent::Peer(event) => self.handle(event, &mut connection, &mut tracks, &mut theirs),
                    ConnectionEvent::Frame(frame) => self.receive(&frame),
                    ConnectionEvent::NetworkChanged => {}
                },
                line = theirs.lines.recv() => match line {
                    Some(line) => self.obey(&line, &mut connection, &mut tracks, &mut theirs),
                    // It has ended, and said why.
                    None => break,
                },
                () = tokio::time::sleep_until(due.into()) => {
                    for track in tracks.iter_mut().filter(|track| began + track.next.at <= Instant::now()) {
                        track.send(&mut connection);
                    }
                }
                () = tokio::time::sleep_until(end) => break,
            }
        }
        let trace = describe(connection.peer(), began);
        connection.close().await;
        if let Some(recorded) = self.recorded {
            recorded.finish().unwrap();
        }
        Outcome { received: self.received, sent: self.sent, video: self.path, trace }
    }

    fn offer(&mut self, connection: &mut Connection, tracks: &mut [Sending], theirs: &mut Running) {
        let (peer, now) = (connection.peer_mut(), Instant::now());
        for track in tracks {
            let init = TransceiverInit { direction: Direction::SendRecv, ..TransceiverInit::default() };
            track.transceiver = Some(peer.add_transceiver(track.kind(), init, now).unwrap());
        }
        let init = DataChannelInit { label: LABEL.to_owned(), ..DataChannelInit::default() };
        self.channel = Some(peer.create_data_channel(init, now).unwrap());
        let sdp = peer.create_offer().unwrap();
        peer.set_local(SdpType::Offer, now).unwrap();
        theirs.say(&json!({ "type": "offer", "sdp": sdp }));
    }

    fn obey(
        &mut self,
        line: &Value,
        connection: &mut Connection,
        tracks: &mut [Sending],
        theirs: &mut Running,
    ) {
        let (peer, now) = (connection.peer_mut(), Instant::now());
        let sdp = line["sdp"].as_str().unwrap_or_default();
        match line["type"].as_str().unwrap_or_default() {
            "offer" => {
                peer.set_remote(SdpType::Offer, sdp, now).unwrap_or_else(|error| panic!("{error}: {sdp}"));
                for track in tracks {
                    let offered = peer.transceivers().iter().find(|it| it.kind() == track.kind());
                    let id = offered.expect("they offer both kinds").id();
                    peer.set_direction(id, Direction::SendRecv, now).unwrap();
                    peer.set_sender(id, SenderInit::default(), now).unwrap();
                    track.transceiver = Some(id);
                }
                let sdp = peer.create_answer().unwrap();
                peer.set_local(SdpType::Answer, now).unwrap();
                theirs.say(&json!({ "type": "answer", "sdp": sdp }));
            }
            "answer" => {
                peer.set_remote(SdpType::Answer, sdp, now).unwrap_or_else(|error| panic!("{error}: {sdp}"));
                self.is_answered = true;
            }
            "candidate" => {
                let text = line["candidate"].as_str().unwrap_or_default();
                // One that we cannot use is none of the others' business, as it is with browsers.
                if let Err(error) = peer.add_ice_candidate(text, now) {
                    println!("not used: {text}: {error}");
                }
            }
            "counts" => self.sent = Counts::read(line),
            _ => println!("{line}"),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is of no interest here")]
    fn handle(
        &mut self,
        event: Event,
        connection: &mut Connection,
        tracks: &mut [Sending],
        theirs: &mut Running,
    ) {
        let (peer, now) = (connection.peer_mut(), Instant::now());
        match event {
            Event::IceCandidate(found) if !found.candidate.is_empty() => {
                let mid = found.mid.map(|mid| mid.to_string());
                let index = found.mline_index;
                theirs.say(&json!({
                    "type": "candidate", "candidate": found.candidate, "sdpMid": mid, "sdpMLineIndex": index,
                }));
            }
            Event::KeyFrameRequested { transceiver, .. } => {
                for track in tracks.iter_mut().filter(|track| track.transceiver == Some(transceiver)) {
                    track.source.request_key_frame();
                }
            }
            Event::DataChannel(DataChannelEvent::Open(id)) if self.channel == Some(id) => {
                peer.send_text(id, "hello", now).unwrap();
            }
            Event::DataChannel(DataChannelEvent::Message(id, message)) => {
                self.received.messages += 1;
                if self.channel != Some(id) {
                    let sent = match message {
                        DataMessage::Text(text) => peer.send_text(id, &text, now),
                        DataMessage::Binary(bytes) => peer.send_binary(id, &bytes, now),
                    };
                    sent.expect("what came can go back");
                }
            }
            _ => {}
        }
    }

    fn receive(&mut self, frame: &ReceivedFrame) {
        match frame.codec {
            Codec::Opus => self.received.audio += 1,
            Codec::Vp8 => {
                // What comes before the first key frame nobody can decode, and it would be no fault of the decoder's.
                if self.recorded.is_none() && !frame.is_key_frame {
                    return;
                }
                let first = *self.first.get_or_insert(frame.timestamp);
                let ticks = frame.timestamp.distance_from(first);
                let recorded = self.recorded.get_or_insert_with(|| {
                    let header = IvfHeader {
                        codec: Codec::Vp8,
                        width: 320,
                        height: 240,
                        ticks: 90_000,
                        ticks_per: 1,
                        frame_count: 0,
                    };
                    IvfWriter::new(File::create(&self.path).unwrap(), &header).unwrap()
                });
                recorded.write_frame(u64::try_from(ticks).unwrap(), &frame.data).unwrap();
                self.received.video += 1;
            }
            Codec::Vp9 | Codec::Av1 | Codec::H264 => panic!("a partner sends {:?}", frame.codec),
        }
    }
}

impl Sending {
    fn new(mut source: TrackSource) -> Self {
        let next = source.next_frame().unwrap();
        Self { source, next, transceiver: None }
    }

    fn kind(&self) -> MediaKind {
        kind_of(self.source.codec())
    }

    fn send(&mut self, connection: &mut Connection) {
        let is_sent = self.transceiver.is_some_and(|id| connection.send_frame(id, &self.next.frame));
        if !is_sent {
            // Nobody saw it, and what follows would be of no use without it.
            self.source.request_key_frame();
        }
        self.next = self.source.next_frame().unwrap();
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "we: {}; they: {}\n{}", self.received, self.sent, self.trace)
    }
}

/// How many pictures of a file ffmpeg decodes. It must have nothing to complain of.
pub(crate) fn decode(file: &Path) -> u64 {
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-xerror", "-progress", "-", "-i"])
        .arg(file)
        // Every picture at its own time: ffmpeg would round to the frame rate that it guesses, and complain of two
        // pictures at one time where a partner's camera was uneven.
        .args(["-fps_mode", "passthrough", "-enc_time_base", "-1", "-f", "null", "/dev/null"])
        .output()
        .expect("ffmpeg is installed");
    let (said, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && complaint.is_empty(), "{}: {complaint}", file.display());
    let mut frames = said.lines().rev().filter_map(|line| line.strip_prefix("frame=")?.trim().parse().ok());
    frames.next().unwrap_or(0)
}

/// What the connection did, for when it is not what it should have done.
fn describe(peer: &PeerConnection, began: Instant) -> String {
    let mut text = String::new();
    for step in peer.trace().steps() {
        let at = step.at.saturating_duration_since(began);
        let _ = writeln!(text, "{at:8.3?} {} {:?} {}", step.step, step.outcome, step.detail);
    }
    for reason in DropReason::ALL.into_iter().filter(|reason| peer.drops().of(*reason) > 0) {
        let _ = writeln!(text, "dropped {}: {}", reason.as_str(), peer.drops().of(reason));
    }
    text
}

fn connection() -> Connection {
    let network = NetworkOptions {
        has_loopback: false,
        has_tcp: false,
        tls: Arc::new(Trust::Anybody.client_config().unwrap()),
    };
    let certificate = Certificate::generate(Duration::from_secs(1_700_000_000)).unwrap();
    let options = ConnectionOptions {
        network,
        certificate,
        relay_only: false,
        drafts: false,
        servers: IceServers::default(),
    };
    Connection::new(options).unwrap()
}

fn picture() -> TrackSource {
    let config = PictureConfig { width: 320, height: 240, frame_rate: 20, bitrate: Bitrate::from_kbps(300) };
    TrackSource::picture(config).unwrap()
}

fn tone() -> TrackSource {
    TrackSource::tone(ToneConfig { frequency_hz: 440 }).unwrap()
}
