use super::*;
use crate::attribute::AccessToken;
use crate::auth::{RealmError, RefusalReason};
use moim_stun::attribute::{UserHash, Username};

const SERVER_NAME: &str = "turn.example.org";
const KID: &str = "oldempire";
const HOUR: Duration = Duration::from_secs(3600);

/// Covers: RFC 7635 §4, §5
#[test]
fn a_token_proves_its_bearer_until_it_expires() {
    let mut world = world();
    let key = [3; 20];
    let token = token(&world, &key);
    let mac_key = IntegrityKey::from_bytes(&key);
    for integrity in [Integrity::Sha1(&mac_key), Integrity::Sha256(&mac_key)] {
        let request = with_token(&world, &Username(KID), Some(&token), integrity);
        let authenticated = world.authenticate(&request).unwrap();

        assert_eq!(authenticated.username(), KID);
        let credential = authenticated.credential();
        assert_eq!(credential.user(), None, "all users of the authorization server have this name");
        assert_eq!(credential.lifetime_max(world.now.wall), Some(HOUR));
    }

    let request = with_token(&world, &Username(KID), Some(&token), Integrity::Sha1(&mac_key));
    let authenticated = world.authenticate(&request).unwrap();
    world.now = world.later(3_605);
    let request = with_token(&world, &Username(KID), Some(&token), Integrity::Sha1(&mac_key));
    assert_eq!(world.authenticate(&request).unwrap_err().reason(), RefusalReason::Expired);
    assert_eq!(authenticated.credential().lifetime_max(world.now.wall), Some(Duration::ZERO));
}

#[test]
fn a_token_that_is_not_right_proves_nothing() {
    let world = world();
    let key = IntegrityKey::from_bytes(&[3; 20]);
    let token = token(&world, &[3; 20]);
    let mut changed = token.clone();
    changed[20] ^= 1;
    let reason = |claim: &Username<'_>, token: &[u8], key| {
        let request = with_token(&world, claim, Some(token), Integrity::Sha1(key));
        world.authenticate(&request).unwrap_err().reason()
    };

    assert_eq!(reason(&Username("other"), &token, &key), RefusalReason::UnknownUser);
    assert_eq!(reason(&Username(KID), &changed, &key), RefusalReason::InvalidToken);
    assert_eq!(reason(&Username(KID), &[], &key), RefusalReason::InvalidToken);
    let other_key = IntegrityKey::from_bytes(&[4; 20]);
    assert_eq!(reason(&Username(KID), &token, &other_key), RefusalReason::WrongIntegrity);

    let hash = UserHash::new(KID, REALM).unwrap();
    let by_hash = with_token(&world, &hash, Some(&token), Integrity::Sha1(&key));
    assert_eq!(world.authenticate(&by_hash).unwrap_err().reason(), RefusalReason::UnknownUser);
    let without_token = with_token(&world, &Username(KID), None, Integrity::Sha1(&key));
    assert_eq!(world.authenticate(&without_token).unwrap_err().reason(), RefusalReason::UnknownUser);
}

/// Covers: RFC 7635 §4.2
#[test]
fn an_allocation_is_kept_without_the_token_and_renewed_with_another() {
    let mut world = world();
    let key = IntegrityKey::from_bytes(&[3; 20]);
    let first = token(&world, &[3; 20]);
    let request = with_token(&world, &Username(KID), Some(&first), Integrity::Sha1(&key));
    let existing = stored(&world.authenticate(&request).unwrap());

    let without_token = with_token(&world, &Username(KID), None, Integrity::Sha1(&key));
    let again = world.authenticate_in(&without_token, Some(&existing)).unwrap();
    assert!(Arc::ptr_eq(again.credential(), &existing));

    world.now = world.later(3_000);
    let second_key = IntegrityKey::from_bytes(&[4; 32]);
    let second = token(&world, &[4; 32]);
    let renewing = with_token(&world, &Username(KID), Some(&second), Integrity::Sha256(&second_key));
    let renewed = world.authenticate_in(&renewing, Some(&existing)).unwrap();
    assert_eq!(existing.lifetime_max(world.now.wall), Some(Duration::from_secs(600)));
    assert_eq!(renewed.credential().lifetime_max(world.now.wall), Some(HOUR));
}

#[test]
fn a_realm_may_have_tokens_and_passwords() {
    let mut world = world();
    world.realm.add_user(USER, PASSWORD).unwrap();
    let key = IntegrityKey::from_bytes(&[3; 20]);

    let token = token(&world, &[3; 20]);
    let by_token = with_token(&world, &Username(KID), Some(&token), Integrity::Sha1(&key));
    let by_password = classic(&Username(USER), &world.nonce(), Integrity::Sha1(&md5(USER, PASSWORD)));

    assert_eq!(world.code(&by_token), 0);
    assert_eq!(world.code(&by_password), 0);
}

#[test]
fn a_server_without_a_name_of_its_own_is_known_by_the_realm() {
    let mut realm = Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();
    realm.add_token_key(KID, token_key()).unwrap();
    let world = World::with_realm(realm);
    let token = token_key().seal(REALM, &[3; 20], world.now.wall, HOUR, [1; 12]).unwrap();
    let key = IntegrityKey::from_bytes(&[3; 20]);

    let request = with_token(&world, &Username(KID), Some(&token), Integrity::Sha1(&key));

    assert_eq!(world.code(&request), 0);
}

#[test]
fn what_cannot_be_a_key_of_a_realm_is_refused() {
    let mut realm = Realm::new(REALM, Algorithms::default()).unwrap();

    assert_eq!(realm.set_token_server_name(""), Err(RealmError::ServerName));
    assert_eq!(realm.set_token_server_name(&"s".repeat(128)), Err(RealmError::ServerName));
    assert_eq!(realm.add_token_key("", token_key()), Err(RealmError::Username));
    assert_eq!(realm.add_token_key(KID, token_key()), Ok(()));
    assert_eq!(realm.add_token_key(KID, token_key()), Err(RealmError::TokenKeys));
}

fn world() -> World {
    let mut realm = Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();
    realm.set_token_server_name(SERVER_NAME).unwrap();
    realm.add_token_key("another", AccessTokenKey::new(&[8; 32]).unwrap()).unwrap();
    realm.add_token_key(KID, token_key()).unwrap();
    World::with_realm(realm)
}

fn token(world: &World, mac_key: &[u8]) -> Vec<u8> {
    token_key().seal(SERVER_NAME, mac_key, world.now.wall, HOUR, [1; 12]).unwrap()
}

fn with_token<'a>(
    world: &World,
    claim: &impl Attribute<'a>,
    token: Option<&[u8]>,
    integrity: Integrity<'_>,
) -> Vec<u8> {
    request(Seal { integrity, fingerprint: false }, |builder| {
        builder.attribute(claim)?;
        builder.attribute(&RealmAttribute(REALM))?;
        builder.attribute(&Nonce(&world.nonce()))?;
        if let Some(token) = token {
            builder.attribute(&AccessToken(token))?;
        }
        Ok(())
    })
}
