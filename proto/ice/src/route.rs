use crate::candidate::Protocol;
use moim_stun::{Class, MAGIC_COOKIE, MessageBuilder, TransactionId};
use moim_turn::attribute::XorPeerAddress;
use moim_turn::channel_data::ChannelNumber;
use moim_turn::method;
use std::net::SocketAddr;

/// How packets of a pair go.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// From where.
    pub local: SocketAddr,
    /// To where: the peer, or the relay.
    pub remote: SocketAddr,
    /// By what.
    pub protocol: Protocol,
    /// What a relay wants before the data.
    pub prefix: Prefix,
}

impl Route {
    /// How much longer packets get on their way by this route than what the peer receives, in bytes, TCP's framing not counted.
    pub fn overhead(&self) -> usize {
        self.prefix.len() + if self.prefix.is_empty() { 0 } else { Prefix::PADDING_MAX }
    }
}

/// What stands before data on its way to a relay: the header of ChannelData, or, until a channel is bound, the beginning of a Send
/// indication.
///
/// A driver leaves [`Prefix::len`] bytes free before the data and [`Prefix::PADDING_MAX`] after it, and calls [`Prefix::wrap`].
#[derive(Clone, Copy, Debug)]
pub struct Prefix {
    bytes: [u8; Self::LEN_MAX],
    len: u8,
    form: Form,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// There is no relay.
    Bare,
    /// ChannelData, padded on streams (RFC 8656 §12.5).
    Channel { is_padded: bool },
    /// A Send indication (RFC 8656 §11.1).
    Indication,
}

impl Prefix {
    /// The longest, in bytes: header, XOR-PEER-ADDRESS of an IPv6 peer, and the head of DATA.
    pub const LEN_MAX: usize = 20 + 24 + 4;
    /// How many bytes may follow the data.
    pub const PADDING_MAX: usize = 3;
    /// None at all.
    pub const EMPTY: Self = Self { bytes: [0; Self::LEN_MAX], len: 0, form: Form::Bare };

    /// How many bytes stand before the data.
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether none do: there is no relay.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Completes a packet: `buffer` has [`len`](Self::len) bytes of any value, then `data_len` bytes of data, then
    /// [`PADDING_MAX`](Self::PADDING_MAX) more (none, if the prefix is empty). How many bytes are to be sent. [`None`]: there are fewer, or more data than a
    /// message carries.
    pub fn wrap(&self, buffer: &mut [u8], data_len: usize) -> Option<usize> {
        let len = u16::try_from(data_len).ok()?;
        if self.form == Form::Bare {
            return (data_len <= buffer.len()).then_some(data_len);
        }
        let head = self.len();
        let end = head + data_len;
        let padding = match self.form {
            Form::Bare | Form::Channel { is_padded: false } => 0,
            Form::Channel { is_padded: true } | Form::Indication => data_len.next_multiple_of(4) - data_len,
        };
        let packet = buffer.get_mut(..end + padding)?;
        packet[..head].copy_from_slice(&self.bytes[..head]);
        packet[end..].fill(0);
        match self.form {
            Form::Bare => {}
            Form::Channel { .. } => packet[2..4].copy_from_slice(&len.to_be_bytes()),
            Form::Indication => {
                let body = u16::try_from(end + padding - moim_stun::HEADER_LEN).ok()?;
                packet[2..4].copy_from_slice(&body.to_be_bytes());
                packet[head - 2..head].copy_from_slice(&len.to_be_bytes());
            }
        }
        Some(end + padding)
    }

    /// ChannelData on this channel.
    pub(crate) fn channel(number: ChannelNumber, is_stream: bool) -> Self {
        let mut prefix = Self { len: 4, form: Form::Channel { is_padded: is_stream }, ..Self::EMPTY };
        prefix.bytes[..2].copy_from_slice(&number.number().to_be_bytes());
        prefix
    }

    /// Send indications to this peer. All have the same transaction id: nothing answers them, and they are for a moment.
    pub(crate) fn indication(peer: SocketAddr, id: TransactionId) -> Self {
        let mut prefix = Self { form: Form::Indication, ..Self::EMPTY };
        let mut buffer = [0; Self::LEN_MAX];
        let head = MessageBuilder::new(&mut buffer, Class::Indication, method::SEND, id)
            .and_then(|mut builder| {
                builder.attribute(&XorPeerAddress(peer))?;
                builder.finish(moim_stun::Seal::default()).map(<[u8]>::len)
            })
            .unwrap_or_default();
        debug_assert!(
            head > 20 && buffer[4..8] == MAGIC_COOKIE.to_be_bytes(),
            "there is room for an address"
        );
        prefix.bytes = buffer;
        prefix.bytes[head..head + 2].copy_from_slice(&moim_stun::AttributeType(0x0013).0.to_be_bytes());
        prefix.len = u8::try_from(head + 4).unwrap_or_default();
        prefix
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use moim_stun::Message;
    use moim_turn::attribute::Data;
    use moim_turn::channel_data::ChannelData;

    /// Covers: RFC 8656 §11.1, §15
    #[test]
    fn an_indication_is_one() {
        for peer in ["192.0.2.1:5000", "[2001:db8::1]:5000"] {
            let peer = peer.parse().unwrap();
            let prefix = Prefix::indication(peer, TransactionId([7; 12]));
            for data in [&b""[..], b"1", b"1234", b"12345"] {
                let mut buffer = vec![0xff; prefix.len() + data.len() + Prefix::PADDING_MAX];
                buffer[prefix.len()..][..data.len()].copy_from_slice(data);
                let len = prefix.wrap(&mut buffer, data.len()).unwrap();
                let message = Message::parse(&buffer[..len]).unwrap();
                assert_eq!((message.class(), message.method()), (Class::Indication, method::SEND));
                assert_eq!(message.get(), Ok(Some(XorPeerAddress(peer))));
                assert_eq!(message.get::<Data<'_>>().unwrap().unwrap().0, data);
            }
        }
    }

    /// Covers: RFC 8656 §12.4, §12.5
    #[test]
    fn channel_data_is_padded_on_streams_only() {
        let number = ChannelNumber::new(0x4002).unwrap();
        for (is_stream, expected) in [(false, 9), (true, 12)] {
            let mut buffer = *b"....hello***";
            let len = Prefix::channel(number, is_stream).wrap(&mut buffer, 5).unwrap();
            assert_eq!(len, expected);
            let parsed = ChannelData::parse(&buffer[..len]).unwrap();
            assert_eq!((parsed.number, &buffer[parsed.range]), (number, &b"hello"[..]));
        }
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert_eq!(Prefix::EMPTY.wrap(&mut [0; 4], 5), None);
        assert_eq!(Prefix::EMPTY.wrap(&mut [0; 5], 5), Some(5));
        let channel = Prefix::channel(ChannelNumber::MIN, false);
        assert_eq!(channel.wrap(&mut vec![0; 70_000], 65_536), None);
        assert_eq!(
            Prefix::indication("192.0.2.1:1".parse().unwrap(), TransactionId([0; 12]))
                .wrap(&mut vec![0; 70_000], 65_530),
            None
        );
    }
}
