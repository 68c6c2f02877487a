mod judging;
mod scripted;

use super::*;

#[test]
fn a_server_is_named_with_or_without_a_port() {
    for (text, name, port) in [
        ("turn.example.org", "turn.example.org", 3478),
        ("turn.example.org:443", "turn.example.org", 443),
        ("192.0.2.1", "192.0.2.1", 3478),
        ("192.0.2.1:5349", "192.0.2.1", 5349),
        ("2001:db8::1", "2001:db8::1", 3478),
        ("[2001:db8::1]", "2001:db8::1", 3478),
        ("[2001:db8::1]:443", "2001:db8::1", 443),
    ] {
        assert_eq!(split(text).unwrap(), (name.to_owned(), port));
    }
    assert!(split("turn.example.org:http").is_err());
}

#[test]
fn every_check_has_a_name_of_its_own_and_a_sentence() {
    let mut ids: Vec<_> = checks::all().map(|check| check.id).collect();
    ids.sort_unstable();
    let count = ids.len();
    ids.dedup();
    assert_eq!(ids.len(), count);
    for check in checks::all() {
        assert!(
            check.id.contains('/') && !check.rule.is_empty() && !check.reference.is_empty(),
            "{}",
            check.id
        );
        assert!(!check.rule.ends_with('.'), "{}", check.id);
    }
}
