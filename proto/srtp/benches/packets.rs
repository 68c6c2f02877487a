//! What protecting a packet of 1,100 bytes costs, beside what the cryptographic library alone costs. `cargo bench -p moim-srtp`.

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use moim_srtp::{KeyingMaterial, OVERHEAD_MAX, Opener, Profile, ReplayWindow, Sealer};
use moim_wire::{ExtSeqNo, SeqNo};

#[global_allocator]
static ALLOCATOR: divan::AllocProfiler = divan::AllocProfiler::system();

/// Header and payload.
const LEN: usize = 1_100;
const HEADER_LEN: usize = 20;
/// Sealed beforehand, so that each is opened once.
const TRAIN: usize = 512;

fn main() {
    divan::main();
}

fn pair(profile: Profile) -> (Sealer, Opener) {
    let exported: Vec<u8> = (0..=255).cycle().take(profile.exported_len()).collect();
    let keys = KeyingMaterial::from_dtls(profile, &exported).expect("as long as the profile wants");
    let sealer = Sealer::new(profile, &keys.client_write).expect("keys of this profile");
    (sealer, Opener::new(profile, &keys.client_write).expect("keys of this profile"))
}

fn packet() -> [u8; LEN + OVERHEAD_MAX] {
    let mut packet = [0x5A; LEN + OVERHEAD_MAX];
    packet[..12].copy_from_slice(&[0x90, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3]);
    packet
}

/// The floor: AES-128-GCM of the payload with nothing around it.
#[divan::bench(sample_size = 256)]
fn bare_seal(bencher: Bencher<'_, '_>) {
    let key = LessSafeKey::new(UnboundKey::new(&AES_128_GCM, &[7; 16]).expect("16 bytes"));
    let mut packet = packet();
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        let (header, rest) = packet.split_at_mut(HEADER_LEN);
        let nonce = Nonce::assume_unique_for_key(black_box([9; 12]));
        let payload = &mut rest[..LEN - HEADER_LEN];
        let tag = key.seal_in_place_separate_tag(nonce, Aad::from(&*header), payload);
        rest[LEN - HEADER_LEN..][..16].copy_from_slice(tag.expect("short enough").as_ref());
    });
}

#[divan::bench(args = Profile::PREFERENCE, sample_size = 256)]
fn seal(bencher: Bencher<'_, '_>, profile: Profile) {
    let (sealer, _) = pair(profile);
    let mut packet = packet();
    let index = ExtSeqNo::first(SeqNo(1));
    bencher
        .counter(ItemsCount::new(1_u32))
        .bench_local(|| sealer.seal_rtp(black_box(&mut packet), LEN, HEADER_LEN, black_box(index)));
}

/// A train of packets at a time; the counter tells what one costs.
#[divan::bench(args = Profile::PREFERENCE)]
fn open(bencher: Bencher<'_, '_>, profile: Profile) {
    let (sealer, opener) = pair(profile);
    let sealed: Vec<_> = (0..TRAIN)
        .map(|number| {
            let mut packet = packet();
            let seq = SeqNo(u16::try_from(number).expect("a short train"));
            packet[2..4].copy_from_slice(&seq.0.to_be_bytes());
            let len = sealer.seal_rtp(&mut packet, LEN, HEADER_LEN, ExtSeqNo::first(seq));
            (packet, len.expect("there is room"))
        })
        .collect();
    bencher
        .counter(ItemsCount::new(TRAIN))
        .with_inputs(|| (sealed.clone(), ReplayWindow::new()))
        .bench_local_values(|(mut packets, mut window)| {
            for (packet, len) in &mut packets {
                opener.open_rtp(&mut window, &mut packet[..*len], HEADER_LEN).expect("it is authentic");
            }
            packets
        });
}
