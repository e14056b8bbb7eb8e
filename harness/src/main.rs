//! `metronome`: see `metronome --help`.

/// Documents and tables are made and dropped all the time: the system's allocator gives large ones back to the kernel and
/// faults them in again.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    quiet_when_nobody_reads();
    let args: Vec<String> = std::env::args().collect();
    harness::shell::run(&args)
}

/// Output into a closed pipe (`| head`) ends the program without a word, as other programs do.
fn quiet_when_nobody_reads() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let text = info.payload().downcast_ref::<String>().map_or("", String::as_str);
        if text.starts_with("failed printing to stdout") {
            std::process::exit(141);
        }
        usual(info);
    }));
}
