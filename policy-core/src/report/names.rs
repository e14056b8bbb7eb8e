//! Words for numbers [SM-13], and names of nodes.

use super::Display;
use crate::model::{Model, NodeIx};

/// The name of a node; in detail with its id, that of a guest with its host [SM-12.4].
pub(super) fn node_label(m: &Model, n: NodeIx, display: Display) -> String {
    let name = m.node_name(n);
    let id = m.text(m[n].id);
    if !display.detail {
        name.to_owned()
    } else if m[n].is_guest() {
        let launcher = m[n].connection.and_then(|connection| m[connection].launcher);
        let host = launcher.and_then(|launcher| m.current_node(launcher));
        format!("{name}@{}", host.map_or("", |host| m.node_name(host)))
    } else if id.eq_ignore_ascii_case(name) {
        name.to_owned()
    } else {
        format!("{name} ({id})")
    }
}

/// What an exit status of an agent means [SM-13.1].
#[must_use]
pub fn result_text(rc: i32) -> &'static str {
    u8::try_from(rc).map_or("Unknown exit status", cib_core::cib::exit_text)
}

/// What an execution status means [SM-13.2].
#[must_use]
pub fn execution_status_text(status: i32) -> &'static str {
    match status {
        -1 => "Pending",
        0 => "Done",
        1 => "Cancelled",
        2 => "Timed out",
        3 => "Unsupported",
        4 => "Error",
        5 => "Hard error",
        6 => "Fatal error",
        7 => "Not installed",
        8 => "Internal communication failure",
        9 => "Cannot execute now",
        10 => "No fence device",
        11 => "CIB secrets unavailable",
        _ => "UNKNOWN!",
    }
}

/// An interval for people [SM-13.3].
#[must_use]
pub fn readable_interval(ms: u32) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let (days, hours, minutes) = (ms / 86_400_000, ms / 3_600_000 % 24, ms / 60_000 % 60);
    let (seconds, millis) = (ms / 1000 % 60, ms % 1000);
    let mut text = String::new();
    for (value, unit) in [(days, "d"), (hours, "h"), (minutes, "m")] {
        if value > 0 {
            text.push_str(&format!("{value}{unit}"));
        }
    }
    match (seconds, millis) {
        (0, 0) => {}
        (0, millis) => text.push_str(&format!("{millis}ms")),
        (seconds, 0) => text.push_str(&format!("{seconds}s")),
        (seconds, millis) => text.push_str(&format!("{seconds}.{millis:03}s")),
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals() {
        for (ms, text) in [(0, "0s"), (60_000, "1m"), (90_000, "1m30s"), (1_500, "1.500s"), (20, "20ms")] {
            assert_eq!(readable_interval(ms), text);
        }
    }
}
