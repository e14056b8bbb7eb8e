//! Tracing of resource agents [SH-12.5].

use cib_core::crmsh::{Keyword, Object};
use cib_core::xml::{Document, NodeIx};

use super::session::Session;

/// What `trace` and `untrace` are asked for.
struct Request {
    operation: Option<String>,
    interval: Option<String>,
    folder: Option<String>,
}

impl Request {
    /// The words are told apart by their form.
    fn of(words: &[String]) -> Request {
        let mut request = Request { operation: None, interval: None, folder: None };
        for word in words {
            if word.starts_with('/') {
                request.folder = Some(word.clone());
            } else if word.starts_with(|c: char| c.is_ascii_digit()) {
                request.interval = Some(word.clone());
            } else {
                request.operation = Some(word.clone());
            }
        }
        if request.operation.as_deref() == Some("probe") {
            request.operation = Some("monitor".to_owned());
            request.interval = Some("0".to_owned());
        }
        request
    }
}

fn primitive(session: &mut Session, id: &str) -> Option<Object> {
    let object = session.open_copy()?.find(id);
    match object {
        None => {
            session.fail(&format!("resource {id} does not exist"));
            None
        }
        Some(object) if object.keyword != Keyword::Primitive => {
            session.fail(&format!("element {id} is not a primitive resource"));
            None
        }
        found => found,
    }
}

fn operations(doc: &Document, node: NodeIx) -> Vec<NodeIx> {
    doc.children_named(node, "operations").flat_map(|operations| doc.children_named(operations, "op")).collect()
}

fn zero(interval: &str) -> bool {
    interval.trim_start_matches('0').trim_start_matches(|c: char| c.is_ascii_alphabetic()).is_empty()
}

pub(super) fn trace(session: &mut Session, arguments: &[String]) -> bool {
    let id = &arguments[0];
    let request = Request::of(&arguments[1..]);
    let pending = session.has_changes();
    let Some(object) = primitive(session, id) else { return false };
    let doc = session.copy().document();
    let ops = operations(doc, object.node);
    let named = |name: &str| ops.iter().copied().filter(|op| doc.attr(*op, "name") == Some(name)).collect::<Vec<_>>();
    let mut wanted = Vec::new();
    let mut missing: Vec<&str> = Vec::new();
    match (request.operation.as_deref(), request.interval.as_deref()) {
        (None, _) => {
            wanted.extend(&ops);
            let mut names = vec!["start", "stop"];
            let promotable = session.copy().container(object).is_some();
            let top = session.copy().top_of(object);
            if promotable && session.copy().is_promotable(top) {
                names.extend(["promote", "demote"]);
            }
            let doc = session.copy().document();
            missing.extend(names.into_iter().filter(|name| !ops.iter().any(|op| doc.attr(*op, "name") == Some(name))));
        }
        (Some(name), Some(interval)) => {
            wanted.extend(named(name).into_iter().filter(|op| doc.attr(*op, "interval") == Some(interval)));
            if wanted.is_empty() {
                return session.fail(&format!("No {name} operation with interval {interval} configured for {id}"));
            }
        }
        (Some(name), None) => {
            wanted.extend(named(name));
            if wanted.is_empty() && name == "monitor" {
                return session.fail(&format!("No monitor operation configured for {id}"));
            }
            if wanted.is_empty() {
                missing.push(name);
            }
        }
    }
    let added: Vec<NodeIx> = missing
        .iter()
        .map(|name| session.copy().add_operation(object, id, &[("name", name), ("interval", "0")]))
        .collect();
    let folder = request.folder.as_deref();
    session.with_copy(|copy| {
        copy.with_document(|doc| {
            for op in wanted.into_iter().chain(added) {
                put_trace(doc, op, folder);
            }
        });
    });
    let agent = session.copy().document().attr(object.node, "type").unwrap_or_default().to_owned();
    let place = request.operation.as_ref().map(|operation| format!(":{operation}")).unwrap_or_default();
    if !pending && !session.write_copy() {
        return false;
    }
    let root = folder.unwrap_or("/var/lib/heartbeat");
    session.inform(&format!("Trace for {id}{place} is written to {root}/trace_ra/{agent}"));
    match request.operation.as_deref() {
        None | Some("monitor") => session.inform(&format!("Trace set, restart {id} to trace non-monitor operations")),
        Some(operation) => session.inform(&format!("Trace set, restart {id} to trace the {operation} operation")),
    }
    true
}

fn put_trace(doc: &mut Document, op: NodeIx, folder: Option<&str>) {
    let set = match doc.child(op, "instance_attributes") {
        Some(set) => set,
        None => {
            let id = format!("{}-instance_attributes", doc.id(op).unwrap_or_default());
            let set = doc.append(op, "instance_attributes");
            doc.set_attr(set, "id", &id);
            set
        }
    };
    for (name, value) in [("trace_ra", Some("1")), ("trace_dir", folder)] {
        let Some(value) = value else { continue };
        let known = doc.children_named(set, "nvpair").find(|pair| doc.attr(*pair, "name") == Some(name));
        let pair = known.unwrap_or_else(|| {
            let id = format!("{}-{name}", doc.id(set).unwrap_or_default());
            let pair = doc.append(set, "nvpair");
            doc.set_attr(pair, "name", name);
            doc.set_attr(pair, "id", &id);
            pair
        });
        doc.set_attr(pair, "value", value);
    }
}

pub(super) fn untrace(session: &mut Session, arguments: &[String]) -> bool {
    let id = &arguments[0];
    let request = Request::of(&arguments[1..]);
    let pending = session.has_changes();
    let Some(object) = primitive(session, id) else { return false };
    let doc = session.copy().document();
    let mut ops = operations(doc, object.node);
    if let Some(name) = request.operation.as_deref() {
        ops.retain(|op| doc.attr(*op, "name") == Some(name));
        if ops.is_empty() {
            return session.fail(&format!("Operation {name} not found in {id}"));
        }
        if let Some(interval) = request.interval.as_deref() {
            ops.retain(|op| doc.attr(*op, "interval") == Some(interval));
            if ops.is_empty() {
                return session.fail(&format!("Operation {name} with interval {interval} not found in {id}"));
            }
        }
    }
    session.with_copy(|copy| copy.with_document(|doc| ops.into_iter().for_each(|op| remove_trace(doc, op))));
    if !pending && !session.write_copy() {
        return false;
    }
    let what = request.operation.map(|name| format!(" for operation {name}")).unwrap_or_default();
    session.inform(&format!("Stop tracing {id}{what}"));
    true
}

/// Removes the attributes, and what is left empty by that.
fn remove_trace(doc: &mut Document, op: NodeIx) {
    let sets: Vec<NodeIx> = doc.children_named(op, "instance_attributes").collect();
    for set in sets {
        let pairs: Vec<NodeIx> = doc
            .children_named(set, "nvpair")
            .filter(|pair| matches!(doc.attr(*pair, "name"), Some("trace_ra" | "trace_dir")))
            .collect();
        pairs.into_iter().for_each(|pair| doc.remove(pair));
        if !doc.has_nodes(set) {
            doc.remove(set);
        }
    }
    let bare = !doc.has_nodes(op)
        && doc.attrs(op).all(|(name, value)| matches!(name, "id" | "name") || (name == "interval" && zero(value)));
    let operations = doc.parent(op);
    if bare {
        doc.remove(op);
        if let Some(operations) = operations.filter(|operations| !doc.has_nodes(*operations)) {
            doc.remove(operations);
        }
    }
}
