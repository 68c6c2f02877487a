use super::super::PayloadError;
use super::bits::BitReader;
use super::list::List;
use super::structure::{DecodeTargetIndication, Resolution, Template, TemplateStructure};
use super::{DependencyDescriptor, LEN_MAX, MandatoryFields, TEMPLATES_MAX};

/// Reads the descriptors of one stream, and keeps what later ones need of earlier ones.
#[derive(Clone, Debug, Default)]
pub struct Reader {
    structure: Option<Box<TemplateStructure>>,
    active_decode_targets: u32,
}

impl Reader {
    /// A reader that waits for the first structure.
    pub fn new() -> Self {
        Self::default()
    }

    /// The last structure.
    pub fn structure(&self) -> Option<&TemplateStructure> {
        self.structure.as_deref()
    }

    /// Which decode targets are sent at present, the lowest in the lowest bit.
    pub fn active_decode_targets(&self) -> u32 {
        self.active_decode_targets
    }

    /// Reads a descriptor. What it says of structure and decode targets holds from then on; nothing changes if it cannot be read.
    ///
    /// [`PayloadError::Incomplete`] if no structure came before. Descriptors must come in order where structures change: those of a frame before the change
    /// do not fit the structure after it.
    pub fn read(&mut self, bytes: &[u8]) -> Result<DependencyDescriptor, PayloadError> {
        if bytes.len() > LEN_MAX {
            return Err(PayloadError::TooLarge);
        }
        let descriptor = DependencyDescriptor::read(bytes, self.structure.as_deref())?;
        if let Some(structure) = &descriptor.structure {
            self.active_decode_targets = structure.all_decode_targets();
            self.structure = Some(structure.clone());
        }
        if let Some(active) = descriptor.active_decode_targets {
            self.active_decode_targets = active;
        }
        Ok(descriptor)
    }
}

impl DependencyDescriptor {
    /// Reads a descriptor that goes with `structure`, or brings its own.
    fn read(bytes: &[u8], structure: Option<&TemplateStructure>) -> Result<Self, PayloadError> {
        let mandatory = MandatoryFields::parse(bytes)?;
        let mut descriptor = Self {
            mandatory,
            structure: None,
            active_decode_targets: None,
            indications: None,
            references: None,
            chains: None,
        };
        let mut bits = BitReader::new(&bytes[3..]);
        let mut flags = [false; 5];
        if bytes.len() > 3 {
            for flag in &mut flags {
                *flag = bits.flag()?;
            }
        }
        let [has_structure, has_active, has_indications, has_references, has_chains] = flags;
        if has_structure {
            descriptor.structure = Some(Box::new(read_structure(&mut bits)?));
        }
        let structure = descriptor.structure.as_deref().or(structure);
        let structure =
            structure.ok_or(PayloadError::Incomplete("the structure of the stream has not come yet"))?;
        structure.template(mandatory.template_id)?;
        if has_active {
            descriptor.active_decode_targets = Some(bits.bits(u32::from(structure.decode_targets))?);
        }
        if has_indications {
            descriptor.indications = Some(read_list(structure.decode_targets, || {
                bits.bits(2).map(DecodeTargetIndication::from_bits)
            })?);
        }
        if has_references {
            descriptor.references = Some(read_references(&mut bits)?);
        }
        if has_chains {
            descriptor.chains = Some(read_list(structure.chain_count, || bits.small(8))?);
        }
        Ok(descriptor)
    }
}

fn read_list<T: Copy + Default, const N: usize>(
    count: u8,
    mut read: impl FnMut() -> Result<T, PayloadError>,
) -> Result<List<T, N>, PayloadError> {
    let mut list = List::default();
    for _ in 0..count {
        push(&mut list, read()?)?;
    }
    Ok(list)
}

fn push<T: Copy + Default, const N: usize>(list: &mut List<T, N>, value: T) -> Result<(), PayloadError> {
    if list.push(value) { Ok(()) } else { Err(PayloadError::TooLarge) }
}

fn read_references<const N: usize>(bits: &mut BitReader<'_>) -> Result<List<u16, N>, PayloadError> {
    let mut references = List::default();
    loop {
        let size = bits.bits(2)?;
        if size == 0 {
            return Ok(references);
        }
        let back = bits.bits(4 * size)? + 1;
        push(&mut references, u16::try_from(back).map_err(|_| PayloadError::TooLarge)?)?;
    }
}

fn read_structure(bits: &mut BitReader<'_>) -> Result<TemplateStructure, PayloadError> {
    let mut structure = TemplateStructure {
        template_id_offset: bits.small(6)?,
        decode_targets: bits.small(5)? + 1,
        ..TemplateStructure::default()
    };
    structure.templates = read_layers(bits)?;
    for template in &mut structure.templates {
        for _ in 0..structure.decode_targets {
            template.indications.push(DecodeTargetIndication::from_bits(bits.bits(2)?));
        }
    }
    for template in &mut structure.templates {
        while bits.flag()? {
            let back = u16::from(bits.small(4)?) + 1;
            push(&mut template.references, back)?;
        }
    }
    structure.chain_count = bits.one_of(structure.decode_targets + 1)?;
    if structure.chain_count > 0 {
        for _ in 0..structure.decode_targets {
            structure.protected_by.push(bits.one_of(structure.chain_count)?);
        }
        for template in &mut structure.templates {
            for _ in 0..structure.chain_count {
                template.chains.push(bits.small(4)?);
            }
        }
    }
    if bits.flag()? {
        let highest = structure.templates.last().map_or(0, |template| template.spatial_id);
        for _ in 0..=highest {
            let (width, height) = (bits.bits(16)? + 1, bits.bits(16)? + 1);
            structure.resolutions.push(Resolution { width, height });
        }
    }
    Ok(structure)
}

/// The templates, with nothing but their layers.
fn read_layers(bits: &mut BitReader<'_>) -> Result<Vec<Template>, PayloadError> {
    let mut templates = Vec::new();
    let (mut spatial_id, mut temporal_id) = (0, 0);
    loop {
        if templates.len() == TEMPLATES_MAX {
            return Err(PayloadError::Malformed("a structure has more than 64 templates"));
        }
        templates.push(Template { spatial_id, temporal_id, ..Template::default() });
        match bits.bits(2)? {
            0 => {}
            1 => temporal_id += 1,
            2 => (spatial_id, temporal_id) = (spatial_id + 1, 0),
            _ => return Ok(templates),
        }
        if spatial_id > 3 || temporal_id > 7 {
            return Err(PayloadError::Malformed("a structure has more than 4 spatial or 8 temporal layers"));
        }
    }
}
