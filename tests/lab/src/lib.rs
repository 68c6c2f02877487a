//! Networks with real NATs, made of network namespaces.
//!
//! A [`Topology`] says in data which hosts there are, behind which gateways, with which NAT, firewall, loss and
//! bandwidth. [`Lab::up`] makes it: one namespace per host and gateway, veth pairs between them, the kernel's own NAT
//! (nftables) in the gateways, and a router named `internet` in the middle. Nothing leads out of it.
//!
//! ```no_run
//! use moim_lab::{Lab, Nat, Topology};
//!
//! # fn main() -> anyhow::Result<()> {
//! let topology = Topology::new().host("server").gateway("home", Nat::PortRestricted).host_behind("anna", "home");
//! let lab = Lab::up(topology)?;
//! let status = lab.host("anna")?.command("ping").args(["-c1", "server.test"]).status()?;
//! assert!(status.success());
//! # Ok(())
//! # }
//! ```
//!
//! It needs root, and the programs `ip`, `nft`, `tc` and `conntrack`. What a lab made is taken down when it is dropped; what a
//! killed process left behind, by the next lab that is made.

mod address;
mod change;
mod description;
mod forward;
mod host;
mod lab;
mod layout;
mod link;
mod names;
mod registry;
mod rules;
mod system;
mod topology;

pub use change::Change;
pub use description::{Description, NodeDescription};
pub use forward::forward;
pub use host::Host;
pub use lab::Lab;
pub use registry::RunId;
pub use system::lacking;
pub use topology::{Families, Filtering, Firewall, Gateway, HostSpec, Impairment, Mapping, Nat, Topology};
