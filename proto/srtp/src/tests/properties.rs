//! Whatever is sealed opens as it was, and only as it was.

use super::pair;
use crate::{KeyError, KeyingMaterial, MasterKey, OVERHEAD_MAX, Opener, Profile, ReplayWindow, Sealer};
use moim_wire::ExtSeqNo;
use proptest::prelude::*;

fn profiles() -> impl Strategy<Value = Profile> {
    prop::sample::select(Profile::PREFERENCE.to_vec())
}

proptest! {
    #[test]
    fn any_rtp_packet_opens_as_it_was_sealed(
        profile in profiles(),
        header in prop::collection::vec(any::<u8>(), 12..90),
        payload in prop::collection::vec(any::<u8>(), 0..1_400),
        rollovers in 1_u64..1 << 32,
        flipped in any::<prop::sample::Index>(),
    ) {
        let (sealer, opener) = pair(profile);
        let mut packet = [header.as_slice(), payload.as_slice()].concat();
        let index = ExtSeqNo((rollovers << 16) | u64::from(u16::from_be_bytes([packet[2], packet[3]])));
        let (plain, header_len) = (packet.clone(), header.len());
        packet.resize(plain.len() + OVERHEAD_MAX, 0);

        let len = sealer.seal_rtp(&mut packet, plain.len(), header_len, index).unwrap();
        prop_assert_eq!(len, plain.len() + profile.rtp_overhead());
        prop_assert_eq!(&packet[..header_len], header.as_slice(), "headers stay legible");
        let mut damaged = packet[..len].to_vec();

        let mut window = ReplayWindow::new();
        window.accept(ExtSeqNo(index.0.saturating_sub(1).max(1 << 16)));
        // A packet at the very beginning takes the place of the one before it.
        let mut window = if index.0 <= 1 << 16 { ReplayWindow::new() } else { window };
        let opened = opener.open_rtp(&mut window, &mut packet[..len], header_len).unwrap();
        prop_assert_eq!(opened.index, index);
        prop_assert_eq!(&packet[..opened.len], plain.as_slice());

        damaged[flipped.index(len)] ^= 1;
        prop_assert!(opener.open_rtp(&mut window, &mut damaged, header_len).is_err());
    }

    #[test]
    fn any_rtcp_packet_opens_as_it_was_sealed(
        profile in profiles(),
        plain in prop::collection::vec(any::<u8>(), 8..1_400),
        index in 0_u32..1 << 31,
        flipped in any::<prop::sample::Index>(),
    ) {
        let (mut sealer, mut opener) = pair(profile);
        sealer.set_rtcp_index(index);
        let mut packet = plain.clone();
        packet.resize(plain.len() + OVERHEAD_MAX, 0);

        let len = sealer.seal_rtcp(&mut packet, plain.len()).unwrap();
        prop_assert_eq!(len, plain.len() + profile.rtcp_overhead());
        let mut damaged = packet[..len].to_vec();
        damaged[flipped.index(len)] ^= 1;
        prop_assert!(opener.open_rtcp(&mut damaged).is_err());
        prop_assert_eq!(opener.open_rtcp(&mut packet[..len]), Ok(plain.len()));
        prop_assert_eq!(&packet[..plain.len()], plain.as_slice());
    }
}

/// Covers: RFC 5764 §4.2
#[test]
fn each_direction_has_its_own_keys() {
    for profile in Profile::PREFERENCE {
        let exported: Vec<u8> = (0..=255).take(profile.exported_len()).collect();
        let keys = KeyingMaterial::from_dtls(profile, &exported).unwrap();
        let (key_len, salt_len) = (profile.key_len(), profile.salt_len());

        assert_eq!(keys.client_write.key(), &exported[..key_len]);
        assert_eq!(keys.server_write.key(), &exported[key_len..2 * key_len]);
        let salts = &exported[2 * key_len..];
        assert_eq!(keys.client_write.salt()[..salt_len], salts[..salt_len]);
        assert_eq!(keys.server_write.salt()[..salt_len], salts[salt_len..]);

        let sealer = Sealer::new(profile, &keys.client_write).unwrap();
        let opener = Opener::new(profile, &keys.server_write).unwrap();
        let mut packet = [0; 20 + OVERHEAD_MAX];
        packet[0] = 0x80;
        let len = sealer.seal_rtp(&mut packet, 20, 12, ExtSeqNo(1 << 16)).unwrap();
        assert!(opener.open_rtp(&mut ReplayWindow::new(), &mut packet[..len], 12).is_err());
    }
}

#[test]
fn keys_of_another_length_or_profile_are_refused() {
    let profile = Profile::AeadAes128Gcm;
    let length = |actual| KeyError::Length { expected: 56, actual };
    assert_eq!(KeyingMaterial::from_dtls(profile, &[0; 55]).err(), Some(length(55)));
    assert_eq!(KeyingMaterial::from_dtls(profile, &[0; 60]).err(), Some(length(60)));
    let master = MasterKey::new(profile, &[1; 16], &[2; 12]).unwrap();
    assert_eq!(Sealer::new(Profile::AeadAes256Gcm, &master).err(), Some(KeyError::Profile));
    assert_eq!(Opener::new(Profile::AesCm128HmacSha1_80, &master).err(), Some(KeyError::Profile));
}

#[test]
fn secrets_are_not_printed() {
    let keys = KeyingMaterial::from_dtls(Profile::AeadAes128Gcm, &[0xA5; 56]).unwrap();
    let (sealer, opener) = pair(Profile::AesCm128HmacSha1_80);

    let printed = format!("{keys:?} {sealer:?} {opener:?}").to_lowercase();

    assert!(!printed.contains("165") && !printed.contains("a5"), "{printed}");
}

#[test]
fn profiles_are_known_by_their_numbers() {
    for profile in Profile::PREFERENCE {
        assert_eq!(Profile::from_dtls_id(profile.dtls_id()), Some(profile));
        assert!(profile.rtp_overhead().max(profile.rtcp_overhead()) <= OVERHEAD_MAX);
    }
    assert_eq!(Profile::from_dtls_id(0x0005), None);
}
