//! Dependencies point down: `proto` to `proto`, `io` and `media` to `proto`, `relay` to both, `shard` to these, `server` to all, nothing to `server`.

use super::Problem;
use crate::workspace::Member;

/// What the pure layer may use from outside: crates that compute, and touch no socket, clock, thread or randomness.
const PURE: &[&str] = &[
    "arrayvec",
    "aws-lc-rs",
    "bytes",
    "crc32fast",
    "dimpl",
    "hashbrown",
    "ipnet",
    "md-5",
    "precis-profiles",
    "rand_chacha",
    "rand_core",
    "sctp-proto",
    "serde",
    "serde_json",
    "siphasher",
    "slab",
    "smallvec",
    "subtle",
    "thiserror",
    "tracing",
    "ts-rs",
    "zeroize",
];

/// The folders that a package in a folder may depend on. The first match counts.
const ALLOWED: &[(&str, &[&str])] = &[
    ("proto/", &["proto/"]),
    ("io/", &["proto/", "io/"]),
    ("media/", &["proto/"]),
    ("relay", &["proto/", "io/"]),
    ("shard", &["proto/", "io/", "relay"]),
    ("server", &["proto/", "io/", "media/", "relay", "shard", "client/"]),
    ("client/", &["proto/", "io/", "media/", "client/"]),
    ("bench", &["proto/", "io/", "media/", "relay", "shard", "client/", "server", "tests/"]),
    ("tests/", &["proto/", "io/", "media/", "relay", "shard", "client/", "server", "sim"]),
    ("sim", &["proto/"]),
    ("xtask", &[]),
];

pub(super) fn check(members: &[Member]) -> Vec<Problem> {
    members.iter().flat_map(|member| check_member(member, members)).collect()
}

fn check_member(member: &Member, members: &[Member]) -> Vec<Problem> {
    let complain = |text: String| Problem { path: format!("{}/Cargo.toml", member.folder), line: None, text };
    let Some((_, allowed)) = ALLOWED.iter().find(|(folder, _)| lies_in(&member.folder, folder)) else {
        return vec![complain(
            "lies in no layer; give its folder a place in xtask/src/tidy/layers.rs".to_owned(),
        )];
    };
    let mut problems = Vec::new();
    for dependency in &member.dependencies {
        match members.iter().find(|other| other.name == *dependency) {
            Some(other) if !allowed.iter().any(|folder| lies_in(&other.folder, folder)) => {
                problems.push(complain(format!(
                    "depends on {dependency} in {}, which is above it",
                    other.folder
                )));
            }
            None if member.folder.starts_with("proto/") && !PURE.contains(&dependency.as_str()) => {
                problems.push(complain(format!(
                    "depends on {dependency}, which is not on the list of pure crates in xtask/src/tidy/layers.rs"
                )));
            }
            Some(_) | None => {}
        }
    }
    problems
}

fn lies_in(folder: &str, layer: &str) -> bool {
    if layer.ends_with('/') { folder.starts_with(layer) } else { folder == layer }
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::workspace::Member;

    fn member(name: &str, folder: &str, dependencies: &[&str]) -> Member {
        Member {
            name: name.to_owned(),
            folder: folder.to_owned(),
            dependencies: dependencies.iter().map(|name| (*name).to_owned()).collect(),
        }
    }

    fn complaints(members: &[Member]) -> Vec<String> {
        check(members).into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn down_is_allowed() {
        let members = [
            member("moim-wire", "proto/wire", &["thiserror"]),
            member("moim-stun", "proto/stun", &["moim-wire", "aws-lc-rs"]),
            member("moim-net", "io/net", &["moim-stun", "tokio"]),
            member("moim-server", "server", &["moim-net", "moim-stun", "axum"]),
            member("moim-bench", "bench", &["moim-server"]),
        ];
        assert_eq!(complaints(&members), [""; 0]);
    }

    #[test]
    fn up_is_not() {
        let members = [
            member("moim-wire", "proto/wire", &["moim-net"]),
            member("moim-net", "io/net", &["moim-server"]),
            member("moim-server", "server", &[]),
            member("xtask", "xtask", &["moim-wire"]),
        ];
        let expected = ["proto/wire/Cargo.toml", "io/net/Cargo.toml", "xtask/Cargo.toml"];
        assert_eq!(complaints(&members), expected);
    }

    #[test]
    fn the_pure_layer_takes_only_listed_crates() {
        assert_eq!(complaints(&[member("moim-wire", "proto/wire", &["tokio"])]), ["proto/wire/Cargo.toml"]);
        assert_eq!(complaints(&[member("moim-net", "io/net", &["tokio"])]), [""; 0]);
    }

    #[test]
    fn a_folder_without_a_layer_is_named() {
        assert_eq!(complaints(&[member("x", "somewhere/x", &[])]), ["somewhere/x/Cargo.toml"]);
    }
}
