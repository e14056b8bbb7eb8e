//! Own checks of a node: commands that run side by side and must all end well in time [QG-4.8].

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How often the ends of commands are looked for.
const LOOK: Duration = Duration::from_millis(20);

/// Runs all commands at once. True if every one of them ended with status 0 within the limit; those that did not end are
/// killed with their children.
pub(super) fn run(commands: &[(String, Vec<String>)], limit: Duration) -> bool {
    let end = Instant::now() + limit;
    let mut running: Vec<Child> = Vec::new();
    let mut passed = true;
    for (_, words) in commands {
        let Some((program, arguments)) = words.split_first() else { continue };
        let started = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        match started {
            Ok(child) => running.push(child),
            Err(_) => passed = false,
        }
    }
    while !running.is_empty() && Instant::now() < end {
        running.retain_mut(|child| match child.try_wait() {
            Ok(None) => true,
            Ok(Some(status)) => {
                passed &= status.success();
                false
            }
            Err(_) => {
                passed = false;
                false
            }
        });
        if !running.is_empty() {
            thread::sleep(LOOK);
        }
    }
    for mut child in running {
        passed = false;
        if let Some(group) = rustix::process::Pid::from_raw(child.id() as i32) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        let _ = child.wait();
    }
    passed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passes(lines: &[&str]) -> bool {
        let commands: Vec<_> =
            lines.iter().map(|line| ("x".to_owned(), line.split(' ').map(str::to_owned).collect())).collect();
        run(&commands, Duration::from_millis(700))
    }

    #[test]
    fn all_must_end_well_in_time() {
        assert!(passes(&["true", "true"]));
        assert!(!passes(&["true", "false"]));
        assert!(!passes(&["/no/such/program"]));
        assert!(!passes(&["true", "sleep 60"]));
    }
}
