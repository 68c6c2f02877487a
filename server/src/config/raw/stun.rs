//! STUN, as it is written.

use crate::config::stun::Disclosure;
use confique::Config;
use serde::Serialize;

#[derive(Clone, Debug, Config, Serialize)]
#[config(layer_attr(serde(deny_unknown_fields)))]
pub(crate) struct RawStun {
    /// A second IP address of this machine and a second UDP port, such as "198.51.100.2:3479", one pair for each of IPv4 and IPv6:
    /// from these moim answers clients that find out what kind of NAT they are behind (RFC 5780, `moim nat`). With the first IP
    /// address and a second port, they find out less. The first ones are those of `[listen]`, or where that is every address, the
    /// one that the relay relays from; or name both: "192.0.2.1:3478/198.51.100.2:3479". All four combinations of IP
    /// address and port are listened on, for STUN and TURN over UDP. Default: none; then clients learn their own
    /// address alone.
    #[config(env = "MOIM_STUN_ALTERNATE_ADDRESSES", parse_env = confique::env::parse::list_by_comma, default = [])]
    pub(crate) alternate_addresses: Vec<String>,

    /// Who is told these addresses. "proportionate": clients whose requests are long enough for the response to be at most 1.6
    /// times as long, as those of `moim nat` are. "always": all, as RFC 5780 has it and coturn's clients need it; then
    /// who forges a source makes 68 bytes (IPv6: 116) of 20, within the budget that strangers have.
    #[config(env = "MOIM_STUN_DISCLOSURE", default = "proportionate")]
    pub(crate) disclosure: Disclosure,
}
