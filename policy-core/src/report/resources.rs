//! The resource list: primitives, groups, bundles [SM-9].

use super::text::{Report, bracketed};
use super::{Display, clones, grouped, names::result_text};
use crate::model::{Kind, Model, NodeFlags, NodeIx, ResourceFlags, ResourceIx, Role, Symbol, Task, sym};

/// Writes the resource list [SM-9.1].
pub(super) fn section(m: &Model, display: Display, report: &mut Report) {
    let title = match (display.by_node, display.inactive) {
        (true, _) => "Inactive Resources",
        (false, true) => "Full List of Resources",
        (false, false) => "Active Resources",
    };
    let listed: Vec<ResourceIx> = m.top.iter().copied().filter(|&r| is_listed(m, r, display)).collect();
    report.open(title);
    if display.brief {
        let primitives: Vec<ResourceIx> = listed.iter().copied().filter(|&r| m[r].is_primitive()).collect();
        grouped::brief(m, &primitives, None, display.inactive, report);
    }
    for &r in &listed {
        if !(display.brief && m[r].is_primitive()) {
            resource(m, r, display, report);
        }
    }
    if listed.is_empty() {
        report.item(match (display.by_node, display.inactive) {
            (true, _) => "No inactive resources",
            (false, true) => "No resources",
            (false, false) => "No active resources",
        });
    }
    report.close();
}

fn is_listed(m: &Model, r: ResourceIx, display: Display) -> bool {
    let (all, any) = (m.is_active(r, true), m.is_active(r, false));
    let gone = m[r].is(ResourceFlags::REMOVED) && !all;
    let below_its_nodes = display.by_node && all;
    !gone && !below_its_nodes && (any || display.inactive)
}

/// Writes one resource with all below it.
pub(super) fn resource(m: &Model, r: ResourceIx, display: Display, report: &mut Report) {
    match m[r].kind() {
        Kind::Primitive => {
            if display.detail || !m[r].is(ResourceFlags::INTERNAL) {
                let shown = shown_node(m, r);
                report.item(primitive(m, r, displayed_id(m, r), shown, display));
            }
        }
        Kind::Group => group(m, r, display, report),
        Kind::Clone => clones::clone(m, r, display, report),
        Kind::Bundle => bundle(m, r, display, report),
    }
}

/// The id without the number of an anonymous instance [SM-1.2].
pub(super) fn displayed_id(m: &Model, r: ResourceIx) -> &str {
    m.text(if m[r].is(ResourceFlags::UNIQUE) { m[r].id } else { m[r].xml_id })
}

/// The node that a primitive's line shows.
fn shown_node(m: &Model, r: ResourceIx) -> Option<NodeIx> {
    if m[r].active.len() > 1 {
        return None;
    }
    m.current_node(r).or_else(|| m[r].pending.map(|(_, node)| node)).or(m[r].lock_node)
}

fn pending_word(task: Task) -> Option<&'static str> {
    match task {
        Task::Start => Some("Starting"),
        Task::Stop => Some("Stopping"),
        Task::MigrateTo | Task::MigrateFrom => Some("Migrating"),
        Task::Promote => Some("Promoting"),
        Task::Demote => Some("Demoting"),
        _ => None,
    }
}

/// The line of a primitive under the name `id`, shown on `node` [SM-9.3].
pub(super) fn primitive(m: &Model, r: ResourceIx, id: &str, node: Option<NodeIx>, display: Display) -> String {
    let resource = &m[r];
    let promotable = m[m.top(r)].is(ResourceFlags::PROMOTABLE);
    let role = match resource.role {
        Role::Started if promotable => Role::Unpromoted,
        role => role,
    };
    let mut text = format!("{id}\t({}):\t", agent(m, r));
    if resource.is(ResourceFlags::REMOVED) {
        text.push_str(" ORPHANED");
    }
    if resource.is(ResourceFlags::FAILED) {
        text.push_str(" FAILED");
        if role == Role::Promoted {
            text.push_str(" Promoted");
        }
    } else {
        let pending = resource.pending.filter(|_| display.pending).and_then(|(task, _)| pending_word(task));
        text.push(' ');
        text.push_str(pending.unwrap_or(role.text()));
    }
    if let Some(node) = node {
        text.push(' ');
        text.push_str(m.node_name(node));
    }
    if role == Role::Stopped
        && let Some(rc) = masked_probe_failure(m, r, node)
    {
        text.push_str(&format!(" ({}) ", result_text(rc)));
    }
    let flags = flags(m, r, node, display, promotable);
    if !flags.is_empty() {
        text.push_str(&format!(" ({})", flags.join(", ")));
    }
    if (resource.active.len() > 1 || display.detail)
        && let Some(description) = m.meta(r, "description")
    {
        text.push_str(&format!(" ({description})"));
    }
    if resource.active.len() > 1 && !display.by_node {
        text.push(' ');
        text.push_str(&bracketed(resource.active.iter().map(|&n| m.node_name(n))));
    }
    text
}

/// `class:provider:type`; only the class `ocf` has providers.
pub(super) fn agent(m: &Model, r: ResourceIx) -> String {
    let text = |s: Option<Symbol>| s.map_or("", |s| m.text(s));
    let (class, provider, agent) = (text(m[r].class), text(m[r].provider), text(m[r].agent));
    if class.eq_ignore_ascii_case("ocf") { format!("{class}:{provider}:{agent}") } else { format!("{class}:{agent}") }
}

fn flags(m: &Model, r: ResourceIx, node: Option<NodeIx>, display: Display, promotable: bool) -> Vec<String> {
    let resource = &m[r];
    let mut flags = Vec::new();
    if node.is_some_and(|n| !m[n].online() && m[n].is(NodeFlags::UNCLEAN)) {
        flags.push("UNCLEAN".to_owned());
    }
    if node.is_some() && node == resource.lock_node {
        flags.push("LOCKED".to_owned());
    }
    if display.pending && resource.pending.is_some_and(|(task, _)| task == Task::Monitor) {
        flags.push("Monitoring".to_owned());
    }
    if let Some(value) = m.meta(r, sym::TARGET_ROLE) {
        match Role::parse(value) {
            Some(Role::Stopped) => flags.push("disabled".to_owned()),
            Some(Role::Unpromoted) if promotable => flags.push(format!("target-role:{value}")),
            _ => {}
        }
    }
    if resource.is(ResourceFlags::BLOCKED) {
        flags.push("blocked".to_owned());
    } else if let Some(word) = unmanaged_word(m, r) {
        flags.push(word.to_owned());
    }
    if resource.is(ResourceFlags::IGNORE_FAILURE) {
        flags.push("failure ignored".to_owned());
    }
    flags
}

/// `maintenance` or `unmanaged`, if either holds.
pub(super) fn unmanaged_word(m: &Model, r: ResourceIx) -> Option<&'static str> {
    if m[r].is(ResourceFlags::MAINTENANCE) {
        Some("maintenance")
    } else if m[r].is(ResourceFlags::MANAGED) {
        None
    } else {
        Some("unmanaged")
    }
}

/// Whether a resource is configured not to do all it could [SM-3.2].
pub(super) fn is_disabled(m: &Model, r: ResourceIx) -> bool {
    match m.meta(r, sym::TARGET_ROLE).and_then(Role::parse) {
        Some(Role::Stopped) => true,
        Some(Role::Unpromoted) => m[m.top(r)].is(ResourceFlags::PROMOTABLE),
        _ => false,
    }
}

/// The result of a probe that failed in a way that counts as "not running" [SM-9.7].
pub(super) fn masked_probe_failure(m: &Model, r: ResourceIx, node: Option<NodeIx>) -> Option<i32> {
    let mut wanted = m[r].xml_id;
    let mut at = Some(r);
    while let Some(ancestor) = at {
        if m[ancestor].kind() == Kind::Clone {
            wanted = m[ancestor].children.first().map_or(wanted, |&c| m[c].xml_id);
        }
        at = m[ancestor].parent;
    }
    let wanted = m.text(wanted);
    m.failed.iter().find_map(|failed| {
        let entry = &m[failed.entry];
        let rc = entry.rc?;
        let masked = entry.task == Some(Task::Monitor)
            && entry.interval_ms == 0
            && (rc == 5 || rc == 2 || entry.status == Some(7));
        let on = entry.on_node.unwrap_or(m[failed.node].name);
        let here = node.is_none_or(|n| m.text(on).eq_ignore_ascii_case(m.node_name(n)));
        let named = entry.key.is_some_and(|k| m.text(k).strip_suffix("_monitor_0") == Some(wanted));
        (masked && here && named).then_some(rc)
    })
}

/// Attributes between parentheses, or nothing.
pub(super) fn in_parentheses(attributes: &[&str]) -> String {
    if attributes.is_empty() { String::new() } else { format!(" ({})", attributes.join(", ")) }
}

/// [SM-9.4]
fn group(m: &Model, r: ResourceIx, display: Display, report: &mut Report) {
    let mut attributes = Vec::new();
    let members = &m[r].children;
    let inactive = members.iter().filter(|&&c| !m.is_active(c, true)).count();
    let count;
    if m.is_active(r, false) && inactive > 0 && !display.inactive {
        count = format!("{inactive} member{} inactive", if inactive == 1 { "" } else { "s" });
        attributes.push(count.as_str());
    }
    if is_disabled(m, r) {
        attributes.push("disabled");
    }
    attributes.extend(unmanaged_word(m, r));
    let shown: Vec<ResourceIx> =
        members.iter().copied().filter(|&c| display.inactive || m.is_active(c, false)).collect();
    if shown.is_empty() {
        return;
    }
    report.open(&format!("Resource Group: {}{}{}", m.id(r), in_parentheses(&attributes), description(m, r, display)));
    if display.brief {
        grouped::brief(m, members, None, true, report);
        return report.close();
    }
    for member in shown {
        resource(m, member, display, report);
    }
    report.close();
}

/// [SM-9.6]
fn bundle(m: &Model, r: ResourceIx, display: Display, report: &mut Report) {
    let Some(state) = m[r].bundle() else { return };
    let set = if state.replicas.len() > 1 { " set" } else { "" };
    let image = state.image.map_or("", |i| m.text(i));
    let unique = if m[r].is(ResourceFlags::UNIQUE) { " (unique)" } else { "" };
    let managed = unmanaged_word(m, r).map_or(String::new(), |word| format!(" ({word})"));
    let description = description(m, r, display);
    report.open(&format!("Container bundle{set}: {} [{image}]{unique}{description}{managed}", m.id(r)));
    if display.detail {
        replicas(m, r, display, report);
        return report.close();
    }
    for replica in &state.replicas {
        let mut id = displayed_id(m, replica.connection.unwrap_or(replica.container)).to_owned();
        if let Some(address) = replica.address {
            id.push_str(&format!(" ({})", m.text(address)));
        }
        let shown = replica.child.unwrap_or(replica.container);
        let node = if m[shown].active.len() > 1 { None } else { m.current_node(replica.container) };
        report.item(primitive(m, shown, &id, node, display));
    }
    report.close();
}

/// The parts of each replica by themselves.
fn replicas(m: &Model, r: ResourceIx, display: Display, report: &mut Report) {
    let replicas = m[r].bundle().map_or(&[][..], |state| &state.replicas);
    for (at, replica) in replicas.iter().enumerate() {
        // One level deeper, whether or not the replica has a line.
        report.open_bare((replicas.len() > 1).then(|| format!("Replica[{at}]")));
        for part in [replica.ip, replica.child, Some(replica.container), replica.connection].into_iter().flatten() {
            resource(m, part, display, report);
        }
        report.close();
    }
}

/// What the configuration says of a resource, where details are wanted.
pub(super) fn description(m: &Model, r: ResourceIx, display: Display) -> String {
    let text = m.meta(r, "description").filter(|_| display.detail);
    text.map_or(String::new(), |text| format!(" ({text})"))
}
