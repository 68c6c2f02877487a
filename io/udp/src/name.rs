//! Socket addresses as the kernel writes and reads them (`struct sockaddr_in` and `struct sockaddr_in6`), as bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

/// The length of `struct sockaddr_in`: family, port, address, padding.
const LEN_V4: u8 = 16;

/// The length of `struct sockaddr_in6`: family, port, flow, address, scope.
const LEN_V6: u8 = 28;

/// A socket address of either family.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(crate) struct Name {
    bytes: [u8; LEN_V6 as usize],
}

impl Name {
    /// Room for an address.
    pub(crate) const EMPTY: Self = Self { bytes: [0; LEN_V6 as usize] };

    /// How many bytes the kernel may fill.
    pub(crate) const LEN: libc::socklen_t = LEN_V6 as libc::socklen_t;

    /// The address, and its length.
    pub(crate) fn new(address: SocketAddr) -> (Self, libc::socklen_t) {
        let mut bytes = [0; LEN_V6 as usize];
        bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
        let (family, len) = match address {
            SocketAddr::V4(address) => {
                bytes[4..8].copy_from_slice(&address.ip().octets());
                (libc::AF_INET, LEN_V4)
            }
            SocketAddr::V6(address) => {
                // RFC 6437 leaves the flow label to the sending host: that of an address that was received is not ours to use.
                bytes[8..24].copy_from_slice(&address.ip().octets());
                bytes[24..28].copy_from_slice(&address.scope_id().to_ne_bytes());
                (libc::AF_INET6, LEN_V6)
            }
        };
        let family = libc::sa_family_t::try_from(family).expect("a family is a small number");
        bytes[..2].copy_from_slice(&family.to_ne_bytes());
        (Self { bytes }, len.into())
    }

    /// Where the address begins, for a message header.
    pub(crate) fn as_ptr(&self) -> *const libc::c_void {
        self.bytes.as_ptr().cast()
    }

    /// The same, for the kernel to write to.
    pub(crate) fn as_mut_ptr(&mut self) -> *mut libc::c_void {
        self.bytes.as_mut_ptr().cast()
    }

    /// The address, if it is one of IP.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        let [f0, f1, p0, p1, rest @ ..] = &self.bytes;
        let port = u16::from_be_bytes([*p0, *p1]);
        match libc::c_int::from(libc::sa_family_t::from_ne_bytes([*f0, *f1])) {
            libc::AF_INET => {
                let ip = Ipv4Addr::from(*rest.first_chunk::<4>()?);
                Some(SocketAddr::new(IpAddr::V4(ip), port))
            }
            libc::AF_INET6 => {
                let (ip, behind) = rest[4..].split_first_chunk::<16>()?;
                let scope = u32::from_ne_bytes(*behind.first_chunk()?);
                Some(SocketAddrV6::new(Ipv6Addr::from(*ip), port, 0, scope).into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_read_back_as_they_were_written() {
        for (address, expected_len) in
            [("192.0.2.1:3478", 16), ("[2001:db8::1]:65535", 28), ("[fe80::1%7]:1", 28)]
        {
            let address: SocketAddr = address.parse().unwrap();

            let (name, len) = Name::new(address);

            assert_eq!(len, expected_len);
            assert_eq!(name.address(), Some(address));
        }
    }

    #[test]
    fn what_is_not_an_ip_address_is_none() {
        assert_eq!(Name::EMPTY.address(), None);
    }
}
