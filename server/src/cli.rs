//! The command line of `moim`.

mod banner;
mod management;
mod rooms;
mod table;

use anyhow::{Context as _, bail};
use clap::{Args, Parser, Subcommand};
use moim_server::{
    Claims, Config, Overrides, Server, Shutdown,
    config::{RelayMode, Secret},
    log, sign,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::env;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};
use tokio::signal::unix::{SignalKind, signal};

/// Where the configuration is looked for when no flag says so.
const CONFIG_VARIABLE: &str = "MOIM_CONFIG";
/// Files that are open for other reasons than connections: listeners, timers, logs.
const OTHER_FILES: usize = 64;

/// Real-time communication anyone can host: calls from browser to browser, one program, one port.
#[derive(Parser)]
#[command(name = "moim", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    source: Source,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (what `moim` alone does)
    Run(Source),
    /// Check the configuration, and print what is in effect or everything that is wrong
    CheckConfig(Source),
    /// Print a configuration file with every option, its meaning and its default
    SampleConfig,
    /// Make a token that lets its bearer into a room
    Token(TokenRequest),
    /// See and end allocations of the running relay
    #[command(subcommand)]
    Turn(management::TurnCommand),
    /// See rooms of the running server, and look after them
    #[command(subcommand)]
    Room(rooms::RoomCommand),
    /// Let the running server take up its changed configuration and certificate
    Reload(management::Target),
    #[command(flatten)]
    Client(moim_cli::Command),
}

/// Where the configuration comes from.
#[derive(Args, Default)]
struct Source {
    /// The configuration file (TOML); also by the environment variable MOIM_CONFIG
    #[arg(long, short, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    overrides: Overrides,
}

#[derive(Args)]
struct TokenRequest {
    /// The only room that the token opens; "*" for any
    #[arg(long)]
    room: String,
    /// Who the bearer is; a second connection with the same identity replaces the first
    #[arg(long)]
    identity: Option<String>,
    /// The name that others see
    #[arg(long)]
    name: Option<String>,
    /// How long the token is good for, such as 30m or 6h
    #[arg(long, default_value = "6h", value_parser = humantime::parse_duration)]
    ttl: Duration,
    /// Let the bearer remove people and close the room
    #[arg(long)]
    admin: bool,
    /// Do not let the bearer send sound or video
    #[arg(long)]
    no_publish: bool,
    /// Do not let the bearer receive sound or video
    #[arg(long)]
    no_subscribe: bool,
    /// Do not let the bearer send chat or data
    #[arg(long)]
    no_data: bool,
    /// Which of the configured keys signs; needed if there are several
    #[arg(long)]
    key: Option<String>,
    #[command(flatten)]
    source: Source,
}

/// Runs the command that the process was started with.
pub(crate) fn main() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| moim_cli::without_secrets(error).exit());
    let done = match cli.command {
        None => run(cli.source).map(success),
        Some(Command::Run(source)) => run(source).map(success),
        Some(Command::CheckConfig(source)) => check_config(source).map(success),
        Some(Command::SampleConfig) => print(&Config::sample()).map(success),
        Some(Command::Token(request)) => token(request).map(success),
        Some(Command::Turn(command)) => management::turn(command).map(success),
        Some(Command::Room(command)) => rooms::room(command).map(success),
        Some(Command::Reload(target)) => management::reload(target).map(success),
        Some(Command::Client(command)) => moim_cli::run(&command),
    };
    log::flush();
    done.unwrap_or_else(|error| {
        let _ = writeln!(io::stderr(), "moim: {error:#}");
        ExitCode::FAILURE
    })
}

/// The exit code of what either works or is an error.
fn success((): ()) -> ExitCode {
    ExitCode::SUCCESS
}

impl Source {
    fn load(self) -> anyhow::Result<Config> {
        let file = self.config.or_else(|| env::var_os(CONFIG_VARIABLE).map(PathBuf::from));
        Ok(Config::load(file.as_deref().map(Path::new), self.overrides)?)
    }
}

fn run(source: Source) -> anyhow::Result<()> {
    let mut config = source.load()?;
    log::start(&config.log);
    log_panics();
    for warning in &config.warnings {
        tracing::warn!(warning, "the configuration deserves a second look");
    }
    raise_open_files_limit(&mut config);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the threads that moim works with")?;
    let served = runtime.block_on(serve(config));
    // Whatever has not ended by now has been given its time.
    runtime.shutdown_background();
    served
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let is_open = config.is_open();
    // Caught before anything is bound: a signal during the start stops the server like any other.
    let mut terminate = signal(SignalKind::terminate()).context("cannot catch SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot catch SIGINT")?;
    let mut hangup = signal(SignalKind::hangup()).context("cannot catch SIGHUP")?;
    let server = Server::bind(config)?;
    banner::print(&server, is_open).context("cannot write to standard output")?;
    let reloader = server.reloader();
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            let reloader = reloader.clone();
            // What came of it is in the log.
            let _ = tokio::task::spawn_blocking(move || reloader.reload()).await;
        }
    });
    let shutdown = Shutdown::new();
    let told = shutdown.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if told.is_draining() { told.stop() } else { told.drain() }
        }
    });
    Ok(server.run(shutdown).await?)
}

fn check_config(source: Source) -> anyhow::Result<()> {
    let config = source.load()?;
    for warning in &config.warnings {
        writeln!(io::stderr(), "moim: warning: {warning}").context("cannot write to standard error")?;
    }
    print(&config.to_toml())
}

fn token(request: TokenRequest) -> anyhow::Result<()> {
    let config = request.source.load()?;
    let (iss, secret) = signing_key(&config, request.key)?;
    let since_1970 =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).context("the clock is before 1970")?;
    let exp = since_1970.checked_add(request.ttl).context("--ttl is longer than time can be counted")?;
    let claims = Claims {
        iss,
        sub: request.identity,
        exp: exp.as_secs(),
        nbf: None,
        name: request.name,
        room: request.room,
        publish: !request.no_publish,
        subscribe: !request.no_subscribe,
        data: !request.no_data,
        admin: request.admin,
    };
    let token = sign(&claims, secret).context("cannot sign")?;
    print(&(token + "\n"))
}

/// The key that is asked for, or the only one there is.
fn signing_key(config: &Config, name: Option<String>) -> anyhow::Result<(String, &Secret)> {
    let names = || config.keys.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
    if config.keys.is_empty() {
        bail!("no key is configured under auth.keys: the server is in open mode, and nobody needs a token");
    }
    match name {
        Some(name) => match config.keys.get(&name) {
            Some(secret) => Ok((name, secret)),
            None => bail!("there is no key {name:?} under auth.keys; there are: {}", names()),
        },
        None => match config.keys.first_key_value() {
            Some((name, secret)) if config.keys.len() == 1 => Ok((name.clone(), secret)),
            _ => bail!("there are several keys; choose one by --key: {}", names()),
        },
    }
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Lets panics appear where everything else does.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let payload = panic.payload();
        let message = payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(place, message, %backtrace, "panic");
    }));
}

/// Every connection is an open file, and so is every allocation that relays from a port of its own; many systems start a
/// process with a limit of 1024 that it may raise itself. Lowers the limit on connections to what the operating system
/// allows in the end.
fn raise_open_files_limit(config: &mut Config) {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
    let files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(_) => limits.current,
    };
    let Some(files) = files.and_then(|files| usize::try_from(files).ok()) else { return };
    let relayed = match config.turn.relay {
        RelayMode::Range => config.turn.relay_ports.len().min(config.turn.limits.allocations_max as usize),
        RelayMode::Off | RelayMode::Internal => 0,
    };
    let asked = config.limits.connections_max;
    // Where there is not enough for both, connections have half: each allocation is somebody's who is connected.
    let possible = files.saturating_sub(OTHER_FILES + relayed).max(files / 2).max(1);
    if possible < asked {
        tracing::info!(
            asked,
            possible,
            "the limit on open files allows fewer connections than limits.connections_max (LimitNOFILE=, ulimit -n)"
        );
        config.limits.connections_max = possible;
    }
}
