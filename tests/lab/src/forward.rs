//! A way to a program that listens on a host's own loopback, from outside of the lab.

use crate::host;
use anyhow::{Context as _, Result};
use std::io;
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

/// Passes connections to 127.0.0.1 at `port` on to the same address and port in a namespace, for as long as the
/// process runs. A connection is refused while nobody listens in there.
///
/// Calls `ready` once connections are taken.
pub fn forward(namespace: &str, port: u16, ready: impl FnOnce()) -> Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .with_context(|| format!("cannot listen on port {port} of the loopback"))?;
    ready();
    for near in listener.incoming() {
        let near = near.context("cannot take connections any more")?;
        let reached = host::enter(namespace, || TcpStream::connect((Ipv4Addr::LOCALHOST, port)))?;
        // Dropping the near end is how its other side learns that there is nobody.
        let Ok(far) = reached else { continue };
        join(near, far).context("cannot start a thread")?;
    }
    Ok(())
}

fn join(near: TcpStream, far: TcpStream) -> io::Result<()> {
    for (mut from, mut to) in [(near.try_clone()?, far.try_clone()?), (far, near)] {
        thread::Builder::new().spawn(move || {
            // Either end may break off at any time; the other is told so in both cases.
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        })?;
    }
    Ok(())
}
