//! Two connections, and a stranger on the way who changes, repeats and makes up datagrams as bytes say: the fuzz target
//! `peer_datagram`, and its replay.

use super::world::{Link, World, config};
use moim_peer::{Config, PeerConnectionState};
use std::time::Duration;

/// The longest life: as many doings.
const DOINGS_MAX: usize = 200;
/// As many bytes say what is changed in the INITs of SCTP that descriptions tell.
const CHANGES_LEN: usize = 6;

/// Lives through what `bytes` say.
///
/// # Panics
/// If a connection does what it must never do.
pub(crate) fn live(bytes: &[u8]) {
    let (first, rest) = bytes.split_first().unwrap_or((&0, &[]));
    let uses_drafts = first & 0x80 != 0;
    let with_drafts = || Config { snap: uses_drafts, sped: uses_drafts, ..config() };
    let mut world = World::with(with_drafts(), with_drafts());
    world.link = Link { delay: Duration::from_millis(5), ..Link::default() };
    world.add_media(0);
    let (changes, mut rest) =
        if uses_drafts { rest.split_at(rest.len().min(CHANGES_LEN)) } else { (&[][..], rest) };
    world.negotiate_through(usize::from(first & 1), Duration::ZERO, |_, description| {
        with_changed_init(&description, changes)
    });
    // The stranger comes at any time of the handshake, or after it.
    world.run_for(Duration::from_millis(u64::from(first >> 1 & 0x3f) * 4));

    for _ in 0..DOINGS_MAX {
        let Some((doing, after)) = rest.split_first() else { break };
        rest = after;
        let to = usize::from(doing & 1);
        match doing >> 1 & 7 {
            // Something made up, as if from the other side.
            0..=2 => {
                let len = after.first().map_or(0, |len| usize::from(*len)).min(after.len());
                let mut datagram = after[..len].to_vec();
                let from = world.ends[1 - to].address;
                world.arrive(to, from, &mut datagram);
                rest = &after[len..];
            }
            // Something that is on its way, changed in one place, or twice.
            3 => world.damage_next(usize::from(doing >> 4)),
            4 => world.double_next(),
            5 => {
                let from = world.ends[to].address;
                world.arrive(to, from, &mut [*doing; 40]);
            }
            6 => world.say(to),
            _ => world.run_for(Duration::from_millis(u64::from(doing >> 4) * 10)),
        }
        for end in &world.ends {
            assert!(end.media.len() <= end_max(&world), "media that nobody has sent");
        }
    }
    // Whoever is on the way may stop a handshake, but not the clock; what is not over goes on.
    world.run_for(Duration::from_secs(60));
    for end in &world.ends {
        let state = end.connection.connection_state();
        let is_decided = state == PeerConnectionState::Connected
            || state == PeerConnectionState::Failed
            || state == PeerConnectionState::Closed;
        assert!(is_decided, "{state:?}");
        assert_eq!(end.connection.drops().total(), end.dropped as u64);
    }
}

/// A description whose INIT of SCTP has other characters where `changes` say: pairs of a place and a character.
fn with_changed_init(description: &str, changes: &[u8]) -> String {
    const CHARACTERS: &[u8; 65] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
    let Some((before, after)) = description.split_once("a=sctp-init:") else { return description.to_owned() };
    let (init, after) = after.split_once('\r').unwrap_or((after, ""));
    let mut init = init.as_bytes().to_vec();
    let (pairs, _) = changes.as_chunks::<2>();
    for [place, character] in pairs {
        // Further places are none, so that there are descriptions that nobody has changed.
        if let Some(place) = init.get_mut(usize::from(*place)) {
            *place = CHARACTERS[usize::from(*character) % CHARACTERS.len()];
        }
    }
    format!("{before}a=sctp-init:{}\r{after}", String::from_utf8_lossy(&init))
}

fn end_max(world: &World) -> usize {
    world.ends.iter().map(|end| end.sent).sum()
}
