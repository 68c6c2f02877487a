//! A partner of str0m: sends and receives audio, video and messages with whoever is at the other end of standard input and output.
//!
//! `moim-interop offer|answer ADDRESS`
//!
//! See `README.md` for what the lines say. str0m does not decode: its frames count when they are complete.

mod partner;
mod source;

use anyhow::{Context, Result, bail};
use partner::{Partner, Role};
use std::env;
use std::net::IpAddr;

fn main() -> Result<()> {
    let mut words = env::args().skip(1);
    let role = match words.next().as_deref() {
        Some("offer") => Role::Offer,
        Some("answer") => Role::Answer,
        _ => bail!("usage: moim-interop offer|answer ADDRESS"),
    };
    let address: IpAddr = words.next().context("the address to be reached at is missing")?.parse()?;
    str0m::crypto::from_feature_flags().install_process_default();
    Partner::new(role, address)?.run()
}
