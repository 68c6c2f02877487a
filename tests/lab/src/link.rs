//! What is done to connect a node to its router, as words for `ip`, `nft` and `tc`.

use crate::address::{PREFIX_V4, PREFIX_V6};
use crate::layout::{Layout, Node, Uplink};
use crate::registry::RunId;
use crate::system;
use crate::topology::{INTERNET, Impairment};
use anyhow::Result;

/// How long packets wait for a link that is busy, unless said otherwise.
const QUEUE_MS_USUAL: u16 = 100;
/// The least that a link may send at once: a packet of the largest size a veth pair carries without offloads.
const BURST_BYTES_MIN: u32 = 16 * 1024;

/// Lays the cable between a node and its router, with addresses on both ends and a default route.
pub(crate) fn lay(run: &RunId, layout: &Layout, node: Node<'_>) -> Result<()> {
    let (near, far) = (node.interface(), node.router_interface());
    let router = run.namespace(node.parent());
    let namespace = run.namespace(node.name());
    let mut lines = vec![format!("link add {far} type veth peer name {near} netns {namespace}")];
    if node.parent() == INTERNET {
        let pair = layout.network(node)?.router();
        lines.push(format!("address add {}/{PREFIX_V4} dev {far}", pair.ipv4));
        lines.push(format!("address add {}/{PREFIX_V6} dev {far} nodad", pair.ipv6));
    } else {
        lines.push(format!("link set {far} master lan"));
    }
    lines.push(format!("link set {far} up"));
    system::ip(&router, &lines)?;
    let mut lines = vec![format!("link set {near} up")];
    lines.extend(addressing(near, &layout.uplink(node)?));
    system::ip(&namespace, &lines)?;
    impair(run, node)
}

/// Takes the cable away.
pub(crate) fn cut(run: &RunId, node: Node<'_>) -> Result<()> {
    system::ip(&run.namespace(node.name()), &[format!("link delete {}", node.interface())])
}

/// Gives a node its present addresses in place of those it had.
pub(crate) fn readdress(run: &RunId, layout: &Layout, node: Node<'_>) -> Result<()> {
    let interface = node.interface();
    let mut lines = vec![format!("address flush dev {interface} scope global")];
    lines.extend(addressing(interface, &layout.uplink(node)?));
    system::ip(&run.namespace(node.name()), &lines)
}

/// Makes the link of a node lose and hold back as much as it should.
pub(crate) fn impair(run: &RunId, node: Node<'_>) -> Result<()> {
    let near = (run.namespace(node.name()), node.interface().to_owned());
    let far = (run.namespace(node.parent()), node.router_interface());
    for (namespace, interface) in [near, far] {
        system::nft(&namespace, &loss(&interface, node.link()))?;
        throttle(&namespace, &interface, node.link())?;
    }
    Ok(())
}

fn addressing(interface: &str, uplink: &Uplink) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(attachment) = &uplink.ipv4 {
        for address in &attachment.addresses {
            lines.push(format!("address add {address}/{PREFIX_V4} dev {interface}"));
        }
        lines.push(format!("route replace default via {} dev {interface}", attachment.router));
    }
    if let Some(attachment) = &uplink.ipv6 {
        for address in &attachment.addresses {
            lines.push(format!("address add {address}/{PREFIX_V6} dev {interface} nodad"));
        }
        lines.push(format!("route replace ::/0 via {} dev {interface}", attachment.router));
    }
    lines
}

/// Packets are lost where they arrive: a sender that is told of the loss would not be a test of anything.
fn loss(interface: &str, link: Impairment) -> String {
    let table = format!("netdev loss-{interface}");
    let forget = format!("table {table}\ndelete table {table}\n");
    let chance = match link.loss_per_mille {
        0 => return forget,
        1..1000 => format!("numgen random mod 1000 < {}", link.loss_per_mille),
        // The comparison above would hold for all numbers, which nft refuses.
        _ => String::new(),
    };
    format!(
        "{forget}table {table} {{
  chain arrive {{
    type filter hook ingress device \"{interface}\" priority filter;
    {chance} drop
  }}
}}
"
    )
}

fn throttle(namespace: &str, interface: &str, link: Impairment) -> Result<()> {
    let on = ["-n", namespace, "qdisc"];
    let Some(rate_kbps) = link.rate_kbps else {
        // What is not there cannot be deleted; replacing it first makes sure that it is.
        let replace = ["replace", "dev", interface, "root", "pfifo"];
        system::run("tc", &[&on[..], &replace].concat())?;
        return system::run("tc", &[&on[..], &["delete", "dev", interface, "root"]].concat());
    };
    // A hundredth of a second's worth, as the kernel refills it by the tick of its clock.
    let burst = (rate_kbps.saturating_mul(10) / 8).max(BURST_BYTES_MIN);
    let (rate, burst) = (format!("{rate_kbps}kbit"), burst.to_string());
    let latency = format!("{}ms", link.queue_ms.unwrap_or(QUEUE_MS_USUAL));
    let limit = ["tbf", "rate", &rate, "burst", &burst, "latency", &latency];
    system::run("tc", &[&on[..], &["replace", "dev", interface, "root"], &limit].concat())
}
