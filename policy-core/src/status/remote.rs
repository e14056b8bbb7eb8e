//! Remote and guest nodes [ST-6].

use super::{NodeState, Status};
use crate::config::add_attributes;
use crate::model::{Model, NodeFlags, NodeIx, ResourceFlags, Role, sym};
use cib_core::rules::{integer_with_minimum, is_true, parse_boolean};

/// Whether the node is up, as its connection and launcher say [ST-6.2].
pub(super) fn determine_online(m: &mut Model, node: NodeIx) {
    let Some(connection) = m[node].connection else {
        m[node].flags.remove(NodeFlags::ONLINE);
        return;
    };
    let launcher = m[connection].launcher;
    let role = m[connection].role;
    let host = match (launcher, &m[connection].active[..]) {
        (Some(_), &[host]) => Some(host),
        _ => None,
    };
    if role == Role::Started {
        m[node].flags.insert(NodeFlags::ONLINE);
        if m[connection].next_role == Role::Stopped {
            m[node].flags.insert(NodeFlags::SHUTDOWN);
        }
    }
    if launcher.is_some_and(|l| m[l].is(ResourceFlags::FAILED)) {
        m[node].flags.remove(NodeFlags::ONLINE);
        m[node].flags.insert(NodeFlags::REMOTE_RESET);
    } else if m[connection].is(ResourceFlags::FAILED) {
        m[node].flags.remove(NodeFlags::ONLINE);
    } else if role == Role::Stopped || launcher.is_some_and(|l| m.role(l) == Role::Stopped) {
        m[node].flags.remove(NodeFlags::ONLINE | NodeFlags::REMOTE_RESET);
    } else if host.is_some_and(|h| !m[h].online() && m[h].unclean()) {
        m[node].flags.remove(NodeFlags::ONLINE);
        m[node].flags.insert(NodeFlags::REMOTE_RESET);
    }
}

/// What the status entry of a remote node says [ST-6.3].
pub(super) fn attributes(m: &mut Model, status: &Status<'_>, state: &NodeState, node: NodeIx) {
    let (cib, element) = (status.cib, state.element);
    let maintenance = integer_with_minimum(cib.attr(element, "node_in_maintenance"), 0) != 0;
    m[node].flags.set(NodeFlags::REMOTE_MAINTENANCE, maintenance);
    if !m[node].is(NodeFlags::REMOTE_RESET) {
        m[node].flags.remove(NodeFlags::UNCLEAN);
        m[node].flags.insert(NodeFlags::SEEN);
    }
    add_attributes(m, node, Some((cib, cib.child(element, "transient_attributes"))), None);
    if m.shutdown_requested(node) {
        m[node].flags.insert(NodeFlags::SHUTDOWN);
    }
    if is_true(m.attribute(node, sym::STANDBY)) {
        m[node].flags.insert(NodeFlags::STANDBY);
    }
    let unmanaged = m[node].connection.is_some_and(|c| !m[c].is(ResourceFlags::MANAGED));
    if unmanaged || is_true(m.attribute(node, sym::MAINTENANCE)) {
        m[node].flags.insert(NodeFlags::MAINTENANCE);
    }
    let discovery = m.attribute(node, sym::RESOURCE_DISCOVERY_ENABLED).map(parse_boolean);
    if discovery.is_some_and(|d| d != Some(true)) {
        if m[node].is_remote() && !m.options.fencing_enabled {
            let text = format!(
                "Ignoring resource-discovery-enabled attribute on Pacemaker Remote node {} because fencing is disabled",
                m.node_name(node)
            );
            m.config_warning(text);
        } else {
            m[node].flags.remove(NodeFlags::PROBES_ALLOWED);
        }
    }
}
