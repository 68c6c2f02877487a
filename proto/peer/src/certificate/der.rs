//! As much of X.509 (RFC 5280 §4.1) in DER as a self-signed certificate takes.

use std::time::Duration;

/// 1.2.840.10045.4.3.2, ecdsa-with-SHA256 (RFC 5758 §3.2).
const ECDSA_WITH_SHA256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02];
/// 1.2.840.10045.2.1, id-ecPublicKey (RFC 5480 §2.1.1).
const EC_PUBLIC_KEY: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01];
/// 1.2.840.10045.3.1.7, secp256r1 (RFC 5480 §2.1.1.1).
const P256: &[u8] = &[0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];
/// 2.5.4.3, id-at-commonName.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
/// Whom certificates name. It says nothing about anybody.
const NAME: &[u8] = b"WebRTC";

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0C;
const GENERALIZED_TIME: u8 = 0x18;
const UTC_TIME: u8 = 0x17;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const EXPLICIT_0: u8 = 0xA0;
/// Versions are counted from 0.
const VERSION_3: u8 = 2;

/// The part of a certificate that is signed. `public_key` is a point of P-256, times are since 1970.
pub(super) fn to_be_signed(
    serial: [u8; 16],
    not_before: Duration,
    not_after: Duration,
    public_key: &[u8],
) -> Vec<u8> {
    let mut serial = serial;
    // An INTEGER is signed and as short as can be: positive, and not beginning with zeros.
    serial[0] = (serial[0] & 0x7F) | 0x40;
    let name = element(
        SEQUENCE,
        &[&element(
            SET,
            &[&element(
                SEQUENCE,
                &[&element(OBJECT_IDENTIFIER, &[COMMON_NAME]), &element(UTF8_STRING, &[NAME])],
            )],
        )],
    );
    let key_algorithm = element(
        SEQUENCE,
        &[&element(OBJECT_IDENTIFIER, &[EC_PUBLIC_KEY]), &element(OBJECT_IDENTIFIER, &[P256])],
    );
    element(
        SEQUENCE,
        &[
            &element(EXPLICIT_0, &[&element(INTEGER, &[&[VERSION_3]])]),
            &element(INTEGER, &[&serial]),
            &signature_algorithm(),
            &name,
            &element(SEQUENCE, &[&time(not_before), &time(not_after)]),
            &name,
            &element(SEQUENCE, &[&key_algorithm, &element(BIT_STRING, &[&[0], public_key])]),
        ],
    )
}

/// A certificate of what was signed and its signature.
pub(super) fn certificate(to_be_signed: &[u8], signature: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[to_be_signed, &signature_algorithm(), &element(BIT_STRING, &[&[0], signature])])
}

fn signature_algorithm() -> Vec<u8> {
    element(SEQUENCE, &[&element(OBJECT_IDENTIFIER, &[ECDSA_WITH_SHA256])])
}

fn element(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
    let len = contents.iter().map(|part| part.len()).sum::<usize>();
    let mut out = Vec::with_capacity(len + 4);
    out.push(tag);
    let [.., high, low] = len.to_be_bytes();
    match len {
        0..0x80 => out.push(low),
        0x80..0x100 => out.extend_from_slice(&[0x81, low]),
        _ => out.extend_from_slice(&[0x82, high, low]),
    }
    for part in contents {
        out.extend_from_slice(part);
    }
    out
}

/// RFC 5280 §4.1.2.5: UTCTime up to 2049, GeneralizedTime from then on.
fn time(since_1970: Duration) -> Vec<u8> {
    let seconds = since_1970.as_secs();
    let (year, month, day) = civil_date(seconds / 86_400);
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let rest = format!("{month:02}{day:02}{hour:02}{minute:02}{second:02}Z");
    if year < 2050 {
        element(UTC_TIME, &[format!("{:02}{rest}", year % 100).as_bytes()])
    } else {
        element(GENERALIZED_TIME, &[format!("{year:04}{rest}").as_bytes()])
    }
}

/// Year, month and day of a day counted from 1970-01-01, by the Gregorian calendar.
fn civil_date(days: u64) -> (u64, u64, u64) {
    // Years here begin in March, so that the leap day is the last of its year; eras are of 400 years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        assert_eq!(civil_date(0), (1970, 1, 1));
        assert_eq!(civil_date(11_016), (2000, 2, 29));
        assert_eq!(civil_date(20_778), (2026, 11, 21));
        assert_eq!(civil_date(29_219), (2049, 12, 31));
    }

    /// Covers: RFC 5280 §4.1.2.5
    #[test]
    fn times_are_written_by_their_century() {
        assert_eq!(&time(Duration::from_secs(951_782_399))[2..], b"000228235959Z");
        assert_eq!(&time(Duration::from_secs(29_220 * 86_400))[2..], b"20500101000000Z");
    }

    #[test]
    fn lengths_take_as_many_bytes_as_they_need() {
        assert_eq!(element(SET, &[&[7; 3]])[..2], [SET, 3]);
        assert_eq!(element(SET, &[&[7; 200]])[..3], [SET, 0x81, 200]);
        assert_eq!(element(SET, &[&[7; 300]])[..4], [SET, 0x82, 1, 44]);
    }
}
