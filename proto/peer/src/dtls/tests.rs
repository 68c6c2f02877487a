#![expect(clippy::disallowed_methods, reason = "a test has to begin somewhere")]

use super::*;
use crate::certificate::Certificate;
use aws_lc_rs::digest;
use moim_sdp::HashAlgorithm;

struct Pair {
    client: DtlsTransport,
    server: DtlsTransport,
    now: Instant,
}

fn certificate() -> Certificate {
    Certificate::generate(Duration::from_secs(1_800_000_000)).unwrap()
}

fn pair(client: DtlsVersions, server: DtlsVersions) -> Pair {
    pair_with(client, server, |certificate| vec![certificate.fingerprint().clone()])
}

fn pair_with(
    client: DtlsVersions,
    server: DtlsVersions,
    told: impl Fn(&Certificate) -> Vec<Fingerprint>,
) -> Pair {
    let now = Instant::now();
    let (ours, theirs) = (certificate(), certificate());
    let transport = |certificate: &Certificate, versions| {
        DtlsTransport::new(DtlsConfig::new(certificate.clone(), versions, Some(7), false).unwrap())
    };
    let mut pair = Pair { client: transport(&ours, client), server: transport(&theirs, server), now };
    pair.client.start(DtlsRole::Client, told(&theirs), now);
    pair.server.start(DtlsRole::Server, told(&ours), now);
    pair
}

impl Pair {
    /// Carries datagrams, of which `is_lost` says which are lost by their number, until both sides have nothing to say for
    /// a while.
    fn run(&mut self, mut is_lost: impl FnMut(usize) -> bool) {
        let mut number = 0;
        for _ in 0..200 {
            let mut is_quiet = true;
            for to_server in [true, false] {
                let (from, to) = if to_server {
                    (&mut self.client, &mut self.server)
                } else {
                    (&mut self.server, &mut self.client)
                };
                while let Some(datagram) = from.poll_transmit() {
                    is_quiet = false;
                    assert!(datagram.len() <= DATAGRAM_LEN_MAX, "{}", datagram.len());
                    if !is_lost(number) {
                        to.handle_datagram(&datagram, self.now);
                    }
                    number += 1;
                }
            }
            if is_quiet {
                let deadline = Deadline::soonest(self.client.poll_timeout(), self.server.poll_timeout());
                let Some(deadline) = deadline.filter(|_| !self.is_connected()) else { return };
                self.now = deadline.at;
                self.client.handle_timeout(self.now);
                self.server.handle_timeout(self.now);
            }
        }
    }

    fn is_connected(&self) -> bool {
        [self.client.state(), self.server.state()] == [DtlsState::Connected; 2]
    }
}

fn connected(transport: &mut DtlsTransport) -> (&'static str, SrtpKeys) {
    match transport.poll_event() {
        Some(DtlsEvent::Connected { version, srtp: Some(keys) }) => (version, keys),
        other => panic!("not connected: {other:?}"),
    }
}

#[test]
fn both_versions_connect_and_agree_on_keys() {
    let cases = [
        (DtlsVersions::Auto, DtlsVersions::Auto, "1.3"),
        (DtlsVersions::Only13, DtlsVersions::Auto, "1.3"),
        (DtlsVersions::Auto, DtlsVersions::Only13, "1.3"),
        (DtlsVersions::Only12, DtlsVersions::Auto, "1.2"),
        (DtlsVersions::Auto, DtlsVersions::Only12, "1.2"),
        (DtlsVersions::Only12, DtlsVersions::Only12, "1.2"),
    ];
    for (client, server, version) in cases {
        let mut pair = pair(client, server);

        pair.run(|_| false);

        let (ours, theirs) = (connected(&mut pair.client), connected(&mut pair.server));
        assert_eq!((ours.0, theirs.0), (version, version), "{client:?} {server:?}");
        assert_eq!(ours.1.material, theirs.1.material);
        assert_eq!((ours.1.profile, theirs.1.profile), (ours.1.profile, ours.1.profile));
        assert!(matches!(ours.1.profile, Profile::AeadAes128Gcm | Profile::AeadAes256Gcm), "AEAD first");
    }
}

#[test]
fn lost_datagrams_are_sent_again() {
    for versions in [DtlsVersions::Auto, DtlsVersions::Only12] {
        for lost in 0..6 {
            let mut pair = pair(versions, DtlsVersions::Auto);

            pair.run(|number| number == lost);

            assert!(pair.is_connected(), "{versions:?}, datagram {lost} was lost");
        }
    }
}

#[test]
fn datagrams_that_come_twice_do_no_harm() {
    for versions in [DtlsVersions::Auto, DtlsVersions::Only12] {
        let mut pair = pair(versions, DtlsVersions::Auto);
        for _ in 0..20 {
            while let Some(datagram) = pair.client.poll_transmit() {
                pair.server.handle_datagram(&datagram, pair.now);
                pair.server.handle_datagram(&datagram, pair.now);
            }
            let mut flight: Vec<_> = std::iter::from_fn(|| pair.server.poll_transmit()).collect();
            flight.reverse();
            for datagram in flight {
                pair.client.handle_datagram(&datagram, pair.now);
                pair.client.handle_datagram(&datagram, pair.now);
            }
            if !pair.is_connected() {
                pair.now += RETRANSMIT * 2;
                pair.client.handle_timeout(pair.now);
                pair.server.handle_timeout(pair.now);
            }
        }

        assert!(pair.is_connected(), "{versions:?}");
    }
}

/// Covers: RFC 8122 §6.2
#[test]
fn a_certificate_of_somebody_else_is_not_trusted() {
    let other = certificate();
    for versions in [DtlsVersions::Auto, DtlsVersions::Only12] {
        let mut pair = pair_with(versions, DtlsVersions::Auto, |_| vec![other.fingerprint().clone()]);

        pair.run(|_| false);

        assert!(!pair.is_connected());
        let failed = [&mut pair.client, &mut pair.server].map(|transport| {
            matches!(transport.poll_event(), Some(DtlsEvent::Failed(DtlsFailure::Fingerprint)))
        });
        assert!(failed.contains(&true), "{versions:?}");
        assert!(pair.client.poll_received().is_none() && pair.server.poll_received().is_none());
    }
}

#[test]
fn fingerprints_by_longer_hashes_are_checked() {
    for (algorithm, hash) in
        [(HashAlgorithm::Sha384, &digest::SHA384), (HashAlgorithm::Sha512, &digest::SHA512)]
    {
        let mut pair = pair_with(DtlsVersions::Auto, DtlsVersions::Auto, |certificate| {
            let digest = digest::digest(hash, certificate.der()).as_ref().to_vec();
            vec![Fingerprint { algorithm: algorithm.clone(), digest }]
        });

        pair.run(|_| false);

        assert!(pair.is_connected(), "{algorithm:?}");
    }
}

#[test]
fn without_a_usable_fingerprint_nothing_begins() {
    let sha1 = Fingerprint { algorithm: HashAlgorithm::Sha1, digest: vec![0; 20] };
    let mut pair = pair_with(DtlsVersions::Auto, DtlsVersions::Auto, |_| vec![sha1.clone()]);

    assert!(pair.client.poll_transmit().is_none());
    assert!(matches!(pair.client.poll_event(), Some(DtlsEvent::Failed(DtlsFailure::NoFingerprint))));
}

#[test]
fn a_hello_that_overtook_the_answer_is_kept() {
    let mut pair = pair(DtlsVersions::Auto, DtlsVersions::Auto);
    let told = vec![pair.client.config.certificate.fingerprint().clone()];
    let mut late = DtlsTransport::new(pair.server.config.clone());
    while let Some(datagram) = pair.client.poll_transmit() {
        assert!(late.handle_datagram(&datagram, pair.now));
    }
    let kept = late.early.len();
    for _ in 0..2 * EARLY_MAX {
        assert!(late.handle_datagram(&[22; 100], pair.now), "that it comes again is no reason to drop it");
    }
    assert_eq!(late.early.len(), kept + 1, "each once");
    for number in 0..2 * EARLY_MAX {
        late.handle_datagram(&[number.to_le_bytes()[0]; 100], pair.now);
    }
    assert_eq!(late.early.len(), EARLY_MAX, "and not more than that");

    late.start(DtlsRole::Server, told, pair.now);

    assert!(late.poll_transmit().is_some(), "it is answered at once");
}

#[test]
fn messages_and_goodbyes_arrive() {
    for versions in [DtlsVersions::Auto, DtlsVersions::Only12] {
        let mut pair = pair(versions, DtlsVersions::Auto);
        assert!(!pair.client.send(b"early", pair.now), "not before it is connected");
        pair.run(|_| false);

        assert!(pair.client.send(b"to the server", pair.now));
        assert!(pair.server.send(b"to the client", pair.now));
        pair.run(|_| false);
        assert_eq!(pair.server.poll_received().as_deref(), Some(&b"to the server"[..]));
        assert_eq!(pair.client.poll_received().as_deref(), Some(&b"to the client"[..]));

        connected(&mut pair.server);
        pair.client.close(pair.now);
        pair.run(|_| false);
        assert_eq!(pair.server.state(), DtlsState::Closed, "{versions:?}");
        assert!(matches!(pair.server.poll_event(), Some(DtlsEvent::Closed)));
    }
}

#[test]
fn nobody_answers_and_it_ends() {
    let mut pair = pair(DtlsVersions::Auto, DtlsVersions::Auto);

    pair.run(|_| true);

    assert_eq!(pair.client.state(), DtlsState::Failed);
    assert!(matches!(pair.client.poll_event(), Some(DtlsEvent::Failed(DtlsFailure::Timeout))));
    assert_eq!(pair.client.poll_timeout(), None);
}

#[test]
fn messages_that_nobody_takes_are_bounded() {
    let mut pair = pair(DtlsVersions::Auto, DtlsVersions::Auto);
    pair.run(|_| false);

    for _ in 0..RECEIVED_MAX + 10 {
        pair.client.send(b"message", pair.now);
        pair.run(|_| false);
    }
    assert_eq!((pair.server.received.len(), pair.server.dropped()), (RECEIVED_MAX, 10));

    for _ in 0..OUTGOING_MAX + 10 {
        pair.server.send(b"message", pair.now);
    }
    assert_eq!(pair.server.outgoing.len(), OUTGOING_MAX);
}

#[test]
fn garbage_disturbs_no_handshake() {
    for versions in [DtlsVersions::Auto, DtlsVersions::Only12] {
        let mut pair = pair(versions, DtlsVersions::Auto);
        let garbage: [&[u8]; 5] = [&[], &[22], &[22, 254, 253, 0, 0], &[63; 400], &[22; 1200]];
        for bytes in garbage {
            pair.client.handle_datagram(bytes, pair.now);
            pair.server.handle_datagram(bytes, pair.now);
        }

        pair.run(|_| false);

        assert!(pair.is_connected(), "{versions:?}");
        for bytes in garbage {
            pair.client.handle_datagram(bytes, pair.now);
            pair.server.handle_datagram(bytes, pair.now);
        }
        assert!(pair.is_connected(), "{versions:?}");
    }
}

fn failure(transport: &mut DtlsTransport) -> String {
    match transport.poll_event() {
        Some(DtlsEvent::Failed(failure)) => failure.to_string(),
        other => panic!("it has not failed: {other:?}"),
    }
}

#[test]
fn a_server_that_refuses_the_hello_is_heard_at_once() {
    for (versions, server_version) in
        [(DtlsVersions::Auto, 253), (DtlsVersions::Auto, 255), (DtlsVersions::Only12, 253)]
    {
        let mut pair = pair(versions, DtlsVersions::Auto);
        // What OpenSSL answers that has a certificate of RSA only, and so no cipher in common.
        let alert = [21, 254, server_version, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];

        pair.client.handle_datagram(&alert, pair.now);

        let told = failure(&mut pair.client);
        assert!(told.contains("alert 40") && told.contains("RSA") && told.contains("ECDSA"), "{told}");
    }
}

#[test]
fn what_only_looks_like_an_alert_ends_nothing() {
    let mut pair = pair(DtlsVersions::Auto, DtlsVersions::Auto);
    let warning = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 1, 90];
    let sealed = [21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];
    let long = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3, 2, 40, 0];
    for alert in [&warning[..], &sealed, &long] {
        pair.client.handle_datagram(alert, pair.now);
    }

    pair.run(|_| false);

    assert!(pair.is_connected());
    let alert = [21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40];
    pair.client.handle_datagram(&alert, pair.now);
    pair.server.handle_datagram(&alert, pair.now);
    assert!(pair.is_connected(), "nobody has sealed it");
}

#[test]
fn a_certificate_of_another_kind_is_told_from_other_failures() {
    use dimpl::{CertificateError, Error};
    for error in [
        Error::CertificateError(CertificateError::NoClientCertificateReceived),
        Error::CertificateError(CertificateError::MissingEcCurveParameter),
        Error::CertificateError(CertificateError::UnsupportedEcCurve),
    ] {
        let failure = failure_of(&error);
        assert_eq!(failure, DtlsFailure::CertificateKind);
        assert!(failure.to_string().contains("ECDSA with P-256 or P-384 is wanted"), "{failure}");
    }
    assert!(matches!(failure_of(&Error::RenegotiationAttempt), DtlsFailure::Protocol(_)));
}

#[test]
fn what_belongs_to_another_handshake_ends_no_connection() {
    for versions in [DtlsVersions::Auto, DtlsVersions::Only12] {
        let mut others = pair(versions, DtlsVersions::Auto);
        let mut heard: Vec<Bytes> = Vec::new();
        for _ in 0..10 {
            while let Some(datagram) = others.client.poll_transmit() {
                others.server.handle_datagram(&datagram, others.now);
                heard.push(datagram);
            }
            while let Some(datagram) = others.server.poll_transmit() {
                others.client.handle_datagram(&datagram, others.now);
                heard.push(datagram);
            }
        }
        let mut pair = pair(versions, DtlsVersions::Auto);
        pair.run(|_| false);
        assert!(pair.is_connected());

        for round in 0..300 {
            for datagram in &heard {
                let mut datagram = datagram.to_vec();
                if round > 0 {
                    let place = (round * 31) % datagram.len();
                    datagram[place] ^= 1 << (round % 8);
                }
                pair.client.handle_datagram(&datagram, pair.now);
                pair.server.handle_datagram(&datagram, pair.now);
                while pair.client.poll_transmit().is_some() || pair.server.poll_transmit().is_some() {}
            }
            assert!(
                pair.is_connected(),
                "{versions:?} {round}: {:?} {:?}",
                pair.client.poll_event(),
                pair.client.poll_event()
            );
        }
        assert!(pair.client.send(b"still here", pair.now));
        pair.run(|_| false);
        assert_eq!(pair.server.poll_received().as_deref(), Some(&b"still here"[..]), "{versions:?}");
    }
}

/// A server by checks that has a path, and a client of whose hello it has not heard.
fn server_with_path() -> Pair {
    let now = Instant::now();
    let (ours, theirs) = (certificate(), certificate());
    let transport = |certificate: &Certificate| {
        let config = DtlsConfig::new(certificate.clone(), DtlsVersions::Auto, Some(7), true).unwrap();
        DtlsTransport::new(config)
    };
    let mut pair = Pair { client: transport(&ours), server: transport(&theirs), now };
    pair.server.start(DtlsRole::Server, vec![ours.fingerprint().clone()], now);
    pair.server.set_path(now);
    pair.now += HANDSHAKE_MAX * 2;
    pair.server.handle_timeout(pair.now);
    pair.client.start(DtlsRole::Client, vec![theirs.fingerprint().clone()], pair.now);
    pair.client.set_path(pair.now);
    pair
}

#[test]
fn a_server_has_patience_until_there_is_a_hello() {
    let mut pair = server_with_path();

    assert_eq!(pair.server.poll_timeout(), None);
    pair.run(|_| false);

    assert!(pair.is_connected());
}

#[test]
fn a_server_whose_client_falls_silent_gives_up() {
    let mut pair = server_with_path();

    pair.run(|number| number > 1);

    assert_eq!(pair.server.state(), DtlsState::Failed);
    assert!(matches!(pair.server.poll_event(), Some(DtlsEvent::Failed(DtlsFailure::Timeout))));
}
