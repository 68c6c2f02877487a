use super::super::PayloadError;
use super::DependencyDescriptor;
use super::bits::BitWriter;
use super::structure::TemplateStructure;
use moim_wire::OutOfSpace;

impl DependencyDescriptor {
    /// Writes the descriptor to the beginning of `out` and says how long it is. `structure` is the one that holds, which is the descriptor's own
    /// if it has one.
    pub fn write(&self, structure: &TemplateStructure, out: &mut [u8]) -> Result<usize, PayloadError> {
        let fits = |len: Option<usize>, count: u8| len.is_none_or(|len| len == usize::from(count));
        let structure = self.structure.as_deref().unwrap_or(structure);
        if !fits(self.indications.as_ref().map(|list| list.len()), structure.decode_targets)
            || !fits(self.chains.as_ref().map(|list| list.len()), structure.chain_count)
        {
            return Err(PayloadError::InvalidArgument("the descriptor does not fit its structure"));
        }
        let mut bits = BitWriter::new(out);
        self.write_bits(structure, &mut bits)?;
        Ok(bits.len())
    }

    fn write_bits(
        &self,
        structure: &TemplateStructure,
        bits: &mut BitWriter<'_>,
    ) -> Result<(), PayloadError> {
        bits.flag(self.mandatory.is_frame_start)?;
        bits.flag(self.mandatory.is_frame_end)?;
        bits.bits(u32::from(self.mandatory.template_id), 6)?;
        bits.bits(u32::from(self.mandatory.frame_number), 16)?;
        let flags = [
            self.structure.is_some(),
            self.active_decode_targets.is_some(),
            self.indications.is_some(),
            self.references.is_some(),
            self.chains.is_some(),
        ];
        if flags == [false; 5] {
            return Ok(());
        }
        for flag in flags {
            bits.flag(flag)?;
        }
        if self.structure.is_some() {
            write_structure(structure, bits)?;
        }
        if let Some(active) = self.active_decode_targets {
            bits.bits(active, u32::from(structure.decode_targets))?;
        }
        for indication in self.indications.iter().flat_map(|list| list.iter()) {
            bits.bits(*indication as u32, 2)?;
        }
        if let Some(references) = &self.references {
            for back in references.iter() {
                let value = u32::from(back.saturating_sub(1));
                let size = (32 - value.leading_zeros()).div_ceil(4).max(1);
                if size > 3 {
                    return Err(PayloadError::InvalidArgument(
                        "a frame refers further back than 4,096 frames",
                    ));
                }
                bits.bits(size, 2)?;
                bits.bits(value, 4 * size)?;
            }
            bits.bits(0, 2)?;
        }
        for back in self.chains.iter().flat_map(|list| list.iter()) {
            bits.bits(u32::from(*back), 8)?;
        }
        Ok(())
    }
}

fn write_structure(structure: &TemplateStructure, bits: &mut BitWriter<'_>) -> Result<(), PayloadError> {
    check(structure)?;
    bits.bits(u32::from(structure.template_id_offset), 6)?;
    bits.bits(u32::from(structure.decode_targets - 1), 5)?;
    write_layers(structure, bits)?;
    for indication in structure.templates.iter().flat_map(|template| &template.indications) {
        bits.bits(*indication as u32, 2)?;
    }
    for template in &structure.templates {
        for back in template.references.iter() {
            bits.flag(true)?;
            bits.bits(u32::from(back - 1), 4)?;
        }
        bits.flag(false)?;
    }
    bits.one_of(structure.chain_count, structure.decode_targets + 1)?;
    if structure.chain_count > 0 {
        for chain in &structure.protected_by {
            bits.one_of(*chain, structure.chain_count)?;
        }
        for back in structure.templates.iter().flat_map(|template| &template.chains) {
            bits.bits(u32::from(*back), 4)?;
        }
    }
    bits.flag(!structure.resolutions.is_empty())?;
    for resolution in &structure.resolutions {
        bits.bits(resolution.width - 1, 16)?;
        bits.bits(resolution.height - 1, 16)?;
    }
    Ok(())
}

fn write_layers(structure: &TemplateStructure, bits: &mut BitWriter<'_>) -> Result<(), OutOfSpace> {
    for pair in structure.templates.windows(2) {
        let next_layer =
            match (pair[1].spatial_id != pair[0].spatial_id, pair[1].temporal_id != pair[0].temporal_id) {
                (true, _) => 2,
                (false, true) => 1,
                (false, false) => 0,
            };
        bits.bits(next_layer, 2)?;
    }
    bits.bits(3, 2)
}

/// Whether the parts of a structure fit each other, and their numbers fit their bits.
fn check(structure: &TemplateStructure) -> Result<(), PayloadError> {
    let targets = usize::from(structure.decode_targets);
    let chains = usize::from(structure.chain_count);
    let templates = &structure.templates;
    let layers_follow = templates.windows(2).all(|pair| {
        let [before, after] =
            [&pair[0], &pair[1]].map(|template| (template.spatial_id, template.temporal_id));
        after == before || after == (before.0, before.1 + 1) || after == (before.0 + 1, 0)
    });
    let begins = templates.first().is_some_and(|first| (first.spatial_id, first.temporal_id) == (0, 0));
    let ends = templates.last().map_or(0, |last| usize::from(last.spatial_id) + 1);
    let templates_fit = templates.iter().all(|template| {
        template.indications.len() == targets
            && template.chains.len() == chains
            && template.chains.iter().all(|back| *back < 16)
            && template.references.iter().all(|back| (1..=16).contains(back))
    });
    let is_valid = (1..=super::DECODE_TARGETS_MAX).contains(&targets)
        && chains <= targets
        && (1..=super::TEMPLATES_MAX).contains(&templates.len())
        && begins
        && layers_follow
        && templates_fit
        && structure.protected_by.len() == if chains == 0 { 0 } else { targets }
        && structure.protected_by.iter().all(|chain| usize::from(*chain) < chains)
        && (structure.resolutions.is_empty() || structure.resolutions.len() == ends)
        && structure
            .resolutions
            .iter()
            .all(|size| (1..=65_536).contains(&size.width) && (1..=65_536).contains(&size.height));
    if is_valid { Ok(()) } else { Err(PayloadError::InvalidArgument("the structure does not fit itself")) }
}
