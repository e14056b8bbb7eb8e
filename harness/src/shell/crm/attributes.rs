//! Attributes changed directly in the CIB [SH-12.3].

use cib_core::xml::{Document, NodeIx};

use super::session::Session;

pub(super) fn meta(session: &mut Session, arguments: &[String]) -> bool {
    direct(session, arguments, "meta_attributes")
}

pub(super) fn param(session: &mut Session, arguments: &[String]) -> bool {
    direct(session, arguments, "instance_attributes")
}

pub(super) fn utilization(session: &mut Session, arguments: &[String]) -> bool {
    direct(session, arguments, "utilization")
}

/// Checks the words after the name; an error names the whole command.
pub(super) fn check_usage(session: &mut Session, arguments: &[String]) -> bool {
    let (word, value) = (arguments[1].as_str(), arguments.get(3));
    let reason = match (word, value) {
        ("set", None) => "Missing value argument to set".to_owned(),
        ("show" | "delete", Some(_)) => format!("Too many arguments to {word}"),
        ("set" | "show" | "delete", _) => return true,
        (other, _) => format!("'{other}'"),
    };
    let command = session.command;
    session.error(&format!("Bad usage: {reason}, command: '{command} {}'", arguments.join(" ")));
    false
}

fn direct(session: &mut Session, arguments: &[String], tag: &str) -> bool {
    check_usage(session, arguments)
        && change_resource(
            session,
            &arguments[0],
            tag,
            &arguments[1],
            &arguments[2],
            arguments.get(3).map(String::as_str),
        )
}

/// Sets, shows or deletes an attribute of exactly this resource.
pub(super) fn change_resource(
    session: &mut Session,
    id: &str,
    tag: &str,
    command: &str,
    name: &str,
    value: Option<&str>,
) -> bool {
    let Some(mut cib) = session.read_cib() else { return false };
    let Some(resource) = find_resource(&cib, id) else {
        eprintln!("crm_resource: Resource '{id}' not found");
        eprintln!("Error performing operation: No such object");
        return false;
    };
    let pair = find_pair(&cib, resource, tag, name);
    match (command, value) {
        ("set", Some(value)) => println!("{}", put(&mut cib, resource, id, tag, name, value, pair)),
        ("delete", _) => {
            let Some(pair) = pair else { return true };
            println!("Deleted '{id}' option: id={} name={name}", cib.id(pair).unwrap_or_default());
            cib.remove(pair);
        }
        _ => {
            match pair.and_then(|pair| cib.attr(pair, "value")) {
                Some(value) => println!("{value}"),
                None => {
                    eprintln!("Attribute '{name}' not found for '{id}'");
                    return false;
                }
            }
            return true;
        }
    }
    write(session, &mut cib)
}

pub(super) fn write(session: &mut Session, cib: &mut Document) -> bool {
    match session.store.write(cib) {
        Ok(()) => !session.options.is_true("core.wait") || super::live::wait(session),
        Err(text) => {
            eprintln!("{text}");
            false
        }
    }
}

fn find_resource(cib: &Document, id: &str) -> Option<NodeIx> {
    let resources = cib.path(cib.root(), &["configuration", "resources"])?;
    let kinds = ["primitive", "group", "clone", "master", "bundle", "template"];
    cib.descendants(resources).find(|node| kinds.contains(&cib.name(*node)) && cib.id(*node) == Some(id))
}

fn find_pair(cib: &Document, resource: NodeIx, tag: &str, name: &str) -> Option<NodeIx> {
    let sets = cib.children_named(resource, tag);
    let mut pairs = sets.flat_map(|set| cib.children_named(set, "nvpair"));
    pairs.find(|pair| cib.attr(*pair, "name") == Some(name))
}

/// Changes the pair or adds one; what is said of it.
fn put(
    cib: &mut Document,
    resource: NodeIx,
    id: &str,
    tag: &str,
    name: &str,
    value: &str,
    pair: Option<NodeIx>,
) -> String {
    if let Some(pair) = pair {
        cib.set_attr(pair, "value", value);
        return format!("Set '{id}' option: id={} name={name} value={value}", cib.id(pair).unwrap_or_default());
    }
    let set = match cib.child(resource, tag) {
        Some(set) => set,
        None => {
            let set = cib.append(resource, tag);
            cib.set_attr(set, "id", &format!("{id}-{tag}"));
            set
        }
    };
    let set_id = cib.id(set).unwrap_or_default().to_owned();
    let pair_id = format!("{set_id}-{name}");
    let pair = cib.append(set, "nvpair");
    cib.set_attr(pair, "id", &pair_id);
    cib.set_attr(pair, "name", name);
    cib.set_attr(pair, "value", value);
    format!("Set '{id}' option: id={pair_id} set={set_id} name={name} value={value}")
}
