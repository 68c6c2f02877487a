//! Addresses of servers and rooms, as invitations carry them.

use moim_signal::id::RoomName;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

const HTTPS_PORT: u16 = 443;
/// The longest address that is looked at: names, a path and a token fit well.
const URL_LEN_MAX: usize = 16 << 10;
/// The longest name of a host (RFC 1035 §2.3.4).
const HOST_LEN_MAX: usize = 253;

/// Why a text is no address of a server or a room.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It is longer than any address.
    #[error("the address is longer than {URL_LEN_MAX} characters")]
    TooLong,
    /// It is not of a kind that calls can be held by.
    #[error("the address begins with {0:?}; use https://")]
    Scheme(String),
    /// What should be a host is none.
    #[error("{0:?} is not a host")]
    Host(String),
    /// What should be a port is none.
    #[error("{0:?} is not a port")]
    Port(String),
    /// The address leads to no room.
    #[error(
        "the address names no room; rooms are at /r/NAME, with a name of a-z A-Z 0-9 - _ . up to 64 characters"
    )]
    Room,
}

/// The address of a server: `https://host[:port]`, whatever follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerUrl {
    host: Host,
    port: u16,
}

/// A name, or an address that is written as one.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Host {
    Name(String),
    Address(IpAddr),
}

impl ServerUrl {
    /// The host, without the brackets that an IPv6 address has in URLs.
    pub fn host(&self) -> String {
        match &self.host {
            Host::Name(name) => name.clone(),
            Host::Address(address) => address.to_string(),
        }
    }

    /// The address, if the host is one already.
    pub fn address(&self) -> Option<IpAddr> {
        match self.host {
            Host::Name(_) => None,
            Host::Address(address) => Some(address),
        }
    }

    /// The port; 443 unless the address names another.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The host as URIs have it: an IPv6 address is in brackets.
    pub fn uri_host(&self) -> String {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => format!("[{address}]"),
            Host::Address(IpAddr::V4(_)) | Host::Name(_) => self.host(),
        }
    }

    /// Host and port as the `Host` header has them.
    pub fn authority(&self) -> String {
        let host = self.uri_host();
        if self.port == HTTPS_PORT { host } else { format!("{host}:{}", self.port) }
    }

    /// The server, and the rest of the address with its `/`, `?` or `#`.
    fn parse(text: &str) -> Result<(Self, &str), UrlError> {
        if text.len() > URL_LEN_MAX {
            return Err(UrlError::TooLong);
        }
        let rest = match text.split_once("://") {
            None => text,
            Some((scheme, rest)) if is_secure(scheme) => rest,
            Some((scheme, _)) => return Err(UrlError::Scheme(format!("{}://", clip(scheme)))),
        };
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        let (host, port) = split_port(authority)?;
        Ok((Self { host: parse_host(host)?, port }, rest))
    }
}

impl FromStr for ServerUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        Self::parse(text).map(|(server, _)| server)
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}", self.authority())
    }
}

/// The address of a room: `https://host[:port]/r/NAME`, with a token in its fragment (`#token=…`) if it is an invitation that
/// carries one.
#[derive(Clone, PartialEq, Eq)]
pub struct RoomUrl {
    /// The server.
    pub server: ServerUrl,
    /// The room.
    pub room: RoomName,
    /// The token. It never appears in a log.
    pub token: Option<String>,
}

impl FromStr for RoomUrl {
    type Err = UrlError;

    fn from_str(text: &str) -> Result<Self, UrlError> {
        let (server, rest) = ServerUrl::parse(text)?;
        let (rest, fragment) = rest.split_once('#').unwrap_or((rest, ""));
        let path = rest.split_once('?').map_or(rest, |(path, _)| path);
        let name = path.strip_prefix("/r/").map(|name| name.strip_suffix('/').unwrap_or(name));
        let room = RoomName::new(name.ok_or(UrlError::Room)?);
        if !room.is_valid() {
            return Err(UrlError::Room);
        }
        let token = fragment.split('&').find_map(|pair| pair.strip_prefix("token="));
        let token = token.filter(|token| !token.is_empty()).map(str::to_owned);
        Ok(Self { server, room, token })
    }
}

impl fmt::Display for RoomUrl {
    /// Without the token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/r/{}", self.server, self.room)
    }
}

impl fmt::Debug for RoomUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomUrl")
            .field("server", &self.server)
            .field("room", &self.room)
            .field("token", &self.token.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

fn is_secure(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("wss")
}

fn split_port(authority: &str) -> Result<(&str, u16), UrlError> {
    let is_bare = authority.ends_with(']') || !authority.contains(':');
    match authority.rsplit_once(':') {
        Some((host, port)) if !is_bare => {
            let number = port.parse().ok().filter(|&number: &u16| number != 0);
            Ok((host, number.ok_or_else(|| UrlError::Port(clip(port)))?))
        }
        Some(_) | None => Ok((authority, HTTPS_PORT)),
    }
}

fn parse_host(text: &str) -> Result<Host, UrlError> {
    let wrong = || UrlError::Host(clip(text));
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return inner.parse::<Ipv6Addr>().map(|address| Host::Address(address.into())).map_err(|_| wrong());
    }
    if let Ok(address) = text.parse::<IpAddr>() {
        return if address.is_ipv4() { Ok(Host::Address(address)) } else { Err(wrong()) };
    }
    let is_name = (1..=HOST_LEN_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    if is_name { Ok(Host::Name(text.to_ascii_lowercase())) } else { Err(wrong()) }
}

/// What may be repeated of what was typed: so much that it is recognized, and nothing that may be a secret, which names of users and
/// what follows a host can carry.
fn clip(text: &str) -> String {
    const CHARS_MAX: usize = 80;
    let host = text.rsplit_once('@').map_or(text, |(_, host)| host);
    let end = host.find(['#', '%', '?', '=']).unwrap_or(host.len());
    host[..end].chars().take(CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::{RoomUrl, ServerUrl, UrlError};

    #[test]
    fn a_room_is_read_as_the_app_writes_it() {
        let url: RoomUrl = "https://Meet.Example.org:8443/r/tea-time".parse().unwrap();

        assert_eq!(url.server.host(), "meet.example.org");
        assert_eq!((url.server.port(), url.room.as_str(), url.token), (8443, "tea-time", None));
    }

    #[test]
    fn an_invitation_has_its_token_in_the_fragment() {
        let url: RoomUrl = "https://[2001:db8::1]/r/tea/?lang=ko#x=1&token=a.b.c".parse().unwrap();

        assert_eq!(url.token.as_deref(), Some("a.b.c"));
        assert_eq!(url.server.authority(), "[2001:db8::1]");
        assert_eq!(url.to_string(), "https://[2001:db8::1]/r/tea");
        assert!(!format!("{url:?}").contains("a.b.c"));
    }

    #[test]
    fn an_error_repeats_no_secret() {
        for text in [
            "https://host%23token=psst",
            "https://host%3Ftoken=psst/r/tea",
            "https://anna:psst@host/r/tea",
            "https://psst@host:x/r/tea",
            "host/r/tea#token=psst://",
        ] {
            let error = text.parse::<RoomUrl>().unwrap_err().to_string();
            assert!(!error.contains("psst"), "{error}");
        }
    }

    #[test]
    fn a_server_may_be_named_shortly() {
        let server: ServerUrl = "192.0.2.7:444".parse().unwrap();
        assert_eq!((server.address(), server.port()), (Some([192, 0, 2, 7].into()), 444));
        assert_eq!(
            "wss://meet.example.org".parse::<ServerUrl>().unwrap().to_string(),
            "https://meet.example.org"
        );
    }

    #[test]
    fn what_is_no_address_is_refused_with_its_reason() {
        let refused = |text: &str| text.parse::<RoomUrl>().unwrap_err();
        assert_eq!(refused("http://host/r/tea"), UrlError::Scheme("http://".into()));
        assert_eq!(refused("https:///r/tea"), UrlError::Host(String::new()));
        assert_eq!(refused("https://a b/r/tea"), UrlError::Host("a b".into()));
        assert_eq!(
            refused("https://2001:db8::7/r/tea"),
            UrlError::Host("2001:db8:".into()),
            "it needs brackets"
        );
        assert_eq!(refused("https://host:0/r/tea"), UrlError::Port("0".into()));
        assert_eq!(refused("https://host"), UrlError::Room);
        assert_eq!(refused("https://host/r/a%20b"), UrlError::Room);
        assert_eq!(refused(&"x".repeat(20_000)), UrlError::TooLong);
    }
}
