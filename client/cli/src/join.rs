//! `moim join`: takes part in a room, as a browser with the web app would.

mod report;
mod session;

use crate::values::{Size, parse_bitrate, parse_bytes, parse_size};
use anyhow::Context as _;
use clap::{ArgAction, Args, ValueEnum};
use moim_media_pattern::{PictureConfig, ToneConfig};
use moim_native::{JoinOptions, RoomUrl, TrackSource, Trust};
use moim_signal::message::TrackSource as Source;
use moim_wire::{Bitrate, MediaKind};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What to publish when it is no file.
const TEST: &str = "test";
/// The pitch of the test tone.
const FREQUENCY_HZ: u32 = 440;
/// Threads that packets are handled by.
const THREADS: usize = 2;

/// How the command ended, for scripts.
const EXIT_CODES: &str = "Exit codes:
  0  the room was joined, and left as asked
  1  a file, a certificate or an option cannot be used
  2  the command line cannot be read
  3  the room could not be joined
  4  the server ended the session
  5  the room was joined, and somebody was there to whom no connection ever came about";

/// What to join, what to publish and what to record.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct JoinArguments {
    /// The room's address, as the app shows it: https://HOST[:PORT]/r/NAME, with #token=… if it is an invitation
    #[arg(value_name = "URL")]
    url: RoomUrl,
    /// What the others see
    #[arg(long, default_value = "moim")]
    name: String,
    /// "test" for a generated picture and tone, or a WebM, IVF or Ogg file, which is played again and again; whoever comes later sees a
    /// file's picture from its next key frame on
    #[arg(long, value_name = "test|FILE")]
    publish: Option<String>,
    /// Record every track of the others to files in this folder
    #[arg(long, value_name = "FOLDER")]
    record: Option<PathBuf>,
    /// Record so many bytes at most, all files together: 500M, 8G
    #[arg(long, value_name = "BYTES", default_value = "8G", value_parser = parse_bytes)]
    record_max: u64,
    /// Leave after this time, such as 10s or 5m; default: when told to (Ctrl-C)
    #[arg(long, value_parser = humantime::parse_duration)]
    duration: Option<Duration>,
    /// Say this to the others once there is a connection to one
    #[arg(long, value_name = "TEXT")]
    chat: Option<String>,
    /// Publish no sound
    #[arg(long, action = ArgAction::SetTrue)]
    no_audio: bool,
    /// Publish no picture
    #[arg(long, action = ArgAction::SetTrue)]
    no_video: bool,
    /// Width and height of the test picture
    #[arg(long, value_name = "WxH", default_value = "640x360", value_parser = parse_size)]
    size: Size,
    /// Frames a second of the test picture
    #[arg(long, default_value = "30", value_parser = clap::value_parser!(u32).range(1..=120))]
    fps: u32,
    /// Publish the test picture in three sizes, so that a server that forwards it can choose for everybody
    #[arg(long)]
    simulcast: bool,
    /// The most to send to each of the others, in bits a second: 800k, 2M
    #[arg(long, default_value = "1M", value_parser = parse_bitrate)]
    bitrate: Bitrate,
    /// What to print every second
    #[arg(long, value_enum, default_value = "text")]
    stats: StatsFormat,
    /// Take any certificate of the server: whoever is in between can listen
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
    /// Take certificates that one in this PEM file vouches for
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// Use loopback addresses too, for others on this machine
    #[arg(long)]
    loopback: bool,
    /// Send everything through relays, so that the others do not learn this machine's addresses
    #[arg(long)]
    relay_only: bool,
    /// Use drafts that save round trips, with others who use them too: SNAP and SPED
    #[arg(long)]
    drafts: bool,
}

/// How to print what is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum StatsFormat {
    /// A line for people.
    Text,
    /// A JSON object in each line.
    Json,
}

/// A track to publish.
struct Publication {
    /// What it is in each of its encodings, the lowest first.
    encodings: Vec<TrackSource>,
    kind: MediaKind,
    as_source: Source,
}

/// Takes part until it is time to leave.
pub(crate) fn run(arguments: &JoinArguments) -> anyhow::Result<ExitCode> {
    let publications = arguments.publications()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .context("cannot start the threads that packets are handled by")?;
    let code = runtime.block_on(session::hold(arguments, publications));
    runtime.shutdown_background();
    code
}

impl JoinArguments {
    fn options(&self) -> JoinOptions {
        let trust = match (&self.ca, self.insecure) {
            (Some(file), _) => Trust::Authority(file.clone()),
            (None, true) => Trust::Anybody,
            (None, false) => Trust::System,
        };
        let mut options = JoinOptions::new(self.url.clone(), self.name.clone());
        options.trust = trust;
        options.has_loopback = self.loopback;
        options.relay_only = self.relay_only;
        options.drafts = self.drafts;
        options.bitrate_max = self.bitrate;
        options
    }

    /// The tracks to publish: at most one of each kind, since a participant has one camera and one microphone.
    fn publications(&self) -> anyhow::Result<Vec<Publication>> {
        let tracks = match self.publish.as_deref() {
            None => Vec::new(),
            Some(TEST) => {
                let tone = ToneConfig { frequency_hz: FREQUENCY_HZ };
                vec![self.pictures()?, vec![TrackSource::tone(tone)?]]
            }
            Some(file) => TrackSource::open(file.as_ref())?.into_iter().map(|track| vec![track]).collect(),
        };
        let mut publications: Vec<Publication> = Vec::new();
        for encodings in tracks {
            let Some(kind) = encodings.first().map(TrackSource::kind) else { continue };
            let (as_source, is_wanted) = match kind {
                MediaKind::Audio => (Source::Microphone, !self.no_audio),
                MediaKind::Video => (Source::Camera, !self.no_video),
            };
            if is_wanted && !publications.iter().any(|known| known.as_source == as_source) {
                publications.push(Publication { encodings, kind, as_source });
            }
        }
        Ok(publications)
    }

    /// The test picture, in each of its sizes.
    fn pictures(&self) -> anyhow::Result<Vec<TrackSource>> {
        let Size { width, height } = self.size;
        let divisors: &[u16] = if self.simulcast { &[4, 2, 1] } else { &[1] };
        let mut pictures = Vec::new();
        for divisor in divisors {
            let (width, height) = (width / divisor, height / divisor);
            let config = PictureConfig { width, height, frame_rate: self.fps, bitrate: self.bitrate };
            pictures.push(TrackSource::picture(config)?);
        }
        Ok(pictures)
    }
}
