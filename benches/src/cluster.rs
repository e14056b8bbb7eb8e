//! A generator of clusters of any size with full operation history, as a CIB that any scheduler of the field reads.

use std::fmt::Write;

/// What the cluster is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Everything runs where it should.
    Steady,
    /// As steady, but the last node is lost.
    OneNodeLost,
    /// Everything was stopped and is to be started.
    AllStopped,
}

impl State {
    /// All states with the names that benchmarks give them.
    pub const ALL: [(&'static str, State); 3] =
        [("steady", State::Steady), ("one-node-lost", State::OneNodeLost), ("all-stopped", State::AllStopped)];
}

/// A cluster to be generated.
///
/// Half of the instances are members of groups of five, a fifth are instances of clones that run everywhere, the rest are
/// primitives. Every second group is colocated with and ordered after the primitive before it; every fourth primitive prefers a
/// node. One fence device per node. Every resource has history on every node: a probe, or a start and a recurring monitor.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// Cluster nodes.
    pub nodes: usize,
    /// Resource instances, fence devices not counted.
    pub instances: usize,
    /// What it is doing.
    pub state: State,
}

/// The digest of an operation without parameters.
const DIGEST: &str = "f2317cad3d54cec5d7d7aa7d0bf35cf8";
/// The same for a recurring operation with a timeout of 20 s.
const DIGEST_MONITOR: &str = "4811cef7f7f94e3a35a70be7916cb2fd";
/// When everything happened.
const TIME: u64 = 1_700_000_000;

/// One resource as history knows it.
struct Known {
    name: String,
    class: &'static str,
    kind: &'static str,
    /// Where it runs; none is everywhere.
    home: Option<usize>,
}

impl Cluster {
    /// Writes the CIB.
    #[must_use]
    pub fn write(&self) -> String {
        let known = self.known();
        let mut out = String::with_capacity(known.len() * self.nodes * 600 + 4096);
        let _ = writeln!(
            out,
            "<cib crm_feature_set=\"3.16.1\" validate-with=\"pacemaker-3.9\" epoch=\"1\" num_updates=\"0\" admin_epoch=\"0\" \
             have-quorum=\"1\" dc-uuid=\"1\" execution-date=\"{TIME}\">\n<configuration>\n<crm_config>\
             <cluster_property_set id=\"o\"><nvpair id=\"o-1\" name=\"stonith-enabled\" value=\"true\"/>\
             </cluster_property_set></crm_config>\n<rsc_defaults><meta_attributes id=\"d\"><nvpair id=\"d-1\" \
             name=\"resource-stickiness\" value=\"100\"/></meta_attributes></rsc_defaults>\n<nodes>"
        );
        for node in 1..=self.nodes {
            let _ = writeln!(out, "<node id=\"{node}\" uname=\"node{node}\"/>");
        }
        out.push_str("</nodes>\n<resources>\n");
        self.resources(&mut out);
        out.push_str("</resources>\n<constraints>\n");
        self.constraints(&mut out);
        out.push_str("</constraints>\n</configuration>\n<status>\n");
        for node in 0..self.nodes {
            self.node_state(node, &known, &mut out);
        }
        out.push_str("</status>\n</cib>\n");
        out
    }

    fn groups(&self) -> usize {
        self.instances / 2 / 5
    }

    fn clones(&self) -> usize {
        (self.instances / 5 / self.nodes).max(1)
    }

    fn primitives(&self) -> usize {
        self.instances.saturating_sub(self.groups() * 5 + self.clones() * self.nodes)
    }

    fn known(&self) -> Vec<Known> {
        let dummy = |name: String, home: Option<usize>| Known { name, class: "ocf", kind: "Dummy", home };
        let mut known: Vec<Known> = (0..self.nodes)
            .map(|n| Known {
                name: format!("fence{n}"),
                class: "stonith",
                kind: "fence_dummy",
                home: Some((n + 1) % self.nodes),
            })
            .collect();
        known.extend((0..self.primitives()).map(|p| dummy(format!("p{p}"), Some(p % self.nodes))));
        for g in 0..self.groups() {
            known.extend((0..5).map(|i| dummy(format!("g{g}m{i}"), Some(self.home_of_group(g)))));
        }
        known.extend((0..self.clones()).map(|c| dummy(format!("c{c}"), None)));
        known
    }

    /// A group that follows a primitive is where the primitive is.
    fn home_of_group(&self, g: usize) -> usize {
        if self.follows(g) { g % self.primitives() % self.nodes } else { g % self.nodes }
    }

    fn follows(&self, g: usize) -> bool {
        g.is_multiple_of(2) && self.primitives() > 0
    }

    fn resources(&self, out: &mut String) {
        for n in 0..self.nodes {
            let _ = writeln!(
                out,
                "<primitive id=\"fence{n}\" class=\"stonith\" type=\"fence_dummy\">{}</primitive>",
                op(&format!("fence{n}"))
            );
        }
        for p in 0..self.primitives() {
            primitive(&format!("p{p}"), out);
        }
        for g in 0..self.groups() {
            let _ = writeln!(out, "<group id=\"g{g}\">");
            for i in 0..5 {
                primitive(&format!("g{g}m{i}"), out);
            }
            out.push_str("</group>\n");
        }
        for c in 0..self.clones() {
            let _ = writeln!(out, "<clone id=\"c{c}-clone\">");
            primitive(&format!("c{c}"), out);
            out.push_str("</clone>\n");
        }
    }

    fn constraints(&self, out: &mut String) {
        for p in (0..self.primitives()).step_by(4) {
            let _ = writeln!(
                out,
                "<rsc_location id=\"l{p}\" rsc=\"p{p}\" node=\"node{}\" score=\"100\"/>",
                p % self.nodes + 1
            );
        }
        for g in (0..self.groups()).filter(|&g| self.follows(g)) {
            let p = g % self.primitives();
            let _ = writeln!(out, "<rsc_colocation id=\"w{g}\" rsc=\"g{g}\" with-rsc=\"p{p}\" score=\"INFINITY\"/>");
            let _ = writeln!(out, "<rsc_order id=\"o{g}\" first=\"p{p}\" then=\"g{g}\"/>");
        }
        for c in 1..self.clones() {
            let _ = writeln!(out, "<rsc_order id=\"oc{c}\" first=\"c{}-clone\" then=\"c{c}-clone\"/>", c - 1);
        }
    }

    fn node_state(&self, node: usize, known: &[Known], out: &mut String) {
        let lost = self.state == State::OneNodeLost && node + 1 == self.nodes;
        let (member, process) = if lost { ("false", "offline") } else { ("true", "online") };
        let (id, name) = (node + 1, format!("node{}", node + 1));
        let _ = writeln!(
            out,
            "<node_state id=\"{id}\" uname=\"{name}\" in_ccm=\"{member}\" crmd=\"{process}\" join=\"member\" \
             expected=\"member\"><lrm id=\"{id}\"><lrm_resources>"
        );
        for resource in known {
            let provider = if resource.class == "ocf" { " provider=\"pacemaker\"" } else { "" };
            let _ = write!(
                out,
                "<lrm_resource id=\"{}\" type=\"{}\" class=\"{}\"{provider}>",
                resource.name, resource.kind, resource.class
            );
            let here = resource.home.is_none_or(|home| home == node) && self.state != State::AllStopped;
            if here {
                entry(&resource.name, "start", 0, 0, &name, 10, DIGEST, out);
                entry(&resource.name, "monitor", 10_000, 0, &name, 11, DIGEST_MONITOR, out);
            } else {
                entry(&resource.name, "monitor", 0, 7, &name, 5, DIGEST, out);
            }
            out.push_str("</lrm_resource>\n");
        }
        out.push_str("</lrm_resources></lrm></node_state>\n");
    }
}

fn op(id: &str) -> String {
    format!("<operations><op id=\"{id}-monitor\" name=\"monitor\" interval=\"10s\"/></operations>")
}

fn primitive(id: &str, out: &mut String) {
    let _ = writeln!(
        out,
        "<primitive id=\"{id}\" class=\"ocf\" provider=\"pacemaker\" type=\"Dummy\">{}</primitive>",
        op(id)
    );
}

#[allow(clippy::too_many_arguments)]
fn entry(name: &str, task: &str, interval: u32, rc: u32, node: &str, call: u32, digest: &str, out: &mut String) {
    let id = if interval == 0 { format!("{name}_last_0") } else { format!("{name}_{task}_{interval}") };
    let key = format!("{call}:1:{rc}:5a39e1a2-0b24-4d7c-8f6b-3d0f4c7e9a10");
    let _ = write!(
        out,
        "<lrm_rsc_op id=\"{id}\" operation_key=\"{name}_{task}_{interval}\" operation=\"{task}\" \
         crm-debug-origin=\"do_update_resource\" crm_feature_set=\"3.16.1\" transition-key=\"{key}\" \
         transition-magic=\"0:{rc};{key}\" exit-reason=\"\" on_node=\"{node}\" call-id=\"{call}\" rc-code=\"{rc}\" \
         op-status=\"0\" interval=\"{interval}\" last-rc-change=\"{TIME}\" exec-time=\"10\" queue-time=\"0\" \
         op-digest=\"{digest}\"/>"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_cluster_needs_nothing() {
        let text = Cluster { nodes: 3, instances: 60, state: State::Steady }.write();
        let cib = cib_core::xml::Document::parse(&text).unwrap();
        let schedule = policy_core::schedule(&cib, &policy_core::Options::default()).unwrap();
        assert_eq!(schedule.graph.synapses.len(), 0);
    }

    #[test]
    fn a_lost_node_is_fenced_and_its_resources_move() {
        let text = Cluster { nodes: 3, instances: 60, state: State::OneNodeLost }.write();
        let cib = cib_core::xml::Document::parse(&text).unwrap();
        let schedule = policy_core::schedule(&cib, &policy_core::Options::default()).unwrap();
        let operations: Vec<&str> =
            schedule.graph.synapses.iter().map(|s| s.action.element.operation.as_str()).collect();
        assert!(operations.contains(&"stonith") && operations.contains(&"start"));
    }
}
