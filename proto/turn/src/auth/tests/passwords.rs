use super::*;
use crate::auth::{RealmError, RefusalReason, SECRETS_MAX, SharedSecret};
use moim_stun::attribute::{UserHash, Username};
use moim_stun::{AttributeType, IntegrityCheck, SHA256_LEN};

const OFFERED: PasswordAlgorithms<'static> = PasswordAlgorithms::SHA256_THEN_MD5;

/// Covers: RFC 8489 §9.2.4
#[test]
fn every_form_of_a_right_credential_is_taken() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let hash = UserHash::new(USER, REALM).unwrap();
    let (md5, sha256) = (md5(USER, PASSWORD), sha256(USER, PASSWORD));
    let nonce = world.nonce();
    for (chosen, key) in [(PasswordAlgorithm::MD5, &md5), (PasswordAlgorithm::SHA256, &sha256)] {
        for integrity in [Integrity::Sha1(key), Integrity::Sha256(key), Integrity::Both(key)] {
            for request in [
                modern(&Username(USER), &nonce, chosen, OFFERED, integrity),
                modern(&hash, &nonce, chosen, OFFERED, integrity),
            ] {
                let authenticated = world.authenticate(&request).unwrap();

                assert_eq!(authenticated.username(), USER);
                assert_eq!(authenticated.credential().user(), Some(USER));
                assert_eq!(authenticated.credential().lifetime_max(world.now.wall), None);
            }
        }
    }
    for nonce in [world.nonce(), world.short_nonce()] {
        assert!(world.authenticate(&classic(&Username(USER), &nonce, Integrity::Sha1(&md5))).is_ok());
    }
}

/// Covers: RFC 8489 §9.2.4
#[test]
fn the_response_is_sealed_in_kind() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let key = sha256(USER, PASSWORD);
    let chosen = PasswordAlgorithm::SHA256;
    for (integrity, is_sha1) in
        [(Integrity::Sha1(&key), true), (Integrity::Sha256(&key), false), (Integrity::Both(&key), false)]
    {
        let request = modern(&Username(USER), &world.nonce(), chosen, OFFERED, integrity);
        let authenticated = world.authenticate(&request).unwrap();

        let mut buffer = [0; 128];
        let builder = MessageBuilder::new(&mut buffer, Class::SuccessResponse, ALLOCATE, ID).unwrap();
        let response = Message::parse(builder.finish(authenticated.seal(false)).unwrap()).unwrap();

        let (present, absent) = (IntegrityCheck::Valid, IntegrityCheck::Absent);
        let expected = if is_sha1 { (present, absent) } else { (absent, present) };
        assert_eq!((response.check_sha1(&key), response.check_sha256(&key, SHA256_LEN)), expected);
    }
}

/// Covers: RFC 8489 §9.2.4
#[test]
fn wrong_credentials_are_challenged_again() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let nonce = world.nonce();
    let (wrong, right) = (md5(USER, "wrong"), md5(USER, PASSWORD));
    let reason = |request: &[u8]| world.authenticate(request).unwrap_err().reason();

    let wrong_password = classic(&Username(USER), &nonce, Integrity::Sha1(&wrong));
    assert_eq!(reason(&wrong_password), RefusalReason::WrongIntegrity);
    let unknown_user = classic(&Username("bob"), &nonce, Integrity::Sha1(&right));
    assert_eq!(reason(&unknown_user), RefusalReason::UnknownUser);
    let unknown_hash = classic(&UserHash([1; 32]), &nonce, Integrity::Sha1(&right));
    assert_eq!(reason(&unknown_hash), RefusalReason::UnknownUser);
    let other_realm = request(Seal { integrity: Integrity::Sha1(&right), fingerprint: false }, |builder| {
        builder.attribute(&Username(USER))?;
        builder.attribute(&RealmAttribute("other"))?;
        builder.attribute(&Nonce(&nonce))
    });
    assert_eq!(reason(&other_realm), RefusalReason::OtherRealm);
    for request in [wrong_password, unknown_user, unknown_hash, other_realm] {
        assert_eq!(world.code(&request), 401);
        let response = world.refusal(&request);
        let response = Message::parse(&response).unwrap();
        assert_eq!(response.get::<RealmAttribute<'_>>().unwrap(), Some(RealmAttribute(REALM)));
        assert!(response.find(AttributeType::NONCE).is_some());
        assert!(response.find(AttributeType::USERNAME).is_none());
    }
}

/// Covers: RFC 8489 §14.5
#[test]
fn a_changed_request_is_nobodys() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let key = sha256(USER, PASSWORD);
    let chosen = PasswordAlgorithm::SHA256;
    let request = modern(&Username(USER), &world.nonce(), chosen, OFFERED, Integrity::Sha256(&key));
    for index in 0..request.len() {
        let mut changed = request.clone();
        changed[index] ^= 0x10;
        if let Ok(message) = Message::parse(&changed) {
            let result = world.attempt(&message, |attempt| attempt.authenticate(None));
            assert!(result.is_err(), "byte {index}");
        }
    }
}

/// Covers: RFC 8489 §14.6
#[test]
fn a_truncated_integrity_is_not_enough() {
    let world = World::new(Algorithms::Sha256ThenMd5);
    let key = sha256(USER, PASSWORD);
    let chosen = PasswordAlgorithm::SHA256;
    let mut request = modern(&Username(USER), &world.nonce(), chosen, OFFERED, Integrity::Sha256(&key));
    // The last attribute loses its second half, as its length says and the message's.
    request.truncate(request.len() - 16);
    let len = request.len();
    request[len - 17] = 16;
    let body_len = u16::try_from(len - 20).unwrap();
    request[2..4].copy_from_slice(&body_len.to_be_bytes());

    assert_eq!(world.authenticate(&request).unwrap_err().reason(), RefusalReason::WrongIntegrity);
}

#[test]
fn a_realm_without_credentials_is_closed() {
    let world = World::with_realm(Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap());
    for key in [md5(USER, PASSWORD), IntegrityKey::from_bytes(&[])] {
        let request = classic(&Username(USER), &world.short_nonce(), Integrity::Sha1(&key));
        assert_eq!(world.code(&request), 401);
    }
}

#[test]
fn a_password_of_a_web_service_is_taken_until_it_expires() {
    let mut world = expiring(&["old secret", "new secret"]);
    let expires = seconds_since_1970(world.now.wall) + 60;
    for secret in ["old secret", "new secret"] {
        for (username, user) in [
            (format!("{expires}:ann"), Some("ann")),
            (format!("{expires}:ann:phone"), Some("ann:phone")),
            (format!("ann:{expires}"), Some("ann")),
            (format!("{expires}"), None),
        ] {
            let request = by_secret(&world, secret, &username);
            let authenticated = world.authenticate(&request).unwrap();
            assert_eq!(authenticated.username(), username);
            assert_eq!(authenticated.credential().user(), user);
        }
    }
    let foreign = by_secret(&world, "another secret", &format!("{expires}:ann"));
    assert_eq!(world.authenticate(&foreign).unwrap_err().reason(), RefusalReason::WrongIntegrity);

    let request = by_secret(&world, "old secret", &format!("{expires}:ann"));
    world.now = world.later(61);
    assert_eq!(world.authenticate(&request).unwrap_err().reason(), RefusalReason::Expired);
}

#[test]
fn what_a_web_service_makes_can_be_used_with_sha256() {
    let world = expiring(&["secret"]);
    let username = format!("{}:ann", seconds_since_1970(world.now.wall));
    let password = SharedSecret::new(b"secret").password(&username);
    let key = sha256(&username, &password);

    let chosen = PasswordAlgorithm::SHA256;
    let request = modern(&Username(&username), &world.nonce(), chosen, OFFERED, Integrity::Sha256(&key));

    assert!(world.authenticate(&request).is_ok());
}

#[test]
fn a_configured_user_may_be_called_like_a_time() {
    let mut world = expiring(&["secret"]);
    world.realm.add_user("17", PASSWORD).unwrap();

    let request = classic(&Username("17"), &world.short_nonce(), Integrity::Sha1(&md5("17", PASSWORD)));

    assert!(world.authenticate(&request).is_ok());
}

#[test]
fn what_cannot_be_a_realm_is_refused() {
    let algorithms = Algorithms::default();
    assert_eq!(Realm::new("", algorithms).unwrap_err(), RealmError::Name);
    assert_eq!(Realm::new(&"r".repeat(128), algorithms).unwrap_err(), RealmError::Name);
    assert_eq!(Realm::new("a\u{7}b", algorithms).unwrap_err(), RealmError::Name);

    let mut realm = Realm::new("r", algorithms).unwrap();
    assert_eq!(realm.add_user("", "p"), Err(RealmError::Username));
    assert_eq!(realm.add_user(&"u".repeat(509), "p"), Err(RealmError::Username));
    assert_eq!(realm.add_user("u", ""), Err(RealmError::Password));
    assert_eq!(realm.add_user("u", "p"), Ok(()));
    assert_eq!(realm.add_user("u", "q"), Err(RealmError::SameUser));
    assert_eq!(realm.add_secret(b""), Err(RealmError::EmptySecret));
    for _ in 0..SECRETS_MAX {
        assert_eq!(realm.add_secret(b"s"), Ok(()));
    }
    assert_eq!(realm.add_secret(b"s"), Err(RealmError::Secrets));
}

#[test]
fn nothing_secret_is_printed() {
    let mut world = expiring(&["hidden secret"]);
    world.realm.add_user("visible", "hidden password").unwrap();
    world.realm.add_token_key("kid", token_key()).unwrap();

    let printed = format!("{:?} {:?}", world.realm, world.nonces);

    assert!(!printed.contains("hidden"), "{printed}");
}

fn expiring(secrets: &[&str]) -> World {
    let mut realm = Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();
    for secret in secrets {
        realm.add_secret(secret.as_bytes()).unwrap();
    }
    World::with_realm(realm)
}

fn by_secret(world: &World, secret: &str, username: &str) -> Vec<u8> {
    let password = SharedSecret::new(secret.as_bytes()).password(username);
    classic(&Username(username), &world.short_nonce(), Integrity::Sha1(&md5(username, &password)))
}
