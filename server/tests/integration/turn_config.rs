//! The configuration of the relay: what is taken, what is refused, and what is said about it.

use crate::command_line::{File, fails, moim, succeeds};

fn refused(content: &str) -> String {
    fails(&["check-config", "--config", &File::of(content).path()], &[])
}

#[test]
fn a_range_needs_no_more_than_users_or_secrets() {
    for who in ["users = { anna = 'a password' }", "shared_secrets = ['a secret of some length']"] {
        let file = File::of(&format!("[turn]\nrelay = 'range'\n{who}\n"));

        let effective = succeeds(&["check-config", "--config", &file.path()], &[]);

        assert!(effective.contains("relay = \"range\"\n"), "{effective}");
        assert!(!effective.contains("a password") && !effective.contains("a secret"), "{effective}");
    }
}

#[test]
fn everything_that_is_wrong_with_the_relay_is_said_at_once() {
    let error = refused(
        "[[listeners]]\naddress = '0.0.0.0:8443'\n[[listeners]]\naddress = '0.0.0.0:3478'\nrealm = 'nowhere'\n\
         [turn]\nrelay_ports = '443-500'\nrelay_addresses = ['0.0.0.0']\n\
         external_addresses = ['203.0.113.5/fd00::1', 'home']\nshared_secrets = ['']\nusers = { anna = '' }\naccess_token_keys = { k1 = 'short' }\n\
         deny_peers = ['10.0.0.0/40']\nlifetime_max = '1m'\nrest = '1s'\ntcp_allocations = true\n\
         limits.allocations_max = 0\nlimits.bandwidth_total = '1bit/s'\n[[turn.realms]]\nname = 'moim'\n\
         [management]\naddress = '0.0.0.0:9410'\n[ice]\nturn_urls = ['stun:a']\ncredential_lifetime = '1s'\n\
         [[ice.servers]]\nurls = ['turn:relay.example']\n",
    );

    for part in [
        "0.0.0.0:8443 is listened on twice",
        "no realm \"nowhere\"; add it under [[turn.realms]]",
        "turn.relay_ports: \"443-500\"",
        "turn.relay_addresses: 0.0.0.0",
        "203.0.113.5/fd00::1\" maps an address of one family",
        "\"home\" is not an address",
        "turn.shared_secrets has an empty secret",
        "turn.users.anna: the password is empty",
        "turn.access_token_keys.k1: a key is 64 hexadecimal digits",
        "turn.deny_peers: \"10.0.0.0/40\"",
        "turn.lifetime_max",
        "turn.rest",
        "turn.tcp_allocations needs",
        "turn.limits.allocations_max is 0",
        "turn.limits.bandwidth_total",
        "two realms of this name",
        "management.address: 0.0.0.0:9410 can be reached by others",
        "ice.turn_urls: \"stun:a\"",
        "ice.credential_lifetime",
        "[\"turn:relay.example\"] needs credentials",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn everything_that_is_wrong_with_alternate_addresses_is_said() {
    let error = refused(
        "[listen]\naddresses = ['0.0.0.0']\n[stun]\n\
         alternate_addresses = ['198.51.100.2', '198.51.100.2:8443', '[2001:db8::2]:3479', '10.0.0.1:1/[::1]:2', \
         '10.0.0.2:3479', '10.0.0.3:3479']\n",
    );

    for part in [
        "\"198.51.100.2\" is not an address and a port",
        "\"198.51.100.2:8443\" needs another port",
        "\"[2001:db8::2]:3479\" is of an address family that listen.addresses has none of",
        "\"10.0.0.1:1/[::1]:2\" needs another port",
        "\"10.0.0.3:3479\" is a second one for the same address family",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
}

#[test]
fn a_misspelt_option_of_a_table_is_found() {
    let error = refused("[[listeners]]\nadress = '0.0.0.0:3478'\n");

    assert!(error.contains("did you mean `address`?"), "{error}");
}

#[test]
fn what_opens_private_networks_to_anybody_is_refused_and_with_keys_it_is_not() {
    let relay = "[turn]\nrelay = 'range'\nallow_peers = ['10.0.0.0/8']\n";

    let error = refused(relay);
    assert!(error.contains("turn.allow_peers") && error.contains("auth.keys"), "{error}");

    let file = File::of(&format!("auth.keys = {{ main = '0123456789abcdef0123456789abcdef' }}\n{relay}"));
    succeeds(&["check-config", "--config", &file.path()], &[]);
}

#[test]
fn an_allowed_prefix_that_does_not_reach_this_machine_itself_is_told_what_to_write() {
    let warnings = |allow: &str| {
        let file = File::of(&format!(
            "auth.keys = {{ main = '0123456789abcdef0123456789abcdef' }}\n[turn]\nrelay = 'range'\n\
             relay_addresses = ['192.0.2.1']\nallow_peers = [{allow}]\n"
        ));
        let home = tempfile::tempdir().unwrap();
        let output = moim(&home, &["check-config", "--config", &file.path()], &[]).output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };

    let warning = warnings("'127.0.0.0/8'");
    assert!(warning.contains("this machine itself (127.0.0.1)"), "{warning}");
    assert!(warning.contains("write \"127.0.0.1/32\" into turn.allow_peers"), "{warning}");

    assert_eq!(warnings("'127.0.0.0/8', '127.0.0.1/32'"), "");
}

#[test]
fn secrets_come_from_the_environment_too() {
    let environment = [
        ("MOIM_TURN_SHARED_SECRETS", "the newest of them all,the one before it"),
        ("MOIM_TURN_USERS", "anna=first password,ben=second password"),
        ("MOIM_TURN_RELAY", "range"),
        ("MOIM_MANAGEMENT_ADDRESS", "127.0.0.1:9410"),
    ];

    let effective = succeeds(&["check-config"], &environment);

    assert!(effective.contains("shared_secrets = [\"[redacted]\", \"[redacted]\"]"), "{effective}");
    assert!(effective.contains("anna = \"[redacted]\"\nben"), "{effective}");
    assert!(effective.contains("address = \"127.0.0.1:9410\""), "{effective}");
    let error = fails(&["check-config"], &[("MOIM_TURN_SHARED_SECRETS", "one,,two")]);
    assert!(error.contains("entry 2 is empty") && !error.contains("two"), "{error}");
}
