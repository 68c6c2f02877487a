use super::{Attribute, AttributeType};
use crate::{BuildError, MAGIC_COOKIE, TransactionId};
use moim_wire::{Reader, Writer};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

const FAMILY_IPV4: u8 = 1;
const FAMILY_IPV6: u8 = 2;

/// XOR-MAPPED-ADDRESS: where the request came from, as the server sees it (RFC 8489 §14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XorMappedAddress(pub SocketAddr);

/// MAPPED-ADDRESS: the same in the clear, which some NATs rewrite (RFC 8489 §14.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedAddress(pub SocketAddr);

/// ALTERNATE-SERVER: another server, which the client is to try (RFC 8489 §14.15).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlternateServer(pub SocketAddr);

impl Attribute<'_> for XorMappedAddress {
    const TYPE: AttributeType = AttributeType::XOR_MAPPED_ADDRESS;

    fn decode(value: &[u8], transaction_id: TransactionId) -> Option<Self> {
        decode_xor_address(value, transaction_id).map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, transaction_id: TransactionId) -> Result<(), BuildError> {
        encode_xor_address(self.0, writer, transaction_id)
    }
}

impl Attribute<'_> for MappedAddress {
    const TYPE: AttributeType = AttributeType::MAPPED_ADDRESS;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        decode_address(value).map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        encode_address(self.0, writer)
    }
}

impl Attribute<'_> for AlternateServer {
    const TYPE: AttributeType = AttributeType::ALTERNATE_SERVER;

    fn decode(value: &[u8], _: TransactionId) -> Option<Self> {
        decode_address(value).map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, _: TransactionId) -> Result<(), BuildError> {
        encode_address(self.0, writer)
    }
}

/// Reads the value of an attribute that is formed like XOR-MAPPED-ADDRESS.
pub fn decode_xor_address(value: &[u8], transaction_id: TransactionId) -> Option<SocketAddr> {
    decode_address(value).map(|address| xor(address, transaction_id))
}

/// Writes the value of an attribute that is formed like XOR-MAPPED-ADDRESS.
pub fn encode_xor_address(
    address: SocketAddr,
    writer: &mut Writer<'_>,
    transaction_id: TransactionId,
) -> Result<(), BuildError> {
    encode_address(xor(address, transaction_id), writer)
}

/// RFC 8489 §14.2: the port with half the cookie, an IPv4 address with the cookie, an IPv6 address with the cookie and
/// the transaction id. Its own inverse.
fn xor(address: SocketAddr, transaction_id: TransactionId) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) => IpAddr::V4(Ipv4Addr::from_bits(ip.to_bits() ^ MAGIC_COOKIE)),
        IpAddr::V6(ip) => {
            let mut mask = [0; 16];
            mask[..4].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
            mask[4..].copy_from_slice(&transaction_id.0);
            IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() ^ u128::from_be_bytes(mask)))
        }
    };
    SocketAddr::new(ip, address.port() ^ (MAGIC_COOKIE >> 16) as u16)
}

fn decode_address(value: &[u8]) -> Option<SocketAddr> {
    let mut reader = Reader::new(value);
    // RFC 8489 §14.1: the first byte is there for alignment and is not looked at.
    reader.u8()?;
    let family = reader.u8()?;
    let port = reader.u16()?;
    let ip = match family {
        FAMILY_IPV4 => IpAddr::V4(Ipv4Addr::from(reader.array::<4>()?)),
        FAMILY_IPV6 => IpAddr::V6(Ipv6Addr::from(reader.array::<16>()?)),
        _ => return None,
    };
    reader.is_empty().then_some(SocketAddr::new(ip, port))
}

fn encode_address(address: SocketAddr, writer: &mut Writer<'_>) -> Result<(), BuildError> {
    writer.u8(0)?;
    match address.ip() {
        IpAddr::V4(ip) => {
            writer.u8(FAMILY_IPV4)?;
            writer.u16(address.port())?;
            writer.bytes(&ip.octets())?;
        }
        IpAddr::V6(ip) => {
            writer.u8(FAMILY_IPV6)?;
            writer.u16(address.port())?;
            writer.bytes(&ip.octets())?;
        }
    }
    Ok(())
}
