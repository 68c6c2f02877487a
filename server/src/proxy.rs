//! The PROXY protocol, versions 1 and 2: a proxy says before a connection's first byte whose connection it is.
//!
//! The header is read exactly, and never further: what follows belongs to the connection. The format has two fixed forms and
//! is older than it grows; reading it takes less than fitting a library to a stream.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// With which version 2 begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// With which version 1 begins.
const SIGNATURE_V1: &[u8] = b"PROXY ";
/// The longest header of version 1, its line break included.
const LEN_MAX_V1: usize = 107;
/// Most that may follow the fixed part of version 2: addresses, and what else a proxy wants to say, which is passed over.
const LEN_MAX_V2: usize = 2048;

/// The addresses of a connection, as the client sees them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Proxied {
    /// The client.
    pub(crate) client: SocketAddr,
    /// Where it connected to.
    pub(crate) server: SocketAddr,
}

/// Why a header is of no use. The connection is to be closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProxyError {
    /// The connection broke off, or ended before the header did.
    #[error("the connection ended within the PROXY protocol header: {0}")]
    Io(#[from] io::Error),
    /// What was read is no header.
    #[error("there is no valid PROXY protocol header")]
    Malformed,
}

/// Reads a header off `stream`. [`None`]: the proxy speaks for itself, or for somebody without an address.
pub(crate) async fn read_header(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Proxied>, ProxyError> {
    let mut start = [0; SIGNATURE.len()];
    stream.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        read_v2(stream).await
    } else if start.starts_with(SIGNATURE_V1) {
        read_v1(stream, &start).await
    } else {
        Err(ProxyError::Malformed)
    }
}

async fn read_v2(stream: &mut (impl AsyncRead + Unpin)) -> Result<Option<Proxied>, ProxyError> {
    let mut fixed = [0; 4];
    stream.read_exact(&mut fixed).await?;
    let [command, family, len @ ..] = fixed;
    let len = usize::from(u16::from_be_bytes(len));
    if len > LEN_MAX_V2 {
        return Err(ProxyError::Malformed);
    }
    let mut rest = vec![0; len];
    stream.read_exact(&mut rest).await?;
    match command {
        // LOCAL: a proxy that asks whether the server is well.
        0x20 => Ok(None),
        0x21 => addresses_v2(family, &rest),
        _ => Err(ProxyError::Malformed),
    }
}

fn addresses_v2(family: u8, bytes: &[u8]) -> Result<Option<Proxied>, ProxyError> {
    match family {
        // TCP over IPv4, over IPv6.
        0x11 => pair::<4>(bytes, |octets| Ipv4Addr::from(octets).into()).map(Some),
        0x21 => pair::<16>(bytes, |octets| Ipv6Addr::from(octets).into()).map(Some),
        // Unspecified; a socket of the proxy's own machine.
        0x00 | 0x31 => Ok(None),
        _ => Err(ProxyError::Malformed),
    }
}

/// Two addresses, then two ports.
fn pair<const N: usize>(bytes: &[u8], address: fn([u8; N]) -> IpAddr) -> Result<Proxied, ProxyError> {
    let read = || {
        let (client, rest) = bytes.split_first_chunk()?;
        let (server, rest) = rest.split_first_chunk()?;
        let (client_port, rest) = rest.split_first_chunk()?;
        let (server_port, _) = rest.split_first_chunk()?;
        Some(Proxied {
            client: SocketAddr::new(address(*client), u16::from_be_bytes(*client_port)),
            server: SocketAddr::new(address(*server), u16::from_be_bytes(*server_port)),
        })
    };
    read().ok_or(ProxyError::Malformed)
}

async fn read_v1(stream: &mut (impl AsyncRead + Unpin), start: &[u8]) -> Result<Option<Proxied>, ProxyError> {
    let mut line = start.to_vec();
    while !line.ends_with(b"\r\n") {
        if line.len() == LEN_MAX_V1 {
            return Err(ProxyError::Malformed);
        }
        // Byte by byte: nothing tells beforehand how long the line is, and it comes once.
        line.push(stream.read_u8().await?);
    }
    addresses_v1(&line)
}

fn addresses_v1(line: &[u8]) -> Result<Option<Proxied>, ProxyError> {
    let text = std::str::from_utf8(line).map_err(|_| ProxyError::Malformed)?;
    let text = text.strip_suffix("\r\n").ok_or(ProxyError::Malformed)?;
    let words: Vec<_> = text.split(' ').collect();
    let is_ipv4 = match words[..] {
        ["PROXY", "UNKNOWN", ..] => return Ok(None),
        ["PROXY", "TCP4", ..] => true,
        ["PROXY", "TCP6", ..] => false,
        _ => return Err(ProxyError::Malformed),
    };
    let [_, _, client, server, client_port, server_port] = words[..] else {
        return Err(ProxyError::Malformed);
    };
    let address = |ip: &str, port: &str| {
        let ip: IpAddr = ip.parse().ok()?;
        // "+80" and "080" parse as numbers, and are no ports.
        let is_port = port == "0" || !port.starts_with(['0', '+']);
        (ip.is_ipv4() == is_ipv4 && is_port).then_some(SocketAddr::new(ip, port.parse().ok()?))
    };
    let client = address(client, client_port).ok_or(ProxyError::Malformed)?;
    let server = address(server, server_port).ok_or(ProxyError::Malformed)?;
    Ok(Some(Proxied { client, server }))
}

#[cfg(test)]
mod tests;
