//! `moim load`: many participants in one process, to see what a server's forwarding can do.
//!
//! Every participant has a session with the server, and a connection with ICE, DTLS and SRTP of its own on a socket of its own. What is cheap about
//! them is what a browser would do beyond: pictures are encoded once for all, and what comes is counted and not put together.

mod cpu;
mod histogram;
mod participant;
mod player;
mod recording;
mod report;
mod run;
mod stamp;
mod worker;

use crate::consent;
use crate::values::{Size, parse_bitrate, parse_size};
use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use moim_media_pattern::PictureConfig;
use moim_native::{ServerUrl, Trust};
use moim_wire::Bitrate;
use participant::Fleet;
use recording::Recording;
use report::Report;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::{Value, json};
use stamp::Clock;
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use worker::{Progress, Shared, Worker};

/// Most participants of a run.
const PARTICIPANTS_MAX: u64 = 20_000;
/// The encodings of a simulcast: each has half the width and height of the one above, and a quarter of its bitrate.
const SIMULCAST: [u16; 3] = [4, 2, 1];
/// Threads of signalling.
const SIGNAL_THREADS: usize = 1;
/// Nobody could join.
const NOT_JOINED: u8 = 3;

/// How the command ended, for scripts.
const EXIT_CODES: &str = "Exit codes:
  0  somebody joined, and what came of it was measured
  1  an option cannot be used, the server is not one that may be put under load, or the machine gave out
  2  the command line cannot be read
  3  nobody could join";

/// Who joins, what they send, and for how long.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct LoadArguments {
    /// The server: https://HOST[:PORT]. It is one on this machine or in a private network
    #[arg(value_name = "URL")]
    url: ServerUrl,
    /// Rooms
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    rooms: u32,
    /// Participants of each room that publish
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(0..=1_000))]
    publishers: u32,
    /// Participants of each room that watch
    #[arg(long, default_value = "10", value_parser = clap::value_parser!(u32).range(0..=10_000))]
    subscribers: u32,
    /// Those who publish watch the others as well
    #[arg(long)]
    meeting: bool,
    /// What pictures are published as
    #[arg(long, value_enum, default_value = "vp8")]
    video: VideoFormat,
    /// Publish sound
    #[arg(long)]
    audio: bool,
    /// Publish pictures in three sizes at once
    #[arg(long, conflicts_with = "media")]
    simulcast: bool,
    /// Publish the VP8 of this file, WebM or IVF, in place of the test picture; up to three times, the smallest picture first, for a simulcast
    #[arg(long, value_name = "FILE")]
    media: Vec<PathBuf>,
    /// Width and height of the test picture
    #[arg(long, value_name = "WxH", default_value = "1280x720", value_parser = parse_size)]
    size: Size,
    /// Frames a second of the test picture
    #[arg(long, default_value = "30", value_parser = clap::value_parser!(u32).range(1..=60))]
    fps: u32,
    /// Bits a second of the test picture, of the largest one in a simulcast: 800k, 1.5M
    #[arg(long, default_value = "1.5M", value_parser = parse_bitrate)]
    bitrate: Bitrate,
    /// How long to count, once everybody has joined
    #[arg(long, default_value = "30s", value_parser = humantime::parse_duration)]
    duration: Duration,
    /// How long to wait before counting, once everybody has joined: until it is known what the network carries, and layers have been chosen
    #[arg(long, default_value = "5s", value_parser = humantime::parse_duration)]
    settle: Duration,
    /// Spread joining over this time; default: as fast as the server lets them
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    ramp: Duration,
    /// How many may be joining at a time
    #[arg(long, default_value = "32", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    joining: u32,
    /// Threads that hold connections
    #[arg(long, default_value = "1", value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,
    /// The server's process, if it is on this machine: tells its CPU time for each packet
    #[arg(long, value_name = "PID")]
    server_pid: Option<u32>,
    /// What rooms are called, before their numbers
    #[arg(long, value_name = "NAME", default_value = "load")]
    room: String,
    /// A token, if the server wants one
    #[arg(long)]
    token: Option<String>,
    /// Write what came of it to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Take any certificate of the server: whoever is in between can listen
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
    /// Take certificates that one in this PEM file vouches for
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// The server is yours, and so is the network to it, although it is neither on this machine nor in a private network
    #[arg(long)]
    i_operate_this_server: bool,
}

/// What pictures are published as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum VideoFormat {
    /// VP8, which every server forwards.
    Vp8,
    /// No pictures.
    None,
}

/// Puts the server under load. The report is printed, and written if asked for.
pub(crate) fn run(arguments: &LoadArguments) -> anyhow::Result<ExitCode> {
    let server = arguments.server()?;
    if let Some(pid) = arguments.server_pid {
        cpu::of_process(pid).with_context(|| format!("there is no process {pid} on this machine"))?;
    }
    let local =
        crate::source_towards(server).with_context(|| format!("{} cannot be reached", arguments.url))?;
    raise_open_files_limit();
    let progress = Arc::<Progress>::default();
    let shared = Shared {
        certificate: moim_native::certificate()?,
        clock: Clock::begin(),
        audio: if arguments.audio { Some(Arc::new(Recording::tone()?)) } else { None },
        video: arguments.pictures()?,
        progress: Arc::clone(&progress),
    };
    let bits: u64 = shared.video.iter().chain(&shared.audio).map(|recording| recording.bitrate()).sum();
    report::progress(&format!("each publisher sends {} kbit/s", bits / 1_000))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(SIGNAL_THREADS)
        .enable_all()
        .build()
        .context("cannot start the threads of signalling")?;
    let fleet = arguments.fleet(local, &shared)?;
    let report = runtime.block_on(run::hold(arguments, fleet, progress));
    runtime.shutdown_background();
    arguments.tell(&report?)
}

impl LoadArguments {
    /// The server's address, if it may be put under load.
    fn server(&self) -> anyhow::Result<SocketAddr> {
        let count = u64::from(self.rooms) * u64::from(self.publishers + self.subscribers);
        if !(1..=PARTICIPANTS_MAX).contains(&count) {
            bail!("{count} participants are not between 1 and {PARTICIPANTS_MAX}");
        }
        let name = self.url.host();
        let addresses = (name.as_str(), self.url.port()).to_socket_addrs();
        let addresses: Vec<_> = addresses.with_context(|| format!("{name} is not a host's name"))?.collect();
        for address in &addresses {
            consent::may_load(address.ip(), self.i_operate_this_server)
                .map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
        }
        addresses.first().copied().with_context(|| format!("{name} has no address"))
    }

    /// What is published, the smallest picture first.
    fn pictures(&self) -> anyhow::Result<Vec<Arc<Recording>>> {
        if self.video == VideoFormat::None {
            return Ok(Vec::new());
        }
        if !self.media.is_empty() {
            if self.media.len() > SIMULCAST.len() {
                bail!("a simulcast has {} encodings at most", SIMULCAST.len());
            }
            return self.media.iter().map(|file| Recording::file(file).map(Arc::new)).collect();
        }
        let divisors = if self.simulcast { SIMULCAST.as_slice() } else { &[1] };
        let picture = |divisor: &u16| {
            let Size { width, height } = self.size;
            // Sides of pictures are even.
            let side = |side: u16| (side / divisor) & !1;
            let bitrate = self.bitrate.scaled(1.0 / f64::from(divisor * divisor));
            let config =
                PictureConfig { width: side(width), height: side(height), frame_rate: self.fps, bitrate };
            Recording::picture(config).map(Arc::new)
        };
        divisors.iter().map(picture).collect()
    }

    /// To how many participants something is to come.
    fn watching(&self) -> usize {
        let others = if self.meeting && self.publishers > 1 { self.publishers } else { 0 };
        let is_any = self.publishers > 0 && (self.audio || self.video == VideoFormat::Vp8);
        if is_any { self.rooms as usize * (self.subscribers + others) as usize } else { 0 }
    }

    fn fleet(&self, local: IpAddr, shared: &Shared) -> anyhow::Result<Fleet> {
        let trust = match (&self.ca, self.insecure) {
            (Some(file), _) => Trust::Authority(file.clone()),
            (None, true) => Trust::Anybody,
            (None, false) => Trust::System,
        };
        let mut workers = Vec::new();
        for number in 0..self.threads as usize {
            workers.push(Worker::spawn(number, shared.clone()).context("cannot start a thread")?);
        }
        Ok(Fleet {
            server: self.url.clone(),
            token: self.token.clone(),
            tls: Fleet::tls(&trust)?,
            prefix: self.room.clone(),
            local,
            workers,
            joining: Semaphore::new(self.joining as usize),
            has_audio: shared.audio.is_some(),
            has_video: !shared.video.is_empty(),
            is_meeting: self.meeting,
        })
    }

    fn tell(&self, report: &Report) -> anyhow::Result<ExitCode> {
        io::stdout().write_all(report.to_text().as_bytes())?;
        if let Some(file) = &self.json {
            let json = serde_json::to_string_pretty(&report.to_json())? + "\n";
            std::fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))?;
        }
        Ok(if report.has_any() { ExitCode::SUCCESS } else { ExitCode::from(NOT_JOINED) })
    }

    /// What was asked for, for the report.
    fn plan(&self) -> Value {
        json!({
            "server": self.url.to_string(), "rooms": self.rooms, "publishers": self.publishers,
            "subscribers": self.subscribers, "meeting": self.meeting, "video": self.video == VideoFormat::Vp8,
            "audio": self.audio, "simulcast": self.simulcast || self.media.len() > 1,
            "bitrate": self.bitrate.as_bps(), "durationMs": self.duration.as_millis(),
            "rampMs": self.ramp.as_millis(), "threads": self.threads,
        })
    }
}

/// Every participant has two sockets, and many systems start a process with a limit of 1,024 that it may raise itself.
fn raise_open_files_limit() {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
    // If that is refused, those who find no socket say so.
    let _ = setrlimit(Resource::Nofile, raised);
}
