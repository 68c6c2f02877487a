//! What a Binding request costs, from bytes to bytes. `cargo bench -p moim-stun`.

use divan::{Bencher, black_box};
use moim_stun::binding::{Handled, RESPONSE_LEN_MAX, Server};
use moim_stun::{
    Class, Integrity, IntegrityCheck, IntegrityKey, Message, MessageBuilder, Method, Seal, TransactionId,
    attribute::Username,
};
use std::net::SocketAddr;

fn main() {
    divan::main();
}

/// With and without FINGERPRINT, as browsers send it and not.
#[divan::bench(args = [false, true])]
fn parse_and_respond(bencher: Bencher<'_, '_>, fingerprint: bool) {
    let request = request(Seal { fingerprint, ..Seal::default() });
    let source: SocketAddr = ([203, 0, 113, 7], 40_000).into();
    let mut server = Server::new();
    let mut out = [0; RESPONSE_LEN_MAX];
    bencher.bench_local(|| -> Handled { server.handle(black_box(&request), black_box(source), &mut out) });
}

/// What ICE pays for every connectivity check: HMAC-SHA1 over a message of about 100 bytes.
#[divan::bench]
fn parse_and_check_sha1(bencher: Bencher<'_, '_>) {
    let key = IntegrityKey::short_term("VOkJxbRl1RmTxUk/WvJxBt");
    let request = request(Seal { integrity: Integrity::Sha1(&key), fingerprint: true });
    bencher.bench_local(|| -> Option<IntegrityCheck> {
        Some(Message::parse(black_box(&request)).ok()?.check_sha1(&key))
    });
}

fn request(seal: Seal<'_>) -> Vec<u8> {
    let mut buffer = [0; 256];
    let id = TransactionId(*b"transactions");
    let mut builder = MessageBuilder::new(&mut buffer, Class::Request, Method::BINDING, id)
        .expect("the buffer holds a header");
    if !matches!(seal.integrity, Integrity::None) {
        builder.attribute(&Username("evtj:h6vY")).expect("the buffer holds it");
    }
    builder.finish(seal).expect("the buffer holds it").to_vec()
}
