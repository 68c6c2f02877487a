use super::Wire;
use super::udp::Udp;
use dimpl::{Config, DtlsCertificate, Output};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a packet or a message needs at most.
const OUTPUT_LEN_MAX: usize = 65_535;

/// A DTLS connection. The server's certificate is not checked: test servers sign their own.
pub(super) struct Dtls {
    udp: Udp,
    connection: dimpl::Dtls,
    received: VecDeque<Vec<u8>>,
    due: Instant,
    is_connected: bool,
    is_closed: bool,
}

impl Dtls {
    pub(super) fn connect(server: SocketAddr, patience: Duration) -> io::Result<Self> {
        let udp = Udp::connect(server)?;
        let now = Instant::now();
        let mut client = dimpl::Dtls::new_12(Arc::new(Config::default()), certificate()?, now);
        client.set_active(true);
        let mut dtls = Self {
            udp,
            connection: client,
            received: VecDeque::new(),
            due: now,
            is_connected: false,
            is_closed: false,
        };
        let end = now + patience;
        while !dtls.is_connected {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || dtls.is_closed {
                return Err(io::Error::new(io::ErrorKind::TimedOut, "the DTLS handshake does not end"));
            }
            dtls.turn(left)?;
        }
        Ok(dtls)
    }

    /// Sends what is to be sent, and takes one datagram or the passing of time.
    fn turn(&mut self, wait: Duration) -> io::Result<()> {
        self.connection.handle_timeout(Instant::now()).map_err(io::Error::other)?;
        self.drain()?;
        let wait = wait.min(self.due.saturating_duration_since(Instant::now())).max(Duration::from_millis(1));
        if self.received.is_empty()
            && let Some(datagram) = self.udp.receive(wait)?
        {
            self.connection.handle_packet(&datagram).map_err(io::Error::other)?;
            self.drain()?;
        }
        Ok(())
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "certificates, keys and what is to come have no meaning here"
    )]
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; OUTPUT_LEN_MAX];
        loop {
            match self.connection.poll_output(&mut buffer) {
                Output::Packet(packet) => self.udp.send(packet)?,
                Output::Connected => self.is_connected = true,
                Output::ApplicationData(data) => self.received.push_back(data.to_vec()),
                Output::CloseNotify => self.is_closed = true,
                Output::Timeout(due) => {
                    self.due = due;
                    return Ok(());
                }
                _ => {}
            }
        }
    }
}

impl Wire for Dtls {
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.connection.handle_timeout(Instant::now()).map_err(io::Error::other)?;
        self.connection.send_application_data(bytes).map_err(io::Error::other)?;
        self.drain()
    }

    fn receive(&mut self, wait: Duration) -> io::Result<Option<Vec<u8>>> {
        let end = Instant::now() + wait;
        loop {
            if let Some(message) = self.received.pop_front() {
                return Ok(Some(message));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() || self.is_closed {
                return Ok(None);
            }
            self.turn(left)?;
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.udp.local_addr()
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }
}

impl Drop for Dtls {
    /// A courtesy that saves the server waiting for more.
    fn drop(&mut self) {
        if self.connection.close().is_ok() {
            let _ = self.drain();
        }
    }
}

fn certificate() -> io::Result<DtlsCertificate> {
    let signed =
        rcgen::generate_simple_self_signed(["turn-check.invalid".to_owned()]).map_err(io::Error::other)?;
    Ok(DtlsCertificate {
        certificate: signed.cert.der().to_vec(),
        private_key: signed.signing_key.serialize_der(),
    })
}
