use std::fmt;
use std::num::NonZeroU32;

/// A place in an [`Arena`], and which of the values that were there one after the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Key {
    pub(crate) index: u32,
    generation: NonZeroU32,
}

impl Key {
    /// As a number: the generation above the place.
    pub(crate) fn to_bits(self) -> u64 {
        u64::from(self.generation.get()) << 32 | u64::from(self.index)
    }

    /// What [`to_bits`](Self::to_bits) has made. [`None`]: it has not made this.
    pub(crate) fn from_bits(bits: u64) -> Option<Self> {
        let [index, generation] = [bits & u64::from(u32::MAX), bits >> 32].map(u32::try_from);
        Some(Self { index: index.ok()?, generation: NonZeroU32::new(generation.ok()?)? })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.index, self.generation)
    }
}

/// Values side by side, up to a limit. A key of a value that is gone finds nothing, even if another value has its place.
#[derive(Debug)]
pub(crate) struct Arena<T> {
    places: Vec<Place<T>>,
    free: Vec<u32>,
    len_max: u32,
}

#[derive(Debug)]
struct Place<T> {
    generation: NonZeroU32,
    value: Option<T>,
}

impl<T> Arena<T> {
    pub(crate) fn new(len_max: u32) -> Self {
        Self { places: Vec::new(), free: Vec::new(), len_max }
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len() - self.free.len()
    }

    /// How many more values fit.
    pub(crate) fn room(&self) -> usize {
        (self.len_max as usize).saturating_sub(self.len())
    }

    /// Above every index in use.
    pub(crate) fn end(&self) -> u32 {
        u32::try_from(self.places.len()).unwrap_or(u32::MAX)
    }

    /// Keeps what `make` makes of its key. [`None`] if it is full.
    pub(crate) fn insert_with(&mut self, make: impl FnOnce(Key) -> T) -> Option<Key> {
        if self.room() == 0 {
            return None;
        }
        let index = self.free.pop().unwrap_or_else(|| {
            self.places.push(Place { generation: NonZeroU32::MIN, value: None });
            u32::try_from(self.places.len() - 1).unwrap_or(u32::MAX)
        });
        let place = &mut self.places[index as usize];
        let key = Key { index, generation: place.generation };
        place.value = Some(make(key));
        Some(key)
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let place = self.places.get_mut(key.index as usize)?;
        if place.generation != key.generation {
            return None;
        }
        let value = place.value.take()?;
        place.generation = place.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        self.free.push(key.index);
        Some(value)
    }

    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        let place = self.places.get(key.index as usize)?;
        if place.generation == key.generation { place.value.as_ref() } else { None }
    }

    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        let place = self.places.get_mut(key.index as usize)?;
        if place.generation == key.generation { place.value.as_mut() } else { None }
    }

    /// The value at an index that is known to be of the right one.
    pub(crate) fn at(&self, index: u32) -> Option<&T> {
        self.places.get(index as usize)?.value.as_ref()
    }

    pub(crate) fn at_mut(&mut self, index: u32) -> Option<&mut T> {
        self.places.get_mut(index as usize)?.value.as_mut()
    }

    pub(crate) fn key_at(&self, index: u32) -> Option<Key> {
        let place = self.places.get(index as usize)?;
        place.value.as_ref().map(|_| Key { index, generation: place.generation })
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (u32, &mut T)> {
        (0..).zip(self.places.iter_mut()).filter_map(|(index, place)| Some((index, place.value.as_mut()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::Arena;

    #[test]
    fn a_key_finds_its_own_value_only() {
        let mut arena = Arena::new(2);
        let first = arena.insert_with(|_| 'a').unwrap();
        let second = arena.insert_with(|_| 'b').unwrap();

        assert_eq!(arena.insert_with(|_| 'c'), None, "it is full");
        assert_eq!(arena.remove(first), Some('a'));
        assert_eq!(arena.remove(first), None);
        let third = arena.insert_with(|_| 'd').unwrap();

        assert_eq!(third.index, first.index);
        assert_eq!((arena.get(first), arena.get(second), arena.get(third)), (None, Some(&'b'), Some(&'d')));
        assert_eq!(arena.key_at(first.index), Some(third));
    }
}
