//! `corosync-notifyd`: cluster events as lines [QG-16].

use std::process::ExitCode;

use super::getopt::{self, Word};
use crate::drive::control::{Answer, Client, Event, MapName, QuorumReport, Request, socket_path};

const TOOL: &str = "corosync-notifyd";
const USAGE: &str = "usage:
        -c     : SNMP Community name.
        -f     : Start application in foreground.
        -l     : Log all events.
        -o     : Print events to stdout (turns on -l).
        -s     : Send SNMP traps on all events.
        -m     : Set the SNMP Manager IP address (defaults to localhost).
        -n     : No reverse DNS lookup on cmap member change events.
        -d     : Send DBUS signals on all events.
        -h     : Print this help.

";

/// What is remembered between events.
pub(super) struct Told {
    pub(super) name: String,
    pub(super) node: u32,
    pub(super) quorate: bool,
}

/// The line for an event, if it is one that is told. `address` looks up `runtime.members.<id>.ip`.
pub(super) fn line(told: &mut Told, event: &Event, address: impl Fn(u32) -> Option<String>) -> Option<String> {
    match event {
        Event::Quorum { quorate } => {
            if std::mem::replace(&mut told.quorate, *quorate) == *quorate {
                return None;
            }
            let text = if *quorate { "is now quorate" } else { "has lost quorum" };
            Some(format!("{}[{}] {text}", told.name, told.node))
        }
        Event::Key { key, new: Some(value), .. } => {
            let id = key.strip_prefix("runtime.members.")?.strip_suffix(".status")?;
            let node: u32 = id.parse().ok()?;
            // The text between the last opening and the next closing parenthesis [QG-7.4].
            let ip = address(node).unwrap_or_default();
            let ip = ip.rsplit('(').next().and_then(|rest| rest.split(')').next()).unwrap_or("").to_owned();
            Some(format!("{ip}[{node}] ip:{ip} {}", value.value))
        }
        Event::Key { .. } => None,
        Event::Link { node, link, connected } => {
            let text = if *connected { "operational" } else { "disconnected" };
            Some(format!("{}[{}] link {link} to node {node} is now {text}", told.name, told.node))
        }
    }
}

/// `corosync-notifyd`: print cluster events.
pub fn corosync_notifyd(args: &[String]) -> ExitCode {
    let words = match getopt::words(TOOL, "c:dfhlm:nos", &[], args) {
        Ok(words) => words,
        Err(wrong) => {
            eprint!("{}\n{USAGE}", wrong.0);
            return ExitCode::from(1);
        }
    };
    let mut log = false;
    for word in words {
        match word {
            Word::Option('l' | 'o') => log = true,
            Word::Option('s' | 'd') | Word::Valued('m', _) => {
                eprintln!("{TOOL}: SNMP traps and D-Bus signals are not supported; use -l or -o");
                return ExitCode::from(1);
            }
            Word::Option('h') => {
                eprint!("{USAGE}");
                return ExitCode::from(1);
            }
            _ => {}
        }
    }
    if !log {
        eprintln!("{TOOL}: no event type enabled, see corosync-notifyd -h, exiting.");
        return ExitCode::from(1);
    }
    match follow() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::from(1)
        }
    }
}

fn follow() -> std::io::Result<()> {
    let connect = || {
        let down = |_| std::io::Error::other("[error] Failed to initialize the cmap API. Error 2");
        Client::connect(&socket_path()).map_err(down)
    };
    let (mut client, mut watch) = (connect()?, connect()?);
    watch.ask(Request::Watch)?;
    let report = match client.ask(Request::Quorum)? {
        Answer::Quorum(report) => report,
        _ => QuorumReport::default(),
    };
    let own = report.members.iter().find(|row| row.node == report.node);
    let name = own.and_then(|row| row.name.clone().or_else(|| row.addresses.first().cloned())).unwrap_or_default();
    let mut told = Told { name, node: report.node, quorate: false };
    let first = Event::Quorum { quorate: report.quorate };
    if let Some(text) = line(&mut told, &first, |_| None) {
        println!("{text}");
    }
    loop {
        if let Answer::Event(event) = watch.next_answer()? {
            let client = std::cell::RefCell::new(&mut client);
            let address = |node: u32| {
                let keys = vec![format!("runtime.members.{node}.ip")];
                match client.borrow_mut().ask(Request::Get { map: MapName::Icmap, keys }) {
                    Ok(Answer::Keys(found)) => found.into_iter().next().map(|(_, value)| value.value),
                    _ => None,
                }
            };
            if let Some(text) = line(&mut told, &event, address) {
                println!("{text}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::control::TypedValue;

    #[test]
    fn only_changes_are_told() {
        let mut told = Told { name: "a".into(), node: 1, quorate: false };
        let quorum = |quorate| Event::Quorum { quorate };
        let none = |_| None;
        assert_eq!(line(&mut told, &quorum(false), none), None);
        assert_eq!(line(&mut told, &quorum(true), none).unwrap(), "a[1] is now quorate");
        assert_eq!(line(&mut told, &quorum(true), none), None);
        assert_eq!(line(&mut told, &quorum(false), none).unwrap(), "a[1] has lost quorum");
        let link = Event::Link { node: 3, link: 1, connected: false };
        assert_eq!(line(&mut told, &link, none).unwrap(), "a[1] link 1 to node 3 is now disconnected");
        let value = TypedValue { kind: "str".into(), value: "left".into() };
        let event = Event::Key { key: "runtime.members.3.status".into(), old: None, new: Some(value) };
        let address = |_| Some("r(0) ip(10.0.0.3) ".to_owned());
        assert_eq!(line(&mut told, &event, address).unwrap(), "10.0.0.3[3] ip:10.0.0.3 left");
    }
}
