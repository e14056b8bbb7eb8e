//! Everything that an action's element holds beside its name `[OR-10.3]` to `[OR-10.5]`.

use std::collections::BTreeMap;

use super::element::{element, meta_text};
use super::{Action, ElementKind, Primitive};
use crate::config;
use crate::model::{ActionIx, ActionKey, Kind, Model, NodeFlags, NodeIx, ResourceFlags, ResourceIx, Symbol, Task, sym};
use crate::status::digest;

/// The action as its synapse shows it.
pub(super) fn action(m: &mut Model, a: ActionIx) -> Action {
    let element = element(m, a);
    let placed = element.node.is_some();
    let real = element.kind != ElementKind::Pseudo;
    let (attributes, params) = attributes(m, a);
    Action {
        shutdown_lock: (element.kind == ElementKind::Resource).then(|| shutdown_lock(m, a)).flatten(),
        primitive: m[a].resource.filter(|_| real && !m[a].pseudo()).map(|r| primitive(m, r)),
        attributes,
        params,
        downed: if placed { downed(m, a) } else { Vec::new() },
        maintenance: if m[a].task == Task::MaintenanceNodes { maintenance(m) } else { Vec::new() },
        element,
    }
}

/// Since when the resource is locked to the node that runs the action `[OR-10.2]` 6.
fn shutdown_lock(m: &Model, a: ActionIx) -> Option<i64> {
    let (r, node) = (m[a].resource?, m[a].node?);
    if m[r].lock_node != Some(node) {
        return None;
    }
    (!m[node].is(NodeFlags::SHUTDOWN) || m[a].task == Task::Stop).then_some(m[r].lock_time)
}

/// The resource element `[OR-10.4]`.
fn primitive(m: &Model, r: ResourceIx) -> Primitive {
    let resource = &m[r];
    let text = |s: Symbol| m.text(s).to_owned();
    let unique = resource.is(ResourceFlags::UNIQUE);
    let (id, long_id) = match resource.history_id {
        Some(history) if resource.is(ResourceFlags::REMOVED) => (history, Some(resource.id)),
        Some(history) if !unique && history != resource.xml_id => (resource.xml_id, Some(history)),
        _ if !unique => (resource.xml_id, Some(resource.id)),
        _ => (resource.id, None),
    };
    Primitive {
        element: m.config.name(resource.element).to_owned(),
        id: text(id),
        long_id: long_id.map(text),
        class: resource.class.map(text),
        provider: resource.provider.map(text),
        agent: resource.agent.map(text),
    }
}

/// Attributes under construction: "add" keeps what is there, "set" replaces it.
#[derive(Default)]
struct Attributes {
    pairs: BTreeMap<String, String>,
    params: Vec<(String, String)>,
}

impl Attributes {
    fn add(&mut self, name: &str, value: &str) {
        if !self.pairs.contains_key(name) {
            self.pairs.insert(name.to_owned(), value.to_owned());
        }
    }

    fn set(&mut self, name: &str, value: &str) {
        self.pairs.insert(name.to_owned(), value.to_owned());
    }

    fn add_meta(&mut self, name: &str, value: &str) {
        if !name.contains(['#', ':']) {
            self.add(&format!("CRM_meta_{}", name.replace('-', "_")), value);
        }
    }
}

type Pairs = Vec<(String, String)>;

/// `<attributes>` and its `<param>` children `[OR-10.5]`.
fn attributes(m: &mut Model, a: ActionIx) -> (Pairs, Pairs) {
    let mut out = Attributes::default();
    out.set("crm_feature_set", config::FEATURE_SET);
    if let Some(extra) = &m[a].extra {
        for (name, value) in extra.iter() {
            out.add(m.text(name), m.text(value));
        }
    }
    if let Some(r) = m[a].resource
        && (m[a].node.is_some() || m[r].is_primitive())
    {
        add_parameters(m, a, r, &mut out);
    }
    for (name, value) in m[a].meta.iter() {
        out.add_meta(m.text(name), m.text(value));
    }
    let mut at = m[a].resource;
    if let Some(r) = at.filter(|&r| m[r].is_primitive()) {
        add_launcher(m, r, &mut out);
    }
    while let Some(r) = at {
        add_of_resource(m, r, &mut out);
        at = m[r].parent;
    }
    if let (Some(node), Some(r)) = (m[a].node, m[a].resource) {
        add_of_guest(m, a, r, node, &mut out);
    }
    (out.pairs.into_iter().collect(), out.params)
}

fn add_parameters(m: &mut Model, a: ActionIx, r: ResourceIx, out: &mut Attributes) {
    let parameters = config::parameters(m, r, m[a].node);
    for (name, value) in parameters.iter() {
        let value = if name == sym::ADDR && m.text(value) == "#uname" {
            digest::host_address(m, r).unwrap_or(value)
        } else {
            value
        };
        let (name, value) = (m.text(name), m.text(value));
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            out.params.push((name.to_owned(), value.to_owned()));
        } else {
            out.add(name, value);
        }
    }
}

/// The id of the launcher: of the outermost ancestor that has one.
fn add_launcher(m: &Model, r: ResourceIx, out: &mut Attributes) {
    let mut at = Some(r);
    while let Some(r) = at {
        if let Some(launcher) = m[r].launcher {
            out.set("CRM_meta_container", m.id(launcher));
        }
        at = m[r].parent;
    }
}

fn add_of_resource(m: &Model, r: ResourceIx, out: &mut Attributes) {
    match m[r].kind() {
        Kind::Primitive => {
            if let Some(number) = m[r].instance {
                out.set("CRM_meta_clone", &number.to_string());
            }
            if let Some(node) = m.meta(r, sym::REMOTE_NODE) {
                out.set("CRM_meta_remote_node", node);
            }
            if let Some(ip) = m.meta(r, sym::EXTERNAL_IP) {
                out.set("pcmk_external_ip", ip);
            }
        }
        Kind::Clone => {
            let Some(clone) = m[r].clone_state() else { return };
            let flag = |flag| if m[r].is(flag) { "true" } else { "false" };
            out.set("CRM_meta_globally_unique", flag(ResourceFlags::UNIQUE));
            out.set("CRM_meta_notify", flag(ResourceFlags::NOTIFY));
            let mut number = |name: &str, value: i32| out.set(name, &value.to_string());
            number("CRM_meta_clone_max", clone.clone_max);
            number("CRM_meta_clone_node_max", clone.clone_node_max);
            if m[r].is(ResourceFlags::PROMOTABLE) {
                number("CRM_meta_promoted_max", clone.promoted_max);
                number("CRM_meta_promoted_node_max", clone.promoted_node_max);
                number("CRM_meta_master_max", clone.promoted_max);
                number("CRM_meta_master_node_max", clone.promoted_node_max);
            }
        }
        Kind::Group | Kind::Bundle => {}
    }
}

/// What agents on guests learn about their host `[AC-16.2]`.
fn add_of_guest(m: &Model, a: ActionIx, r: ResourceIx, node: NodeIx, out: &mut Attributes) {
    if !m[node].is_guest() {
        return;
    }
    let Some(launcher) = crate::actions::launcher(m, node) else { return };
    let operation = match m[a].key {
        ActionKey::Notify { .. } => meta_text(m, a, "notify_operation"),
        _ => m[a].task.text(&m.symbols),
    };
    let host = match m.symbols.find(operation).map(Task::of) {
        Some(Task::Stop | Task::Stopped | Task::Demote | Task::Demoted) => m.current_node(launcher),
        Some(Task::Start | Task::Running | Task::Monitor | Task::Promote | Task::Promoted) => {
            m[launcher].assigned_node()
        }
        _ => None,
    };
    if let Some(host) = host {
        if let Some(target) = m.meta(r, sym::CONTAINER_ATTRIBUTE_TARGET) {
            out.add("CRM_meta_container_attribute_target", target);
        }
        out.add("CRM_meta_physical_host", m.node_name(host));
    }
}

/// Ids of the nodes that the action takes down `[AC-16.3]`.
fn downed(m: &Model, a: ActionIx) -> Vec<String> {
    let Some(node) = m[a].node else { return Vec::new() };
    let id = |n: NodeIx| m.text(m[n].id).to_owned();
    match m[a].task {
        Task::DoShutdown => vec![id(node)],
        Task::Stonith if matches!(meta_text(m, a, "stonith_action"), "off" | "reboot") => {
            let guests = m[node].active.iter().filter_map(|&r| {
                let guest = m[r]
                    .remote_node
                    .filter(|_| m[r].is(ResourceFlags::REMOTE_CONNECTION) && m[r].launcher.is_some())?;
                Some(id(guest))
            });
            std::iter::once(id(node)).chain(guests).collect()
        }
        Task::Stop => match m[a].resource {
            Some(r) if m[r].is(ResourceFlags::REMOTE_CONNECTION) => {
                let migrates =
                    m[a].before.iter().any(|i| m[i.first].resource == Some(r) && m[i.first].task == Task::MigrateFrom);
                if migrates { Vec::new() } else { vec![m.id(r).to_owned()] }
            }
            _ => Vec::new(),
        },
        _ => Vec::new(),
    }
}

/// Nodes whose recorded maintenance state is not the actual one `[AC-16.4]`.
pub(crate) fn maintenance(m: &Model) -> Vec<(String, bool)> {
    let changed = m.nodes_in_order().filter(|&n| {
        let node = &m[n];
        node.is_remote_type() && node.is(NodeFlags::MAINTENANCE) != node.is(NodeFlags::REMOTE_MAINTENANCE)
    });
    changed.map(|n| (m.text(m[n].id).to_owned(), m[n].is(NodeFlags::MAINTENANCE))).collect()
}
