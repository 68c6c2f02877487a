//! What is told while taking part, and at the end: to people, or as JSON to programs.

mod server;

use super::StatsFormat;
use crate::terminal::{escaped, plain};
use moim_native::{PeerStats, Recording, RoomEvent, RoomState, RoomUrl, TrackCounts};
use moim_peer::PeerConnectionState;
use moim_signal::id::{ParticipantId, TrackId};
use moim_signal::message::{ParticipantDescription, TrackKind, TrackSource};
use moim_wire::Bitrate;
use serde_json::{Value, json};
use server::ServerReport;
use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

/// How long somebody may be there without a connection before that counts as a failure.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Others that are remembered, and tracks of each. Beyond, those are forgotten who left longest ago, and further tracks are not told of.
const OTHERS_MAX: usize = 1_024;
const TRACKS_MAX: usize = 256;
/// How often to print a line where it cannot take the place of the one before.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Somebody else in the room, or who was.
struct Other {
    name: String,
    came: Instant,
    went: Option<Instant>,
    state: PeerConnectionState,
    /// How long it took until there was a connection.
    connected_after: Option<Duration>,
    stats: Option<PeerStats>,
    tracks: BTreeMap<TrackId, Track>,
}

/// A track of theirs.
struct Track {
    kind: TrackKind,
    source: TrackSource,
    counts: TrackCounts,
    /// At the last tick, and what came between the last two.
    seen: (u64, u64),
    rate: (Bitrate, u64),
}

/// What is told.
pub(super) struct Report {
    format: StatsFormat,
    begin: Instant,
    last_tick: Instant,
    last_line: Option<Instant>,
    /// Whether the last line of the terminal is to be written over.
    has_status: bool,
    others: BTreeMap<ParticipantId, Other>,
    server: ServerReport,
}

impl Report {
    pub(super) fn new(format: StatsFormat) -> Self {
        let begin = Instant::now();
        Self {
            format,
            begin,
            last_tick: begin,
            last_line: None,
            has_status: false,
            others: BTreeMap::new(),
            server: ServerReport::default(),
        }
    }

    /// The room was joined.
    pub(super) fn joined(&mut self, url: &RoomUrl, state: &RoomState) -> io::Result<()> {
        let local = &state.local;
        self.server.goes_by(state.topology, state.topology_reason);
        self.say(
            &format!("joined {url} as {}", local.name),
            &json!({ "type": "joined", "room": url.to_string(), "id": local.id.as_str(), "name": local.name }),
        )
    }

    /// It was not joined, or it is over.
    pub(super) fn fail(&mut self, error: &impl Display) -> io::Result<()> {
        let message = error.to_string();
        self.say(&message, &json!({ "type": "failed", "message": message }))
    }

    /// As much is recorded as may be.
    pub(super) fn recorded_all(&mut self, bytes_max: u64) -> io::Result<()> {
        self.say(
            &format!("nothing more is recorded: the files have {bytes_max} bytes (--record-max)"),
            &json!({ "type": "recordingFull", "bytesMax": bytes_max }),
        )
    }

    /// Something happened in the room.
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "whatever else happens is of no interest to somebody who watches"
    )]
    pub(super) fn happened(&mut self, event: &RoomEvent) -> io::Result<()> {
        match event {
            RoomEvent::ParticipantJoined(participant) => self.came(participant),
            RoomEvent::ParticipantLeft(id, reason) => {
                let name = self.name(id);
                if let Some(other) = self.others.get_mut(id) {
                    other.went = Some(Instant::now());
                    other.state = PeerConnectionState::Closed;
                }
                self.say(
                    &format!("{name} left"),
                    &json!({ "type": "left", "id": id.as_str(), "reason": reason }),
                )
            }
            RoomEvent::ConnectionState(id, state) if id.is_server() => self.is_server_so_far(*state),
            RoomEvent::ConnectionState(id, state) => self.is_so_far(id, *state),
            RoomEvent::Topology(topology, reason) => {
                self.server.goes_by(*topology, *reason);
                self.reach_through_server();
                self.say(
                    &server::words_of(*topology, *reason),
                    &json!({ "type": "topology", "topology": topology, "reason": reason }),
                )
            }
            RoomEvent::TrackPublished(track) => {
                let description = track.description();
                let counts = track.counts();
                let new = Track {
                    kind: description.kind,
                    source: description.source,
                    counts,
                    seen: (0, 0),
                    rate: (Bitrate::ZERO, 0),
                };
                if let Some(other) = self.others.get_mut(track.participant())
                    && other.tracks.len() < TRACKS_MAX
                {
                    other.tracks.insert(description.id.clone(), new);
                }
                Ok(())
            }
            RoomEvent::Chat(line) => self.say(
                &format!("{}: {}", line.name, line.text),
                &json!({ "type": "chat", "from": line.from.as_str(), "name": line.name, "text": line.text,
                    "private": line.is_private }),
            ),
            RoomEvent::Reconnecting(reason) => self.say(
                &format!("the server cannot be reached ({reason}); trying again"),
                &json!({ "type": "reconnecting", "reason": reason }),
            ),
            RoomEvent::Reconnected => self.say("the server is back", &json!({ "type": "reconnected" })),
            RoomEvent::Draining(grace) => self.say(
                &format!("the server goes away in {} s", grace.as_secs()),
                &json!({ "type": "draining", "graceMs": grace.as_millis() }),
            ),
            _ => Ok(()),
        }
    }

    /// What somebody is called.
    pub(super) fn name(&self, id: &ParticipantId) -> String {
        self.others.get(id).map_or_else(|| id.to_string(), |other| other.name.clone())
    }

    /// Those to whom there is a connection, the server's end included.
    pub(super) fn connected(&self) -> Vec<ParticipantId> {
        let connected = self.others.iter().filter(|(_, other)| other.state == PeerConnectionState::Connected);
        let server = self.server.is_connected().then(|| ParticipantId::new(ParticipantId::SERVER));
        connected.map(|(id, _)| id.clone()).chain(server).collect()
    }

    /// Whether somebody is there to whom there is, or was, a connection.
    pub(super) fn reaches_somebody(&self) -> bool {
        self.others.values().any(|other| other.went.is_none() && other.connected_after.is_some())
    }

    /// How a connection is.
    pub(super) fn measured(&mut self, id: &ParticipantId, stats: Option<PeerStats>) {
        if id.is_server() {
            return self.server.measured(stats);
        }
        if let Some(other) = self.others.get_mut(id) {
            // The last ones are still good when the connection is gone.
            other.stats = stats.or(other.stats.take());
        }
    }

    /// Tells what was measured since the last time.
    pub(super) fn tick(&mut self) -> io::Result<()> {
        let now = Instant::now();
        let elapsed = now.duration_since(std::mem::replace(&mut self.last_tick, now));
        for track in self.others.values_mut().flat_map(|other| other.tracks.values_mut()) {
            let seen = (track.counts.bytes(), track.counts.frames());
            let (bytes, frames) = (seen.0 - track.seen.0, seen.1 - track.seen.1);
            track.rate = (Bitrate::from_bytes_in(bytes, elapsed.max(Duration::from_millis(1))), frames);
            track.seen = seen;
        }
        match self.format {
            StatsFormat::Json => {
                let stats = self.to_json("stats");
                self.print(&stats)
            }
            StatsFormat::Text => self.status(now),
        }
    }

    /// Tells everything at the end.
    pub(super) fn summary(&mut self, recordings: &[Recording]) -> io::Result<()> {
        if self.format == StatsFormat::Json {
            let files = recordings.iter().map(|file| {
                json!({ "path": file.path, "frames": file.frames, "durationMs": file.duration.as_millis() })
            });
            let mut summary = self.to_json("summary");
            summary["recordings"] = files.collect();
            return self.print(&summary);
        }
        let mut text = String::new();
        let _ = writeln!(text, "{} s in the room", self.begin.elapsed().as_secs());
        for other in self.others.values() {
            let way = match other.connected_after {
                Some(after) => format!("connected after {} ms", after.as_millis()),
                None => "never connected".to_owned(),
            };
            let _ = writeln!(text, "{}: {way}", plain(&other.name));
            for track in other.tracks.values() {
                let (frames, keys) = (track.counts.frames(), track.counts.key_frames());
                let (bytes, dropped) = (track.counts.bytes(), track.counts.dropped());
                let of_keys =
                    if track.kind == TrackKind::Video { format!(" ({keys} key)") } else { String::new() };
                let _ =
                    write!(text, "  {}: {frames} frames{of_keys}, {} kB", word(track.source), bytes / 1_000);
                let _ = writeln!(
                    text,
                    "{}",
                    if dropped > 0 { format!(", {dropped} dropped") } else { String::new() }
                );
            }
        }
        for file in recordings {
            let seconds = file.duration.as_secs_f64();
            let path = plain(&file.path.display().to_string());
            let _ = writeln!(text, "{path}: {} frames, {seconds:.1} s", file.frames);
        }
        self.clear_status()?;
        io::stdout().write_all(text.as_bytes())
    }

    /// Whether somebody was there for long, to whom no connection ever came about.
    pub(super) fn has_unconnected(&self) -> bool {
        self.others.values().any(|other| {
            let stayed = other.went.unwrap_or_else(Instant::now).duration_since(other.came);
            other.connected_after.is_none() && stayed >= CONNECT_TIME_MAX
        })
    }

    fn came(&mut self, participant: &ParticipantDescription) -> io::Result<()> {
        let other = Other {
            name: participant.name.clone(),
            came: Instant::now(),
            went: None,
            state: PeerConnectionState::New,
            connected_after: None,
            stats: None,
            tracks: BTreeMap::new(),
        };
        if self.others.len() >= OTHERS_MAX {
            let gone = self.others.iter().filter_map(|(id, other)| Some((other.went?, id)));
            if let Some(longest) = gone.min().map(|(_, id)| id.clone()) {
                self.others.remove(&longest);
            }
        }
        self.others.insert(participant.id.clone(), other);
        self.reach_through_server();
        let (id, name) = (participant.id.as_str(), &participant.name);
        self.say(&format!("{name} is here"), &json!({ "type": "participant", "id": id, "name": name }))
    }

    fn is_so_far(&mut self, id: &ParticipantId, state: PeerConnectionState) -> io::Result<()> {
        let Some(other) = self.others.get_mut(id) else { return Ok(()) };
        other.state = state;
        if state == PeerConnectionState::Connected {
            other.connected_after.get_or_insert_with(|| other.came.elapsed());
        }
        let name = other.name.clone();
        self.say(
            &format!("{name}: {}", state.as_str()),
            &json!({ "type": "connection", "id": id.as_str(), "name": name, "state": state.as_str() }),
        )
    }

    /// The connection to the server's end is so far.
    fn is_server_so_far(&mut self, state: PeerConnectionState) -> io::Result<()> {
        self.server.is_so_far(state);
        self.reach_through_server();
        self.say(
            &format!("the server's end: {}", state.as_str()),
            &json!({ "type": "serverConnection", "state": state.as_str() }),
        )
    }

    /// Whose media the server forwards is connected as soon as that is.
    fn reach_through_server(&mut self) {
        if self.server.forwards() {
            for other in self.others.values_mut().filter(|other| other.went.is_none()) {
                other.connected_after.get_or_insert_with(|| other.came.elapsed());
            }
        }
    }

    /// A line of how it is now. On a terminal it takes the place of the one before.
    fn status(&mut self, now: Instant) -> io::Result<()> {
        let is_terminal = io::stderr().is_terminal();
        if !is_terminal && self.last_line.is_some_and(|last| now.duration_since(last) < LINE_INTERVAL) {
            return Ok(());
        }
        self.last_line = Some(now);
        let mut line = format!("{} s", self.begin.elapsed().as_secs());
        line.push_str(&self.server.words());
        for other in self.others.values().filter(|other| other.went.is_none()) {
            let state = if self.server.forwards() { "through the server" } else { other.state.as_str() };
            let _ = write!(line, " | {} {state}", other.name);
            for track in other.tracks.values() {
                let (bitrate, frames) = track.rate;
                let _ = write!(line, ", {} {bitrate} {frames}/s", word(track.source));
            }
            if let Some(stats) = &other.stats {
                line.push_str(&connection_words(stats));
            }
        }
        self.clear_status()?;
        self.has_status = is_terminal;
        let end = if is_terminal { "" } else { "\n" };
        write!(io::stderr(), "{}{end}", plain(&line)).and_then(|()| io::stderr().flush())
    }

    fn clear_status(&mut self) -> io::Result<()> {
        // To the beginning of the line, and nothing after it (ECMA-48 §8.3.41).
        if std::mem::take(&mut self.has_status) { write!(io::stderr(), "\r\x1b[K") } else { Ok(()) }
    }

    fn say(&mut self, text: &str, json: &Value) -> io::Result<()> {
        match self.format {
            StatsFormat::Json => self.print(json),
            StatsFormat::Text => {
                self.clear_status()?;
                writeln!(io::stdout(), "{}", plain(text))
            }
        }
    }

    fn print(&mut self, json: &Value) -> io::Result<()> {
        self.clear_status()?;
        writeln!(io::stdout(), "{}", escaped(&json.to_string())).and_then(|()| io::stdout().flush())
    }

    fn to_json(&self, kind: &str) -> Value {
        let track = |(id, track): (&TrackId, &Track)| {
            json!({
                "id": id.as_str(), "kind": track.kind, "source": track.source,
                "frames": track.counts.frames(), "keyFrames": track.counts.key_frames(),
                "bytes": track.counts.bytes(), "dropped": track.counts.dropped(),
                "bitrate": track.rate.0.as_bps(), "framesPerSecond": track.rate.1,
            })
        };
        let other = |(id, other): (&ParticipantId, &Other)| {
            json!({
                "id": id.as_str(), "name": other.name, "state": other.state.as_str(),
                "present": other.went.is_none(),
                "connectedAfterMs": other.connected_after.map(|after| after.as_millis()),
                "targetBitrate": other.stats.as_ref().and_then(|stats| stats.target).map(Bitrate::as_bps),
                "stats": other.stats.as_ref().map(|stats| &stats.report),
                "tracks": other.tracks.iter().map(track).collect::<Vec<_>>(),
            })
        };
        json!({
            "type": kind, "elapsedMs": self.begin.elapsed().as_millis(), "server": self.server.to_json(),
            "participants": self.others.iter().map(other).collect::<Vec<_>>(),
        })
    }
}

/// Round trip, share of the network, and what was lost.
fn connection_words(stats: &PeerStats) -> String {
    let mut words = String::new();
    let selected = stats.report.candidate_pairs.iter().find(|pair| pair.selected);
    if let Some(rtt) = selected.and_then(|pair| pair.current_round_trip_time) {
        let _ = write!(words, ", {:.0} ms away", rtt * 1_000.0);
    }
    if let Some(target) = stats.target {
        let _ = write!(words, ", may send {target}");
    }
    let lost: i64 = stats.report.inbound_rtp.iter().map(|stream| stream.packets_lost).sum();
    if lost > 0 {
        let _ = write!(words, ", {lost} packets lost");
    }
    words
}

fn word(source: TrackSource) -> &'static str {
    match source {
        TrackSource::Camera => "camera",
        TrackSource::Microphone => "microphone",
        TrackSource::ScreenShare => "screen",
        TrackSource::ScreenShareAudio => "screen's sound",
        TrackSource::Other => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::{OTHERS_MAX, Report};
    use crate::join::StatsFormat;
    use moim_native::RoomEvent;
    use moim_signal::id::ParticipantId;
    use moim_signal::message::{LeaveReason, LinkState, ParticipantDescription, Permissions};

    #[test]
    fn those_who_left_longest_ago_are_forgotten() {
        let mut report = Report::new(StatsFormat::Json);
        for number in 0..OTHERS_MAX + 10 {
            let id = ParticipantId::new(format!("p_{number}"));
            let participant = ParticipantDescription {
                id: id.clone(),
                identity: None,
                name: "anna".into(),
                metadata: None,
                permissions: Permissions { publish: true, subscribe: true, data: true, admin: false },
                tracks: Vec::new(),
                link: LinkState::Connected,
            };
            report.happened(&RoomEvent::ParticipantJoined(participant)).unwrap();
            if number > 0 {
                report.happened(&RoomEvent::ParticipantLeft(id, LeaveReason::Left)).unwrap();
            }
        }

        assert_eq!(report.others.len(), OTHERS_MAX);
        assert!(report.others.contains_key(&ParticipantId::new("p_0")), "who is here is not forgotten");
        assert!(!report.others.contains_key(&ParticipantId::new("p_1")));
    }
}
