use super::*;
use crate::attribute::{RequestedTransport, ThirdPartyAuthorization};
use crate::auth::{CHALLENGE_LEN_MAX, RefusalReason};
use crate::method::REFRESH;
use moim_stun::attribute::{ErrorCode, Username};
use moim_stun::{AttributeType, FingerprintCheck};
use std::collections::BTreeSet;

const BARE: usize = 20;

/// Covers: RFC 8489 §9.2.4
#[test]
fn a_first_request_is_challenged() {
    let world = World::new(Algorithms::Sha256ThenMd5);

    let response = world.refusal(&allocate());
    let response = Message::parse(&response).unwrap();

    assert_eq!(response.class(), Class::ErrorResponse);
    assert_eq!((response.method(), response.transaction_id()), (ALLOCATE, ID));
    assert_eq!(response.get::<ErrorCode<'_>>().unwrap().unwrap().code(), 401);
    assert_eq!(response.get::<RealmAttribute<'_>>().unwrap().unwrap().0, REALM);
    assert!(response.get::<Nonce<'_>>().unwrap().unwrap().0.starts_with("obMatJos2"));
    let offer = response.get::<PasswordAlgorithms<'_>>().unwrap();
    assert_eq!(offer, Some(PasswordAlgorithms::SHA256_THEN_MD5));
    assert_eq!(response.find(AttributeType::SOFTWARE), None);
}

#[test]
fn a_challenge_over_udp_is_at_most_three_point_six_times_its_request() {
    for algorithms in [Algorithms::Sha256ThenMd5, Algorithms::Md5] {
        for name_len in 1..=12 {
            let mut realm = Realm::new(&"r".repeat(name_len), algorithms).unwrap();
            realm.add_user(USER, PASSWORD).unwrap();
            realm.add_secret(b"secret").unwrap();
            realm.set_token_server_name("turn.example.org").unwrap();
            realm.add_token_key("kid", token_key()).unwrap();
            let world = World::with_realm(realm);
            for fingerprint in [false, true] {
                let seal = Seal { fingerprint, ..Seal::default() };
                for padding in 0..40 {
                    let request = request(seal, |builder| match padding {
                        0 => Ok(()),
                        _ => builder.raw(AttributeType::SOFTWARE, &vec![b'x'; padding * 4]),
                    });
                    let response = world.refusal(&request);
                    assert!(
                        response.len() * 10 <= request.len() * 36,
                        "{} for {}",
                        response.len(),
                        request.len()
                    );
                }
            }
        }
    }
}

#[test]
fn a_bare_request_gets_a_short_challenge_and_a_real_one_everything() {
    let mut world = World::new(Algorithms::Sha256ThenMd5);

    let bare = request(Seal::default(), |_| Ok(()));
    assert_eq!(bare.len(), BARE);
    assert_eq!(world.refusal(&bare).len(), 72);
    let response = world.refusal(&bare);
    assert!(Message::parse(&response).unwrap().find(AttributeType::PASSWORD_ALGORITHMS).is_none());

    assert_eq!(allocate().len(), 28);
    assert_eq!(world.refusal(&allocate()).len(), 100);

    // Over a stream the sender is who it says, and nothing is saved.
    world.client = client(Transport::Tcp);
    assert_eq!(world.refusal(&bare).len(), 100);
}

#[test]
fn a_realm_that_needs_the_offer_always_sends_it() {
    let world = World::new(Algorithms::Sha256);
    let response = world.refusal(&request(Seal::default(), |_| Ok(())));

    let offer = Message::parse(&response).unwrap().get::<PasswordAlgorithms<'_>>().unwrap();
    assert_eq!(offer, Some(PasswordAlgorithms::SHA256));
}

/// Covers: RFC 7635 §6.1
#[test]
fn a_realm_of_tokens_names_the_server_and_offers_no_algorithms() {
    let mut realm = Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();
    realm.set_token_server_name("turn.example.org").unwrap();
    realm.add_token_key("kid", token_key()).unwrap();
    let response = World::with_realm(realm).refusal(&request(Seal::default(), |_| Ok(())));
    let response = Message::parse(&response).unwrap();

    let name = response.get::<ThirdPartyAuthorization<'_>>().unwrap();
    assert_eq!(name, Some(ThirdPartyAuthorization("turn.example.org")));
    assert!(response.find(AttributeType::PASSWORD_ALGORITHMS).is_none());
}

/// Covers: RFC 8489 §9.2.4
#[test]
fn a_request_that_lacks_something_is_told_nothing() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let key = md5(USER, PASSWORD);
    let seal = Seal { integrity: Integrity::Sha1(&key), fingerprint: false };
    let nonce = world.nonce();
    let long = "u".repeat(509);
    let requests = [
        request(seal, |_| Ok(())),
        request(seal, |builder| {
            builder.attribute(&RealmAttribute(REALM))?;
            builder.attribute(&Nonce(&nonce))
        }),
        request(seal, |builder| {
            builder.attribute(&Username(USER))?;
            builder.attribute(&Nonce(&nonce))
        }),
        request(seal, |builder| {
            builder.attribute(&Username(USER))?;
            builder.attribute(&RealmAttribute(REALM))
        }),
        request(seal, |builder| {
            builder.raw(AttributeType::USERNAME, long.as_bytes())?;
            builder.attribute(&RealmAttribute(REALM))?;
            builder.attribute(&Nonce(&nonce))
        }),
        request(seal, |builder| {
            builder.attribute(&Username(USER))?;
            builder.raw(AttributeType::USERHASH, &[0; 32])?;
            builder.attribute(&RealmAttribute(REALM))?;
            builder.attribute(&Nonce(&nonce))
        }),
    ];
    for request in requests {
        let response = world.refusal(&request);
        let response = Message::parse(&response).unwrap();
        assert_eq!(response.get::<ErrorCode<'_>>().unwrap().unwrap().code(), 400);
        assert_eq!(response.attributes().count(), 1);
    }
}

/// Covers: RFC 8489 §9.2.4
#[test]
fn an_old_nonce_is_answered_by_a_new_one_of_its_kind() {
    let mut world = World::new(Algorithms::Sha256ThenMd5);
    let key = md5(USER, PASSWORD);
    let nonces = [world.nonce(), world.short_nonce()];
    world.now = world.later(NONCE_LIFETIME_DEFAULT.as_secs() + 1);
    for nonce in nonces {
        let request = classic(&Username(USER), &nonce, Integrity::Sha1(&key));
        assert_eq!(world.authenticate(&request).unwrap_err().reason(), RefusalReason::OldNonce);

        let response = world.refusal(&request);
        let response = Message::parse(&response).unwrap();
        assert_eq!(response.get::<ErrorCode<'_>>().unwrap().unwrap().code(), 438);
        let fresh = response.get::<Nonce<'_>>().unwrap().unwrap().0;
        assert_eq!(fresh.len(), nonce.len());
        let has_offer = response.find(AttributeType::PASSWORD_ALGORITHMS).is_some();
        assert_eq!(has_offer, nonce.len() > 24);
        assert!(response.find(AttributeType::REALM).is_some());

        let again = classic(&Username(USER), fresh, Integrity::Sha1(&key));
        assert_eq!(world.code(&again), 0);
    }
}

#[test]
fn nothing_is_computed_for_a_credential_before_the_nonce_proved_right() {
    let mut realm = Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();
    realm.add_secret(b"secret").unwrap();
    let world = World::with_realm(realm);
    let mut elsewhere = World::new(Algorithms::Sha256ThenMd5);
    elsewhere.client.client.set_port(4001);

    let key = IntegrityKey::from_bytes(&[1]);
    let request = classic(&Username("4000000000:ann"), &elsewhere.short_nonce(), Integrity::Sha1(&key));

    // A wrong password would be 401.
    assert_eq!(world.authenticate(&request).unwrap_err().reason(), RefusalReason::UnknownNonce);
}

/// Covers: RFC 8489 §7
#[test]
fn a_fingerprint_is_answered_by_one() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    for (fingerprint, expected) in [(true, FingerprintCheck::Valid), (false, FingerprintCheck::Absent)] {
        let response = world.refusal(&request(Seal { fingerprint, ..Seal::default() }, |_| Ok(())));
        assert_eq!(Message::parse(&response).unwrap().check_fingerprint(), expected);
    }
}

#[test]
fn the_longest_challenge_fits_where_it_is_said_to_fit() {
    let mut realm = Realm::new(&"\u{1d11e}".repeat(127), Algorithms::Sha256ThenMd5).unwrap();
    realm.add_user(USER, PASSWORD).unwrap();
    realm.set_token_server_name(&"s".repeat(127)).unwrap();
    realm.add_token_key("kid", token_key()).unwrap();
    let mut world = World::with_realm(realm);
    world.client = client(Transport::Tls);

    let response = world.refusal(&request(Seal { fingerprint: true, ..Seal::default() }, |_| Ok(())));

    assert!(response.len() > 700 && response.len() <= CHALLENGE_LEN_MAX);
}

#[test]
fn any_method_is_challenged() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let mut buffer = [0; BARE];
    let request = MessageBuilder::new(&mut buffer, Class::Request, REFRESH, ID).unwrap();
    let request = request.finish(Seal::default()).unwrap();

    assert_eq!(Message::parse(&world.refusal(request)).unwrap().method(), REFRESH);
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let names: BTreeSet<_> = RefusalReason::ALL.iter().map(|reason| reason.as_str()).collect();

    assert_eq!(names.len(), RefusalReason::ALL.len());
    for (index, reason) in RefusalReason::ALL.iter().enumerate() {
        assert_eq!(*reason as usize, index);
    }
}

/// What every client begins with: REQUESTED-TRANSPORT is not optional.
fn allocate() -> Vec<u8> {
    request(Seal::default(), |builder| builder.attribute(&RequestedTransport::UDP))
}
