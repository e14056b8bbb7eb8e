//! `metronome`: see `metronome --help`.

fn main() -> std::process::ExitCode {
    let args: Vec<String> = std::env::args().collect();
    harness::shell::run(&args)
}
