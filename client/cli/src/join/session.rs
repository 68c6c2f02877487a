//! Taking part, from joining to leaving.

use super::report::Report;
use super::{JoinArguments, Publication};
use moim_native::{Error, Recorder, RecorderOptions, Recording, Room, RoomEvent, play};
use moim_signal::message::TrackKind;
use moim_wire::MediaKind;
use std::process::ExitCode;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};

/// How often to tell what is measured.
const STATS_INTERVAL: Duration = Duration::from_secs(1);
/// The exit codes beside success and failure; see [`super::EXIT_CODES`].
const NOT_JOINED: u8 = 3;
const ENDED_BY_SERVER: u8 = 4;
const NOT_CONNECTED: u8 = 5;

/// Takes part until it is time to leave.
pub(super) async fn hold(
    arguments: &JoinArguments,
    publications: Vec<Publication>,
) -> anyhow::Result<ExitCode> {
    let recorder = match &arguments.record {
        Some(folder) => {
            let bytes_max = arguments.record_max;
            Some(Recorder::new(RecorderOptions { bytes_max, ..RecorderOptions::new(folder) })?)
        }
        None => None,
    };
    let mut report = Report::new(arguments.stats);
    let room = match Room::join(arguments.options()).await {
        Ok(room) => room,
        Err(error @ Error::Signal(_)) => {
            report.fail(&error)?;
            return Ok(ExitCode::from(NOT_JOINED));
        }
        Err(error) => return Err(error.into()),
    };
    report.joined(&arguments.url, &room.state())?;
    let mut session = Session {
        arguments,
        room,
        recorder,
        report,
        playing: JoinSet::new(),
        has_spoken: false,
        is_full: false,
    };
    session.publish(publications).await?;
    let is_ended = session.follow().await?;
    session.finish(is_ended).await
}

struct Session<'a> {
    arguments: &'a JoinArguments,
    room: Room,
    recorder: Option<Recorder>,
    report: Report,
    playing: JoinSet<Result<(), Error>>,
    /// Whether the line that was asked for was said.
    has_spoken: bool,
    /// Whether it was told that nothing more is recorded.
    is_full: bool,
}

impl Session<'_> {
    async fn publish(&mut self, publications: Vec<Publication>) -> anyhow::Result<()> {
        let begin = Instant::now();
        for Publication { encodings, kind, as_source } in publications {
            let kind = match kind {
                MediaKind::Audio => TrackKind::Audio,
                MediaKind::Video => TrackKind::Video,
            };
            let track = self.room.publish_encodings(kind, as_source, encodings.len()).await?;
            let bitrate_max = self.arguments.bitrate;
            for (index, source) in encodings.into_iter().enumerate() {
                let Some(encoding) = track.encoding(index) else { continue };
                self.playing.spawn(async move { play(source, &encoding, bitrate_max, begin).await });
            }
        }
        Ok(())
    }

    /// Follows what happens until it is time to leave. Returns whether the server has ended the session.
    async fn follow(&mut self) -> anyhow::Result<bool> {
        let end = self.arguments.duration.map(|duration| Instant::now() + duration);
        let mut ticks = interval(STATS_INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut terminate = signal(SignalKind::terminate())?;
        loop {
            tokio::select! {
                event = self.room.next_event() => match event {
                    Some(event) => {
                        if self.handle(event).await? {
                            return Ok(true);
                        }
                    }
                    None => return Ok(true),
                },
                _ = ticks.tick() => {
                    for id in self.report.connected() {
                        self.report.measured(&id, self.room.stats(&id).await?);
                    }
                    self.report.tick()?;
                    self.tell_if_full()?;
                }
                Some(played) = self.playing.join_next() => played??,
                () = until(end) => return Ok(false),
                _ = terminate.recv() => return Ok(false),
                interrupted = tokio::signal::ctrl_c() => {
                    interrupted?;
                    return Ok(false);
                }
            }
        }
    }

    /// Says, once, that the recording has reached its limit.
    fn tell_if_full(&mut self) -> anyhow::Result<()> {
        let is_full = self.recorder.as_ref().is_some_and(Recorder::is_full);
        if is_full && !std::mem::replace(&mut self.is_full, true) {
            self.report.recorded_all(self.arguments.record_max)?;
        }
        Ok(())
    }

    /// Returns whether the session is over.
    #[expect(clippy::wildcard_enum_match_arm, reason = "whatever else happens needs nothing done")]
    async fn handle(&mut self, event: RoomEvent) -> anyhow::Result<bool> {
        self.report.happened(&event)?;
        match event {
            RoomEvent::TrackPublished(mut track) => {
                let name = self.report.name(track.participant());
                match &mut self.recorder {
                    Some(recorder) => recorder.record(track, &name),
                    // Somebody has to read what comes, for it to be counted and not to be asked for again.
                    None => drop(tokio::spawn(async move { while track.next_frame().await.is_some() {} })),
                }
            }
            RoomEvent::Disconnected(error) => {
                self.report.fail(&error)?;
                return Ok(true);
            }
            _ => {}
        }
        if !self.has_spoken && self.report.reaches_somebody() {
            self.has_spoken = true;
            if let Some(text) = &self.arguments.chat {
                self.room.chat(text, None).await?;
            }
        }
        Ok(false)
    }

    async fn finish(mut self, is_ended: bool) -> anyhow::Result<ExitCode> {
        self.playing.abort_all();
        self.room.leave().await;
        let recordings: Vec<Recording> = match self.recorder {
            Some(recorder) => recorder.finish().await?,
            None => Vec::new(),
        };
        self.report.summary(&recordings)?;
        Ok(if is_ended {
            ExitCode::from(ENDED_BY_SERVER)
        } else if self.report.has_unconnected() {
            ExitCode::from(NOT_CONNECTED)
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// Waits until `end`, or for ever.
async fn until(end: Option<Instant>) {
    match end {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}
