//! A status to play with: what `ptest` takes for the present one [SH-15.2].

use std::path::Path;

use cib_core::rules::parse_boolean;
use cib_core::xml::Document;

use super::session::Session;
use super::shadow;
use super::status::{current, injected, ptest};
use super::store::{read_file, write_file};

/// A status, where it came from, and what was done to it since.
#[derive(Clone, Debug)]
pub(super) struct Played {
    cib: Document,
    origin: String,
    changes: Vec<String>,
}

impl Played {
    /// Puts the status in the place of the one that `cib` has.
    pub(super) fn put_into(&self, cib: &mut Document) {
        let (root, own) = (cib.root(), self.cib.root());
        if let Some(old) = cib.child(root, "status") {
            cib.remove(old);
        }
        if let Some(status) = self.cib.child(own, "status") {
            cib.copy(root, &self.cib, status);
        }
        if let Some(quorum) = self.cib.attr(own, "have-quorum") {
            cib.set_attr(root, "have-quorum", quorum);
        }
    }
}

/// The status that is played with; that of the CIB at first.
fn open(session: &mut Session) -> Option<&mut Played> {
    if session.played.is_none() {
        let cib = session.read_cib()?;
        session.played = Some(Played { cib, origin: "live".to_owned(), changes: Vec::new() });
    }
    session.played.as_mut()
}

/// Changes the status as the simulator does for these options.
fn inject(session: &mut Session, words: &[&str], change: String) -> bool {
    let Some(cib) = open(session).map(|played| played.cib.clone()) else { return false };
    match injected(&cib, words) {
        Ok(cib) => {
            if let Some(played) = &mut session.played {
                played.cib = cib;
                played.changes.push(change);
            }
            true
        }
        Err(text) => session.fail(&text),
    }
}

/// `load FILE|shadow:NAME|live`.
pub(super) fn load(session: &mut Session, arguments: &[String]) -> bool {
    let origin = arguments[0].as_str();
    let read = match origin.strip_prefix("shadow:") {
        _ if origin == "live" => session.store.read_live(),
        Some(name) => read_file(&shadow::file(name)),
        None => read_file(Path::new(origin)),
    };
    match read {
        Ok(cib) => {
            session.played = Some(Played { cib, origin: origin.to_owned(), changes: Vec::new() });
            true
        }
        Err(text) => session.fail(&text),
    }
}

/// `save [FILE]`: the CIB with this status; without a file, to the one that it was loaded from.
pub(super) fn save(session: &mut Session, arguments: &[String]) -> bool {
    let Some(played) = open(session).cloned() else { return false };
    let path = match (arguments.first(), played.origin.strip_prefix("shadow:")) {
        (Some(path), _) => Path::new(path).to_owned(),
        (None, _) if played.origin == "live" => {
            return session.fail("Expected a file: the live status cannot be written");
        }
        (None, Some(name)) => shadow::file(name),
        (None, None) => Path::new(&played.origin).to_owned(),
    };
    match write_file(&path, &played.cib) {
        Ok(()) => true,
        Err(text) => session.fail(&text),
    }
}

/// `origin`.
pub(super) fn origin(session: &mut Session, _arguments: &[String]) -> bool {
    println!("{}", session.played.as_ref().map_or("live", |played| played.origin.as_str()));
    true
}

/// `show [changed]`: nodes and resources, or what was changed.
pub(super) fn show(session: &mut Session, arguments: &[String]) -> bool {
    let Some(played) = open(session).cloned() else { return false };
    match arguments.first().map(String::as_str) {
        Some("changed") => played.changes.iter().for_each(|change| println!("{change}")),
        Some(other) => return session.fail(&format!("Expected 'changed' (found {other})")),
        None => match current(&played.cib) {
            Ok(text) => print!("{text}"),
            Err(text) => return session.fail(&text),
        },
    }
    true
}

/// `quorum BOOL`.
pub(super) fn quorum(session: &mut Session, arguments: &[String]) -> bool {
    let Some(value) = parse_boolean(&arguments[0]) else {
        return session.fail(&format!("Not a boolean: {}", arguments[0]));
    };
    let Some(played) = open(session) else { return false };
    let root = played.cib.root();
    played.cib.set_attr(root, "have-quorum", if value { "1" } else { "0" });
    played.changes.push(format!("quorum:{value}"));
    true
}

/// `node NODE online|offline|unclean`.
pub(super) fn node(session: &mut Session, arguments: &[String]) -> bool {
    let (name, state) = (arguments[0].as_str(), arguments[1].as_str());
    let option = match state {
        "online" => "--node-up",
        "offline" => "--node-down",
        "unclean" => "--node-fail",
        _ => return session.fail("Expected one of online|offline|unclean"),
    };
    inject(session, &[option, name], format!("node:{name}:{state}"))
}

/// `ticket TICKET grant|revoke|activate|standby`.
pub(super) fn ticket(session: &mut Session, arguments: &[String]) -> bool {
    let (name, change) = (arguments[0].as_str(), arguments[1].as_str());
    if !["grant", "revoke", "activate", "standby"].contains(&change) {
        return session.fail("Expected one of grant|revoke|activate|standby");
    }
    inject(session, &[&format!("--ticket-{change}"), name], format!("ticket:{name}:{change}"))
}

/// Names of the results of operations, 0 to 9.
const RESULTS: [&str; 10] = [
    "success",
    "unknown",
    "args",
    "unimplemented",
    "perm",
    "installed",
    "configured",
    "not_running",
    "master",
    "failed_master",
];

/// `op OPERATION RESOURCE EXIT_CODE [STATUS] [NODE]`; OPERATION may have an interval in milliseconds: `monitor:10000`.
pub(super) fn op(session: &mut Session, arguments: &[String]) -> bool {
    let (operation, resource, result) = (&arguments[0], &arguments[1], &arguments[2]);
    let code = RESULTS.iter().position(|name| *name == result.as_str()).or_else(|| result.parse().ok());
    let Some(code) = code else {
        return session.fail(&format!("Expected a result: a number or one of {}", RESULTS.join(" ")));
    };
    let (task, interval) = operation.split_once(':').unwrap_or((operation, "0"));
    let Some(cib) = open(session).map(|played| played.cib.clone()) else { return false };
    // The status of an execution is that of the result, but for the node there may be one argument or two.
    let known = ["pending", "done", "cancelled", "timeout", "notsupported", "error"];
    let node = arguments[3..].iter().find(|word| !known.contains(&word.as_str())).cloned();
    let places = super::status::running_on(&cib, resource);
    let Some(node) = node.or_else(|| places.first().map(|(node, _)| node.clone())) else {
        return session.fail(&format!("{resource} runs nowhere: name a node"));
    };
    let injection = format!("{resource}_{task}_{interval}@{node}={code}");
    inject(session, &["--op-inject", &injection], format!("op:{injection}"))
}

/// `run`, `simulate`: what the cluster would do.
pub(super) fn simulate(session: &mut Session, arguments: &[String]) -> bool {
    open(session).is_some() && session.open_copy().is_some() && ptest(session, arguments)
}
