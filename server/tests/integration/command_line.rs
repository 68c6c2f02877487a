//! The program itself.

use crate::support::{PATIENCE, SECRET};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Instant;
use tempfile::TempDir;

/// The program with an environment of its own.
pub(crate) fn moim(home: &TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moim"));
    command.args(arguments).env_clear().env("HOME", home.path()).envs(environment.iter().copied());
    command
}

fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    moim(&tempfile::tempdir().unwrap(), arguments, environment).output().unwrap()
}

pub(crate) fn succeeds(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = run(arguments, environment);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub(crate) fn fails(arguments: &[&str], environment: &[(&str, &str)]) -> String {
    let output = run(arguments, environment);
    assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// A configuration file of this content.
pub(crate) struct File(TempDir);

impl File {
    pub(crate) fn of(content: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("moim.toml"), content).unwrap();
        Self(folder)
    }

    pub(crate) fn path(&self) -> String {
        self.0.path().join("moim.toml").to_str().unwrap().to_owned()
    }
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file = File::of("listen.port = 1001\nrooms.participants_max = 3\nlimits.tracks_max = 2\n");
    let environment =
        [("MOIM_LISTEN_PORT", "1002"), ("MOIM_ROOMS_PARTICIPANTS_MAX", "5"), ("MOIM_CONFIG", &file.path())];

    let effective = succeeds(&["check-config", "--port", "1003"], &environment);

    assert!(effective.contains("port = 1003\n"), "{effective}");
    assert!(effective.contains("participants_max = 5\n"), "{effective}");
    assert!(effective.contains("tracks_max = 2\n"), "{effective}");
    assert!(effective.contains("heartbeat = \"10s\"\n"), "{effective}");
}

#[test]
fn lists_come_from_the_environment_too() {
    let keys = format!("school={SECRET},club={SECRET}");
    let environment = [
        ("MOIM_LISTEN_ADDRESSES", "127.0.0.1,::1"),
        ("MOIM_AUTH_KEYS", &keys),
        ("STATE_DIRECTORY", "/state"),
    ];

    let effective = succeeds(&["check-config"], &environment);

    assert!(effective.contains(r#"addresses = ["127.0.0.1", "::1"]"#), "{effective}");
    assert!(effective.contains("school = \"[redacted]\"\n"), "{effective}");
    assert!(effective.contains("data_dir = \"/state\"\n"), "{effective}");
    assert!(!effective.contains(SECRET));
}

#[test]
fn a_misspelt_option_is_found_and_the_right_one_named() {
    let file = File::of("[listen]\nprot = 443\n");
    let error = fails(&["check-config", "--config", &file.path()], &[]);
    assert!(error.contains(&file.path()), "{error}");
    assert!(error.contains("line 2"), "{error}");
    assert!(error.contains("did you mean `port`?"), "{error}");

    let error = fails(&["check-config"], &[("MOIM_AUTH_KEY", "x")]);
    assert!(error.contains("did you mean MOIM_AUTH_KEYS?"), "{error}");
}

#[test]
fn everything_that_is_wrong_is_said_at_once() {
    let file = File::of(
        "tls.key = 'key.pem'\nhttp.allowed_origins = ['school.example']\nauth.keys = { school = 'short' }\n\
         listen.addresses = []\nrooms.participants_max = 0\nlog.level = 'inof'\nsignal.heartbeat = '1ms'\n",
    );

    let error = fails(&["check-config", "--config", &file.path()], &[]);

    for part in [
        "7 values",
        "tls.certificate",
        "school.example",
        "auth.keys.school",
        "at least 32",
        "listen.addresses",
        "participants_max",
        "log.level",
        "signal.heartbeat",
    ] {
        assert!(error.contains(part), "{part} is not in {error}");
    }
    assert!(!error.contains("short"), "{error}");
}

#[test]
fn a_limit_beyond_what_a_machine_can_keep_is_wrong() {
    for variable in ["MOIM_LIMITS_CONNECTIONS_MAX", "MOIM_LIMITS_QUEUE_MESSAGES_MAX"] {
        let error = fails(&["check-config"], &[(variable, &u64::MAX.to_string())]);
        assert!(error.contains("at most 4294967295"), "{error}");
    }
}

#[test]
fn what_cannot_be_read_is_named() {
    let missing = fails(&["check-config", "--config", "/nowhere/moim.toml"], &[]);
    assert!(missing.contains("/nowhere/moim.toml"), "{missing}");
    let file = File::of("signal.heartbeat = 'soon'\n");
    let unreadable = fails(&["check-config", "--config", &file.path()], &[]);
    assert!(unreadable.contains("\"soon\" is not a duration such as"), "{unreadable}");
    let secret = fails(&["check-config"], &[("MOIM_AUTH_KEYS", "just-a-secret")]);
    assert!(secret.contains("name=secret") && !secret.contains("just-a-secret"), "{secret}");
}

#[test]
fn the_sample_is_the_one_in_the_documentation_and_says_what_is_so() {
    let sample = succeeds(&["sample-config"], &[]);
    let documented =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/moim.sample.toml")).unwrap();
    assert!(sample == documented, "run `moim sample-config > docs/moim.sample.toml`");

    // With every line that shows a value made to count, the sample changes nothing.
    let options: Vec<&str> = sample
        .lines()
        .filter(|line| {
            line.starts_with('[') || (line.starts_with('#') && !line.starts_with("# ") && line.len() > 1)
        })
        .map(|line| line.trim_start_matches('#'))
        .filter(|line| !line.ends_with(" ="))
        .collect();
    let options = options.join("\n");
    assert!(options.contains("\nport = 8443\n"), "{options}");
    let file = File::of(&options);
    let environment = [("STATE_DIRECTORY", "/state")];
    assert_eq!(
        succeeds(&["check-config", "--config", &file.path()], &environment),
        succeeds(&["check-config"], &environment)
    );
}

#[test]
fn makes_tokens() {
    let keys = format!("school={SECRET}");
    let environment = [("MOIM_AUTH_KEYS", keys.as_str())];
    let token = succeeds(
        &["token", "--room", "tea", "--identity", "anna", "--no-publish", "--ttl", "5m"],
        &environment,
    );

    let mut validation = jsonwebtoken::Validation::new(jsonwebtoken::Algorithm::HS256);
    validation.set_issuer(&["school"]);
    let key = jsonwebtoken::DecodingKey::from_secret(SECRET.as_bytes());
    let claims = jsonwebtoken::decode::<moim_server::Claims>(token.trim(), &key, &validation).unwrap().claims;
    assert_eq!((claims.room.as_str(), claims.sub.as_deref()), ("tea", Some("anna")));
    assert_eq!((claims.publish, claims.subscribe, claims.admin), (false, true, false));
    assert!(claims.exp <= jsonwebtoken::get_current_timestamp() + 300);

    let endless = fails(&["token", "--room", "tea", "--ttl", &format!("{}s", u64::MAX)], &environment);
    assert!(endless.contains("--ttl"), "{endless}");
    let open = fails(&["token", "--room", "tea"], &[]);
    assert!(open.contains("open mode"), "{open}");
    let several = format!("school={SECRET},club={SECRET}");
    let unclear = fails(&["token", "--room", "tea"], &[("MOIM_AUTH_KEYS", &several)]);
    assert!(unclear.contains("--key: club, school"), "{unclear}");
}

/// The program, serving on a free port of this machine.
struct Running {
    child: Child,
    /// What it says when it starts, up to the last line.
    banner: String,
    _home: TempDir,
}

impl Running {
    fn start() -> Self {
        Self::with(&[], Stdio::null())
    }

    fn with(environment: &[(&str, &str)], stderr: Stdio) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut child = moim(&home, &["--listen", "127.0.0.1", "--port", "0"], environment)
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut banner = String::new();
        for line in lines.by_ref().map(Result::unwrap) {
            banner.push_str(&line);
            banner.push('\n');
            if line.contains("Ctrl-C") {
                break;
            }
        }
        Self { child, banner, _home: home }
    }

    fn port(&self) -> u16 {
        let (_, rest) = self.banner.split_once("https://localhost:").unwrap();
        rest.lines().next().unwrap().trim().parse().unwrap()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn exit_code(&mut self) -> Option<i32> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn says_where_it_is_and_ends_on_a_signal() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut running = Running::start();
        assert!(running.banner.contains("self-signed"), "{}", running.banner);
        assert!(running.banner.contains("Open mode"), "{}", running.banner);
        assert_ne!(running.port(), 0);

        running.signal(signal);

        assert_eq!(running.exit_code(), Some(0));
    }
}

#[test]
fn takes_up_a_changed_configuration_on_a_signal() {
    let file = File::of("turn.users = { anna = 'a password' }\n");
    let mut running = Running::with(&[("MOIM_CONFIG", &file.path())], Stdio::piped());
    let log = BufReader::new(running.child.stderr.take().unwrap()).lines();
    let mut log = log.map(Result::unwrap).filter(|line| line.contains("reloaded"));

    fs::write(file.path(), "turn.users = { ben = 'a password' }\n").unwrap();
    running.signal(Signal::HUP);
    let taken = log.next().unwrap();
    fs::write(file.path(), "rooms.participants_max = 3\n").unwrap();
    running.signal(Signal::HUP);
    let refused = log.next().unwrap();

    assert!(taken.contains("turn.users.anna, turn.users.ben"), "{taken}");
    assert!(refused.contains("not reloaded") && refused.contains("rooms.participants_max"), "{refused}");
    assert!(!taken.contains("a password"), "{taken}");
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn says_what_to_do_when_the_port_is_taken() {
    let running = Running::start();

    let error = fails(&["--listen", "127.0.0.1", "--port", &running.port().to_string()], &[]);

    assert!(error.contains("Another program has port"), "{error}");
    assert!(error.contains("moim --port"), "{error}");
}
