use super::{Attribute, AttributeType};
use crate::message::padded;
use crate::{BuildError, TransactionId};
use moim_wire::{Reader, Writer};

/// The number of a password algorithm, as registered with IANA (RFC 8489 §18.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AlgorithmNumber(pub u16);

impl AlgorithmNumber {
    /// MD5, see [`IntegrityKey::long_term_md5`](crate::IntegrityKey::long_term_md5).
    pub const MD5: Self = Self(1);
    /// SHA-256, see [`IntegrityKey::long_term_sha256`](crate::IntegrityKey::long_term_sha256).
    pub const SHA256: Self = Self(2);
}

/// PASSWORD-ALGORITHM: how the key of this request was made (RFC 8489 §14.12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordAlgorithm<'a> {
    /// Which algorithm.
    pub algorithm: AlgorithmNumber,
    /// Its parameters; empty for all algorithms registered so far.
    pub parameters: &'a [u8],
}

impl<'a> PasswordAlgorithm<'a> {
    /// MD5.
    pub const MD5: Self = Self { algorithm: AlgorithmNumber::MD5, parameters: &[] };
    /// SHA-256.
    pub const SHA256: Self = Self { algorithm: AlgorithmNumber::SHA256, parameters: &[] };

    fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let algorithm = AlgorithmNumber(reader.u16()?);
        let len = usize::from(reader.u16()?);
        let parameters = reader.bytes(padded(len))?;
        Some(Self { algorithm, parameters: &parameters[..len] })
    }
}

impl<'a> Attribute<'a> for PasswordAlgorithm<'a> {
    const TYPE: AttributeType = AttributeType::PASSWORD_ALGORITHM;

    fn decode(value: &'a [u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        let algorithm = Self::read(&mut reader)?;
        reader.is_empty().then_some(algorithm)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        let len = self.parameters.len();
        writer.u16(self.algorithm.0)?;
        writer.u16(u16::try_from(len).map_err(|_| BuildError::InvalidValue(Self::TYPE))?)?;
        writer.bytes(self.parameters)?;
        Ok(writer.bytes(&[0; 3][..padded(len) - len])?)
    }
}

/// PASSWORD-ALGORITHMS: the algorithms a server accepts, the preferred one first (RFC 8489 §14.11).
///
/// A client sends back exactly the bytes it got, so this is a view of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordAlgorithms<'a>(&'a [u8]);

impl<'a> PasswordAlgorithms<'a> {
    /// SHA-256 for those who know it, MD5 for the others.
    pub const SHA256_THEN_MD5: PasswordAlgorithms<'static> = PasswordAlgorithms(&[0, 2, 0, 0, 0, 1, 0, 0]);
    /// SHA-256 alone.
    pub const SHA256: PasswordAlgorithms<'static> = PasswordAlgorithms(&[0, 2, 0, 0]);

    /// The algorithms in order.
    pub fn iter(&self) -> impl Iterator<Item = PasswordAlgorithm<'a>> + use<'a> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || PasswordAlgorithm::read(&mut reader))
    }
}

impl<'a> Attribute<'a> for PasswordAlgorithms<'a> {
    const TYPE: AttributeType = AttributeType::PASSWORD_ALGORITHMS;

    fn decode(value: &'a [u8], _: TransactionId) -> Option<Self> {
        let mut reader = Reader::new(value);
        while !reader.is_empty() {
            PasswordAlgorithm::read(&mut reader)?;
        }
        Some(Self(value))
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.bytes(self.0)?)
    }
}
