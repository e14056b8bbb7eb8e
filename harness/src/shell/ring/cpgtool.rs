//! `corosync-cpgtool`: process groups and their members [QG-15.3].

use std::process::ExitCode;

use totem_core::groups::escape;

use super::getopt::{self, Word};
use crate::drive::control::{Answer, Client, GroupRow, Request, from_hex, socket_path};

const TOOL: &str = "corosync-cpgtool";
const USAGE: &str = "corosync-cpgtool [-d delimiter] [-e] [-n] [-h]

A tool for displaying cpg groups and members.
options:
\t-d\tDelimiter between fields.
\t-e\tDon't escape unprintable characters in group name.
\t-n\tDisplay only all existing group names.
\t-h\tDisplay this help.
";

/// How the table is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Display {
    pub(super) delimiter: Option<char>,
    pub(super) plain: bool,
    pub(super) names_only: bool,
}

/// The whole output; group names may hold any byte.
pub(super) fn table(rows: &[GroupRow], display: Display) -> Vec<u8> {
    let name = |row: &GroupRow| {
        let bytes = from_hex(&row.group).unwrap_or_default();
        if display.plain { bytes } else { escape(&bytes).into_bytes() }
    };
    let mut out = Vec::new();
    if display.names_only {
        let mut last = None;
        for row in rows {
            if last.replace(&row.group) != Some(&row.group) {
                out.extend(name(row));
                out.extend(display.delimiter.map_or("\n".to_owned(), |c| c.to_string()).bytes());
            }
        }
        if display.delimiter.is_some() {
            out.push(b'\n');
        }
        return out;
    }
    if let Some(c) = display.delimiter {
        out.extend(format!("GRP_NAME{c}PID{c}NODEID\n").bytes());
        for row in rows {
            out.extend(name(row));
            out.extend(format!("{c}{}{c}{}\n", row.pid, row.node).bytes());
        }
        return out;
    }
    out.extend(b"Group Name\t       PID\t   Node ID\n");
    let mut last = None;
    for row in rows {
        if last.replace(&row.group) != Some(&row.group) {
            out.extend(name(row));
            out.push(b'\n');
        }
        out.extend(format!("\t\t{:>10}\t{:>10} ({})\n", row.pid, row.node, row.addresses.join(" ")).bytes());
    }
    out
}

/// `corosync-cpgtool`: show process groups.
pub fn corosync_cpgtool(args: &[String]) -> ExitCode {
    let words = match getopt::words(TOOL, "hd:ne", &[], args) {
        Ok(words) => words,
        Err(wrong) => {
            eprintln!("{}", wrong.0);
            return ExitCode::from(1);
        }
    };
    let mut display = Display::default();
    for word in words {
        match word {
            Word::Valued('d', text) => display.delimiter = text.chars().next(),
            Word::Option('n') => display.names_only = true,
            Word::Option('e') => display.plain = true,
            Word::Option('h') => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => {}
        }
    }
    let answer = Client::connect(&socket_path()).and_then(|mut client| client.ask(Request::Groups));
    let Ok(Answer::Groups(rows)) = answer else {
        eprintln!("Could not initialize corosync cpg API error 2");
        return ExitCode::from(1);
    };
    use std::io::Write as _;
    match std::io::stdout().write_all(&table(&rows, display)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(1),
    }
}
