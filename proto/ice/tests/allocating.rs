//! The way of data allocates nothing.

#![expect(unsafe_code, reason = "an allocator that counts is one")]

use moim_ice::{
    Agent, Config, ConnectionState, Event, GatheringState, Handled, IceRole, LocalAddress, Received,
    TRANSMIT_LEN_MAX,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

thread_local! {
    /// How often this thread has allocated: the test's own, without what its harness does meanwhile.
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

/// Both carry what the other says, at once.
struct Two {
    agents: [Agent; 2],
    now: Instant,
}

impl Two {
    #[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
    fn new() -> Self {
        let now = Instant::now();
        let agents = [IceRole::Controlling, IceRole::Controlled].map(|role| {
            let mut agent = Agent::new(Config { role, ..Config::default() }, [role as u8; 32], now);
            agent.add_local_address(LocalAddress::udp(address(role as u8)), now).expect("there is room");
            agent.gather(now);
            agent
        });
        let mut two = Self { agents, now };
        for one in 0..2 {
            let credentials = two.agents[one].local_credentials().clone();
            two.agents[1 - one].set_remote(credentials, false, now);
        }
        two
    }

    fn step(&mut self) {
        let mut out = [0; TRANSMIT_LEN_MAX];
        for one in 0..2 {
            while let Some(event) = self.agents[one].poll_event() {
                let other = &mut self.agents[1 - one];
                if let Event::LocalCandidate(candidate) = event {
                    other.add_remote_candidate(candidate, self.now).expect("it is usable");
                } else if event == Event::GatheringState(GatheringState::Complete) {
                    other.end_of_remote_candidates(self.now);
                }
            }
            while let Some(transmit) = self.agents[one].poll_transmit(&mut out) {
                let (local, remote, protocol) = (transmit.remote, transmit.local, transmit.protocol);
                let received = Received { local, remote, protocol, bytes: &out[..transmit.len] };
                assert_eq!(self.agents[1 - one].handle_input(received, self.now), Handled::Taken);
            }
            self.agents[one].handle_timeout(self.now);
        }
        self.now += Duration::from_millis(5);
    }
}

fn address(number: u8) -> SocketAddr {
    SocketAddr::new([192, 0, 2, 1 + number].into(), 5_000)
}

#[test]
fn a_packet_costs_no_allocation() {
    let mut two = Two::new();
    for _ in 0..1_000 {
        two.step();
    }
    assert!(two.agents.iter().all(|agent| agent.connection_state() == ConnectionState::Completed));
    let mut packet = [0x80; 1_100];
    let before = ALLOCATIONS.get();

    for _ in 0..1_000 {
        let now = two.now;
        let [one, other] = &mut two.agents;
        let path = one.selected().expect("it is connected");
        let route = one.route(path).expect("what is selected has a route");
        let len = route.prefix.wrap(&mut packet, 1_100).expect("there is room");
        let (local, remote, protocol) = (route.remote, route.local, route.protocol);
        one.data_sent(path, 1_100, now);
        let handled = other.handle_input(Received { local, remote, protocol, bytes: &packet[..len] }, now);
        let Handled::Data { path, range } = handled else { panic!("{handled:?}") };
        other.data_received(path, range.len(), now);
        assert!(other.poll_timeout().is_some() && other.poll_event().is_none());
    }

    assert_eq!(ALLOCATIONS.get() - before, 0);
}
