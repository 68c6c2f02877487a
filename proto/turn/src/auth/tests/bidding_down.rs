use super::*;
use crate::auth::RefusalReason;
use moim_stun::AttributeType;
use moim_stun::attribute::{AlgorithmNumber, Username};

/// Covers: RFC 8489 §9.2.4, §9.2.5
#[test]
fn an_offer_that_was_changed_on_its_way_is_found_out() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let nonce = world.nonce();
    let key = md5(USER, PASSWORD);
    let integrity = Integrity::Sha1(&key);
    let seal = Seal { integrity, fingerprint: false };
    let md5_alone = [0, 1, 0, 0];
    let in_other_order = [0, 1, 0, 0, 0, 2, 0, 0];

    for offer in [md5_alone.as_slice(), &in_other_order, &[]] {
        let request = request(seal, |builder| {
            builder.attribute(&Username(USER))?;
            builder.attribute(&RealmAttribute(REALM))?;
            builder.attribute(&Nonce(&nonce))?;
            builder.raw(AttributeType::PASSWORD_ALGORITHMS, offer)?;
            builder.attribute(&PasswordAlgorithm::MD5)
        });
        assert_eq!(world.authenticate(&request).unwrap_err().reason(), RefusalReason::OtherAlgorithm);
    }
}

/// Covers: RFC 8489 §9.2.4
#[test]
fn the_algorithm_and_the_offer_come_together() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let nonce = world.nonce();
    let key = sha256(USER, PASSWORD);
    let seal = Seal { integrity: Integrity::Sha256(&key), fingerprint: false };
    let head = |builder: &mut MessageBuilder<'_>| {
        builder.attribute(&Username(USER))?;
        builder.attribute(&RealmAttribute(REALM))?;
        builder.attribute(&Nonce(&nonce))
    };

    let without_offer = request(seal, |builder| {
        head(builder)?;
        builder.attribute(&PasswordAlgorithm::SHA256)
    });
    let without_choice = request(seal, |builder| {
        head(builder)?;
        builder.attribute(&PasswordAlgorithms::SHA256_THEN_MD5)
    });

    assert_eq!(world.code(&without_offer), 400);
    assert_eq!(world.code(&without_choice), 400);
}

/// Covers: RFC 8489 §9.2.4
#[test]
fn what_was_not_offered_cannot_be_chosen() {
    let key = sha256(USER, PASSWORD);
    let integrity = Integrity::Sha256(&key);
    let offered = PasswordAlgorithms::SHA256_THEN_MD5;
    let choose = |world: &World, nonce: &str, chosen| {
        world.code(&modern(&Username(USER), nonce, chosen, offered, integrity))
    };
    let world = World::new(Algorithms::Sha256ThenMd5);

    assert_eq!(choose(&world, &world.nonce(), PasswordAlgorithm::SHA256), 0);
    assert_eq!(choose(&world, &world.short_nonce(), PasswordAlgorithm::SHA256), 400, "nothing was offered");
    let unknown = PasswordAlgorithm { algorithm: AlgorithmNumber(3), parameters: &[] };
    assert_eq!(choose(&world, &world.nonce(), unknown), 400);
    let with_parameters = PasswordAlgorithm { parameters: &[1], ..PasswordAlgorithm::SHA256 };
    assert_eq!(choose(&world, &world.nonce(), with_parameters), 400);
}

/// Covers: RFC 8489 §9.2.4
#[test]
fn a_realm_of_sha256_alone_takes_no_md5() {
    let world = World::new(Algorithms::Sha256);
    let (md5, sha256) = (md5(USER, PASSWORD), sha256(USER, PASSWORD));
    let nonce = world.nonce();

    assert_eq!(world.code(&classic(&Username(USER), &nonce, Integrity::Sha1(&md5))), 400);
    assert_eq!(world.code(&classic(&Username(USER), &world.short_nonce(), Integrity::Sha1(&md5))), 400);
    let chosen = PasswordAlgorithm::MD5;
    let request =
        modern(&Username(USER), &nonce, chosen, PasswordAlgorithms::SHA256, Integrity::Sha256(&md5));
    assert_eq!(world.code(&request), 400);
    let chosen = PasswordAlgorithm::SHA256;
    let request =
        modern(&Username(USER), &nonce, chosen, PasswordAlgorithms::SHA256, Integrity::Sha256(&sha256));
    assert_eq!(world.code(&request), 0);
}

#[test]
fn a_realm_of_md5_alone_offers_nothing() {
    let world = World::new(Algorithms::Md5);
    let (md5, sha256) = (md5(USER, PASSWORD), sha256(USER, PASSWORD));

    assert_eq!(world.code(&classic(&Username(USER), &world.nonce(), Integrity::Sha1(&md5))), 0);
    let offered = PasswordAlgorithms::SHA256_THEN_MD5;
    let chosen = PasswordAlgorithm::SHA256;
    let request = modern(&Username(USER), &world.nonce(), chosen, offered, Integrity::Sha256(&sha256));
    assert_eq!(world.code(&request), 400);
}

/// Covers: RFC 8489 §9.2.4
#[test]
fn a_nonce_whose_features_were_taken_away_is_stale() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let key = md5(USER, PASSWORD);
    let nonce = world.nonce();
    let without_cookie = &nonce[13..];
    let without_features = nonce.replace("wAAA", "AAAA");

    for nonce in [without_cookie, &without_features] {
        assert_eq!(world.code(&classic(&Username(USER), nonce, Integrity::Sha1(&key))), 438);
    }
}
