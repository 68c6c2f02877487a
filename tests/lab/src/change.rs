//! What can happen to a network while it is in use.

use crate::topology::{Firewall, Impairment, Nat};
use serde::{Deserialize, Serialize};

/// Something that happens to a lab.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Change {
    /// A node gets other addresses: a host in its network, a gateway towards the internet. The old ones are gone.
    Address {
        /// The host or gateway.
        of: String,
    },
    /// A host leaves its network for another one, as from the wireless network at home to the mobile one.
    Move {
        /// The host.
        host: String,
        /// The gateway that it will be behind; none: attached to the internet.
        behind: Option<String>,
    },
    /// A gateway translates otherwise, and has forgotten all mappings.
    Nat {
        /// The gateway.
        gateway: String,
        /// What it does from now on. `none` can become another, and another `none`, only by making a new lab.
        nat: Nat,
    },
    /// A gateway lets out other packets, those of old flows included.
    Firewall {
        /// The gateway.
        gateway: String,
        /// What it lets out from now on.
        firewall: Firewall,
    },
    /// A gateway forgets all mappings and flows, as when it restarts.
    Forget {
        /// The gateway.
        gateway: String,
    },
    /// The link of a node becomes worse or better.
    Link {
        /// The host or gateway.
        of: String,
        /// What it does to packets from now on.
        link: Impairment,
    },
}
