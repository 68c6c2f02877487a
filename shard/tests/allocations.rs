//! The way of packets allocates nothing once everything has the size that it needs.

#![expect(unsafe_code, reason = "an allocator that counts is one")]
#![expect(clippy::unwrap_used, reason = "what a test needs is there, or the test fails")]
#![expect(clippy::wildcard_enum_match_arm, reason = "a test picks out the messages it is about")]

#[path = "rooms/camera.rs"]
mod camera;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "rooms/client.rs"]
mod client;
#[expect(dead_code, reason = "other tests need more of it")]
#[path = "rooms/world.rs"]
mod world;

use client::Shape;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use world::{ALL, World};

thread_local! {
    /// What this thread has allocated so far.
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

#[test]
fn packets_allocate_nothing() {
    let mut world = World::new();
    world.join(Shape { encodings: 3, ..Shape::default() }, ALL);
    for _ in 0..9 {
        world.join(Shape { encodings: 0, ..Shape::default() }, ALL);
    }
    world.run_until(World::is_connected);
    world.pictures(300);
    world.meter = || ALLOCATIONS.get();
    let before = world.shard.counters().snapshot();

    world.pictures(300);

    let after = world.shard.counters().snapshot();
    let packets = usize::try_from(after.packets_out - before.packets_out).unwrap();
    assert!(packets > 10_000, "{packets}");
    // Checks of ICE, and what clients are told now and then: a packet in a hundred is more than there is of them in ten seconds.
    assert!(world.metered < packets / 100, "{} for {packets} packets", world.metered);
}
