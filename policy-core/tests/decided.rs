//! Questions that the released program (2.1.5) and the specification answer differently, or that the specification leaves to an
//! experiment with the released program; each test says which.

use cib_core::xml::Document;
use policy_core::report::{self, Report};
use policy_core::{Options, schedule, simulate};

const NOW: i64 = 1_700_000_000;

/// Two nodes without fencing; `history` is that of resource `a` on node1.
fn cluster(resources: &str, constraints: &str, history: &str) -> Document {
    let state = |node: u32, history: &str| {
        format!(
            r#"<node_state id="{node}" uname="node{node}" in_ccm="true" crmd="online" join="member" expected="member">
            <lrm id="{node}"><lrm_resources>{history}</lrm_resources></lrm></node_state>"#
        )
    };
    let history =
        format!(r#"<lrm_resource id="a" class="ocf" provider="pacemaker" type="Dummy">{history}</lrm_resource>"#);
    let text = format!(
        r#"<cib validate-with="pacemaker-4.0" have-quorum="1" dc-uuid="1"><configuration><crm_config>
        <cluster_property_set id="o"><nvpair id="o1" name="fencing-enabled" value="false"/></cluster_property_set></crm_config>
        <nodes><node id="1" uname="node1"/><node id="2" uname="node2"/></nodes>
        <resources>{resources}</resources><constraints>{constraints}</constraints></configuration>
        <status>{}{}</status></cib>"#,
        state(1, &history),
        state(2, "")
    );
    Document::parse(&text).expect("a constant with inserted constants")
}

fn dummy(id: &str) -> String {
    format!(r#"<primitive id="{id}" class="ocf" provider="pacemaker" type="Dummy"/>"#)
}

fn summary(cib: &Document) -> Vec<String> {
    let mut made = schedule(cib, &Options::at(NOW)).unwrap();
    let mut report = Report::new();
    report::changes::summary(&mut made.model, &mut report);
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    report.output().lines().skip(1).map(words).collect()
}

fn entry(task: &str, interval: u32, call: u32, status: u32, rc: u32) -> String {
    format!(
        r#"<lrm_rsc_op id="a_{task}_{interval}" operation_key="a_{task}_{interval}" operation="{task}" interval="{interval}"
        call-id="{call}" op-status="{status}" rc-code="{rc}" transition-key="{call}:1:0:x"
        transition-magic="{status}:{rc};{call}:1:0:x" last-rc-change="{NOW}" on_node="node1"
        op-digest="f2317cad3d54cec5d7d7aa7d0bf35cf8"/>"#
    )
}

/// All members of a group wait for something that does not start: what must be with the group does not start either [CL-5.7].
/// 2.1.5 starts it.
#[test]
fn a_group_that_cannot_start_blocks_what_must_be_with_it() {
    let stopped = dummy("x").replace(
        "/>",
        r#"><meta_attributes id="m"><nvpair id="m1" name="target-role" value="Stopped"/></meta_attributes></primitive>"#,
    );
    let resources = format!(r#"{stopped}<group id="g">{}{}</group>{}"#, dummy("b"), dummy("c"), dummy("dep"));
    let with = r#"<rsc_colocation id="w" rsc="dep" with-rsc="g" score="INFINITY"/>"#;
    let before = |what: &str| format!(r#"<rsc_order id="ord" first="x" then="{what}"/>{with}"#);
    let all = summary(&cluster(&resources, &before("g"), ""));
    assert!(all.contains(&"* Start dep ( node1 ) due to colocation with g (blocked)".to_owned()), "{all:?}");
    // Both programs: one member that can start is enough.
    let last = summary(&cluster(&resources, &before("c"), ""));
    assert!(last.contains(&"* Start dep ( node1 )".to_owned()), "{last:?}");
}

/// Degraded is a success of any operation [ST-10.3]. 2.1.5 knows that of monitors only and recovers the resource.
#[test]
fn a_degraded_start_is_a_start() {
    let degraded = summary(&cluster(&dummy("a"), "", &entry("start", 0, 5, 0, 190)));
    assert!(degraded.is_empty(), "{degraded:?}");
    // Degraded promoted is not what a start should lead to, in both programs.
    let promoted = summary(&cluster(&dummy("a"), "", &entry("start", 0, 5, 0, 191)));
    assert_eq!(promoted.len(), 1, "{promoted:?}");
}

/// A group after one of its own members, or before, is a circle. Both programs say that the transition is invalid when it waits for
/// itself, and have no trouble with the other direction.
#[test]
fn a_group_after_its_own_member_waits_for_itself() {
    let group = format!(r#"<group id="g">{}{}</group>"#, dummy("b"), dummy("c"));
    for (first, then, possible) in [("g", "b", true), ("g", "c", true), ("b", "g", false), ("c", "g", false)] {
        let order = format!(r#"<rsc_order id="ord" first="{first}" then="{then}"/>"#);
        let mut cib = cluster(&group, &order, "");
        let made = schedule(&cib, &Options::at(NOW)).unwrap();
        let mut copy = simulate::Copy::new(&mut cib, NOW, false);
        let mut report = Report::new();
        let complete = simulate::execute(&mut copy, &made.model, &made.graph, &[], &mut report);
        assert_eq!(complete, possible, "{first} then {then}");
    }
}

/// A recurring monitor that timed out is a failure whatever its result is. Both programs.
#[test]
fn a_timed_out_monitor_that_says_not_running_is_a_failure() {
    let history = entry("start", 0, 5, 0, 0) + &entry("monitor", 10_000, 6, 2, 7);
    let with = |on_fail: &str| {
        dummy("a").replace(
            "/>",
            &format!(
                r#"><operations><op id="m" name="monitor" interval="10s" on-fail="{on_fail}"/></operations></primitive>"#
            ),
        )
    };
    assert_eq!(summary(&cluster(&with("restart"), "", &history)), ["* Recover a ( node1 )"]);
    let stop = summary(&cluster(&with("stop"), "", &history));
    assert!(stop.len() == 1 && stop[0].starts_with("* Stop a ( node1 )"), "{stop:?}");
    let ignored = summary(&cluster(&with("ignore"), "", &history));
    assert!(ignored.is_empty(), "{ignored:?}");
}

/// `Started` in a location is no filter [PL-6.5]. 2.1.5 takes it for one that a stopped resource does not pass.
#[test]
fn a_location_for_started_resources_holds_for_all() {
    let location = |role: &str| {
        format!(
            r##"<rsc_location id="l" rsc="a"><rule id="r" role="{role}" score="-INFINITY">
            <expression id="e" attribute="#uname" operation="eq" value="node1"/></rule></rsc_location>"##
        )
    };
    let place = |role: &str| summary(&cluster(&dummy("a"), &location(role), ""));
    assert_eq!(place("Started"), ["* Start a ( node2 )"]);
    assert_eq!(place("Unpromoted"), ["* Start a ( node2 )"]);
    assert_eq!(place("Promoted"), ["* Start a ( node1 )"]);
}
