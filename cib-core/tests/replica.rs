//! Replicas on an ordered channel.

mod support;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use cib_core::cib::{CallOptions, Operation, Request, Version};
use cib_core::replica::store::{self, Stored};
use cib_core::replica::{Config, MemberId, Output, Phase, Replica, RequestId};
use cib_core::xml::Document;
use support::{Random, request};

const NOW: Duration = Duration::from_secs(1);

/// A part of the cluster: its members, and what they broadcast and was not yet delivered.
type Part = (Vec<MemberId>, VecDeque<(MemberId, Vec<u8>)>);

struct Cluster {
    replicas: BTreeMap<MemberId, Replica>,
    channels: Vec<Part>,
    replies: Vec<(MemberId, RequestId, bool)>,
    now: Duration,
}

impl Cluster {
    fn new(count: u32) -> Cluster {
        let members: Vec<MemberId> = (1..=count).map(MemberId).collect();
        let replica = |&m: &MemberId| (m, Replica::recover(Config::new(m, format!("node{m}")), &[], NOW).0);
        let replicas = members.iter().map(replica).collect();
        let mut cluster = Cluster { replicas, channels: Vec::new(), replies: Vec::new(), now: NOW };
        cluster.partition(&[members]);
        cluster
    }

    /// New memberships; what was on its way is delivered before, as the channel promises.
    fn partition(&mut self, parts: &[Vec<MemberId>]) {
        self.channels = parts.iter().map(|members| (members.clone(), VecDeque::new())).collect();
        for members in parts {
            for m in members {
                self.replicas.get_mut(m).unwrap().handle_peers(self.now, members);
            }
        }
        self.drain();
    }

    fn drain(&mut self) {
        for (members, channel) in &mut self.channels {
            for &m in members.iter() {
                while let Some(output) = self.replicas.get_mut(&m).unwrap().poll_output() {
                    match output {
                        Output::Broadcast(bytes) => channel.push_back((m, bytes)),
                        Output::Reply { id, result, .. } => self.replies.push((m, id, result.is_ok())),
                        _ => {}
                    }
                }
            }
        }
    }

    /// Delivers the next message of each part to all its members.
    fn step(&mut self) -> bool {
        let mut any = false;
        for i in 0..self.channels.len() {
            if let Some((from, bytes)) = self.channels[i].1.pop_front() {
                any = true;
                for m in self.channels[i].0.clone() {
                    self.replicas.get_mut(&m).unwrap().handle_message(self.now, from, &bytes).unwrap();
                }
            }
        }
        self.drain();
        any
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            if !self.step() {
                return;
            }
        }
        panic!("the members never come to rest");
    }

    fn check(&self, seed: u64) {
        for (members, _) in &self.channels {
            let digests: Vec<_> =
                members.iter().map(|m| (self.replicas[m].cib().version(), self.replicas[m].cib().digest())).collect();
            assert!(digests.windows(2).all(|w| w[0] == w[1]), "seed {seed}: {digests:?}");
            assert!(members.iter().all(|m| self.replicas[m].status().phase == Phase::Synchronized), "seed {seed}");
        }
    }
}

#[test]
fn members_agree_whatever_happens() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let count = 2 + random.below(4) as u32;
        let mut cluster = Cluster::new(count);
        let members: Vec<MemberId> = (1..=count).map(MemberId).collect();
        let mut asked = 0;
        for _ in 0..40 {
            match random.below(10) {
                0 => {
                    let split = random.below(members.len() + 1);
                    let (a, b) = members.split_at(split);
                    let parts: Vec<Vec<MemberId>> =
                        [a, b].into_iter().filter(|p| !p.is_empty()).map(<[MemberId]>::to_vec).collect();
                    // What was sent in a membership is delivered in it.
                    if random.chance(50) {
                        cluster.settle();
                    } else {
                        while cluster.channels.iter().any(|(_, c)| !c.is_empty()) {
                            cluster.step();
                        }
                    }
                    cluster.partition(&parts);
                }
                1..=4 => {
                    let m = random.pick(&members);
                    asked += 1;
                    cluster.replicas.get_mut(&m).unwrap().handle_request(
                        cluster.now,
                        RequestId(asked),
                        request(&mut random),
                    );
                    cluster.drain();
                }
                _ => {
                    cluster.step();
                }
            }
        }
        cluster.settle();
        cluster.check(seed);
        cluster.partition(&[members]);
        cluster.settle();
        cluster.check(seed);
        assert_eq!(cluster.replies.len() as u64, asked, "seed {seed}: every request is answered once");
    }
}

#[test]
fn a_joiner_gets_the_newest_copy() {
    let mut cluster = Cluster::new(3);
    cluster.settle();
    cluster.partition(&[vec![MemberId(1), MemberId(2)], vec![MemberId(3)]]);
    cluster.settle();
    for i in 0..3 {
        cluster.replicas.get_mut(&MemberId(2)).unwrap().handle_request(
            NOW,
            RequestId(i),
            Request::new(Operation::Bump),
        );
        cluster.drain();
    }
    cluster.settle();
    assert_eq!(cluster.replicas[&MemberId(3)].cib().version(), Version::new(0, 0, 0));
    cluster.partition(&[vec![MemberId(1), MemberId(2), MemberId(3)]]);
    cluster.settle();
    cluster.check(0);
    assert_eq!(cluster.replicas[&MemberId(3)].cib().version(), Version::new(0, 3, 3));
}

#[test]
fn a_different_copy_of_the_same_version_is_found_and_replaced() {
    let mut cluster = Cluster::new(2);
    cluster.settle();
    // Both change on their own, alike in version and different in content; then one is told that nothing happened.
    let mut odd = cluster.replicas[&MemberId(1)].cib().document().clone();
    let root = odd.root();
    odd.set_attr(root, "execution-date", "1");
    let stored = Stored { name: "cib.xml".into(), content: odd.write().into_bytes(), changed: 1 };
    let (replica, _) = Replica::recover(Config::new(MemberId(2), "node2"), &[stored], NOW);
    cluster.replicas.insert(MemberId(2), replica);
    cluster.partition(&[vec![MemberId(1), MemberId(2)]]);
    cluster.settle();
    cluster.check(0);
    assert!(
        cluster.replicas[&MemberId(2)]
            .cib()
            .attr(cluster.replicas[&MemberId(2)].cib().root(), "execution-date")
            .is_none()
    );
    // In quiet times the primary asks.
    cluster.replicas.get_mut(&MemberId(1)).unwrap().handle_request(NOW, RequestId(1), Request::new(Operation::Bump));
    cluster.drain();
    cluster.settle();
    let due = cluster.replicas[&MemberId(1)].poll_timeout().expect("a check is due");
    cluster.now = due;
    cluster.replicas.get_mut(&MemberId(1)).unwrap().handle_timeout(due);
    cluster.drain();
    cluster.settle();
    cluster.check(0);
}

/// The sender was cut off after its own delivery; the others had the change on its way.
struct Torn {
    cluster: Cluster,
    change: Vec<u8>,
}

impl Torn {
    /// Three members with quorum; member 1 has applied and acknowledged a change that the others have not delivered.
    fn new() -> Torn {
        let mut cluster = Cluster::new(3);
        for (&m, replica) in &mut cluster.replicas {
            let config = Config::new(m, format!("node{m}")).with_quorum_for_configuration();
            *replica = Replica::recover(config, &[], NOW).0;
        }
        cluster.partition(&[(1..=3).map(MemberId).collect()]);
        cluster.quorum(&[1, 2, 3], true);
        cluster.settle();
        cluster.bump(1, 1);
        let (from, change) = cluster.channels[0].1.pop_front().unwrap();
        cluster.replicas.get_mut(&MemberId(1)).unwrap().handle_message(NOW, from, &change).unwrap();
        cluster.drain();
        assert_eq!(cluster.replies, [(MemberId(1), RequestId(1), true)]);
        Torn { cluster, change }
    }

    /// These members lose the others, and then deliver the change.
    fn part(&mut self, members: &[u32]) {
        for &m in members {
            let replica = self.cluster.replicas.get_mut(&MemberId(m)).unwrap();
            replica.handle_parting(NOW, false);
            replica.handle_message(NOW, MemberId(1), &self.change).unwrap();
        }
    }
}

impl Cluster {
    fn quorum(&mut self, members: &[u32], quorate: bool) {
        for &m in members {
            self.replicas.get_mut(&MemberId(m)).unwrap().handle_quorum(self.now, quorate);
        }
        self.drain();
    }

    fn bump(&mut self, m: u32, id: u64) {
        let replica = self.replicas.get_mut(&MemberId(m)).unwrap();
        replica.handle_request(self.now, RequestId(id), Request::new(Operation::Bump));
        self.drain();
    }

    /// These members are a part of their own from now on, with or without quorum.
    fn meet(&mut self, parts: &[(&[u32], bool)]) {
        let members = |ids: &[u32]| ids.iter().map(|&m| MemberId(m)).collect();
        self.partition(&parts.iter().map(|(ids, _)| members(ids)).collect::<Vec<_>>());
        for (ids, quorate) in parts {
            self.quorum(ids, *quorate);
        }
        self.settle();
    }

    fn epoch(&self, m: u32) -> i32 {
        self.replicas[&MemberId(m)].cib().version().epoch
    }
}

#[test]
fn an_acknowledged_change_outlives_its_sender() {
    let mut torn = Torn::new();
    torn.part(&[2, 3]);
    assert_eq!((torn.cluster.epoch(2), torn.cluster.epoch(3)), (0, 0), "without quorum nothing is decided");
    torn.cluster.meet(&[(&[1], false), (&[2, 3], true)]);
    assert_eq!((torn.cluster.epoch(2), torn.cluster.epoch(3)), (1, 1), "once, though both passed it on");
    torn.cluster.meet(&[(&[1, 2, 3], true)]);
    torn.cluster.check(0);
    assert_eq!(torn.cluster.epoch(1), 1);
}

#[test]
fn it_outlives_times_without_quorum_too() {
    let mut torn = Torn::new();
    torn.part(&[2, 3]);
    torn.cluster.meet(&[(&[1], false), (&[2], false), (&[3], false)]);
    assert_eq!((torn.cluster.epoch(2), torn.cluster.epoch(3)), (0, 0));
    torn.cluster.meet(&[(&[1], false), (&[2, 3], true)]);
    assert_eq!((torn.cluster.epoch(2), torn.cluster.epoch(3)), (1, 1));
}

#[test]
fn what_the_others_went_on_without_is_given_up() {
    let mut torn = Torn::new();
    torn.part(&[2]);
    // member 1 crashed before anything was on disk, and member 3 never had the change
    let config = Config::new(MemberId(1), "node1").with_quorum_for_configuration().with_incarnation(1);
    torn.cluster.replicas.insert(MemberId(1), Replica::recover(config, &[], NOW).0);
    torn.cluster.meet(&[(&[2], false), (&[1, 3], true)]);
    torn.cluster.bump(3, 2);
    torn.cluster.settle();
    torn.cluster.meet(&[(&[1, 2, 3], true)]);
    torn.cluster.check(0);
    assert_eq!(torn.cluster.epoch(2), 1, "only what member 3 changed");
}

#[test]
fn an_own_change_is_answered_when_quorum_is_lost() {
    let mut torn = Torn::new();
    torn.cluster.bump(2, 2);
    let (from, change) = torn.cluster.channels[0].1.pop_front().unwrap();
    let replica = torn.cluster.replicas.get_mut(&MemberId(2)).unwrap();
    replica.handle_parting(NOW, false);
    replica.handle_message(NOW, from, &change).unwrap();
    torn.cluster.drain();
    assert_eq!(torn.cluster.replies.len(), 1, "nobody knows yet");
    torn.cluster.meet(&[(&[2], false), (&[1], false), (&[3], false)]);
    assert_eq!(torn.cluster.replies[1], (MemberId(2), RequestId(2), false));
}

/// A member that died is back before anybody noticed, with what was on its disk: the configuration, and no status [CB-12.5].
/// It may be the first to have written the newest version.
#[test]
fn a_copy_that_was_read_from_disk_does_not_take_the_status_from_the_others() {
    for ahead in [0, 1] {
        let quorate = |m| Config::new(m, format!("node{m}")).with_quorum_for_configuration();
        let mut cluster = Cluster::new(3);
        for (&m, replica) in &mut cluster.replicas {
            *replica = Replica::recover(quorate(m), &[], NOW).0;
        }
        cluster.meet(&[(&[1, 2, 3], true)]);
        let merge = |section: &str, xml: &str| {
            let input = Document::parse(xml).unwrap();
            Request::new(Operation::Modify).section(section).options(CallOptions::MAY_CREATE).input(input)
        };
        for request in [merge("status", "<node_state id='3'/>"), merge("tags", "<tag id='t'><obj_ref id='x'/></tag>")] {
            cluster.replicas.get_mut(&MemberId(2)).unwrap().handle_request(NOW, RequestId(1), request);
            cluster.drain();
            cluster.settle();
        }
        let mut disk = store::stored_form(cluster.replicas[&MemberId(1)].cib().document());
        assert_eq!(cluster.replicas[&MemberId(2)].cib().version(), Version::new(0, 1, 0), "as on disk");
        let root = disk.root();
        disk.set_attr(root, "epoch", &(1 + ahead).to_string());
        let stored = Stored { name: "cib.xml".into(), content: disk.write().into_bytes(), changed: 1 };
        let back = Replica::recover(quorate(MemberId(1)).with_incarnation(1), &[stored], NOW).0;
        cluster.replicas.insert(MemberId(1), back);
        cluster.meet(&[(&[1], false), (&[2, 3], true)]);
        cluster.meet(&[(&[1, 2], true), (&[3], false)]);
        let (one, two) = (cluster.replicas[&MemberId(1)].cib(), cluster.replicas[&MemberId(2)].cib());
        assert_eq!((one.version(), one.digest()), (two.version(), two.digest()), "{ahead}");
        assert_eq!(one.version(), Version::new(0, 1 + ahead, ahead));
        assert_eq!(one.select("//node_state[@id='3']").len(), 1, "{ahead}: what was known of member 3 is lost");
    }
}

/// The cluster's own parts write without quorum, too, but never so that their copy would win over what was acknowledged elsewhere.
#[test]
fn own_changes_without_quorum_do_not_outweigh_acknowledged_ones() {
    let mut cluster = Cluster::new(3);
    for (&m, replica) in &mut cluster.replicas {
        let config = Config::new(m, format!("node{m}")).with_quorum_for_configuration().with_own_clients(&["crmd"]);
        *replica = Replica::recover(config, &[], NOW).0;
    }
    cluster.meet(&[(&[1, 2], true), (&[3], false)]);
    let option = |name: &str| {
        let text = format!(
            r#"<crm_config><cluster_property_set id="s"><nvpair id="{name}" name="{name}" value="1"/></cluster_property_set></crm_config>"#
        );
        let options = CallOptions::MAY_CREATE;
        Request::new(Operation::Modify).section("crm_config").options(options).input(Document::parse(&text).unwrap())
    };
    let mut id = 0;
    let mut write = |cluster: &mut Cluster, m: u32, name: &str, client: &str| {
        id += 1;
        let request = option(name).from(format!("node{m}"), client);
        let replica = cluster.replicas.get_mut(&MemberId(m)).unwrap();
        replica.handle_request(NOW, RequestId(id), request);
        cluster.drain();
        cluster.settle();
    };
    for name in ["dc-version", "cluster-name", "last-lrm-refresh"] {
        write(&mut cluster, 3, name, "crmd");
    }
    assert_eq!(cluster.epoch(3), 0);
    assert!(!cluster.replicas[&MemberId(3)].cib().select("//nvpair[@id='dc-version']").is_empty());
    write(&mut cluster, 3, "wanted", "crm");
    write(&mut cluster, 1, "wanted", "crm");
    assert_eq!(cluster.replies.iter().map(|r| r.2).collect::<Vec<_>>(), [true, true, true, false, true]);
    cluster.meet(&[(&[1, 2, 3], true)]);
    cluster.check(0);
    for m in 1..=3 {
        let cib = cluster.replicas[&MemberId(m)].cib();
        assert_eq!(cib.version().epoch, 1);
        assert!(!cib.select("//nvpair[@id='wanted']").is_empty(), "what was acknowledged is kept");
    }
}
