//! Prints the TypeScript declarations of every message. `cargo xtask codegen` writes them into the web client.

#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() {
    print!("{}", moim_signal::typescript::declarations());
}
