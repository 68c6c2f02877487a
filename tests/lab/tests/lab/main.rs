//! Labs are what they say they are: measured by small packets between their hosts.

#![expect(clippy::unwrap_used, reason = "a failure of the helpers is a failure of the test")]

mod changes;
mod command;
mod firewalls;
mod links;
mod nats;
mod probe;
