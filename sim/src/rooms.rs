//! Rooms of a forwarder: publishers that behave as encoders do or worse, subscribers that want something else every moment, and a model of what each of
//! them may get, held against every packet that leaves.
//!
//! There are no connections here: what is between a publisher and the server loses, delays, repeats and reorders packets, and what is behind the server
//! looks at numbers as a receiver would. The [`moim_sfu::Forwarder`] is the one that runs in production.
//!
//! What is checked:
//! - Nobody gets what they do not watch, or what is muted; sound reaches everybody who watches it, however little their network carries.
//! - Of each slot: no number twice; gaps as long as what was lost on the way in; times that go on; numbers of pictures and frames that go on as their
//!   format has it; frames that are whole, and whose references are there; a key frame where something else begins; the mark of the last packet.
//! - A payload is the same bytes whenever it is fetched.
//! - What is told fits what is sent; key frames are not asked for too often; time is asked for again and again only where it has to be.
//! - In worlds where publishers heed nobody: what one subscriber's network carries changes nothing for others.

mod archive;
mod codec;
mod descriptor;
mod draw;
mod plan;
mod publisher;
mod receiver;
mod room;
mod settle;
mod shrink;
mod stream;
mod subscriber;
mod tellings;

pub use codec::Codec;
pub use plan::{Manners, Plan, PublisherPlan, Reports, Step, Way, What};
pub use room::{Outcome, run};
pub use shrink::shrink;

use crate::random::Seed;
use std::fmt;
use std::time::Duration;

/// Something was not as it has to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which rule is broken.
    pub rule: &'static str,
    /// How.
    pub why: String,
}

/// The world in which it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The seed of the world.
    pub seed: Seed,
    /// When it was seen.
    pub at: Duration,
    /// What it is.
    pub broken: Broken,
    /// What happened until then, as planned.
    pub plan: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, at, broken, plan } = self;
        writeln!(f, "{plan}")?;
        writeln!(f, "at {:.3} s: {}: {}", at.as_secs_f64(), broken.rule, broken.why)?;
        write!(f, "replay: SIM_SEED={} cargo run -p moim-sim -- --kind rooms", seed.0)
    }
}

impl std::error::Error for Failure {}

/// Says that a rule is broken unless it holds.
fn must(holds: bool, rule: &'static str, why: impl FnOnce() -> String) -> Result<(), Broken> {
    if holds { Ok(()) } else { Err(Broken { rule, why: why() }) }
}
