use crate::cipher::{Cipher, CounterMode, Gcm, Protocol};
use crate::seal::{ENCRYPTED, PACKET_LEN_MAX, RTCP_HEADER_LEN, RTP_HEADER_LEN};
use crate::seal::{rtcp_aad, rtp_index, ssrc_at};
use crate::{KeyError, MasterKey, Profile, Reject, ReplayWindow};
use moim_wire::{ExtSeqNo, SeqNo, Ssrc};
use std::fmt;

/// RTCP sources whose replay is watched, per connection. Only the authentic other end can add one; for one more, the one that was
/// silent longest is forgotten: an end that forwards has other sources every day, and must not fall silent for it.
pub const RTCP_SOURCES_MAX: usize = 1_024;

/// Removes the protection of what arrives on a connection.
pub struct Opener {
    profile: Profile,
    rtp: Cipher,
    rtcp: Cipher,
    /// In the order of their SSRC.
    rtcp_sources: Vec<RtcpSource>,
    /// RTCP packets so far: what tells who was silent longest.
    rtcp_opened: u64,
}

/// An RTP packet without its protection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opened {
    /// How many bytes it has now: header and payload.
    pub len: usize,
    /// Its sequence number with its rollovers.
    pub index: ExtSeqNo,
}

impl Opener {
    /// Derives the session keys. [`KeyError`] if the master key is not one of this profile.
    pub fn new(profile: Profile, master: &MasterKey) -> Result<Self, KeyError> {
        Ok(Self {
            profile,
            rtp: Cipher::new(profile, master, Protocol::Rtp)?,
            rtcp: Cipher::new(profile, master, Protocol::Rtcp)?,
            rtcp_sources: Vec::new(),
            rtcp_opened: 0,
        })
    }

    /// One that opens with session keys, for vectors that begin with them.
    #[cfg(test)]
    pub(crate) fn with_session_keys(profile: Profile, rtp: Cipher, rtcp: Cipher) -> Self {
        Self { profile, rtp, rtcp, rtcp_sources: Vec::new(), rtcp_opened: 0 }
    }

    /// The profile it expects.
    pub fn profile(&self) -> Profile {
        self.profile
    }

    /// Opens an RTP packet where it lies. Its header has `header_len` bytes; `window` is that of its SSRC.
    ///
    /// A packet that is rejected changes no state, but what was in `packet` may be lost.
    pub fn open_rtp(
        &self,
        window: &mut ReplayWindow,
        packet: &mut [u8],
        header_len: usize,
    ) -> Result<Opened, Reject> {
        let len = packet.len().checked_sub(self.profile.rtp_overhead()).ok_or(Reject::Length)?;
        if packet.len() > PACKET_LEN_MAX || header_len < RTP_HEADER_LEN || header_len > len {
            return Err(Reject::Length);
        }
        let ssrc = ssrc_at(packet, 8);
        let index = window.estimate(SeqNo(u16::from_be_bytes([packet[2], packet[3]])));
        window.check(index)?;
        let (text, tag) = packet.split_at_mut(len);
        match &self.rtp {
            Cipher::Gcm(gcm) => {
                let (header, payload) = text.split_at_mut(header_len);
                gcm.open(gcm.rtp_nonce(ssrc, rtp_index(index)), header, payload, tag)
                    .map_err(|_| Reject::Unauthentic)?;
            }
            Cipher::CounterMode(cipher) => {
                if !cipher.is_authentic(text, &index.rollover().to_be_bytes(), tag) {
                    return Err(Reject::Unauthentic);
                }
                cipher
                    .apply(ssrc, rtp_index(index), &mut text[header_len..])
                    .map_err(|_| Reject::Unauthentic)?;
            }
        }
        window.accept(index);
        Ok(Opened { len, index })
    }

    /// Opens a compound RTCP packet where it lies, and hands out how many bytes it has now.
    ///
    /// A packet that is rejected changes no state, but what was in `packet` may be lost.
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, Reject> {
        let len = packet.len().checked_sub(self.profile.rtcp_overhead()).ok_or(Reject::Length)?;
        if !(RTCP_HEADER_LEN..=PACKET_LEN_MAX).contains(&len) {
            return Err(Reject::Length);
        }
        let ssrc = ssrc_at(packet, 4);
        let trailer_at = match &self.rtcp {
            Cipher::Gcm(_) => len + Gcm::TAG_LEN,
            Cipher::CounterMode(_) => len,
        };
        let trailer: [u8; 4] = *packet[trailer_at..].first_chunk().ok_or(Reject::Length)?;
        let trailer_bits = u32::from_be_bytes(trailer);
        // RFC 7714 §9.3 and RFC 3711 §3.4 know RTCP that is authenticated but not encrypted; WebRTC has no use for it.
        if trailer_bits & ENCRYPTED == 0 {
            return Err(Reject::Unencrypted);
        }
        let index = trailer_bits & !ENCRYPTED;
        let place = self.rtcp_sources.binary_search_by_key(&ssrc, |source| source.ssrc);
        if let Ok(at) = place {
            self.rtcp_sources[at].check(index)?;
        }
        let is_authentic = match &self.rtcp {
            Cipher::Gcm(gcm) => open_rtcp_gcm(gcm, packet, len, trailer),
            Cipher::CounterMode(cipher) => open_rtcp_counter_mode(cipher, packet, len, index),
        };
        if !is_authentic {
            return Err(Reject::Unauthentic);
        }
        self.rtcp_opened += 1;
        let heard = self.rtcp_opened;
        match place {
            Ok(at) => {
                self.rtcp_sources[at].accept(index);
                self.rtcp_sources[at].heard = heard;
            }
            Err(at) => self.add_rtcp_source(at, RtcpSource { ssrc, highest: index, received: 1, heard }),
        }
        Ok(len)
    }

    fn add_rtcp_source(&mut self, at: usize, source: RtcpSource) {
        let mut at = at;
        if self.rtcp_sources.len() >= RTCP_SOURCES_MAX {
            let by_silence = self.rtcp_sources.iter().enumerate().min_by_key(|(_, source)| source.heard);
            if let Some((silent, _)) = by_silence {
                self.rtcp_sources.remove(silent);
                at -= usize::from(silent < at);
            }
        }
        self.rtcp_sources.insert(at, source);
    }
}

fn open_rtcp_gcm(gcm: &Gcm, packet: &mut [u8], len: usize, trailer: [u8; 4]) -> bool {
    let nonce = gcm.rtcp_nonce(ssrc_at(packet, 4), u32::from_be_bytes(trailer) & !ENCRYPTED);
    let aad = rtcp_aad(packet, trailer);
    let (text, rest) = packet.split_at_mut(len);
    gcm.open(nonce, &aad, &mut text[RTCP_HEADER_LEN..], &rest[..Gcm::TAG_LEN]).is_ok()
}

fn open_rtcp_counter_mode(cipher: &CounterMode, packet: &mut [u8], len: usize, index: u32) -> bool {
    let ssrc = ssrc_at(packet, 4);
    let (authenticated, tag) = packet.split_at_mut(len + 4);
    cipher.is_authentic(authenticated, &[], tag)
        && cipher.apply(ssrc, u64::from(index), &mut authenticated[RTCP_HEADER_LEN..len]).is_ok()
}

impl fmt::Debug for Opener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opener").field("profile", &self.profile).finish_non_exhaustive()
    }
}

/// What is remembered of an RTCP source: the highest index, and which of the 64 up to it were received. Packets carry their
/// index, so that there is nothing to guess.
struct RtcpSource {
    ssrc: Ssrc,
    highest: u32,
    /// Bit 0 is the highest, bit n the one n before.
    received: u64,
    /// Which RTCP packet of all the latest one was.
    heard: u64,
}

impl RtcpSource {
    fn check(&self, index: u32) -> Result<(), Reject> {
        match self.highest.checked_sub(index) {
            Some(behind) if behind >= u64::BITS => Err(Reject::TooOld),
            Some(behind) if self.received & (1 << behind) != 0 => Err(Reject::Replayed),
            None | Some(_) => Ok(()),
        }
    }

    fn accept(&mut self, index: u32) {
        if let Some(behind) = self.highest.checked_sub(index) {
            self.received |= 1 << behind;
        } else {
            self.received = self.received.checked_shl(index - self.highest).unwrap_or(0) | 1;
            self.highest = index;
        }
    }
}
