//! `corosync-quorumtool`: votes, quorum and membership [QG-15.2].

use std::fmt::Write as _;
use std::process::ExitCode;

use totem_core::config::CsError;

use super::getopt::{self, Word};
use crate::drive::control::{Answer, Client, Event, QuorumReport, QuorumRow, Request, socket_path};

const TOOL: &str = "corosync-quorumtool";
const USAGE: &str = "usage: 
corosync-quorumtool <options>

  options:

  -s             show quorum status
  -m             constantly monitor quorum status
  -l             list nodes
  -a             show all names or addresses for each node
  -p             when used with -s or -l, generates machine parsable output
  -v <votes>     change the number of votes for a node (*)
  -n <nodeid>    optional nodeid of node for -v
  -e <expected>  change expected votes for the cluster (*)
  -H             show nodeids in hexadecimal rather than decimal
  -i             show node IP addresses instead of the resolved name
  -o <a|n|i>     order by [a] IP address (default), [n] name, [i] nodeid
  -f             forcefully unregister a quorum device *DANGEROUS* (*)
  -h             show this help text
  -V             show version and exit

  (*) Starred items only work if votequorum is the quorum provider for corosync

";

/// How the membership table is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Display {
    pub(super) hexadecimal: bool,
    pub(super) addresses: bool,
    pub(super) all_addresses: bool,
    pub(super) device_column: bool,
    pub(super) order: Order,
}

/// Order of the rows.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Order {
    #[default]
    View,
    Node,
    Name,
}

#[derive(Clone, Copy)]
enum Action {
    Status,
    Monitor,
    List,
    SetVotes(u32),
    SetExpected(u32),
    Unregister,
}

fn name(row: &QuorumRow, display: Display) -> String {
    let address = row.addresses.first().map_or("", String::as_str);
    let named = row.name.as_deref().filter(|_| !display.addresses);
    let mut text = named.unwrap_or(address).to_owned();
    if display.all_addresses {
        for other in row.addresses.iter().skip(usize::from(named.is_none())) {
            text.push_str(", ");
            text.push_str(other);
        }
    }
    text
}

fn device(row: &QuorumRow) -> String {
    if !row.registered {
        return "NR".to_owned();
    }
    let word = |on, yes: &'static str, no: &'static str| if on { yes } else { no };
    let text =
        format!("{},{},{}", word(row.alive, "A", "NA"), word(row.casts, "V", "NV"), word(row.master_wins, "MW", "NMW"));
    text.chars().take(9).collect()
}

/// The membership part.
pub(super) fn membership(report: &QuorumReport, display: Display) -> String {
    let mut out = "Membership information\n----------------------\n".to_owned();
    let Some(votes) = &report.votes else {
        out.push_str("    Nodeid Name\n");
        return out;
    };
    let column = display.device_column || report.members.iter().any(|row| row.registered);
    out.push_str(if column { "    Nodeid      Votes    Qdevice Name\n" } else { "    Nodeid      Votes Name\n" });
    let id = |id: u32| if display.hexadecimal { format!("0x{id:08x} ") } else { format!("{id:>10} ") };
    let mut rows: Vec<&QuorumRow> = report.members.iter().collect();
    match display.order {
        Order::View => {}
        Order::Node => rows.sort_by_key(|row| row.node),
        Order::Name => rows.sort_by_key(|row| name(row, display)),
    }
    for row in rows {
        write!(out, "{}{:>10} ", id(row.node), row.votes).expect("text");
        if column {
            write!(out, "{:>10} ", device(row)).expect("text");
        }
        let local = if row.node == report.node { " (local)" } else { "" };
        writeln!(out, "{}{local}", name(row, display)).expect("text");
    }
    if let Some(device) = &votes.device {
        let shown = if votes.device_casts { votes.device_votes } else { 0 };
        let rest = if votes.device_casts { String::new() } else { format!(" (votes {})", votes.device_votes) };
        writeln!(out, "{}{shown:>10} {:11}{device}{rest}", id(0), "").expect("text");
    }
    out
}

/// Everything that `-s` shows. `date` is the present time in the form of the C library.
pub(super) fn status(report: &QuorumReport, display: Display, date: &str) -> String {
    let mut out = "Quorum information\n------------------\n".to_owned();
    let mut line = |key: &str, value: &str| {
        writeln!(out, "{key:<18}{value}").expect("text");
    };
    let node = if display.hexadecimal { format!("0x{:08x}", report.node) } else { report.node.to_string() };
    line("Date:", date);
    line("Quorum provider:", report.provider.as_deref().unwrap_or(""));
    line("Nodes:", &report.members.len().to_string());
    line("Node ID:", &node);
    line("Ring ID:", &report.ring);
    line("Quorate:", if report.quorate { "Yes" } else { "No" });
    if let Some(votes) = &report.votes {
        out.push_str("\nVotequorum information\n----------------------\n");
        let mut line = |key: &str, value: &str| {
            writeln!(out, "{key:<18}{value}").expect("text");
        };
        line("Expected votes:", &votes.expected.to_string());
        line("Highest expected:", &votes.highest.to_string());
        line("Total votes:", &votes.total.to_string());
        let blocked = if report.quorate { " " } else { "Activity blocked" };
        line("Quorum:", &format!("{} {blocked}", votes.quorum));
        let flags: String = votes.flags.iter().map(|flag| format!("{flag} ")).collect();
        line("Flags:", &flags);
    }
    out.push('\n');
    out.push_str(&membership(report, display));
    out
}

/// The present time as `ctime` writes it, in UTC: local time would need a time zone database.
fn date() -> String {
    let seconds = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let days = seconds / 86_400;
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (year, month, day) = civil(days);
    format!(
        "{} {} {day:2} {hour:02}:{minute:02}:{second:02} {year}",
        WEEKDAYS[(days % 7) as usize],
        MONTHS[month as usize - 1]
    )
}

/// Year, month and day of a day since 1970-01-01, by counting 400-year cycles from a March.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

fn fail(text: &str) -> ExitCode {
    eprintln!("{text}");
    ExitCode::from(1)
}

/// `corosync-quorumtool`: show votes and quorum.
pub fn corosync_quorumtool(args: &[String]) -> ExitCode {
    let words = match getopt::words(TOOL, "aVhslmfe:v:Hin:d:o:p", &[], args) {
        Ok(words) => words,
        Err(wrong) => {
            eprintln!("{}", wrong.0);
            print!("{USAGE}");
            return ExitCode::from(1);
        }
    };
    let mut display = Display::default();
    let mut action = Action::Status;
    let mut node = 0;
    for word in words {
        match word {
            Word::Option('s') => action = Action::Status,
            Word::Option('m') => action = Action::Monitor,
            Word::Option('l') => action = Action::List,
            Word::Option('f') => action = Action::Unregister,
            Word::Option('a') => display.all_addresses = true,
            Word::Option('p') => display.device_column = true,
            Word::Option('H') => display.hexadecimal = true,
            Word::Option('i') => display.addresses = true,
            Word::Option('V') => {
                println!("corosync-quorumtool version: {}", env!("CARGO_PKG_VERSION"));
                return ExitCode::SUCCESS;
            }
            Word::Valued('o', order) => match order.as_str() {
                "a" => display.order = Order::View,
                "i" => display.order = Order::Node,
                "n" => display.order = Order::Name,
                _ => {
                    return fail("Invalid ordering option. valid orders are a(address), i(node ID) or n(name)");
                }
            },
            Word::Valued('e', text) => match text.parse::<u32>() {
                Ok(votes) if votes > 0 && votes <= i32::MAX as u32 => action = Action::SetExpected(votes),
                _ => return fail("New expected votes value was not valid, try a positive number"),
            },
            Word::Valued('v', text) => match text.parse::<u32>() {
                Ok(votes) if votes <= i32::MAX as u32 => action = Action::SetVotes(votes),
                _ => return fail("New votes value was not valid, try a positive number or zero"),
            },
            Word::Valued('n', text) => match text.parse::<u32>() {
                Ok(id) if id > 0 => node = id,
                _ => return fail("The nodeid was not valid, try a positive number"),
            },
            Word::Option('h') => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => {}
        }
    }
    let Ok(mut client) = Client::connect(&socket_path()) else {
        return fail("Cannot initialize CMAP service");
    };
    run(&mut client, action, node, display).unwrap_or_else(|error| fail(&format!("{TOOL}: {error}")))
}

fn report(client: &mut Client) -> std::io::Result<QuorumReport> {
    match client.ask(Request::Quorum)? {
        Answer::Quorum(report) => Ok(report),
        other => Err(std::io::Error::other(format!("unexpected answer {other:?}"))),
    }
}

fn run(client: &mut Client, action: Action, node: u32, display: Display) -> std::io::Result<ExitCode> {
    let now = report(client)?;
    let without = |what: &str| Ok(fail(&format!("You cannot {what}, corosync is not using votequorum")));
    let error_text = |code: u8| CsError::from_code(code).map_or_else(|| code.to_string(), |e| e.to_string());
    match action {
        Action::Status => {
            if now.votes.is_none() {
                return Ok(fail("Unable to start votequorum status tracking: CS_ERR_BAD_HANDLE"));
            }
            print!("{}", status(&now, display, &date()));
            Ok(ExitCode::from(if now.quorate { 0 } else { 2 }))
        }
        Action::List => {
            print!("\n{}", membership(&now, display));
            Ok(ExitCode::SUCCESS)
        }
        Action::Monitor => monitor(client, display),
        Action::SetExpected(_) if now.votes.is_none() => without("change expected votes"),
        Action::SetVotes(_) if now.votes.is_none() => without("change node votes"),
        Action::Unregister if now.votes.is_none() => without("unregister quorum device"),
        Action::SetExpected(votes) => Ok(match client.ask(Request::SetExpected { votes })? {
            Answer::Error(code) => fail(&format!("Unable to set expected votes: {}", error_text(code))),
            _ => ExitCode::SUCCESS,
        }),
        Action::SetVotes(votes) => Ok(match client.ask(Request::SetVotes { node, votes })? {
            Answer::Error(code) => {
                let shown = if node == 0 { now.node } else { node };
                fail(&format!("Unable to set votes {votes} for nodeid: {shown}: {}", error_text(code)))
            }
            _ => ExitCode::SUCCESS,
        }),
        Action::Unregister => Ok(match client.ask(Request::UnregisterDevice)? {
            Answer::Error(code) if code != CsError::NotExist.code() => {
                fail(&format!("Unable to unregister quorum device: {}", error_text(code)))
            }
            _ => ExitCode::SUCCESS,
        }),
    }
}

fn monitor(client: &mut Client, display: Display) -> std::io::Result<ExitCode> {
    let first = report(client)?;
    if first.votes.is_none() {
        println!("\nQuorum is not configured - cannot monitor");
        return Ok(fail("Unable to start votequorum status tracking: CS_ERR_BAD_HANDLE"));
    }
    let mut watch = Client::connect(&socket_path())?;
    watch.ask(Request::Watch)?;
    println!("{}", status(&first, display, &date()));
    loop {
        if let Answer::Event(Event::Quorum { .. }) = watch.next_answer()? {
            println!("{}", status(&report(client)?, display, &date()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::drive::control::VoteReport;

    fn row(node: u32, name: &str) -> QuorumRow {
        QuorumRow {
            node,
            votes: 1,
            name: Some(name.into()),
            addresses: vec![format!("10.0.0.{node}"), format!("10.1.0.{node}")],
            ..QuorumRow::default()
        }
    }

    #[test]
    fn names_addresses_and_identifiers() {
        let votes = Some(VoteReport { quorum: 2, ..VoteReport::default() });
        let members = vec![row(2, "a"), row(1, "b")];
        let report = QuorumReport { node: 1, members, votes, ..QuorumReport::default() };
        let rows = |display| membership(&report, display).lines().skip(3).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(rows(Display::default()), ["         2          1 a", "         1          1 b (local)"]);
        assert_eq!(rows(Display { order: Order::Node, ..Display::default() })[0], "         1          1 b (local)");
        let hex = Display { hexadecimal: true, addresses: true, ..Display::default() };
        assert_eq!(rows(hex)[0], "0x00000002          1 10.0.0.2");
        let all = Display { all_addresses: true, ..Display::default() };
        assert_eq!(rows(all)[0], "         2          1 a, 10.0.0.2, 10.1.0.2");
        let both = Display { all_addresses: true, addresses: true, ..Display::default() };
        assert_eq!(rows(both)[0], "         2          1 10.0.0.2, 10.1.0.2");
    }

    #[test]
    fn calendar() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_778), (2026, 11, 21));
    }
}
