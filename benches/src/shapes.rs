//! Clusters that grow in one direction only: a scheduler whose work grows with its input shows no slope above one in any of them.

use crate::cluster::{Cluster, State};
use std::fmt::Write;

/// What grows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Shape {
    /// Resource instances of all kinds, one node of eight lost.
    Instances,
    /// The members of one group, all stopped.
    GroupLength,
    /// Primitives alone, all stopped.
    Primitives,
    /// Anonymous clones that run on every one of eight nodes, in one chain of orderings.
    Clones,
    /// The same with instances that start one after the other.
    OrderedClones,
    /// The same with orderings between instances on one node.
    InterleavedClones,
    /// Instances of one globally unique clone.
    UniqueInstances,
    /// Primitives that must run with the same one.
    ColocationFan,
    /// Primitives each of which must run with the one before.
    ColocationChain,
    /// Primitives each of which starts after the one before.
    OrderChain,
    /// Location, colocation and ordering constraints among a fixed number of primitives.
    Constraints,
    /// History entries of a fixed number of primitives.
    History,
}

impl Shape {
    /// All shapes with their names, and their size at factor 1.
    pub const ALL: [(&'static str, Shape, usize); 12] = [
        ("instances", Shape::Instances, 625),
        ("primitives", Shape::Primitives, 1_000),
        ("group length", Shape::GroupLength, 1_250),
        ("clones", Shape::Clones, 125),
        ("ordered clones", Shape::OrderedClones, 125),
        ("interleaved clones", Shape::InterleavedClones, 125),
        ("unique instances", Shape::UniqueInstances, 1_000),
        ("colocation fan", Shape::ColocationFan, 1_000),
        ("colocation chain", Shape::ColocationChain, 1_000),
        ("order chain", Shape::OrderChain, 1_000),
        ("constraints", Shape::Constraints, 1_000),
        ("history entries", Shape::History, 5_000),
    ];

    /// Writes the CIB of a cluster of this shape and size.
    #[must_use]
    pub fn write(self, size: usize) -> String {
        match self {
            Shape::Instances => Cluster { nodes: 8, instances: size, state: State::OneNodeLost }.write(),
            Shape::GroupLength => {
                let members: String = (0..size).map(|i| dummy(&format!("m{i}"))).collect();
                cib(3, &format!("<group id=\"g\">{members}</group>"), "", |_| String::new())
            }
            Shape::Primitives => primitives(size, |_| String::new()),
            Shape::Clones => clones(size, ""),
            Shape::OrderedClones => clones(size, "ordered"),
            Shape::InterleavedClones => clones(size, "interleave"),
            Shape::UniqueInstances => {
                let mut meta = String::new();
                for (name, value) in
                    [("globally-unique", "true"), ("clone-max", &size.to_string()), ("clone-node-max", "999999")]
                {
                    let _ = write!(meta, "<nvpair id=\"c-{name}\" name=\"{name}\" value=\"{value}\"/>");
                }
                let meta = format!("<meta_attributes id=\"c-m\">{meta}</meta_attributes>");
                cib(8, &format!("<clone id=\"c-clone\">{meta}{}</clone>", dummy("c")), "", |_| String::new())
            }
            Shape::ColocationFan => primitives(size, |i| {
                format!("<rsc_colocation id=\"w{i}\" rsc=\"p{i}\" with-rsc=\"p0\" score=\"INFINITY\"/>")
            }),
            Shape::ColocationChain => primitives(size, |i| {
                format!("<rsc_colocation id=\"w{i}\" rsc=\"p{i}\" with-rsc=\"p{}\" score=\"INFINITY\"/>", i - 1)
            }),
            Shape::OrderChain => {
                primitives(size, |i| format!("<rsc_order id=\"o{i}\" first=\"p{}\" then=\"p{i}\"/>", i - 1))
            }
            Shape::Constraints => constraints(size),
            Shape::History => history(size),
        }
    }
}

/// Stopped primitives, each but the first with a constraint.
fn primitives(size: usize, constraint: impl Fn(usize) -> String) -> String {
    let resources: String = (0..size).map(|i| dummy(&format!("p{i}"))).collect();
    let constraints: String = (1..size).map(constraint).collect();
    cib(8, &resources, &constraints, |_| String::new())
}

/// Stopped clones in one chain of orderings, perhaps with a meta-attribute set.
fn clones(size: usize, meta: &str) -> String {
    let one = |i: usize| {
        let meta = match meta {
            "" => String::new(),
            name => format!(
                "<meta_attributes id=\"c{i}-m\"><nvpair id=\"c{i}-{name}\" name=\"{name}\" value=\"true\"/></meta_attributes>"
            ),
        };
        format!("<clone id=\"c{i}-clone\">{meta}{}</clone>", dummy(&format!("c{i}")))
    };
    let order = |i: usize| format!("<rsc_order id=\"o{i}\" first=\"c{}-clone\" then=\"c{i}-clone\"/>", i - 1);
    let (resources, constraints): (String, String) = ((0..size).map(one).collect(), (1..size).map(order).collect());
    cib(8, &resources, &constraints, |_| String::new())
}

/// Primitives in pairs, with more and more constraints about them.
fn constraints(size: usize) -> String {
    const PRIMITIVES: usize = 200;
    let resources: String = (0..PRIMITIVES).map(|i| dummy(&format!("p{i}"))).collect();
    let mut text = String::new();
    for i in 0..size {
        let (a, b) = (i % (PRIMITIVES / 2) * 2, i % (PRIMITIVES / 2) * 2 + 1);
        let _ = match i % 3 {
            0 => {
                write!(text, "<rsc_location id=\"l{i}\" rsc=\"p{a}\" node=\"node{}\" score=\"{}\"/>", i % 8 + 1, i % 50)
            }
            1 => write!(text, "<rsc_colocation id=\"w{i}\" rsc=\"p{b}\" with-rsc=\"p{a}\" score=\"{}\"/>", i % 40 + 1),
            _ => write!(text, "<rsc_order id=\"o{i}\" first=\"p{a}\" then=\"p{b}\"/>"),
        };
    }
    cib(8, &resources, &text, |_| String::new())
}

/// Primitives with more and more recorded operations on each of eight nodes.
fn history(size: usize) -> String {
    const PRIMITIVES: usize = 100;
    let resources: String = (0..PRIMITIVES).map(|i| dummy(&format!("p{i}"))).collect();
    let each = size / PRIMITIVES / 8;
    cib(8, &resources, "", |node| {
        let mut text = String::new();
        for p in 0..PRIMITIVES {
            let _ = write!(text, "<lrm_resource id=\"p{p}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\">");
            let home = p % 8 + 1 == node;
            let (task, rc) = if home { ("start", 0) } else { ("monitor", 7) };
            entry(&mut text, p, "last_0", task, 0, rc, 1, node);
            for i in 1..each {
                if home {
                    entry(&mut text, p, &format!("monitor_{}", i * 1000), "monitor", i * 1000, 0, i + 1, node);
                } else {
                    entry(&mut text, p, &format!("old_{i}"), "stop", 0, 0, i + 1, node);
                }
            }
            text.push_str("</lrm_resource>");
        }
        text
    })
}

#[allow(clippy::too_many_arguments)]
fn entry(out: &mut String, p: usize, id: &str, task: &str, interval: usize, rc: u32, call: usize, node: usize) {
    let _ = write!(
        out,
        "<lrm_rsc_op id=\"p{p}_{id}\" operation_key=\"p{p}_{task}_{interval}\" operation=\"{task}\" \
         crm_feature_set=\"3.16.1\" transition-key=\"1:1:{rc}:5a39e1a2-0b24-4d7c-8f6b-3d0f4c7e9a10\" \
         transition-magic=\"0:{rc};1:1:{rc}:5a39e1a2-0b24-4d7c-8f6b-3d0f4c7e9a10\" on_node=\"node{node}\" \
         call-id=\"{call}\" rc-code=\"{rc}\" op-status=\"0\" interval=\"{interval}\" last-rc-change=\"1700000000\" \
         op-digest=\"f2317cad3d54cec5d7d7aa7d0bf35cf8\"/>"
    );
}

fn dummy(id: &str) -> String {
    format!("<primitive id=\"{id}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\"/>\n")
}

/// A cluster of online nodes without fencing.
fn cib(nodes: usize, resources: &str, constraints: &str, history: impl Fn(usize) -> String) -> String {
    let mut out = String::from(
        "<cib crm_feature_set=\"3.16.1\" validate-with=\"pacemaker-3.9\" epoch=\"1\" num_updates=\"0\" admin_epoch=\"0\" \
         have-quorum=\"1\" dc-uuid=\"1\" execution-date=\"1700000000\"><configuration><crm_config>\
         <cluster_property_set id=\"o\"><nvpair id=\"o-1\" name=\"stonith-enabled\" value=\"false\"/>\
         </cluster_property_set></crm_config><nodes>",
    );
    for node in 1..=nodes {
        let _ = write!(out, "<node id=\"{node}\" uname=\"node{node}\"/>");
    }
    let _ = write!(
        out,
        "</nodes><resources>{resources}</resources><constraints>{constraints}</constraints></configuration><status>"
    );
    for node in 1..=nodes {
        let _ = write!(
            out,
            "<node_state id=\"{node}\" uname=\"node{node}\" in_ccm=\"true\" crmd=\"online\" join=\"member\" \
             expected=\"member\"><lrm id=\"{node}\"><lrm_resources>{}</lrm_resources></lrm></node_state>",
            history(node)
        );
    }
    out.push_str("</status></cib>");
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_can_be_scheduled() {
        for (name, shape, size) in Shape::ALL {
            let text = shape.write(size / 10 + 8);
            let cib = cib_core::xml::Document::parse(&text).unwrap();
            let made = policy_core::schedule(&cib, &policy_core::Options::default()).unwrap();
            assert!(made.model.resources.len() > 1, "{name}");
        }
    }
}
