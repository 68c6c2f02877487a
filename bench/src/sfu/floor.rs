//! A sender that knows nothing: one packet is encrypted for each destination, and sent there in runs.

use super::{PAYLOAD_LEN, PICTURE_PACKETS, median};
use crate::peer::Side;
use crate::udp::{BATCH_MAX, MEASURING_BUFFER_LEN, Outgoing, Receiver, Sender, Socket, TRAIN_LEN_MAX};
use anyhow::{Context, Result, anyhow, ensure};
use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use std::net::{Ipv4Addr, SocketAddrV4};

/// An RTP header with the extensions that packets of calls have.
const HEADER_LEN: usize = 32;
/// What AES-GCM adds (RFC 7714 §5).
const TAG_LEN: usize = 16;
const PACKET_LEN: usize = HEADER_LEN + PAYLOAD_LEN + TAG_LEN;
/// The first port that is sent to. Nobody else listens on loopback addresses of this kind.
const PORT: u16 = 40_000;
/// Pictures in each round.
const PICTURES: usize = 60;

/// Prints what a packet costs at least.
pub(super) fn measure(destinations: &[usize], rounds: usize) -> Result<()> {
    println!(
        "\nfloor over loopback, µs a packet: AES-128-GCM, then runs of {PICTURE_PACKETS} by UDP_SEGMENT"
    );
    println!("{:>12} {:>9} {:>9} {:>9}", "destinations", "encrypted", "sent", "both");
    for count in destinations {
        let mut costs = Vec::new();
        for _ in 0..rounds {
            costs.push(round(*count)?);
        }
        let encrypted = median(costs.iter().map(|cost| cost.0).collect());
        let sent = median(costs.iter().map(|cost| cost.1).collect());
        println!("{count:>12} {encrypted:>9.3} {sent:>9.3} {:>9.3}", encrypted + sent);
    }
    Ok(())
}

/// A destination, as a subscriber is.
struct Destination {
    socket: Socket,
    address: SocketAddrV4,
    key: LessSafeKey,
}

/// What encrypting and sending a packet cost, in microseconds.
fn round(count: usize) -> Result<(f64, f64)> {
    let from = Socket::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0), false, MEASURING_BUFFER_LEN)?;
    let destinations = (0..count).map(destination).collect::<Result<Vec<_>>>()?;
    let (mut sender, mut receiver) = (Sender::new(), Receiver::new(TRAIN_LEN_MAX));
    let mut memory = vec![0_u8; count * PICTURE_PACKETS * PACKET_LEN];
    let payload = [7; PAYLOAD_LEN];
    let (mut encrypting, mut sending) = (Side::default(), Side::default());
    for picture in 0..PICTURES {
        let mut result = Ok(0);
        encrypting.add(|| {
            result = encrypt(&destinations, &payload, picture, &mut memory);
            count * PICTURE_PACKETS
        });
        result?;
        let mut result = Ok(());
        sending.add(|| {
            result = send(&from, &destinations, &mut sender, &memory);
            count * PICTURE_PACKETS
        });
        result?;
        for destination in &destinations {
            while receiver.receive(&destination.socket)? > 0 {}
        }
    }
    for destination in &destinations {
        ensure!(destination.socket.drops()? == 0, "the kernel dropped packets: the floor would be too low");
    }
    Ok((encrypting.microseconds(), sending.microseconds()))
}

fn destination(index: usize) -> Result<Destination> {
    let port = PORT + u16::try_from(index).context("too many destinations")?;
    let address = SocketAddrV4::new(Ipv4Addr::new(127, 0, 9, 1), port);
    let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).map_err(|_| anyhow!("a key has sixteen bytes"))?;
    let socket = Socket::bind(address, true, MEASURING_BUFFER_LEN)?;
    Ok(Destination { socket, address, key: LessSafeKey::new(key) })
}

/// Copies the packets of a picture for each destination, and encrypts them where they lie.
fn encrypt(
    destinations: &[Destination],
    payload: &[u8; PAYLOAD_LEN],
    picture: usize,
    memory: &mut [u8],
) -> Result<usize> {
    for (destination, packets) in destinations.iter().zip(memory.chunks_mut(PICTURE_PACKETS * PACKET_LEN)) {
        for (number, packet) in packets.chunks_mut(PACKET_LEN).enumerate() {
            let (header, body) = packet.split_at_mut(HEADER_LEN);
            let (body, tag) = body.split_at_mut(PAYLOAD_LEN);
            body.copy_from_slice(payload);
            let mut nonce = [0; 12];
            nonce[..8].copy_from_slice(&(picture * PICTURE_PACKETS + number).to_be_bytes());
            let sealed = destination.key.seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(&*header),
                body,
            );
            tag.copy_from_slice(sealed.map_err(|_| anyhow!("encryption failed"))?.as_ref());
        }
    }
    Ok(destinations.len())
}

fn send(from: &Socket, destinations: &[Destination], sender: &mut Sender, memory: &[u8]) -> Result<()> {
    let len = PICTURE_PACKETS * PACKET_LEN;
    let segment_len = Some(u16::try_from(PACKET_LEN)?);
    let messages: Vec<_> = (0..)
        .zip(destinations)
        .map(|(index, destination)| Outgoing {
            start: index * len,
            len,
            segment_len,
            from: None,
            to: destination.address,
        })
        .collect();
    for batch in messages.chunks(BATCH_MAX) {
        let mut rest = batch;
        while !rest.is_empty() {
            let sent = sender.send(from, memory, rest)?;
            rest = &rest[sent..];
        }
    }
    Ok(())
}
