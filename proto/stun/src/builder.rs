use crate::attribute::{Attribute, AttributeType};
use crate::fingerprint::FINGERPRINT_LEN;
use crate::header::{Class, HEADER_LEN, MAGIC_COOKIE, Method, TransactionId, message_type};
use crate::integrity::{SHA1_LEN, SHA256_LEN};
use crate::key::IntegrityKey;
use crate::message::padded;
use crate::{BuildError, fingerprint, integrity};
use aws_lc_rs::hmac;
use moim_wire::Writer;

/// Writes a message into a buffer of the caller's.
///
/// ```
/// use moim_stun::{Class, IntegrityKey, Integrity, Message, MessageBuilder, Method, Seal, TransactionId, attribute::Username};
///
/// let mut buffer = [0; 128];
/// let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, TransactionId([7; 12]))?;
/// builder.attribute(&Username("evtj:h6vY"))?;
/// let key = IntegrityKey::short_term("VOkJxbRl1RmTxUk/WvJxBt");
/// let message = builder.finish(Seal { integrity: Integrity::Sha1(&key), fingerprint: true })?;
/// assert!(Message::parse(message).is_ok());
/// # Ok::<(), moim_stun::BuildError>(())
/// ```
#[derive(Debug)]
pub struct MessageBuilder<'b> {
    writer: Writer<'b>,
    transaction_id: TransactionId,
}

/// How a message ends. The default is without integrity and without fingerprint.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seal<'k> {
    /// Which message integrity attributes it carries.
    pub integrity: Integrity<'k>,
    /// Whether it carries FINGERPRINT.
    pub fingerprint: bool,
}

/// Which message integrity attributes a message carries, and the key they are made with.
#[derive(Clone, Copy, Debug, Default)]
pub enum Integrity<'k> {
    /// None: whoever changes the message on its way is not found out.
    #[default]
    None,
    /// MESSAGE-INTEGRITY.
    Sha1(&'k IntegrityKey),
    /// MESSAGE-INTEGRITY-SHA256.
    Sha256(&'k IntegrityKey),
    /// Both, in a request to a peer that may know only the first (RFC 8489 §9.1.2).
    Both(&'k IntegrityKey),
}

impl<'b> MessageBuilder<'b> {
    /// Begins a message at the beginning of `buffer`.
    pub fn new(
        buffer: &'b mut [u8],
        class: Class,
        method: Method,
        transaction_id: TransactionId,
    ) -> Result<Self, BuildError> {
        let mut writer = Writer::new(buffer);
        writer.u16(message_type(class, method))?;
        writer.u16(0)?;
        writer.u32(MAGIC_COOKIE)?;
        writer.bytes(&transaction_id.0)?;
        Ok(Self { writer, transaction_id })
    }

    /// Adds an attribute. On an error the message is as it was before.
    pub fn attribute<'a, A: Attribute<'a>>(&mut self, attribute: &A) -> Result<(), BuildError> {
        let transaction_id = self.transaction_id;
        self.put(A::TYPE, |writer| attribute.encode(writer, transaction_id))
    }

    /// Adds an attribute that has no type of its own here. On an error the message is as it was before.
    pub fn raw(&mut self, attribute_type: AttributeType, value: &[u8]) -> Result<(), BuildError> {
        self.put(attribute_type, |writer| Ok(writer.bytes(value)?))
    }

    /// How long the message is by now, in bytes, its header included.
    #[expect(clippy::len_without_is_empty, reason = "there is always a header")]
    pub fn len(&self) -> usize {
        self.writer.len()
    }

    /// Ends the message and returns its bytes, which are at the beginning of the buffer.
    pub fn finish(mut self, seal: Seal<'_>) -> Result<&'b [u8], BuildError> {
        match seal.integrity {
            Integrity::None => {}
            Integrity::Sha1(key) => self.sign_sha1(key)?,
            Integrity::Sha256(key) => self.sign_sha256(key)?,
            // RFC 8489 §14.6: the stronger one covers the weaker one.
            Integrity::Both(key) => {
                self.sign_sha1(key)?;
                self.sign_sha256(key)?;
            }
        }
        if seal.fingerprint {
            self.set_len(4 + FINGERPRINT_LEN)?;
            let crc = fingerprint::crc(self.writer.written());
            self.put(AttributeType::FINGERPRINT, |writer| Ok(writer.u32(crc)?))?;
        }
        self.set_len(0)?;
        Ok(self.writer.into_written())
    }

    fn sign_sha1(&mut self, key: &IntegrityKey) -> Result<(), BuildError> {
        self.sign(AttributeType::MESSAGE_INTEGRITY, SHA1_LEN, &key.sha1())
    }

    fn sign_sha256(&mut self, key: &IntegrityKey) -> Result<(), BuildError> {
        self.sign(AttributeType::MESSAGE_INTEGRITY_SHA256, SHA256_LEN, &key.sha256())
    }

    fn sign(&mut self, attribute_type: AttributeType, len: usize, key: &hmac::Key) -> Result<(), BuildError> {
        // The length must be one that a message can have before anything is computed over it.
        self.set_len(4 + len)?;
        let message = self.writer.written();
        let tag = integrity::sign(message, message.len(), len, key);
        self.put(attribute_type, |writer| Ok(writer.bytes(tag.as_ref())?))
    }

    /// Sets the length field to what is there and `extra` bytes to come.
    fn set_len(&mut self, extra: usize) -> Result<(), BuildError> {
        let len = self.writer.len() - HEADER_LEN + extra;
        let len = u16::try_from(len).map_err(|_| BuildError::MessageTooLong)?;
        self.writer.patch_u16(2, len);
        Ok(())
    }

    fn put(
        &mut self,
        attribute_type: AttributeType,
        encode: impl FnOnce(&mut Writer<'b>) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        let start = self.writer.len();
        let result = self.put_or_leave_behind(attribute_type, encode);
        if result.is_err() {
            self.writer.truncate(start);
        }
        result
    }

    fn put_or_leave_behind(
        &mut self,
        attribute_type: AttributeType,
        encode: impl FnOnce(&mut Writer<'b>) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        let start = self.writer.len();
        self.writer.u16(attribute_type.0)?;
        self.writer.u16(0)?;
        encode(&mut self.writer)?;
        let len = self.writer.len() - start - 4;
        let field = u16::try_from(len).map_err(|_| BuildError::InvalidValue(attribute_type))?;
        self.writer.patch_u16(start + 2, field);
        self.writer.bytes(&[0; 3][..padded(len) - len])?;
        Ok(())
    }
}
