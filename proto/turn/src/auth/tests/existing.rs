use super::*;
use crate::auth::{RefusalReason, SharedSecret};
use moim_stun::IntegrityCheck;
use moim_stun::attribute::{ErrorCode, UserHash, Username};

const OFFERED: PasswordAlgorithms<'static> = PasswordAlgorithms::SHA256_THEN_MD5;

#[test]
fn later_requests_are_checked_with_the_key_of_the_allocation() {
    let mut world = World::new(Algorithms::Sha256ThenMd5);
    let key = md5(USER, PASSWORD);
    let request = classic(&Username(USER), &world.short_nonce(), Integrity::Sha1(&key));
    let existing = stored(&world.authenticate(&request).unwrap());

    // The user is removed, and keeps the allocation.
    world.realm = Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();

    let again = world.authenticate_in(&request, Some(&existing)).unwrap();
    assert!(Arc::ptr_eq(&stored(&again), &existing));
    assert_eq!(world.code(&request), 401);
    let wrong = classic(&Username(USER), &world.short_nonce(), Integrity::Sha1(&md5(USER, "wrong")));
    let refusal = world.authenticate_in(&wrong, Some(&existing)).unwrap_err();
    assert_eq!(refusal.reason(), RefusalReason::WrongIntegrity);
}

#[test]
fn a_user_is_known_by_name_and_by_hash_and_with_either_algorithm() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let (md5, sha256) = (md5(USER, PASSWORD), sha256(USER, PASSWORD));
    let hash = UserHash::new(USER, REALM).unwrap();
    let nonce = world.nonce();
    let by_md5 = classic(&Username(USER), &nonce, Integrity::Sha1(&md5));
    let chosen = PasswordAlgorithm::SHA256;
    let by_sha256 = modern(&hash, &nonce, chosen, OFFERED, Integrity::Sha256(&sha256));
    let existing = stored(&world.authenticate(&by_md5).unwrap());

    assert!(world.authenticate_in(&by_sha256, Some(&existing)).is_ok());
    let existing = stored(&world.authenticate(&by_sha256).unwrap());
    assert!(world.authenticate_in(&by_md5, Some(&existing)).is_ok());
}

/// Covers: RFC 8656 §5
#[test]
fn another_user_is_told_so_under_their_own_seal() {
    let mut world = World::new(Algorithms::Sha256ThenMd5);
    world.realm.add_user("bob", "battery staple").unwrap();
    let key = md5("bob", "battery staple");
    let ann = classic(&Username(USER), &world.nonce(), Integrity::Sha1(&md5(USER, PASSWORD)));
    let bob = classic(&Username("bob"), &world.nonce(), Integrity::Sha1(&key));
    let existing = stored(&world.authenticate(&ann).unwrap());

    let refusal = world.authenticate_in(&bob, Some(&existing)).unwrap_err();
    assert_eq!(refusal.reason(), RefusalReason::OtherUser);
    assert!(refusal.is_authenticated());
    let response = world.refuse(&bob, &refusal);
    let response = Message::parse(&response).unwrap();
    assert_eq!(response.get::<ErrorCode<'_>>().unwrap().unwrap().code(), 441);
    assert_eq!(response.check_sha1(&key), IntegrityCheck::Valid);

    // Who only says so is a stranger.
    let nobody = classic(&Username("bob"), &world.nonce(), Integrity::Sha1(&md5("bob", "guessed")));
    let refusal = world.authenticate_in(&nobody, Some(&existing)).unwrap_err();
    assert_eq!(refusal.reason().error_code(), 401);
    assert!(!refusal.is_authenticated());
}

#[test]
fn an_allocation_outlives_the_credential_it_was_made_with() {
    let mut realm = Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();
    realm.add_secret(b"secret").unwrap();
    let mut world = World::with_realm(realm);
    let username = format!("{}:ann", seconds_since_1970(world.now.wall) + 60);
    let password = SharedSecret::new(b"secret").password(&username);
    let (md5, sha256) = (md5(&username, &password), sha256(&username, &password));
    let request = classic(&Username(&username), &world.nonce(), Integrity::Sha1(&md5));
    let existing = stored(&world.authenticate(&request).unwrap());

    world.now = world.later(61);

    assert_eq!(world.code(&request), 401, "no new allocation");
    assert!(world.authenticate_in(&request, Some(&existing)).is_ok());
    let chosen = PasswordAlgorithm::SHA256;
    let by_sha256 = modern(&Username(&username), &world.nonce(), chosen, OFFERED, Integrity::Sha256(&sha256));
    assert!(world.authenticate_in(&by_sha256, Some(&existing)).is_ok());
}
