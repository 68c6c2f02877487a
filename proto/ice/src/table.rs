//! A dense table whose keys are never used again for something else.

/// Where something lies in a [`Table`], and which of those that have lain there it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    index: u32,
    generation: u32,
}

#[derive(Debug)]
pub(crate) struct Table<T> {
    entries: Vec<Entry<T>>,
    len: usize,
}

#[derive(Debug)]
struct Entry<T> {
    generation: u32,
    value: Option<T>,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), len: 0 }
    }
}

impl<T> Table<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Puts a value into the first free place.
    pub(crate) fn insert(&mut self, value: T) -> Key {
        self.len += 1;
        let free = self.entries.iter().position(|entry| entry.value.is_none());
        let index = free.unwrap_or_else(|| {
            self.entries.push(Entry { generation: 0, value: None });
            self.entries.len() - 1
        });
        let entry = &mut self.entries[index];
        entry.value = Some(value);
        let index = u32::try_from(index).expect("tables are bounded far below that");
        Key { index, generation: entry.generation }
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation != key.generation {
            return None;
        }
        let value = entry.value.take()?;
        entry.generation = entry.generation.wrapping_add(1);
        self.len -= 1;
        Some(value)
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let entry = self.entries.get(key.index as usize)?;
        if entry.generation == key.generation { entry.value.as_ref() } else { None }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let entry = self.entries.get_mut(key.index as usize)?;
        if entry.generation == key.generation { entry.value.as_mut() } else { None }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.entries.iter().enumerate().filter_map(|(index, entry)| {
            let index = u32::try_from(index).ok()?;
            entry.value.as_ref().map(|value| (Key { index, generation: entry.generation }, value))
        })
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (Key, &mut T)> {
        self.entries.iter_mut().enumerate().filter_map(|(index, entry)| {
            let index = u32::try_from(index).ok()?;
            let generation = entry.generation;
            entry.value.as_mut().map(|value| (Key { index, generation }, value))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_anothers() {
        let mut table = Table::default();
        let first = table.insert("a");
        let second = table.insert("b");

        assert_eq!(table.remove(first), Some("a"));
        let third = table.insert("c");
        assert_eq!(table.get(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!((table.get(second), table.get(third), table.len()), (Some(&"b"), Some(&"c"), 2));
        assert_eq!(table.iter().map(|(_, value)| *value).collect::<Vec<_>>(), ["c", "b"]);
    }
}
