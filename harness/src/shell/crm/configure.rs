//! Level `configure` [SH-11].

use cib_core::rules::parse_boolean;
use cib_core::schema::SCHEMAS;

use super::commit::property;
use super::session::Session;

/// Arguments as the language takes them.
pub(super) fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

/// A command that makes an object.
pub(super) fn object(session: &mut Session, arguments: &[String]) -> bool {
    if session.command == "ms" && arguments.len() > 1 {
        let meta = if arguments.iter().any(|word| word == "meta") { "" } else { "meta " };
        let text = arguments.join(" ");
        session.warn(&format!("\"ms\" is deprecated. Please use \"clone {text} {meta}promotable=true\""));
    }
    let all: Vec<String> = core::iter::once(session.command.to_owned()).chain(arguments.iter().cloned()).collect();
    session.with_copy(|copy| copy.execute_words(&all))
}

pub(super) fn show(session: &mut Session, arguments: &[String]) -> bool {
    let mut filters = words(arguments);
    let xml = filters.first() == Some(&"xml");
    if xml {
        filters.remove(0);
    }
    let selection = session.copy().select(&filters);
    for word in &selection.missing {
        session.error(&format!("object {word} does not exist"));
    }
    if !selection.missing.is_empty() {
        return false;
    }
    if xml {
        println!("{}", session.copy().show_xml(&selection, true).trim_end_matches('\n'));
        println!();
    } else {
        print!("{}", session.copy().show_selection(&selection));
    }
    true
}

pub(super) fn commit(session: &mut Session, arguments: &[String]) -> bool {
    if let Some(other) = arguments.iter().find(|word| !matches!(word.as_str(), "force" | "replace")) {
        session.error(&format!("syntax parsing 'configure.commit {other}'"));
        return false;
    }
    let force = arguments.iter().any(|word| word == "force");
    session.commit(force)
}

pub(super) fn delete(session: &mut Session, arguments: &[String]) -> bool {
    let (options, ids): (Vec<&str>, Vec<&str>) =
        words(arguments).into_iter().partition(|word| matches!(*word, "-f" | "--force"));
    let force = session.force() || !options.is_empty();
    if ids.is_empty() && !force {
        return session.fail("Expected at least one object ID");
    }
    session.with_copy(|copy| copy.delete(&ids, force))
}

pub(super) fn rename(session: &mut Session, arguments: &[String]) -> bool {
    session.with_copy(|copy| copy.rename(&arguments[0], &arguments[1]))
}

pub(super) fn erase(session: &mut Session, arguments: &[String]) -> bool {
    match arguments.first().map(String::as_str) {
        None => session.with_copy(|copy| copy.erase()),
        Some("nodes") => session.with_copy(|copy| copy.erase_nodes()),
        Some(other) => {
            let text = format!("syntax parsing 'configure.erase {other}'");
            session.error(&text);
            return false;
        }
    }
    true
}

pub(super) fn refresh(session: &mut Session, _arguments: &[String]) -> bool {
    if session.interactive
        && session.has_changes()
        && !session.ask("All changes will be dropped. Do you want to proceed")
    {
        return false;
    }
    session.refresh_copy().is_some()
}

pub(super) fn set(session: &mut Session, arguments: &[String]) -> bool {
    match session.with_copy(|copy| copy.set(&arguments[0], &arguments[1])) {
        Ok(()) => true,
        Err(error) => session.fail(&error.to_string()),
    }
}

pub(super) fn modgroup(session: &mut Session, arguments: &[String]) -> bool {
    if !matches!(arguments[1].as_str(), "add" | "remove") {
        session.error(&format!("modgroup subcommand {} unknown", arguments[1]));
        return false;
    }
    let rest = words(&arguments[1..]);
    match session.with_copy(|copy| copy.modgroup(&arguments[0], &rest)) {
        Ok(()) => true,
        Err(error) => session.fail(&error.to_string()),
    }
}

pub(super) fn default_timeouts(session: &mut Session, arguments: &[String]) -> bool {
    let ids = words(arguments);
    session.with_copy(|copy| copy.default_timeouts(&ids))
}

pub(super) fn verify(session: &mut Session, _arguments: &[String]) -> bool {
    let all = session.copy().objects();
    session.verify(all)
}

pub(super) fn schema(session: &mut Session, arguments: &[String]) -> bool {
    let current = session.copy().dialect().schema;
    let Some(wanted) = arguments.first() else {
        println!("{current}");
        return true;
    };
    if *wanted == current {
        session.inform(&format!("already using schema {current}"));
        return true;
    }
    if !SCHEMAS.contains(&wanted.as_str()) {
        session.error(&format!("schema {wanted} does not exist"));
        return false;
    }
    let mut candidate = session.copy().document().clone();
    let root = candidate.root();
    candidate.set_attr(root, "validate-with", wanted);
    if cib_core::schema::validate(&candidate).is_err() {
        session.error(&format!("Schema {wanted} conflicts with current configuration"));
        return false;
    }
    session.with_copy(|copy| {
        copy.with_document(|doc| {
            let root = doc.root();
            doc.set_attr(root, "validate-with", wanted);
        });
    });
    true
}

pub(super) fn upgrade(session: &mut Session, arguments: &[String]) -> bool {
    if arguments.first().is_some_and(|word| word != "force") {
        session.error(&format!("syntax parsing 'configure.upgrade {}'", arguments[0]));
        return false;
    }
    let mut candidate = session.copy().document().clone();
    match cib_core::schema::upgrade(&mut candidate) {
        Ok(_) => {
            session.with_copy(|copy| copy.with_document(|doc| *doc = candidate));
            true
        }
        Err(error) => session.fail(&error.to_string()),
    }
}

/// Options of the cluster with their defaults.
const DEFAULTS: [(&str, &str); 40] = [
    ("dc-version", "none"),
    ("cluster-infrastructure", "corosync"),
    ("cluster-name", ""),
    ("dc-deadtime", "20s"),
    ("cluster-recheck-interval", "15min"),
    ("election-timeout", "2min"),
    ("shutdown-escalation", "20min"),
    ("join-integration-timeout", "3min"),
    ("join-finalization-timeout", "30min"),
    ("transition-delay", "0s"),
    ("no-quorum-policy", "stop"),
    ("shutdown-lock", "false"),
    ("shutdown-lock-limit", "0"),
    ("enable-acl", "false"),
    ("symmetric-cluster", "true"),
    ("maintenance-mode", "false"),
    ("start-failure-is-fatal", "true"),
    ("enable-startup-probes", "true"),
    ("stonith-enabled", "true"),
    ("stonith-action", "reboot"),
    ("fence-reaction", "stop"),
    ("stonith-timeout", "60s"),
    ("have-watchdog", "false"),
    ("stonith-watchdog-timeout", "0"),
    ("stonith-max-attempts", "10"),
    ("concurrent-fencing", "false"),
    ("startup-fencing", "true"),
    ("priority-fencing-delay", "0"),
    ("cluster-delay", "60s"),
    ("load-threshold", "80%"),
    ("node-action-limit", "0"),
    ("batch-limit", "0"),
    ("migration-limit", "-1"),
    ("stop-all-resources", "false"),
    ("stop-orphan-resources", "true"),
    ("stop-orphan-actions", "true"),
    ("pe-error-series-max", "-1"),
    ("pe-warn-series-max", "5000"),
    ("pe-input-series-max", "4000"),
    ("placement-strategy", "default"),
];

pub(super) fn get_property(session: &mut Session, arguments: &[String]) -> bool {
    let truth = arguments.first().is_some_and(|word| word == "-t");
    let names = &arguments[usize::from(truth)..];
    if names.is_empty() {
        for (name, _) in DEFAULTS {
            println!("{name}");
        }
        return true;
    }
    let mut fine = true;
    for name in names {
        let own = property(session.copy().document(), name).map(str::to_owned);
        let default = DEFAULTS.iter().find(|(known, _)| known == name).map(|(_, value)| (*value).to_owned());
        match own.or(default) {
            value if truth => println!("{}", value.as_deref().and_then(parse_boolean) == Some(true)),
            Some(value) => println!("{value}"),
            None => fine = session.fail(&format!("{name}: Property not set")),
        }
    }
    fine
}

pub(super) fn graph(session: &mut Session, arguments: &[String]) -> bool {
    let kind = arguments.first().map_or("dot", String::as_str);
    if kind != "dot" {
        session.error(&format!("graph type {kind} is not supported"));
        return session.fail("Failed to create graph");
    }
    let picture = super::graph::dot(session.copy());
    match arguments.get(1) {
        None => print!("{picture}"),
        Some(path) => {
            if let Err(error) = std::fs::write(path, picture) {
                return session.fail(&format!("could not write {path}: {error}"));
            }
        }
    }
    true
}
