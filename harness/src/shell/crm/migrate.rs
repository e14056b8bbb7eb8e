//! Moving and banning [SH-12.4].

use cib_core::rules::{DateTime, IsoDuration};
use cib_core::xml::{Document, NodeIx};

use super::attributes;
use super::session::Session;
use crate::shell::cib_tools::local_now;

/// What the arguments after the resource say.
struct Request {
    node: Option<String>,
    lifetime: Option<String>,
    force: bool,
}

fn request(session: &mut Session, command: &str, arguments: &[String]) -> Option<Request> {
    let mut rest: Vec<String> = arguments[1..].to_vec();
    let force = rest.last().is_some_and(|word| word == "force");
    if force {
        rest.pop();
    }
    let nodes = session.open_copy()?.node_names();
    let request = match &rest[..] {
        [] => Request { node: None, lifetime: None, force },
        [one] if nodes.contains(one) => Request { node: Some(one.clone()), lifetime: None, force },
        [one] => Request { node: None, lifetime: Some(one.clone()), force },
        [node, lifetime] if nodes.contains(node) => {
            Request { node: Some(node.clone()), lifetime: Some(lifetime.clone()), force }
        }
        [node, _] => {
            session.fail(&format!("Not our node: {node}"));
            return None;
        }
        _ => {
            session.fail(&format!("usage: {command} <rsc> [<node>] [<lifetime>] [force]"));
            return None;
        }
    };
    Some(request)
}

pub(super) fn relocate(session: &mut Session, arguments: &[String]) -> bool {
    constrain(session, arguments, false)
}

pub(super) fn ban(session: &mut Session, arguments: &[String]) -> bool {
    constrain(session, arguments, true)
}

fn constrain(session: &mut Session, arguments: &[String], ban: bool) -> bool {
    let Some(request) = request(session, if ban { "ban" } else { "move" }, arguments) else { return false };
    let id = &arguments[0];
    let Some(mut cib) = session.read_cib() else { return false };
    if session.copy().find_resource(id).is_none() {
        eprintln!("crm_resource: Resource '{id}' not found");
        eprintln!("Error performing operation: No such object");
        return false;
    }
    let running = super::status::running_on(&cib, id);
    let node = match (&request.node, running.as_slice()) {
        (Some(node), _) => node.clone(),
        (None, [(node, _)]) => node.clone(),
        (None, places) => {
            eprintln!("crm_resource: Resource '{id}' not moved: active in {} locations.", places.len());
            eprintln!("To prevent '{id}' from running on a specific location, specify a node.");
            return false;
        }
    };
    let banned = ban || request.node.is_none();
    let end = match lifetime_end(request.lifetime.as_deref()) {
        Ok(end) => end,
        Err(text) => return session.fail(&text),
    };
    if banned {
        println!(
            "WARNING: Creating rsc_location constraint 'cli-ban-{id}-on-{node}' with a score of -INFINITY for resource {id} on {node}."
        );
        println!(
            "\tThis will prevent {id} from running on {node} until the constraint is removed using the clear option or by editing the CIB with an appropriate tool"
        );
        println!("\tThis will be the case even if {node} is the last node in the cluster");
    }
    write_constraint(&mut cib, id, &node, banned, end);
    let _ = request.force;
    if !attributes::write(session, &mut cib) {
        return false;
    }
    let what = if ban { "Ban" } else { "Move" };
    let place = request.node.as_ref().map(|node| format!(" to {node}")).unwrap_or_default();
    session.inform(&format!("{what} constraint created for {id}{place}"));
    session.inform(&format!("Use `crm resource clear {id}` to remove this constraint"));
    true
}

/// When the constraint ends: never, or at a time.
fn lifetime_end(text: Option<&str>) -> Result<Option<DateTime>, String> {
    let now = local_now();
    match text {
        None | Some("forever" | "reboot") => Ok(None),
        Some(text) => IsoDuration::parse(text)
            .map(|duration| duration.after(now))
            .or_else(|_| DateTime::parse(text, &now))
            .map(Some)
            .map_err(|_| format!("Invalid lifetime: {text}")),
    }
}

fn write_constraint(cib: &mut Document, id: &str, node: &str, ban: bool, end: Option<DateTime>) {
    let Some(configuration) = cib.child(cib.root(), "configuration") else { return };
    let section = match cib.child(configuration, "constraints") {
        Some(section) => section,
        None => cib.append(configuration, "constraints"),
    };
    let own = if ban { format!("cli-ban-{id}-on-{node}") } else { format!("cli-prefer-{id}") };
    let opposite = format!("cli-ban-{id}-on-{node}");
    let old: Vec<NodeIx> = cib
        .children(section)
        .filter(|constraint| cib.id(*constraint).is_some_and(|known| known == own || (!ban && known == opposite)))
        .collect();
    for constraint in old {
        cib.remove(constraint);
    }
    let score = if ban { "-INFINITY" } else { "INFINITY" };
    let constraint = cib.append(section, "rsc_location");
    let mut set = |node: NodeIx, attributes: &[(&str, &str)]| {
        attributes.iter().for_each(|(name, value)| cib.set_attr(node, name, value));
    };
    set(constraint, &[("id", &own), ("rsc", id), ("role", "Started")]);
    let Some(end) = end else {
        set(constraint, &[("node", node), ("score", score)]);
        return;
    };
    let ids = if ban {
        [format!("{own}-rule"), format!("{own}-expr"), format!("{own}-lifetime")]
    } else {
        [format!("cli-prefer-rule-{id}"), format!("cli-prefer-expr-{id}"), format!("cli-prefer-lifetime-end-{id}")]
    };
    let rule = cib.append(constraint, "rule");
    let expression = cib.append(rule, "expression");
    let date = cib.append(rule, "date_expression");
    let mut set = |node: NodeIx, attributes: &[(&str, &str)]| {
        attributes.iter().for_each(|(name, value)| cib.set_attr(node, name, value));
    };
    set(rule, &[("id", &ids[0]), ("score", score), ("boolean-op", "and")]);
    let own_node = [("attribute", "#uname"), ("operation", "eq"), ("value", node), ("type", "string")];
    set(expression, &[("id", ids[1].as_str())]);
    set(expression, &own_node);
    set(date, &[("id", &ids[2]), ("operation", "lt"), ("end", &end.to_string())]);
}

pub(super) fn clear(session: &mut Session, arguments: &[String]) -> bool {
    let id = &arguments[0];
    let Some(mut cib) = session.read_cib() else { return false };
    if let Some(section) = cib.path(cib.root(), &["configuration", "constraints"]) {
        let (prefer, ban) = (format!("cli-prefer-{id}"), format!("cli-ban-{id}-on-"));
        let own: Vec<NodeIx> = cib
            .children(section)
            .filter(|node| cib.id(*node).is_some_and(|known| known == prefer || known.starts_with(&ban)))
            .collect();
        let any = !own.is_empty();
        for node in own {
            cib.remove(node);
        }
        if any && !attributes::write(session, &mut cib) {
            return false;
        }
    }
    session.inform(&format!("Removed migration constraints for {id}"));
    true
}
