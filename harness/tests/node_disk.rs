//! A node's files after a crash at any point of writing them: what was acknowledged is found again, what was not is the old or
//! the new state, never a mixture and never nothing.

#![cfg(feature = "drive")]

use cib_core::cib::{Operation, Request as CibRequest};
use cib_core::xml::Document;
use harness::drive::node::Disk;
use harness::node::{Node, NodeConfig, Output, Persist, Reply, Request, Stored, empty_cib};
use std::collections::VecDeque;
use std::path::Path;
use std::time::Duration;

const CONF: &str = "totem {\n version: 2\n transport: udpu\n}\nquorum {\n provider: corosync_votequorum\n}\n\
    nodelist {\n node {\n ring0_addr: 10.0.0.1\n name: only\n nodeid: 1\n }\n}\n";

fn node(stored: Stored, now: Duration) -> Node {
    let mut config = NodeConfig::new("only", &["10.0.0.1".parse().unwrap()], CONF, Duration::ZERO).unwrap();
    config.initial_cib = Some(empty_cib().write());
    Node::new(config, stored, now).unwrap()
}

/// A ring of one: it hears itself. Every step that it wants on disk is collected.
struct Alone {
    node: Node,
    now: Duration,
    steps: Vec<Persist>,
    replies: Vec<Reply>,
}

impl Alone {
    fn new() -> Alone {
        let mut alone = Alone {
            node: node(Stored::default(), Duration::ZERO),
            now: Duration::ZERO,
            steps: vec![],
            replies: vec![],
        };
        alone.until(|alone| alone.node.cib_is_synchronized());
        alone
    }

    fn until(&mut self, done: impl Fn(&Alone) -> bool) {
        let mut heard = VecDeque::new();
        for _ in 0..10_000 {
            while let Some(output) = self.node.poll_output() {
                match output {
                    Output::Transmit { to, datagram, .. } => heard.push_back((to, datagram)),
                    Output::Persist(step) => self.steps.push(step),
                    Output::Reply { reply, .. } => self.replies.push(reply),
                    _ => {}
                }
            }
            if done(self) {
                return;
            }
            if let Some((from, datagram)) = heard.pop_front() {
                self.node.handle_datagram(self.now, 0, from, datagram);
            } else {
                self.now = self.node.poll_timeout().expect("a ring always waits for something").max(self.now);
                self.node.handle_timeout(self.now);
            }
        }
        panic!("a node alone does not come to rest: {:?}", self.node.status());
    }

    /// Sets a property; the steps that made it durable before it was acknowledged.
    fn set(&mut self, value: &str) -> Vec<Persist> {
        let before = self.steps.len();
        let xml = format!(
            "<crm_config><cluster_property_set id='s'><nvpair id='s-v' name='v' value='{value}'/></cluster_property_set></crm_config>"
        );
        let request = CibRequest::new(Operation::Modify)
            .section("crm_config")
            .options(cib_core::cib::CallOptions::MAY_CREATE)
            .input(Document::parse(&xml).unwrap());
        self.node.request(self.now, Request::Cib { number: 1, request: Box::new(request) }).unwrap();
        let answered = self.replies.len() + 1;
        self.until(|alone| alone.replies.len() == answered);
        assert!(matches!(self.replies.last(), Some(Reply::Cib { result: Ok(()), .. })), "{:?}", self.replies);
        self.steps[before..].to_vec()
    }
}

fn value(node: &Node) -> Option<String> {
    let doc = node.cib();
    doc.attr(doc.find_id(doc.root(), "s-v")?, "value").map(str::to_owned)
}

/// What a node finds that starts on this directory.
fn found(place: &Path) -> Option<String> {
    let disk = Disk::open(place).unwrap();
    value(&node(disk.stored().unwrap(), Duration::ZERO))
}

fn write(place: &Path, steps: &[Persist]) {
    let mut disk = Disk::open(place).unwrap();
    steps.iter().for_each(|step| disk.carry_out(step).unwrap());
}

#[test]
fn a_crash_between_any_two_steps_leaves_the_old_or_the_new_configuration() {
    let mut alone = Alone::new();
    let first = [alone.steps.clone(), alone.set("old")].concat();
    let second = alone.set("new");
    assert!(second.iter().filter(|step| matches!(step, Persist::Rename { .. })).count() >= 2, "{second:?}");
    for done in 0..=second.len() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), &first);
        write(folder.path(), &second[..done]);
        let value = found(folder.path());
        let expected: &[&str] = match done {
            0 => &["old"],
            done if done == second.len() => &["new"],
            _ => &["old", "new"],
        };
        assert!(value.as_deref().is_some_and(|v| expected.contains(&v)), "after {done} steps: {value:?}");
    }
}

#[test]
fn a_torn_file_that_was_not_synchronised_is_not_taken() {
    let mut alone = Alone::new();
    let first = [alone.steps.clone(), alone.set("old")].concat();
    let second = alone.set("new");
    let mut torn = 0;
    for (at, step) in second.iter().enumerate() {
        let Persist::Write { name, content } = step else { continue };
        for length in [0, 1, content.len() / 2, content.len().saturating_sub(1)] {
            let folder = tempfile::tempdir().unwrap();
            write(folder.path(), &first);
            write(folder.path(), &second[..at]);
            std::fs::write(folder.path().join(name), &content.as_bytes()[..length]).unwrap();
            assert_eq!(found(folder.path()).as_deref(), Some("old"), "{name} cut to {length} bytes");
            torn += 1;
        }
    }
    assert!(torn > 0);
}

#[test]
fn a_document_without_its_signature_or_with_another_one_is_not_believed_over_a_good_backup() {
    let mut alone = Alone::new();
    let first = [alone.steps.clone(), alone.set("old"), alone.set("new")].concat();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &first);
    assert_eq!(found(folder.path()).as_deref(), Some("new"));
    let file = folder.path().join("cib.xml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("value=\"new\"", "value=\"evil\"")).unwrap();
    assert_eq!(found(folder.path()).as_deref(), Some("old"), "what was changed by hand is not taken");
    std::fs::write(&file, &text[..text.len() / 2]).unwrap();
    assert_eq!(found(folder.path()).as_deref(), Some("old"), "what was cut is not taken");
}

#[test]
fn the_ring_sequence_survives_a_torn_successor() {
    let alone = Alone::new();
    let steps: Vec<Persist> = alone
        .steps
        .iter()
        .filter(|s| format!("{s:?}").contains("ringid") || **s == Persist::SyncDirectory)
        .cloned()
        .collect();
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &steps);
    let sequence = || Disk::open(folder.path()).unwrap().stored().unwrap().ring_sequence();
    let stored = sequence();
    assert!(stored > 0);
    std::fs::write(folder.path().join("ringid.new"), "9").unwrap();
    assert_eq!(sequence(), stored, "a number that was not renamed is not taken");
}
