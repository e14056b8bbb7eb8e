//! Level `resource`: target roles, management, looking [SH-12.1, SH-12.2].

use cib_core::crmsh::{Keyword, Object};
use cib_core::xml::{Document, NodeIx};

use super::attributes;
use super::session::Session;

pub(super) fn start(session: &mut Session, arguments: &[String]) -> bool {
    set_all(session, arguments, "target-role", "Started")
}

pub(super) fn stop(session: &mut Session, arguments: &[String]) -> bool {
    set_all(session, arguments, "target-role", "Stopped")
}

fn set_all(session: &mut Session, names: &[String], attribute: &str, value: &str) -> bool {
    if names.is_empty() {
        return session.fail("Expected at least one resource as argument");
    }
    set_meta(session, names, attribute, value)
}

pub(super) fn manage(session: &mut Session, arguments: &[String]) -> bool {
    set_meta(session, arguments, "is-managed", "true")
}

pub(super) fn unmanage(session: &mut Session, arguments: &[String]) -> bool {
    set_meta(session, arguments, "is-managed", "false")
}

pub(super) fn maintenance(session: &mut Session, arguments: &[String]) -> bool {
    let value = match arguments.get(1).map(String::as_str) {
        None | Some("on" | "true") => "true",
        Some("off" | "false") => "false",
        Some(_) => return session.fail("Expected <resource> [on|off|true|false]"),
    };
    set_meta(session, &arguments[..1], "maintenance", value)
}

/// Sets a meta attribute where it takes effect, and commits.
fn set_meta(session: &mut Session, names: &[String], attribute: &str, value: &str) -> bool {
    let pending = session.has_changes();
    if session.open_copy().is_none() {
        return false;
    }
    let mut targets = Vec::new();
    for name in names {
        let found = resources_named(session, name);
        if found.is_empty() {
            session.error(&format!("Resource not found: {name}"));
            return false;
        }
        targets.extend(found);
    }
    for target in targets {
        set_one(session, target, attribute, value);
    }
    if pending {
        let path = session.path().to_owned();
        session.inform(&format!("{path}: Currently editing the CIB, changes will not be committed"));
        return true;
    }
    session.write_copy()
}

/// Resources that a name, a pattern or a tag stands for.
fn resources_named(session: &mut Session, name: &str) -> Vec<Object> {
    let copy = session.copy();
    let mut found = Vec::new();
    let mut names = vec![name.to_owned()];
    let mut seen = Vec::new();
    while let Some(name) = names.pop() {
        if seen.contains(&name) {
            continue;
        }
        let selection = copy.select(&[name.as_str()]);
        for object in selection.objects {
            if object.keyword == Keyword::Tag {
                let doc = copy.document();
                names.extend(doc.children(object.node).filter_map(|node| doc.id(node)).map(str::to_owned));
            } else if object.keyword.is_resource() && !found.contains(&object) {
                found.push(object);
            }
        }
        seen.push(name);
    }
    found
}

fn conflicting(attribute: &str) -> Option<&'static str> {
    match attribute {
        "maintenance" => Some("is-managed"),
        "is-managed" => Some("maintenance"),
        _ => None,
    }
}

fn set_one(session: &mut Session, resource: Object, attribute: &str, value: &str) {
    let copy = session.copy();
    let in_group = copy.container(resource).is_some_and(|holder| holder.keyword == Keyword::Group);
    let target = if resource.keyword == Keyword::Primitive && in_group { resource } else { copy.top_of(resource) };
    let clone = matches!(target.keyword, Keyword::Clone | Keyword::Ms);
    let members = copy.resource_members(target);
    if clone {
        for member in &members {
            change(session, *member, |doc, node| remove_meta(doc, node, attribute));
        }
    }
    let copy = session.copy();
    let group = members.first().copied().filter(|member| clone && member.keyword == Keyword::Group);
    let group = if target.keyword == Keyword::Group { Some(target) } else { group };
    let children: Vec<Object> = group.map(|group| copy.resource_members(group)).unwrap_or_default();
    if session.options.get("core.manage_children") != "never" {
        for child in children {
            override_child(session, child, attribute);
        }
    }
    if let Some(other) = conflicting(attribute) {
        let id = session.copy().object_id(target).to_owned();
        if has_meta(session.copy().document(), target.node, other) {
            let question =
                format!("'{attribute}' conflicts with '{other}' attribute. Remove '{other}' for resource {id}");
            if session.ask(&question) {
                change(session, target, |doc, node| remove_meta(doc, node, other));
            }
        }
    }
    let id = session.copy().object_id(target).to_owned();
    let set_id = session.copy().free_id(&format!("{id}-meta_attributes"));
    change(session, target, |doc, node| {
        drop_empty_sets(doc, node);
        put_meta(doc, node, &set_id, attribute, value);
    });
}

/// Attributes of a group's member that would hide the group's may be removed.
fn override_child(session: &mut Session, child: Object, attribute: &str) {
    let always = session.options.get("core.manage_children") == "always";
    let id = session.copy().object_id(child).to_owned();
    if let Some(other) = conflicting(attribute)
        && has_meta(session.copy().document(), child.node, other)
    {
        let question =
            format!("'{attribute}' conflicts with '{other}' attribute. Remove '{other}' for child resource {id}");
        if always || session.ask(&question) {
            change(session, child, |doc, node| remove_meta(doc, node, other));
        }
    }
    if has_meta(session.copy().document(), child.node, attribute) {
        let question = format!("Do you want to override '{attribute}' for child resource {id}");
        if always || session.ask(&question) {
            change(session, child, |doc, node| {
                remove_meta(doc, node, attribute);
                drop_empty_sets(doc, node);
            });
        }
    }
}

fn change(session: &mut Session, object: Object, change: impl FnOnce(&mut Document, NodeIx)) {
    session.with_copy(|copy| copy.with_document(|doc| change(doc, object.node)));
}

fn meta_pairs(doc: &Document, node: NodeIx, name: &str) -> Vec<NodeIx> {
    let sets = doc.children_named(node, "meta_attributes");
    let pairs = sets.flat_map(|set| doc.children_named(set, "nvpair"));
    pairs.filter(|pair| doc.attr(*pair, "name") == Some(name)).collect()
}

fn has_meta(doc: &Document, node: NodeIx, name: &str) -> bool {
    !meta_pairs(doc, node, name).is_empty()
}

fn remove_meta(doc: &mut Document, node: NodeIx, name: &str) {
    for pair in meta_pairs(doc, node, name) {
        doc.remove(pair);
    }
}

fn drop_empty_sets(doc: &mut Document, node: NodeIx) {
    let sets: Vec<NodeIx> = doc.children_named(node, "meta_attributes").collect();
    for set in sets {
        if !doc.has_nodes(set) && doc.attr(set, "id-ref").is_none() {
            doc.remove(set);
        }
    }
}

/// Changes the attribute wherever it is, or adds it to every set, or to a new one.
fn put_meta(doc: &mut Document, node: NodeIx, set_id: &str, name: &str, value: &str) {
    let pairs = meta_pairs(doc, node, name);
    if !pairs.is_empty() {
        for pair in pairs {
            doc.set_attr(pair, "value", value);
        }
        return;
    }
    let mut sets: Vec<NodeIx> = doc.children_named(node, "meta_attributes").collect();
    if sets.is_empty() {
        let set = doc.append(node, "meta_attributes");
        doc.set_attr(set, "id", set_id);
        sets.push(set);
    }
    for set in sets {
        let pair_id = format!("{}-{name}", doc.id(set).unwrap_or(set_id));
        let pair = doc.append(set, "nvpair");
        doc.set_attr(pair, "name", name);
        doc.set_attr(pair, "value", value);
        doc.set_attr(pair, "id", &pair_id);
    }
}

pub(super) fn promote(session: &mut Session, arguments: &[String]) -> bool {
    target_role(session, &arguments[0], ["Master", "Promoted"])
}

pub(super) fn demote(session: &mut Session, arguments: &[String]) -> bool {
    target_role(session, &arguments[0], ["Slave", "Unpromoted"])
}

fn target_role(session: &mut Session, id: &str, [old, new]: [&str; 2]) -> bool {
    let Some(copy) = session.open_copy() else { return false };
    let Some(resource) = copy.find_resource(id) else {
        session.error(&format!("object {id} does not exist"));
        return false;
    };
    if !copy.is_promotable(resource) {
        session.error(&format!("{id} is not a promotable resource"));
        return false;
    }
    let role = if session.options.is_true("core.OCF_1_1_SUPPORT") { new } else { old };
    attributes::change_resource(session, id, "meta_attributes", "set", "target-role", Some(role))
}

/// Stops resources, waits until the cluster is at rest, starts them. It needs a running cluster.
pub(super) fn restart(session: &mut Session, arguments: &[String]) -> bool {
    if !arguments.is_empty() && !set_all(session, arguments, "target-role", "Stopped") {
        return false;
    }
    session.inform(&format!("ordering {} to stop", arguments.join(", ")));
    if super::live::node(session).is_none() {
        session.warn("can't find DC");
        return false;
    }
    if !super::live::wait(session) {
        return false;
    }
    session.inform(&format!("ordering {} to start", arguments.join(", ")));
    set_all(session, arguments, "target-role", "Started")
}

pub(super) fn failcount(session: &mut Session, arguments: &[String]) -> bool {
    let path = session.path().to_owned();
    let Some(copy) = session.open_copy() else { return false };
    let known = copy.find_resource(&arguments[0]).is_some();
    if !known {
        session.warn(&format!("{path}: Resource {} not exists in this cluster", arguments[0]));
        return false;
    }
    if !matches!(arguments[1].as_str(), "set" | "delete" | "show") {
        let text = format!("{} is not valid command(should be one of ['set', 'delete', 'show'])", arguments[1]);
        return session.fail(&text);
    }
    let nodes = session.copy().node_names();
    if !nodes.contains(&arguments[2]) {
        return session.fail(&format!("Node {} not in this cluster", arguments[2]));
    }
    super::live::failcount(session, arguments)
}

pub(super) fn status(session: &mut Session, arguments: &[String]) -> bool {
    if !arguments.is_empty() {
        return locate(session, arguments);
    }
    let Some(lines) = super::status::resource_lines(session) else { return false };
    if lines.is_empty() {
        println!("NO resources configured");
        return true;
    }
    println!("Full List of Resources:");
    for line in lines {
        println!("{line}");
    }
    true
}

pub(super) fn locate(session: &mut Session, arguments: &[String]) -> bool {
    let Some(cib) = session.read_cib() else { return false };
    for id in arguments {
        let places = super::status::running_on(&cib, id);
        if places.is_empty() {
            eprintln!("resource {id} is NOT running");
        }
        for (node, promoted) in places {
            println!("resource {id} is running on: {node}{}", if promoted { " Promoted" } else { " " });
        }
    }
    true
}

pub(super) fn operations(_session: &mut Session, _arguments: &[String]) -> bool {
    true
}

/// Colocations of a resource or its outermost container, in the words of the released tool.
pub(super) fn constraints(session: &mut Session, arguments: &[String]) -> bool {
    let Some(copy) = session.open_copy() else { return false };
    let Some(resource) = copy.find_resource(&arguments[0]) else {
        eprintln!("crm_resource: Resource '{}' not found", arguments[0]);
        eprintln!("Error performing operation: No such object");
        return false;
    };
    let top = copy.top_of(resource);
    let id = copy.object_id(top).to_owned();
    let doc = copy.document();
    let Some(section) = doc.path(doc.root(), &["configuration", "constraints"]) else { return true };
    let mut with = Vec::new();
    let mut located = Vec::new();
    for node in doc.children(section) {
        let attr = |name: &str| doc.attr(node, name).unwrap_or_default();
        match doc.name(node) {
            "rsc_colocation" if attr("rsc") == id => {
                with.push(format!("  * {} (score={}, id={})", attr("with-rsc"), attr("score"), attr("id")));
            }
            "rsc_location" if attr("rsc") == id && !attr("node").is_empty() => {
                located.push(format!(
                    "  * Node {} (score={}, id={}, rsc={id})",
                    attr("node"),
                    attr("score"),
                    attr("id")
                ));
            }
            _ => {}
        }
    }
    for (title, lines) in [("is located on", located), ("is colocated with", with)] {
        if !lines.is_empty() {
            println!("Resources {id} {title}:");
            lines.iter().for_each(|line| println!("{line}"));
        }
    }
    true
}
