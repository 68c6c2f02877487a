//! What forwarding costs a packet. `cargo bench -p moim-sfu`.

use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use moim_rtp::payload::PayloadFormat;
use moim_rtp::{ExtensionValues, Header};
use moim_sfu::{
    Config, EncodingSpec, Forwarder, GroupId, MediaPacket, OwnerId, Source, SubscriberSpec, TrackId,
    TrackSpec, Watch,
};
use moim_wire::{Bitrate, ExtSeqNo};
use std::time::{Duration, Instant};

fn main() {
    divan::main();
}

/// One packet of a picture in VP8 to so many slots: found out what it is, kept, and numbered for each. The time is that of each copy.
#[divan::bench(args = [1, 10, 100, 1_000])]
fn slots(bencher: Bencher<'_, '_>, slots: usize) {
    let mut camera = Camera::new(slots, 1);
    bencher.counter(ItemsCount::new(slots)).bench_local(|| camera.packet());
}

/// The same to ten slots, while the forwarder has so many more tracks with subscribers of their own.
#[divan::bench(args = [1, 10, 100])]
fn tracks(bencher: Bencher<'_, '_>, tracks: usize) {
    let mut camera = Camera::new(10, tracks);
    bencher.counter(ItemsCount::new(10_usize)).bench_local(|| camera.packet());
}

/// A look around, by subscribers that watch 25 cameras each and have a network for half of it. The time is that of each subscriber and round, ten looks.
#[divan::bench(args = [10, 100])]
fn upkeep(bencher: Bencher<'_, '_>, subscribers: usize) {
    let mut camera = Camera::new(0, 25);
    let tracks = camera.tracks.clone();
    for _ in 0..subscribers {
        let spec = SubscriberSpec { audio_slots: 3, video_slots: 25 };
        let id = camera.forwarder.add_subscriber(spec, camera.now).expect("room");
        for track in &tracks {
            camera.forwarder.subscribe(id, *track, Watch::default(), camera.now).expect("both are there");
        }
        camera.forwarder.set_target(id, Bitrate::from_kbps(6_000), camera.now).expect("it is there");
    }
    bencher.counter(ItemsCount::new(subscribers)).bench_local(|| {
        for _ in 0..10 {
            camera.now += Duration::from_millis(50);
            camera.forwarder.handle_timeout(camera.now);
            while camera.forwarder.poll_event().is_some() {}
        }
    });
}

struct Camera {
    forwarder: Forwarder,
    track: TrackId,
    tracks: Vec<TrackId>,
    now: Instant,
    packet: [u8; 1_100],
    seq: u64,
}

impl Camera {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    fn new(slots: usize, tracks: usize) -> Self {
        let now = Instant::now();
        let mut forwarder = Forwarder::new(Config::default(), [1; 32], now);
        let spec = TrackSpec {
            owner: OwnerId(1),
            group: GroupId(1),
            source: Source::Camera,
            format: PayloadFormat::Vp8,
            encodings: vec![EncodingSpec::default(); 3],
        };
        let tracks: Vec<_> = (0..tracks).map(|_| forwarder.add_track(&spec, now).expect("room")).collect();
        for track in &tracks {
            for _ in 0..slots {
                let spec = SubscriberSpec { audio_slots: 0, video_slots: 1 };
                let id = forwarder.add_subscriber(spec, now).expect("room");
                forwarder.subscribe(id, *track, Watch::default(), now).expect("both are there");
            }
        }
        let mut camera =
            Self { forwarder, track: tracks[0], tracks, now, packet: [0x5A; 1_100], seq: 1 << 16 };
        for _ in 0..2_000 {
            camera.packet();
        }
        camera
    }

    /// Three packets a picture, a key frame first.
    fn packet(&mut self) {
        let (picture, part) = (self.seq / 3, self.seq % 3);
        let is_first = self.seq == 1 << 16 || part == 0;
        let tag = u8::from(self.seq != 1 << 16);
        let [.., high, low] = (picture | 0x8000).to_be_bytes();
        self.packet[..2].copy_from_slice(&[0x80, if part == 2 { 0xE0 } else { 96 }]);
        self.packet[2..4].copy_from_slice(&((self.seq & 0xFFFF) as u16).to_be_bytes());
        self.packet[4..8].copy_from_slice(&(((picture * 3_000) & 0xFFFF_FFFF) as u32).to_be_bytes());
        self.packet[12..17].copy_from_slice(&[
            if is_first { 0x90 } else { 0x80 },
            0x80,
            high | 0x80,
            low,
            tag,
        ]);
        let header = Header::parse(&self.packet).expect("it is a packet");
        let media = MediaPacket {
            track: self.track,
            encoding: 0,
            header: &header,
            seq: ExtSeqNo(self.seq),
            extensions: &ExtensionValues::default(),
            packet: &self.packet,
            payload: &self.packet[12..],
        };
        self.seq += 1;
        self.now += Duration::from_millis(11);
        let _received = self.forwarder.receive(&media, self.now, &mut |forward| {
            black_box(&forward);
        });
    }
}
