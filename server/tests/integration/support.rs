//! A server on a free port, and clients for it.

mod http;
mod signalling;
mod turn;

pub(crate) use http::{Answer, Connection};
pub(crate) use signalling::{Client, Kind, Link};
pub(crate) use turn::TurnClient;

use moim_server::{Config, Overrides, Server, ServerError, Shutdown, counters::Counters};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Long enough for anything on one machine, however busy. Nothing waits that long unless it has failed.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// How long a server waits for strangers whose end a test waits for: no longer than need be, and long enough for those who
/// do say something, on a machine that is busy.
pub(crate) const PATIENCE_WITH_STRANGERS: &str = "5s";

/// A secret for tokens.
pub(crate) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// A running server.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) counters: Arc<Counters>,
    pub(crate) shutdown: Shutdown,
    /// The management socket, if the configuration has one.
    pub(crate) management: Option<SocketAddr>,
    task: JoinHandle<Result<(), ServerError>>,
    tls: Arc<ClientConfig>,
    folder: TempDir,
}

impl TestServer {
    /// A server with the default configuration.
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// A server with a configuration file of this content.
    pub(crate) fn with(toml: &str) -> Self {
        Self::on(IpAddr::V4(Ipv4Addr::LOCALHOST), toml)
    }

    /// A server on another loopback address.
    pub(crate) fn on(ip: IpAddr, toml: &str) -> Self {
        Self::launch(ip, toml, None)
    }

    /// A server whose certificate is to be vouched for by `root`.
    pub(crate) fn trusted_by(root: CertificateDer<'static>, toml: &str) -> Self {
        Self::launch(IpAddr::V4(Ipv4Addr::LOCALHOST), toml, Some(root))
    }

    fn launch(ip: IpAddr, toml: &str, root: Option<CertificateDer<'static>>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("moim.toml");
        std::fs::write(&file, toml).unwrap();
        let overrides = Overrides {
            port: Some(0),
            addresses: vec![ip],
            data_dir: Some(folder.path().to_owned()),
            ..Overrides::default()
        };
        let config = Config::load(Some(&file), overrides).unwrap();
        let server = Server::bind(config).unwrap();
        let root = root
            .unwrap_or_else(|| CertificateDer::from_pem_file(folder.path().join("self-signed.pem")).unwrap());
        let shutdown = Shutdown::new();
        Self {
            address: server.local_addr(),
            counters: server.counters(),
            management: server.management_addr(),
            shutdown: shutdown.clone(),
            tls: trusting(root),
            task: tokio::spawn(server.run(shutdown)),
            folder,
        }
    }

    /// The configuration file.
    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("moim.toml")
    }

    /// Puts another content into the configuration file.
    pub(crate) fn write_config(&self, toml: &str) {
        std::fs::write(self.config_file(), toml).unwrap();
    }

    /// `host:port`, as a browser would name it.
    pub(crate) fn host(&self) -> String {
        self.address.to_string()
    }

    /// A TLS connection that agrees on the first of `protocols` that the server speaks.
    pub(crate) async fn connect(&self, protocols: &[&str]) -> TlsStream<TcpStream> {
        let mut config = ClientConfig::clone(&self.tls);
        config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::from(self.address.ip());
        within(TlsConnector::from(Arc::new(config)).connect(name, stream)).await.unwrap()
    }

    /// A connection for requests by HTTP/1.1.
    pub(crate) async fn http(&self) -> Connection {
        Connection::http1(self.connect(&["http/1.1"]).await, self.host()).await
    }

    /// A signalling client that has said hello and was welcomed.
    pub(crate) async fn client(&self, kind: Kind) -> Client {
        Client::open(self, kind, serde_json::json!({ "type": "hello", "version": 1 })).await
    }

    /// Waits for the server to end by itself.
    pub(crate) async fn ended(self) -> Result<(), ServerError> {
        within(self.task).await.unwrap()
    }
}

/// Fails if `future` takes longer than anything should.
pub(crate) async fn within<F: Future>(future: F) -> F::Output {
    timeout(PATIENCE, future).await.expect("this takes far too long")
}

fn trusting(root: CertificateDer<'static>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    Arc::new(config)
}
