//! What must hold for any bytes whatsoever: for the tests and for the fuzzer.

use crate::{KeyingMaterial, OVERHEAD_MAX, Opener, Profile, ReplayWindow, Sealer};
use moim_wire::{ExtSeqNo, SeqNo};

/// Opens `bytes` as RTP and as RTCP: they prove nothing, and change nothing. Then seals what they say and opens it, and finds it
/// as it was.
///
/// # Panics
/// If anything is found that must not be.
pub fn exercise(bytes: &[u8]) {
    for profile in Profile::PREFERENCE {
        let exported: Vec<u8> = (7..=255).cycle().take(profile.exported_len()).collect();
        let keys = KeyingMaterial::from_dtls(profile, &exported).expect("as long as the profile wants");
        let mut sealer = Sealer::new(profile, &keys.client_write).expect("keys of this profile");
        let mut opener = Opener::new(profile, &keys.client_write).expect("keys of this profile");
        let header_len = 12 + bytes.first().map_or(0, |byte| usize::from(byte & 0x0F) * 4);

        let mut window = ReplayWindow::new();
        assert!(opener.open_rtp(&mut window, &mut bytes.to_vec(), header_len).is_err());
        assert_eq!(window, ReplayWindow::new());
        assert!(opener.open_rtcp(&mut bytes.to_vec()).is_err());

        let mut packet = bytes.to_vec();
        packet.resize(bytes.len() + OVERHEAD_MAX, 0);
        if let Ok(len) = sealer.seal_rtcp(&mut packet, bytes.len()) {
            assert_eq!(opener.open_rtcp(&mut packet[..len]), Ok(bytes.len()));
            assert_eq!(&packet[..bytes.len()], bytes);
        }
        let seq = bytes.get(2..4).map_or(0, |seq| u16::from_be_bytes([seq[0], seq[1]]));
        let index = ExtSeqNo::first(SeqNo(seq));
        if let Ok(len) = sealer.seal_rtp(&mut packet, bytes.len(), header_len, index) {
            let opened = opener.open_rtp(&mut window, &mut packet[..len], header_len);
            assert_eq!(opened.map(|opened| (opened.len, opened.index)), Ok((bytes.len(), index)));
            assert_eq!(&packet[..bytes.len()], bytes);
        }
    }
}
