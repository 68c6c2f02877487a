use super::{discover_nat, words};
use moim_stun::discovery::{
    Disclosure, Endpoint, Endpoints, Filtering, Finding, Handled, Mapping, RESPONSE_LEN_MAX, Server,
    ServerConfig, Side, Unknown,
};
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

#[test]
fn a_server_with_two_ports_is_asked_over_real_sockets() {
    let server = serve();

    let report = discover_nat(vec![server], false).unwrap().unwrap();

    assert_eq!(report.mapped, Some(report.local));
    assert_eq!(report.mapping, Finding::Known(Mapping::None));
    assert_eq!(report.filtering, Finding::Unknown(Unknown::PortOnly));
    let plain = words::plain(std::slice::from_ref(&report));
    assert!(plain.starts_with("IPv4: no NAT."), "{plain}");
    let json: serde_json::Value = serde_json::from_str(&words::json(&[report]).unwrap()).unwrap();
    assert_eq!(json[0]["nat"], false);
    assert_eq!(json[0]["filtering"]["unknown"], "port_only");
}

#[test]
fn every_finding_has_words() {
    let mut report = discover_nat(vec![serve()], false).unwrap().unwrap();
    report.mapped = Some("198.51.100.7:40000".parse().unwrap());
    report.mapping = Finding::Known(Mapping::AddressAndPortDependent);
    report.filtering = Finding::Known(Filtering::AddressDependent);
    report.hairpinning = Finding::Known(true);

    let plain = words::plain(&[report.clone()]);

    for words in
        ["behind a NAT. Servers see 198.51.100.7:40000", "symmetric", "were sent to", "yes", "relay (TURN)"]
    {
        assert!(plain.contains(words), "{words:?} is not in {plain}");
    }
    report.mapped = None;
    assert!(words::plain(&[report]).contains("UDP is blocked"));
}

/// A discovery server with two ports on loopback, which serves until the test ends.
fn serve() -> SocketAddr {
    let primary = UdpSocket::bind("127.0.0.1:0").unwrap();
    let alternate = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = primary.local_addr().unwrap();
    let endpoints = Endpoints::new(address, alternate.local_addr().unwrap()).unwrap();
    for side in [Side::Primary, Side::Alternate] {
        let sockets = [primary.try_clone().unwrap(), alternate.try_clone().unwrap()];
        let mut server = Server::new(ServerConfig { endpoints, disclosure: Disclosure::default() });
        thread::spawn(move || {
            let received_on = Endpoint { ip: Side::Primary, port: side };
            let mut buffer = [0; 2048];
            let mut out = [0; RESPONSE_LEN_MAX];
            sockets[side as usize].set_read_timeout(Some(Duration::from_secs(60))).unwrap();
            while let Ok((len, source)) = sockets[side as usize].recv_from(&mut buffer) {
                if let Handled::Respond { len, from, to } =
                    server.handle(&buffer[..len], source, received_on, &mut out)
                {
                    sockets[from.port as usize].send_to(&out[..len], to).unwrap();
                }
            }
        });
    }
    address
}
