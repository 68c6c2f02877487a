//! Logs: `tracing` events, written to standard error.
//!
//! What identifies a person (an address, a name) goes through [`moim_wire::Privacy`] or [`moim_wire::Redacted`] at INFO and
//! above. Tokens and secrets are of types that cannot be printed.

mod lines;

use crate::config::{LogConfig, LogFormat};
use lines::Lines;
use std::io;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// What is logged: a level, or levels by part.
#[derive(Clone, Debug)]
pub struct LogFilter(String);

impl LogFilter {
    /// Reads a level (`info`) or a list of them by part (`info,moim_server=debug`).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The filter takes a bare word for the name of a part, so that "inof" would silence everything.
        let words_known = text
            .split(',')
            .filter(|directive| !directive.contains(['=', '[', ':']))
            .all(|word| word.trim().parse::<tracing::level_filters::LevelFilter>().is_ok());
        (words_known && EnvFilter::try_new(text).is_ok()).then(|| Self(text.to_owned()))
    }
}

/// Starts logging for the process. Only the first call has an effect, so that an embedding program keeps its own.
pub fn start(config: &LogConfig) {
    let filter = EnvFilter::new(&config.filter.0);
    let writer = match Lines::start(io::stderr()) {
        Ok(lines) => {
            lines.set_current();
            BoxMakeWriter::new(lines)
        }
        // Without a thread for it, whoever logs has to wait.
        Err(_) => BoxMakeWriter::new(io::stderr),
    };
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let started = match config.format {
        LogFormat::Text => {
            let is_terminal = io::IsTerminal::is_terminal(&io::stderr());
            tracing::subscriber::set_global_default(builder.with_ansi(is_terminal).finish())
        }
        LogFormat::Json => tracing::subscriber::set_global_default(builder.json().finish()),
    };
    drop(started);
}

/// Waits for a moment until what was logged has been written: for the end of the process.
pub fn flush() {
    lines::flush();
}
