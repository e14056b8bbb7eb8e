//! What a running cluster writes into its CIB, held against what a cluster of the released programs (Corosync 3.1.7, Pacemaker 2.1.5, three nodes,
//! `ocf:pacemaker:Dummy`) was seen to write for the same events: ids, attributes and their order, digests, fail counts. Times, origins and the
//! transition's own numbers differ by nature; that release writes `in_ccm` and `crmd` in the form of feature sets below 3.18.

use crate::fixture::Cluster;
use cib_core::xml::{Document, NodeIx};
use policy_core::controller::{AgentMeta, AgentParameter, CibWrite, Deletion, Message, Receiver};

const NO_FENCING: &[(&str, &str)] = &[("fencing-enabled", "false")];

/// What every entry shows, in order; the last four only where the agent's meta-data says something.
const ENTRY: [&str; 23] = [
    "id",
    "operation_key",
    "operation",
    "crm-debug-origin",
    "crm_feature_set",
    "transition-key",
    "transition-magic",
    "exit-reason",
    "on_node",
    "call-id",
    "rc-code",
    "op-status",
    "interval",
    "last-rc-change",
    "exec-time",
    "queue-time",
    "migrate_source",
    "migrate_target",
    "op-digest",
    "op-force-restart",
    "op-restart-digest",
    "op-secure-params",
    "op-secure-digest",
];

/// The meta-data of that release's Dummy.
fn dummy() -> AgentMeta {
    let parameter = |name: &str, reloadable| AgentParameter { name: name.into(), reloadable, ..Default::default() };
    let reloadable = ["passwd", "fake", "op_sleep", "fail_start_on", "envfile"].map(|name| parameter(name, true));
    let parameters = std::iter::once(parameter("state", false)).chain(reloadable).collect();
    AgentMeta::new(Some("1.1"), ["start", "stop", "monitor", "reload", "reload-agent"], parameters)
}

fn resource(id: &str, parameters: &[(&str, &str)], meta: &[(&str, &str)]) -> String {
    let pairs = |prefix: &str, all: &[(&str, &str)]| -> String {
        all.iter().map(|(n, v)| format!(r#"<nvpair id="{id}-{prefix}-{n}" name="{n}" value="{v}"/>"#)).collect()
    };
    format!(
        r#"<primitive id="{id}" class="ocf" provider="pacemaker" type="Dummy"><instance_attributes id="{id}-i">{}</instance_attributes><meta_attributes id="{id}-m">{}</meta_attributes><operations><op id="{id}-o" name="monitor" interval="10s" timeout="20s"/></operations></primitive>"#,
        pairs("i", parameters),
        pairs("m", meta)
    )
}

/// Three nodes with d1 on n1.
fn started(meta: &[(&str, &str)]) -> Cluster {
    let d1 = resource("d1", &[("state", "/run/d1.state")], meta);
    let mut cluster = Cluster::configured(NO_FENCING, &d1, "");
    cluster.agents.insert("Dummy".into(), dummy());
    let mut cluster = cluster.up(3);
    cluster.pass(10);
    assert_eq!(cluster.runs_on("d1"), ["n1"]);
    cluster
}

fn entries(doc: &Document, node: &str, resource: &str) -> Vec<NodeIx> {
    let status = doc.path(doc.root(), &["status"]).unwrap();
    let state = doc.children(status).find(|&n| doc.attr(n, "uname") == Some(node)).unwrap();
    let of = |n: &NodeIx| doc.parent(*n).and_then(|p| doc.id(p)) == Some(resource);
    doc.descendants(state).filter(|&n| doc.name(n) == "lrm_rsc_op").filter(of).collect()
}

/// One line for each entry of a resource's history on a node, after its form has been checked.
fn history(cluster: &Cluster, node: &str, resource: &str) -> String {
    let doc = cluster.cib.document();
    let mut lines = Vec::new();
    for entry in entries(doc, node, resource) {
        let names: Vec<&str> = doc.attrs(entry).map(|(n, _)| n).collect();
        let known: Vec<&str> = ENTRY.iter().copied().filter(|n| names.contains(n)).collect();
        assert_eq!(names, known, "names and their order");
        let get = |name: &str| doc.attr(entry, name).unwrap_or("-");
        let short = |name: &str| get(name).chars().take(6).collect::<String>();
        let key = get("transition-key");
        assert_eq!(get("transition-magic"), format!("{}:{};{key}", get("op-status"), get("rc-code")));
        let key: Vec<&str> = key.splitn(4, ':').collect();
        assert_eq!(key[3].len(), 36);
        assert_eq!(get("operation_key"), format!("{resource}_{}_{}", get("operation"), get("interval")));
        assert_eq!(get("on_node"), node);
        lines.push(format!(
            "{} {} rc={} expected={} digest={} restart=[{}]{} secure=[{}]{}",
            get("id"),
            get("operation"),
            get("rc-code"),
            key[2],
            short("op-digest"),
            get("op-force-restart"),
            short("op-restart-digest"),
            get("op-secure-params"),
            short("op-secure-digest")
        ));
    }
    lines.sort();
    lines.join("\n")
}

#[test]
fn probes_and_starts() {
    let cluster = started(&[]);
    assert_eq!(
        history(&cluster, "n1", "d1"),
        "d1_last_0 start rc=0 expected=0 digest=860a3e restart=[  state  ]860a3e secure=[  passwd  ]860a3e\n\
         d1_monitor_10000 monitor rc=0 expected=0 digest=586f72 restart=[-]- secure=[  passwd  ]586f72"
    );
    assert_eq!(
        history(&cluster, "n2", "d1"),
        "d1_last_0 monitor rc=7 expected=7 digest=860a3e restart=[  state  ]860a3e secure=[  passwd  ]860a3e"
    );
    let doc = cluster.cib.document();
    let resource = doc.parent(entries(doc, "n1", "d1")[0]).unwrap();
    let attributes: Vec<_> = doc.attrs(resource).collect();
    assert_eq!(attributes, [("id", "d1"), ("type", "Dummy"), ("class", "ocf"), ("provider", "pacemaker")]);
}

#[test]
fn a_failed_monitor_and_its_recovery() {
    let mut cluster = started(&[]);
    cluster.monitor_finds(1, "d1", 7);
    cluster.pass(10);
    assert_eq!(
        history(&cluster, "n1", "d1"),
        "d1_last_0 start rc=0 expected=0 digest=860a3e restart=[  state  ]860a3e secure=[  passwd  ]860a3e\n\
         d1_last_failure_0 monitor rc=7 expected=0 digest=586f72 restart=[-]- secure=[  passwd  ]586f72\n\
         d1_monitor_10000 monitor rc=0 expected=0 digest=586f72 restart=[-]- secure=[  passwd  ]586f72"
    );
    let pairs = transient(&cluster, "1");
    assert_eq!(pairs[0], ("status-1-.feature-set".into(), "#feature-set".into(), "3.20.5".into()));
    let (failure, count) = (&pairs[1], &pairs[2]);
    assert_eq!(failure.0, "status-1-last-failure-d1.monitor_10000");
    assert_eq!(
        count,
        &("status-1-fail-count-d1.monitor_10000".into(), "fail-count-d1#monitor_10000".into(), "1".into())
    );
}

/// Ids, names and values of the transient attributes of a node, in document order.
fn transient(cluster: &Cluster, id: &str) -> Vec<(String, String, String)> {
    let doc = cluster.cib.document();
    let status = doc.path(doc.root(), &["status"]).unwrap();
    let state = doc.find_id(status, id).unwrap();
    let set = doc.path(state, &["transient_attributes", "instance_attributes"]).unwrap();
    assert_eq!(doc.id(set), Some(format!("status-{id}").as_str()));
    let text = |n, name| doc.attr(n, name).unwrap_or_default().to_owned();
    doc.children(set).map(|n| (text(n, "id"), text(n, "name"), text(n, "value"))).collect()
}

#[test]
fn a_probe_that_finds_it_running_after_clean_up() {
    let mut cluster = started(&[]);
    let deletion = Deletion { resource: Some("d1".into()), ..Deletion::default() };
    cluster.with(1, |c, now| c.handle_message(now, 1, Receiver::Node(1), Message::DeleteHistory(deletion)));
    cluster.pass(10);
    // A failure that stands twice shows what the meta-data tells only once.
    assert_eq!(
        history(&cluster, "n1", "d1"),
        "d1_last_0 monitor rc=0 expected=7 digest=860a3e restart=[  state  ]860a3e secure=[  passwd  ]860a3e\n\
         d1_last_failure_0 monitor rc=0 expected=7 digest=860a3e restart=[-]- secure=[-]-\n\
         d1_monitor_10000 monitor rc=0 expected=0 digest=586f72 restart=[-]- secure=[  passwd  ]586f72"
    );
    assert_eq!(cluster.attribute("n1", "fail-count-d1#monitor_0"), None);
}

#[test]
fn the_migration_threshold_moves_it_and_leaves_a_stop() {
    let mut cluster = started(&[("migration-threshold", "1")]);
    cluster.monitor_finds(1, "d1", 7);
    cluster.pass(10);
    assert_eq!(
        history(&cluster, "n1", "d1"),
        "d1_last_0 stop rc=0 expected=0 digest=860a3e restart=[  state  ]860a3e secure=[  passwd  ]860a3e\n\
         d1_last_failure_0 monitor rc=7 expected=0 digest=586f72 restart=[-]- secure=[  passwd  ]586f72\n\
         d1_monitor_10000 monitor rc=0 expected=0 digest=586f72 restart=[-]- secure=[  passwd  ]586f72"
    );
    assert_ne!(cluster.host_of("d1"), 1);
}

#[test]
fn a_parameter_that_can_be_reloaded_changes_one_digest_and_not_the_other() {
    let mut cluster = started(&[]);
    cluster.executed.clear();
    let pair = r#"<nvpair id="d1-i-fake" name="fake" value="x"/>"#;
    let xml = format!(
        r#"<resources><primitive id="d1"><instance_attributes id="d1-i">{pair}</instance_attributes></primitive></resources>"#
    );
    cluster.change(CibWrite::Merge { xml });
    cluster.pass(10);
    let tasks: Vec<&str> = cluster.executed.iter().map(|(_, _, task)| task.as_str()).collect();
    assert_eq!(tasks, ["reload-agent", "monitor"], "no restart");
    assert_eq!(
        history(&cluster, "n1", "d1"),
        "d1_last_0 start rc=0 expected=0 digest=4793b1 restart=[  state  ]860a3e secure=[  passwd  ]4793b1\n\
         d1_monitor_10000 monitor rc=0 expected=0 digest=6fc1da restart=[-]- secure=[  passwd  ]6fc1da"
    );
}

#[test]
fn a_migration_has_entries_of_its_own() {
    let mut cluster = started(&[("allow-migrate", "true")]);
    cluster.change(CibWrite::Merge {
        xml: r#"<constraints><rsc_location id="l" rsc="d1" node="n2" score="INFINITY"/></constraints>"#.into(),
    });
    cluster.pass(10);
    assert_eq!(cluster.runs_on("d1"), ["n2"]);
    assert_eq!(
        history(&cluster, "n1", "d1"),
        "d1_last_0 stop rc=0 expected=0 digest=860a3e restart=[  state  ]860a3e secure=[  passwd  ]860a3e\n\
         d1_migrate_to_0 migrate_to rc=0 expected=0 digest=860a3e restart=[  state  ]860a3e secure=[  passwd  ]860a3e\n\
         d1_monitor_10000 monitor rc=0 expected=0 digest=586f72 restart=[-]- secure=[  passwd  ]586f72"
    );
    let from = "//lrm_rsc_op[@id='d1_migrate_from_0']";
    let value = |name| cluster.value(from, name);
    assert_eq!((value("migrate_source"), value("migrate_target")), (Some("n1".into()), Some("n2".into())));
}

#[test]
fn what_ends_while_a_confirmation_is_under_way_is_not_lost() {
    // The coordinator is lost while n3 stops a resource, which an operator wants back already. The stop ends between n3's
    // confirmation of the join and the moment the new coordinator has put the confirmed history in the place of the recorded one.
    let role = |role: &str| {
        let pair = format!(r#"<nvpair id="d1-m-t" name="target-role" value="{role}"/>"#);
        let meta = format!(r#"<meta_attributes id="d1-m">{pair}</meta_attributes>"#);
        CibWrite::Merge { xml: format!(r#"<resources><primitive id="d1">{meta}</primitive></resources>"#) }
    };
    let there = r#"<constraints><rsc_location id="l" rsc="d1" node="n3" score="INFINITY"/></constraints>"#;
    for rc in [0, 1] {
        let mut cluster = started(&[]);
        cluster.change(CibWrite::Merge { xml: there.into() });
        cluster.pass(10);
        if rc != 0 {
            cluster.failing.insert(("d1".into(), "stop".into()), rc);
        }
        cluster.change(role("Stopped"));
        assert!(history(&cluster, "n3", "d1").contains("d1_last_0 stop rc=193"), "{}", history(&cluster, "n3", "d1"));
        cluster.change(role("Started"));
        cluster.ends_while_confirming = Some(3);
        cluster.kill(1);
        cluster.pass(40);
        assert_eq!(cluster.ends_while_confirming, None, "it was in flight then");
        assert_eq!(cluster.dc(), Some(2));
        let (history, count) = (history(&cluster, "n3", "d1"), cluster.attribute("n3", "fail-count-d1#stop_0"));
        if rc == 0 {
            assert!(history.contains("d1_last_0 start rc=0"), "{history}");
            assert_eq!(cluster.runs_on("d1"), ["n3"]);
        } else {
            assert!(history.contains("d1_last_failure_0 stop rc=1"), "{history}");
            assert_eq!(count.as_deref(), Some("1"), "a foreign event counts as one [CT-5.9]");
        }
    }
}

#[test]
fn a_failed_start_counts_as_infinity_everywhere() {
    let bad = resource("bad", &[("state", "/nonexistent/dir/x")], &[]);
    let mut cluster = Cluster::configured(NO_FENCING, &bad, "");
    cluster.agents.insert("Dummy".into(), dummy());
    cluster.failing.insert(("bad".into(), "start".into()), 1);
    let mut cluster = cluster.up(2);
    cluster.pass(10);
    for node in ["n1", "n2"] {
        assert_eq!(
            history(&cluster, node, "bad"),
            "bad_last_0 stop rc=0 expected=0 digest=1e6c1a restart=[  state  ]1e6c1a secure=[  passwd  ]1e6c1a\n\
             bad_last_failure_0 start rc=1 expected=0 digest=1e6c1a restart=[-]- secure=[-]-"
        );
        assert_eq!(cluster.attribute(node, "fail-count-bad#start_0").as_deref(), Some("INFINITY"));
    }
}

#[test]
fn a_simulated_failure_has_no_parameters_and_no_transition() {
    let mut cluster = started(&[]);
    let message = Message::FailResource { resource: "d1".into(), remote: None };
    cluster.with(1, |c, now| c.handle_message(now, 1, Receiver::Node(1), message));
    cluster.pass(10);
    let all = history(&cluster, "n1", "d1");
    let line = "d1_last_failure_0 asyncmon rc=1 expected=0 digest=f2317c restart=[-]- secure=[-]-";
    assert!(all.lines().any(|l| l == line), "{all}");
    assert_eq!(cluster.attribute("n1", "fail-count-d1#asyncmon_0").as_deref(), Some("1"));
}

#[test]
fn what_a_coordinator_writes_about_the_cluster_and_its_nodes() {
    let mut cluster = started(&[]);
    let doc = cluster.cib.document();
    let set = doc.path(doc.root(), &["configuration", "crm_config", "cluster_property_set"]).unwrap();
    let written: Vec<_> = doc.children(set).filter_map(|n| doc.id(n)).filter(|id| id.starts_with("cib-")).collect();
    let expected =
        ["have-watchdog", "dc-version", "cluster-infrastructure"].map(|n| format!("cib-bootstrap-options-{n}"));
    assert_eq!(written, expected);
    let root: Vec<&str> = doc.attrs(doc.root()).map(|(n, _)| n).collect();
    assert!(root.ends_with(&["have-quorum", "dc-uuid"]), "{root:?}");
    let state = |cluster: &Cluster, id: &str| {
        let doc = cluster.cib.document();
        let status = doc.path(doc.root(), &["status"]).unwrap();
        let state = doc.find_id(status, id).unwrap();
        doc.attrs(state).map(|(n, v)| format!("{n}={v}")).collect::<Vec<_>>()
    };
    let member = state(&cluster, "2");
    let names: Vec<&str> = member.iter().map(|a| a.split('=').next().unwrap()).collect();
    assert_eq!(names, ["id", "uname", "in_ccm", "crmd", "crm-debug-origin", "join", "expected"]);
    assert!(member.contains(&"join=member".to_owned()) && member.contains(&"expected=member".to_owned()));
    // A node that was killed: gone, not expected to be.
    cluster.kill(2);
    cluster.pass(10);
    let lost = state(&cluster, "2");
    for attribute in ["in_ccm=0", "crmd=0", "join=down", "expected=member"] {
        assert!(lost.contains(&attribute.to_owned()), "{lost:?}");
    }
}
