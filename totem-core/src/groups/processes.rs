//! All processes in groups on the whole ring, as every node knows them [QG-5.1, QG-5.7].

use super::GroupName;
use crate::wire::NodeId;

/// One process in a group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Process {
    /// Its node.
    pub node: NodeId,
    /// Its process id there.
    pub pid: u32,
    /// The group.
    pub group: GroupName,
}

/// Sorted by node and process id; one process in several groups keeps the order in which it joined.
#[derive(Clone, Debug, Default)]
pub(super) struct Processes {
    list: Vec<Process>,
}

impl Processes {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Process> {
        self.list.iter()
    }

    pub(super) fn contains(&self, process: &Process) -> bool {
        self.range(process).any(|p| p.group == process.group)
    }

    fn range(&self, process: &Process) -> impl Iterator<Item = &Process> {
        let key = (process.node, process.pid);
        let from = self.list.partition_point(|p| (p.node, p.pid) < key);
        self.list[from..].iter().take_while(move |p| (p.node, p.pid) == key)
    }

    pub(super) fn insert(&mut self, process: Process) {
        let at = self.list.partition_point(|p| (p.node, p.pid) <= (process.node, process.pid));
        self.list.insert(at, process);
    }

    pub(super) fn remove(&mut self, process: &Process) {
        self.list.retain(|p| p != process);
    }

    /// Takes out the processes of some nodes, in list order.
    pub(super) fn remove_nodes(&mut self, nodes: &[NodeId]) -> Vec<Process> {
        let (gone, kept) = std::mem::take(&mut self.list).into_iter().partition(|p| nodes.contains(&p.node));
        self.list = kept;
        gone
    }

    pub(super) fn in_group<'a>(&'a self, group: &'a GroupName) -> impl Iterator<Item = &'a Process> {
        self.list.iter().filter(move |p| p.group == *group)
    }

    /// All processes in the order in which tools list them: each one directly behind the first of its group, a new
    /// group in front of all.
    pub(super) fn listing(&self) -> Vec<Process> {
        let mut out: Vec<Process> = Vec::new();
        for process in &self.list {
            match out.iter().position(|p| p.group == process.group) {
                Some(first) => out.insert(first + 1, process.clone()),
                None => out.insert(0, process.clone()),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listing_order() {
        let group = |name: &str| GroupName::new(name).unwrap();
        let mut processes = Processes::default();
        for (node, pid, name) in [(3, 15368, "z"), (2, 15352, "a"), (1, 15349, "a"), (3, 15369, "a")] {
            processes.insert(Process { node: NodeId(node), pid, group: group(name) });
        }
        let order: Vec<_> = processes.listing().iter().map(|p| (p.node.0, p.pid)).collect();
        assert_eq!(order, [(3, 15368), (1, 15349), (3, 15369), (2, 15352)]);
    }
}
