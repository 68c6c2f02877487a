use super::net::{
    KID, Net, PASSWORD, REALM, SERVER_NAME, USER, Weather, asking, config_of, realm, token_key,
};
use moim_stun::attribute::{ErrorCode, Nonce, PasswordAlgorithm, PasswordAlgorithms, Realm, UserHash};
use moim_stun::{AttributeType, Class, Message, MessageBuilder, Seal};
use moim_turn::auth::{Algorithms, SharedSecret};
use moim_turn::client::{Client, Config, Credential, Event, Failure, Handled, IgnoreReason};
use moim_turn::{Transport, method};
use std::time::{Duration, Instant};

/// Covers: RFC 8489 §9.2.3, §9.2.5
#[test]
fn the_best_algorithm_on_offer_is_chosen() {
    for (algorithms, chosen, is_sha256) in [
        (Algorithms::Sha256ThenMd5, Some(PasswordAlgorithm::SHA256), true),
        (Algorithms::Sha256, Some(PasswordAlgorithm::SHA256), true),
        (Algorithms::Md5, None, false),
    ] {
        let mut net = Net::new(config_of(realm(algorithms)), Weather::default(), 0);
        let host = net.allocated(asking(Transport::Udp));

        let request = net.hosts[host].messages().last().unwrap();
        assert_eq!(request.get::<PasswordAlgorithm<'_>>().unwrap(), chosen);
        assert_eq!(request.find(AttributeType::PASSWORD_ALGORITHMS).is_some(), chosen.is_some());
        assert_eq!(request.find(AttributeType::MESSAGE_INTEGRITY_SHA256).is_some(), is_sha256);
        assert_eq!(request.find(AttributeType::MESSAGE_INTEGRITY).is_some(), !is_sha256);
    }
}

/// Covers: RFC 8489 §9.2.3
#[test]
fn a_user_name_is_hidden_where_it_can_be() {
    let mut net = Net::calm();
    let hidden = net.allocated(asking(Transport::Udp));
    let told = net.allocated(Config { hide_username: false, ..asking(Transport::Udp) });

    let has_name =
        |host: usize| net.hosts[host].messages().any(|it| it.find(AttributeType::USERNAME).is_some());
    assert!(!has_name(hidden));
    assert!(has_name(told));
    let hash = net.hosts[hidden].messages().last().unwrap().get::<UserHash>().unwrap();
    assert_eq!(hash, Some(UserHash::new(USER, REALM).unwrap()));
}

#[test]
fn a_password_of_a_web_service_is_taken() {
    let mut realm = realm(Algorithms::Sha256ThenMd5);
    realm.add_secret(b"secret").unwrap();
    let username = "1800000060:ann";
    let password = SharedSecret::new(b"secret").password(username);
    let credential = Credential::long_term(username, &password);
    let mut net = Net::new(config_of(realm), Weather::default(), 0);

    // It lives on after the credential has expired.
    let host = net.allocated(Config::new(Transport::Udp, credential));
    net.run(Duration::from_secs(7200));

    assert_eq!(net.hosts[host].events.len(), 1);
    assert_eq!(net.driver.server.allocation_count(), 1);
}

/// Covers: RFC 7635 §4
#[test]
fn an_access_token_is_taken_until_it_expires() {
    for mac_key in [vec![3; 20], vec![3; 32]] {
        let mut realm = moim_turn::auth::Realm::new(REALM, Algorithms::Sha256ThenMd5).unwrap();
        realm.set_token_server_name(SERVER_NAME).unwrap();
        realm.add_token_key(KID, token_key()).unwrap();
        let mut net = Net::new(config_of(realm), Weather::default(), 0);
        let lifetime = Duration::from_secs(1000);
        let token = token_key().seal(SERVER_NAME, &mac_key, net.now.wall, lifetime, [1; 12]).unwrap();
        let credential = Credential::access_token(KID, &token, &mac_key);

        let host = net.allocated(Config::new(Transport::Udp, credential));
        net.run(Duration::from_secs(900));
        assert_eq!(net.hosts[host].events.len(), 1);

        net.run(Duration::from_secs(200));
        assert!(matches!(net.hosts[host].last(), Event::Failed(_)));
        assert_eq!(net.driver.server.allocation_count(), 0);
    }
}

/// Covers: RFC 8489 §9.2.5
#[test]
fn a_challenge_whose_offer_was_taken_out_is_as_if_it_had_not_come() {
    let (mut client, now) = client();
    let challenge = answer(&mut client, |response| {
        response.attribute(&ErrorCode::UNAUTHENTICATED)?;
        response.attribute(&Realm(REALM))?;
        response.attribute(&Nonce("obMatJos2gAAA0123"))
    });

    assert_eq!(client.handle_input(&challenge, now), Handled::Ignored(IgnoreReason::BidDown));
    assert_eq!(client.poll_event(), None);
    assert!(client.poll_timeout().is_some_and(|deadline| deadline.at > now), "it waits for the true one");
}

/// Covers: RFC 8489 §9.2.5
#[test]
fn an_offer_of_unknown_algorithms_cannot_be_answered() {
    let (mut client, now) = client();
    let challenge = answer(&mut client, |response| {
        response.attribute(&ErrorCode::UNAUTHENTICATED)?;
        response.attribute(&Realm(REALM))?;
        response.attribute(&Nonce("obMatJos2gAAA0123"))?;
        response.raw(AttributeType::PASSWORD_ALGORITHMS, &[0, 9, 0, 0])
    });

    assert_eq!(client.handle_input(&challenge, now), Handled::Taken);
    assert_eq!(client.poll_event(), Some(Event::Failed(Failure::Unsupported)));
}

/// Covers: RFC 8489 §9.2.5
#[test]
fn a_second_refusal_of_the_same_credential_is_the_last() {
    let (mut client, now) = client();
    let challenge = |client: &mut Client| {
        answer(client, |response| {
            response.attribute(&ErrorCode::UNAUTHENTICATED)?;
            response.attribute(&Realm(REALM))?;
            response.attribute(&Nonce("n"))
        })
    };

    let first = challenge(&mut client);
    assert_eq!(client.handle_input(&first, now), Handled::Taken);
    let second = challenge(&mut client);
    assert_eq!(client.handle_input(&second, now), Handled::Taken);
    assert_eq!(client.poll_event(), Some(Event::Failed(Failure::Unauthenticated)));
    assert_eq!(client.poll_transmit(), None);
}

#[test]
fn a_server_that_finds_every_nonce_stale_is_given_up() {
    let (mut client, now) = client();
    for round in 0..100 {
        let nonce = format!("nonce {round}");
        let stale = answer(&mut client, |response| {
            response.attribute(&ErrorCode::STALE_NONCE)?;
            response.attribute(&Realm(REALM))?;
            response.attribute(&Nonce(&nonce))?;
            response.attribute(&PasswordAlgorithms::SHA256)
        });
        assert_eq!(client.handle_input(&stale, now), Handled::Taken);
        if let Some(event) = client.poll_event() {
            assert_eq!(event, Event::Failed(Failure::Unauthenticated));
            return;
        }
    }
    panic!("it would go on forever");
}

/// Covers: RFC 8489 §9.2.5
#[test]
fn a_response_that_is_not_sealed_by_the_server_does_not_count() {
    let (mut client, now) = client();
    let challenge = answer(&mut client, |response| {
        response.attribute(&ErrorCode::UNAUTHENTICATED)?;
        response.attribute(&Realm(REALM))?;
        response.attribute(&Nonce("n"))
    });
    assert_eq!(client.handle_input(&challenge, now), Handled::Taken);
    let request = client.poll_transmit().unwrap();
    let request = Message::parse(&request).unwrap();

    let mut buffer = [0; 128];
    let mut forged =
        MessageBuilder::new(&mut buffer, Class::SuccessResponse, method::ALLOCATE, request.transaction_id())
            .unwrap();
    forged.attribute(&moim_turn::attribute::XorRelayedAddress("192.0.2.66:1".parse().unwrap())).unwrap();
    let forged = forged.finish(Seal::default()).unwrap();

    assert_eq!(client.handle_input(forged, now), Handled::Ignored(IgnoreReason::NotAuthentic));
    assert_eq!(client.poll_event(), None);
}

#[test]
fn nothing_secret_is_printed() {
    let (client, _) = client();
    let config = asking(Transport::Udp);

    let printed = format!("{client:?} {config:?}");

    assert!(!printed.contains(PASSWORD) && !printed.contains("ann"), "{printed}");
}

/// A client that has begun to ask for an allocation.
#[expect(clippy::disallowed_methods, reason = "an arbitrary origin for test time")]
fn client() -> (Client, Instant) {
    let now = Instant::now();
    let mut client = Client::new(asking(Transport::Udp), [1; 32], now);
    client.allocate(now).unwrap();
    (client, now)
}

/// Answers the request of a client with an error.
fn answer(
    client: &mut Client,
    build: impl FnOnce(&mut MessageBuilder<'_>) -> Result<(), moim_stun::BuildError>,
) -> Vec<u8> {
    let request = client.poll_transmit().expect("it asks");
    let request = Message::parse(&request).unwrap();
    let mut buffer = [0; 512];
    let mut response =
        MessageBuilder::new(&mut buffer, Class::ErrorResponse, request.method(), request.transaction_id())
            .unwrap();
    build(&mut response).unwrap();
    response.finish(Seal::default()).unwrap().to_vec()
}
