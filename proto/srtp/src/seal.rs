use crate::cipher::{Cipher, CounterMode, Gcm, Protocol};
use crate::{KeyError, MasterKey, Profile, SealError};
use moim_wire::{ExtSeqNo, Ssrc};
use std::fmt;

/// Fixed header of RTP (RFC 3550 §5.1), in bytes.
pub(crate) const RTP_HEADER_LEN: usize = 12;
/// What SRTCP leaves in the clear: the first word and the SSRC of the sender (RFC 3711 §3.4), in bytes.
pub(crate) const RTCP_HEADER_LEN: usize = 8;
/// The bit that says that RTCP is encrypted, beside the 31 bits of its index (RFC 3711 §3.4).
pub(crate) const ENCRYPTED: u32 = 1 << 31;
/// Longer than any UDP payload, and well under the 2^16 blocks that a packet's counter has.
pub(crate) const PACKET_LEN_MAX: usize = 65_535;

/// Indices that RTP may use under one key: 2^48, from the beginning of the second cycle of [`ExtSeqNo`] (RFC 3711 §9.2).
const RTP_INDICES: std::ops::Range<u64> = (1 << 16)..(1 << 48) + (1 << 16);

/// Protects what a connection sends.
pub struct Sealer {
    profile: Profile,
    rtp: Cipher,
    rtcp: Cipher,
    /// Of the next RTCP packet, whichever its SSRC: so it never repeats for any of them.
    rtcp_index: u32,
}

impl Sealer {
    /// Derives the session keys. [`KeyError`] if the master key is not one of this profile.
    pub fn new(profile: Profile, master: &MasterKey) -> Result<Self, KeyError> {
        Ok(Self {
            profile,
            rtp: Cipher::new(profile, master, Protocol::Rtp)?,
            rtcp: Cipher::new(profile, master, Protocol::Rtcp)?,
            rtcp_index: 0,
        })
    }

    /// The profile it protects by.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Protects the RTP packet in the first `len` bytes of `packet`, whose header has `header_len` bytes, and hands out how
    /// long it is now: [`Profile::rtp_overhead`] more.
    ///
    /// `index` is the packet's sequence number with its rollovers, which the caller counts for each of its streams.
    /// Under one key, an SSRC and an index may belong to one packet only: sealing another one with the same
    /// gives away both (RFC 7714 §14). Sealing the same bytes again is safe.
    pub fn seal_rtp(
        &self,
        packet: &mut [u8],
        len: usize,
        header_len: usize,
        index: ExtSeqNo,
    ) -> Result<usize, SealError> {
        if len > PACKET_LEN_MAX || header_len < RTP_HEADER_LEN || header_len > len {
            return Err(SealError::Length);
        }
        let sealed_len = len + self.profile.rtp_overhead();
        let packet = packet.get_mut(..sealed_len).ok_or(SealError::NoRoom)?;
        if packet[2..4] != index.seq().0.to_be_bytes() || index.0 < RTP_INDICES.start {
            return Err(SealError::Index);
        }
        if index.0 >= RTP_INDICES.end {
            return Err(SealError::KeyExhausted);
        }
        let ssrc = ssrc_at(packet, 8);
        let rtp_index = rtp_index(index);
        let (text, tag) = packet.split_at_mut(len);
        let written = match &self.rtp {
            Cipher::Gcm(gcm) => {
                let (header, payload) = text.split_at_mut(header_len);
                gcm.seal(gcm.rtp_nonce(ssrc, rtp_index), header, payload)
                    .map(|computed| tag.copy_from_slice(computed.as_ref()))
            }
            Cipher::CounterMode(cipher) => cipher.apply(ssrc, rtp_index, &mut text[header_len..]).map(|()| {
                let computed = cipher.tag(text, &index.rollover().to_be_bytes());
                tag.copy_from_slice(&computed.as_ref()[..cipher.tag_len]);
            }),
        };
        written.map_err(|_| SealError::Refused)?;
        Ok(sealed_len)
    }

    /// Protects the compound RTCP packet in the first `len` bytes of `packet`, and hands out how long it is now:
    /// [`Profile::rtcp_overhead`] more.
    pub fn seal_rtcp(&mut self, packet: &mut [u8], len: usize) -> Result<usize, SealError> {
        if !(RTCP_HEADER_LEN..=PACKET_LEN_MAX).contains(&len) {
            return Err(SealError::Length);
        }
        let sealed_len = len + self.profile.rtcp_overhead();
        let packet = packet.get_mut(..sealed_len).ok_or(SealError::NoRoom)?;
        let index = self.rtcp_index;
        if index >= ENCRYPTED {
            return Err(SealError::KeyExhausted);
        }
        match &self.rtcp {
            Cipher::Gcm(gcm) => seal_rtcp_gcm(gcm, packet, len, index)?,
            Cipher::CounterMode(cipher) => seal_rtcp_counter_mode(cipher, packet, len, index)?,
        }
        self.rtcp_index += 1;
        Ok(sealed_len)
    }

    /// One that seals with session keys, for vectors that begin with them.
    #[cfg(test)]
    pub(crate) fn with_session_keys(profile: Profile, rtp: Cipher, rtcp: Cipher) -> Self {
        Self { profile, rtp, rtcp, rtcp_index: 0 }
    }

    #[cfg(test)]
    pub(crate) fn set_rtcp_index(&mut self, index: u32) {
        self.rtcp_index = index;
    }
}

/// RFC 7714 §9: text, tag, index.
fn seal_rtcp_gcm(gcm: &Gcm, packet: &mut [u8], len: usize, index: u32) -> Result<(), SealError> {
    let nonce = gcm.rtcp_nonce(ssrc_at(packet, 4), index);
    let trailer = (ENCRYPTED | index).to_be_bytes();
    let aad = rtcp_aad(packet, trailer);
    let computed =
        gcm.seal(nonce, &aad, &mut packet[RTCP_HEADER_LEN..len]).map_err(|_| SealError::Refused)?;
    packet[len..len + Gcm::TAG_LEN].copy_from_slice(computed.as_ref());
    packet[len + Gcm::TAG_LEN..].copy_from_slice(&trailer);
    Ok(())
}

/// RFC 3711 §3.4: text, index, tag.
fn seal_rtcp_counter_mode(
    cipher: &CounterMode,
    packet: &mut [u8],
    len: usize,
    index: u32,
) -> Result<(), SealError> {
    let ssrc = ssrc_at(packet, 4);
    cipher
        .apply(ssrc, u64::from(index), &mut packet[RTCP_HEADER_LEN..len])
        .map_err(|_| SealError::Refused)?;
    let (authenticated, tag) = packet.split_at_mut(len + 4);
    authenticated[len..].copy_from_slice(&(ENCRYPTED | index).to_be_bytes());
    tag.copy_from_slice(&cipher.tag(authenticated, &[]).as_ref()[..cipher.tag_len]);
    Ok(())
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealer").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What AEAD authenticates beside the text: the header, and the index that follows the tag (RFC 7714 §9.2).
pub(crate) fn rtcp_aad(packet: &[u8], trailer: [u8; 4]) -> [u8; RTCP_HEADER_LEN + 4] {
    let mut aad = [0; RTCP_HEADER_LEN + 4];
    aad[..RTCP_HEADER_LEN].copy_from_slice(&packet[..RTCP_HEADER_LEN]);
    aad[RTCP_HEADER_LEN..].copy_from_slice(&trailer);
    aad
}

/// The index that SRTP computes with: 48 bits that begin at 0 (RFC 3711 §3.3.1).
pub(crate) fn rtp_index(index: ExtSeqNo) -> u64 {
    (u64::from(index.rollover()) << 16) | u64::from(index.seq().0)
}

pub(crate) fn ssrc_at(packet: &[u8], offset: usize) -> Ssrc {
    let bytes = packet[offset..offset + 4].try_into().expect("four bytes");
    Ssrc(u32::from_be_bytes(bytes))
}
