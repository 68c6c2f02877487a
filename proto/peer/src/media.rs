//! Media: packets out and in, and the reports about them.
//!
//! The way of a packet searches nothing: a sender's packet names its encoding by index, and one that came finds its stream by one
//! look-up of its SSRC. What SRTP needs per stream lies beside the rest of the stream's state.

mod encoding;
mod history;
mod outgoing;
mod queue;
mod receive;
mod rtcp_in;
mod rtcp_out;
mod section;
mod send;
mod ssrc_table;
mod store;
mod transmit;

pub use outgoing::{NoPayloads, OutgoingRtp, Payload, PayloadKey, Payloads, SendError, SharedPayload};
pub use receive::{ReceiveStreamId, ReceivedRtp};
pub use store::PACKET_LEN_MAX;

pub(crate) use encoding::Encoding;
pub(crate) use receive::{Inbound, MediaStream, Role, Stream, Unusable};
pub(crate) use section::{CongestionFeedback, ENCODINGS_MAX, EncodingSpec, Format, Formats, SectionSpec};

use crate::dtls::SrtpKeys;
use moim_rtp::extension::AbsSendTime;
use moim_rtp::feedback::{CcfbDecoder, TwccDecoder};
use moim_sdp::jsep::DtlsRole;
use moim_srtp::{KeyError, KeyingMaterial, Opener, Profile, Sealer};
use moim_wire::{Bitrate, Deadline, NtpTime, Rid, RtpTimestamp, Ssrc};
use queue::Queue;
use rand_chacha::ChaCha12Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use rtcp_out::RtcpOut;
use send::SendSection;
use ssrc_table::SsrcTable;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use store::PacketStore;

/// Most encodings of a connection, of all senders together.
pub(crate) const ENCODINGS_TOTAL_MAX: usize = 1_024;
/// Most events of media that wait to be told; further ones are lost. What they tell of is told again.
const EVENTS_MAX: usize = 256;

/// How media is handled.
#[derive(Clone, Debug)]
pub(crate) struct MediaConfig {
    pub(crate) congestion: Option<moim_cc::Config>,
    pub(crate) pacer: moim_cc::PacerConfig,
    pub(crate) stored_packets_max: usize,
    /// The wall clock when the connection was made.
    pub(crate) wall: NtpTime,
    /// The name of this side in reports.
    pub(crate) cname: String,
}

/// What media has to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaEvent {
    KeyFrameRequested { section: u32, encoding: usize },
    Target(Bitrate),
    SenderReport { section: u32, stream: u32, ntp: NtpTime, timestamp: RtpTimestamp },
    Bye { section: u32, stream: u32, rid: Option<Rid> },
}

/// Media of a connection.
pub(crate) struct Media {
    config: MediaConfig,
    started: Instant,
    random: ChaCha12Rng,
    keys: Option<Box<Keys>>,
    pub(crate) inbound: Inbound,
    senders: Vec<Option<Box<SendSection>>>,
    pub(crate) encodings: Vec<Encoding>,
    /// Places of encodings that are no more.
    free_encodings: Vec<u32>,
    /// The SSRCs that this side sends by, and which encodings they are.
    own: SsrcTable<u32>,
    store: PacketStore,
    queue: Queue,
    /// The transport's next number. The first is 1, so that there is always one before.
    transport_seq: u64,
    /// The moment that was asked for last, as packets say it.
    abs_send_time: (Instant, AbsSendTime),
    twcc: TwccDecoder,
    ccfb: CcfbDecoder,
    feedback: CongestionFeedback,
    rtcp: RtcpOut,
    rtt: Option<Duration>,
    events: VecDeque<MediaEvent>,
    /// The encoding of pictures that was sent last: what probes are padded by.
    latest_video: Option<u32>,
    /// Bytes of padding that are still to be sent, and for which probe.
    padding_owed: Option<(u32, Option<moim_cc::ProbeId>)>,
    /// Packets of RTCP that were sent.
    rtcp_sent: u64,
}

struct Keys {
    profile: Profile,
    sealer: Sealer,
    opener: Opener,
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Media").field("encodings", &self.encodings.len()).finish_non_exhaustive()
    }
}

impl Media {
    pub(crate) fn new(
        config: MediaConfig,
        seed: [u8; 32],
        now: Instant,
    ) -> Result<Self, moim_cc::InvalidConfig> {
        if let Some(congestion) = config.congestion {
            // Only to see whether its rates make sense, before anything depends on them.
            moim_cc::SendSideController::new(congestion, now)?;
        }
        let mut random = ChaCha12Rng::from_seed(seed);
        let mut key = || {
            let mut key = [0; 16];
            random.fill_bytes(&mut key);
            key
        };
        let (inbound, own) = (Inbound::new(key()), SsrcTable::new(key()));
        let mut rtcp_seed = [0; 32];
        random.fill_bytes(&mut rtcp_seed);
        let receiver_ssrc = Ssrc(random.next_u32().max(1));
        let rtcp = RtcpOut::new(config.cname.clone(), receiver_ssrc, rtcp_seed, now);
        let store = PacketStore::new(config.stored_packets_max);
        let queue = Queue::new(config.stored_packets_max);
        let wall = config.wall;
        Ok(Self {
            config,
            started: now,
            random,
            keys: None,
            inbound,
            senders: Vec::new(),
            encodings: Vec::new(),
            free_encodings: Vec::new(),
            own,
            store,
            queue,
            transport_seq: 1,
            abs_send_time: (now, AbsSendTime::from_ntp(wall)),
            twcc: TwccDecoder::new(),
            ccfb: CcfbDecoder::new(),
            feedback: CongestionFeedback::None,
            rtcp,
            rtt: None,
            events: VecDeque::new(),
            latest_video: None,
            padding_owed: None,
            rtcp_sent: 0,
        })
    }

    /// DTLS has agreed on keys.
    pub(crate) fn set_keys(&mut self, keys: &SrtpKeys, role: DtlsRole) -> Result<(), KeyError> {
        let material = KeyingMaterial::from_dtls(keys.profile, &keys.material)?;
        let (ours, theirs) = match role {
            DtlsRole::Client => (material.client_write, material.server_write),
            DtlsRole::Server => (material.server_write, material.client_write),
        };
        self.keys = Some(Box::new(Keys {
            profile: keys.profile,
            sealer: Sealer::new(keys.profile, &ours)?,
            opener: Opener::new(keys.profile, &theirs)?,
        }));
        Ok(())
    }

    pub(crate) fn profile(&self) -> Option<Profile> {
        self.keys.as_ref().map(|keys| keys.profile)
    }

    pub(crate) fn is_own(&self, ssrc: Ssrc) -> bool {
        self.own.get(ssrc).is_some()
    }

    pub(crate) fn congestion(&self) -> Option<moim_cc::Stats> {
        Some(self.queue.controller()?.stats())
    }

    /// Changes the limits of the target.
    pub(crate) fn set_bitrate_limits(
        &mut self,
        min: Bitrate,
        max: Bitrate,
        now: Instant,
    ) -> Result<(), moim_cc::InvalidConfig> {
        if let Some(config) = &mut self.config.congestion {
            let changed = moim_cc::Config { min, max, ..*config };
            // Only to see whether they make sense: there may be no controller yet.
            moim_cc::SendSideController::new(changed, now)?;
            *config = changed;
        }
        self.queue.controller_mut().map_or(Ok(()), |controller| controller.set_limits(min, max, now))
    }

    /// What media would use if it might.
    pub(crate) fn set_demand(&mut self, demand: Bitrate, now: Instant) {
        if let Some(controller) = self.queue.controller_mut() {
            controller.set_demand(demand, now);
        }
    }

    /// Nothing is sent or received any more.
    pub(crate) fn close(&mut self, now: Instant) {
        self.keys = None;
        self.queue.clear(&mut self.store, now);
    }

    /// This side's streams end: the other side is told, as far as that can still be sent.
    pub(crate) fn say_goodbye(&mut self, now: Instant) {
        self.queue.clear(&mut self.store, now);
        for encoding in self.encodings.iter().filter(|encoding| encoding.clock.is_some()) {
            self.rtcp.bye(encoding.spec.ssrc);
        }
    }

    /// Packets take another way from now on.
    pub(crate) fn on_path(&mut self, now: Instant) {
        self.queue.on_path(now);
    }

    /// A section was negotiated (again): what it sends and receives.
    pub(crate) fn set_section(&mut self, index: u32, spec: &SectionSpec, now: Instant) {
        self.inbound.set_section(index, spec, now);
        let place = index as usize;
        if self.senders.len() <= place {
            self.senders.resize_with(place + 1, || None);
        }
        let mut section = SendSection::new(spec);
        section.encodings = self.senders[place].take().map(|before| before.encodings).unwrap_or_default();
        for encoding in &spec.encodings {
            let is_same = |known: &&u32| {
                self.encodings.get(**known as usize).is_some_and(|known| known.spec.ssrc == encoding.ssrc)
            };
            let known = section.encodings.iter().find(is_same).copied();
            match known {
                Some(known) => self.encodings[known as usize].spec = *encoding,
                None => section.encodings.extend(self.add_encoding(*encoding, index)),
            }
        }
        self.senders[place] = Some(Box::new(section));
        self.share_store();
        self.rtcp.configure(spec.is_reduced_size, spec.feedback, now);
        if spec.feedback != CongestionFeedback::None && self.feedback == CongestionFeedback::None {
            self.feedback = spec.feedback;
            if let Some(congestion) = self.config.congestion {
                self.queue.pace(congestion, self.config.pacer, now);
            }
        }
    }

    /// A section is no more.
    pub(crate) fn remove_section(&mut self, index: u32) {
        self.inbound.remove_section(index);
        let Some(section) = self.senders.get_mut(index as usize).and_then(Option::take) else { return };
        for index in section.encodings {
            let Some(encoding) = self.encodings.get_mut(index as usize) else { continue };
            self.free_encodings.push(index);
            encoding.spec.is_accepted = false;
            encoding.history.clear(&mut self.store);
            self.own.remove(encoding.spec.ssrc);
            if let Some(rtx) = encoding.spec.rtx {
                self.own.remove(rtx);
            }
            if encoding.clock.take().is_some() {
                self.rtcp.bye(encoding.spec.ssrc);
            }
        }
    }

    /// A key frame is wanted of a stream: asked for now, unless it was a moment ago.
    pub(crate) fn request_key_frame(&mut self, stream: ReceiveStreamId, now: Instant) -> bool {
        let Some((media, _)) = self.inbound.media_mut(stream.0) else { return false };
        let is_recent = |at: Instant| now.saturating_duration_since(at) < rtcp_out::KEY_FRAME_PAUSE;
        if !media.key_frame_asked.is_some_and(is_recent) {
            media.key_frame_asked = Some(now);
            self.rtcp.want_key_frame(stream.0);
        }
        true
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.keys.is_some() && self.queue.poll_timeout(now).is_some_and(|deadline| deadline.at <= now) {
            self.queue.handle_timeout(now);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Deadline> {
        self.keys.as_ref()?;
        if self.padding_owed.is_some() {
            return Some(Deadline::new(self.started, "padding to be sent"));
        }
        Deadline::soonest(self.queue.poll_timeout(self.started), self.rtcp.poll_timeout(self.started))
    }

    pub(crate) fn poll_event(&mut self) -> Option<MediaEvent> {
        if let Some(event) = self.events.pop_front() {
            return Some(event);
        }
        self.queue.take_target().map(MediaEvent::Target)
    }

    fn tell(&mut self, event: MediaEvent) {
        if self.events.len() < EVENTS_MAX {
            self.events.push_back(event);
        }
    }

    /// The wall clock at a moment.
    pub(crate) fn wall(&self, now: Instant) -> NtpTime {
        let since = now.saturating_duration_since(self.started);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        NtpTime(self.config.wall.0.wrapping_add((since.as_secs() << 32) | fraction))
    }

    /// Half of the store is for what can be asked for again, in equal parts; so there is always room for what is to be sent.
    fn share_store(&mut self) {
        let sharing = self.encodings.iter().filter(|encoding| encoding.spec.is_accepted).count();
        let share = self.config.stored_packets_max / 2 / sharing.max(1);
        for encoding in &mut self.encodings {
            encoding.history.set_len_max(share, &mut self.store);
        }
    }

    fn add_encoding(&mut self, spec: EncodingSpec, section: u32) -> Option<u32> {
        let index = match self.free_encodings.pop() {
            Some(index) => index,
            None if self.encodings.len() < ENCODINGS_TOTAL_MAX => u32::try_from(self.encodings.len()).ok()?,
            None => return None,
        };
        let begin = self.random.next_u32();
        let seqs = [begin, begin >> 16].map(|bits| u16::try_from(bits & 0x7FFF).unwrap_or_default());
        let encoding = Encoding::new(spec, section, seqs, self.feedback == CongestionFeedback::Ccfb);
        match self.encodings.get_mut(index as usize) {
            Some(place) => *place = encoding,
            None => self.encodings.push(encoding),
        }
        self.own.insert(spec.ssrc, index);
        if let Some(rtx) = spec.rtx {
            self.own.insert(rtx, index);
        }
        Some(index)
    }
}

#[cfg(test)]
mod tests;
