//! Process groups on several nodes: the order of changes and messages as every member sees it.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use totem_core::groups::{Address, ConnectionId, GroupName, Groups, MAX_PART, Output};
use totem_core::ring::Guarantee;
use totem_core::sync::{Service, ServiceMessage, SyncPhase};
use totem_core::wire::{ByteOrder, NodeId, RingId};

/// Nodes with a perfect ring per partition; messages are delivered in the order of the sending node ids.
#[derive(Default)]
struct Cluster {
    nodes: BTreeMap<u32, (Groups, Vec<NodeId>, RingId)>,
    sequence: u64,
}

impl Cluster {
    fn new(nodes: &[u32]) -> Self {
        let mut cluster = Cluster::default();
        for node in nodes {
            cluster.nodes.insert(*node, (Groups::new(NodeId(*node)), Vec::new(), RingId::default()));
        }
        cluster.ring(nodes);
        cluster
    }

    fn node(&mut self, node: u32) -> &mut Groups {
        &mut self.nodes.get_mut(&node).unwrap().0
    }

    /// A new ring of these nodes.
    fn ring(&mut self, nodes: &[u32]) {
        self.sequence += 4;
        let members: Vec<NodeId> = nodes.iter().map(|n| NodeId(*n)).collect();
        let ring = RingId::new(members[0], self.sequence);
        let before: BTreeMap<u32, RingId> = nodes.iter().map(|n| (*n, self.nodes[n].2)).collect();
        for node in nodes {
            let came: Vec<NodeId> = nodes.iter().filter(|o| before[o] == before[node]).map(|o| NodeId(*o)).collect();
            let (groups, _, at) = self.nodes.get_mut(node).unwrap();
            groups.handle_sync(Duration::ZERO, SyncPhase::Init { transitional: &came, members: &members, ring });
            *at = ring;
        }
        for node in nodes {
            self.node(*node).handle_sync(Duration::ZERO, SyncPhase::Process);
        }
        self.settle();
        for node in nodes {
            self.node(*node).handle_sync(Duration::ZERO, SyncPhase::Activate);
        }
    }

    fn settle(&mut self) {
        loop {
            let mut sent = Vec::new();
            for (id, (groups, _, ring)) in &mut self.nodes {
                while let Some(out) = groups.poll_send() {
                    sent.push((NodeId(*id), *ring, Bytes::from([&out.head[..], &out.payload[..]].concat())));
                }
            }
            if sent.is_empty() {
                return;
            }
            for (from, ring, data) in sent {
                let function = u16::from_le_bytes([data[0], data[1]]);
                let message = ServiceMessage { from, function, order: ByteOrder::Little, data };
                for (groups, _, at) in self.nodes.values_mut() {
                    if *at == ring {
                        groups.handle_message(Duration::ZERO, &message).unwrap();
                    }
                }
            }
        }
    }

    fn join(&mut self, node: u32, pid: u32, group: &str) -> ConnectionId {
        let id = self.node(node).connect(pid);
        self.node(node).join(id, GroupName::new(group).unwrap(), false).unwrap();
        self.settle();
        id
    }

    /// Everything said to one client since the last look, one line each.
    fn heard(&mut self, node: u32, id: ConnectionId) -> Vec<String> {
        let list = |l: &[Address], why: bool| {
            let one = |a: &Address| {
                let reason = if why { format!("/{}", a.reason.number()) } else { String::new() };
                format!("{}/{}{reason}", a.node, a.pid)
            };
            l.iter().map(one).collect::<Vec<_>>().join(", ")
        };
        let mut out = Vec::new();
        while let Some(output) = self.node(node).poll_output() {
            match output {
                Output::Message { to, node, pid, payload, .. } if to == id => {
                    out.push(format!("{node}/{pid}: {}", String::from_utf8_lossy(&payload)));
                }
                Output::Change { to, members, left, joined, .. } if to == id => {
                    let mut text = format!("members {}", list(&members, false));
                    for (word, l) in [("left", &left), ("joined", &joined)] {
                        if !l.is_empty() {
                            text.push_str(&format!("; {word} {}", list(l, true)));
                        }
                    }
                    out.push(text);
                }
                Output::Ring { to, ring, members } if to == id => {
                    let ids: Vec<_> = members.iter().map(ToString::to_string).collect();
                    out.push(format!("ring {ring}: {}", ids.join(" ")));
                }
                _ => {}
            }
        }
        out
    }
}

/// The worked example of [QG-5.6]: a node is cut off, one of its processes ends meanwhile, it comes back.
#[test]
fn a_partition_and_a_merge_as_both_sides_see_it() {
    let mut cluster = Cluster::new(&[1, 2, 3]);
    let at1 = cluster.join(1, 27841, "grpB");
    cluster.join(2, 27842, "grpB");
    let at3 = cluster.join(3, 27843, "grpB");
    let ends = cluster.join(3, 27923, "grpB");
    cluster.heard(1, at1);
    cluster.heard(3, at3);
    cluster.ring(&[1, 2]);
    cluster.ring(&[3]);
    assert_eq!(cluster.heard(1, at1), ["members 1/27841, 2/27842; left 3/27843/3, 3/27923/3", "ring 1.8: 1 2"]);
    assert_eq!(cluster.heard(3, at3), ["members 3/27843, 3/27923; left 1/27841/3, 2/27842/3", "ring 3.c: 3"]);
    cluster.node(3).disconnect(ends);
    cluster.settle();
    assert_eq!(cluster.heard(3, at3), ["members 3/27843; left 3/27923/5"]);
    cluster.ring(&[1, 2, 3]);
    assert_eq!(cluster.heard(1, at1), ["members 1/27841, 2/27842, 3/27843; joined 3/27843/4", "ring 1.10: 1 2 3"]);
    assert_eq!(
        cluster.heard(3, at3),
        ["members 1/27841, 2/27842, 3/27843; joined 2/27842/4, 1/27841/4", "ring 1.10: 1 2 3"]
    );
}

#[test]
fn large_messages_arrive_whole_and_in_order() {
    let mut cluster = Cluster::new(&[1, 2]);
    let one = cluster.join(1, 10, "g");
    let two = cluster.join(2, 20, "g");
    cluster.heard(2, two);
    let large: Bytes = (0..MAX_PART * 2 + 5).map(|i| b'a' + (i % 23) as u8).collect::<Vec<_>>().into();
    cluster.node(1).multicast(one, large.clone(), Guarantee::Agreed).unwrap();
    cluster.node(1).multicast(one, Bytes::from_static(b"after"), Guarantee::Agreed).unwrap();
    cluster.settle();
    let heard = cluster.heard(2, two);
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0], format!("1/10: {}", String::from_utf8_lossy(&large)));
    assert_eq!(heard[1], "1/10: after");
}

#[test]
fn a_message_longer_than_the_limit_is_refused_and_never_assembled() {
    let mut groups = Groups::new(NodeId(1)).with_message_limit(2 * MAX_PART);
    let id = groups.connect(1);
    groups.join(id, GroupName::new("g").unwrap(), false).unwrap();
    let refused = groups.multicast(id, Bytes::from(vec![0; 2 * MAX_PART + 1]), Guarantee::Agreed);
    assert_eq!(refused, Err(totem_core::config::CsError::TooBig));
}

#[test]
fn requests_answer_by_the_state_of_the_connection() {
    use totem_core::config::CsError;
    let mut cluster = Cluster::new(&[1]);
    let group = GroupName::new("g").unwrap();
    let id = cluster.node(1).connect(7);
    assert_eq!(cluster.node(1).leave(id), Err(CsError::NotExist));
    assert_eq!(cluster.node(1).multicast(id, Bytes::new(), Guarantee::Agreed), Err(CsError::NotExist));
    cluster.node(1).join(id, group.clone(), true).unwrap();
    assert_eq!(cluster.node(1).join(id, group.clone(), false), Err(CsError::Exist));
    assert_eq!(cluster.node(1).leave(id), Err(CsError::Busy));
    cluster.settle();
    assert_eq!(cluster.heard(1, id), ["members 1/7; joined 1/7/1", "ring 1.4: 1"]);
    cluster.node(1).leave(id).unwrap();
    let again = cluster.node(1).connect(7);
    assert_eq!(cluster.node(1).join(again, group.clone(), false), Err(CsError::Exist));
    cluster.settle();
    assert_eq!(cluster.heard(1, id), ["members ; left 1/7/2"]);
    assert_eq!(cluster.node(1).join(id, GroupName::new("other").unwrap(), false), Err(CsError::Busy));
    assert_eq!(cluster.node(1).multicast(id, Bytes::new(), Guarantee::Agreed), Err(CsError::NotExist));
}
