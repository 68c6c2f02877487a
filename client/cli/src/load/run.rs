//! A run, from the first who joins to the report.

use super::LoadArguments;
use super::cpu;
use super::participant::{Fleet, Happened, seats, take_part};
use super::report::{Joins, Report, Second};
use super::worker::{Command, Counted, Progress};
use anyhow::Context as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Interval, MissedTickBehavior, interval, sleep_until};

/// What becomes of participants that may wait to be heard.
const HAPPENED_MAX: usize = 1_024;
/// How long joining may take, beyond the time over which it is spread; and then, until something has come to everybody.
const JOIN_TIME_MAX: Duration = Duration::from_secs(60);
/// How long the workers may take to say what they have counted.
const COUNT_TIME_MAX: Duration = Duration::from_secs(10);

/// A run that is going on.
struct Run<'a> {
    arguments: &'a LoadArguments,
    fleet: Arc<Fleet>,
    progress: Arc<Progress>,
    happened: mpsc::Receiver<Happened>,
    joins: Joins,
    ticks: Interval,
    interrupt: Signal,
    last: Second,
    begin: Instant,
}

/// Whether to go on, or to end early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    On,
    Interrupted,
}

/// Has everybody join, counts, and has everybody leave.
pub(super) async fn hold(
    arguments: &LoadArguments,
    fleet: Fleet,
    progress: Arc<Progress>,
) -> anyhow::Result<Report> {
    let seats = seats(arguments.rooms, arguments.publishers, arguments.subscribers);
    let count = seats.len();
    let (tell, happened) = mpsc::channel(HAPPENED_MAX);
    let (stop, stopped) = watch::channel(false);
    let fleet = Arc::new(fleet);
    let mut participants = JoinSet::new();
    let apart = arguments.ramp / u32::try_from(count.max(1)).context("there are too many participants")?;
    for (after, seat) in (0..).map(|number| apart * number).zip(seats) {
        participants.spawn(take_part(Arc::clone(&fleet), seat, after, tell.clone(), stopped.clone()));
    }
    drop(tell);
    let mut ticks = interval(Duration::from_secs(1));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut run = Run {
        arguments,
        fleet,
        progress,
        happened,
        joins: Joins::new(count, arguments.watching()),
        ticks,
        interrupt: signal(SignalKind::interrupt()).context("cannot hear of Ctrl-C")?,
        last: Second::default(),
        begin: Instant::now(),
    };
    let counted = run.go().await?;
    stop.send_replace(true);
    // What is said now is not heard any more, and must not be waited for.
    run.happened.close();
    while participants.join_next().await.is_some() {}
    let Run { fleet, joins, .. } = run;
    let fleet = Arc::into_inner(fleet).context("a participant has not left")?;
    for worker in fleet.workers {
        worker.stop().context("a thread of connections has failed")?;
    }
    let Measured { counted, elapsed, server_cpu } = counted;
    Ok(Report::new(arguments, joins, counted, elapsed, server_cpu))
}

/// What was measured.
#[derive(Default)]
struct Measured {
    counted: Counted,
    elapsed: Duration,
    server_cpu: Option<Duration>,
}

impl Run<'_> {
    async fn go(&mut self) -> anyhow::Result<Measured> {
        let join_end = self.begin + self.arguments.ramp + JOIN_TIME_MAX;
        if self.follow(join_end, Joins::all_have_joined).await? == Next::Interrupted {
            return Ok(Measured::default());
        }
        let receive_end = Instant::now() + JOIN_TIME_MAX;
        if self.follow(receive_end, Joins::all_have_received).await? == Next::Interrupted {
            return Ok(Measured::default());
        }
        let settled = Instant::now() + self.arguments.settle;
        if self.follow(settled, |_| false).await? == Next::Interrupted {
            return Ok(Measured::default());
        }
        for worker in &self.fleet.workers {
            worker.tell(Command::Begin).await;
        }
        let (begin, cpu_before) = (Instant::now(), self.server_cpu());
        self.follow(begin + self.arguments.duration, |_| false).await?;
        let (elapsed, cpu_after) = (begin.elapsed(), self.server_cpu());
        let counted = self.count().await?;
        Ok(Measured {
            counted,
            elapsed,
            server_cpu: cpu_before.zip(cpu_after).map(|(before, after)| after.saturating_sub(before)),
        })
    }

    /// Follows what happens until `end`, or until it is so far.
    async fn follow(&mut self, end: Instant, is_so_far: impl Fn(&Joins) -> bool) -> anyhow::Result<Next> {
        while !is_so_far(&self.joins) {
            tokio::select! {
                Some(happened) = self.happened.recv() => self.joins.note(happened),
                _ = self.ticks.tick() => self.show()?,
                _ = self.interrupt.recv() => return Ok(Next::Interrupted),
                () = sleep_until(end.into()) => break,
            }
        }
        Ok(Next::On)
    }

    async fn count(&self) -> anyhow::Result<Counted> {
        let mut all = Counted::default();
        for worker in &self.fleet.workers {
            let (answer, counted) = oneshot::channel();
            worker.tell(Command::End(answer)).await;
            let counted = tokio::time::timeout(COUNT_TIME_MAX, counted).await;
            all.add(&counted.context("a thread of connections does not answer")?.context("it has failed")?);
        }
        Ok(all)
    }

    fn server_cpu(&self) -> Option<Duration> {
        self.arguments.server_pid.and_then(cpu::of_process)
    }

    /// A line of how it is now.
    fn show(&mut self) -> anyhow::Result<()> {
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let Progress { received, sent, bytes } = &*self.progress;
        let now = Second { received: load(received), sent: load(sent), bytes: load(bytes) };
        let line = now.line(self.last, self.begin.elapsed(), &self.joins);
        self.last = now;
        super::report::progress(&line)?;
        Ok(())
    }
}
