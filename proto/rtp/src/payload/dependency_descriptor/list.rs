use std::fmt;
use std::ops::Deref;

/// Up to `N` values, in place.
#[derive(Clone, Copy)]
pub struct List<T, const N: usize> {
    values: [T; N],
    len: usize,
}

impl<T: Copy + Default, const N: usize> List<T, N> {
    /// Appends a value. False, and nothing is appended, if there are `N` already.
    #[must_use]
    pub fn push(&mut self, value: T) -> bool {
        let Some(place) = self.values.get_mut(self.len) else { return false };
        *place = value;
        self.len += 1;
        true
    }

    /// The first `N` of some values.
    pub fn from_slice(values: &[T]) -> Self {
        let mut list = Self::default();
        for value in values.iter().take(N) {
            list.values[list.len] = *value;
            list.len += 1;
        }
        list
    }
}

impl<T, const N: usize> List<T, N> {
    /// The values.
    pub fn as_slice(&self) -> &[T] {
        &self.values[..self.len]
    }
}

impl<T: Copy + Default, const N: usize> Default for List<T, N> {
    fn default() -> Self {
        Self { values: [T::default(); N], len: 0 }
    }
}

impl<T, const N: usize> Deref for List<T, N> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        self.as_slice()
    }
}

impl<T: PartialEq, const N: usize> PartialEq for List<T, N> {
    fn eq(&self, other: &Self) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl<T: Eq, const N: usize> Eq for List<T, N> {}

impl<T: fmt::Debug, const N: usize> fmt::Debug for List<T, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}
