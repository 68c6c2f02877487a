//! Links that lose packets and links that are narrow.

use crate::probe::{arrived, lab, receive, send, udp, udp_at};
use moim_lab::{Change, Impairment, Lab, Topology};
use std::net::{SocketAddr, UdpSocket};

/// As many as fit in a socket's buffer.
const PACKETS: usize = 200;

struct World {
    lab: Lab,
    sockets: [UdpSocket; 2],
    addresses: [SocketAddr; 2],
}

impl World {
    /// Two hosts that know each other's router by now: what waits for a link address would not count as lost.
    fn new() -> Self {
        let lab = lab(Topology::new().host("server").host("anna"));
        let hosts = ["anna", "server"].map(|name| lab.host(name).unwrap());
        let addresses = hosts.clone().map(|host| SocketAddr::new(host.ipv4()[0].into(), 4000));
        let sockets = [udp(&hosts[0], 4000), udp_at(&hosts[1], addresses[1].ip(), 4000)];
        let world = Self { lab, sockets, addresses };
        world.flush();
        world
    }

    fn set(&mut self, link: Impairment) {
        self.lab.change(Change::Link { of: "anna".to_owned(), link }).unwrap();
    }

    /// Sends from one to the other.
    fn transfer(&self, from: usize, text: &str) {
        for _ in 0..PACKETS {
            send(&self.sockets[from], self.addresses[1 - from], text);
        }
    }

    /// What has arrived at each, up to a packet that is sent now.
    fn flush(&self) -> [Vec<String>; 2] {
        [0, 1].map(|to| {
            send(&self.sockets[1 - to], self.addresses[to], "last");
            let before = std::iter::repeat_with(|| receive(&self.sockets[to]).0);
            before.take_while(|text| text != "last").collect()
        })
    }
}

#[test]
fn about_as_many_packets_are_lost_as_asked_for_in_both_directions() {
    let mut world = World::new();
    world.set(Impairment { loss_per_mille: 500, ..Impairment::default() });
    world.transfer(0, "packet");
    world.transfer(1, "packet");
    world.set(Impairment::default());
    for count in world.flush().map(|packets| packets.len()) {
        // Seven standard deviations to each side.
        assert!((50..=150).contains(&count), "{count} of {PACKETS} arrived");
    }
}

#[test]
fn a_good_link_loses_nothing() {
    let world = World::new();
    world.transfer(0, "packet");
    world.transfer(1, "packet");
    assert_eq!(world.flush().map(|packets| packets.len()), [PACKETS; 2]);
}

#[test]
fn a_narrow_link_drops_what_comes_too_fast() {
    let mut world = World::new();
    world.set(Impairment { loss_per_mille: 0, rate_kbps: Some(1000), ..Impairment::default() });
    // 200 kB at once, over a link that carries 125 kB in a second and queues a tenth of one.
    world.transfer(0, &"x".repeat(1000));
    let count = arrived(&world.sockets[1]).len();
    assert!(count < PACKETS / 2, "{count} of {PACKETS} arrived");
}
