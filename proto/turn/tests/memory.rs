//! How much memory an allocation takes, counting everything that the server keeps about it.

#![expect(unsafe_code, reason = "an allocator that counts is one")]

use moim_turn::testing::World;
use moim_turn::{Transport, testing::USERS};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// The bytes that this thread has in use: the test's own, without what its harness does meanwhile.
    static IN_USE: Cell<isize> = const { Cell::new(0) };
}

#[global_allocator]
static COUNTING: Counting = Counting;

struct Counting;

// SAFETY: everything is done by the system's allocator, whose contract is passed on as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

fn count(bytes: isize) {
    // While a thread ends there is nothing left to count with.
    let _ = IN_USE.try_with(|in_use| in_use.set(in_use.get() + bytes));
}

fn in_use() -> isize {
    IN_USE.get()
}

const LEN_MAX: isize = 2048;

/// With one peer, one channel and one permission, as a call has it. One test, so that nothing else allocates meanwhile.
#[test]
fn an_allocation_takes_little_and_a_stranger_nothing() {
    for allocations in [1_000, 10_000] {
        let mut world = World::default();
        // What libraries set up at their first use is not an allocation's.
        world.client("203.0.113.9:65535");
        let before = in_use();
        for port in 1..=allocations {
            world.client_by(Transport::Udp, &format!("203.0.113.9:{port}"), USERS[1]);
        }
        let for_strangers = in_use() - before;
        assert_eq!(for_strangers, 0);
        for port in 1..=allocations {
            let client = world.client(&format!("203.0.113.7:{port}"));
            world.allocate(&client);
            world.bind_channel(&client, 0x4000, "192.0.2.1:5000");
            drop(world.events());
        }

        let each = (in_use() - before) / allocations;

        println!("{each} bytes an allocation, of {allocations}");
        assert!(each <= LEN_MAX, "{each} bytes");
        let relays: Vec<_> = world.server.allocations(world.now.at).map(|view| view.id).collect();
        for id in relays {
            world.server.kick(id, world.now.at);
        }
        drop(world.events());
    }
}
