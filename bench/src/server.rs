//! The server that is measured: a process of its own, and what the kernel says about it.

use crate::process::kibibytes;
use anyhow::{Context, Result, bail};
use rustix::param::clock_ticks_per_second;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Longest the server may take to start.
const START_MAX: Duration = Duration::from_secs(20);

/// A running server. It ends when this is dropped.
pub(crate) struct Moim {
    child: Child,
    data_dir: TempDir,
    address: SocketAddr,
}

/// What a process has used up to an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Memory in use now, in bytes.
    pub(crate) rss: u64,
    /// Time on any core since its start, in seconds.
    pub(crate) cpu_seconds: f64,
}

impl Moim {
    /// Starts `binary` on a free port of the loopback interface.
    pub(crate) fn start(binary: &Path) -> Result<Self> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let data_dir = tempfile::tempdir()?;
        let child = Command::new(binary)
            .args(["--listen", "127.0.0.1", "--port", &port.to_string(), "--log-level", "warn", "--data-dir"])
            .arg(data_dir.path())
            // Every participant comes from this machine.
            .env("MOIM_LIMITS_SESSIONS_PER_ADDRESS_MAX", "20000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let mut moim = Self { child, data_dir, address };
        moim.wait_until_it_listens()?;
        Ok(moim)
    }

    fn wait_until_it_listens(&mut self) -> Result<()> {
        let begun = Instant::now();
        // It binds its port first and makes its certificate then.
        while TcpStream::connect(self.address).is_err() || !self.certificate().exists() {
            if let Some(status) = self.child.try_wait()? {
                bail!("the server ended at its start, with {status}");
            }
            if begun.elapsed() > START_MAX {
                bail!("the server did not listen within {} s", START_MAX.as_secs());
            }
            thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate that it made for itself, as the only one to trust.
    pub(crate) fn roots(&self) -> Result<RootCertStore> {
        let path = self.certificate();
        let certificate = CertificateDer::from_pem_file(&path)
            .with_context(|| format!("cannot read the certificate in {}", path.display()))?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        Ok(roots)
    }

    fn certificate(&self) -> PathBuf {
        self.data_dir.path().join("self-signed.pem")
    }

    /// What it has used by now.
    pub(crate) fn usage(&self) -> Result<Usage> {
        let process = format!("/proc/{}", self.child.id());
        let status = fs::read_to_string(format!("{process}/status"))?;
        let stat = fs::read_to_string(format!("{process}/stat"))?;
        Ok(Usage {
            rss: kibibytes(&status, "VmRSS:").context("/proc/PID/status has no VmRSS")?,
            cpu_seconds: cpu_seconds(&stat, u32::try_from(clock_ticks_per_second())?)
                .context("/proc/PID/stat has no times")?,
        })
    }
}

impl Drop for Moim {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to do.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `utime` and `stime` of proc_pid_stat(5), fields 14 and 15. The name before them may hold spaces and brackets.
fn cpu_seconds(stat: &str, ticks_per_second: u32) -> Option<f64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut times = after_name.split_whitespace().skip(11).map(str::parse::<f64>);
    let ticks = times.next()?.ok()? + times.next()?.ok()?;
    Some(ticks / f64::from(ticks_per_second))
}

#[cfg(test)]
mod tests {
    use super::cpu_seconds;

    #[test]
    fn times_are_read_past_any_name() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 250 50 0 0 20 0 3 0 100 1 1";
        assert_eq!(cpu_seconds(stat, 100), Some(3.0));
        assert_eq!(cpu_seconds("7 (moim", 100), None);
    }
}
