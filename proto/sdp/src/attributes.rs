use crate::attribute::Attribute;
use crate::text::Expected;
use std::fmt;

/// A function that takes what is wanted out of one kind of attribute, or of several.
macro_rules! pick {
    ($($pattern:pat $(if $guard:expr)? => $value:expr),+) => {
        move |attribute| {
            $(if let $pattern = attribute $(&& $guard)? {
                return Some($value);
            })+
            None
        }
    };
}
pub(crate) use pick;

/// Attributes in the order they were written in.
///
/// An attribute that was read and is not spelt as this crate would write it (`UDP` for `udp`, say) remembers its spelling.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<Entry>);

#[derive(Clone, PartialEq, Eq)]
struct Entry {
    attribute: Attribute,
    /// What followed `a=`, where that is not what the attribute is written as.
    spelling: Option<Box<str>>,
}

impl Attributes {
    /// No attributes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Gives back room that was kept for more.
    pub(crate) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds one at the end.
    pub fn push(&mut self, attribute: Attribute) {
        self.0.push(Entry { attribute, spelling: None });
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Attribute> {
        self.0.iter().map(|entry| &entry.attribute)
    }

    /// Whether one of them is equal to this one.
    pub fn contains(&self, attribute: &Attribute) -> bool {
        self.iter().any(|other| other == attribute)
    }

    /// Keeps those for which `keep` is true.
    pub fn retain(&mut self, mut keep: impl FnMut(&Attribute) -> bool) {
        self.0.retain(|entry| keep(&entry.attribute));
    }

    /// Reads what follows `a=` and adds it at the end.
    pub(crate) fn read(&mut self, text: &str) -> Result<&Attribute, Expected> {
        let attribute = Attribute::parse(text)?;
        let spelling = (attribute.to_string() != text).then(|| text.into());
        self.0.push(Entry { attribute, spelling });
        Ok(&self.0.last().expect("one was pushed in the line above").attribute)
    }

    /// What follows each `a=`, in order.
    pub(crate) fn written(&self) -> impl Iterator<Item = &dyn fmt::Display> {
        self.0.iter().map(|entry| match &entry.spelling {
            Some(spelling) => spelling as &dyn fmt::Display,
            None => &entry.attribute,
        })
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Not the spelling: it may be that of a password.
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Extend<Attribute> for Attributes {
    fn extend<T: IntoIterator<Item = Attribute>>(&mut self, attributes: T) {
        self.0.extend(attributes.into_iter().map(|attribute| Entry { attribute, spelling: None }));
    }
}

impl FromIterator<Attribute> for Attributes {
    fn from_iter<T: IntoIterator<Item = Attribute>>(attributes: T) -> Self {
        let mut all = Self::new();
        all.extend(attributes);
        all
    }
}
