//! The way of a packet allocates nothing once rings have grown to the rate.

#![expect(unsafe_code, reason = "an allocator that counts is one")]

use moim_rtp::payload::PayloadFormat;
use moim_rtp::{ExtensionValues, Header};
use moim_sfu::{
    Config, EncodingSpec, Forwarder, GroupId, MediaPacket, OwnerId, Source, SubscriberSpec, TrackId,
    TrackSpec, Watch,
};
use moim_wire::ExtSeqNo;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::{Duration, Instant};

thread_local! {
    /// What this thread has allocated so far: the test's own, without what its harness does meanwhile.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

// SAFETY: everything is done by the system's allocator, whose contract is passed on as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // While a thread ends there is nothing left to count with.
        let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

/// A camera in VP8, three packets a picture.
struct Camera {
    forwarder: Forwarder,
    track: TrackId,
    now: Instant,
    seq: u64,
    picture: u16,
    forwarded: usize,
}

impl Camera {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
    fn new(subscribers: usize) -> Self {
        let now = Instant::now();
        let mut forwarder = Forwarder::new(Config::default(), [1; 32], now);
        let spec = TrackSpec {
            owner: OwnerId(1),
            group: GroupId(1),
            source: Source::Camera,
            format: PayloadFormat::Vp8,
            encodings: vec![EncodingSpec::default()],
        };
        let track = forwarder.add_track(&spec, now).expect("room");
        for _ in 0..subscribers {
            let slots = SubscriberSpec { audio_slots: 1, video_slots: 2 };
            let id = forwarder.add_subscriber(slots, now).expect("room");
            forwarder.subscribe(id, track, Watch::default(), now).expect("both are there");
        }
        Self { forwarder, track, now, seq: 1 << 16, picture: 0, forwarded: 0 }
    }

    /// A picture is forwarded to all, events are polled, and time passes.
    fn picture(&mut self) {
        self.picture += 1;
        for part in 0..3 {
            self.packet(part);
        }
        self.now += Duration::from_millis(33);
        self.forwarder.handle_timeout(self.now);
        while self.forwarder.poll_event().is_some() {}
    }

    fn packet(&mut self, part: u8) {
        let [high, low] = (self.picture | 0x8000).to_be_bytes();
        // Every hundredth is a key frame.
        let tag = u8::from(self.picture % 100 != 1);
        let mut packet = [0x5A; 1_100];
        packet[..2].copy_from_slice(&[0x80, if part == 2 { 0xE0 } else { 96 }]);
        packet[2..4].copy_from_slice(&((self.seq & 0xFFFF) as u16).to_be_bytes());
        packet[4..8].copy_from_slice(&(u32::from(self.picture) * 3_000).to_be_bytes());
        packet[12..17].copy_from_slice(&[if part == 0 { 0x90 } else { 0x80 }, 0x80, high, low, tag]);
        let header = Header::parse(&packet).expect("it is a packet");
        let media = MediaPacket {
            track: self.track,
            encoding: 0,
            header: &header,
            seq: ExtSeqNo(self.seq),
            extensions: &ExtensionValues::default(),
            packet: &packet,
            payload: &packet[12..],
        };
        self.seq += 1;
        let forwarded = &mut self.forwarded;
        self.forwarder.receive(&media, self.now, &mut |_| *forwarded += 1).expect("it can be read");
    }
}

#[test]
fn packets_allocate_nothing() {
    for subscribers in [1, 10, 100] {
        let mut camera = Camera::new(subscribers);
        for _ in 0..300 {
            camera.picture();
        }
        let (before, forwarded) = (ALLOCATIONS.get(), camera.forwarded);
        for _ in 0..500 {
            camera.picture();
        }
        let allocations = ALLOCATIONS.get() - before;

        assert_eq!(camera.forwarded - forwarded, 500 * 3 * subscribers);
        assert_eq!(allocations, 0, "{subscribers} subscribers");
    }
}
