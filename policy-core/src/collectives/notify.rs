//! The notifications themselves: what instances are told, and who is told [CL-14.4] to [CL-14.6].

use super::actions::notify_key;
use super::notifications::Around;
use crate::actions::{create, first};
use crate::model::{ActionIx, Kinds, Level, Model, NodeFlags, NodeIx, NotifyWhen, ResourceIx, Role, Symbol, Task, sym};
use crate::placement::look::launcher_of;

/// The pseudo-actions that surround an operation, each with its confirmation.
#[derive(Clone, Copy)]
pub(super) struct Kept {
    pub(super) before: Option<(ActionIx, ActionIx)>,
    pub(super) after: Option<(ActionIx, ActionIx)>,
}

/// Resources with the nodes where something happens to them.
type List = Vec<(ResourceIx, Option<NodeIx>)>;

/// The meta-attributes that tell instances what happens [CL-14.5].
pub(super) struct Keys {
    pairs: Vec<(Symbol, Symbol)>,
    wanted: [bool; 4],
}

/// Everything that happens to the primitives of a clone [CL-14.4].
#[derive(Default)]
struct Happenings {
    active: List,
    inactive: List,
    unpromoted: List,
    promoted: List,
    doing: [List; 4],
}

impl Happenings {
    fn of(m: &mut Model, leaves: &[ResourceIx]) -> Happenings {
        let mut found = Happenings::default();
        for &p in leaves {
            let node = m[p].active.first().copied();
            match m[p].role {
                Role::Stopped => found.inactive.push((p, node)),
                Role::Started => found.active.push((p, node)),
                Role::Unpromoted => {
                    found.unpromoted.push((p, node));
                    found.active.push((p, node));
                }
                Role::Promoted => {
                    found.promoted.push((p, node));
                    found.active.push((p, node));
                }
                Role::Unknown => {
                    let place = node.map_or("no node", |node| m.node_name(node));
                    let text = format!(
                        "Resource {} role on {place} (Unknown) is not supported for notifications (bug?)",
                        m.id(p)
                    );
                    m.tell(Level::Error, text);
                }
            }
            found.add_actions(m, p);
        }
        found
    }

    fn add_actions(&mut self, m: &Model, p: ResourceIx) {
        for &a in &m[p].actions {
            let action = &m[a];
            let Some(node) = action.node.filter(|_| action.required()) else { continue };
            let happens = action.runnable() || (action.task == Task::Stop && m[node].unclean());
            if !happens {
                continue;
            }
            if let Some(at) = Around::ALL.iter().position(|around| around.task() == action.task) {
                self.doing[at].push((p, Some(node)));
            }
        }
    }
}

impl Keys {
    /// The keys of a clone in its present state [CL-14.5].
    pub(super) fn collect(m: &mut Model, c: ResourceIx, leaves: &[ResourceIx]) -> Keys {
        let mut found = Happenings::of(m, leaves);
        let wanted = [0, 1, 2, 3].map(|at| !found.doing[at].is_empty());
        let mut keys = Keys { pairs: Vec::new(), wanted };
        for around in [Around::Stop, Around::Start, Around::Demote, Around::Promote] {
            let name = m.text(around.task().symbol()).to_owned();
            let list = core::mem::take(&mut found.doing[around as usize]);
            keys.add_list(m, &[&name], list);
        }
        keys.add_list(m, &["active"], found.active);
        keys.add_list(m, &["unpromoted", "slave"], found.unpromoted);
        keys.add_list(m, &["promoted", "master"], found.promoted);
        let inactive = sorted(m, found.inactive);
        let names: Vec<&str> = inactive.iter().map(|&(r, _)| m.id(r)).collect();
        let names = joined(&names);
        keys.add(m, "notify_inactive_resource", &names);
        let nodes = m.nodes_in_order().collect::<Vec<_>>();
        let available: Vec<&str> =
            nodes.iter().filter(|&&node| m[c].table.contains(node)).map(|&node| m.node_name(node)).collect();
        let available = joined(&available);
        keys.add(m, "notify_available_uname", &available);
        let all: Vec<&str> = nodes.iter().map(|&node| m.node_name(node)).collect();
        let all = joined(&all);
        keys.add(m, "notify_all_uname", &all);
        if m.meta(c, sym::CONTAINER_ATTRIBUTE_TARGET) == Some("host") {
            let hosts: Vec<&str> = nodes.iter().map(|&node| m.node_name(host(m, node))).collect();
            let hosts = joined(&hosts);
            keys.add(m, "notify_all_hosts", &hosts);
        }
        keys
    }

    /// The keys for one stop that fencing implies [CL-14.7].
    pub(super) fn of_stop(m: &mut Model, p: ResourceIx, node: Option<NodeIx>) -> Keys {
        let mut keys = Keys { pairs: Vec::new(), wanted: [false, true, false, false] };
        let id = m.id(p).to_owned();
        let node = node.map_or(String::new(), |node| m.node_name(node).to_owned());
        keys.add(m, "notify_stop_resource", &id);
        keys.add(m, "notify_stop_uname", &node);
        keys
    }

    /// Whether anything of this kind happens.
    pub(super) fn wants(&self, around: Around) -> bool {
        self.wanted[around as usize]
    }

    fn add(&mut self, m: &mut Model, name: &str, value: &str) {
        let pair = (m.symbols.intern(name), m.symbols.intern(value));
        self.pairs.push(pair);
    }

    /// `notify_…_resource` and `notify_…_uname` under each of the names.
    fn add_list(&mut self, m: &mut Model, names: &[&str], list: List) {
        let list: List = sorted(m, list.into_iter().filter(|(_, node)| node.is_some()).collect());
        let resources: Vec<&str> = list.iter().map(|&(r, _)| m.id(r)).collect();
        let nodes: Vec<&str> = list.iter().filter_map(|&(_, node)| Some(m.node_name(node?))).collect();
        let (resources, nodes) = (joined(&resources), joined(&nodes));
        for name in names {
            self.add(m, &format!("notify_{name}_resource"), &resources);
            self.add(m, &format!("notify_{name}_uname"), &nodes);
        }
    }

    fn put(&self, m: &mut Model, a: ActionIx) {
        for &(name, value) in &self.pairs {
            m[a].meta.set(name, value);
        }
    }
}

/// By resource, then node, each resource once.
fn sorted(m: &Model, mut list: List) -> List {
    let node_id = |node: Option<NodeIx>| node.map(|node| m.text(m[node].id));
    list.sort_by(|a, b| {
        m.id(a.0).cmp(m.id(b.0)).then_with(|| match (node_id(a.1), node_id(b.1)) {
            (Some(x), Some(y)) => x.cmp(y),
            (x, y) => y.is_some().cmp(&x.is_some()),
        })
    });
    list.dedup_by(|later, kept| later.0 == kept.0);
    list
}

/// An empty list is one blank.
fn joined(names: &[&str]) -> String {
    if names.is_empty() { " ".to_owned() } else { names.join(" ") }
}

/// A guest whose launcher is active stands for the host.
fn host(m: &Model, node: NodeIx) -> NodeIx {
    let launcher = if m[node].is_guest() { launcher_of(m, node) } else { None };
    launcher.and_then(|launcher| m.current_node(launcher)).unwrap_or(node)
}

/// Creates the notifications of all primitives of a clone for one kind of operation [CL-14.6].
pub(super) fn notify_leaves(m: &mut Model, leaves: &[ResourceIx], around: Around, kept: Kept, keys: &Keys) {
    for &p in leaves {
        for at in 0..m[p].actions.len() {
            let a = m[p].actions[at];
            let told = Around::ALL.iter().any(|around| around.task() == m[a].task);
            if told && m[a].required() && m[a].node.is_some() {
                keys.put(m, a);
            }
        }
        if around != Around::Stop && !keys.wants(around) {
            continue;
        }
        match around {
            Around::Stop | Around::Demote => {
                if m[p].role != Role::Stopped {
                    notify_active(m, p, around, kept, keys);
                }
            }
            Around::Start | Around::Promote => {
                if m[p].next_role != Role::Stopped {
                    notify_assigned(m, p, around, kept, keys);
                }
            }
        }
    }
}

/// Stops and demotions are told where the instance is [CL-14.6] step 3.
fn notify_active(m: &mut Model, p: ResourceIx, around: Around, kept: Kept, keys: &Keys) {
    let stop = first(m, p, Task::Stop, None);
    let optional = stop.is_none_or(|stop| m[stop].optional());
    for node in m[p].active.clone() {
        let gone = m[node].unclean() || m[node].is(NodeFlags::REMOTE_RESET);
        if gone && stop.is_some_and(|stop| m[stop].pseudo()) {
            continue;
        }
        make(m, p, node, NotifyWhen::Pre, around, kept.before, keys);
        if around == Around::Demote || optional {
            make(m, p, node, NotifyWhen::Post, around, kept.after, keys);
        }
    }
}

/// Starts and promotions are told where the instance will be [CL-14.6] step 4.
fn notify_assigned(m: &mut Model, p: ResourceIx, around: Around, kept: Kept, keys: &Keys) {
    let start = first(m, p, Task::Start, None);
    if start.is_some_and(|start| connection_cannot_start(m, start)) {
        return;
    }
    let Some(node) = m[p].assigned_node() else {
        let text = format!("Next role '{}' but {} is not allocated", m[p].next_role, m.id(p));
        m.tell(Level::Error, text);
        return;
    };
    let optional = start.is_none_or(|start| m[start].optional());
    if around == Around::Promote || optional {
        make(m, p, node, NotifyWhen::Pre, around, kept.before, keys);
    }
    make(m, p, node, NotifyWhen::Post, around, kept.after, keys);
}

fn connection_cannot_start(m: &Model, start: ActionIx) -> bool {
    let connection = m[start].node.and_then(|node| m[node].connection);
    let start = connection.and_then(|connection| first(m, connection, Task::Start, None));
    start.is_some_and(|start| !m[start].runnable())
}

/// One notification of P on a node, between a pseudo-action and its confirmation.
fn make(
    m: &mut Model,
    p: ResourceIx,
    node: NodeIx,
    when: NotifyWhen,
    around: Around,
    between: Option<(ActionIx, ActionIx)>,
    keys: &Keys,
) {
    let Some((x, y)) = between else { return };
    if m[node].online() && m[x].runnable() {
        let optional = m[x].optional();
        let a = create(m, p, notify_key(when, around.task()), Task::Notify, Some(node), optional);
        let meta: Vec<(Symbol, Symbol)> = m[x].meta.iter().collect();
        for (name, value) in meta {
            m[a].meta.set_if_absent(name, value);
        }
        keys.put(m, a);
        m.relate(x, a, Kinds::ORDERED);
        m.relate(a, y, Kinds::ORDERED);
        if when == NotifyWhen::Post {
            m[a].priority = super::actions::INFINITY;
        }
    }
    if when == NotifyWhen::Post {
        for at in 0..m[p].actions.len() {
            let a = m[p].actions[at];
            if is_recurring(m, a) {
                m.relate(y, a, Kinds::ORDERED);
            }
        }
    }
}

/// A recurring operation that is not a cancellation.
fn is_recurring(m: &Model, a: ActionIx) -> bool {
    let interval = m[a].meta.get(sym::INTERVAL);
    m[a].task != Task::Cancel && interval.is_some_and(|interval| m.text(interval) != "0")
}
