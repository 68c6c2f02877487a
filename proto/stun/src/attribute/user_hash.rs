use super::{Attribute, AttributeType};
use crate::key::opaque_string;
use crate::{BuildError, KeyError, TransactionId};
use aws_lc_rs::digest;
use moim_wire::Writer;

/// USERHASH: stands for USERNAME and hides it from listeners (RFC 8489 §14.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserHash(pub [u8; 32]);

impl UserHash {
    /// The hash of a user name in a realm, both of which are prepared by OpaqueString.
    pub fn new(username: &str, realm: &str) -> Result<Self, KeyError> {
        let username = opaque_string(username).ok_or(KeyError::Username)?;
        let realm = opaque_string(realm).ok_or(KeyError::Realm)?;
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(username.as_bytes());
        context.update(b":");
        context.update(realm.as_bytes());
        let mut hash = [0; 32];
        hash.copy_from_slice(context.finish().as_ref());
        Ok(Self(hash))
    }
}

impl Attribute<'_> for UserHash {
    const TYPE: AttributeType = AttributeType::USERHASH;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        value.try_into().ok().map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.bytes(&self.0)?)
    }
}
