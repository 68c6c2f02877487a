//! A forwarder made of str0m in its RTP mode: the least that forwards a track, written for the comparison. It has no layers, no ring and no allocator.

use super::{PAYLOAD_LEN, PICTURE_PACKETS, Parts, Server};
use anyhow::{Context, Result};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpPacket, RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc};

/// How long a handshake may take, in milliseconds of the time that is told.
const CONNECT_MS_MAX: u64 = 3_000;

/// A room in memory.
pub(super) struct Room {
    start: Instant,
    cameras: Vec<Camera>,
    subscribers: Vec<Subscriber>,
    packets: Vec<(usize, RtpPacket)>,
    pictures: u32,
}

struct Camera {
    client: Rtc,
    server: Rtc,
    section: (Mid, Pt),
    seq: u64,
    wire: VecDeque<Vec<u8>>,
}

struct Subscriber {
    rtc: Rtc,
    due: Instant,
    sections: Vec<(Mid, Pt, u64)>,
}

fn addresses() -> [SocketAddr; 2] {
    [1, 2].map(|host| SocketAddr::from(([10, 0, 0, host], 5000)))
}

/// Takes out what there is. Says when it wants to be called again.
fn poll(rtc: &mut Rtc, mut wire: impl FnMut(Vec<u8>), mut media: impl FnMut(RtpPacket)) -> Result<Instant> {
    loop {
        match rtc.poll_output()? {
            Output::Timeout(at) => return Ok(at),
            Output::Transmit(transmit) => wire(transmit.contents.into()),
            Output::Event(Event::RtpPacket(packet)) => media(packet),
            Output::Event(_) => {}
        }
    }
}

fn give(rtc: &mut Rtc, bytes: &[u8], [from, to]: [SocketAddr; 2], now: Instant) -> Result<()> {
    rtc.handle_input(Input::Receive(now, Receive::new(Protocol::Udp, from, to, bytes)?))?;
    Ok(())
}

/// Both ends of a connection, and the sections that were offered.
struct Link {
    client: Rtc,
    server: Rtc,
    mids: Vec<Mid>,
}

/// A client that offers so many sections, connected with the server.
fn connect(sections: usize, direction: Direction, start: Instant) -> Result<Link> {
    let rtc = |number: usize| -> Result<Rtc> {
        let mut rtc = Rtc::builder().set_rtp_mode(true).build(start);
        rtc.add_local_candidate(Candidate::host(addresses()[number], "udp")?);
        Ok(rtc)
    };
    let (mut client, mut server) = (rtc(0)?, rtc(1)?);
    let mut change = client.sdp_api();
    let mids =
        (0..sections).map(|_| change.add_media(MediaKind::Video, direction, None, None, None)).collect();
    let (offer, pending) = change.apply().context("nothing to offer")?;
    let answer = server.sdp_api().accept_offer(offer)?;
    client.sdp_api().accept_answer(pending, answer)?;
    let [one, other] = addresses();
    let mut left = 50;
    let (mut there, mut back) = (VecDeque::new(), VecDeque::new());
    for millisecond in 0..CONNECT_MS_MAX {
        let now = start + Duration::from_millis(millisecond);
        client.handle_input(Input::Timeout(now))?;
        poll(&mut client, |bytes| there.push_back(bytes), |_| {})?;
        server.handle_input(Input::Timeout(now))?;
        poll(&mut server, |bytes| back.push_back(bytes), |_| {})?;
        while let Some(bytes) = there.pop_front() {
            give(&mut server, &bytes, [one, other], now)?;
            poll(&mut server, |bytes| back.push_back(bytes), |_| {})?;
        }
        while let Some(bytes) = back.pop_front() {
            give(&mut client, &bytes, [other, one], now)?;
            poll(&mut client, |bytes| there.push_back(bytes), |_| {})?;
        }
        // What is left of the handshake follows.
        left -= u64::from(client.is_connected() && server.is_connected());
        if left == 0 {
            return Ok(Link { client, server, mids });
        }
    }
    anyhow::bail!("str0m is not connected")
}

fn section(rtc: &Rtc, mid: Mid) -> Result<(Mid, Pt)> {
    let media = rtc.media(mid).context("no media")?;
    Ok((mid, *media.remote_pts().first().context("no payload type")?))
}

impl Server for Room {
    fn connect(tracks: usize, subscribers: usize) -> Result<Self> {
        let start = Instant::now();
        let cameras = (0..tracks).map(|_| {
            let Link { client, server, mids } = connect(1, Direction::SendOnly, start)?;
            let section = section(&client, *mids.first().context("a section was added")?)?;
            Ok(Camera { client, server, section, seq: 1_000, wire: VecDeque::new() })
        });
        let cameras = cameras.collect::<Result<Vec<_>>>()?;
        let subscribers = (0..subscribers).map(|_| {
            let Link { server: rtc, mids, .. } = connect(tracks, Direction::RecvOnly, start)?;
            let sections = mids.into_iter().map(|mid| {
                let (mid, pt) = section(&rtc, mid)?;
                Ok((mid, pt, 1_000))
            });
            let sections = sections.collect::<Result<Vec<_>>>()?;
            Ok(Subscriber { rtc, due: start, sections })
        });
        let subscribers = subscribers.collect::<Result<Vec<_>>>()?;
        Ok(Self { start, cameras, subscribers, packets: Vec::new(), pictures: 0 })
    }

    fn picture(&mut self, at: Duration, parts: &mut Parts) -> Result<usize> {
        let now = self.start + at;
        self.pictures += 1;
        self.packets.clear();
        for (index, camera) in self.cameras.iter_mut().enumerate() {
            camera.send(self.pictures, now)?;
            let packets = &mut self.packets;
            let mut result = Ok(());
            parts.receive.add(|| {
                let before = packets.len();
                result = camera.receive(now, |packet| packets.push((index, packet)));
                packets.len() - before
            });
            result?;
        }
        let (mut left, mut result) = (0, Ok(()));
        // Sending is one thing here: what is written leaves at once.
        parts.transmit.add(|| {
            result = self.forward(now, &mut left).and_then(|()| self.drain(now, &mut left));
            left
        });
        result?;
        for side in [&mut parts.route, &mut parts.queue] {
            side.add(|| left);
        }
        let mut result = Ok(());
        parts.upkeep.add(|| {
            result = self.upkeep(now);
            left
        });
        result?;
        Ok(left)
    }
}

impl Camera {
    fn send(&mut self, picture: u32, now: Instant) -> Result<()> {
        let (mid, pt) = self.section;
        let wire = &mut self.wire;
        self.client.handle_input(Input::Timeout(now))?;
        poll(&mut self.client, |bytes| wire.push_back(bytes), |_| {})?;
        let payload: Arc<[u8]> = vec![7; PAYLOAD_LEN].into();
        for part in 0..PICTURE_PACKETS {
            let seq: SeqNo = self.seq.into();
            self.seq += 1;
            let write = RtpWrite::new(pt, seq, picture * 4_230, now, Arc::clone(&payload))
                .marker(part + 1 == PICTURE_PACKETS)
                .nackable(true);
            let mut api = self.client.direct_api();
            api.stream_tx_by_mid(mid, None).context("a stream")?.write_rtp(write);
            let wire = &mut self.wire;
            let mut due = poll(&mut self.client, |bytes| wire.push_back(bytes), |_| {})?;
            for _ in 0..4 {
                if due > now {
                    break;
                }
                self.client.handle_input(Input::Timeout(now))?;
                due = poll(&mut self.client, |bytes| wire.push_back(bytes), |_| {})?;
            }
        }
        Ok(())
    }

    fn receive(&mut self, now: Instant, mut media: impl FnMut(RtpPacket)) -> Result<()> {
        while let Some(bytes) = self.wire.pop_front() {
            give(&mut self.server, &bytes, addresses(), now)?;
            poll(&mut self.server, |_| {}, &mut media)?;
        }
        Ok(())
    }
}

impl Room {
    fn forward(&mut self, now: Instant, left: &mut usize) -> Result<()> {
        for subscriber in &mut self.subscribers {
            for (camera, packet) in &self.packets {
                let (mid, pt, seq) = &mut subscriber.sections[*camera];
                let seq_no: SeqNo = (*seq).into();
                *seq += 1;
                let write =
                    RtpWrite::new(*pt, seq_no, packet.header.timestamp, now, Arc::clone(&packet.payload))
                        .marker(packet.header.marker)
                        .nackable(true);
                let mut api = subscriber.rtc.direct_api();
                api.stream_tx_by_mid(*mid, None).context("a stream")?.write_rtp(write);
            }
            let count = |bytes: Vec<u8>| *left += usize::from(bytes.len() > PAYLOAD_LEN);
            subscriber.due = poll(&mut subscriber.rtc, count, |_| {})?;
        }
        Ok(())
    }

    /// Its pacer hands out a packet at a time: it is called as often as it wants to be.
    fn drain(&mut self, now: Instant, left: &mut usize) -> Result<()> {
        let limit = 4 * PICTURE_PACKETS * self.cameras.len();
        for subscriber in &mut self.subscribers {
            for _ in 0..limit {
                if subscriber.due > now {
                    break;
                }
                subscriber.rtc.handle_input(Input::Timeout(now))?;
                let count = |bytes: Vec<u8>| *left += usize::from(bytes.len() > PAYLOAD_LEN);
                subscriber.due = poll(&mut subscriber.rtc, count, |_| {})?;
            }
        }
        Ok(())
    }

    fn upkeep(&mut self, now: Instant) -> Result<()> {
        for camera in &mut self.cameras {
            camera.server.handle_input(Input::Timeout(now))?;
            poll(&mut camera.server, |_| {}, |_| {})?;
        }
        Ok(())
    }
}
