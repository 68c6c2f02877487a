use super::*;

/// What is read from these bytes, and what is left of them.
async fn read(mut bytes: &[u8]) -> (Result<Option<Proxied>, ProxyError>, &[u8]) {
    (read_header(&mut bytes).await, bytes)
}

fn v2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = SIGNATURE.to_vec();
    header.extend([command, family]);
    header.extend(u16::try_from(rest.len()).unwrap().to_be_bytes());
    header.extend(rest);
    header
}

fn ipv4() -> Vec<u8> {
    [&[203, 0, 113, 7], &[192, 0, 2, 1], &51_000_u16.to_be_bytes()[..], &443_u16.to_be_bytes()].concat()
}

fn ipv6() -> Vec<u8> {
    let [client, server] = ["2001:db8::7", "2001:db8::1"].map(|ip| ip.parse::<Ipv6Addr>().unwrap().octets());
    [&client[..], &server, &51_000_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat()
}

fn proxied(client: &str, server: &str) -> Proxied {
    Proxied { client: client.parse().unwrap(), server: server.parse().unwrap() }
}

#[tokio::test]
async fn version_2_tells_the_addresses_and_leaves_what_follows() {
    let with_tlvs = [ipv4(), vec![3, 0, 4, 1, 2, 3, 4]].concat();
    for (header, expected) in [
        (v2(0x21, 0x11, &ipv4()), Some(proxied("203.0.113.7:51000", "192.0.2.1:443"))),
        (v2(0x21, 0x11, &with_tlvs), Some(proxied("203.0.113.7:51000", "192.0.2.1:443"))),
        (v2(0x21, 0x21, &ipv6()), Some(proxied("[2001:db8::7]:51000", "[2001:db8::1]:443"))),
        (v2(0x20, 0x00, &[]), None),
        (v2(0x20, 0x11, &ipv4()), None),
        (v2(0x21, 0x00, &[]), None),
        (v2(0x21, 0x31, &[0; 216]), None),
    ] {
        let bytes = [&header[..], b"\x16\x03\x01"].concat();
        let (result, rest) = read(&bytes).await;
        assert_eq!(result.unwrap(), expected);
        assert_eq!(rest, b"\x16\x03\x01");
    }
}

#[tokio::test]
async fn version_1_tells_the_addresses_and_leaves_what_follows() {
    for (header, expected) in [
        (
            "PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n",
            Some(proxied("203.0.113.7:51000", "192.0.2.1:443")),
        ),
        ("PROXY TCP6 2001:db8::7 2001:db8::1 1 0\r\n", Some(proxied("[2001:db8::7]:1", "[2001:db8::1]:0"))),
        ("PROXY UNKNOWN\r\n", None),
        ("PROXY UNKNOWN whatever it may be\r\n", None),
    ] {
        let bytes = [header.as_bytes(), b"GET /"].concat();
        let (result, rest) = read(&bytes).await;
        assert_eq!(result.unwrap(), expected, "{header}");
        assert_eq!(rest, b"GET /");
    }
}

#[tokio::test]
async fn what_is_no_header_is_refused() {
    let long = format!("PROXY TCP4 {}\r\n", "1".repeat(LEN_MAX_V1));
    let mut too_long = v2(0x21, 0x11, &[0; 100]);
    too_long[14..16].copy_from_slice(&u16::MAX.to_be_bytes());
    for bytes in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\x00".to_vec(),
        b"PROXY TCP4 203.0.113.7 192.0.2.1 51000\r\n".to_vec(),
        b"PROXY TCP4 2001:db8::7 2001:db8::1 51000 443\r\n".to_vec(),
        b"PROXY TCP6 203.0.113.7 192.0.2.1 51000 443\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.7 192.0.2.1 51000 65536\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.7 192.0.2.1 +1 443\r\n".to_vec(),
        b"PROXY TCP4 203.0.113.7 192.0.2.1 080 443\r\n".to_vec(),
        b"PROXY UDP4 203.0.113.7 192.0.2.1 51000 443\r\n".to_vec(),
        b"PROXY TCP4  203.0.113.7 192.0.2.1 51000 443\r\n".to_vec(),
        b"PROXY TCP4 \xff\xff\xff 192.0.2.1 51000 443\r\n".to_vec(),
        long.into_bytes(),
        v2(0x22, 0x11, &ipv4()),
        v2(0x11, 0x11, &ipv4()),
        v2(0x21, 0x12, &ipv4()),
        v2(0x21, 0x11, &ipv4()[..11]),
        v2(0x21, 0x21, &ipv4()),
        too_long,
    ] {
        let (result, _) = read(&bytes).await;
        assert!(
            matches!(result, Err(ProxyError::Malformed)),
            "{:?}: {result:?}",
            bytes.escape_ascii().to_string()
        );
    }
}

#[tokio::test]
async fn a_header_that_is_cut_short_is_an_error_wherever_it_is_cut() {
    let text = b"PROXY TCP4 203.0.113.7 192.0.2.1 51000 443\r\n".to_vec();
    for header in [v2(0x21, 0x11, &ipv4()), text] {
        for end in 0..header.len() {
            assert!(matches!(read(&header[..end]).await.0, Err(ProxyError::Io(_))), "{end}");
        }
    }
}
