//! Connections for tests: what a client has at its end, and messages to send.

use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection};
use std::io::{self, Read, Write};
use std::sync::Arc;

/// A Binding request.
pub(crate) const BINDING: &[u8; 20] = b"\x00\x01\x00\x00\x21\x12\xa4\x42transaction!";

/// A ChannelData message as it is on a stream.
pub(crate) fn channel_data(data: &[u8]) -> Vec<u8> {
    let mut message = vec![0x40, 0];
    message.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
    message.extend(data);
    message.resize(message.len().next_multiple_of(4), 0);
    message
}

/// Both ends of TLS, the handshake done; what each has sent since then is not delivered yet.
pub(crate) fn tls_pair() -> (ClientConnection, ServerConnection) {
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = CertificateDer::from(signed.cert.der().to_vec());
    let key = PrivateKeyDer::try_from(signed.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).unwrap();
    let client = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let server = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = ClientConnection::new(Arc::new(client), name).unwrap();
    let mut server = ServerConnection::new(Arc::new(server)).unwrap();
    while client.is_handshaking() || server.is_handshaking() {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        client.write_tls(&mut up).unwrap();
        feed(&up, |wire| server.read_tls(wire));
        server.process_new_packets().unwrap();
        server.write_tls(&mut down).unwrap();
        feed(&down, |wire| client.read_tls(wire));
        client.process_new_packets().unwrap();
    }
    (client, server)
}

fn feed(mut wire: &[u8], mut read: impl FnMut(&mut dyn Read) -> io::Result<usize>) {
    while !wire.is_empty() {
        read(&mut wire).unwrap();
    }
}

/// A client's end of TLS over a blocking stream.
pub(crate) type TlsClient<S> = rustls::StreamOwned<ClientConnection, S>;

/// Writes everything into a non-blocking stream that takes it, and tells how much that was.
pub(crate) fn fill(io: &mut impl Write, bytes: &[u8]) -> usize {
    let mut len = 0;
    while len < bytes.len() {
        match io.write(&bytes[len..]) {
            Ok(more) => len += more,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) => panic!("{error}"),
        }
    }
    len
}
