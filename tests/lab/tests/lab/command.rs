//! The `lab` command, and what labs leave behind: nothing.

use crate::probe::lab;
use moim_lab::{Lab, Nat, RunId, Topology};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, ChildStdin, Command, Stdio};

const LAB: &str = env!("CARGO_BIN_EXE_lab");
const TOPOLOGY: &str = r#"{ "gateways": [{ "name": "home", "nat": "symmetric" }], "hosts": [{ "name": "server" }, { "name": "anna", "behind": "home" }] }"#;

struct Held {
    child: Child,
    input: Option<ChildStdin>,
    run: String,
}

impl Held {
    fn up() -> Self {
        let mut child =
            Command::new(LAB).args(["up", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        writeln!(input, "{TOPOLOGY}").unwrap();
        let line = first_line(&mut child);
        let described: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert!(described["nodes"]["server"]["ipv4"][0].is_string(), "{line}");
        Self { run: described["run"].as_str().unwrap().to_owned(), child, input: Some(input) }
    }

    /// Waits until the process that holds the lab has closed its output, which it does last.
    fn wait_for_holder(&mut self) {
        let mut rest = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut rest).unwrap();
    }
}

fn namespaces_of(run: &str) -> Vec<String> {
    let names = fs::read_dir("/run/netns").into_iter().flatten().flatten();
    names.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| name.contains(run)).collect()
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

fn output(args: &[&str]) -> String {
    let output = Command::new(LAB).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_lab_is_held_until_the_input_ends() {
    let mut held = Held::up();
    assert_eq!(namespaces_of(&held.run).len(), 4);
    let addresses = output(&["exec", &held.run, "anna", "ip", "-4", "address", "show", "dev", "eth0"]);
    assert!(addresses.contains("192.168."), "{addresses}");

    let changed = output(&["change", &held.run, r#"{ "address": { "of": "anna" } }"#]);
    let changed: serde_json::Value = serde_json::from_str(&changed).unwrap();
    let address = changed["nodes"]["anna"]["ipv4"][0].as_str().unwrap();
    assert!(output(&["exec", &held.run, "anna", "ip", "address"]).contains(address));

    drop(held.input.take());
    assert!(held.child.wait().unwrap().success());
    assert_eq!(namespaces_of(&held.run), [""; 0]);
    assert!(Lab::of_run(RunId::parse(&held.run).unwrap()).is_err());
}

#[test]
fn a_lab_ends_when_the_process_that_made_it_is_killed() {
    let mut held = Held::up();
    held.child.kill().unwrap();
    held.child.wait().unwrap();
    held.wait_for_holder();
    assert_eq!(namespaces_of(&held.run), [""; 0]);
}

#[test]
fn what_a_killed_holder_leaves_is_taken_down_by_the_next_lab() {
    let mut held = Held::up();
    let mut asleep = Command::new(LAB)
        .args(["exec", &held.run, "anna", "sh", "-c", "echo asleep; exec sleep 600"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(first_line(&mut asleep), "asleep\n");
    let children = fs::read_to_string(format!("/proc/{0}/task/{0}/children", held.child.id())).unwrap();
    let holder = rustix::process::Pid::from_raw(children.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(holder, rustix::process::Signal::KILL).unwrap();
    held.child.wait().unwrap();
    assert_eq!(namespaces_of(&held.run).len(), 4);

    let next = lab(Topology::new().host("server"));
    assert_eq!(namespaces_of(&held.run), [""; 0]);
    assert!(!asleep.wait().unwrap().success(), "what ran in it has ended");
    drop(next);
}

#[test]
fn names_are_those_of_the_lab_and_no_look_up_waits() {
    let lab = lab(Topology::new().gateway("home", Nat::Symmetric).host("server").host_behind("anna", "home"));
    let anna = lab.host("anna").unwrap();
    let found = anna.command("getent").args(["ahostsv4", "server.test"]).output().unwrap();
    let address = lab.host("server").unwrap().ipv4()[0].to_string();
    assert!(String::from_utf8_lossy(&found.stdout).contains(&address));
    assert!(!anna.command("getent").args(["hosts", "elsewhere.test"]).output().unwrap().status.success());
}

#[test]
fn a_port_of_a_hosts_loopback_is_reached_from_outside() {
    // The outside is a host of the lab, too, where no other program takes the port.
    let lab = lab(Topology::new().host("server").host("outside"));
    let (server, outside) = (lab.host("server").unwrap(), lab.host("outside").unwrap());
    let at = SocketAddr::from((Ipv4Addr::LOCALHOST, 8_000));
    let listener = server.enter(|| TcpListener::bind(at)).unwrap().unwrap();
    let mut forwarder = outside
        .command(LAB)
        .args(["forward", &lab.run().to_string(), "server", &at.port().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    assert_eq!(first_line(&mut forwarder), "ready\n");

    let mut near = outside.enter(|| TcpStream::connect(at)).unwrap().unwrap();
    let (mut far, _) = listener.accept().unwrap();
    near.write_all(b"there").unwrap();
    let mut bytes = [0; 5];
    far.read_exact(&mut bytes).unwrap();
    far.write_all(&bytes).unwrap();
    drop(far);
    let mut back = String::new();
    near.read_to_string(&mut back).unwrap();
    assert_eq!(back, "there");
    forwarder.kill().unwrap();
    forwarder.wait().unwrap();
}

#[test]
fn what_is_no_topology_is_refused_with_the_reason() {
    let mut child =
        Command::new(LAB).args(["up", "-"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.as_mut().unwrap(), r#"{{ "hosts": [{{ "name": "Server" }}] }}"#).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("no name"));
}
