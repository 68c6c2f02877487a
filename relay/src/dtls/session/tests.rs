use super::*;
use moim_turn::Transport;

const MS: Duration = Duration::from_millis(1);

fn identity() -> DtlsIdentity {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    DtlsIdentity::new(signed.cert.der().to_vec(), signed.signing_key.serialize_der()).unwrap()
}

fn five_tuple(port: u16) -> FiveTuple {
    let client = format!("203.0.113.7:{port}").parse().unwrap();
    FiveTuple::new(Transport::Dtls, client, "192.0.2.1:3478".parse().unwrap())
}

/// A client, and what it has received.
struct Client {
    dtls: Dtls,
    five_tuple: FiveTuple,
    received: Vec<Vec<u8>>,
    is_closed: bool,
}

impl Client {
    fn new(port: u16, now: Instant) -> Self {
        let certificate = identity().certificate;
        let mut dtls = Dtls::new_12(Arc::new(dimpl::Config::default()), certificate, now);
        dtls.set_active(true);
        dtls.handle_timeout(now).unwrap();
        Self { dtls, five_tuple: five_tuple(port), received: Vec::new(), is_closed: false }
    }

    fn poll(&mut self) -> Vec<Vec<u8>> {
        let (mut sent, mut buffer) = (Vec::new(), vec![0; 20_000]);
        loop {
            match self.dtls.poll_output(&mut buffer) {
                Output::Packet(datagram) => sent.push(datagram.to_vec()),
                Output::ApplicationData(message) => self.received.push(message.to_vec()),
                Output::CloseNotify => self.is_closed = true,
                Output::Timeout(_) => return sent,
                Output::Connected | _ => {}
            }
        }
    }
}

struct World {
    sessions: DtlsSessions,
    out: DtlsOutput,
    now: Instant,
}

impl World {
    fn new() -> Self {
        let now = Instant::now();
        let sessions = DtlsSessions::new(identity(), [7; 32], now);
        Self { sessions, out: DtlsOutput::default(), now }
    }

    fn receive(&mut self, five_tuple: FiveTuple, datagram: &[u8]) {
        self.sessions.receive(five_tuple, RealmId(3), datagram, self.now, &mut self.out);
    }

    /// Carries datagrams between the client and the server until there are no more; messages of the client's, and whether
    /// its session ended.
    fn exchange(&mut self, client: &mut Client) -> (Vec<Vec<u8>>, bool) {
        let (mut messages, mut has_ended) = (Vec::new(), false);
        loop {
            let sent = client.poll();
            for datagram in &sent {
                self.receive(client.five_tuple, datagram);
            }
            let is_quiet = sent.is_empty() && self.out.is_empty();
            let out = std::mem::take(&mut self.out);
            for DtlsTransmit { range, .. } in out.transmits {
                client.dtls.handle_packet(&out.bytes[range]).unwrap();
            }
            for DtlsMessage { range, realm, .. } in out.messages {
                assert_eq!(realm, RealmId(3));
                messages.push(out.bytes[range].to_vec());
            }
            has_ended |= out.ended.contains(&client.five_tuple);
            if is_quiet {
                return (messages, has_ended);
            }
        }
    }

    fn connect(&mut self, port: u16) -> Client {
        let mut client = Client::new(port, self.now);
        self.exchange(&mut client);
        assert!(self.sessions.keys.contains_key(&client.five_tuple));
        client
    }
}

/// Covers: RFC 7350 §4.1
#[test]
fn messages_pass_both_ways() {
    let mut world = World::new();
    let mut client = world.connect(4000);
    assert_eq!(world.sessions.counters().completed, 1);
    assert_eq!(world.sessions.handshakes, 0);

    client.dtls.send_application_data(b"request").unwrap();
    assert_eq!(world.exchange(&mut client).0, [b"request"]);
    world.sessions.send(&client.five_tuple, &[b"res", b"ponse"], world.now, &mut world.out);
    world.exchange(&mut client);
    assert_eq!(client.received, [b"response"]);

    let long = vec![7; MESSAGE_LEN_MAX];
    world.sessions.send(&client.five_tuple, &[&long], world.now, &mut world.out);
    world.exchange(&mut client);
    assert_eq!(client.received[1], long);
    world.sessions.send(&client.five_tuple, &[&long, b"x"], world.now, &mut world.out);
    world.sessions.send(&five_tuple(1), &[b"nobody"], world.now, &mut world.out);
    assert!(world.out.is_empty());
    assert_eq!(world.sessions.counters().unsent, 2);
}

/// Covers: RFC 6347 §4.2.1
#[test]
fn nothing_is_kept_for_a_client_that_has_shown_no_cookie() {
    let mut world = World::new();
    for port in 1..=200 {
        let mut client = Client::new(port, world.now);
        let hello = client.poll().remove(0);
        world.receive(client.five_tuple, &hello);
        let out = std::mem::take(&mut world.out);
        let [DtlsTransmit { is_proven: false, range, .. }] = &out.transmits[..] else { panic!("{out:?}") };
        assert!(range.len() < hello.len(), "no more is sent than was received");
    }

    assert_eq!(world.sessions.len(), 0);
    assert!(world.sessions.strangers.is_empty());
    assert_eq!(world.sessions.counters().challenged, 200);
}

/// Covers: RFC 8996 §5
#[test]
fn a_client_without_common_ground_is_told_so() {
    let mut world = World::new();
    let mut client = Client::new(4000, world.now);
    let hello = client.poll().remove(0);
    let mut outdated = hello.clone();
    outdated[26] = 255;
    world.receive(client.five_tuple, &outdated);
    assert_eq!(world.out.bytes[13..], [2, 70], "protocol_version");
    world.out.clear();

    world.receive(client.five_tuple, &hello);
    client.dtls.handle_packet(&world.out.bytes).unwrap();
    world.out.clear();
    let mut again = client.poll().remove(0);
    // The cipher suites follow the cookie; none is known.
    let suites = 13 + 12 + 2 + 32 + 1 + 1 + 32 + 2;
    let len = usize::from(again[suites - 1]);
    again[suites..suites + len].fill(0xfe);
    world.receive(client.five_tuple, &again);
    while let Some(deadline) = world.sessions.poll_timeout() {
        world.sessions.handle_timeout(deadline.at, &mut world.out);
    }

    assert!(world.out.bytes.ends_with(&[0, 2, 2, 40]), "handshake_failure");
    assert_eq!((world.sessions.len(), world.sessions.handshakes), (0, 0));
}

#[test]
fn handshakes_from_one_network_are_few_and_end() {
    let mut world = World::new();
    for port in 1..=200 {
        let mut client = Client::new(port, world.now);
        let hello = client.poll().remove(0);
        world.receive(client.five_tuple, &hello);
        let out = std::mem::take(&mut world.out);
        client.dtls.handle_packet(&out.bytes).unwrap();
        let again = client.poll().remove(0);
        world.receive(client.five_tuple, &again);
        world.out.clear();
    }
    assert_eq!(world.sessions.len(), STRANGERS_PER_NETWORK_MAX);
    assert_eq!(world.sessions.counters().refused, 200 - STRANGERS_PER_NETWORK_MAX as u64);

    while let Some(deadline) = world.sessions.poll_timeout() {
        assert!(deadline.at <= world.now + super::super::HANDSHAKE_MAX);
        world.sessions.handle_timeout(deadline.at, &mut world.out);
    }
    assert_eq!((world.sessions.len(), world.sessions.handshakes), (0, 0));
    assert!(world.sessions.strangers.is_empty());
}

#[test]
fn silent_strangers_are_told_goodbye_and_clients_with_an_allocation_stay() {
    let mut world = World::new();
    let mut silent = world.connect(4000);
    let allocated = world.connect(4001);
    world.sessions.set_allocated(&allocated.five_tuple, true, world.now);
    assert_eq!(world.sessions.strangers.values().sum::<usize>(), 1);

    world.now += IDLE_MAX;
    world.sessions.handle_timeout(world.now, &mut world.out);
    let (_, has_ended) = world.exchange(&mut silent);

    assert!(has_ended && silent.is_closed);
    assert_eq!(world.sessions.len(), 1);
    let freed = world.now + MS;
    world.sessions.set_allocated(&allocated.five_tuple, false, freed);
    assert_eq!(world.sessions.poll_timeout().unwrap().at, freed + IDLE_MAX);
}

#[test]
fn a_client_says_goodbye() {
    let mut world = World::new();
    let mut client = world.connect(4000);
    client.dtls.close().unwrap();

    let (_, has_ended) = world.exchange(&mut client);

    assert!(has_ended);
    assert_eq!((world.sessions.len(), world.sessions.poll_timeout()), (0, None));
}

/// Covers: RFC 6347 §4.2.8
#[test]
fn a_client_that_lost_its_session_begins_anew_and_a_stranger_cannot_end_it() {
    let mut world = World::new();
    let mut old = world.connect(4000);
    world.sessions.set_allocated(&old.five_tuple, true, world.now);
    let forged = Client::new(4000, world.now).poll().remove(0);
    world.receive(old.five_tuple, &forged);
    world.out.clear();
    old.dtls.send_application_data(b"still here").unwrap();
    assert_eq!(world.exchange(&mut old), (vec![b"still here".to_vec()], false));

    let mut new = Client::new(4000, world.now);
    let (_, has_ended) = world.exchange(&mut new);

    assert!(has_ended, "the allocation has lost its client");
    new.dtls.send_application_data(b"back again").unwrap();
    assert_eq!(world.exchange(&mut new).0, [b"back again"]);
    assert_eq!(world.sessions.len(), 1);
}

#[test]
fn lost_datagrams_are_sent_again() {
    let mut world = World::new();
    let mut client = Client::new(4000, world.now);
    let hello = client.poll().remove(0);
    world.receive(client.five_tuple, &hello);
    let out = std::mem::take(&mut world.out);
    client.dtls.handle_packet(&out.bytes).unwrap();
    let again = client.poll().remove(0);
    world.receive(client.five_tuple, &again);
    assert!(!world.out.is_empty());
    world.out.clear();

    let at = world.sessions.poll_timeout().unwrap().at;
    world.now = at;
    world.sessions.handle_timeout(at, &mut world.out);
    world.exchange(&mut client);

    assert_eq!(world.sessions.counters().completed, 1);
}

#[test]
fn stray_and_malformed_datagrams_disturb_nobody() {
    let mut world = World::new();
    let mut client = world.connect(4000);
    for datagram in
        [&b""[..], b"\x16", &[0x16; 64], &[0x17, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4]]
    {
        world.receive(five_tuple(1), datagram);
        world.receive(client.five_tuple, datagram);
    }
    assert!(world.out.is_empty());

    client.dtls.send_application_data(b"undisturbed").unwrap();
    assert_eq!(world.exchange(&mut client).0, [b"undisturbed"]);
    assert_eq!(world.sessions.counters().stray, 4);
}

#[test]
fn a_defect_of_the_library_ends_one_session_alone() {
    let mut world = World::new();
    let mut other = world.connect(4000);
    for phase in ["open", "shaking hands"] {
        let victim = Client::new(4001, world.now);
        world.sessions.begin(victim.five_tuple, RealmId(3), [9; 32], [8; 32], world.now).unwrap();
        let key = world.sessions.keys[&victim.five_tuple];
        if phase == "open" {
            world.sessions.sessions.get_mut(key).unwrap().phase = Phase::Allocated;
            world.sessions.handshakes -= 1;
            world.sessions.forget_stranger(victim.five_tuple.client.ip());
        }

        world.sessions.drive(key, world.now, &mut world.out, |_| panic!("a defect"));

        assert_eq!(std::mem::take(&mut world.out.ended), [victim.five_tuple], "{phase}");
        assert_eq!((world.sessions.len(), world.sessions.handshakes), (1, 0));
    }
    other.dtls.send_application_data(b"undisturbed").unwrap();
    assert_eq!(world.exchange(&mut other).0, [b"undisturbed"]);
}

#[test]
fn a_key_that_dtls_does_not_take_is_told() {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();

    let error = DtlsIdentity::new(certificate.der().to_vec(), key.serialize_der()).unwrap_err();

    assert_eq!(error, super::super::DtlsIdentityError::Key);
}
