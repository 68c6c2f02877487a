use moim_stun::attribute::{Attribute, decode_xor_address, encode_xor_address};
use moim_stun::{AttributeType, BuildError, TransactionId};
use moim_wire::Writer;
use std::net::SocketAddr;

/// XOR-PEER-ADDRESS: a peer, as the server sees it (RFC 8656 §18.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XorPeerAddress(pub SocketAddr);

/// XOR-RELAYED-ADDRESS: what peers are to send to (RFC 8656 §18.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XorRelayedAddress(pub SocketAddr);

impl Attribute<'_> for XorPeerAddress {
    const TYPE: AttributeType = AttributeType(0x0012);

    fn decode(value: &[u8], transaction_id: TransactionId) -> Option<Self> {
        decode_xor_address(value, transaction_id).map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, transaction_id: TransactionId) -> Result<(), BuildError> {
        encode_xor_address(self.0, writer, transaction_id)
    }
}

impl Attribute<'_> for XorRelayedAddress {
    const TYPE: AttributeType = AttributeType(0x0016);

    fn decode(value: &[u8], transaction_id: TransactionId) -> Option<Self> {
        decode_xor_address(value, transaction_id).map(Self)
    }

    fn encode(&self, writer: &mut Writer<'_>, transaction_id: TransactionId) -> Result<(), BuildError> {
        encode_xor_address(self.0, writer, transaction_id)
    }
}
