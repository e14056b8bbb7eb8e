//! Status of the cluster, and what the scheduler would do, from the CIB alone [SH-17].

use cib_core::xml::{Document, Limits, NodeIx};
use policy_core::report::Chunk;

use super::session::Session;
use crate::shell::cib_tools::local_now;
use crate::shell::scheduler::{arguments, run};

/// What the scheduler's tool prints for these arguments and this CIB.
fn simulate(cib: &Document, words: &[&str]) -> Result<(String, u8), String> {
    let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    let arguments = arguments::parse(&words)?;
    let now = local_now();
    let outcome = run::run(&arguments, &cib.write(), now.epoch_seconds(), now.offset());
    let out = outcome.report.chunks().iter().filter_map(|chunk| match chunk {
        Chunk::Out(text) => Some(text.as_str()),
        Chunk::Err(_) => None,
    });
    Ok((out.collect(), outcome.exit))
}

/// The CIB as the simulator has it after injections.
pub(super) fn injected(cib: &Document, injections: &[&str]) -> Result<Document, String> {
    let words = ["-x", "-", "-Q", "--save-input", "-"].iter().chain(injections).map(|word| (*word).to_owned());
    let arguments = arguments::parse(&words.collect::<Vec<_>>())?;
    let now = local_now();
    let outcome = run::run(&arguments, &cib.write(), now.epoch_seconds(), now.offset());
    let told = outcome.report.merged();
    let made = outcome.input.filter(|_| outcome.exit == 0).ok_or_else(|| told.trim_end().to_owned())?;
    Document::parse_with(&made, &Limits::file()).map_err(|error| error.to_string())
}

/// The lists of nodes and resources, one level out.
pub(super) fn current(cib: &Document) -> Result<String, String> {
    let (text, _) = simulate(cib, &["-x", "-"])?;
    let mut lines = text.lines().skip_while(|line| *line != "Current cluster status:").skip(1).peekable();
    let mut shown = String::new();
    while let Some(line) = lines.next() {
        if !line.is_empty() && !line.starts_with("  ") {
            break;
        }
        if line.is_empty() && lines.peek().is_none_or(|next| !next.starts_with("  ")) {
            break;
        }
        shown.push_str(line);
        shown.push('\n');
    }
    Ok(shown)
}

/// The lines of the list of resources, as `resource status` shows them.
pub(super) fn resource_lines(session: &mut Session) -> Option<Vec<String>> {
    let cib = session.read_cib()?;
    match current(&cib) {
        Ok(text) => {
            let list =
                text.lines().skip_while(|line| !line.trim_start().starts_with("* Full List of Resources:")).skip(1);
            let lines = list.take_while(|line| line.starts_with("    "));
            let lines = lines.filter(|line| !line.ends_with("* No resources"));
            Some(lines.map(|line| line[2..].to_owned()).collect())
        }
        Err(text) => {
            session.error(&text);
            None
        }
    }
}

/// The nodes on which a resource runs by its history, and whether promoted.
pub(super) fn running_on(cib: &Document, id: &str) -> Vec<(String, bool)> {
    let Some(status) = cib.child(cib.root(), "status") else { return Vec::new() };
    let mut places = Vec::new();
    for state in cib.children_named(status, "node_state") {
        let history = cib.path(state, &["lrm", "lrm_resources"]);
        let entries = history.into_iter().flat_map(|history| cib.children_named(history, "lrm_resource"));
        for entry in entries.filter(|entry| cib.id(*entry).is_some_and(|own| own.split(':').next() == Some(id))) {
            if let Some(promoted) = last_role(cib, entry) {
                places.push((cib.attr(state, "uname").unwrap_or_default().to_owned(), promoted));
            }
        }
    }
    places
}

/// Whether the newest operations leave the resource running, and promoted.
fn last_role(cib: &Document, entry: NodeIx) -> Option<bool> {
    let mut operations: Vec<(i64, &str, &str)> = cib
        .children_named(entry, "lrm_rsc_op")
        .filter_map(|op| {
            let call = cib.attr(op, "call-id")?.parse().ok()?;
            Some((call, cib.attr(op, "operation")?, cib.attr(op, "rc-code").unwrap_or("0")))
        })
        .collect();
    operations.sort_unstable();
    let mut role = None;
    for (_, operation, code) in operations {
        role = match (operation, code) {
            ("monitor", "8") | ("promote", "0") => Some(true),
            ("monitor" | "start" | "demote" | "migrate_from", "0") => {
                Some(role == Some(true) && operation == "monitor")
            }
            ("stop" | "migrate_to", "0") | ("monitor", "7") => None,
            _ => role,
        };
    }
    role
}

/// `resource scores`: allocation scores.
pub(super) fn scores(session: &mut Session, _arguments: &[String]) -> bool {
    let Some(cib) = session.read_cib() else { return false };
    match simulate(&cib, &["-x", "-", "-sQ"]) {
        Ok((text, exit)) => {
            print!("{text}");
            exit == 0
        }
        Err(text) => session.fail(&text),
    }
}

/// `ptest`: the working copy with the present status through the scheduler.
pub(super) fn ptest(session: &mut Session, arguments: &[String]) -> bool {
    let known = |word: &String| {
        matches!(word.as_str(), "nograph" | "scores" | "utilization" | "actions")
            || word.bytes().all(|byte| byte == b'v')
    };
    if !arguments.iter().all(known) {
        session.error(&format!("Bad usage: 'ptest {}'", arguments.join(" ")));
        return false;
    }
    let has = |wanted: &str| arguments.iter().any(|word| word == wanted);
    let Some(mut cib) = session.read_cib() else { return false };
    let mut copy = session.copy().clone();
    copy.commit(&mut cib);
    if let Some(played) = &session.played {
        played.put_into(&mut cib);
    }
    let mut words = vec!["-x", "-", "-S"];
    words.extend(has("scores").then_some("-s"));
    words.extend(has("utilization").then_some("-U"));
    let (text, _) = match simulate(&cib, &words) {
        Ok(result) => result,
        Err(text) => return session.fail(&text),
    };
    if !has("actions") {
        print!("{text}");
        return true;
    }
    let actions: Vec<&str> = text
        .lines()
        .skip_while(|line| *line != "Transition Summary:")
        .skip(1)
        .take_while(|line| line.starts_with("  * "))
        .filter(|line| !line.contains(" Leave "))
        .collect();
    if actions.is_empty() {
        session.warn("No actions found.");
    }
    actions.iter().for_each(|line| println!("{line}"));
    true
}
