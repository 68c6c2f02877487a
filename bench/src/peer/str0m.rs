//! str0m, in its RTP mode.

use super::{PAYLOAD_LEN, Pair, allocation};
use anyhow::{Context, Result};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use str0m::bwe::Bitrate;
use str0m::media::{Direction, MediaKind, Mid, Pt};
use str0m::net::{Protocol, Receive};
use str0m::rtp::{RtpWrite, SeqNo};
use str0m::{Candidate, Event, Input, Output, Rtc};

type Wire = VecDeque<Vec<u8>>;

pub(super) struct Str0mPair {
    ends: [Rtc; 2],
    start: Instant,
    there: Wire,
    back: Wire,
    /// When each end wants to be called again.
    due: [Instant; 2],
    streams: Vec<(Mid, Pt, u64)>,
    turn: usize,
    timestamp: u32,
    payload: Arc<[u8]>,
}

fn addresses() -> [SocketAddr; 2] {
    [1, 2].map(|host| SocketAddr::from(([10, 0, 0, host], 5000)))
}

/// Takes out what there is; media packets that came are counted.
fn poll(rtc: &mut Rtc, wire: &mut Wire, due: &mut Instant) -> Result<usize> {
    let mut media = 0;
    loop {
        match rtc.poll_output()? {
            Output::Timeout(at) => {
                *due = at;
                return Ok(media);
            }
            Output::Transmit(transmit) => wire.push_back(transmit.contents.into()),
            Output::Event(Event::RtpPacket(_)) => media += 1,
            Output::Event(_) => {}
        }
    }
}

fn give(
    rtc: &mut Rtc,
    wire: &mut Wire,
    back: &mut Wire,
    due: &mut Instant,
    way: [SocketAddr; 2],
    now: Instant,
) -> Result<usize> {
    let mut media = 0;
    while let Some(packet) = wire.pop_front() {
        let receive = Receive::new(Protocol::Udp, way[0], way[1], &packet)?;
        rtc.handle_input(Input::Receive(now, receive))?;
        media += poll(rtc, back, due)?;
    }
    Ok(media)
}

impl Str0mPair {
    fn introduced(estimates: bool, prepare: impl FnOnce(&mut str0m::change::SdpApi<'_>)) -> Result<Self> {
        let start = Instant::now();
        let rtc = |number: usize| -> Result<Rtc> {
            let mut config = Rtc::builder().set_rtp_mode(true);
            if estimates {
                config = config.enable_bwe(Some(Bitrate::mbps(400)));
            }
            let mut rtc = config.build(start);
            rtc.add_local_candidate(Candidate::host(addresses()[number], "udp")?);
            Ok(rtc)
        };
        let mut ends = [rtc(0)?, rtc(1)?];
        let [one, other] = &mut ends;
        let mut change = one.sdp_api();
        prepare(&mut change);
        let (offer, pending) = change.apply().context("nothing to offer")?;
        let answer = other.sdp_api().accept_offer(offer)?;
        one.sdp_api().accept_answer(pending, answer)?;
        let mut pair = Self {
            ends,
            start,
            there: Wire::new(),
            back: Wire::new(),
            due: [start; 2],
            streams: Vec::new(),
            turn: 0,
            timestamp: 0,
            payload: vec![7; PAYLOAD_LEN].into(),
        };
        for millisecond in 0..3_000 {
            let now = Duration::from_millis(millisecond);
            pair.step(now)?;
            if pair.ends.iter().all(Rtc::is_connected) {
                // Candidates of both are in the descriptions; what is left of the handshake follows.
                for rest in 1..50 {
                    pair.step(now + Duration::from_millis(rest))?;
                }
                return Ok(pair);
            }
        }
        anyhow::bail!("str0m is not connected")
    }

    fn step(&mut self, now: Duration) -> Result<()> {
        let now = self.start + now;
        let [one, other] = addresses();
        let [sender, receiver] = &mut self.ends;
        let [sender_due, receiver_due] = &mut self.due;
        sender.handle_input(Input::Timeout(now))?;
        poll(sender, &mut self.there, sender_due)?;
        receiver.handle_input(Input::Timeout(now))?;
        poll(receiver, &mut self.back, receiver_due)?;
        give(receiver, &mut self.there, &mut self.back, receiver_due, [one, other], now)?;
        give(sender, &mut self.back, &mut self.there, sender_due, [other, one], now)?;
        Ok(())
    }
}

impl Pair for Str0mPair {
    fn connect(streams: usize, estimates: bool) -> Result<Self> {
        let mut mids = Vec::new();
        let mut pair = Self::introduced(estimates, |change| {
            for _ in 0..streams {
                mids.push(change.add_media(MediaKind::Video, Direction::SendOnly, None, None, None));
            }
        })?;
        if estimates {
            pair.ends[0].bwe().set_bitrate(Bitrate::mbps(90), Bitrate::mbps(400));
        }
        for mid in mids {
            let media = pair.ends[0].media(mid).context("no media")?;
            let pt = *media.remote_pts().first().context("no payload type")?;
            pair.streams.push((mid, pt, 1_000));
        }
        Ok(pair)
    }

    fn send(&mut self, packets: usize, now: Duration) -> usize {
        let now = self.start + now;
        let [one, other] = addresses();
        let sender = &mut self.ends[0];
        give(sender, &mut self.back, &mut self.there, &mut self.due[0], [other, one], now).expect("feedback");
        if self.due[0] <= now {
            sender.handle_input(Input::Timeout(now)).expect("time");
            poll(sender, &mut self.there, &mut self.due[0]).expect("output");
        }
        for _ in 0..packets {
            let count = self.streams.len();
            let (mid, pt, seq) = &mut self.streams[self.turn % count];
            self.turn += 1;
            self.timestamp = self.timestamp.wrapping_add(9);
            let seq_no: SeqNo = (*seq).into();
            *seq += 1;
            let write = RtpWrite::new(*pt, seq_no, self.timestamp, now, Arc::clone(&self.payload))
                .marker(true)
                .nackable(true);
            sender.direct_api().stream_tx_by_mid(*mid, None).expect("a stream").write_rtp(write);
            poll(sender, &mut self.there, &mut self.due[0]).expect("output");
        }
        // Its pacer hands out a packet at a time: it is called as often as it wants to be within the millisecond.
        let end = now + Duration::from_millis(1);
        for _ in 0..4 * packets {
            let due = self.due[0];
            if due >= end {
                break;
            }
            sender.handle_input(Input::Timeout(due.max(now))).expect("time");
            poll(sender, &mut self.there, &mut self.due[0]).expect("output");
        }
        self.there.len()
    }

    fn receive(&mut self, now: Duration) -> usize {
        let now = self.start + now;
        let receiver = &mut self.ends[1];
        let media = give(receiver, &mut self.there, &mut self.back, &mut self.due[1], addresses(), now);
        if self.due[1] <= now {
            receiver.handle_input(Input::Timeout(now)).expect("time");
            poll(receiver, &mut self.back, &mut self.due[1]).expect("output");
        }
        media.expect("packets")
    }
}

fn with_everything(change: &mut str0m::change::SdpApi<'_>) {
    for kind in [MediaKind::Audio, MediaKind::Video] {
        change.add_media(kind, Direction::SendRecv, None, None, None);
    }
    change.add_channel("data".to_owned());
}

/// How many connections come about in a second.
pub(super) fn handshakes(count: usize) -> Result<f64> {
    let begin = Instant::now();
    for _ in 0..count {
        Str0mPair::introduced(true, with_everything)?;
    }
    Ok(count as f64 / begin.elapsed().as_secs_f64())
}

/// What a connection takes, in KiB.
pub(super) fn memory() -> Result<f64> {
    const PAIRS: usize = 20;
    let mut pairs = Vec::with_capacity(PAIRS);
    let before = allocation::live_bytes();
    for _ in 0..PAIRS {
        let mut pair = Str0mPair::introduced(true, with_everything)?;
        for millisecond in 0..2_000 {
            pair.step(Duration::from_millis(3_000 + millisecond))?;
        }
        (pair.there, pair.back) = (Wire::new(), Wire::new());
        pairs.push(pair);
    }
    let bytes = allocation::live_bytes() - before;
    let inside = size_of::<Rtc>() as f64;
    Ok((bytes as f64 / (2 * PAIRS) as f64 + inside) / 1024.0)
}
