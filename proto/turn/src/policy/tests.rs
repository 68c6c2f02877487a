use super::{Denied, PeerKind, PeerLists, PeerPolicy, RelayMode};
use std::collections::BTreeSet;
use std::net::IpAddr;

const OUTSIDE: Result<PeerKind, Denied> = Ok(PeerKind::Outside);

/// Every way to spell an address that must not be reached, and some of those that may.
const SPELLINGS: &[(&str, Result<PeerKind, Denied>)] = &[
    // IPv4 itself.
    ("8.8.8.8", OUTSIDE),
    ("0.0.0.0", Err(Denied::Unspecified)),
    ("0.1.2.3", Err(Denied::Unspecified)),
    ("9.255.255.255", OUTSIDE),
    ("10.0.0.0", Err(Denied::Private)),
    ("10.255.255.255", Err(Denied::Private)),
    ("11.0.0.0", OUTSIDE),
    ("100.63.255.255", OUTSIDE),
    ("100.64.0.1", Err(Denied::SharedAddress)),
    ("100.127.255.255", Err(Denied::SharedAddress)),
    ("100.100.100.200", Err(Denied::Metadata)),
    ("127.0.0.1", Err(Denied::Loopback)),
    ("127.255.255.254", Err(Denied::Loopback)),
    ("168.63.129.16", Err(Denied::Metadata)),
    ("169.254.1.1", Err(Denied::LinkLocal)),
    ("169.254.169.254", Err(Denied::Metadata)),
    ("172.15.255.255", OUTSIDE),
    ("172.16.0.1", Err(Denied::Private)),
    ("172.31.255.255", Err(Denied::Private)),
    ("172.32.0.0", OUTSIDE),
    ("192.0.0.8", Err(Denied::Reserved)),
    ("192.0.0.192", Err(Denied::Metadata)),
    ("192.0.2.1", Err(Denied::Documentation)),
    ("192.88.99.1", Err(Denied::Reserved)),
    ("192.168.1.1", Err(Denied::Private)),
    ("198.18.0.1", Err(Denied::Benchmarking)),
    ("198.19.255.255", Err(Denied::Benchmarking)),
    ("198.51.100.1", Err(Denied::Documentation)),
    ("203.0.113.1", Err(Denied::Documentation)),
    ("224.0.0.1", Err(Denied::Multicast)),
    ("239.255.255.250", Err(Denied::Multicast)),
    ("240.0.0.1", Err(Denied::Reserved)),
    ("255.255.255.255", Err(Denied::Broadcast)),
    // IPv6 itself.
    ("2606:4700::1111", OUTSIDE),
    ("2a00:1450:4001:80b::200e", OUTSIDE),
    ("::", Err(Denied::Unspecified)),
    ("::1", Err(Denied::Loopback)),
    ("100::1", Err(Denied::Reserved)),
    ("100:0:0:1::1", Err(Denied::Reserved)),
    ("1fff::1", Err(Denied::Reserved)),
    ("2001:1::1", Err(Denied::Reserved)),
    ("2001:2::1", Err(Denied::Benchmarking)),
    ("2001:10::1", Err(Denied::Reserved)),
    ("2001:20::1", Err(Denied::Reserved)),
    ("2001:200::1", OUTSIDE),
    ("2001:db8::1", Err(Denied::Documentation)),
    ("3fff::1", Err(Denied::Documentation)),
    ("4000::1", Err(Denied::Reserved)),
    ("5f00::1", Err(Denied::Reserved)),
    ("fc00::1", Err(Denied::UniqueLocal)),
    ("fd12:3456::1", Err(Denied::UniqueLocal)),
    ("fd00:ec2::254", Err(Denied::Metadata)),
    ("fd20:ce::254", Err(Denied::Metadata)),
    ("fe80::1", Err(Denied::LinkLocal)),
    ("febf::1", Err(Denied::LinkLocal)),
    ("fec0::1", Err(Denied::SiteLocal)),
    ("ff02::1", Err(Denied::Multicast)),
    ("ff0e::1", Err(Denied::Multicast)),
    // IPv4-mapped.
    ("::ffff:8.8.8.8", Err(Denied::Translated)),
    ("::ffff:0.0.0.0", Err(Denied::Unspecified)),
    ("::ffff:127.0.0.1", Err(Denied::Loopback)),
    ("::ffff:10.0.0.1", Err(Denied::Private)),
    ("::ffff:169.254.169.254", Err(Denied::Metadata)),
    ("::ffff:224.0.0.1", Err(Denied::Multicast)),
    ("::ffff:255.255.255.255", Err(Denied::Broadcast)),
    // IPv4-compatible.
    ("::8.8.8.8", Err(Denied::Translated)),
    ("::127.0.0.1", Err(Denied::Loopback)),
    ("::192.168.1.1", Err(Denied::Private)),
    ("::2", Err(Denied::Unspecified)),
    // IPv4-translated.
    ("::ffff:0:8.8.8.8", Err(Denied::Translated)),
    ("::ffff:0:127.0.0.1", Err(Denied::Loopback)),
    // NAT64.
    ("64:ff9b::8.8.8.8", OUTSIDE),
    ("64:ff9b::127.0.0.1", Err(Denied::Loopback)),
    ("64:ff9b::10.0.0.1", Err(Denied::Private)),
    ("64:ff9b::169.254.169.254", Err(Denied::Metadata)),
    ("64:ff9b::0.0.0.0", Err(Denied::Unspecified)),
    ("64:ff9b::224.0.0.1", Err(Denied::Multicast)),
    ("64:ff9b::1:0:0", Err(Denied::Reserved)),
    ("64:ff9b:1::8.8.8.8", Err(Denied::Translated)),
    ("64:ff9b:1::127.0.0.1", Err(Denied::Loopback)),
    // 6to4.
    ("2002:808:808::1", OUTSIDE),
    ("2002:7f00:1::1", Err(Denied::Loopback)),
    ("2002:a00:1::1", Err(Denied::Private)),
    ("2002:c0a8:101::1", Err(Denied::Private)),
    ("2002:a9fe:a9fe::", Err(Denied::Metadata)),
    ("2002:e000:1::", Err(Denied::Multicast)),
    ("2002::1", Err(Denied::Unspecified)),
    // Teredo: of a server, and of a client whose bits are turned over.
    ("2001:0:808:808::f7f7:f7f7", OUTSIDE),
    ("2001:0:7f00:1::f7f7:f7f7", Err(Denied::Loopback)),
    ("2001:0:808:808::80ff:fffe", Err(Denied::Loopback)),
    ("2001:0:808:808::f5ff:fffe", Err(Denied::Private)),
    ("2001:0:808:808::5601:5601", Err(Denied::Metadata)),
    ("2001:0:808:808::ffff:ffff", Err(Denied::Unspecified)),
    // ISATAP.
    ("2a00:1450::5efe:8.8.8.8", OUTSIDE),
    ("2a00:1450::200:5efe:8.8.8.8", OUTSIDE),
    ("2a00:1450::5efe:10.0.0.1", Err(Denied::Private)),
    ("2a00:1450::200:5efe:127.0.0.1", Err(Denied::Loopback)),
    ("2002:808:808::5efe:10.0.0.1", Err(Denied::Private)),
    ("fe80::5efe:8.8.8.8", Err(Denied::LinkLocal)),
];

#[test]
fn every_spelling_is_judged_by_where_it_leads() {
    let policy = PeerPolicy::default();

    for (spelling, expected) in SPELLINGS {
        assert_eq!(policy.check(RelayMode::Range, ip(spelling)), *expected, "{spelling}");
    }
}

#[test]
fn every_forbidden_ipv4_address_is_forbidden_in_every_wrapping() {
    let policy = PeerPolicy::default();
    let forbidden = SPELLINGS.iter().filter_map(|(spelling, verdict)| match (ip(spelling), verdict) {
        (IpAddr::V4(ip), Err(reason)) => Some((ip, *reason)),
        _ => None,
    });

    for (ipv4, reason) in forbidden {
        let bits = u128::from(ipv4.to_bits());
        let wrapped = [
            (0xffff << 32) | bits,                                 // mapped
            (0xffff << 48) | bits,                                 // translated
            (0x0064_ff9b << 96) | bits,                            // NAT64
            (0x2002 << 112) | (bits << 80) | 1,                    // 6to4
            (0x2001_0000 << 96) | (bits << 64) | 0xf7f7_f7f7,      // Teredo's server
            (0x2001_0000_0808_0808 << 64) | (!bits & 0xffff_ffff), // Teredo's client
            (0x2a00 << 112) | (0x5efe << 32) | bits,               // ISATAP
            (0x2a00 << 112) | (0x0200_5efe << 32) | bits,          // ISATAP, public
        ];
        for bits in wrapped {
            let ip = IpAddr::V6(bits.into());
            assert_eq!(policy.check(RelayMode::Range, ip), Err(reason), "{ip} wraps {ipv4}");
        }
    }
}

#[test]
fn an_address_behind_any_prefix_of_a_sites_translator_is_found() {
    let policy = policy(&["64:ff9b:1::/48"], &["8.8.4.4/32"]);
    let check = |spelling| policy.check(RelayMode::Range, ip(spelling));

    assert_eq!(check("64:ff9b:1::8.8.8.8"), OUTSIDE);
    assert_eq!(check("64:ff9b:1::8.8.4.4"), Err(Denied::Configured));
    assert_eq!(check("64:ff9b:1:1234:8:808:800:0"), OUTSIDE, "8.8.8.8 behind 64 bits");
    assert_eq!(check("64:ff9b:1:1234:8:804:400:0"), Err(Denied::Configured), "8.8.4.4 behind 64 bits");
    assert_eq!(check("64:ff9b:1:120a:0:1::"), Err(Denied::Private), "10.0.0.1 behind 56 bits");
    assert_eq!(check("64:ff9b:1:a00:0:100::"), Err(Denied::Private), "10.0.0.1 behind 48 bits");
}

#[test]
fn the_most_specific_prefix_decides() {
    let policy = policy(
        &["10.0.0.0/8", "10.1.2.3/32", "192.168.0.0/16", "0.0.0.0/0", "fd00::/8"],
        &["10.1.0.0/16", "192.168.0.0/16", "8.8.8.0/24"],
    );
    let check = |spelling| policy.check(RelayMode::Range, ip(spelling));

    assert_eq!(check("10.0.0.1"), OUTSIDE, "the operator's beats the built-in one of the same length");
    assert_eq!(check("10.1.0.1"), Err(Denied::Configured), "a part of it is closed again");
    assert_eq!(check("10.1.2.3"), OUTSIDE, "and one host in it opened");
    assert_eq!(check("192.168.0.1"), Err(Denied::Configured), "a deny beats an allow");
    assert_eq!(check("8.8.8.8"), Err(Denied::Configured));
    assert_eq!(check("127.0.0.1"), Err(Denied::Loopback), "all of the internet is not the host itself");
    assert_eq!(check("fd00:ec2::1"), OUTSIDE);
    assert_eq!(check("fd00:ec2::254"), Err(Denied::Metadata), "unless it is named");
}

#[test]
fn no_list_allows_what_is_of_nobody_or_of_many() {
    let policy = policy(
        &[
            "0.0.0.0/8",
            "0.0.0.0/32",
            "::/0",
            "::/128",
            "224.0.0.0/4",
            "255.255.255.255/32",
            "ff00::/8",
            "::ffff:0:0/96",
        ],
        &[],
    );

    for spelling in ["0.0.0.0", "0.0.0.1", "::", "224.0.0.1", "255.255.255.255", "ff02::1", "::ffff:0.0.0.0"]
    {
        assert!(policy.check(RelayMode::Range, ip(spelling)).is_err(), "{spelling}");
    }
}

#[test]
fn an_allowed_wrapping_does_not_allow_what_is_in_it() {
    let policy = policy(&["::ffff:0:0/96", "2002::/16"], &["9.9.9.9/32"]);
    let check = |spelling| policy.check(RelayMode::Range, ip(spelling));

    assert_eq!(check("::ffff:8.8.8.8"), OUTSIDE);
    assert_eq!(check("::ffff:127.0.0.1"), Err(Denied::Loopback));
    assert_eq!(check("2002:909:909::1"), Err(Denied::Configured));
}

#[test]
fn the_servers_own_addresses_are_no_peers() {
    let lists = PeerLists {
        own: vec![ip("8.8.8.8"), ip("2606:4700::1"), ip("10.0.0.5"), ip("::ffff:9.9.9.9")],
        allow: vec!["10.0.0.0/8".parse().unwrap()],
        ..PeerLists::default()
    };
    let policy = PeerPolicy::new(lists);

    for own in ["8.8.8.8", "2606:4700::1", "10.0.0.5", "9.9.9.9", "64:ff9b::8.8.8.8", "2002:808:808::1"] {
        assert_eq!(policy.check(RelayMode::Range, ip(own)), Err(Denied::OwnAddress), "{own}");
    }
    assert_eq!(policy.check(RelayMode::Range, ip("10.0.0.6")), OUTSIDE);
}

#[test]
fn a_relayed_address_is_handed_over_and_never_sent_to() {
    let lists = PeerLists {
        relayed: vec![ip("127.0.0.1"), ip("2606:4700::1")],
        deny: vec!["2606:4700::/32".parse().unwrap()],
        ..PeerLists::default()
    };
    let policy = PeerPolicy::new(lists);

    for mode in [RelayMode::Internal, RelayMode::Range] {
        assert_eq!(policy.check(mode, ip("127.0.0.1")), Ok(PeerKind::OwnRelayed));
        assert_eq!(policy.check(mode, ip("2606:4700::1")), Ok(PeerKind::OwnRelayed));
    }
    assert_eq!(policy.check(RelayMode::Range, ip("::ffff:127.0.0.1")), Err(Denied::OwnAddress));
}

#[test]
fn the_mode_bounds_what_the_lists_allow() {
    let policy = policy(&["8.8.8.8/32"], &[]);

    assert_eq!(policy.check(RelayMode::Off, ip("8.8.8.8")), Err(Denied::RelayOff));
    assert_eq!(policy.check(RelayMode::Internal, ip("8.8.8.8")), Err(Denied::NotRelayed));
    assert_eq!(policy.check(RelayMode::Range, ip("8.8.8.8")), OUTSIDE);
}

#[test]
fn a_long_block_list_is_found_in() {
    let deny: Vec<_> = (0..=u16::MAX).map(|n| format!("45.{}.{}.0/24", n >> 8, n & 0xff)).collect();
    let deny: Vec<_> = deny.iter().map(String::as_str).collect();
    let policy = policy(&[], &deny);

    assert_eq!(policy.check(RelayMode::Range, ip("45.0.0.1")), Err(Denied::Configured));
    assert_eq!(policy.check(RelayMode::Range, ip("45.255.255.255")), Err(Denied::Configured));
    assert_eq!(policy.check(RelayMode::Range, ip("46.0.0.0")), OUTSIDE);
}

#[test]
fn every_reason_has_a_name_of_its_own() {
    let names: BTreeSet<_> = Denied::ALL.iter().map(|reason| reason.as_str()).collect();

    assert_eq!(names.len(), Denied::ALL.len());
    for (index, reason) in Denied::ALL.iter().enumerate() {
        assert_eq!(*reason as usize, index);
    }
}

fn policy(allow: &[&str], deny: &[&str]) -> PeerPolicy {
    let parse = |nets: &[&str]| nets.iter().map(|net| net.parse().unwrap()).collect();
    PeerPolicy::new(PeerLists { allow: parse(allow), deny: parse(deny), ..PeerLists::default() })
}

fn ip(spelling: &str) -> IpAddr {
    spelling.parse().unwrap()
}
