//! Messages that are none. The server drops or refuses them, and another client's allocation does not notice.

use super::{Check, success, withstands};
use crate::turn_check::draft::{Draft, random};
use crate::turn_check::link::Transport;
use crate::turn_check::subject::Subject;
use crate::turn_check::turn::{CHANNEL, Turn, allocate_draft, channel_data};
use crate::turn_check::verdict::{Outcome, Verdict};
use moim_stun::attribute::Attribute as _;
use moim_stun::{AttributeType, Integrity, IntegrityKey, Method, Seal};
use moim_turn::attribute::{Lifetime, RequestedTransport, XorPeerAddress};
use moim_turn::method;

pub(super) const CHECKS: &[Check] = &[
    withstands("malformed/short", "RFC 8489 §6.3", "survives messages cut short anywhere", short),
    withstands("malformed/length", "RFC 8489 §5", "survives length fields that lie", length),
    withstands(
        "malformed/attribute-length",
        "RFC 8489 §14",
        "survives attributes that reach beyond the message",
        attribute_length,
    ),
    withstands(
        "malformed/many-attributes",
        "RFC 8489 §14",
        "survives a message full of attributes",
        many_attributes,
    ),
    withstands(
        "malformed/flipped-bits",
        "RFC 8489 §6.3",
        "survives messages with any bit changed",
        flipped_bits,
    ),
    withstands("malformed/noise", "RFC 7983", "survives noise", noise),
    withstands("malformed/huge", "RFC 8489 §6.1", "survives datagrams as long as there are", huge),
    withstands("malformed/empty", "RFC 8489 §6.3", "survives empty datagrams", empty),
    withstands(
        "malformed/channel-data",
        "RFC 8656 §12.6",
        "survives ChannelData from strangers",
        stray_channel_data,
    ),
    withstands(
        "malformed/texts",
        "RFC 8489 §14.3, §14.9, §14.10",
        "survives names, realms and nonces that are too long or no text",
        texts,
    ),
    withstands(
        "malformed/values",
        "RFC 8656 §18",
        "answers attributes of wrong lengths from a user by an error, and goes on",
        values,
    ),
    withstands(
        "malformed/integrity",
        "RFC 8489 §14.5",
        "survives integrity attributes of wrong lengths",
        integrity,
    ),
    withstands(
        "malformed/tcp-garbage",
        "RFC 8489 §6.2.2",
        "survives bytes over TCP that are no message",
        tcp_garbage,
    ),
];

/// Makes the abuse with another client's allocation in place, which must then still be there and answer.
fn beside_a_neighbour(subject: &Subject, abuse: impl FnOnce() -> Result<String, Verdict>) -> Outcome {
    let neighbour = subject.credential().ok().map(|_| Turn::allocated(subject)).transpose()?;
    let seen = abuse()?;
    match neighbour {
        Some(mut neighbour) => {
            success(&neighbour.refresh(None)?).map_err(|verdict| {
                Verdict::fail(format_args!("{seen}; its neighbour's Refresh: {}", verdict.seen))
            })?;
            Ok(format!("{seen}; a neighbour's allocation lives"))
        }
        None => Ok(seen),
    }
}

/// Sends each of `messages` from one UDP socket.
fn send_all(subject: &Subject, messages: impl IntoIterator<Item = Vec<u8>>) -> Outcome {
    let mut link = subject.link_by(Transport::Udp)?;
    let mut count = 0;
    for message in messages {
        link.send(&message)?;
        count += 1;
    }
    Ok(format!("{count} datagrams"))
}

fn survives(subject: &Subject, messages: impl IntoIterator<Item = Vec<u8>>) -> Outcome {
    beside_a_neighbour(subject, || send_all(subject, messages))
}

/// A message with a bit of everything.
fn rich() -> Vec<u8> {
    let key = IntegrityKey::short_term("any");
    allocate_draft()
        .with(&Lifetime(600))
        .with(&moim_stun::attribute::Username("user"))
        .with(&moim_stun::attribute::Realm("realm"))
        .with(&moim_stun::attribute::Nonce("nonce"))
        .with(&XorPeerAddress((std::net::Ipv4Addr::LOCALHOST, 9).into()))
        .bytes(Seal { integrity: Integrity::Both(&key), fingerprint: true })
}

fn short(subject: &Subject) -> Outcome {
    let rich = rich();
    survives(subject, (0..rich.len()).map(|len| rich[..len].to_vec()))
}

fn length(subject: &Subject) -> Outcome {
    let lengths = [0_u16, 1, 2, 3, 4, 8, 100, 0x7fff, 0x8000, 0xfffc, 0xffff];
    survives(
        subject,
        lengths.map(|length| {
            let mut bytes = rich();
            bytes[2..4].copy_from_slice(&length.to_be_bytes());
            bytes
        }),
    )
}

fn attribute_length(subject: &Subject) -> Outcome {
    let lengths = [5_u16, 100, 0x7fff, 0xfffd, 0xffff];
    survives(
        subject,
        lengths.map(|length| {
            let mut bytes = allocate_draft().plain();
            bytes[22..24].copy_from_slice(&length.to_be_bytes());
            bytes
        }),
    )
}

fn many_attributes(subject: &Subject) -> Outcome {
    let full = |attribute_type: u16| {
        let attribute_type = AttributeType(attribute_type);
        (0..300).fold(Draft::request(method::ALLOCATE), |draft, _| draft.raw(attribute_type, &[])).plain()
    };
    survives(subject, [0x0006, 0x0012, 0x0013, 0x7ffe, 0x8000, 0xfffe].map(full))
}

fn flipped_bits(subject: &Subject) -> Outcome {
    let rich = rich();
    survives(
        subject,
        (0..rich.len() * 8).map(|bit| {
            let mut bytes = rich.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            bytes
        }),
    )
}

fn noise(subject: &Subject) -> Outcome {
    survives(
        subject,
        (0..=255).map(|first| {
            let mut bytes = random::<200>().to_vec();
            bytes[0] = first;
            bytes
        }),
    )
}

fn huge(subject: &Subject) -> Outcome {
    let mut stun = Draft::request(method::ALLOCATE).plain();
    stun[2..4].copy_from_slice(&65_480_u16.to_be_bytes());
    stun.resize(65_500, 0);
    survives(subject, [stun, vec![0; 65_500], vec![0x40; 65_500], vec![0xff; 65_500]])
}

fn empty(subject: &Subject) -> Outcome {
    survives(subject, vec![Vec::new(); 20])
}

fn stray_channel_data(subject: &Subject) -> Outcome {
    let numbers = [CHANNEL, CHANNEL + 1, 0x4fff, 0x5000, 0x7fff];
    survives(subject, numbers.map(|number| channel_data(number, b"nobody bound this")))
}

fn texts(subject: &Subject) -> Outcome {
    let types =
        [AttributeType::USERNAME, AttributeType::REALM, AttributeType::NONCE, AttributeType::SOFTWARE];
    let values =
        [vec![], vec![b'x'; 1200], vec![0xff; 40], vec![0; 40], "é\u{202e}\u{0}".as_bytes().to_vec()];
    let key = IntegrityKey::short_term("any");
    let messages = types.iter().flat_map(|attribute_type| {
        let seal = Seal { integrity: Integrity::Sha1(&key), fingerprint: false };
        values.iter().map(move |value| allocate_draft().raw(*attribute_type, value).bytes(seal))
    });
    survives(subject, messages)
}

fn values(subject: &Subject) -> Outcome {
    let mut turn = Turn::allocated(subject)?;
    let cases = [
        (method::REFRESH, Lifetime::TYPE),
        (method::CREATE_PERMISSION, XorPeerAddress::TYPE),
        (method::CHANNEL_BIND, AttributeType(0x000c)),
        (method::ALLOCATE, RequestedTransport::TYPE),
    ];
    let mut seen = Vec::new();
    for (method, attribute_type) in cases {
        for len in [0, 1, 3, 5, 40] {
            let reply = turn.call(&Draft::request(method).raw(attribute_type, &vec![1; len]))?;
            // An allocation that exists may outweigh a malformed Allocate.
            if reply.is_success() {
                return Err(Verdict::fail(format_args!(
                    "success with attribute {attribute_type} of {len} bytes"
                )));
            }
            seen.extend(reply.code());
        }
    }
    success(&turn.refresh(None)?)?;
    seen.sort_unstable();
    seen.dedup();
    Ok(format!("errors {seen:?}, and the allocation lives"))
}

fn integrity(subject: &Subject) -> Outcome {
    let types = [
        AttributeType::MESSAGE_INTEGRITY,
        AttributeType::MESSAGE_INTEGRITY_SHA256,
        AttributeType::FINGERPRINT,
    ];
    let messages = types.iter().flat_map(|attribute_type| {
        [0, 1, 4, 16, 19, 20, 21, 32, 33, 400]
            .map(|len| Draft::request(method::REFRESH).raw(*attribute_type, &vec![0; len]).plain())
    });
    survives(subject, messages)
}

fn tcp_garbage(subject: &Subject) -> Outcome {
    let garbage: [&[u8]; 5] =
        [b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64], &[0x40, 0, 0xff, 0xff], &[0; 20], b"SSH-2.0-x\r\n"];
    subject.speaks(Transport::Tcp)?;
    beside_a_neighbour(subject, || {
        let mut closed = 0;
        for bytes in garbage {
            let mut link = subject.link_by(Transport::Tcp)?;
            link.send(bytes)?;
            let _ = link.receive(link.settling());
            closed += usize::from(link.is_closed());
        }
        let mut link = subject.link_by(Transport::Tcp)?;
        let draft = Draft::request(Method::BINDING);
        success(&link.exchange(&draft.plain(), draft.id)?)?;
        Ok(format!("{closed} of {} closed at once", garbage.len()))
    })
}
