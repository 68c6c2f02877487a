//! Audio, video and messages both ways, with each of the partners, offering and answering. See `README.md`.

#![expect(clippy::unwrap_used, reason = "a failure of the helpers is a failure of the test")]
#![expect(clippy::print_stdout, reason = "what happened is shown when a test fails")]

mod broadcast;
#[path = "../../../lab/tests/support/moim.rs"]
mod moim;
mod ours;
mod partner;

use moim_lab::{Lab, Topology};
use ours::{Ours, Role};
use partner::{Counts, Partner};

/// What has to arrive at either end.
const ENOUGH: Counts = Counts { video: 40, audio: 100, messages: 1 };

/// Two hosts on one network, and nothing in between.
fn meet(partner: Partner, role: Role) {
    let topology = Topology::new().host("ours").host("theirs");
    let lab = Lab::up(topology).unwrap_or_else(|error| panic!("{error:#}"));
    let theirs = partner.start(&lab.host("theirs").unwrap(), role.other());
    let folder = tempfile::tempdir().unwrap();
    let host = lab.host("ours").unwrap();
    let outcome = host.enter(|| Ours::new(role, folder.path()).exchange(theirs, ENOUGH)).unwrap();

    println!("{outcome}");
    assert!(outcome.received.reaches(ENOUGH), "{partner:?}, {role:?}: we received {outcome}");
    assert!(outcome.sent.reaches(ENOUGH), "{partner:?}, {role:?}: they received {outcome}");
    let decoded = ours::decode(&outcome.video);
    assert!(decoded >= u64::from(ENOUGH.video), "ffmpeg decoded {decoded} pictures of {outcome}");
}

#[test]
fn str0m_answers() {
    meet(Partner::Str0m, Role::Offerer);
}

#[test]
fn str0m_offers() {
    meet(Partner::Str0m, Role::Answerer);
}

#[test]
fn aiortc_answers() {
    meet(Partner::Aiortc, Role::Offerer);
}

#[test]
fn aiortc_offers() {
    meet(Partner::Aiortc, Role::Answerer);
}

#[test]
fn gstreamer_answers() {
    meet(Partner::Gstreamer, Role::Offerer);
}

#[test]
fn gstreamer_offers() {
    meet(Partner::Gstreamer, Role::Answerer);
}

#[test]
fn libwebrtc_answers() {
    meet(Partner::Libwebrtc, Role::Offerer);
}

#[test]
fn libwebrtc_offers() {
    meet(Partner::Libwebrtc, Role::Answerer);
}
