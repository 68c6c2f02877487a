//! Dependency descriptors as libwebrtc's encoders have them: any number of spatial and temporal layers, with chains.

use super::codec::{Codec, Part};
use moim_rtp::payload::dependency_descriptor::{
    DecodeTargetIndication, DependencyDescriptor, LEN_MAX, List, MandatoryFields, Template, TemplateStructure,
};

/// What a stream remembers for its descriptors.
#[derive(Clone, Debug)]
pub(super) struct Descriptors {
    structure: TemplateStructure,
    codec: Codec,
    /// The last frame of each chain.
    chains: [Option<u64>; 3],
    /// How far back those were when the present frame began.
    back: [u8; 3],
}

/// What is said of one packet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Said<'a> {
    pub(super) part: &'a Part,
    /// The number of the frame.
    pub(super) number: u64,
    /// How many frames back those are that it refers to.
    pub(super) references: &'a [u64],
    /// The decode targets that are sent, if it is to be told.
    pub(super) active: Option<u32>,
}

impl Descriptors {
    pub(super) fn new(codec: Codec, template_id_offset: u8) -> Self {
        Self { structure: structure(codec, template_id_offset), codec, chains: [None; 3], back: [0; 3] }
    }

    /// Other template ids from here on: with a key frame only.
    pub(super) fn set_offset(&mut self, template_id_offset: u8) {
        self.structure.template_id_offset = template_id_offset;
    }

    /// A frame begins.
    pub(super) fn begin_frame(&mut self, part: &Part, number: u64) {
        for chain in 0..self.codec.spatial {
            let place = usize::from(chain);
            let back = self.chains[place].map_or(0, |last| number - last);
            self.back[place] = u8::try_from(back).unwrap_or(0);
            if part.is_key && part.spatial == 0 {
                self.back[place] = 0;
            }
            let is_below = part.spatial < chain && (part.is_key || !self.codec.is_key_svc);
            if part.temporal == 0 && (part.spatial == chain || is_below) {
                self.chains[place] = Some(number);
            }
        }
    }

    /// The decode targets of so many spatial layers.
    pub(super) fn targets_of(&self, spatial: u8) -> u32 {
        (1 << (spatial * self.codec.temporal)) - 1
    }

    pub(super) fn write(&self, said: &Said<'_>) -> Vec<u8> {
        let part = said.part;
        let has_structure = part.is_key && part.spatial == 0 && part.is_first();
        let references: Vec<u16> =
            said.references.iter().map(|back| u16::try_from(*back).unwrap_or(4_095)).collect();
        let chains = self.back.get(..usize::from(self.codec.spatial)).unwrap_or_default();
        let descriptor = DependencyDescriptor {
            mandatory: MandatoryFields {
                is_frame_start: part.is_first(),
                is_frame_end: part.is_last(),
                template_id: (self.template_of(part) + self.structure.template_id_offset) % 64,
                frame_number: u16::try_from(said.number & 0xFFFF).unwrap_or(0),
            },
            structure: has_structure.then(|| Box::new(self.structure.clone())),
            active_decode_targets: said.active.filter(|_| part.is_first()),
            indications: None,
            references: (!references.is_empty()).then(|| List::from_slice(&references)),
            chains: Some(List::from_slice(chains)),
        };
        let mut out = [0; LEN_MAX];
        let len = descriptor.write(&self.structure, &mut out).expect("it fits its structure");
        out[..len].to_vec()
    }

    /// For each spatial layer there is a template of key frames, and one for each temporal layer.
    fn template_of(&self, part: &Part) -> u8 {
        let first = part.spatial * (self.codec.temporal + 1);
        if part.is_inter { first + 1 + part.temporal } else { first }
    }
}

fn structure(codec: Codec, template_id_offset: u8) -> TemplateStructure {
    let mut templates = Vec::new();
    for spatial in 0..codec.spatial {
        for (temporal, is_key) in std::iter::once((0, true)).chain((0..codec.temporal).map(|id| (id, false)))
        {
            templates.push(Template {
                spatial_id: spatial,
                temporal_id: temporal,
                indications: indications(codec, (spatial, temporal), is_key),
                references: List::from_slice(&[]),
                chains: vec![0; usize::from(codec.spatial)],
            });
        }
    }
    TemplateStructure {
        template_id_offset,
        decode_targets: codec.spatial * codec.temporal,
        templates,
        chain_count: codec.spatial,
        protected_by: (0..codec.spatial)
            .flat_map(|spatial| std::iter::repeat_n(spatial, usize::from(codec.temporal)))
            .collect(),
        ..TemplateStructure::default()
    }
}

/// What a frame is to each decode target, the lowest first.
fn indications(codec: Codec, (spatial, temporal): (u8, u8), is_key: bool) -> Vec<DecodeTargetIndication> {
    use DecodeTargetIndication::{Discardable, NotPresent, Required, Switch};
    let targets = (0..codec.spatial).flat_map(|spatial| (0..codec.temporal).map(move |id| (spatial, id)));
    targets
        .map(|(of_spatial, of_temporal)| {
            let is_below = spatial < of_spatial;
            if spatial > of_spatial || temporal > of_temporal || (is_below && codec.is_key_svc && !is_key) {
                NotPresent
            } else if is_below && !is_key {
                Required
            } else if temporal > 0 && temporal == of_temporal {
                Discardable
            } else {
                Switch
            }
        })
        .collect()
}
