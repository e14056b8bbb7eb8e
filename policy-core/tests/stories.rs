//! Small clusters and what is done with them: each story can be checked by reading.

use cib_core::xml::Document;
use policy_core::report::{self, Report};
use policy_core::{Options, schedule, simulate};

/// A cluster of two nodes with these options, resources and constraints; `b` is lost if asked for.
fn cluster(options: &str, resources: &str, constraints: &str, status_a: &str, status_b: &str, lost: bool) -> Document {
    let (member, process) = if lost { ("false", "offline") } else { ("true", "online") };
    let text = format!(
        r#"<cib validate-with="pacemaker-4.0" have-quorum="1" dc-uuid="1"><configuration>
        <crm_config><cluster_property_set id="o">{options}</cluster_property_set></crm_config>
        <nodes><node id="1" uname="a"/><node id="2" uname="b"/></nodes>
        <resources>{resources}</resources><constraints>{constraints}</constraints></configuration><status>
        <node_state id="1" uname="a" in_ccm="true" crmd="online" join="member" expected="member">
          <lrm id="1"><lrm_resources>{status_a}</lrm_resources></lrm></node_state>
        <node_state id="2" uname="b" in_ccm="{member}" crmd="{process}" join="member" expected="member">
          <lrm id="2"><lrm_resources>{status_b}</lrm_resources></lrm></node_state></status></cib>"#
    );
    Document::parse(&text).expect("a constant with inserted constants")
}

const NO_FENCING: &str = r#"<nvpair id="o1" name="fencing-enabled" value="false"/>"#;
const FENCER: &str = r#"<primitive id="fencer" class="stonith" type="fence_dummy"/>"#;

fn dummy(id: &str) -> String {
    format!(r#"<primitive id="{id}" class="ocf" provider="pacemaker" type="Dummy"/>"#)
}

/// What history says: the last operation and its result.
fn history(id: &str, class: &str, task: &str, rc: u32) -> String {
    let agent = if class == "ocf" { r#"provider="pacemaker" type="Dummy""# } else { r#"type="fence_dummy""# };
    let expected = if task == "monitor" { 7 } else { 0 };
    format!(
        r#"<lrm_resource id="{id}" class="{class}" {agent}><lrm_rsc_op id="{id}_last_0" operation_key="{id}_{task}_0"
        operation="{task}" transition-key="1:1:{expected}:x" transition-magic="0:{rc};1:1:{expected}:x" call-id="1" rc-code="{rc}"
        op-status="0" interval="0" op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8"/></lrm_resource>"#
    )
}

/// The rows of the transition summary.
fn summary(cib: &Document) -> String {
    let mut made = schedule(cib, &Options::at(1_700_000_000)).unwrap();
    let mut report = Report::new();
    report::changes::summary(&mut made.model, &mut report);
    report.output()
}

#[test]
fn a_new_resource_is_started() {
    let cib = cluster(NO_FENCING, &dummy("vip"), "", "", "", false);
    assert_eq!(summary(&cib), "Transition Summary:\n  * Start      vip     (     a )\n");
}

#[test]
fn what_runs_well_is_left_alone() {
    let (here, there) = (history("vip", "ocf", "start", 0), history("vip", "ocf", "monitor", 7));
    let cib = cluster(NO_FENCING, &dummy("vip"), "", &there, &here, false);
    assert_eq!(summary(&cib), "Transition Summary:\n");
}

#[test]
fn a_lost_node_is_fenced_before_its_resources_move() {
    let a = history("fencer", "stonith", "start", 0) + &history("vip", "ocf", "monitor", 7);
    let b = history("fencer", "stonith", "monitor", 7) + &history("vip", "ocf", "start", 0);
    let cib = cluster("", &(FENCER.to_owned() + &dummy("vip")), "", &a, &b, true);
    assert_eq!(
        summary(&cib),
        "Transition Summary:\n  * Fence (reboot) b 'peer is no longer part of the cluster'\n\
         \x20 * Move       vip     ( b -> a )\n"
    );
    let made = schedule(&cib, &Options::at(1_700_000_000)).unwrap();
    let find = |operation: &str| made.graph.synapses.iter().find(|s| s.action.element.operation == operation).unwrap();
    let (fence, start) = (find("stonith"), find("start"));
    assert!(start.inputs.iter().any(|input| input.id == fence.action.element.id));
}

#[test]
fn a_failed_resource_is_recovered_and_what_follows_it_restarts() {
    let order =
        r#"<rsc_order id="o" first="db" then="app"/><rsc_colocation id="c" rsc="app" with-rsc="db" score="INFINITY"/>"#;
    let failure = history("db", "ocf", "start", 0).replace(
        "</lrm_resource>",
        r#"<lrm_rsc_op id="db_last_failure_0" operation_key="db_monitor_10000" operation="monitor" transition-key="2:1:0:x"
        transition-magic="0:7;2:1:0:x" call-id="2" rc-code="7" op-status="0" interval="10000"/></lrm_resource>"#,
    );
    let a = failure + &history("app", "ocf", "start", 0);
    let b = history("db", "ocf", "monitor", 7) + &history("app", "ocf", "monitor", 7);
    let cib = cluster(NO_FENCING, &(dummy("db") + &dummy("app")), order, &a, &b, false);
    assert_eq!(
        summary(&cib),
        "Transition Summary:\n  * Recover    db      (     a )\n  * Restart    app     (     a )  due to required db start\n"
    );
}

#[test]
fn a_simulation_reaches_the_state_that_needs_nothing() {
    let group = format!("<group id=\"g\">{}{}</group>", dummy("g1"), dummy("g2"));
    let location = r#"<rsc_location id="l" rsc="g" node="b" score="INFINITY"/>"#;
    let mut cib = cluster(NO_FENCING, &group, location, "", "", false);
    let options = Options::at(1_700_000_000);
    let made = schedule(&cib, &options).unwrap();
    assert!(made.explain("g1").unwrap().contains("l: INFINITY on b") || !made.model.wants.trace);
    let mut copy = simulate::Copy::new(&mut cib, 1_700_000_000, false);
    assert!(simulate::execute(&mut copy, &made.model, &made.graph, &[], &mut Report::new()));
    let after = schedule(&cib, &options).unwrap();
    assert_eq!(after.graph.synapses.len(), 0, "{}", after.graph.write());
    let node = after.model.node("b");
    assert_eq!(after.model.current_node(after.model.resource("g2").unwrap()), node);
}

#[test]
fn the_same_document_gives_the_same_graph() {
    let clone = format!("<clone id=\"c\">{}</clone>", dummy("d"));
    let cib = cluster(NO_FENCING, &clone, "", "", "", false);
    let options = Options::at(1_700_000_000);
    assert_eq!(schedule(&cib, &options).unwrap().graph.write(), schedule(&cib, &options).unwrap().graph.write());
}

/// The operations of the graph, as `operation on node`.
fn operations(cib: &Document) -> Vec<String> {
    let made = schedule(cib, &Options::at(1_700_000_000)).unwrap();
    let of = |s: &policy_core::graph::Synapse| {
        let element = &s.action.element;
        format!("{} on {}", element.operation, element.node.as_ref().map_or("-", |place| place.name.as_str()))
    };
    made.graph.synapses.iter().map(of).collect()
}

#[test]
fn a_shutdown_lock_ends_where_the_resource_runs_again() {
    // [AC-8]: locked to b, but active on a
    let options = format!("{NO_FENCING}<nvpair id=\"o2\" name=\"shutdown-lock\" value=\"true\"/>");
    let locked =
        history("vip", "ocf", "stop", 0).replace("<lrm_resource ", "<lrm_resource shutdown-lock=\"1699999000\" ");
    let cib = cluster(&options, &dummy("vip"), "", &history("vip", "ocf", "start", 0), &locked, false);
    assert_eq!(operations(&cib), ["lrm_delete on b"]);
    assert_eq!(summary(&cib), "Transition Summary:\n");
}

#[test]
fn of_two_entries_the_oldest_names_the_operation_that_is_cancelled() {
    // A failure of a recurring operation leaves a second entry; crm_simulate 2.1.5 keeps the first call id it finds.
    let entry = |id: &str, call: u32, rc: u32| {
        format!(
            r#"<lrm_rsc_op id="vip_{id}" operation_key="vip_monitor_10000" operation="monitor" interval="10000" op-status="0"
            call-id="{call}" rc-code="{rc}" transition-key="1:1:0:x" transition-magic="0:{rc};1:1:0:x"/>"#
        )
    };
    let entries = format!("{}{}</lrm_resource>", entry("monitor_10000", 2, 0), entry("last_failure_0", 3, 1));
    let here = history("vip", "ocf", "start", 0).replace("</lrm_resource>", &entries);
    let meta =
        r#"<meta_attributes id="m"><nvpair id="m1" name="maintenance" value="true"/></meta_attributes></primitive>"#;
    let cib = cluster(NO_FENCING, &dummy("vip").replace("/>", &format!(">{meta}")), "", &here, "", false);
    let made = schedule(&cib, &Options::at(1_700_000_000)).unwrap();
    let graph = made.graph.write();
    assert!(graph.contains(r#"CRM_meta_call_id="2""#) && !graph.contains(r#"CRM_meta_call_id="3""#), "{graph}");
}

#[test]
fn what_colocations_did_to_scores_is_explained() {
    let constraints = r#"<rsc_colocation id="near" rsc="web" with-rsc="vip" score="500000"/>
        <rsc_location id="likes" rsc="web" node="b" score="100"/><rsc_location id="never" rsc="vip" node="a" score="-INFINITY"/>"#;
    let cib = cluster(NO_FENCING, &(dummy("vip") + &dummy("web")), constraints, "", "", false);
    let mut options = Options::at(1_700_000_000);
    options.wants.trace = true;
    let made = schedule(&cib, &options).unwrap();
    let (vip, web) = (made.explain("vip").unwrap(), made.explain("web").unwrap());
    assert!(vip.contains("never: -INFINITY on a") && vip.contains("near, for the sake of web: +50 on b"), "{vip}");
    assert!(web.contains("near, with vip (on b): +500000 on b"), "{web}");
    assert!(schedule(&cib, &Options::at(1_700_000_000)).unwrap().model.trace.is_empty());
}
