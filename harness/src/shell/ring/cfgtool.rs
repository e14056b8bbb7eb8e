//! `corosync-cfgtool`: links, nodes, reload, kill, shutdown [QG-15.1].

use std::fmt::Write as _;
use std::process::ExitCode;

use totem_core::config::CsError;

use super::getopt::{self, Word};
use crate::drive::control::{Answer, Client, LinkReport, NodeRow, Request, socket_path};

const TOOL: &str = "corosync-cfgtool";
const USAGE: &str = "corosync-cfgtool [[-i <interface ip>] [-b] -s] [-R] [-L] [-k nodeid] [-a nodeid] [-h] [-H]

A tool for displaying and configuring active parameters within corosync.
options:
\t-i\tFinds only information about the specified interface IP address or link id when used with -s..
\t-s\tDisplays the status of the current links on this node.
\t-n\tDisplays the status of the connected nodes and their links.
\t-b\tDisplays the brief status of the current links on this node when used with -s.
\t-R\tTell all instances of corosync in this cluster to reload corosync.conf.
\t-L\tTell corosync to reopen all logging files.
\t-k\tKill a node identified by node id.
\t-a\tDisplay the IP address(es) of a node
\t-h\tPrint basic usage.
\t-H\tShutdown corosync cleanly on this node.
\t\t--force will shut down corosync regardless of daemon vetos
";

#[derive(Clone, Copy, PartialEq)]
enum Action {
    None,
    Links,
    Nodes,
    Reload,
    Reopen,
    Kill(u32),
    Addresses(u32),
    Shutdown,
}

fn head(report: &LinkReport) -> String {
    format!("Local node ID {}, transport {}\n", report.node, report.transport)
}

fn is_knet(report: &LinkReport) -> bool {
    report.transport == "knet"
}

/// What `-s` shows. Where links have no state of their own, the address is that of the last other node in the list.
pub(super) fn links(report: &LinkReport, brief: bool) -> String {
    let mut out = head(report);
    for (number, word) in &report.links {
        let on_link = |node: &NodeRow| node.links.iter().find(|l| l.link == *number).cloned();
        let others: Vec<_> = report.nodes.iter().filter(|n| n.node != report.node).filter_map(on_link).collect();
        let address = others.last().map_or("", |link| link.from.as_str());
        writeln!(out, "LINK ID {number} {word}\n\taddr\t= {address}").expect("text");
        let states = report.nodes.iter().map(|node| (node.node, on_link(node)));
        if brief {
            let digit = |(id, link): (u32, Option<crate::drive::control::LinkRow>)| match link {
                _ if id == report.node => 'n',
                Some(l) => char::from(b'0' + u8::from(l.enabled) + 2 * u8::from(l.connected)),
                None => 'd',
            };
            let text: String = states.map(digit).collect();
            writeln!(out, "\tstatus\t= {text}").expect("text");
            continue;
        }
        out.push_str("\tstatus:\n");
        for (id, link) in states {
            let state = match link {
                _ if id == report.node => "localhost",
                Some(l) if l.connected => "connected",
                _ => "disconnected",
            };
            writeln!(out, "\t\tnodeid: {id:>10}:\t{state}").expect("text");
        }
    }
    out
}

/// What `-n` shows.
pub(super) fn nodes(report: &LinkReport) -> String {
    let mut out = head(report);
    for node in report.nodes.iter().filter(|n| n.node != report.node && n.reachable) {
        writeln!(out, "nodeid: {} reachable", node.node).expect("text");
        for link in &node.links {
            let word = if is_knet(report) { "udp" } else { "" };
            let path = if link.to.is_empty() { link.from.clone() } else { format!("{}->{}", link.from, link.to) };
            write!(out, "   LINK: {} {word} ({path})", link.link).expect("text");
            if link.enabled {
                out.push_str(" enabled");
            }
            if link.connected {
                out.push_str(" connected");
            }
            writeln!(out, " mtu: {}", link.mtu).expect("text");
        }
        out.push('\n');
    }
    out
}

fn node_id(text: &str) -> Option<u32> {
    text.parse().ok().filter(|id| *id > 0)
}

/// `corosync-cfgtool`: show ring and link state.
pub fn corosync_cfgtool(args: &[String]) -> ExitCode {
    let long = [
        ("if", 'i'),
        ("status", 's'),
        ("nodes", 'n'),
        ("brief", 'b'),
        ("reload", 'R'),
        ("reopen", 'L'),
        ("kill", 'k'),
        ("address", 'a'),
        ("shutdown", 'H'),
        ("force", 'F'),
        ("help", 'h'),
    ];
    let words = match getopt::words(TOOL, "i:snbRLk:a:hHF", &long, args) {
        Ok(words) => words,
        Err(wrong) => {
            eprintln!("{}", wrong.0);
            return ExitCode::from(1);
        }
    };
    let (mut action, mut brief, mut force) = (Action::None, false, false);
    for word in words {
        match word {
            Word::Option('s') => action = Action::Links,
            Word::Option('n') => action = Action::Nodes,
            Word::Option('b') => brief = true,
            Word::Option('R') => action = Action::Reload,
            Word::Option('L') => action = Action::Reopen,
            Word::Option('H') => action = Action::Shutdown,
            Word::Option('F') => force = true,
            Word::Valued(c @ ('k' | 'a'), text) => {
                let Some(id) = node_id(&text) else {
                    eprintln!("The nodeid was not valid, try a positive number");
                    return ExitCode::from(1);
                };
                action = if c == 'k' { Action::Kill(id) } else { Action::Addresses(id) };
            }
            Word::Option('h') => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => {}
        }
    }
    if action == Action::None {
        print!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    match action {
        Action::Reload => println!("Reloading corosync.conf..."),
        Action::Kill(id) => println!("Killing node {id}"),
        _ => {}
    }
    let connected = Client::connect(&socket_path());
    let Ok(mut client) = connected else {
        let words = matches!(action, Action::Reload | Action::Reopen);
        let error = if words { "CS_ERR_LIBRARY" } else { "2" };
        eprintln!("Could not initialize corosync configuration API error {error}");
        return ExitCode::from(1);
    };
    if action == Action::Shutdown {
        println!("Shutting down corosync");
    }
    run(&mut client, action, brief, force).unwrap_or_else(|error| {
        eprintln!("{TOOL}: {error}");
        ExitCode::from(1)
    })
}

fn run(client: &mut Client, action: Action, brief: bool, force: bool) -> std::io::Result<ExitCode> {
    let text = |code: u8| CsError::from_code(code).map_or_else(|| code.to_string(), |e| e.to_string());
    let request = match action {
        Action::Links | Action::Nodes | Action::None => Request::Links,
        Action::Reload => Request::Reload,
        Action::Reopen => Request::ReopenLogs,
        Action::Kill(node) => Request::Kill { node },
        Action::Addresses(node) => Request::Addresses { node },
        Action::Shutdown => Request::Shutdown { force },
    };
    Ok(match (action, client.ask(request)?) {
        (Action::Links | Action::Nodes, Answer::Links(report)) if report.nodes.is_empty() => {
            println!("No nodes found in nodelist");
            ExitCode::from(1)
        }
        (Action::Links, Answer::Links(report)) => {
            print!("{}", links(&report, brief));
            ExitCode::SUCCESS
        }
        (Action::Nodes, Answer::Links(report)) => {
            print!("{}", nodes(&report));
            ExitCode::SUCCESS
        }
        (Action::Addresses(_), Answer::Addresses(addresses)) => {
            println!("{}", addresses.join(" "));
            ExitCode::SUCCESS
        }
        (Action::Addresses(id), _) => {
            eprintln!("Could not get node address for nodeid {id}");
            ExitCode::from(1)
        }
        (Action::Reload, Answer::Error(code)) => {
            eprintln!("Could not reload configuration. Error {}", text(code));
            ExitCode::from(code)
        }
        (Action::Reload, _) => {
            println!("Done");
            ExitCode::SUCCESS
        }
        (Action::Kill(_), Answer::Error(code)) => {
            eprintln!("Could not kill node (error = {})", text(code));
            ExitCode::from(1)
        }
        (Action::Shutdown, Answer::Error(code)) => {
            eprintln!("Could not shutdown (error = {code})");
            ExitCode::SUCCESS
        }
        (_, Answer::Error(code)) => {
            eprintln!("{TOOL}: {}", text(code));
            ExitCode::from(1)
        }
        _ => ExitCode::SUCCESS,
    })
}
