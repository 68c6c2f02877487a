//! Media in by WHIP and out by WHEP: partners that know no signalling but an offer, an answer and HTTP.

use crate::moim::{Moim, PORT};
use crate::ours::Role;
use crate::partner::{Counts, Partner, Running};
use moim_lab::{Host, Lab, Topology};
use moim_sdp::SessionDescription;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::Stdio;

/// What has to arrive at whoever watches.
const ENOUGH: Counts = Counts { video: 40, audio: 100, messages: 0 };
/// How often a partner counts until it has enough: twice a second, so that this is minutes.
const REPORTS_MAX: usize = 240;
const ROOM: &str = "tea";
/// Everybody goes through the server, which forwards from the first participant on.
const CONFIG: &str = "[rooms]\ntopology = \"sfu\"\n";

/// A server on one host, who publishes on another, and who watches on a third.
fn broadcast(publisher: Partner, viewer: Partner) {
    let topology = Topology::new().host("server").host("studio").host("home");
    let lab = Lab::up(topology).unwrap_or_else(|error| panic!("{error:#}"));
    let _server = Moim::start(lab.host("server").unwrap(), CONFIG);
    let mut studio = Session::open(&lab, "studio", publisher, "whip");
    let mut home = Session::open(&lab, "home", viewer, "whep");

    let counts = home.counts_until(ENOUGH);
    assert!(counts.reaches(ENOUGH), "{viewer:?} watches {publisher:?}, and received {counts}");

    for session in [&mut home, &mut studio] {
        assert_eq!(session.ask("DELETE", None, "").status, 200);
        assert_eq!(session.ask("DELETE", None, "").status, 404);
    }
}

/// A partner with its resource on the server.
struct Session {
    host: Host,
    partner: Running,
    /// Where the resource is.
    url: String,
    /// The first lines of a fragment, which say what its candidates are of.
    fragment: String,
}

struct Response {
    status: u16,
    head: String,
    body: String,
}

impl Session {
    fn open(lab: &Lab, host: &str, partner: Partner, kind: &str) -> Self {
        let origin = format!("https://{}:{PORT}", lab.host("server").unwrap().ipv4()[0]);
        let host = lab.host(host).unwrap();
        let partner = partner.start(&host, Role::Offerer);
        let mut session =
            Self { host, partner, url: format!("{origin}/{kind}/{ROOM}"), fragment: String::new() };
        let (offer, candidates) = session.offer();
        session.fragment = head_of_fragment(&offer);
        let created = session.ask("POST", Some("application/sdp"), &offer);
        assert_eq!(created.status, 201, "{}{}", created.head, created.body);
        let location = created.header("location").expect("a resource has a location");
        session.url = format!("{origin}{location}");
        session.partner.say(&json!({ "type": "answer", "sdp": created.body }));
        for candidate in candidates {
            session.trickle(&candidate);
        }
        session
    }

    /// The partner's offer, and what it said of candidates before.
    fn offer(&mut self) -> (String, Vec<Value>) {
        let mut candidates = Vec::new();
        loop {
            let line = self.partner.lines.blocking_recv().expect("a partner offers");
            match line["type"].as_str() {
                Some("offer") => return (line["sdp"].as_str().unwrap().to_owned(), candidates),
                Some("candidate") => candidates.push(line),
                _ => {}
            }
        }
    }

    fn counts_until(&mut self, enough: Counts) -> Counts {
        let mut counts = Counts::default();
        let mut reports = 0;
        while reports < REPORTS_MAX && !counts.reaches(enough) {
            let line = self.partner.lines.blocking_recv().expect("a partner counts");
            match line["type"].as_str() {
                Some("counts") => (counts, reports) = (Counts::read(&line), reports + 1),
                Some("candidate") => self.trickle(&line),
                _ => {}
            }
        }
        counts
    }

    fn trickle(&self, line: &Value) {
        let Some(candidate) = line["candidate"].as_str().filter(|candidate| !candidate.is_empty()) else {
            return;
        };
        let fragment = format!("{}a={}\r\n", self.fragment, candidate.trim_start_matches("a="));
        let patched = self.ask("PATCH", Some("application/trickle-ice-sdpfrag"), &fragment);
        assert_eq!(patched.status, 204, "{fragment}: {}{}", patched.head, patched.body);
    }

    /// Asks by a client that nobody here wrote. The certificate is the server's own.
    fn ask(&self, method: &str, kind: Option<&str>, body: &str) -> Response {
        let mut command = self.host.command("curl");
        command.args(["--silent", "--show-error", "--insecure", "--include", "--max-time", "60"]);
        command.args(["--request", method, "--data-binary", "@-"]);
        command.args(["--header", &format!("Content-Type: {}", kind.unwrap_or(""))]).arg(&self.url);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(body.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "curl ended with {}", output.status);
        let text = String::from_utf8(output.stdout).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").expect("a response has a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("and a status");
        Response { status, head: head.to_owned(), body: body.to_owned() }
    }
}

impl Response {
    fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// RFC 9725 §4.3.1: the generation, and the section that all are bundled with.
fn head_of_fragment(offer: &str) -> String {
    let offer = SessionDescription::parse(offer).unwrap();
    let section = &offer.media[0];
    let (ufrag, password) = offer.ice_credentials(section).unwrap();
    let (kind, mid) = (section.kind.as_str(), section.mid().unwrap());
    format!(
        "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{}\r\nm={kind} 9 {} 0\r\na=mid:{}\r\n",
        password.as_str(),
        section.protocol,
        mid.as_str()
    )
}

#[test]
fn gstreamer_publishes_and_aiortc_watches() {
    broadcast(Partner::Gstreamer, Partner::Aiortc);
}

#[test]
fn aiortc_publishes_and_gstreamer_watches() {
    broadcast(Partner::Aiortc, Partner::Gstreamer);
}

#[test]
fn libwebrtc_publishes_and_str0m_watches() {
    broadcast(Partner::Libwebrtc, Partner::Str0m);
}

#[test]
fn str0m_publishes_and_libwebrtc_watches() {
    broadcast(Partner::Str0m, Partner::Libwebrtc);
}
