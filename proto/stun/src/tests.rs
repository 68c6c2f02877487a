mod messages;
mod properties;
pub(crate) mod vectors;
