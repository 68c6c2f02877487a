use crate::source::{Due, Source};
use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use std::io::{BufRead, ErrorKind, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc::{self, Receiver, TryRecvError};
use std::time::{Duration, Instant};
use str0m::change::{SdpAnswer, SdpOffer, SdpPendingOffer};
use str0m::channel::ChannelId;
use str0m::media::{Direction, Frequency, MediaKind, MediaTime, Mid};
use str0m::net::{Protocol, Receive};
use str0m::{Candidate, Event, Input, Output, Rtc};

const REPORT_INTERVAL: Duration = Duration::from_millis(500);
/// How soon a line on standard input is looked at.
const PATIENCE: Duration = Duration::from_millis(20);

#[derive(Clone, Copy)]
pub(crate) enum Role {
    Offer,
    Answer,
}

#[derive(Default)]
struct Counts {
    video: u64,
    audio: u64,
    messages: u64,
}

/// str0m's connection, and everything around it.
pub(crate) struct Partner {
    rtc: Rtc,
    socket: UdpSocket,
    address: SocketAddr,
    lines: Receiver<Value>,
    pending: Option<SdpPendingOffer>,
    /// The channel that this side opened, whose messages come back as an echo.
    own_channel: Option<ChannelId>,
    audio: Option<Mid>,
    video: Option<Mid>,
    source: Source,
    counts: Counts,
    report_at: Instant,
    is_connected: bool,
}

impl Partner {
    pub(crate) fn new(role: Role, address: IpAddr) -> Result<Self> {
        let now = Instant::now();
        let socket = UdpSocket::bind((address, 0))?;
        let address = socket.local_addr()?;
        let mut rtc = Rtc::new(now);
        rtc.add_local_candidate(Candidate::host(address, "udp")?);
        let mut partner = Self {
            rtc,
            socket,
            address,
            lines: read_lines(),
            pending: None,
            own_channel: None,
            audio: None,
            video: None,
            source: Source::new(now)?,
            counts: Counts::default(),
            report_at: now + REPORT_INTERVAL,
            is_connected: false,
        };
        if matches!(role, Role::Offer) {
            partner.offer()?;
        }
        Ok(partner)
    }

    fn offer(&mut self) -> Result<()> {
        let mut changes = self.rtc.sdp_api();
        self.audio = Some(changes.add_media(MediaKind::Audio, Direction::SendRecv, None, None, None));
        self.video = Some(changes.add_media(MediaKind::Video, Direction::SendRecv, None, None, None));
        self.own_channel = Some(changes.add_channel("partner".to_owned()));
        let (offer, pending) = changes.apply().context("there is something to offer")?;
        self.pending = Some(pending);
        say(&json!({ "type": "offer", "sdp": offer.to_sdp_string() }))
    }

    /// Goes on until it is told to stop.
    pub(crate) fn run(mut self) -> Result<()> {
        let mut buffer = vec![0; 2_000];
        loop {
            match self.lines.try_recv() {
                Ok(line) if line["type"] == "stop" => return Ok(()),
                Ok(line) => self.handle_line(&line)?,
                Err(TryRecvError::Disconnected) => return Ok(()),
                Err(TryRecvError::Empty) => {}
            }
            self.send_media()?;
            self.report()?;
            let deadline = self.drain()?;
            self.wait(&mut buffer, deadline)?;
        }
    }

    fn handle_line(&mut self, line: &Value) -> Result<()> {
        let sdp = line["sdp"].as_str().unwrap_or_default();
        match line["type"].as_str() {
            Some("offer") => {
                let answer = self.rtc.sdp_api().accept_offer(SdpOffer::from_sdp_string(sdp)?)?;
                say(&json!({ "type": "answer", "sdp": answer.to_sdp_string() }))
            }
            Some("answer") => {
                let pending = self.pending.take().context("an answer to no offer")?;
                Ok(self.rtc.sdp_api().accept_answer(pending, SdpAnswer::from_sdp_string(sdp)?)?)
            }
            Some("candidate") => {
                // One that it does not understand is none of the others' business.
                match Candidate::from_sdp_string(line["candidate"].as_str().unwrap_or_default()) {
                    Ok(candidate) => self.rtc.add_remote_candidate(candidate),
                    Err(error) => say(&json!({ "type": "refused", "error": error.to_string() }))?,
                }
                Ok(())
            }
            _ => bail!("an unknown line: {line}"),
        }
    }

    fn send_media(&mut self) -> Result<()> {
        let now = Instant::now();
        while let Some(due) = self.source.next(now)? {
            let (mid, time, data) = match due {
                Due::Video(data, at) => (self.video, MediaTime::new(at, Frequency::NINETY_KHZ), data),
                Due::Audio(data, at) => (self.audio, MediaTime::new(at, Frequency::FORTY_EIGHT_KHZ), data),
            };
            // Before anybody listens, it is as with any live source: gone.
            if !self.is_connected {
                self.source.request_key_frame();
                continue;
            }
            let Some(writer) = mid.and_then(|mid| self.rtc.writer(mid)) else { continue };
            // VP8 and Opus are what str0m prefers, and what the source makes.
            let payload_type = writer.payload_params().next().map(str0m::format::PayloadParams::pt);
            if let Some(payload_type) = payload_type {
                writer.write(payload_type, now, time, data)?;
            }
        }
        Ok(())
    }

    fn report(&mut self) -> Result<()> {
        let now = Instant::now();
        if now < self.report_at {
            return Ok(());
        }
        self.report_at = now + REPORT_INTERVAL;
        let Counts { video, audio, messages } = self.counts;
        say(&json!({ "type": "counts", "video": video, "audio": audio, "messages": messages }))
    }

    /// Does all there is to do. Returns when there is more.
    fn drain(&mut self) -> Result<Instant> {
        loop {
            match self.rtc.poll_output()? {
                Output::Timeout(at) => return Ok(at),
                // What cannot be sent is lost, as it may be on its way.
                Output::Transmit(transmit) => {
                    let _ = self.socket.send_to(&transmit.contents, transmit.destination);
                }
                Output::Event(event) => self.handle_event(event)?,
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "events of no interest here are many")]
    fn handle_event(&mut self, event: Event) -> Result<()> {
        match event {
            Event::Connected => {
                self.is_connected = true;
                say(&json!({ "type": "state", "state": "connected" }))?;
            }
            Event::MediaAdded(added) => match added.kind {
                MediaKind::Audio => self.audio = Some(added.mid),
                MediaKind::Video => self.video = Some(added.mid),
            },
            Event::MediaData(data) => {
                let is_video = Some(data.mid) == self.video;
                *(if is_video { &mut self.counts.video } else { &mut self.counts.audio }) += 1;
            }
            Event::KeyframeRequest(_) => self.source.request_key_frame(),
            Event::ChannelOpen(id, _) if self.own_channel == Some(id) => self.write(id, b"hello")?,
            Event::ChannelData(data) => {
                self.counts.messages += 1;
                if self.own_channel != Some(data.id) {
                    self.write(data.id, &data.data)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn write(&mut self, id: ChannelId, message: &[u8]) -> Result<()> {
        if let Some(mut channel) = self.rtc.channel(id) {
            channel.write(false, message)?;
        }
        Ok(())
    }

    fn wait(&mut self, buffer: &mut [u8], deadline: Instant) -> Result<()> {
        let now = Instant::now();
        let until = deadline.min(self.source.next_at()).min(now + PATIENCE);
        let wait = until.saturating_duration_since(now).max(Duration::from_millis(1));
        self.socket.set_read_timeout(Some(wait))?;
        match self.socket.recv_from(buffer) {
            Ok((len, source)) => {
                let Ok(contents) = buffer[..len].try_into() else { return Ok(()) };
                let receive = Receive { proto: Protocol::Udp, source, destination: self.address, contents };
                self.rtc.handle_input(Input::Receive(Instant::now(), receive))?;
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                self.rtc.handle_input(Input::Timeout(Instant::now()))?;
            }
            // What an ICMP message says of a destination is no reason to stop.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn read_lines() -> Receiver<Value> {
    let (sender, lines) = mpsc::sync_channel(64);
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let Ok(line) = serde_json::from_str(&line) else { continue };
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

fn say(line: &Value) -> Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
