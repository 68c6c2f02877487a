//! A process that is measured: where it runs, and what the kernel says it has used.

use anyhow::{Context, Result};
use rustix::process::{Pid, getpriority_process, setpriority_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs;
use std::io;
use std::time::Instant;

/// How much more than others measured processes are worth to the scheduler, where we may say so.
const NICENESS: i32 = -10;

/// What a process, its kernel threads and the machine had used at an instant.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) at: Instant,
    /// CPU time of all threads of the process, in nanoseconds.
    pub(crate) cpu_ns: u64,
    /// Time that the core it is pinned to was not idle for, in nanoseconds.
    core_busy_ns: u64,
}

/// What of a core went where, between two samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spent {
    pub(crate) cpu_ns: u64,
    pub(crate) seconds: f64,
    /// The part of the core's time that others took, from 0 to 1.
    pub(crate) foreign: f64,
}

/// Reads what one process uses. It may have threads in the kernel that work for it.
#[derive(Clone, Debug)]
pub(crate) struct Meter {
    pid: u32,
    kernel_threads: Vec<u32>,
    cores: Vec<usize>,
}

impl Meter {
    /// Of `pid`, pinned to `cores`, with what `kernel_threads` do counted as its own work.
    pub(crate) fn new(pid: u32, cores: &[usize], kernel_threads: &[u32]) -> Self {
        Self { pid, kernel_threads: kernel_threads.to_vec(), cores: cores.to_vec() }
    }

    pub(crate) fn sample(&self) -> Result<Sample> {
        let mut cpu_ns = 0;
        for task in fs::read_dir(format!("/proc/{}/task", self.pid))? {
            // A thread may end between the listing and the reading.
            if let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) {
                cpu_ns += run_ns(&text).context("a schedstat has no number")?;
            }
        }
        for thread in &self.kernel_threads {
            cpu_ns += run_ns(&fs::read_to_string(format!("/proc/{thread}/schedstat"))?)
                .context("a schedstat has no number")?;
        }
        let stat = fs::read_to_string("/proc/stat")?;
        let ticks_per_second = rustix::param::clock_ticks_per_second();
        let busy: u64 = self.cores.iter().filter_map(|&core| busy_ticks(&stat, core)).sum();
        Ok(Sample { at: Instant::now(), cpu_ns, core_busy_ns: busy * (1_000_000_000 / ticks_per_second) })
    }

    /// Memory in use now, in bytes.
    pub(crate) fn rss(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid))?;
        kibibytes(&status, "VmRSS:").context("/proc/PID/status has no VmRSS")
    }
}

impl Sample {
    pub(crate) fn since(&self, earlier: &Self) -> Spent {
        let seconds = (self.at - earlier.at).as_secs_f64();
        let cpu_ns = self.cpu_ns - earlier.cpu_ns;
        let others_ns = (self.core_busy_ns - earlier.core_busy_ns).saturating_sub(cpu_ns);
        Spent { cpu_ns, seconds, foreign: float(others_ns) / 1e9 / seconds }
    }
}

/// Memory of the kernel in its slabs, in bytes: sockets, descriptors and their kind.
pub(crate) fn kernel_slab() -> Result<u64> {
    kibibytes(&fs::read_to_string("/proc/meminfo")?, "Slab:").context("/proc/meminfo has no Slab")
}

/// Pins this thread, and what it starts from now on, to `cores`.
pub(crate) fn pin(cores: &[usize]) -> io::Result<()> {
    Ok(sched_setaffinity(None, &set_of(cores))?)
}

/// Pins the thread `id` to `cores`, and lets it come first as those do that it works for.
pub(crate) fn pin_thread(id: u32, cores: &[usize]) -> io::Result<()> {
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    setpriority_process(Some(pid), NICENESS)?;
    Ok(sched_setaffinity(Some(pid), &set_of(cores))?)
}

fn set_of(cores: &[usize]) -> CpuSet {
    let mut set = CpuSet::new();
    for &core in cores {
        set.set(core);
    }
    set
}

/// The cores that this thread may run on.
pub(crate) fn cores() -> io::Result<Vec<usize>> {
    let set = sched_getaffinity(None)?;
    Ok((0..CpuSet::MAX_CPU).filter(|&core| set.is_set(core)).collect())
}

/// Makes this process, and what it starts from now on, come first. Without the right to it things stay as they are.
pub(crate) fn come_first() {
    if let Ok(niceness) = getpriority_process(None)
        && niceness > NICENESS
    {
        let _ = setpriority_process(None::<Pid>, NICENESS);
    }
}

/// The value of a line such as `VmRSS:    1234 kB`, in bytes.
pub(crate) fn kibibytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

/// For ratios and means, which need no more digits than an `f64` has.
#[expect(clippy::cast_precision_loss, reason = "counts and nanoseconds of a benchmark are far below 2^53")]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

/// The first field of a schedstat: time on a core, in nanoseconds.
fn run_ns(schedstat: &str) -> Option<u64> {
    schedstat.split_whitespace().next()?.parse().ok()
}

/// All but `idle` and `iowait` of proc_stat(5)'s line of a core, guests (which are in `user` already) aside.
fn busy_ticks(stat: &str, core: usize) -> Option<u64> {
    let name = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&name))?;
    let ticks: Vec<u64> = line.split_whitespace().take(8).filter_map(|field| field.parse().ok()).collect();
    Some(ticks.iter().sum::<u64>() - ticks.get(3)? - ticks.get(4)?)
}

#[cfg(test)]
mod tests {
    use super::{busy_ticks, kibibytes, run_ns};

    #[test]
    fn memory_is_read_from_the_status() {
        assert_eq!(kibibytes("Name:\tmoim\nVmRSS:\t    1234 kB\nThreads:\t3\n", "VmRSS:"), Some(1234 * 1024));
        assert_eq!(kibibytes("Name:\tmoim\n", "VmRSS:"), None);
    }

    #[test]
    fn time_on_a_core_is_the_first_number() {
        assert_eq!(run_ns("812345 33 7\n"), Some(812_345));
        assert_eq!(run_ns(""), None);
    }

    #[test]
    fn a_core_is_busy_when_it_is_not_idle() {
        let stat = "cpu  9 9 9 9 9 9 9 9 9 9\ncpu0 1 2 3 400 50 6 7 8 0 0\ncpu1 0 0 0 0 0 0 0 0 0 0\n";
        assert_eq!(busy_ticks(stat, 0), Some(27));
        assert_eq!(busy_ticks(stat, 2), None);
    }
}
