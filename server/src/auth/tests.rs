use super::*;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn verifier() -> Verifier {
    let secret = |text: &str| Secret::new(text);
    Verifier::new(&BTreeMap::from([
        ("school".to_owned(), secret(SECRET)),
        ("club".to_owned(), secret("another secret of thirty-two bytes!!")),
    ]))
}

fn claims() -> Claims {
    Claims {
        iss: "school".into(),
        sub: Some("anna".into()),
        exp: jsonwebtoken::get_current_timestamp() + 600,
        nbf: None,
        name: Some("Anna".into()),
        room: "tea".into(),
        publish: true,
        subscribe: true,
        data: false,
        admin: true,
    }
}

fn signed(claims: &Claims) -> String {
    sign(claims, &Secret::new(SECRET)).unwrap()
}

fn refusal(token: &str) -> CloseCode {
    verifier().grants(Some(token)).unwrap_err()
}

/// Base64url without padding (RFC 4648 §5), enough to forge tokens with.
fn base64url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word =
            chunk.iter().fold(0_u32, |word, &byte| word << 8 | u32::from(byte)) << (8 * (3 - chunk.len()));
        for index in 0..=chunk.len() {
            text.push(char::from(ALPHABET[(word >> (18 - 6 * index)) as usize & 63]));
        }
    }
    text
}

#[test]
fn a_good_token_grants_what_it_says() {
    let grants = verifier().grants(Some(&signed(&claims()))).unwrap();

    assert_eq!(grants.room, Some(RoomName::new("tea")));
    assert_eq!(grants.identity.as_deref(), Some("anna"));
    assert_eq!(grants.name.as_deref(), Some("Anna"));
    assert_eq!(grants.permissions, Permissions { publish: true, subscribe: true, data: false, admin: true });
}

#[test]
fn permissions_left_out_are_those_of_the_specification() {
    let payload =
        format!(r#"{{"iss":"school","room":"*","exp":{}}}"#, jsonwebtoken::get_current_timestamp() + 600);
    let value: serde_json::Value = serde_json::from_str(&payload).unwrap();
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &value, &key).unwrap();

    let grants = verifier().grants(Some(&token)).unwrap();

    assert_eq!(grants.room, None);
    assert_eq!(grants.permissions, Permissions { publish: true, subscribe: true, data: true, admin: false });
}

#[test]
fn without_keys_nobody_needs_a_token() {
    let grants = Verifier::new(&BTreeMap::new()).grants(None).unwrap();

    assert_eq!(grants, open_grants());
    assert_eq!(verifier().grants(None), Err(CloseCode::TokenMissing));
}

#[test]
fn time_is_kept_with_some_leeway() {
    let now = jsonwebtoken::get_current_timestamp();
    let ending_at = |exp| signed(&Claims { exp, ..claims() });
    let beginning_at = |nbf| signed(&Claims { nbf: Some(nbf), ..claims() });

    assert_eq!(refusal(&ending_at(now - 3600)), CloseCode::TokenExpired);
    assert!(verifier().grants(Some(&ending_at(now - LEEWAY_SECS / 2))).is_ok());
    assert_eq!(refusal(&beginning_at(now + 3600)), CloseCode::TokenInvalid);
    assert!(verifier().grants(Some(&beginning_at(now + LEEWAY_SECS / 2))).is_ok());
}

#[test]
fn forged_tokens_are_refused() {
    let good = signed(&claims());
    let (content, _) = good.rsplit_once('.').unwrap();
    let (header, payload) = content.split_once('.').unwrap();
    let by_another_key = sign(&claims(), &Secret::new("another secret of thirty-two bytes!!")).unwrap();
    let of_unknown_key = signed(&Claims { iss: "nobody".into(), ..claims() });
    let admin = base64url(serde_json::to_string(&Claims { admin: true, ..claims() }).unwrap().as_bytes());
    let unsigned = base64url(br#"{"alg":"none","typ":"JWT"}"#);

    assert_eq!(refusal(&by_another_key), CloseCode::TokenInvalid);
    assert_eq!(refusal(&of_unknown_key), CloseCode::TokenInvalid);
    for forged in [
        format!("{unsigned}.{payload}."),
        format!("{unsigned}.{admin}."),
        format!("{header}.{payload}."),
        format!("{header}.{payload}.AAAA"),
        "..".into(),
        String::new(),
        "x".repeat(TOKEN_LEN_MAX + 1),
    ] {
        assert_eq!(refusal(&forged), CloseCode::TokenInvalid, "{forged}");
    }
}

#[test]
fn another_algorithm_is_refused_even_under_the_right_key() {
    for algorithm in [Algorithm::HS384, Algorithm::HS512] {
        let key = EncodingKey::from_secret(SECRET.as_bytes());
        let token = jsonwebtoken::encode(&Header::new(algorithm), &claims(), &key).unwrap();

        assert_eq!(refusal(&token), CloseCode::TokenInvalid);
    }
}
