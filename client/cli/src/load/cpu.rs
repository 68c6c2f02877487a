//! What processes and threads have computed, as the system counts it.

use std::time::Duration;

/// Ticks a second of what `/proc` tells of time: `USER_HZ`, which is part of Linux's interface to programs.
const TICKS: u64 = 100;

/// The time that a process has computed so far, all of its threads together. [`None`]: there is no such process.
pub(super) fn of_process(pid: u32) -> Option<Duration> {
    read(&format!("/proc/{pid}/stat"))
}

/// The time that this thread has computed so far.
pub(super) fn of_this_thread() -> Option<Duration> {
    read("/proc/thread-self/stat")
}

fn read(path: &str) -> Option<Duration> {
    parse(&std::fs::read_to_string(path).ok()?)
}

/// Reads user and system time off a line as proc(5) describes it. The name of the program may have spaces and brackets of its own.
fn parse(stat: &str) -> Option<Duration> {
    /// `utime` and `stime` are the 14th and 15th field, and the name is the second.
    const USER: usize = 14 - 3;
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_ascii_whitespace().skip(USER);
    let mut ticks = || times.next()?.parse::<u64>().ok();
    let ticks = ticks()? + ticks()?;
    Some(Duration::from_millis(ticks * 1_000 / TICKS))
}

#[cfg(test)]
mod tests {
    use super::{of_process, of_this_thread, parse};
    use std::time::Duration;

    #[test]
    fn the_time_of_a_process_is_read_whatever_it_is_called() {
        let stat = "12 (a) b (c) S 1 12 12 0 -1 4194560 100 0 0 0 250 50 0 0 20 0 5 0 100 1000 10";

        assert_eq!(parse(stat), Some(Duration::from_secs(3)));
        assert_eq!(parse("12 (a) S 1"), None);
        assert!(of_process(std::process::id()).is_some() && of_this_thread().is_some());
        assert_eq!(of_process(u32::MAX), None);
    }
}
