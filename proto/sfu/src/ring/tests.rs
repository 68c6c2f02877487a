use super::{AGE_WANTED, NotKept, PACKETS_FIRST, PAYLOAD_LEN_MAX, RING_BYTES_MAX, RING_PACKETS_MAX, Ring};
use crate::facts::Facts;
use moim_rtp::ExtensionValues;
use moim_rtp::extension::{AudioLevel, RawRange};
use moim_wire::{ExtSeqNo, Mid};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const FIRST: u64 = 1 << 16;

fn facts(seq: u64) -> Facts {
    Facts { seq: ExtSeqNo(seq), ..Facts::default() }
}

fn insert(ring: &mut Ring, seq: u64, payload: &[u8], now: Instant) -> Result<(), NotKept> {
    ring.check(ExtSeqNo(seq), payload.len())?;
    ring.insert(&facts(seq), &ExtensionValues::default(), &[], payload, now);
    Ok(())
}

#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for virtual time")]
fn begin() -> Instant {
    Instant::now()
}

#[test]
fn a_packet_is_found_until_another_has_its_place() {
    let (mut ring, now) = (Ring::new(), begin());
    assert_eq!(insert(&mut ring, FIRST, b"first", now), Ok(()));
    assert_eq!(insert(&mut ring, FIRST, b"again", now), Err(NotKept::Duplicate));
    assert_eq!(ring.find(ExtSeqNo(FIRST)).map(|(_, payload, _)| payload), Some(&b"first"[..]));
    assert!(ring.find(ExtSeqNo(FIRST + 1)).is_none());

    for seq in 1..=PACKETS_FIRST as u64 {
        assert_eq!(insert(&mut ring, FIRST + seq, b"next", now + Duration::from_secs(seq)), Ok(()));
    }
    assert!(ring.find(ExtSeqNo(FIRST)).is_none());
    assert_eq!(insert(&mut ring, FIRST, b"late", now), Err(NotKept::TooOld));
    assert_eq!(insert(&mut ring, FIRST + 99, &[0; PAYLOAD_LEN_MAX + 1], now), Err(NotKept::TooLong));
}

#[test]
fn it_grows_until_it_holds_a_second_and_no_further() {
    for (per_second, expected) in [(50, 50), (400, 400), (100_000, 1)] {
        let (mut ring, begun) = (Ring::new(), begin());
        let (mut now, total) = (begun, u64::from(per_second.min(5_000) * 6));
        for at in 0..total {
            now += AGE_WANTED / per_second;
            insert(&mut ring, FIRST + at, &[7; 1_200], now).unwrap();
        }
        let kept = (0..total).filter(|at| ring.find(ExtSeqNo(FIRST + at)).is_some()).count();

        assert!(kept >= expected, "{kept} of {per_second} a second");
        assert!(kept <= RING_PACKETS_MAX);
        assert!(ring.bytes.len() <= RING_BYTES_MAX);
    }
}

#[test]
fn extensions_keep_what_goes_beyond_the_connection() {
    let (mut ring, now) = (Ring::new(), begin());
    let packet = b"..descriptor..colours";
    let level = AudioLevel { voice: true, attenuation_db: 30 };
    let extensions = ExtensionValues {
        mid: "0".parse::<Mid>().ok(),
        audio_level: Some(level),
        dependency_descriptor: RawRange::new(2, 10),
        color_space: RawRange::new(14, 7),
        layers_allocation: RawRange::new(0, 5),
        ..ExtensionValues::default()
    };
    ring.insert(&facts(FIRST), &extensions, packet, b"payload", now);
    let (entry, payload, raw) = ring.find(ExtSeqNo(FIRST)).unwrap();

    assert_eq!(payload, b"payload");
    assert_eq!((entry.extensions.mid, entry.extensions.audio_level), (None, Some(level)));
    let of = |range: Option<RawRange>| range.and_then(|range| range.of(raw));
    assert_eq!(of(entry.extensions.dependency_descriptor), Some(&b"descriptor"[..]));
    assert_eq!(of(entry.extensions.color_space), Some(&b"colours"[..]));
    assert_eq!(entry.extensions.layers_allocation, None);
}

proptest! {
    /// What is found is what was kept, whatever comes and whenever.
    #[test]
    fn what_is_found_is_what_was_kept(
        packets in prop::collection::vec((0_u64..60, 0_usize..PAYLOAD_LEN_MAX, 0_u64..40), 1..300),
    ) {
        let (mut ring, mut now) = (Ring::new(), begin());
        let (mut kept, mut newest) = (BTreeMap::new(), FIRST + 100);
        for (ahead, len, after) in packets {
            now += Duration::from_millis(after);
            let seq = newest + ahead - 50;
            newest = newest.max(seq);
            let payload = vec![(seq & 0xFF) as u8; len];
            if insert(&mut ring, seq, &payload, now).is_ok() {
                kept.insert(seq, payload);
            }
            for (seq, payload) in &kept {
                if let Some((entry, found, _)) = ring.find(ExtSeqNo(*seq)) {
                    prop_assert_eq!(entry.facts.seq.0, *seq);
                    prop_assert_eq!(found, payload);
                }
            }
            let highest = kept.keys().next_back().copied().unwrap_or_default();
            prop_assert!(ring.find(ExtSeqNo(highest)).is_some(), "the newest is always there");
        }
    }
}
