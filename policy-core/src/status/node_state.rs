//! Tickets, and the states of cluster nodes [ST-5].

use super::{NodeState, Status};
use crate::actions::mark_for_fencing;
use crate::config::add_attributes;
use crate::model::{
    Document, Element, Level, Model, NodeFlags, NodeIx, QuorumPolicy, Score, Symbol, TextMap, Ticket, TicketIx, sym,
};
use cib_core::rules::{integer_with_minimum, is_true, parse_boolean, parse_integer};

/// Reads ticket states [ST-5.6].
pub(super) fn tickets(m: &mut Model, cib: &Document, section: Element) {
    for element in cib.children_named(section, "ticket_state") {
        let Some(id) = cib.id(element).filter(|id| !id.is_empty()) else { continue };
        let id = m.symbols.intern(id);
        let ticket = m.ticket(id);
        for (name, value) in cib.attrs(element) {
            if name != "id" {
                let (name, value) = (m.symbols.intern(name), m.symbols.intern(value));
                m[ticket].state.set(name, value);
            }
        }
        let value = |m: &Model, name: &str| {
            m.symbols.find(name).and_then(|n| m[ticket].state.get(n)).map(|v| m.text(v).to_owned())
        };
        m[ticket].granted = is_true(value(m, "granted").as_deref());
        m[ticket].standby = is_true(value(m, "standby").as_deref());
        if let Some(time) = value(m, "last-granted") {
            m[ticket].last_granted = parse_integer(&time).unwrap_or(0);
        }
    }
}

impl Model {
    /// The ticket of this id, made if it is not known: not granted [IN-15.5].
    pub fn ticket(&mut self, id: Symbol) -> TicketIx {
        if let Some(at) = self.tickets.iter().position(|t| t.id == id) {
            return TicketIx::new(at);
        }
        self.tickets.push(Ticket { id, granted: false, standby: false, last_granted: -1, state: TextMap::new() });
        TicketIx::new(self.tickets.len() - 1)
    }
}

/// First pass over one `node_state` [ST-5.1].
pub(super) fn unpack(m: &mut Model, status: &Status<'_>, state: &NodeState) {
    let (cib, element) = (status.cib, state.element);
    let Some(node) = super::node_of(m, state) else {
        let name = state.uname.map_or("unknown", |u| m.text(u));
        let text = format!("Ignoring recorded state for removed node with name {name} and id {}", m.text(state.id));
        m.tell(Level::Notice, text);
        return;
    };
    if m[node].is_remote_type() {
        let fenced = integer_with_minimum(cib.attr(element, "node_fenced"), 0) != 0;
        m[node].flags.set(NodeFlags::REMOTE_FENCED, fenced);
        return;
    }
    add_attributes(m, node, Some((cib, cib.child(element, "transient_attributes"))), None);
    for (attribute, flag) in [(sym::STANDBY, NodeFlags::STANDBY), (sym::MAINTENANCE, NodeFlags::MAINTENANCE)] {
        if is_true(m.attribute(node, attribute)) {
            m[node].flags.insert(flag);
        }
    }
    if m.attribute(node, sym::RESOURCE_DISCOVERY_ENABLED).is_some_and(|v| parse_boolean(v) != Some(true)) {
        let text = format!(
            "Ignoring resource-discovery-enabled attribute for {} because disabling resource discovery is not allowed for \
             cluster nodes",
            m.node_name(node)
        );
        m.config_warning(text);
    }
    m[node].flags.remove(NodeFlags::UNCLEAN);
    m[node].flags.insert(NodeFlags::SEEN);
    determine_online(m, cib, element, node);
    if !m.quorate && m[node].online() && m.options.no_quorum_policy == QuorumPolicy::Fence {
        mark_for_fencing(m, node, "cluster does not have quorum", false);
    }
}

impl Model {
    /// Whether an attribute of the node asks for its shutdown [ST-5.2].
    #[must_use]
    pub fn shutdown_requested(&self, node: NodeIx) -> bool {
        self.attribute(node, sym::SHUTDOWN).is_some_and(|v| v != "0")
    }
}

/// What the membership, the process group, the join and the expectation say.
struct Peer<'a> {
    member: i64,
    online: i64,
    join: Option<&'a str>,
    expected: Option<&'a str>,
    terminate: bool,
}

impl<'a> Peer<'a> {
    fn read(m: &Model, cib: &'a Document, element: Element, node: NodeIx) -> Self {
        let member = match cib.attr(element, "in_ccm") {
            None => -1,
            Some(text) => match parse_boolean(text) {
                Some(true) => m.now,
                Some(false) => 0,
                None => parse_integer(text).filter(|&v| v >= 0).unwrap_or(-1),
            },
        };
        let online = match cib.attr(element, "crmd") {
            None => 0,
            Some(text) if text.eq_ignore_ascii_case("offline") => 0,
            Some("online") => 1,
            Some(text) => parse_integer(text).filter(|&v| v >= 0).unwrap_or(0),
        };
        let terminate = m
            .attribute(node, sym::TERMINATE)
            .is_some_and(|text| parse_boolean(text).unwrap_or_else(|| parse_integer(text).is_some_and(|v| v > 0)));
        Self { member, online, join: cib.attr(element, "join"), expected: cib.attr(element, "expected"), terminate }
    }
}

/// [ST-5.3]
fn determine_online(m: &mut Model, cib: &Document, element: Element, node: NodeIx) {
    let peer = Peer::read(m, cib, element, node);
    let shutdown = m.shutdown_requested(node);
    m[node].flags.set(NodeFlags::SHUTDOWN, shutdown);
    if !shutdown && peer.expected.is_some_and(|e| e.eq_ignore_ascii_case("member")) {
        m[node].flags.insert(NodeFlags::EXPECTED_UP);
    }
    let online = if m.options.fencing_enabled { with_fencing(m, node, &peer) } else { without_fencing(m, node, &peer) };
    m[node].flags.set(NodeFlags::ONLINE, online);
    if !online || shutdown {
        m[node].base.score = Score::NEG_INFINITY;
    }
}

/// [ST-5.4]
fn without_fencing(m: &mut Model, node: NodeIx, peer: &Peer<'_>) -> bool {
    if peer.member <= 0 {
        return false;
    }
    if peer.online > 0 {
        return peer.join.is_some_and(|j| j.eq_ignore_ascii_case("member"));
    }
    if m[node].is(NodeFlags::EXPECTED_UP) {
        mark_for_fencing(m, node, "peer is unexpectedly down", false);
    }
    false
}

/// [ST-5.5]
fn with_fencing(m: &mut Model, node: NodeIx, peer: &Peer<'_>) -> bool {
    let member = peer.member > 0;
    if m[node].is(NodeFlags::SHUTDOWN) {
        return peer.online > 0;
    }
    if peer.member < 0 {
        mark_for_fencing(m, node, "peer has not been seen by the cluster", false);
        return false;
    }
    if peer.join == Some("banned") {
        mark_for_fencing(m, node, "peer failed Pacemaker membership criteria", false);
        return member;
    }
    if peer.terminate {
        if !member && peer.online <= 0 && peer.join == Some("down") {
            return false;
        }
        mark_for_fencing(m, node, "fencing was requested", false);
        return member;
    }
    if matches!(peer.expected, None | Some("down")) {
        pending_or_down(m, node, peer);
        return member;
    }
    if peer.member == 0 {
        mark_for_fencing(m, node, "peer is no longer part of the cluster", true);
        return false;
    }
    if peer.online == 0 {
        mark_for_fencing(m, node, "peer process is no longer available", false);
        return true;
    }
    match peer.join {
        Some("member") => {}
        Some("pending" | "down") => m[node].flags.insert(NodeFlags::STANDBY | NodeFlags::PENDING),
        _ => mark_for_fencing(m, node, "peer was in an unknown state", false),
    }
    true
}

/// Row 5 of [ST-5.5]: a node that has not joined.
fn pending_or_down(m: &mut Model, node: NodeIx, peer: &Peer<'_>) {
    let timeout = m.options.node_pending_timeout_ms;
    if timeout > 0 && peer.member > 0 && peer.online <= 0 {
        let limit = peer.member.saturating_add(super::seconds(timeout));
        if m.now >= limit {
            mark_for_fencing(m, node, "peer pending timed out on joining the process group", false);
            return;
        }
        m.recheck_at(limit);
    }
    if peer.member > 0 || peer.online > 0 {
        m[node].flags.insert(NodeFlags::STANDBY | NodeFlags::PENDING);
    }
}
