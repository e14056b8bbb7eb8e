//! Level `node` [SH-13].

use cib_core::xml::{Document, NodeIx};

use super::attributes::{check_usage, write};
use super::session::Session;

fn nodes(cib: &Document) -> Vec<NodeIx> {
    let section = cib.path(cib.root(), &["configuration", "nodes"]);
    section.into_iter().flat_map(|section| cib.children_named(section, "node")).collect()
}

fn find(cib: &Document, name: &str) -> Option<NodeIx> {
    nodes(cib).into_iter().find(|node| cib.attr(*node, "uname") == Some(name) || cib.id(*node) == Some(name))
}

fn state(cib: &Document, node: NodeIx) -> Option<NodeIx> {
    let status = cib.child(cib.root(), "status")?;
    let mut states = cib.children_named(status, "node_state");
    states.find(|state| cib.id(*state) == cib.id(node) || cib.attr(*state, "uname") == cib.attr(node, "uname"))
}

pub(super) fn show(session: &mut Session, arguments: &[String]) -> bool {
    let Some(cib) = session.read_cib() else { return false };
    let mut all = nodes(&cib);
    all.sort_by_key(|node| cib.attr(*node, "uname"));
    for node in all {
        let uname = cib.attr(node, "uname").unwrap_or_default();
        if arguments.first().is_some_and(|wanted| wanted != uname) {
            continue;
        }
        let id = cib.id(node).unwrap_or_default();
        let label = if id == uname { uname.to_owned() } else { format!("{uname}({id})") };
        let offline = state(&cib, node).is_some_and(|state| cib.attr(state, "crmd") == Some("offline"));
        let kind = cib.attr(node, "type").unwrap_or("member");
        println!("{label}: {kind}{}", if offline { "(offline)" } else { "" });
        for (name, value) in cib.attrs(node).filter(|(name, _)| !matches!(*name, "id" | "uname" | "type")) {
            println!("\t{name}: {value}");
        }
        for set in cib.children(node) {
            let pairs = cib.children_named(set, "nvpair").map(|pair| {
                format!(
                    "{}={}",
                    cib.attr(pair, "name").unwrap_or_default(),
                    cib.attr(pair, "value").unwrap_or_default()
                )
            });
            println!("\t{}", pairs.collect::<Vec<_>>().join(" "));
        }
    }
    true
}

pub(super) fn server(session: &mut Session, arguments: &[String]) -> bool {
    let Some(cib) = session.read_cib() else { return false };
    for node in nodes(&cib) {
        let uname = cib.attr(node, "uname").unwrap_or_default();
        if arguments.is_empty() || arguments.iter().any(|name| name == uname) {
            println!("{uname}");
        }
    }
    true
}

pub(super) fn attribute(session: &mut Session, arguments: &[String]) -> bool {
    permanent(session, arguments, "instance_attributes", "")
}

pub(super) fn utilization(session: &mut Session, arguments: &[String]) -> bool {
    permanent(session, arguments, "utilization", "-utilization")
}

/// Sets, shows or deletes a permanent attribute of a node.
fn permanent(session: &mut Session, arguments: &[String], tag: &str, suffix: &str) -> bool {
    if !check_usage(session, arguments) {
        return false;
    }
    let Some(mut cib) = session.read_cib() else { return false };
    let Some(node) = find(&cib, &arguments[0]) else {
        eprintln!("crm_attribute: Could not map name={} to a UUID", arguments[0]);
        return false;
    };
    let set_id = format!("nodes-{}{suffix}", cib.id(node).unwrap_or_default());
    change(session, &mut cib, node, tag, &set_id, "nodes", arguments)
}

pub(super) fn status_attribute(session: &mut Session, arguments: &[String]) -> bool {
    if !check_usage(session, arguments) {
        return false;
    }
    let Some(mut cib) = session.read_cib() else { return false };
    let Some(node) = find(&cib, &arguments[0]) else {
        eprintln!("crm_attribute: Could not map name={} to a UUID", arguments[0]);
        return false;
    };
    let id = cib.id(node).unwrap_or_default().to_owned();
    if super::live::node(session).is_some() && arguments[1] != "show" {
        let name = cib.attr(node, "uname").unwrap_or_default().to_owned();
        let value = arguments.get(3).filter(|_| arguments[1] == "set").cloned();
        return super::live::transient(session, arguments, &name, &arguments[2], value);
    }
    let Some(state) = state(&cib, node) else {
        if let ("set", Some(value)) = (arguments[1].as_str(), arguments.get(3)) {
            eprintln!(
                "Error setting {}={value} (section=status, set=status-{id}): No such device or address",
                arguments[2]
            );
        }
        eprintln!("crm_attribute: Error performing operation: No such device or address");
        return false;
    };
    let transient = match cib.child(state, "transient_attributes") {
        Some(transient) => transient,
        None => {
            let transient = cib.append(state, "transient_attributes");
            cib.set_attr(transient, "id", &id);
            transient
        }
    };
    change(session, &mut cib, transient, "instance_attributes", &format!("status-{id}"), "status", arguments)
}

/// The command of an attribute on a set below `owner`.
fn change(
    session: &mut Session,
    cib: &mut Document,
    owner: NodeIx,
    tag: &str,
    set_id: &str,
    scope: &str,
    arguments: &[String],
) -> bool {
    let name = &arguments[2];
    let sets = cib.children_named(owner, tag);
    let mut pairs = sets.flat_map(|set| cib.children_named(set, "nvpair"));
    let pair = pairs.find(|pair| cib.attr(*pair, "name") == Some(name));
    match (arguments[1].as_str(), arguments.get(3)) {
        ("set", Some(value)) => {
            put(cib, owner, tag, set_id, name, value);
            write(session, cib)
        }
        ("delete", _) => {
            let Some(pair) = pair else { return true };
            println!("Deleted {scope} attribute: id={} name={name}", cib.id(pair).unwrap_or_default());
            cib.remove(pair);
            write(session, cib)
        }
        _ => match pair.and_then(|pair| cib.attr(pair, "value")) {
            Some(value) => {
                println!("scope={scope}  name={name} value={value}");
                true
            }
            None => {
                eprintln!("crm_attribute: Error performing operation: No such device or address");
                false
            }
        },
    }
}

/// Sets an attribute in the first set below `owner` that has it, or in the set with `set_id`, which is made if need be.
fn put(cib: &mut Document, owner: NodeIx, tag: &str, set_id: &str, name: &str, value: &str) {
    let sets: Vec<NodeIx> = cib.children_named(owner, tag).collect();
    let pair = sets
        .iter()
        .flat_map(|set| cib.children_named(*set, "nvpair"))
        .find(|pair| cib.attr(*pair, "name") == Some(name));
    if let Some(pair) = pair {
        cib.set_attr(pair, "value", value);
        return;
    }
    let set = sets.into_iter().find(|set| cib.id(*set) == Some(set_id)).unwrap_or_else(|| {
        let set = cib.append(owner, tag);
        cib.set_attr(set, "id", set_id);
        set
    });
    let pair = cib.append(set, "nvpair");
    cib.set_attr(pair, "id", &format!("{set_id}-{name}"));
    cib.set_attr(pair, "name", name);
    cib.set_attr(pair, "value", value);
}

/// The nodes that the words name; an error for one that does not exist.
fn named(session: &mut Session, cib: &Document, words: &[String]) -> Option<Vec<NodeIx>> {
    if words.iter().any(|word| word == "--all") {
        return Some(nodes(cib));
    }
    let mut found = Vec::new();
    for word in words {
        match find(cib, word) {
            Some(node) => found.push(node),
            None => {
                session.fail(&format!("Node \"{word}\" is not a cluster node"));
                return None;
            }
        }
    }
    if words.is_empty() {
        let host = super::live::local_name(session);
        match find(cib, &host) {
            Some(node) => found.push(node),
            None => {
                session.fail(&format!("Node \"{host}\" is not a cluster node"));
                return None;
            }
        }
    }
    Some(found)
}

pub(super) fn standby(session: &mut Session, arguments: &[String]) -> bool {
    let lifetimes = ["reboot", "forever"];
    let (lifetime, words): (Vec<String>, Vec<String>) =
        arguments.iter().cloned().partition(|word| lifetimes.contains(&word.as_str()));
    if lifetime.first().is_some_and(|word| word == "reboot") {
        return standby_until_reboot(session, &words);
    }
    set_standby(session, &words, "on", "standby")
}

/// Standby in the transient attributes; a permanent entry, which would hide it, goes.
fn standby_until_reboot(session: &mut Session, words: &[String]) -> bool {
    if super::live::node(session).is_none() {
        return session.fail("an attribute until reboot needs a running cluster");
    }
    let Some(mut cib) = session.read_cib() else { return false };
    let Some(found) = named(session, &cib, words) else { return false };
    let names: Vec<String> = found.iter().filter_map(|&node| cib.attr(node, "uname")).map(str::to_owned).collect();
    for node in found {
        let sets: Vec<NodeIx> = cib.children_named(node, "instance_attributes").collect();
        let pairs: Vec<NodeIx> = sets.iter().flat_map(|&set| cib.children_named(set, "nvpair")).collect();
        let standby: Vec<NodeIx> =
            pairs.into_iter().filter(|&pair| cib.attr(pair, "name") == Some("standby")).collect();
        standby.into_iter().for_each(|pair| cib.remove(pair));
    }
    names.iter().all(|name| super::live::transient(session, words, name, "standby", Some("on".to_owned())))
        && write(session, &mut cib)
}

pub(super) fn online(session: &mut Session, arguments: &[String]) -> bool {
    set_standby(session, arguments, "off", "online") && end_standby_until_reboot(session, arguments)
}

/// On a running node, standby in the transient attributes ends, too.
fn end_standby_until_reboot(session: &mut Session, words: &[String]) -> bool {
    if super::live::node(session).is_none() {
        return true;
    }
    let Some(cib) = session.read_cib() else { return false };
    let Some(found) = named(session, &cib, words) else { return false };
    let in_standby = |node: NodeIx| {
        let status = state(&cib, node)?;
        let mut pairs = cib.descendants(status).filter(|&pair| cib.name(pair) == "nvpair");
        pairs.find(|&pair| cib.attr(pair, "name") == Some("standby"))?;
        cib.attr(node, "uname").map(str::to_owned)
    };
    let names: Vec<String> = found.into_iter().filter_map(in_standby).collect();
    names.iter().all(|name| super::live::transient(session, words, name, "standby", Some("off".to_owned())))
}

fn set_standby(session: &mut Session, words: &[String], value: &str, word: &str) -> bool {
    let Some(mut cib) = session.read_cib() else { return false };
    let Some(found) = named(session, &cib, words) else { return false };
    for node in found {
        let set_id = format!("nodes-{}", cib.id(node).unwrap_or_default());
        put(&mut cib, node, "instance_attributes", &set_id, "standby", value);
        let uname = cib.attr(node, "uname").unwrap_or_default().to_owned();
        session.inform(&format!("{word} node {uname}"));
    }
    write(session, &mut cib)
}

pub(super) fn maintenance(session: &mut Session, arguments: &[String]) -> bool {
    set_maintenance(session, arguments, "true")
}

pub(super) fn ready(session: &mut Session, arguments: &[String]) -> bool {
    set_maintenance(session, arguments, "off")
}

fn set_maintenance(session: &mut Session, arguments: &[String], value: &str) -> bool {
    let Some(mut cib) = session.read_cib() else { return false };
    let host = super::live::local_name(session);
    let name = arguments.first().map_or(host.as_str(), String::as_str);
    let Some(node) = find(&cib, name) else {
        session.error("CIB is not valid!");
        session.error(&format!("Failed to update node attributes for {name}"));
        return true;
    };
    let set_id = format!("nodes-{}", cib.id(node).unwrap_or_default());
    put(&mut cib, node, "instance_attributes", &set_id, "maintenance", value);
    write(session, &mut cib)
}

pub(super) fn delete(session: &mut Session, arguments: &[String]) -> bool {
    let name = &arguments[0];
    let Some(mut cib) = session.read_cib() else { return false };
    let Some(node) = find(&cib, name) else {
        session.error(&format!("node {name} not found in the CIB"));
        return true;
    };
    // Feature sets from 3.18 on write when its controller came, older ones a word [CT-4.7].
    let runs = |crmd: &str| crmd == "online" || crmd.parse::<u64>().is_ok_and(|since| since > 0);
    let active = state(&cib, node).and_then(|state| cib.attr(state, "crmd")).is_some_and(runs);
    if active && !session.force() {
        session.error(&format!("according to crm_node, node {name} is still active"));
        return false;
    }
    if let Some(state) = state(&cib, node) {
        cib.remove(state);
    }
    cib.remove(node);
    let done = write(session, &mut cib);
    if done {
        session.inform(&format!("node {name} deleted"));
    }
    done
}
