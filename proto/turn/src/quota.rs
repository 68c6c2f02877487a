//! How many allocations a user, a client's address and everybody together may have, and how many bytes a second they may
//! relay.
//!
//! The counts are kept in one [`Ledger`] for all shards, which is asked when an allocation is made or freed. Bandwidth is
//! bounded by [`Meter`]s: one atomic number each, so that shards share them without waiting for each other.

mod ledger;
mod meter;

pub use ledger::{Lease, Ledger, Limits, QuotaReached};
pub use meter::{Bandwidth, Meter};
