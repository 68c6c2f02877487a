//! `cargo xtask`: everything that is done to this repository, in one program.
//!
//! It installs what a task needs where it may, says exactly what to type where it may not, shows each step with the
//! time it took, and stops at the first one that fails.

#![expect(clippy::print_stdout, reason = "telling how far it is, is half of this program")]

mod bench;
mod ci;
mod codegen;
mod fuzz;
mod partners;
mod run;
mod shell;
mod system;
mod test;
mod tidy;
mod web;
mod workspace;

use anyhow::{Result, bail};
use std::process::ExitCode;

const USAGE: &str = "\
cargo xtask run [-- FLAGS]                     build moim with its web app and run it, with FLAGS passed on
cargo xtask test [rust|web|browser] [FILTER]   run the tests: all, or one kind, or those whose name holds FILTER
cargo xtask test lab [FILTER]                  calls between all pairs of hosts behind NATs, which takes more than an hour
cargo xtask ci                                 what the project's checks run: format, lints, docs, tidiness, tests
cargo xtask tidy                               the house rules that no compiler knows
cargo xtask codegen [--check]                  write (or compare) the files that are generated from Rust
cargo xtask fuzz [TARGET] [--seconds N]        fuzz one target, or each in turn, for N seconds (300)
cargo xtask bench signal|turn|sfu|build [FLAGS] measure signalling, relaying, forwarding, or the size and build time of the binary
";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("\nxtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[&str]) -> Result<()> {
    match args {
        ["run"] => run::run(&[]),
        ["run", "--", flags @ ..] | ["run", flags @ ..] => run::run(flags),
        ["test"] => test::all(),
        ["test", "rust", filter @ ..] => test::rust(filter),
        ["test", "web", filter @ ..] => test::web(filter),
        ["test", "browser", filter @ ..] => test::browser(filter),
        ["test", "lab", filter @ ..] => test::lab(filter),
        ["ci"] => ci::ci(),
        ["tidy"] => tidy::tidy().and_then(|()| codegen::codegen(codegen::Mode::Check)),
        ["codegen"] => codegen::codegen(codegen::Mode::Write),
        ["codegen", "--check"] => codegen::codegen(codegen::Mode::Check),
        ["fuzz", rest @ ..] => fuzz::fuzz(rest),
        ["bench", "signal", flags @ ..] => bench::signal(flags),
        ["bench", "turn", flags @ ..] => bench::turn(flags),
        ["bench", "sfu", flags @ ..] => bench::sfu(flags),
        ["bench", "build"] => bench::build(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            Ok(())
        }
        other => bail!("there is no task {:?}. What there is:\n\n{USAGE}", other.join(" ")),
    }
}
