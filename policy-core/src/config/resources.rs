//! Resources: structure [IN-10].

use super::settings;
use super::{bundle, clone, implied, template};
use crate::model::{
    Element, Group, Model, NodeFlags, NodeIx, NodeKind, Op, OpIx, Resource, ResourceFlags, ResourceIx, Role, Score,
    Symbol, Task, TextMap, Variant, sym,
};
use cib_core::rules::{parse_boolean, parse_interval};

/// Reads all resources and links what belongs together.
pub(super) fn unpack(m: &mut Model) {
    let root = m.config.root();
    let Some(section) = m.config.path(root, &["configuration", "resources"]) else { return };
    m.unfencing = unfencing_in_use(m);
    implied::nodes_and_connections(m, section);
    for element in m.config.children(section).collect::<Vec<_>>() {
        if m.config.name(element).eq_ignore_ascii_case("template") {
            continue;
        }
        if let Some(resource) = resource(m, element, None, None) {
            m.top.push(resource);
        }
    }
    link(m);
    let mut top = std::mem::take(&mut m.top);
    top.sort_by_key(|&r| std::cmp::Reverse(m[r].priority));
    m.top = top;
    if m.options.fencing_enabled && !m.has_fence_device {
        m.config_error(
            "Resource start-up disabled since no fencing resources have been defined. Either configure some or disable \
             fencing with the fencing-enabled option. NOTE: Clusters with shared data need fencing to ensure data integrity.",
        );
    }
}

/// Whether some resource may need unfencing: judged by the literal presence of a pair [IN-8.3].
fn unfencing_in_use(m: &Model) -> bool {
    let doc = &m.config;
    let asks = |set: Element| {
        doc.children_named(set, "nvpair").any(|pair| {
            matches!(doc.attr(pair, "name"), Some("provides" | "requires"))
                && doc.attr(pair, "value") == Some("unfencing")
        })
    };
    let root = doc.root();
    let resources = doc.path(root, &["configuration", "resources"]);
    let defaults = doc.path(root, &["configuration", "rsc_defaults"]);
    resources.is_some_and(|r| doc.descendants(r).any(|n| doc.name(n) == "meta_attributes" && asks(n)))
        || defaults.is_some_and(|d| doc.children_named(d, "meta_attributes").any(asks))
}

/// Where elements made from others are kept in [`Model::config`].
pub(super) fn holder(m: &mut Model) -> Element {
    let root = m.config.root();
    match m.config.child(root, "expanded") {
        Some(holder) => holder,
        None => m.config.append(root, "expanded"),
    }
}

/// Reads one resource and all below it [IN-10.3]; `None` if it is unusable, which has been told.
pub(super) fn resource(
    m: &mut Model,
    element: Element,
    parent: Option<ResourceIx>,
    instance: Option<i32>,
) -> Option<ResourceIx> {
    let name = m.config.name(element).to_owned();
    let Some(id) = m.config.id(element).filter(|id| !id.is_empty()).map(str::to_owned) else {
        m.config_error(format!("Ignoring <{name}> resource without ID"));
        return None;
    };
    let variant = match name.to_ascii_lowercase().as_str() {
        "primitive" => Variant::Primitive,
        "group" => Variant::Group(Group { ordered: true, colocated: true }),
        "clone" => Variant::Clone(Box::default()),
        "bundle" => Variant::Bundle(Box::default()),
        _ => {
            m.config_error(format!("Ignoring resource '{id}' of unknown type '{name}'"));
            return None;
        }
    };
    let (element, template) = match template::merge(m, element) {
        Ok(merged) => merged,
        Err(text) => {
            m.config_error(text);
            m.config_error(format!("Ignoring <{name}> resource '{id}' because configuration is invalid"));
            return None;
        }
    };
    let xml_id = m.symbols.intern(&id);
    let full_id = match instance {
        Some(number) => m.symbols.intern(&format!("{id}:{number}")),
        None => xml_id,
    };
    let mut new = Resource::new(full_id, xml_id, element, variant);
    new.parent = parent;
    new.instance = instance;
    new.template = template;
    let r = m.add_resource(new);
    identify(m, r);
    settings::unpack(m, r);
    if !unpack_variant(m, r) {
        m.config_error(format!("Ignoring <{name}> resource '{id}' because configuration is invalid"));
        m.forget_resource(r);
        return None;
    }
    allow(m, r);
    add_utilization(m, r);
    if let Some(template) = template {
        let derived = if instance.is_some() { xml_id } else { full_id };
        let all = m.templates.entry(template).or_default();
        if !all.contains(&derived) {
            all.push(derived);
        }
    }
    Some(r)
}

/// Class, provider and type of a primitive.
fn identify(m: &mut Model, r: ResourceIx) {
    if !m[r].is_primitive() {
        return;
    }
    let element = m[r].element;
    let Model { config, symbols, .. } = m;
    let mut read = |name: &str| config.attr(element, name).map(|v| symbols.intern(v));
    let (class, provider, agent) = (read("class"), read("provider"), read("type"));
    m[r].class = class;
    m[r].provider = provider;
    m[r].agent = agent;
}

fn unpack_variant(m: &mut Model, r: ResourceIx) -> bool {
    match m[r].variant {
        Variant::Primitive => {
            m[r].ops = operations(m, m[r].element);
            clone::check_instance(m, r)
        }
        Variant::Group(_) => group(m, r),
        Variant::Clone(_) => clone::unpack(m, r),
        Variant::Bundle(_) => bundle::unpack(m, r),
    }
}

/// The members of a group [IN-12.1].
fn group(m: &mut Model, r: ResourceIx) -> bool {
    let mut read = |name: &str| {
        let value = m.meta(r, name).and_then(parse_boolean);
        if value == Some(false) {
            m.config_warning(format!(
                "Support for the '{name}' group meta-attribute is deprecated and will be removed in a future release \
                 (use a resource set instead)"
            ));
        }
        value != Some(false)
    };
    let (ordered, colocated) = (read("ordered"), read("collocated"));
    m[r].variant = Variant::Group(Group { ordered, colocated });
    let (element, instance) = (m[r].element, m[r].instance);
    for child in m.config.children_named(element, "primitive").collect::<Vec<_>>() {
        if let Some(member) = resource(m, child, Some(r), instance) {
            m[r].children.push(member);
        }
    }
    if m[r].children.is_empty() {
        let text = format!("Group {} has no members", m.id(r));
        m.config_error(text);
        return false;
    }
    true
}

/// The operations of a primitive; instances of one element share them [IN-14.1].
fn operations(m: &mut Model, element: Element) -> std::ops::Range<u32> {
    if let Some(range) = m.ops_of.get(&element) {
        return range.clone();
    }
    let start = m.ops.len() as u32;
    let elements: Vec<Element> = match m.config.child(element, "operations") {
        Some(operations) => m.config.children_named(operations, "op").collect(),
        None => Vec::new(),
    };
    for op in elements {
        let new = operation(m, op);
        m.ops.push(new);
    }
    let range = start..m.ops.len() as u32;
    m.ops_of.insert(element, range.clone());
    range
}

fn operation(m: &mut Model, element: Element) -> Op {
    let Model { config, symbols, .. } = m;
    let mut read = |name: &str| config.attr(element, name).map(|v| symbols.intern(v));
    Op {
        element,
        id: read("id").unwrap_or(sym::EMPTY),
        name: Task::of(read("name").unwrap_or(sym::EMPTY)),
        role: read("role"),
        timeout: read("timeout"),
        on_fail: read("on-fail"),
        interval_ms: config.attr(element, "interval").and_then(|v| parse_interval(v).ok()).unwrap_or(0),
        enabled: config.attr(element, "enabled").and_then(parse_boolean) != Some(false),
        has_sets: config.children(element).next().is_some(),
    }
}

/// The initial rows of a resource's table [IN-10.5].
fn allow(m: &mut Model, r: ResourceIx) {
    let guest_connection = m[r].is(ResourceFlags::REMOTE_CONNECTION) && m[r].meta.contains(sym::CONTAINER);
    if m.options.symmetric_cluster || guest_connection {
        m.allow_everywhere(r);
    }
}

fn add_utilization(m: &mut Model, r: ResourceIx) {
    let mut values = TextMap::new();
    let element = m[r].element;
    let scope = super::Scope::default();
    super::sets::evaluate(m, element, "utilization", scope, super::sets::Mode::Own, &mut values);
    // a bundle moves the utilization of its primitive to the containers
    m[r].utilization = values.iter().map(|(name, value)| (name, m.text(value).to_owned())).collect();
}

/// Links launchers with what they launch, and connections with their nodes [IN-10.6].
fn link(m: &mut Model) {
    for at in 0..m.top.len() {
        let top = m.top[at];
        for leaf in m.leaves(top) {
            let Some(name) = m.meta(leaf, sym::CONTAINER).map(str::to_owned) else { continue };
            if name == m.id(leaf) {
                continue;
            }
            match m.resource(name.as_str()) {
                Some(launcher) => {
                    m[leaf].launcher = Some(launcher);
                    m[launcher].launched.push(leaf);
                }
                None => {
                    let text = format!("Resource {}: Unknown container {name}", m.id(leaf));
                    m.config_error(text);
                }
            }
        }
        if m[top].is(ResourceFlags::REMOTE_CONNECTION)
            && let Some(node) = m.node(m.id(top))
        {
            attach(m, top, node, NodeKind::Guest);
        }
    }
}

/// Makes `connection` the connection to `node`; with a launcher the node is a `guest` (of that kind), without it is remote.
pub(super) fn attach(m: &mut Model, connection: ResourceIx, node: NodeIx, guest: NodeKind) {
    m[node].connection = Some(connection);
    m[connection].remote_node = Some(node);
    if m[connection].launcher.is_none() {
        super::nodes::startup_state(m, node);
    } else {
        m[node].kind = guest;
        m[node].attributes.set(sym::KIND, sym::CONTAINER);
    }
}

/// Makes a primitive that only history knows [ST-8.4]; `attributes` are those of its `lrm_resource`, with the id set.
pub(crate) fn unpack_removed(m: &mut Model, attributes: &[(String, String)]) -> Option<ResourceIx> {
    let holder = holder(m);
    let element = m.config.append(holder, "primitive");
    for (name, value) in attributes {
        m.config.set_attr(element, name, value);
    }
    let r = resource(m, element, None, None)?;
    m.top.push(r);
    if m[r].is(ResourceFlags::REMOTE_CONNECTION) {
        let name = m.id(r).to_owned();
        let node = match m.node(&name) {
            Some(node) => node,
            None => super::nodes::create(m, &name, &name, NodeKind::Remote, Score::ZERO),
        };
        attach(m, r, node, NodeKind::Guest);
        m[node].flags.insert(NodeFlags::SHUTDOWN);
    }
    if attributes.iter().any(|(name, _)| name == "container") {
        m[r].flags.insert(ResourceFlags::REMOVED_LAUNCHED);
    }
    m[r].flags.insert(ResourceFlags::REMOVED);
    if m.options.stop_removed_resources {
        m.adjust(r, None, Score::NEG_INFINITY);
    } else {
        m[r].flags.remove(ResourceFlags::MANAGED);
    }
    Some(r)
}

impl Model {
    /// Finds the definition of an operation [IN-14.1].
    #[must_use]
    pub fn find_op(&self, resource: ResourceIx, name: Task, interval_ms: u32, disabled_too: bool) -> Option<OpIx> {
        self[resource].ops().find(|&op| {
            let op = &self[op];
            op.interval_ms == interval_ms && op.name == name && (disabled_too || op.enabled)
        })
    }

    /// The target role that has an effect: Stopped, or Unpromoted in a promotable clone [ST-12.6].
    #[must_use]
    pub fn target_role(&self, resource: ResourceIx) -> Option<Role> {
        self[resource].target_role
    }

    /// The configured id of what a symbol names, without instance number.
    #[must_use]
    pub fn base_name(&self, name: Symbol) -> &str {
        crate::model::base_name(self.text(name))
    }
}
