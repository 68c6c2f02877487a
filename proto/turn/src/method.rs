//! The methods of TURN (RFC 8656 §17) and of its extension to TCP (RFC 6062 §6.1).

use moim_stun::Method;

/// Allocate: "give me a relayed transport address" (RFC 8656 §7).
pub const ALLOCATE: Method = method(0x003);
/// Refresh: "keep it", or "I need it no longer" (RFC 8656 §8).
pub const REFRESH: Method = method(0x004);
/// Send: an indication with data for a peer (RFC 8656 §11).
pub const SEND: Method = method(0x006);
/// Data: an indication with data from a peer (RFC 8656 §11).
pub const DATA: Method = method(0x007);
/// CreatePermission: "let these peers through" (RFC 8656 §10).
pub const CREATE_PERMISSION: Method = method(0x008);
/// ChannelBind: "a number for this peer" (RFC 8656 §12).
pub const CHANNEL_BIND: Method = method(0x009);
/// Connect: "connect to this peer by TCP" (RFC 6062 §4.3).
pub const CONNECT: Method = method(0x00a);
/// ConnectionBind: "this connection carries the data of that one" (RFC 6062 §4.3).
pub const CONNECTION_BIND: Method = method(0x00b);
/// ConnectionAttempt: an indication that a peer connected (RFC 6062 §4.4).
pub const CONNECTION_ATTEMPT: Method = method(0x00c);

/// A method by its registered number.
const fn method(number: u16) -> Method {
    match Method::new(number) {
        Some(method) => method,
        None => panic!("a method has 12 bits"),
    }
}
