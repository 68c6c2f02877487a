use moim_stun::attribute::Attribute;
use moim_stun::{AttributeType, BuildError, TransactionId};
use moim_wire::Writer;
use std::fmt;

/// DATA: what is for the peer, or from it (RFC 8656 §18.4).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Data<'a>(pub &'a [u8]);

/// MOBILITY-TICKET: what a client shows to keep its allocation after its address changed; empty when it asks for one (RFC 8016).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MobilityTicket<'a>(pub &'a [u8]);

/// ACCESS-TOKEN: what an authorization server gave the client, readable by the TURN server only (RFC 7635 §6.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AccessToken<'a>(pub &'a [u8]);

/// THIRD-PARTY-AUTHORIZATION: the name by which the authorization server knows this server (RFC 7635 §6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ThirdPartyAuthorization<'a>(pub &'a str);

macro_rules! bytes_attribute {
    ($name:ident, $number:literal) => {
        impl<'a> Attribute<'a> for $name<'a> {
            const TYPE: AttributeType = AttributeType($number);

            fn decode(value: &'a [u8], _: TransactionId) -> Option<Self> {
                Some(Self(value))
            }

            fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
                Ok(writer.bytes(self.0)?)
            }
        }

        impl fmt::Debug for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({} bytes)"), self.0.len())
            }
        }
    };
}

bytes_attribute!(Data, 0x0013);
bytes_attribute!(MobilityTicket, 0x8030);
bytes_attribute!(AccessToken, 0x001b);

impl<'a> Attribute<'a> for ThirdPartyAuthorization<'a> {
    const TYPE: AttributeType = AttributeType(0x802e);

    fn decode(value: &'a [u8], _: TransactionId) -> Option<Self> {
        str::from_utf8(value).ok().map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        Ok(writer.bytes(self.0.as_bytes())?)
    }
}
