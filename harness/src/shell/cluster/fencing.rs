//! `stonith_admin` on a running node: who was fenced, and fencing by hand.

use super::live::{Live, Silent};
use crate::drive::cluster::{Answer, FencingRow, Request};
use crate::shell::cib_tools::local_now;
use crate::shell::cib_tools::tool::{Arguments, OptionSpec, Takes};
use policy_core::report::{Fencing, FencingState, Wording, latest_fencing, sort_fencing};
use std::process::ExitCode;

/// The command line is wrong.
const USAGE: u8 = 64;
/// No cluster.
const NO_CLUSTER: u8 = 102;
/// The action failed.
const FAILED: u8 = 1;

const OPTIONS: &[OptionSpec] = &[
    ('H', "history", Takes::Value),
    ('c', "cleanup", Takes::Nothing),
    ('F', "fence", Takes::Value),
    ('B', "reboot", Takes::Value),
    ('U', "unfence", Takes::Value),
    ('q', "quiet", Takes::Nothing),
    ('v', "verbose", Takes::Nothing),
    ('V', "verbose", Takes::Nothing),
    (' ', "socket", Takes::Value),
    ('h', "help", Takes::Nothing),
    ('?', "help", Takes::Nothing),
];

const HELP: &str = "\
Usage: stonith_admin -H NODE|'*' [--cleanup] | -F NODE | -B NODE | -U NODE

Shows what was fenced, or has a node fenced, through the node that runs here.

  -H, --history=NODE   the last fencing of each kind of NODE, or of all nodes ('*'); with -V all that are remembered
  -c, --cleanup        with -H: forget those that have ended, everywhere
  -F, --fence=NODE     turn it off
  -B, --reboot=NODE    reboot it
  -U, --unfence=NODE   turn it on
      --socket=PATH    where the node listens; $METRONOME_SOCKET if not given
";

/// `stonith_admin`.
pub fn stonith_admin(args: &[String]) -> ExitCode {
    let (code, text) = match Arguments::parse(args, OPTIONS) {
        Ok(args) if args.has("help") => (0, HELP.to_owned()),
        Ok(args) => match carry_out(&args) {
            Ok(text) => (0, text),
            Err((code, text)) => (code, text),
        },
        Err(text) => (USAGE, text),
    };
    if code == 0 {
        print!("{text}");
    } else {
        eprintln!("stonith_admin: {text}");
    }
    ExitCode::from(code)
}

fn carry_out(args: &Arguments) -> Result<String, (u8, String)> {
    let live = Live::at(args.value("socket"));
    let silent = |error: Silent| (NO_CLUSTER, error.to_string());
    if let Some(target) = args.value("history") {
        let target = Some(target).filter(|target| *target != "*");
        if args.has("cleanup") {
            let target = target.map(str::to_owned);
            return live.order(Request::ForgetFencing { target }).map(|()| String::new()).map_err(silent);
        }
        let history = history(&live, target).map_err(silent)?;
        return Ok(told(history, args.has("verbose"), local_now().offset()));
    }
    for (option, action) in [("fence", "off"), ("reboot", "reboot"), ("unfence", "on")] {
        let Some(target) = args.value(option) else { continue };
        let (target, action) = (target.to_owned(), action.to_owned());
        return match live.ask(Request::Fence { target, action }).map_err(silent)? {
            Answer::Fenced { ok: false, reason } => Err((FAILED, reason.unwrap_or_else(|| "it failed".to_owned()))),
            _ => Ok(String::new()),
        };
    }
    Err((USAGE, "an action is needed: -H, -F, -B or -U".to_owned()))
}

/// What the cluster of a node remembers of fencing, of one target or of all; the latest first.
pub(crate) fn history(live: &Live, target: Option<&str>) -> Result<Vec<Fencing>, Silent> {
    match live.ask(Request::FencingHistory { target: target.map(str::to_owned) })? {
        Answer::Fencing(rows) => Ok(rows.into_iter().map(fencing).collect()),
        _ => Err(Silent::Refused("an answer to another question".to_owned())),
    }
}

fn fencing(row: FencingRow) -> Fencing {
    Fencing {
        target: row.target,
        action: row.action,
        origin: row.origin,
        delegate: row.delegate,
        client: row.client,
        state: match row.state.as_str() {
            "completed" => FencingState::Successful,
            "failed" => FencingState::Failed,
            _ => FencingState::Pending,
        },
        completed: row.completed.map(|seconds| (i64::try_from(seconds).unwrap_or(i64::MAX), row.nanoseconds)),
        reason: row.reason,
    }
}

fn told(mut history: Vec<Fencing>, full: bool, utc_offset: i32) -> String {
    sort_fencing(&mut history);
    let shown = if full { history.clone() } else { latest_fencing(&history) };
    let wording = Wording { last: !full, utc_offset, ..Wording::default() };
    shown.iter().map(|f| f.line(&history, wording) + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_lines() {
        let row = |state: &str, completed| FencingRow {
            target: "n1".into(),
            action: "reboot".into(),
            origin: "n2".into(),
            delegate: Some("n3".into()),
            client: "pacemaker-controld.9".into(),
            state: state.into(),
            completed,
            nanoseconds: 5_000,
            reason: None,
        };
        let rows = [row("completed", Some(60)), row("completed", Some(30)), row("executing", None)];
        let history: Vec<Fencing> = rows.into_iter().map(fencing).collect();
        assert_eq!(
            told(history.clone(), false, 0),
            "reboot of n1 for pacemaker-controld.9@n2 pending\nreboot of n1 by n3 for pacemaker-controld.9@n2 last successful at 1970-01-01 00:01:00.000005Z\n"
        );
        assert_eq!(told(history, true, 0).lines().count(), 3);
    }
}
