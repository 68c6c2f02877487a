//! Control messages of `recvmsg` and `sendmsg`, written and read as bytes: a header of length (the kernel's `size_t`), level
//! and type, the data, and padding to the length's own alignment.

use std::net::IpAddr;

/// Where a control message's data begins, in bytes.
const HEADER_LEN: usize = align(size_of::<usize>() + 2 * size_of::<libc::c_int>());

/// Room for what is sent with a message: packet info (20 bytes for IPv6), traffic class, segment length.
pub(crate) type SendControl = Control<96>;

/// Room for what is asked for with a message: the same, or an ICMP error and who sent it (16 + 28 bytes).
pub(crate) type RecvControl = Control<160>;

const fn align(len: usize) -> usize {
    len.next_multiple_of(size_of::<usize>())
}

/// Room for the control messages of one message.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Control<const LEN: usize> {
    bytes: [u8; LEN],
}

impl<const LEN: usize> Control<LEN> {
    /// No control messages, and room for some.
    pub(crate) const EMPTY: Self = Self { bytes: [0; LEN] };

    /// How many bytes there are.
    pub(crate) const LEN: usize = LEN;

    /// Where the control messages begin, for a message header.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        self.bytes.as_mut_ptr().cast()
    }

    /// Appends a control message after the first `len` bytes, and returns how long all of them are now.
    ///
    /// # Panics
    /// If there is no room: what is sent is this crate's own choice.
    fn push(&mut self, len: usize, level: libc::c_int, kind: libc::c_int, data: &[u8]) -> usize {
        let space = &mut self.bytes[len..len + align(HEADER_LEN + data.len())];
        space.fill(0);
        let word = size_of::<usize>();
        space[..word].copy_from_slice(&(HEADER_LEN + data.len()).to_ne_bytes());
        space[word..word + 4].copy_from_slice(&level.to_ne_bytes());
        space[word + 4..word + 8].copy_from_slice(&kind.to_ne_bytes());
        space[HEADER_LEN..HEADER_LEN + data.len()].copy_from_slice(data);
        len + space.len()
    }

    /// Writes what a message is to be sent with, and returns the length of it, which is 0 when there is nothing to say.
    pub(crate) fn for_sending(
        &mut self,
        source: Option<IpAddr>,
        traffic_class: u8,
        is_ipv6: bool,
        segment_len: Option<u16>,
    ) -> usize {
        let mut len = 0;
        match source {
            // struct in_pktinfo: interface index, the source, an address that only matters when receiving.
            Some(IpAddr::V4(ip)) => {
                let mut data = [0; 12];
                data[4..8].copy_from_slice(&ip.octets());
                len = self.push(len, libc::IPPROTO_IP, libc::IP_PKTINFO, &data);
            }
            // struct in6_pktinfo: the source, interface index.
            Some(IpAddr::V6(ip)) => {
                let mut data = [0; 20];
                data[..16].copy_from_slice(&ip.octets());
                len = self.push(len, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, &data);
            }
            None => {}
        }
        if traffic_class != 0 {
            let data = libc::c_int::from(traffic_class).to_ne_bytes();
            len = if is_ipv6 {
                self.push(len, libc::IPPROTO_IPV6, libc::IPV6_TCLASS, &data)
            } else {
                self.push(len, libc::IPPROTO_IP, libc::IP_TOS, &data)
            };
        }
        if let Some(segment_len) = segment_len {
            len = self.push(len, libc::SOL_UDP, libc::UDP_SEGMENT, &segment_len.to_ne_bytes());
        }
        len
    }

    /// The control messages in the first `len` bytes, as (level, type, data). It ends at what cannot be one.
    pub(crate) fn messages(&self, len: usize) -> impl Iterator<Item = (libc::c_int, libc::c_int, &[u8])> {
        let mut rest = &self.bytes[..len.min(LEN)];
        std::iter::from_fn(move || {
            let (message_len, behind) = rest.split_first_chunk()?;
            let (level, behind) = behind.split_first_chunk()?;
            let (kind, _) = behind.split_first_chunk()?;
            let message_len = usize::from_ne_bytes(*message_len);
            let data = rest.get(HEADER_LEN..message_len)?;
            rest = rest.get(align(message_len)..).unwrap_or_default();
            Some((libc::c_int::from_ne_bytes(*level), libc::c_int::from_ne_bytes(*kind), data))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_sending_reads_back() {
        let mut control = SendControl::EMPTY;
        let source = "2001:db8::7".parse().unwrap();

        let len = control.for_sending(Some(source), 0xb8, true, Some(1_200));

        let messages: Vec<_> =
            control.messages(len).map(|(level, kind, data)| (level, kind, data.len())).collect();
        let expected = [
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, 20),
            (libc::IPPROTO_IPV6, libc::IPV6_TCLASS, 4),
            (libc::SOL_UDP, libc::UDP_SEGMENT, 2),
        ];
        assert_eq!(messages, expected);
        let (_, _, segment) = control.messages(len).last().unwrap();
        assert_eq!(segment, 1_200_u16.to_ne_bytes());
    }

    #[test]
    fn nothing_to_say_takes_no_control_message() {
        let mut control = SendControl::EMPTY;

        assert_eq!(control.for_sending(None, 0, false, None), 0);
    }

    #[test]
    fn what_cannot_be_a_control_message_ends_the_reading() {
        let mut control = SendControl::EMPTY;
        let len = control.for_sending(Some("192.0.2.1".parse().unwrap()), 0, false, Some(9));
        control.bytes[..size_of::<usize>()].copy_from_slice(&usize::MAX.to_ne_bytes());

        assert_eq!(control.messages(len).count(), 0);
        assert_eq!(RecvControl::EMPTY.messages(RecvControl::LEN).count(), 0);
    }
}
