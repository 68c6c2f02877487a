//! IPv4 and IPv6 on the peers' side (RFC 8656 §7.2, §8, §10, §12).

use super::{Check, conforms, refused_by, success, supported};
use crate::turn_check::draft::Reply;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{Turn, allocate_draft};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::attribute::Attribute as _;
use moim_turn::attribute::{
    AdditionalAddressFamily, AddressErrorCode, RequestedAddressFamily, XorRelayedAddress,
};
use moim_turn::{AddressFamily, ReservationToken};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub(super) const CHECKS: &[Check] = &[
    conforms("families/ipv4", "RFC 8656 §7.2", "gives an IPv4 address to who asks for one, or 440", ipv4),
    conforms("families/ipv6", "RFC 8656 §7.2", "gives an IPv6 address to who asks for one, or 440", ipv6),
    conforms(
        "families/both",
        "RFC 8656 §7.2",
        "gives both to who asks for an additional one, or says which it cannot",
        both,
    ),
    conforms("families/unknown", "RFC 8656 §7.2", "refuses a family that does not exist by 440", unknown),
    conforms(
        "families/additional-ipv4",
        "RFC 8656 §7.2",
        "calls ADDITIONAL-ADDRESS-FAMILY for IPv4 malformed",
        additional_ipv4,
    ),
    conforms(
        "families/requested-and-additional",
        "RFC 8656 §7.2",
        "calls both attributes in one request malformed",
        requested_and_additional,
    ),
    conforms(
        "families/requested-and-token",
        "RFC 8656 §7.2",
        "calls a family together with RESERVATION-TOKEN malformed",
        requested_and_token,
    ),
    conforms("families/peer", "RFC 8656 §10.2", "refuses a peer of the other family by 443", peer),
];

fn ask(subject: &Subject, family: u8) -> Result<(Turn, Reply), Verdict> {
    let mut turn = Turn::challenged(subject)?;
    let reply = turn.allocate_by(&allocate_draft().with(&RequestedAddressFamily(family)))?;
    supported(&reply, "REQUESTED-ADDRESS-FAMILY")?;
    Ok((turn, reply))
}

fn of_family(subject: &Subject, family: AddressFamily) -> Outcome {
    let (turn, reply) = ask(subject, family.number())?;
    if reply.code() == Some(440) {
        return Err(Verdict::not_supported("error 440"));
    }
    success(&reply)?;
    let relayed = turn.relayed()?;
    if relayed.is_ipv4() == (family == AddressFamily::Ipv4) {
        Ok(relayed.to_string())
    } else {
        Err(Verdict::fail(format_args!("{relayed}")))
    }
}

fn ipv4(subject: &Subject) -> Outcome {
    of_family(subject, AddressFamily::Ipv4)
}

fn ipv6(subject: &Subject) -> Outcome {
    of_family(subject, AddressFamily::Ipv6)
}

fn both(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let additional = AdditionalAddressFamily::from(AddressFamily::Ipv6);
    let reply = turn.allocate_by(&allocate_draft().with(&additional))?;
    supported(&reply, "ADDITIONAL-ADDRESS-FAMILY")?;
    success(&reply)?;
    let message = reply.message();
    let relayed: Vec<_> = message
        .attributes()
        .filter(|attribute| attribute.attribute_type == XorRelayedAddress::TYPE)
        .filter_map(|attribute| attribute.decode::<XorRelayedAddress>(message.transaction_id()).ok())
        .map(|relayed| relayed.0)
        .collect();
    let is_both = relayed.iter().any(std::net::SocketAddr::is_ipv4)
        && relayed.iter().any(std::net::SocketAddr::is_ipv6);
    match (is_both, reply.get::<AddressErrorCode>()) {
        (true, _) => Ok(format!("{relayed:?}")),
        (false, Some(error)) => {
            Err(Verdict::not_supported(format_args!("ADDRESS-ERROR-CODE {}", error.code)))
        }
        (false, None) => Err(Verdict::fail(format_args!("{relayed:?} without ADDRESS-ERROR-CODE"))),
    }
}

fn unknown(subject: &Subject) -> Outcome {
    refused_by(&ask(subject, 7)?.1, &[440])
}

fn additional_ipv4(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let additional = AdditionalAddressFamily::from(AddressFamily::Ipv4);
    let reply = turn.allocate_by(&allocate_draft().with(&additional))?;
    refused_by(&reply, &[400])
}

fn requested_and_additional(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let draft = allocate_draft()
        .with(&RequestedAddressFamily::from(AddressFamily::Ipv4))
        .with(&AdditionalAddressFamily::from(AddressFamily::Ipv6));
    let reply = turn.allocate_by(&draft)?;
    refused_by(&reply, &[400])
}

fn requested_and_token(subject: &Subject) -> Outcome {
    let mut turn = Turn::challenged(subject)?;
    let draft = allocate_draft()
        .with(&RequestedAddressFamily::from(AddressFamily::Ipv4))
        .with(&ReservationToken([7; 8]));
    let reply = turn.allocate_by(&draft)?;
    refused_by(&reply, &[400])
}

fn peer(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    let other: IpAddr = if turn.relayed()?.is_ipv4() {
        Ipv6Addr::new(0x2001, 0x4860, 0, 0, 0, 0, 0, 1).into()
    } else {
        Ipv4Addr::new(8, 8, 8, 8).into()
    };
    refused_by(&turn.permit(other)?, &[443])
}
