//! What was received before, or so long ago that nobody knows, is not received again.

use super::pair;
use crate::{
    OVERHEAD_MAX, Opened, Opener, Profile, REPLAY_WINDOW, RTCP_SOURCES_MAX, Reject, Rejects, ReplayWindow,
    SealError, Sealer,
};
use moim_wire::ExtSeqNo;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// An RTP packet of this number, sealed.
fn rtp(sealer: &Sealer, index: ExtSeqNo) -> Vec<u8> {
    let mut packet = vec![0; 12 + 8 + OVERHEAD_MAX];
    packet[0] = 0x80;
    packet[2..4].copy_from_slice(&index.seq().0.to_be_bytes());
    packet[12..20].copy_from_slice(&index.0.to_be_bytes());
    let len = sealer.seal_rtp(&mut packet, 20, 12, index).unwrap();
    packet.truncate(len);
    packet
}

fn open(opener: &Opener, window: &mut ReplayWindow, packet: &[u8]) -> Result<ExtSeqNo, Reject> {
    opener.open_rtp(window, &mut packet.to_vec(), 12).map(|Opened { index, .. }| index)
}

/// The number of the packet that comes so many after a stream's first possible one.
fn at(offset: u64) -> ExtSeqNo {
    ExtSeqNo((1 << 16) + offset)
}

/// Covers: RFC 3711 §3.3.2
#[test]
fn a_packet_is_received_once_and_not_too_late() {
    let (sealer, opener) = pair(Profile::AeadAes128Gcm);
    let mut window = ReplayWindow::new();
    let mut receive = |offset| open(&opener, &mut window, &rtp(&sealer, at(offset)));

    assert_eq!(receive(5_000), Ok(at(5_000)));
    assert_eq!(receive(5_000), Err(Reject::Replayed));
    assert_eq!(receive(5_000 - REPLAY_WINDOW + 1), Ok(at(5_000 - REPLAY_WINDOW + 1)));
    assert_eq!(receive(5_000 - REPLAY_WINDOW + 1), Err(Reject::Replayed));
    assert_eq!(receive(5_000 - REPLAY_WINDOW), Err(Reject::TooOld));
    assert_eq!(receive(5_010), Ok(at(5_010)));
    assert_eq!(receive(5_000), Err(Reject::Replayed));
    assert_eq!(receive(5_001), Ok(at(5_001)));
}

/// Covers: RFC 3711 §3.3.1
#[test]
fn the_rollover_counter_follows_wraps_both_ways() {
    for profile in Profile::PREFERENCE {
        let (sealer, opener) = pair(profile);
        let mut window = ReplayWindow::new();
        let mut receive = |offset| open(&opener, &mut window, &rtp(&sealer, at(offset)));

        for offset in [65_530, 65_535, 65_537, 65_534, 65_536, 65_540, 65_533] {
            assert_eq!(receive(offset), Ok(at(offset)));
        }
        for offset in (65_540..300_000).step_by(30_000).skip(1) {
            assert_eq!(receive(offset), Ok(at(offset)));
        }
        assert_eq!(window.highest().map(ExtSeqNo::rollover), Some(4));
    }
}

#[test]
fn a_packet_from_before_the_first_received_is_taken_unless_none_can_have_been_sent() {
    let (sealer, opener) = pair(Profile::AeadAes128Gcm);
    let mut window = ReplayWindow::new();
    assert_eq!(open(&opener, &mut window, &rtp(&sealer, at(3))), Ok(at(3)));
    assert_eq!(open(&opener, &mut window, &rtp(&sealer, at(1))), Ok(at(1)));

    let before_all = rtp(&sealer, at(65_535));
    assert_eq!(open(&opener, &mut window, &before_all), Err(Reject::TooOld));
    assert_eq!(window.highest(), Some(at(3)));
}

#[test]
fn a_jump_of_half_a_cycle_is_followed() {
    let (sealer, opener) = pair(Profile::AeadAes128Gcm);
    let mut window = ReplayWindow::new();
    let mut receive = |offset| open(&opener, &mut window, &rtp(&sealer, at(offset)));

    assert_eq!(receive(10), Ok(at(10)));
    assert_eq!(receive(10 + 32_767), Ok(at(32_777)));
    assert_eq!(receive(10), Err(Reject::TooOld));
    assert_eq!(receive(32_776), Ok(at(32_776)), "what the jump went over was not received");
}

#[test]
fn what_is_not_authentic_changes_nothing() {
    for profile in Profile::PREFERENCE {
        let (mut sealer, mut opener) = pair(profile);
        let mut window = ReplayWindow::new();
        open(&opener, &mut window, &rtp(&sealer, at(100))).unwrap();
        let before = window.clone();
        let good = rtp(&sealer, at(101));
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 0x10;
            let result = opener.open_rtp(&mut window, &mut bad, 12);
            assert!(matches!(result, Err(Reject::Unauthentic | Reject::TooOld)), "{position}: {result:?}");
            assert_eq!(window, before);
        }
        open(&opener, &mut window, &good).unwrap();

        let good = rtcp(&mut sealer, 7);
        for position in 0..good.len() {
            let mut bad = good.clone();
            bad[position] ^= 0x80;
            let result = opener.open_rtcp(&mut bad);
            assert!(
                matches!(result, Err(Reject::Unauthentic | Reject::Unencrypted)),
                "{position}: {result:?}"
            );
        }
        opener.open_rtcp(&mut good.clone()).unwrap();
    }
}

/// A receiver report of this source, sealed.
fn rtcp(sealer: &mut Sealer, ssrc: u32) -> Vec<u8> {
    let mut packet = vec![0; 16 + OVERHEAD_MAX];
    packet[..4].copy_from_slice(&[0x80, 201, 0, 3]);
    packet[4..8].copy_from_slice(&ssrc.to_be_bytes());
    let len = sealer.seal_rtcp(&mut packet, 16).unwrap();
    packet.truncate(len);
    packet
}

/// Covers: RFC 3711 §3.3.2, §3.4
#[test]
fn rtcp_is_received_once_and_not_too_late() {
    for profile in Profile::PREFERENCE {
        let (mut sealer, mut opener) = pair(profile);
        let packets: Vec<_> = (0..200).map(|_| rtcp(&mut sealer, 1)).collect();
        let mut receive = |number: usize| opener.open_rtcp(&mut packets[number].clone()).map(drop);

        assert_eq!(receive(100), Ok(()));
        assert_eq!(receive(100), Err(Reject::Replayed));
        assert_eq!(receive(37), Ok(()));
        assert_eq!(receive(36), Err(Reject::TooOld));
        assert_eq!(receive(101), Ok(()));
        assert_eq!(receive(37), Err(Reject::TooOld));
        assert_eq!(receive(99), Ok(()));
        assert_eq!(receive(199), Ok(()));
        assert_eq!(receive(136), Ok(()));
        assert_eq!(receive(136), Err(Reject::Replayed));
    }
}

#[test]
fn rtcp_sources_are_apart_and_bounded() {
    let (mut sealer, mut opener) = pair(Profile::AeadAes128Gcm);
    let mut last = Vec::new();
    for ssrc in (0..u32::try_from(RTCP_SOURCES_MAX).unwrap()).rev() {
        last = rtcp(&mut sealer, ssrc);
        opener.open_rtcp(&mut last.clone()).unwrap();
    }

    let mut replayed = last.clone();
    assert_eq!(opener.open_rtcp(&mut replayed), Err(Reject::Replayed));
    for ssrc in 1_000_000..1_000_100 {
        assert_eq!(opener.open_rtcp(&mut rtcp(&mut sealer, ssrc)), Ok(16), "one that comes late is heard");
        assert_eq!(opener.open_rtcp(&mut rtcp(&mut sealer, 500)), Ok(16), "who is here stays");
    }
    assert_eq!(opener.open_rtcp(&mut last), Err(Reject::Replayed), "those who were silent longest have gone");
}

/// Covers: RFC 3711 §9.2
#[test]
fn a_key_is_not_used_for_too_long() {
    for profile in Profile::PREFERENCE {
        let (mut sealer, _) = pair(profile);
        sealer.set_rtcp_index((1 << 31) - 1);
        rtcp(&mut sealer, 1);
        let mut packet = [0; 16 + OVERHEAD_MAX];
        assert_eq!(sealer.seal_rtcp(&mut packet, 16), Err(SealError::KeyExhausted));

        let last = at((1 << 48) - 1);
        rtp(&sealer, last);
        let mut packet = [0; 12 + OVERHEAD_MAX];
        assert_eq!(sealer.seal_rtp(&mut packet, 12, 12, ExtSeqNo(last.0 + 1)), Err(SealError::KeyExhausted));
        assert_eq!(sealer.seal_rtp(&mut packet, 12, 12, ExtSeqNo(0)), Err(SealError::Index));
        assert_eq!(sealer.seal_rtp(&mut packet, 12, 12, at(1)), Err(SealError::Index));
        packet[0] = 0x80;
        assert_eq!(sealer.seal_rtp(&mut packet[..12], 12, 12, at(0)), Err(SealError::NoRoom));
        assert_eq!(sealer.seal_rtp(&mut packet, 11, 11, at(0)), Err(SealError::Length));
        assert_eq!(sealer.seal_rtp(&mut packet, 12, 16, at(0)), Err(SealError::Length));
    }
}

#[test]
fn rejects_are_counted_by_reason() {
    let mut rejects = Rejects::default();
    rejects.count(Reject::Replayed);
    rejects.count(Reject::Replayed);
    rejects.count(Reject::Length);

    assert_eq!((rejects.of(Reject::Replayed), rejects.total()), (2, 3));
    let names: BTreeSet<_> = Reject::ALL.iter().map(|reason| reason.as_str()).collect();
    assert_eq!(names.len(), Reject::ALL.len());
}

proptest! {
    /// Packets in any order: each is taken when it comes for the first time and is not too old, whatever a simple model of the rule says.
    #[test]
    fn a_window_does_what_the_rule_says(offsets in prop::collection::vec(0_u64..4_000, 1..200)) {
        let (sealer, opener) = pair(Profile::AeadAes128Gcm);
        let (mut window, mut seen) = (ReplayWindow::new(), BTreeSet::new());
        for offset in offsets {
            let highest = seen.iter().next_back().copied();
            let expected = match highest {
                Some(highest) if offset + REPLAY_WINDOW <= highest => Err(Reject::TooOld),
                _ if seen.contains(&offset) => Err(Reject::Replayed),
                _ => Ok(at(offset)),
            };
            let actual = open(&opener, &mut window, &rtp(&sealer, at(offset)));
            prop_assert_eq!(actual, expected);
            if actual.is_ok() {
                seen.insert(offset);
            }
        }
    }
}
