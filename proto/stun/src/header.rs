use crate::ParseError;
use std::fmt;

/// The length of the header that every message begins with (RFC 8489 §5).
pub const HEADER_LEN: usize = 20;
/// What sets STUN apart from other protocols on the same port (RFC 8489 §5).
pub const MAGIC_COOKIE: u32 = 0x2112_a442;

/// What a message is for (RFC 8489 §5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Wants a response.
    Request,
    /// Wants no response.
    Indication,
    /// Answers a request that was carried out.
    SuccessResponse,
    /// Answers a request that was not carried out, with an ERROR-CODE.
    ErrorResponse,
}

impl Class {
    /// The class bits in their places within the message type.
    const fn bits(self) -> u16 {
        match self {
            Self::Request => 0x0000,
            Self::Indication => 0x0010,
            Self::SuccessResponse => 0x0100,
            Self::ErrorResponse => 0x0110,
        }
    }
}

/// What a request asks for: 12 bits, registered with IANA. [`Method::new`] makes those that have no name here.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Method(u16);

impl Method {
    /// Binding: "which address do you see me at?" (RFC 8489 §3).
    pub const BINDING: Self = Self(0x001);

    /// The method of this number; [`None`] if it takes more than 12 bits.
    pub const fn new(number: u16) -> Option<Self> {
        if number <= 0xfff { Some(Self(number)) } else { None }
    }

    /// The registered number.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The method bits in their places within the message type: the class bits lie between them.
    const fn bits(self) -> u16 {
        (self.0 & 0x000f) | ((self.0 & 0x0070) << 1) | ((self.0 & 0x0f80) << 2)
    }
}

impl fmt::Debug for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::BINDING { f.write_str("Binding") } else { write!(f, "Method({:#05x})", self.0) }
    }
}

/// What ties a response to its request; 96 bits from a cryptographic random source (RFC 8489 §5).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionId(pub [u8; 12]);

impl fmt::Debug for TransactionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The header's fields, checked for what can be checked without the rest of the message.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Header {
    pub(crate) class: Class,
    pub(crate) method: Method,
    pub(crate) transaction_id: TransactionId,
    /// The length of what follows the header.
    pub(crate) body_len: usize,
}

impl Header {
    pub(crate) fn parse(bytes: &[u8; HEADER_LEN]) -> Result<Self, ParseError> {
        let [t0, t1, l0, l1, c0, c1, c2, c3, transaction_id @ ..] = *bytes;
        let message_type = u16::from_be_bytes([t0, t1]);
        let body_len = u16::from_be_bytes([l0, l1]);
        if message_type & 0xc000 != 0 {
            return Err(ParseError::NotStun);
        }
        if u32::from_be_bytes([c0, c1, c2, c3]) != MAGIC_COOKIE {
            return Err(ParseError::NoMagicCookie);
        }
        if body_len % 4 != 0 {
            return Err(ParseError::LengthUnaligned);
        }
        let (class, method) = split_type(message_type);
        Ok(Self { class, method, transaction_id: TransactionId(transaction_id), body_len: body_len.into() })
    }
}

/// The message type field for a class and a method.
pub(crate) fn message_type(class: Class, method: Method) -> u16 {
    class.bits() | method.bits()
}

fn split_type(message_type: u16) -> (Class, Method) {
    let class = match (message_type & 0x0100 != 0, message_type & 0x0010 != 0) {
        (false, false) => Class::Request,
        (false, true) => Class::Indication,
        (true, false) => Class::SuccessResponse,
        (true, true) => Class::ErrorResponse,
    };
    let method = (message_type & 0x000f) | ((message_type & 0x00e0) >> 1) | ((message_type & 0x3e00) >> 2);
    (class, Method(method))
}

/// How long the message at the front of a byte stream is, header included (RFC 8489 §6.2.2: over TCP and TLS, messages
/// follow each other and the length field tells them apart). [`None`]: more bytes are needed to tell.
///
/// An error means that the stream cannot be followed any further and is to be closed.
pub fn framed_len(stream: &[u8]) -> Result<Option<usize>, ParseError> {
    match stream.first_chunk() {
        Some(header) => Ok(Some(HEADER_LEN + Header::parse(header)?.body_len)),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: RFC 8489 §5 (figure 3)
    #[test]
    fn every_type_is_split_into_the_class_and_method_it_was_made_of() {
        for number in 0..=0xfff {
            let method = Method::new(number).unwrap();
            for class in [Class::Request, Class::Indication, Class::SuccessResponse, Class::ErrorResponse] {
                let message_type = message_type(class, method);

                assert_eq!(message_type & 0xc000, 0);
                assert_eq!(split_type(message_type), (class, method));
            }
        }
        assert_eq!(Method::new(0x1000), None);
    }

    /// Covers: RFC 8489 §5
    #[test]
    fn binding_types_are_those_of_the_registry() {
        assert_eq!(message_type(Class::Request, Method::BINDING), 0x0001);
        assert_eq!(message_type(Class::Indication, Method::BINDING), 0x0011);
        assert_eq!(message_type(Class::SuccessResponse, Method::BINDING), 0x0101);
        assert_eq!(message_type(Class::ErrorResponse, Method::BINDING), 0x0111);
    }

    /// Covers: RFC 8489 §6.2.2
    #[test]
    fn a_stream_is_framed_by_the_length_field() {
        let mut stream = [0; 24];
        stream[1] = 1;
        stream[3] = 8;
        stream[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());

        assert_eq!(framed_len(&stream[..19]), Ok(None));
        assert_eq!(framed_len(&stream), Ok(Some(28)));
        stream[4] = 0;
        assert_eq!(framed_len(&stream), Err(ParseError::NoMagicCookie));
    }
}
