//! `moim ping`: how far a server can be reached, step by step.

use crate::terminal::{escaped, plain};
use anyhow::Context as _;
use clap::Args;
use moim_native::{RoomUrl, ServerUrl, Step, StepOutcome, Trust, probe};
use serde_json::{Value, json};
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

/// How the command ended, for scripts.
const EXIT_CODES: &str = "Exit codes:
  0  every step that was tried works
  1  a step failed, or a certificate file cannot be used
  2  the command line cannot be read";

/// Which server, and whom to trust.
#[derive(Args, Debug)]
#[command(after_help = EXIT_CODES)]
pub struct PingArguments {
    /// The server's address, https://HOST[:PORT], or an invitation to a room on it
    #[arg(value_name = "URL")]
    url: String,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// Take any certificate of the server
    #[arg(long, conflicts_with = "ca")]
    insecure: bool,
    /// Take certificates that one in this PEM file vouches for
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

/// Tries every step. The exit code is 1 if one failed.
pub(crate) fn run(arguments: &PingArguments) -> anyhow::Result<ExitCode> {
    let server: ServerUrl = arguments.url.parse()?;
    // A server alone will do.
    let room = arguments.url.parse::<RoomUrl>().ok();
    let trust = match (&arguments.ca, arguments.insecure) {
        (Some(file), _) => Trust::Authority(file.clone()),
        (None, true) => Trust::Anybody,
        (None, false) => Trust::System,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start what the steps are tried by")?;
    let tell = |step: &Step| {
        if !arguments.json {
            // What cannot be told now is told by the exit code.
            let _ = writeln!(io::stdout(), "{}", plain(&line(step)));
        }
    };
    let steps = runtime.block_on(probe(&server, room.as_ref(), &trust, tell))?;
    if arguments.json {
        let steps: Vec<_> = steps.iter().map(to_json).collect();
        let all = json!({ "server": server.to_string(), "steps": steps });
        writeln!(io::stdout(), "{}", escaped(&format!("{all:#}")))?;
    }
    let has_failed = steps.iter().any(|step| step.outcome == StepOutcome::Failed);
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(step: &Step) -> String {
    let Step { name, outcome, time, detail } = step;
    let time = match outcome {
        StepOutcome::Skipped => String::new(),
        StepOutcome::Passed | StepOutcome::Failed => format!("{:.1} ms", time.as_secs_f64() * 1_000.0),
    };
    format!("{:<10} {:<8} {time:>10}  {detail}", name.as_str(), outcome.as_str())
}

fn to_json(step: &Step) -> Value {
    let Step { name, outcome, time, detail } = step;
    json!({ "step": name.as_str(), "outcome": outcome.as_str(), "ms": time.as_secs_f64() * 1_000.0, "detail": detail })
}

#[cfg(test)]
mod tests {
    use super::{Step, StepOutcome, line, to_json};
    use moim_native::StepName;
    use std::time::Duration;

    #[test]
    fn a_step_is_a_line_or_an_object() {
        let time = Duration::from_micros(12_345);
        let detail = "192.0.2.1:443".to_owned();
        let step = Step { name: StepName::Tcp, outcome: StepOutcome::Passed, time, detail };

        assert_eq!(line(&step), "tcp        passed      12.3 ms  192.0.2.1:443");
        assert_eq!(to_json(&step)["ms"], 12.345);
        let skipped = Step { outcome: StepOutcome::Skipped, ..step };
        assert_eq!(line(&skipped), "tcp        skipped              192.0.2.1:443");
    }
}
