//! `rsc_ticket`: what depends on a ticket, and what happens without it `[OR-4]`.

use crate::actions::mark_for_fencing;
use crate::config::reference;
use crate::model::{
    Element, LossPolicy, Model, ResourceFlags, ResourceIx, Role, Score, Symbol, TextMap, Ticket, TicketIx, TicketUse,
};
use crate::placement::explained;

/// Applies an `rsc_ticket` whose templates and tags are already expanded `[OR-4.2]`.
pub fn unpack_ticket(m: &mut Model, constraint: Element) {
    let id = m.config.id(constraint).unwrap_or_default().to_owned();
    let Some(name) = m.config.attr(constraint, "ticket").filter(|name| !name.is_empty()).map(str::to_owned) else {
        m.config_error(format!("Ignoring constraint '{id}' without ticket specified"));
        return;
    };
    let ticket = ticket(m, &name);
    let policy = m.config.attr(constraint, "loss-policy").map(str::to_ascii_lowercase);
    let sets = reference::sets(m, constraint);
    if sets.is_empty() {
        let Some(rsc) = m.config.attr(constraint, "rsc").map(str::to_owned) else {
            m.config_error(format!("Ignoring constraint '{id}' without resource"));
            return;
        };
        match reference::resource(m, &rsc) {
            Some(r) => depend(m, constraint, "rsc-role", r, ticket, policy.as_deref()),
            None => m.config_error(format!("Ignoring constraint '{id}' because resource '{rsc}' does not exist")),
        }
        return;
    }
    for set in sets {
        let (resources, unknown) = match reference::members(m, set) {
            Ok(resources) => (resources, None),
            Err((resources, unknown)) => (resources, Some(unknown)),
        };
        for r in resources {
            depend(m, set, "role", r, ticket, policy.as_deref());
        }
        if let Some(unknown) = unknown {
            let set = m.config.id(set).unwrap_or_default();
            let text = format!("{set}: No resource found for {unknown}");
            m.config_error(text);
            return;
        }
    }
}

/// The ticket of this name, made without grant if it is new.
fn ticket(m: &mut Model, name: &str) -> TicketIx {
    let id: Symbol = m.symbols.intern(name);
    let at = m.tickets.iter().position(|ticket| ticket.id == id).unwrap_or_else(|| {
        m.tickets.push(Ticket { id, granted: false, standby: false, last_granted: -1, state: TextMap::new() });
        m.tickets.len() - 1
    });
    TicketIx::new(at)
}

/// One resource depends on a ticket: recorded, and at once in effect `[OR-4.3]`.
fn depend(m: &mut Model, element: Element, role_attr: &str, r: ResourceIx, ticket: TicketIx, policy: Option<&str>) {
    let id = m.config.id(element).unwrap_or_default().to_owned();
    let role = match m.config.attr(element, role_attr).map(|text| (text, Role::parse(text))) {
        None | Some((_, Some(Role::Started))) => None,
        Some((_, Some(role))) => Some(role),
        Some((text, None)) => {
            let text = format!("Ignoring constraint {id}: Invalid role '{text}'");
            m.config_error(text);
            return;
        }
    };
    let loss = match policy {
        Some("fence") if m.options.fencing_enabled => LossPolicy::Fence,
        Some("fence") => {
            let name = m.text(m[ticket].id).to_owned();
            m.config_error(format!(
                "Resetting 'loss-policy' for ticket '{name}' to 'stop' because fencing is not configured"
            ));
            LossPolicy::Stop
        }
        Some("freeze") => LossPolicy::Freeze,
        Some("demote") => LossPolicy::Demote,
        Some("stop") => LossPolicy::Stop,
        _ if role == Some(Role::Promoted) => LossPolicy::Demote,
        _ => LossPolicy::Stop,
    };
    let id = m.symbols.intern(&id);
    m[r].tickets.push(TicketUse { id, ticket, role, loss });
    let Ticket { granted, standby, .. } = m[ticket];
    if granted && !standby {
        return;
    }
    let name = m[ticket].id;
    for leaf in m.leaves(r) {
        let label = |m: &Model| format!("ticket {} is not in force", m.text(name));
        explained(m, leaf, label, |m| lose(m, leaf, role, loss, granted));
    }
}

/// The effect of a ticket that is not granted, or in standby, on a primitive `[OR-4.3]`.
fn lose(m: &mut Model, r: ResourceIx, role: Option<Role>, loss: LossPolicy, granted: bool) {
    if granted || m[r].active.is_empty() {
        if role != Some(Role::Promoted) || loss == LossPolicy::Stop {
            m.adjust(r, None, Score::NEG_INFINITY);
        }
        return;
    }
    let in_role = role.is_none_or(|role| role == m[r].role);
    match loss {
        LossPolicy::Stop => m.adjust(r, None, Score::NEG_INFINITY),
        LossPolicy::Demote => {
            if role != Some(Role::Promoted) {
                m.adjust(r, None, Score::NEG_INFINITY);
            }
        }
        LossPolicy::Fence if in_role => {
            m.adjust(r, None, Score::NEG_INFINITY);
            for node in m[r].active.clone() {
                mark_for_fencing(m, node, "deadman ticket was lost", false);
            }
        }
        LossPolicy::Freeze if in_role => {
            m[r].flags.remove(ResourceFlags::MANAGED);
            m[r].flags.insert(ResourceFlags::BLOCKED);
        }
        LossPolicy::Fence | LossPolicy::Freeze => {}
    }
}
