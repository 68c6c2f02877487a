mod properties;
mod replay;
mod strangers;
mod vectors;

use crate::{KeyingMaterial, Opener, Profile, Sealer};

/// What one end seals with and the other opens with.
fn pair(profile: Profile) -> (Sealer, Opener) {
    let exported: Vec<u8> = (0..=255).cycle().take(profile.exported_len()).collect();
    let keys = KeyingMaterial::from_dtls(profile, &exported).unwrap();
    (Sealer::new(profile, &keys.client_write).unwrap(), Opener::new(profile, &keys.client_write).unwrap())
}
