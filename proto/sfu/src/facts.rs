//! What a packet is, in words common to all formats: found out once, and looked at for each subscriber.

use crate::layers::{LayerIndex, Targets, targets_with};
use moim_rtp::payload::dependency_descriptor::{self, DecodeTargetIndication, REFERENCES_MAX};
use moim_rtp::payload::{PacketSummary, PayloadError, PayloadFormat, PictureId, h265, summarize, vp8, vp9};
use moim_wire::{ExtSeqNo, MediaKind, RtpTimestamp};

/// The number that the first picture of a stream gets: far from 0, so that those before it have numbers too.
const PICTURE_FIRST: u64 = 1 << 17;

/// What a packet is.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct Facts {
    pub(crate) seq: ExtSeqNo,
    pub(crate) timestamp: RtpTimestamp,
    pub(crate) marker: bool,
    /// Whether decoding can begin with it.
    pub(crate) begins: bool,
    /// Whether it is the first that came of its picture, and no later one has come.
    pub(crate) starts_picture: bool,
    /// Whether a later one came before.
    pub(crate) is_late: bool,
    /// Whether the packet before it came before, and is of another picture: nothing of its picture is missing before it.
    pub(crate) is_surely_first: bool,
    /// Whether what came behind it could not be read without it.
    pub(crate) is_anew: bool,
    /// Whether it is the last of the part of a picture that is of its spatial layer.
    pub(crate) ends_layer: bool,
    pub(crate) layers: LayerIndex,
    /// The targets that it belongs to.
    pub(crate) targets: u32,
    pub(crate) switch: Switch,
    /// The number of its picture, without wraps.
    pub(crate) picture: Option<u64>,
    pub(crate) tl0: Option<u8>,
    /// The running number of key frames, which VP8 has.
    pub(crate) key_index: Option<u8>,
    pub(crate) frame: Option<Frame>,
}

/// Who can step up here to a higher temporal layer, or to another target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Switch {
    /// Nobody.
    #[default]
    Nobody,
    /// Everybody, to the layer of this frame: it refers to the lowest one only (RFC 7741 §4.2, Y).
    ToThisLayer,
    /// Those who get this frame anyway, to all layers above (RFC 9628 §4.2, U).
    FromThisLayer,
    /// Those who get the layer below that of this frame, to its layer (ITU-T H.265 §3, STSA).
    StepToThisLayer,
    /// The same, and to all layers above (ITU-T H.265 §3, TSA).
    StepToThisAndAbove,
    /// Those who have what the frame refers to, to these targets.
    ToTargets(u32),
}

/// What a dependency descriptor says of a packet's frame, for whom rewrites it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The number of the frame, without wraps.
    pub(crate) number: u64,
    /// How many frames back those are that it refers to. 0 is none: what is there comes first.
    pub(crate) references: [u16; REFERENCES_MAX],
    /// Whether it says itself which decode targets are active: without a word all are, once there is a new structure.
    pub(crate) is_about_targets: bool,
    /// The decode targets that are active.
    pub(crate) active_targets: u32,
}

/// Reads what packets of one encoding are.
#[derive(Debug)]
pub(crate) struct FactsReader {
    format: PayloadFormat,
    newest: Option<(ExtSeqNo, RtpTimestamp)>,
    pictures: Option<(PictureId, u64)>,
    frames: Option<(u16, u64)>,
    pub(crate) descriptors: dependency_descriptor::Reader,
    /// By what packets before this one are read, which brought another structure.
    before: Option<(ExtSeqNo, dependency_descriptor::Reader)>,
    pub(crate) targets: Targets,
}

impl FactsReader {
    pub(crate) fn new(format: PayloadFormat) -> Self {
        Self {
            format,
            newest: None,
            pictures: None,
            frames: None,
            descriptors: dependency_descriptor::Reader::new(),
            before: None,
            targets: Targets::ByLayer,
        }
    }

    /// The stream begins anew: nothing that was known of its numbers holds.
    pub(crate) fn restart(&mut self) {
        *self = Self::new(self.format);
    }

    /// Looks at a packet. What cannot be read is [`Facts`] too, of no target, with the error.
    pub(crate) fn read(
        &mut self,
        seq: ExtSeqNo,
        (timestamp, marker): (RtpTimestamp, bool),
        payload: &[u8],
        descriptor: Option<&[u8]>,
    ) -> (Facts, Result<(), PayloadError>) {
        let mut facts = Facts { seq, timestamp, marker, ..Facts::default() };
        match self.newest {
            Some((newest, at)) if seq > newest => {
                facts.starts_picture = timestamp.distance_from(at) > 0;
                facts.is_surely_first = facts.starts_picture && newest.0 + 1 == seq.0;
                self.newest = Some((seq, timestamp));
            }
            Some(_) => facts.is_late = true,
            None => {
                facts.starts_picture = true;
                self.newest = Some((seq, timestamp));
            }
        }
        let result = self.look(&mut facts, payload, descriptor);
        (facts, result)
    }

    /// Looks at what a packet carries, once more if the structure that it needs came after it.
    pub(crate) fn look(
        &mut self,
        facts: &mut Facts,
        payload: &[u8],
        descriptor: Option<&[u8]>,
    ) -> Result<(), PayloadError> {
        if payload.is_empty() {
            return Ok(());
        }
        if self.format.kind() == MediaKind::Audio {
            (facts.begins, facts.targets) = (true, u32::MAX);
            return Ok(());
        }
        let summary = match self.format {
            PayloadFormat::Vp9 => look_at_vp9(facts, payload)?,
            PayloadFormat::Vp8 => look_at_vp8(facts, payload)?,
            PayloadFormat::H265 => look_at_h265(facts, payload)?,
            PayloadFormat::Opus | PayloadFormat::H264 | PayloadFormat::Av1 => {
                summarize(self.format, payload)?
            }
        };
        facts.picture = summary.picture_id.map(|id| self.extend_picture(id));
        facts.tl0 = summary.tl0_picture_index;
        facts.begins = summary.is_frame_start && self.can_begin(facts, &summary, payload);
        if let Some(descriptor) = descriptor {
            match self.look_at_descriptor(facts, descriptor) {
                // As long as there was no structure, what the payload says has to do.
                Err(_) if matches!(self.targets, Targets::ByLayer) => {}
                result => return result,
            }
        }
        if facts.begins {
            self.targets = Targets::ByLayer;
        }
        if let Targets::Described { .. } = self.targets {
            return Err(PayloadError::Incomplete("a dependency descriptor is missing"));
        }
        facts.layers = match self.format {
            PayloadFormat::Vp8 | PayloadFormat::Vp9 | PayloadFormat::H265 => {
                LayerIndex::new(summary.spatial_id, summary.temporal_id)
            }
            // Only the descriptor says it of each packet.
            PayloadFormat::Av1 | PayloadFormat::H264 | PayloadFormat::Opus => LayerIndex::default(),
        };
        facts.targets = targets_with(facts.layers);
        Ok(())
    }

    /// Whether decoding can begin with a packet by which a frame can begin.
    ///
    /// Before the slices of a key frame of H.264 or H.265 go its parameter sets, in packets of their own where the encoder wants it so, and what begins
    /// behind those cannot be decoded. Where none come with a key frame, it is because they were agreed on beforehand.
    fn can_begin(&self, facts: &Facts, summary: &PacketSummary, payload: &[u8]) -> bool {
        let is_first_of_all = match self.format {
            PayloadFormat::H264 => summary.has_parameter_sets,
            PayloadFormat::H265 => has_video_parameter_set(payload),
            PayloadFormat::Opus | PayloadFormat::Vp8 | PayloadFormat::Vp9 | PayloadFormat::Av1 => {
                return summary.is_key_frame;
            }
        };
        is_first_of_all || (facts.is_surely_first && (summary.is_key_frame || summary.has_parameter_sets))
    }

    fn look_at_descriptor(&mut self, facts: &mut Facts, bytes: &[u8]) -> Result<(), PayloadError> {
        let before = self.before.as_mut().filter(|(since, _)| facts.seq < *since);
        let is_of_before = before.is_some();
        let replaced = dependency_descriptor::has_structure(bytes).then(|| self.descriptors.clone());
        let reader = before.map_or(&mut self.descriptors, |(_, reader)| reader);
        let descriptor = reader.read(bytes)?;
        let structure = reader.structure().ok_or(PayloadError::Incomplete("there is no structure"))?;
        if !is_of_before && (descriptor.structure.is_some() || matches!(self.targets, Targets::ByLayer)) {
            self.targets = Targets::of_structure(structure);
        }
        let described = descriptor.frame(structure)?;
        let active_targets = reader.active_decode_targets();
        facts.layers = LayerIndex::new(described.spatial_id, described.temporal_id);
        facts.ends_layer = descriptor.mandatory.is_frame_end;
        facts.begins = descriptor.structure.is_some()
            && descriptor.mandatory.is_frame_start
            && described.references.is_empty();
        let (mut present, mut switch) = (0, 0);
        for (target, indication) in described.indications.iter().enumerate().take(32) {
            present |= u32::from(*indication != DecodeTargetIndication::NotPresent) << target;
            switch |= u32::from(*indication == DecodeTargetIndication::Switch) << target;
        }
        (facts.targets, facts.switch) = (present, Switch::ToTargets(switch));
        let mut references = [0; REFERENCES_MAX];
        for (to, from) in references.iter_mut().zip(described.references) {
            *to = *from;
        }
        facts.frame = Some(Frame {
            number: extend(&mut self.frames, descriptor.mandatory.frame_number),
            references,
            is_about_targets: descriptor.structure.is_some() || descriptor.active_decode_targets.is_some(),
            active_targets,
        });
        if let Some(replaced) = replaced
            && !is_of_before
            && replaced.structure() != self.descriptors.structure()
        {
            self.before = Some((facts.seq, replaced));
        }
        Ok(())
    }

    fn extend_picture(&mut self, id: PictureId) -> u64 {
        let Some((newest, number)) = self.pictures else {
            let number = PICTURE_FIRST + u64::from(id.number());
            self.pictures = Some((id, number));
            return number;
        };
        let number = number.saturating_add_signed(i64::from(id.distance_from(newest)));
        if id.distance_from(newest) > 0 {
            self.pictures = Some((id, number));
        }
        number
    }
}

/// The same number without wraps, near the newest.
fn extend(newest: &mut Option<(u16, u64)>, number: u16) -> u64 {
    let Some((before, extended)) = *newest else {
        let extended = PICTURE_FIRST + u64::from(number);
        *newest = Some((number, extended));
        return extended;
    };
    let distance = number.wrapping_sub(before).cast_signed();
    let extended = extended.saturating_add_signed(i64::from(distance));
    if distance > 0 {
        *newest = Some((number, extended));
    }
    extended
}

/// ITU-T H.265 table 7-1: pictures at which temporal sub-layers can be stepped up to say so by their types, in each packet.
fn look_at_h265(facts: &mut Facts, payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    let summary = summarize(PayloadFormat::H265, payload)?;
    let header = h265::UnitHeader::parse(payload)?;
    let of_fragment = payload.get(2).filter(|_| header.unit_type == h265::unit_type::FRAGMENT);
    facts.switch = match of_fragment.map_or(header.unit_type, |flags| flags & 0x3F) {
        2 | 3 => Switch::StepToThisAndAbove,
        4 | 5 => Switch::StepToThisLayer,
        _ => Switch::Nobody,
    };
    Ok(summary)
}

/// Whether a packet has the set that goes before all others (RFC 7798 §4.4): alone, or as the first of several.
fn has_video_parameter_set(payload: &[u8]) -> bool {
    let is_of = |unit: &[u8], unit_type| {
        h265::UnitHeader::parse(unit).is_ok_and(|header| header.unit_type == unit_type)
    };
    let first_of_several = payload.get(4..).unwrap_or_default();
    is_of(payload, h265::unit_type::VPS)
        || is_of(payload, h265::unit_type::AGGREGATION) && is_of(first_of_several, h265::unit_type::VPS)
}

fn look_at_vp8(facts: &mut Facts, payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    let summary = summarize(PayloadFormat::Vp8, payload)?;
    let (descriptor, _) = vp8::Descriptor::parse(payload)?;
    facts.key_index = descriptor.key_index;
    if descriptor.temporal.is_some_and(|temporal| temporal.is_sync) {
        facts.switch = Switch::ToThisLayer;
    }
    Ok(summary)
}

fn look_at_vp9(facts: &mut Facts, payload: &[u8]) -> Result<PacketSummary, PayloadError> {
    let summary = summarize(PayloadFormat::Vp9, payload)?;
    let (descriptor, _) = vp9::Descriptor::parse(payload)?;
    facts.ends_layer = descriptor.is_frame_end;
    if descriptor.layer.is_some_and(|layer| layer.is_switching_point) {
        facts.switch = Switch::FromThisLayer;
    }
    Ok(summary)
}

#[cfg(test)]
mod tests;
