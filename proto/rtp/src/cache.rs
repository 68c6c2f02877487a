use crate::write::{HAS_EXTENSION, fixed_header};
use crate::{ExtensionMap, ExtensionValues, HeaderLayout, OutgoingHeader, write_header};
use moim_wire::OutOfSpace;

/// The longest header that is kept, in bytes.
const KEPT_LEN: usize = 64;

/// The header that was written last: most packets of a stream have one of the same extensions with the same values, or with values that are
/// only filled in when they leave.
///
/// A cache belongs to one [`ExtensionMap`]. Whoever changes that begins with a new one.
///
/// Values are compared as they are given, by `K` and by what they were before they were completed: so nothing is copied for that.
#[derive(Clone, Debug)]
pub struct HeaderCache<K> {
    /// What the bytes were written from.
    key: K,
    given: ExtensionValues,
    layout: HeaderLayout,
    /// Without contributing sources. Of these the fixed header is written each time.
    bytes: [u8; KEPT_LEN],
}

impl<K: Copy + PartialEq> HeaderCache<K> {
    /// An empty one. The key does not matter.
    pub fn new(key: K) -> Self {
        Self { key, given: ExtensionValues::default(), layout: HeaderLayout::default(), bytes: [0; KEPT_LEN] }
    }

    /// Does what [`write_header`] does, with the same result, with the values that `complete` makes of those that are given. `key` stands for all that
    /// it adds to them: the same key, the same values. What follows the header in the first 64 bytes of `out` is overwritten with
    /// anything.
    #[inline]
    pub fn write(
        &mut self,
        out: &mut [u8],
        header: &OutgoingHeader<'_>,
        map: &ExtensionMap,
        (given, raw): (&ExtensionValues, &[u8]),
        (key, complete): (K, impl FnOnce(&mut ExtensionValues)),
    ) -> Result<HeaderLayout, OutOfSpace> {
        let is_same =
            self.layout.header_len != 0 && header.csrcs.is_empty() && self.key == key && self.given == *given;
        match out.first_chunk_mut() {
            Some(first) if is_same => {
                *first = self.bytes;
                let [mut start, timestamp, ssrc] = fixed_header(header);
                start |= u32::from(self.bytes[0] & HAS_EXTENSION) << 24;
                for (bytes, word) in first.as_chunks_mut().0.iter_mut().zip([start, timestamp, ssrc]) {
                    *bytes = word.to_be_bytes();
                }
                Ok(self.layout)
            }
            _ => {
                let mut values = *given;
                complete(&mut values);
                let layout = write_header(out, header, map, &values, raw)?;
                self.keep(out, layout, header, (key, given));
                Ok(layout)
            }
        }
    }

    fn keep(
        &mut self,
        out: &[u8],
        layout: HeaderLayout,
        header: &OutgoingHeader<'_>,
        (key, given): (K, &ExtensionValues),
    ) {
        // Long values are places in a buffer: the same places say nothing about what lies there.
        if header.csrcs.is_empty()
            && !given.has_raw()
            && let Some(kept) = self.bytes.get_mut(..layout.header_len)
        {
            kept.copy_from_slice(&out[..layout.header_len]);
            (self.key, self.given, self.layout) = (key, *given, layout);
        }
    }
}
