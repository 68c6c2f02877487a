//! aiortc, a WebRTC stack in Python with an ICE and a TURN client of its own.

use crate::moim::PORT;
use crate::server::{PASSWORD, USER, World};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/interop/aiortc_relay.py");
/// Debian's own, for which its package of aiortc is.
const PYTHON: &str = "/usr/bin/python3";

fn exchanges(world: &World, url: &str) {
    let output = world.client(PYTHON).args([SCRIPT, url, USER, PASSWORD]).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "50", "{url}: {complaint}");
}

#[test]
fn a_data_channel_through_the_relay_alone() {
    let world = World::internal();
    for query in [
        "turn:server.test:PORT?transport=udp",
        "turn:server.test:PORT?transport=tcp",
        "turns:server.test:PORT",
    ] {
        exchanges(&world, &query.replace("PORT", PORT));
    }
}
