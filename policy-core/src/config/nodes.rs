//! Nodes and their attributes [IN-9].

use super::sets::{Mode, Scope, evaluate, evaluate_foreign};
use crate::model::{Document, Element, Model, Node, NodeFlags, NodeIx, NodeKind, Score, Symbol, TextMap, sym};

/// Reads the `nodes` section [IN-9.1].
pub(super) fn unpack(m: &mut Model) {
    let Some(section) = super::section(&m.config, "nodes") else { return };
    let elements: Vec<Element> = m.config.children_named(section, "node").collect();
    for element in elements {
        let Some(id) = m.config.id(element).map(str::to_owned) else {
            m.config_error("Ignoring <node> entry in configuration without id");
            continue;
        };
        let name = m.config.attr(element, "uname").unwrap_or_default().to_owned();
        let kind = match m.config.attr(element, "type") {
            None => NodeKind::Cluster,
            Some(t) if t.eq_ignore_ascii_case("member") => NodeKind::Cluster,
            Some(t) if t.eq_ignore_ascii_case("remote") => NodeKind::Remote,
            Some(t) => {
                let text = format!("Ignoring node {name} with unrecognized type '{t}'");
                m.config_error(text);
                return;
            }
        };
        let score = match m.config.attr(element, "score") {
            None => Score::ZERO,
            Some(text) => m.parse_score(text).unwrap_or(Score::ZERO),
        };
        if m.node(&name).is_some() {
            m.config_warning(format!("More than one node entry has name '{name}'"));
        }
        let node = create(m, &id, &name, kind, score);
        startup_state(m, node);
        add_attributes(m, node, None, Some(element));
    }
}

/// Makes a node with its first built-in attribute.
pub(super) fn create(m: &mut Model, id: &str, name: &str, kind: NodeKind, score: Score) -> NodeIx {
    let (id, name) = (m.symbols.intern(id), m.symbols.intern(name));
    let mut node = Node::new(id, name, kind, score);
    node.attributes.set(sym::KIND, if kind == NodeKind::Cluster { sym::CLUSTER } else { sym::REMOTE });
    m.add_node(node)
}

/// Whether a node that has not been seen counts as unclean [ST-4.2].
pub(super) fn startup_state(m: &mut Model, node: NodeIx) {
    if !(m[node].is_remote_type() && m[node].connection.is_none()) {
        let unclean = m.options.startup_fencing;
        m[node].flags.set(NodeFlags::UNCLEAN, unclean);
    }
}

/// Adds the attributes of `permanent` (an element of the configuration, nothing is overwritten) or of `transient` (an element
/// of the status section, everything is overwritten), and the built-in ones [ST-4.3].
pub(crate) fn add_attributes(
    m: &mut Model,
    node: NodeIx,
    transient: Option<(&Document, Option<Element>)>,
    permanent: Option<Element>,
) {
    add_built_in(m, node);
    match transient {
        Some((doc, Some(element))) => {
            let new = evaluate_foreign(m, doc, element, "instance_attributes");
            let attributes = &mut m[node].attributes;
            for (name, value) in new.iter() {
                attributes.set(name, value);
            }
            let utilization = evaluate_foreign(m, doc, element, "utilization");
            add_utilization(m, node, &utilization);
        }
        Some((_, None)) => {}
        None => {
            let Some(element) = permanent else { return };
            let mut new = TextMap::new();
            evaluate(m, element, "instance_attributes", Scope::default(), Mode::Own, &mut new);
            let attributes = &mut m[node].attributes;
            for (name, value) in new.iter() {
                attributes.set_if_absent(name, value);
            }
            let mut utilization = TextMap::new();
            evaluate(m, element, "utilization", Scope::default(), Mode::Own, &mut utilization);
            add_utilization(m, node, &utilization);
        }
    }
    add_site_name(m, node);
}

fn add_built_in(m: &mut Model, node: NodeIx) {
    let (id, name) = (m[node].id, m[node].name);
    m[node].attributes.set(sym::UNAME, name);
    m[node].attributes.set(sym::NODE_ID, id);
    let is_dc = m.dc.is_none() && m.dc_uuid.is_some_and(|dc| m.text(dc).eq_ignore_ascii_case(m.text(id)));
    if is_dc {
        m.dc = Some(node);
        m[node].flags.insert(NodeFlags::DC);
        m[node].attributes.set(sym::IS_DC, sym::TRUE);
    } else if !m[node].is(NodeFlags::DC) {
        m[node].attributes.set(sym::IS_DC, sym::FALSE);
    }
    if let Some(cluster) = m.options.cluster_name {
        m[node].attributes.set(sym::CLUSTER_NAME, cluster);
    }
}

fn add_site_name(m: &mut Model, node: NodeIx) {
    if m[node].attributes.contains(sym::SITE_NAME) {
        return;
    }
    let named: Option<Symbol> = m.symbols.find("site-name").and_then(|n| m[node].attributes.get(n));
    if let Some(site) = named.or(m.options.cluster_name) {
        m[node].attributes.set(sym::SITE_NAME, site);
    }
}

fn add_utilization(m: &mut Model, node: NodeIx, new: &TextMap) {
    for (name, value) in new.iter() {
        if !m[node].utilization.iter().any(|&(n, _)| n == name) {
            let value = m.text(value).to_owned();
            m[node].utilization.push((name, value));
        }
    }
}
