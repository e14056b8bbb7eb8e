//! Nodes and connections that resources imply [IN-10.2] [IN-10.4].

use crate::model::{Element, Model, NodeKind, Score};

/// What makes a connection resource of a guest node.
#[derive(Clone, Debug, Default)]
pub(super) struct Connection<'a> {
    pub(super) name: &'a str,
    pub(super) launcher: &'a str,
    pub(super) allow_migrate: Option<&'a str>,
    pub(super) is_managed: Option<&'a str>,
    pub(super) start_timeout: Option<&'a str>,
    pub(super) address: Option<&'a str>,
    pub(super) port: Option<&'a str>,
}

/// Makes the nodes of connections before any resource is read, and the connections of guest nodes.
pub(super) fn nodes_and_connections(m: &mut Model, section: Element) {
    let mut at = 0;
    let mut elements: Vec<Element> = m.config.children(section).collect();
    // appended connections are visited too
    while at < elements.len() {
        let element = elements[at];
        at += 1;
        if is_remote_agent(m, element) {
            if let Some(id) = m.config.id(element).map(str::to_owned) {
                make_node(m, &id);
            }
        } else if m.config.name(element).eq_ignore_ascii_case("primitive") {
            elements.extend(guest_of(m, section, element));
        } else if m.config.name(element).eq_ignore_ascii_case("group") {
            for member in m.config.children(element).collect::<Vec<_>>() {
                elements.extend(guest_of(m, section, member));
            }
        }
    }
}

/// Whether the element's own attributes make it a connection.
pub(super) fn is_remote_agent(m: &Model, element: Element) -> bool {
    let is = |name: &str, wanted: &str| m.config.attr(element, name).is_some_and(|v| v.eq_ignore_ascii_case(wanted));
    is("type", "remote") && is("class", "ocf") && is("provider", "pacemaker")
}

fn make_node(m: &mut Model, name: &str) {
    if m.node(name).is_none() {
        super::nodes::create(m, name, name, NodeKind::Remote, Score::ZERO);
    }
}

/// The connection of the guest node that `element` launches, if its meta-attributes, read literally, name one.
fn guest_of(m: &mut Model, section: Element, element: Element) -> Option<Element> {
    let mut found: [Option<String>; 6] = Default::default();
    const NAMES: [&str; 6] =
        ["remote-node", "remote-addr", "remote-port", "remote-connect-timeout", "remote-allow-migrate", "is-managed"];
    for set in m.config.children_named(element, "meta_attributes") {
        for pair in m.config.children_named(set, "nvpair") {
            let (Some(name), Some(value)) = (m.config.attr(pair, "name"), m.config.attr(pair, "value")) else {
                continue;
            };
            if let Some(at) = NAMES.iter().position(|&n| n == name) {
                found[at] = Some(value.to_owned());
            }
        }
    }
    let [name, address, port, timeout, allow_migrate, is_managed] = found;
    let name = name?;
    let launcher = m.config.id(element).unwrap_or_default().to_owned();
    let exists = m.config.children(section).any(|c| m.config.id(c) == Some(&name));
    let connection = (!exists).then(|| {
        let connection = Connection {
            name: &name,
            launcher: &launcher,
            allow_migrate: allow_migrate.as_deref(),
            is_managed: is_managed.as_deref(),
            start_timeout: Some(timeout.as_deref().unwrap_or("60s")),
            address: address.as_deref(),
            port: port.as_deref(),
        };
        append_connection(m, section, &connection)
    });
    make_node(m, &name);
    connection
}

/// Appends the element of a connection [ST-19.2].
pub(super) fn append_connection(m: &mut Model, parent: Element, of: &Connection<'_>) -> Element {
    let doc = &mut m.config;
    let primitive = doc.append(parent, "primitive");
    for (name, value) in [("id", of.name), ("class", "ocf"), ("provider", "pacemaker"), ("type", "remote")] {
        doc.set_attr(primitive, name, value);
    }
    let meta = [
        ("internal_rsc", Some("true")),
        ("container", Some(of.launcher)),
        ("allow-migrate", of.allow_migrate),
        ("is-managed", of.is_managed),
    ];
    append_set(m, primitive, "meta_attributes", &format!("{}-meta_attributes", of.name), &meta);
    if of.address.is_some() || of.port.is_some() {
        let id = format!("{}-instance_attributes", of.name);
        append_set(m, primitive, "instance_attributes", &id, &[("addr", of.address), ("port", of.port)]);
    }
    let operations = m.config.append(primitive, "operations");
    append_op(m, operations, &format!("{}-monitor-30s", of.name), "30s", "monitor", Some("30s"));
    if let Some(timeout) = of.start_timeout {
        append_op(m, operations, &format!("{}-start-0", of.name), "0", "start", Some(timeout));
    }
    primitive
}

/// Appends a set with the pairs that have a value.
pub(super) fn append_set(m: &mut Model, parent: Element, kind: &str, id: &str, pairs: &[(&str, Option<&str>)]) {
    let doc = &mut m.config;
    let set = doc.append(parent, kind);
    doc.set_attr(set, "id", id);
    for &(name, value) in pairs {
        let Some(value) = value else { continue };
        let pair = doc.append(set, "nvpair");
        doc.set_attr(pair, "id", &format!("{id}-{name}"));
        doc.set_attr(pair, "name", name);
        doc.set_attr(pair, "value", value);
    }
}

/// Appends an operation.
pub(super) fn append_op(m: &mut Model, parent: Element, id: &str, interval: &str, name: &str, timeout: Option<&str>) {
    let doc = &mut m.config;
    let op = doc.append(parent, "op");
    doc.set_attr(op, "id", id);
    doc.set_attr(op, "interval", interval);
    doc.set_attr(op, "name", name);
    if let Some(timeout) = timeout {
        doc.set_attr(op, "timeout", timeout);
    }
}
