//! Orderings, tickets and fencing on small clusters, read as a person would: what is done, and what waits for what.

use cib_core::xml::Document;
use policy_core::graph::{DotOptions, dot};
use policy_core::{Options, Schedule, schedule};

/// A cluster of two nodes.
#[derive(Default)]
struct Cluster {
    options: String,
    resources: String,
    constraints: String,
    tickets: String,
    /// Resources by name, whether they run on `n1`, and whether their recorded parameters are outdated.
    history: Vec<(String, bool, bool)>,
}

impl Cluster {
    fn dummy(mut self, id: &str, meta: &str, running: bool) -> Self {
        self.resources +=
            &format!(r#"<primitive id="{id}" class="ocf" provider="pacemaker" type="Dummy">{meta}</primitive>"#);
        self.history.push((id.to_owned(), running, false));
        self
    }

    fn stopped_by_target(id: &str) -> String {
        format!(
            r#"<meta_attributes id="{id}-m"><nvpair id="{id}-t" name="target-role" value="Stopped"/></meta_attributes>"#
        )
    }

    fn outdated(mut self, id: &str) -> Self {
        self.history.iter_mut().filter(|(name, ..)| name == id).for_each(|entry| entry.2 = true);
        self
    }

    fn constraint(mut self, text: &str) -> Self {
        self.constraints += text;
        self
    }

    fn xml(&self) -> String {
        let mut states = String::new();
        for node in ["n1", "n2"] {
            let mut histories = String::new();
            for (id, running, outdated) in &self.history {
                let digest = if *outdated { "0" } else { "f2317cad3d54cec5d7d7aa7d0bf35cf8" };
                let (task, rc, expected) = if *running && node == "n1" { ("start", 0, 0) } else { ("monitor", 7, 7) };
                let key = format!("1:1:{expected}:aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa");
                histories += &format!(
                    r#"<lrm_resource id="{id}" class="ocf" provider="pacemaker" type="Dummy"><lrm_rsc_op id="{id}_last_0"
                       operation_key="{id}_{task}_0" operation="{task}" transition-key="{key}" transition-magic="0:{rc};{key}"
                       call-id="2" rc-code="{rc}" op-status="0" interval="0" op-digest="{digest}"/></lrm_resource>"#
                );
            }
            states += &format!(
                r#"<node_state id="{node}" uname="{node}" in_ccm="true" crmd="online" join="member" expected="member">
                   <lrm id="{node}"><lrm_resources>{histories}</lrm_resources></lrm></node_state>"#
            );
        }
        let fencing = if self.options.contains("fencing-enabled") {
            String::new()
        } else {
            r#"<nvpair id="o1" name="fencing-enabled" value="false"/>"#.to_owned()
        };
        format!(
            r#"<cib validate-with="pacemaker-4.0" crm_feature_set="3.20.0" have-quorum="1" dc-uuid="n1"><configuration><crm_config>
               <cluster_property_set id="o">{fencing}{}</cluster_property_set></crm_config>
               <nodes><node id="n1" uname="n1"/><node id="n2" uname="n2"/></nodes>
               <resources>{}</resources><constraints>{}</constraints><rsc_defaults><meta_attributes id="d">
               <nvpair id="d1" name="resource-stickiness" value="1"/></meta_attributes></rsc_defaults></configuration><status>{}{states}</status></cib>"#,
            self.options, self.resources, self.constraints, self.tickets
        )
    }

    fn schedule(&self) -> Schedule {
        let document = Document::parse(&self.xml()).expect("well-formed");
        schedule(&document, &Options::at(1_700_000_000)).expect("a CIB")
    }

    fn dot(&self) -> String {
        dot(&self.schedule().model, DotOptions::default())
    }
}

fn edge(dot: &str, first: &str, then: &str) -> bool {
    dot.contains(&format!("\"{first}\" -> \"{then}\" [ style = bold]"))
}

/// The first example of [OR-7.6].
#[test]
fn a_restart_takes_along_what_comes_after() {
    let cluster = Cluster::default()
        .dummy("A", "", true)
        .dummy("B", "", true)
        .outdated("A")
        .constraint(r#"<rsc_order id="o" first="A" then="B"/>"#);
    let dot = cluster.dot();
    assert!(edge(&dot, "B_stop_0 n1", "A_stop_0 n1"), "{dot}");
    assert!(edge(&dot, "A_stop_0 n1", "A_start_0 n1"), "{dot}");
    assert!(edge(&dot, "A_start_0 n1", "B_start_0 n1"), "{dot}");
    let schedule = cluster.schedule();
    let b = schedule.model.resource("B").expect("B");
    let reasons: Vec<_> =
        schedule.model[b].actions.iter().filter_map(|&a| schedule.model[a].reason.as_deref()).collect();
    assert_eq!(reasons, ["required A start"]);
}

/// The second example of [OR-7.6]: the missing start of A is created, cannot run, and takes B down.
#[test]
fn a_stopped_first_stops_what_comes_after() {
    let cluster = Cluster::default()
        .dummy("A", &Cluster::stopped_by_target("A"), true)
        .dummy("B", "", true)
        .constraint(r#"<rsc_order id="o" first="A" then="B"/>"#);
    let dot = cluster.dot();
    assert!(dot.contains("\"A_start_0 <none>\" [ style=dashed color=\"red\""), "{dot}");
    assert!(dot.contains("\"B_start_0 n1\" [ style=dashed color=\"red\""), "{dot}");
    assert!(edge(&dot, "B_stop_0 n1", "A_stop_0 n1"), "{dot}");
}

#[test]
fn an_asymmetrical_ordering_leaves_alone_what_runs() {
    let cluster = Cluster::default()
        .dummy("A", &Cluster::stopped_by_target("A"), true)
        .dummy("B", "", true)
        .constraint(r#"<rsc_order id="o" first="A" then="B" symmetrical="false"/>"#);
    let dot = cluster.dot();
    assert!(dot.contains("\"A_stop_0 n1\"") && !dot.contains("\"B_stop_0 n1\""), "{dot}");
}

#[test]
fn one_of_a_set_is_enough() {
    let cluster = Cluster::default()
        .dummy("A", &Cluster::stopped_by_target("A"), false)
        .dummy("B", "", false)
        .dummy("C", "", false)
        .constraint(
            r#"<rsc_order id="o"><resource_set id="s1" require-all="false" sequential="false"><resource_ref id="A"/>
               <resource_ref id="B"/></resource_set><resource_set id="s2"><resource_ref id="C"/></resource_set></rsc_order>"#,
        );
    let dot = cluster.dot();
    assert!(edge(&dot, "one-or-more:s1", "C_start_0 n2"), "{dot}");
    assert!(dot.contains("-> \"one-or-more:s1\" [ style = bold]"), "{dot}");
}

#[test]
fn a_lost_ticket_stops_what_depends_on_it() {
    let mut cluster = Cluster::default()
        .dummy("A", "", true)
        .constraint(r#"<rsc_ticket id="t" rsc="A" ticket="T" loss-policy="stop"/>"#);
    cluster.tickets = r#"<tickets><ticket_state id="T" granted="false"/></tickets>"#.into();
    assert!(cluster.dot().contains("\"A_stop_0 n1\" [ style=bold"));
    cluster.tickets = r#"<tickets><ticket_state id="T" granted="true"/></tickets>"#.into();
    assert!(!cluster.dot().contains("A_stop_0"));
}

/// Nobody's stack is long enough for this recursion; it must not matter.
#[test]
fn a_long_chain_restarts_to_its_end() {
    const LENGTH: usize = 2_000;
    let mut cluster = Cluster::default();
    for at in 0..LENGTH {
        cluster = cluster.dummy(&format!("r{at}"), "", true);
        if at > 0 {
            cluster = cluster.constraint(&format!(r#"<rsc_order id="o{at}" first="r{}" then="r{at}"/>"#, at - 1));
        }
    }
    let graph = cluster.outdated("r0").schedule().graph;
    assert_eq!(graph.synapses.len(), 2 * LENGTH);
}

/// An ordering of a resource with itself aborts the reference program; it means nothing [OR-1.4].
#[test]
fn an_ordering_with_itself_means_nothing() {
    let cluster = Cluster::default().dummy("A", "", false).constraint(r#"<rsc_order id="o" first="A" then="A"/>"#);
    assert!(cluster.dot().contains("\"A_start_0 n1\" [ style=bold"));
}

/// Found with the released scheduler: with unfencing in use, the probe of a cloned fence device comes before the instance's own start.
#[test]
fn a_cloned_fence_device_is_probed_before_its_own_start() {
    let cluster = Cluster {
        options: r#"<nvpair id="o1" name="fencing-enabled" value="true"/>"#.into(),
        resources: r#"<clone id="C"><primitive id="F" class="stonith" type="fence_dummy"><meta_attributes id="F-m">
            <nvpair id="F-p" name="provides" value="unfencing"/></meta_attributes></primitive></clone>"#
            .into(),
        ..Cluster::default()
    };
    let dot = cluster.dot();
    assert!(
        edge(&dot, "F:0_monitor_0 n1", "F:0_start_0 n1") || edge(&dot, "F:0_monitor_0 n2", "F:0_start_0 n2"),
        "{dot}"
    );
    assert!(!dot.contains("_monitor_0 n1\" -> \"C_start_0\""), "{dot}");
}
