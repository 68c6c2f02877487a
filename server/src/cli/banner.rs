//! What a person who starts moim by hand gets to read.

use moim_server::Server;
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _, Write as _};
use std::net::IpAddr;

/// More addresses than this help nobody to choose.
const ADDRESSES_MAX: usize = 6;
/// Cameras look for dark on light, whatever the terminal's own colours are.
const BLACK_ON_WHITE: &str = "\x1b[30;107m";
const PLAIN: &str = "\x1b[0m";

/// Says where the server is, and what to know about it.
pub(crate) fn print(server: &Server, is_open: bool) -> io::Result<()> {
    let reachable = reachable(server);
    let mut out = io::stdout().lock();
    out.write_all(text(server, is_open, &reachable, out.is_terminal()).as_bytes())?;
    out.flush()
}

fn text(server: &Server, is_open: bool, reachable: &[String], is_terminal: bool) -> String {
    let mut text = format!("moim {}\n\n", moim_server::VERSION);
    for (index, address) in reachable.iter().enumerate() {
        let label = if index == 0 { "Open" } else { "" };
        let _ = writeln!(text, "  {label:5} {address}");
    }
    text.push('\n');
    // The first one is this machine; a telephone needs another.
    if let Some(code) = reachable.get(1).filter(|_| is_terminal).and_then(|address| QrCode::new(address).ok())
    {
        for line in code.render::<Dense1x2>().quiet_zone(true).build().lines() {
            let _ = writeln!(text, "  {BLACK_ON_WHITE}{line}{PLAIN}");
        }
        text.push('\n');
    }
    if server.is_self_signed() {
        text.push_str(
            "  The certificate is self-signed: the browser will warn that the connection is not private. On your own\n  \
             network choose \"Advanced\", then \"Proceed\" (Firefox: \"Accept the Risk\"). For others, give moim a certificate\n  \
             of your own: tls.certificate and tls.key.\n\n",
        );
    }
    if is_open {
        text.push_str(
            "  Open mode: whoever can reach this server and knows a room's name can enter it, without a password. To let\n  \
             in only people with a token, configure auth.keys.\n\n",
        );
    }
    text.push_str("  moim sample-config shows every option. Stop with Ctrl-C.\n\n");
    text
}

/// The addresses to open, the one for this machine first.
fn reachable(server: &Server) -> Vec<String> {
    let bound: Vec<_> = server.local_addrs().collect();
    let port = server.local_addr().port();
    let is_bound = |ip: IpAddr| {
        bound.iter().any(|address| {
            address.ip() == ip || (address.ip().is_unspecified() && address.is_ipv4() == ip.is_ipv4())
        })
    };
    let mut seen = BTreeSet::new();
    let others = moim_net::local_addresses()
        .unwrap_or_default()
        .into_iter()
        .filter(|address| !address.is_loopback() && !address.is_link_local())
        .map(|address| address.ip)
        .filter(|&ip| is_bound(ip) && seen.insert(ip))
        .take(ADDRESSES_MAX)
        .map(|ip| url(&host(ip), port));
    let local = bound
        .iter()
        .any(|address| address.ip().is_loopback() || address.ip().is_unspecified())
        .then(|| url("localhost", port));
    local.into_iter().chain(others).collect()
}

fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn url(host: &str, port: u16) -> String {
    if port == 443 { format!("https://{host}") } else { format!("https://{host}:{port}") }
}
