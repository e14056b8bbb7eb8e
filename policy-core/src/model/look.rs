//! Looking things up in a model, and the questions that more than one pass asks.

use super::{
    Kind, Model, Name, Node, NodeEntry, NodeIx, NodeTable, Resource, ResourceFlags, ResourceIx, Role, Score, Symbol,
    sym,
};
use cib_core::rules::compare_names;
use smallvec::SmallVec;
use std::cmp::Ordering;

/// Which node of a resource is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Where {
    /// By history.
    Current,
    /// Chosen in this run.
    Assigned,
}

/// Nodes.
impl Model {
    /// Adds a node and puts it in name order: before the first that does not sort strictly before it [ST-2.1].
    pub fn add_node(&mut self, node: Node) -> NodeIx {
        let ix = NodeIx::new(self.nodes.len());
        self.has_remote_nodes |= node.is_remote_type();
        let name = self.symbols.text(node.name);
        let at = self
            .node_order
            .partition_point(|&other| compare_names(self.text(self[other].name), name) == Ordering::Less);
        let name: Box<str> = name.to_ascii_lowercase().into();
        self.node_order.insert(at, ix);
        self.nodes_by_name.entry(name).or_default().push(ix);
        self.nodes.push(node);
        ix
    }

    /// The node of this name, in any case of letters.
    #[must_use]
    pub fn node(&self, name: &str) -> Option<NodeIx> {
        let all = match self.nodes_by_name.get(name) {
            Some(all) => all,
            None => self.nodes_by_name.get(&*name.to_ascii_lowercase())?,
        };
        // of nodes with one name the one added last comes first in name order
        all.last().copied()
    }

    /// The node with this id, in any case of letters: the first in name order.
    #[must_use]
    pub fn node_by_id(&self, id: &str) -> Option<NodeIx> {
        self.node_order.iter().copied().find(|&n| self.text(self[n].id).eq_ignore_ascii_case(id))
    }

    /// All nodes in name order.
    pub fn nodes_in_order(&self) -> impl Iterator<Item = NodeIx> + use<> {
        self.node_order.clone().into_iter()
    }

    /// An attribute of a node.
    #[must_use]
    pub fn attribute(&self, node: NodeIx, name: impl Name) -> Option<&str> {
        let value = self[node].attributes.get(name.symbol(&self.symbols)?)?;
        Some(self.text(value))
    }

    /// The name of a node.
    #[must_use]
    pub fn node_name(&self, node: NodeIx) -> &str {
        self.text(self[node].name)
    }

    /// Whether a node's connection is a removed resource whose launcher is not known [ST-1.1].
    #[must_use]
    pub fn is_dangling_guest(&self, node: NodeIx) -> bool {
        self[node].is_remote_type()
            && self[node]
                .connection
                .is_some_and(|c| self[c].launcher.is_none() && self[c].flags.has(ResourceFlags::REMOVED_LAUNCHED))
    }
}

/// Resources and their families.
impl Model {
    /// Adds a resource; the caller links it to its parent or to the top level.
    pub fn add_resource(&mut self, resource: Resource) -> ResourceIx {
        let ix = ResourceIx::new(self.resources.len());
        self.resources_by_name.entry(resource.id).or_default().push(ix);
        self.resources.push(resource);
        ix
    }

    /// Gives a resource the name its history goes by.
    pub fn set_history_id(&mut self, resource: ResourceIx, name: Option<Symbol>) {
        if let Some(old) = self[resource].history_id.take()
            && let Some(all) = self.resources_by_name.get_mut(&old)
        {
            all.retain(|other| *other != resource);
        }
        self[resource].history_id = name;
        if let Some(name) = name {
            self.resources_by_name.entry(name).or_default().push(resource);
        }
    }

    /// All resources whose id or history id this is, in no particular order.
    #[must_use]
    pub fn named(&self, name: Symbol) -> &[ResourceIx] {
        self.resources_by_name.get(&name).map_or(&[], |all| all)
    }

    /// The first resource whose id or history id this is: top level in order, each depth first [ST-18.2].
    #[must_use]
    pub fn resource(&self, name: impl Name) -> Option<ResourceIx> {
        let all = self.named(name.symbol(&self.symbols)?);
        match all {
            [] => None,
            [only] => Some(*only),
            many => many.iter().copied().min_by_key(|&r| self.position(r)),
        }
    }

    /// Where a resource stands in the tree, comparable depth first.
    pub(crate) fn position(&self, resource: ResourceIx) -> SmallVec<[usize; 5]> {
        let mut path = SmallVec::new();
        let mut at = resource;
        while let Some(parent) = self[at].parent {
            path.push(self[parent].children.iter().position(|&c| c == at).unwrap_or(usize::MAX));
            at = parent;
        }
        path.push(self.top.iter().position(|&r| r == at).unwrap_or(usize::MAX));
        path.reverse();
        path
    }

    /// The id of a resource.
    #[must_use]
    pub fn id(&self, resource: ResourceIx) -> &str {
        self.text(self[resource].id)
    }

    /// The name in history: the history id, or the id.
    #[must_use]
    pub fn history_name(&self, resource: ResourceIx) -> Symbol {
        self[resource].history_id.unwrap_or(self[resource].id)
    }

    /// A meta-attribute, resolved.
    #[must_use]
    pub fn meta(&self, resource: ResourceIx, name: impl Name) -> Option<&str> {
        let value = self[resource].meta.get(name.symbol(&self.symbols)?)?;
        Some(self.text(value))
    }

    /// The outermost ancestor, never stepping up into a bundle.
    #[must_use]
    pub fn top(&self, resource: ResourceIx) -> ResourceIx {
        let mut at = resource;
        while let Some(parent) = self[at].parent {
            if self[parent].kind() == Kind::Bundle {
                break;
            }
            at = parent;
        }
        at
    }

    /// The outermost ancestor, bundles included.
    #[must_use]
    pub fn top_with_bundle(&self, resource: ResourceIx) -> ResourceIx {
        let mut at = resource;
        while let Some(parent) = self[at].parent {
            at = parent;
        }
        at
    }

    /// The bundle that a resource is in.
    #[must_use]
    pub fn bundle_of(&self, resource: ResourceIx) -> Option<ResourceIx> {
        let mut at = resource;
        while let Some(parent) = self[at].parent {
            if self[parent].kind() == Kind::Bundle {
                return Some(parent);
            }
            at = parent;
        }
        None
    }

    /// Whether a resource is part of a bundle.
    #[must_use]
    pub fn in_bundle(&self, resource: ResourceIx) -> bool {
        self.bundle_of(resource).is_some()
    }

    /// Whether `ancestor` is `resource` or one of its ancestors.
    #[must_use]
    pub fn is_ancestor(&self, ancestor: ResourceIx, resource: ResourceIx) -> bool {
        let mut at = Some(resource);
        while let Some(r) = at {
            if r == ancestor {
                return true;
            }
            at = self[r].parent;
        }
        false
    }

    /// Whether a resource is, or is in, an anonymous clone.
    #[must_use]
    pub fn is_anonymous(&self, resource: ResourceIx) -> bool {
        !self[resource].flags.has(ResourceFlags::UNIQUE)
    }

    /// All primitives below a resource (itself, if it is one), in order of children.
    #[must_use]
    pub fn leaves(&self, resource: ResourceIx) -> Vec<ResourceIx> {
        let mut leaves = Vec::new();
        self.collect_leaves(resource, &mut leaves);
        leaves
    }

    fn collect_leaves(&self, resource: ResourceIx, leaves: &mut Vec<ResourceIx>) {
        if self[resource].is_primitive() {
            leaves.push(resource);
        }
        for &child in &self[resource].children {
            self.collect_leaves(child, leaves);
        }
    }

    /// The resource and all below it, parents first.
    #[must_use]
    pub fn family(&self, resource: ResourceIx) -> Vec<ResourceIx> {
        let mut family = vec![resource];
        let mut at = 0;
        while at < family.len() {
            let children = self[family[at]].children.iter().copied();
            let children: SmallVec<[ResourceIx; 8]> = children.collect();
            family.splice(at + 1..at + 1, children);
            at += 1;
        }
        family
    }
}

/// Roles and places.
impl Model {
    /// The current role: of a group or clone the highest of its children, of a bundle Unknown [ST-18.6].
    #[must_use]
    pub fn role(&self, resource: ResourceIx) -> Role {
        match self[resource].kind() {
            Kind::Primitive => self[resource].role,
            Kind::Bundle => Role::Unknown,
            _ => self[resource].children.iter().map(|&c| self.role(c)).max().unwrap_or_default(),
        }
    }

    /// The next role, as [`Model::role`].
    #[must_use]
    pub fn next_role(&self, resource: ResourceIx) -> Role {
        match self[resource].kind() {
            Kind::Primitive => self[resource].next_role,
            Kind::Bundle => Role::Unknown,
            _ => self[resource].children.iter().map(|&c| self.next_role(c)).max().unwrap_or_default(),
        }
    }

    /// The current node: one of the active nodes [ST-18.4].
    #[must_use]
    pub fn current_node(&self, resource: ResourceIx) -> Option<NodeIx> {
        if self[resource].kind() == Kind::Bundle {
            return self.current_node_of_bundle(resource);
        }
        self.pick_current(resource, &self[resource].active)
    }

    fn pick_current(&self, resource: ResourceIx, active: &[NodeIx]) -> Option<NodeIx> {
        let first = *active.first()?;
        let r = &self[resource];
        if let Some(source) = r.partial_source {
            return Some(if active.contains(&source) { source } else { first });
        }
        if r.flags.has(ResourceFlags::NEEDS_FENCING) {
            return Some(first);
        }
        let happy = active.iter().copied().find(|&n| self[n].online() && !self[n].unclean());
        Some(happy.unwrap_or(first))
    }

    fn current_node_of_bundle(&self, bundle: ResourceIx) -> Option<NodeIx> {
        let state = self[bundle].bundle()?;
        let active: Vec<_> =
            state.replicas.iter().map(|r| r.container).filter(|&c| !self[c].active.is_empty()).collect();
        if let [only] = active[..] {
            return self.current_node(only);
        }
        let mut nodes: SmallVec<[NodeIx; 4]> = SmallVec::new();
        for container in active {
            for &node in &self[container].active {
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        self.pick_current(bundle, &nodes)
    }

    /// How many active nodes there are, and how many of them are online and clean [AC-1.2].
    #[must_use]
    pub fn count_active(&self, resource: ResourceIx) -> (usize, usize) {
        let active = &self[resource].active;
        let happy = active.iter().filter(|&&n| self[n].online() && !self[n].unclean()).count();
        (active.len(), happy)
    }

    /// How often a resource counts as active [ST-13.3].
    #[must_use]
    pub fn active_count(&self, resource: ResourceIx) -> usize {
        let (all, happy) = self.count_active(resource);
        if self[resource].flags.has(ResourceFlags::NEEDS_FENCING) { all } else { happy }
    }

    /// The union of the places of all primitives below a resource, in order, without repetition [ST-18.5].
    #[must_use]
    pub fn locations_of(
        &self,
        resource: ResourceIx,
        current: bool,
        pending: bool,
        assigned: bool,
    ) -> SmallVec<[NodeIx; 4]> {
        let mut nodes = SmallVec::new();
        self.collect_locations(resource, (current, pending, assigned), &mut nodes);
        nodes
    }

    fn collect_locations(&self, resource: ResourceIx, which: (bool, bool, bool), nodes: &mut SmallVec<[NodeIx; 4]>) {
        let r = &self[resource];
        let mut add = |node: NodeIx| {
            if !nodes.contains(&node) {
                nodes.push(node);
            }
        };
        if r.is_primitive() {
            if which.0 {
                r.active.iter().copied().for_each(&mut add);
            }
            if which.1 {
                r.pending.iter().for_each(|&(_, node)| add(node));
            }
            if which.2 {
                r.assigned_node().into_iter().for_each(&mut add);
            }
        }
        for &child in &r.children {
            self.collect_locations(child, which, nodes);
        }
    }

    /// The one node a resource is on by history, if it is exactly one [CL-1.1].
    #[must_use]
    pub fn current_location(&self, resource: ResourceIx) -> Option<NodeIx> {
        self.single_location(resource, Where::Current)
    }

    /// The one node a resource is assigned to, if it is exactly one [CL-1.1].
    #[must_use]
    pub fn assigned_location(&self, resource: ResourceIx) -> Option<NodeIx> {
        self.single_location(resource, Where::Assigned)
    }

    fn single_location(&self, resource: ResourceIx, which: Where) -> Option<NodeIx> {
        let current = which == Where::Current;
        match self.locations_of(resource, current, false, !current)[..] {
            [node] => Some(node),
            _ => None,
        }
    }

    /// Whether a resource is active; `all` asks for all children of a group or clone [ST-18.6].
    #[must_use]
    pub fn is_active(&self, resource: ResourceIx, all: bool) -> bool {
        let r = &self[resource];
        match r.kind() {
            Kind::Primitive => r.active.iter().any(|&n| {
                let node = &self[n];
                node.unclean() || node.online() || !r.flags.has(ResourceFlags::MANAGED)
            }),
            Kind::Group | Kind::Clone => {
                if all {
                    r.children.iter().all(|&c| self.is_active(c, all))
                } else {
                    r.children.iter().any(|&c| self.is_active(c, all))
                }
            }
            Kind::Bundle => {
                let replicas = r.bundle().map_or(&[][..], |b| &b.replicas);
                let mut parts = replicas
                    .iter()
                    .flat_map(|p| [p.ip, p.child, Some(p.container), p.connection].into_iter().flatten());
                if all { parts.all(|c| self.is_active(c, all)) } else { parts.any(|c| self.is_active(c, all)) }
            }
        }
    }

    /// The node whose attributes count for a resource on `node` [IN-9.4]: with attribute target `host` on a guest, the host.
    #[must_use]
    pub fn attribute_node(&self, resource: ResourceIx, node: NodeIx, assigned: bool) -> Option<NodeIx> {
        let host = self[node].is_guest()
            && self.meta(resource, sym::CONTAINER_ATTRIBUTE_TARGET).is_some_and(|t| t.eq_ignore_ascii_case("host"));
        if !host {
            return Some(node);
        }
        let launcher = self[self[node].connection?].launcher?;
        if assigned { self[launcher].assigned_node() } else { self[launcher].active.first().copied() }
    }
}

/// Node tables.
impl Model {
    /// Adds `delta` for one node, or for all, to a resource and all below it [PL-5.1] [ST-13.4].
    pub fn adjust(&mut self, resource: ResourceIx, node: Option<NodeIx>, delta: Score) {
        for at in 0..self[resource].children.len() {
            let child = self[resource].children[at];
            self.adjust(child, node, delta);
        }
        match node {
            Some(node) => self.adjust_row(resource, node, delta),
            None => {
                for at in 0..self.node_order.len() {
                    self.adjust_row(resource, self.node_order[at], delta);
                }
                if delta.is_neg_infinite() {
                    self[resource].assigned = None;
                }
            }
        }
    }

    fn adjust_row(&mut self, resource: ResourceIx, node: NodeIx, delta: Score) {
        let base = self.nodes[node.index()].base.score;
        let table = &mut self[resource].table;
        if !table.contains(node) {
            table.insert(node, NodeEntry { score: base, ..NodeEntry::default() });
        }
        table.add(node, delta);
    }

    /// The initial rows of an opt-out cluster: every known node with its base score [PL-5.1].
    pub fn allow_everywhere(&mut self, resource: ResourceIx) {
        if self[resource].flags.has(ResourceFlags::EXCLUSIVE_PROBES) {
            return;
        }
        for at in 0..self[resource].children.len() {
            let child = self[resource].children[at];
            self.allow_everywhere(child);
        }
        for at in 0..self.node_order.len() {
            let node = self.node_order[at];
            if self[node].base.probe != super::ProbeMode::Never {
                self.adjust_row(resource, node, Score::ZERO);
            }
        }
    }

    /// Replaces a resource's own table by all nodes at -INFINITY [ST-10.5].
    pub fn ban_everywhere(&mut self, resource: ResourceIx) {
        let mut table = NodeTable::new();
        for &node in &self.node_order {
            table.insert(node, NodeEntry { score: Score::NEG_INFINITY, ..NodeEntry::default() });
        }
        self[resource].table = table;
    }
}

/// Dropping what turned out to be unusable.
impl Model {
    /// Takes a resource and all below it out of look-ups by name. It stays in the arena, where nothing refers to it.
    pub(crate) fn forget_resource(&mut self, resource: ResourceIx) {
        let below = (resource.index()..self.resources.len()).map(ResourceIx::new);
        let dropped: Vec<ResourceIx> = below.filter(|&r| self.is_ancestor(resource, r)).collect();
        for r in dropped {
            let id = self[r].id;
            if let Some(all) = self.resources_by_name.get_mut(&id) {
                all.retain(|other| *other != r);
            }
            self[r].flags.remove(ResourceFlags::FENCE_DEVICE);
        }
    }
}
