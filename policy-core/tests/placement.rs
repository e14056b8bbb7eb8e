//! Golden text cases of placement: `tests/golden/placement.txt`.

use std::fmt::Write as _;

use cib_core::xml::Document;
use policy_core::model::{Model, ScoreLine, Wants};
use policy_core::{Options, schedule};

/// One case of the golden file: its input as it was written, and what is expected.
#[derive(Default)]
struct Case<'t> {
    title: &'t str,
    nodes: Vec<&'t str>,
    options: String,
    resources: String,
    constraints: String,
    history: Vec<(&'t str, &'t str, bool)>,
    counts: Vec<(&'t str, &'t str, &'t str)>,
    expected: Vec<&'t str>,
}

fn cases(text: &str) -> Vec<Case<'_>> {
    let mut cases: Vec<Case<'_>> = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(title) = line.strip_prefix("== ") {
            cases.push(Case { title, ..Case::default() });
            continue;
        }
        let case = cases.last_mut().expect("a title before anything else");
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["node", ..] => case.nodes.push(line),
            ["option", name, value] => {
                write!(case.options, r#"<nvpair id="o-{name}" name="{name}" value="{value}"/>"#).expect("a String");
            }
            ["active", resource, node] => case.history.push((resource, node, false)),
            ["active", resource, node, "promoted"] => case.history.push((resource, node, true)),
            ["count", resource, node, count] => case.counts.push((resource, node, count)),
            _ if line.starts_with("<rsc_") => case.constraints.push_str(line),
            _ if line.starts_with('<') => case.resources.push_str(line),
            _ => case.expected.push(line),
        }
    }
    cases
}

/// The CIB of a case: fencing disabled, everything quorate.
fn document(case: &Case<'_>) -> String {
    let mut nodes = String::new();
    let mut status = String::new();
    for (number, line) in case.nodes.iter().enumerate() {
        let words: Vec<&str> = line.split_whitespace().skip(1).collect();
        let (id, name) = (number + 1, words[0]);
        let online = !words.contains(&"offline");
        let (mut attributes, mut score) = (String::new(), String::new());
        for (at, word) in words[1..].iter().enumerate() {
            match word.split_once('=') {
                Some(("score", value)) => score = format!(r#" score="{value}""#),
                Some((name, value)) => {
                    let _ = write!(attributes, r#"<nvpair id="n{id}-{at}" name="{name}" value="{value}"/>"#);
                }
                None if *word == "standby" => {
                    let _ = write!(attributes, r#"<nvpair id="n{id}-{at}" name="standby" value="on"/>"#);
                }
                None => {}
            }
        }
        let _ = write!(
            nodes,
            r#"<node id="{id}" uname="{name}"{score}><instance_attributes id="n{id}">{attributes}</instance_attributes></node>"#
        );
        let (crmd, join) = if online { ("online", "member") } else { ("offline", "down") };
        let mut history = String::new();
        for (call, (resource, _, promoted)) in case.history.iter().filter(|(_, node, _)| *node == name).enumerate() {
            let (operation, rc) = if *promoted { ("promote", 0) } else { ("start", 0) };
            let kind = if case.resources.contains("Stateful") && resource.contains(':') {
                r#"provider="pacemaker" type="Stateful""#
            } else {
                r#"provider="heartbeat" type="Dummy""#
            };
            let _ = write!(
                history,
                r#"<lrm_resource id="{resource}" class="ocf" {kind}><lrm_rsc_op id="{resource}_last_0" operation_key="{resource}_{operation}_0" operation="{operation}" crm_feature_set="3.20.5" transition-key="1:0:0:u" transition-magic="0:{rc};1:0:0:u" call-id="{call}" rc-code="{rc}" op-status="0" interval="0"/></lrm_resource>"#
            );
        }
        let mut counts = String::new();
        for (resource, _, count) in case.counts.iter().filter(|(_, node, _)| *node == name) {
            let attribute = format!("fail-count-{resource}#monitor_10000");
            let _ = write!(counts, r#"<nvpair id="s{id}-{resource}" name="{attribute}" value="{count}"/>"#);
        }
        let _ = write!(
            status,
            r#"<node_state id="{id}" uname="{name}" in_ccm="{online}" crmd="{crmd}" join="{join}" expected="{join}"><transient_attributes id="{id}"><instance_attributes id="s{id}">{counts}</instance_attributes></transient_attributes><lrm id="{id}"><lrm_resources>{history}</lrm_resources></lrm></node_state>"#
        );
    }
    let Case { options, resources, constraints, .. } = case;
    format!(
        r#"<cib crm_feature_set="3.20.5" validate-with="pacemaker-4.0" epoch="1" num_updates="0" admin_epoch="0" have-quorum="1" dc-uuid="1"><configuration><crm_config><cluster_property_set id="o"><nvpair id="o-f" name="fencing-enabled" value="false"/>{options}</cluster_property_set></crm_config><nodes>{nodes}</nodes><resources>{resources}</resources><constraints>{constraints}</constraints></configuration><status>{status}</status></cib>"#
    )
}

/// What a run says about the subject of an expected line, in the same form.
fn told(m: &Model, cluster: usize, line: &str) -> Vec<String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let subject = words[1];
    match words[0] {
        "placed" => {
            let placed = m.resource(subject).and_then(|r| m.assigned_location(r));
            vec![format!("placed {subject} {}", placed.map_or("-", |node| m.node_name(node)))]
        }
        "promotion" => m
            .scores
            .iter()
            .filter_map(|line| match line {
                ScoreLine::Promotion { instance, node, score } => {
                    let node = node.map_or("-", |node| m.node_name(node));
                    Some(format!("promotion {} {node} {score}", m.id(*instance)))
                }
                _ => None,
            })
            .collect(),
        function => {
            let wanted = format!("pcmk__{function}_assign");
            let mut found: Vec<String> = Vec::new();
            let mut last = usize::MAX;
            let order: Vec<_> = m.nodes_in_order().collect();
            for line in &m.scores {
                let ScoreLine::Allocation { function, resource, node, score } = line else { continue };
                if *function != wanted || m.id(*resource) != subject {
                    continue;
                }
                let at = order.iter().position(|other| other == node).expect("a node of the model");
                if last >= at {
                    found.push(format!("{} {subject}", words[0]));

                    for _ in 0..at.min(cluster) {
                        found.last_mut().expect("just pushed").push_str(" .");
                    }
                } else {
                    for _ in last + 1..at {
                        found.last_mut().expect("pushed before").push_str(" .");
                    }
                }
                let _ = write!(found.last_mut().expect("pushed before"), " {score}");
                last = at;
            }
            for line in &mut found {
                while line.split_whitespace().count() < cluster + 2 {
                    line.push_str(" .");
                }
            }
            found
        }
    }
}

#[test]
fn golden_cases() {
    let text = include_str!("golden/placement.txt");
    let mut wrong = String::new();
    for case in cases(text) {
        let xml = document(&case);
        let cib = Document::parse(&xml).expect("a well-formed case");
        let options =
            Options { clock: 1_700_000_000, wants: Wants { scores: true, ..Wants::default() }, ..Options::default() };
        let run = schedule(&cib, &options).expect("a CIB");
        let m = &run.model;
        let mut subjects: Vec<String> = Vec::new();
        for line in &case.expected {
            let mut words = line.split_whitespace();
            let kind = words.next().unwrap_or_default();
            let subject = if kind == "promotion" {
                kind.to_owned()
            } else {
                format!("{kind} {}", words.next().unwrap_or_default())
            };
            if subjects.contains(&subject) {
                continue;
            }
            let wanted: Vec<&str> =
                case.expected.iter().copied().filter(|other| other.starts_with(&format!("{subject} "))).collect();
            let got = told(m, case.nodes.len(), line);
            if got != wanted {
                let _ = writeln!(wrong, "== {}\nexpected {wanted:#?}\ngot {got:#?}", case.title);
            }
            subjects.push(subject);
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// Colocations among more resources than any stack could follow: a chain either way, a lattice, a long group.
#[test]
fn colocations_without_end_are_no_danger() {
    let primitive = |name: &str| format!(r#"<primitive id="{name}" class="ocf" provider="heartbeat" type="Dummy"/>"#);
    let with = |a: &str, b: &str| format!(r#"<rsc_colocation id="c-{a}-{b}" rsc="{a}" with-rsc="{b}" score="100"/>"#);
    let names: Vec<String> = (0..3_000).map(|at| format!("r{at}")).collect();
    let all: String = names.iter().map(|name| primitive(name)).collect();
    let mut lattice = (String::new(), String::new());
    for at in 0..40 {
        lattice.0 += &format!("{}{}", primitive(&format!("a{at}")), primitive(&format!("b{at}")));
        for (x, y) in [("a", "a"), ("a", "b"), ("b", "a"), ("b", "b")] {
            if at > 0 {
                lattice.1 += &with(&format!("{x}{at}"), &format!("{y}{}", at - 1));
            }
        }
    }
    let cases = [
        (true, (all.clone(), names.windows(2).map(|pair| with(&pair[1], &pair[0])).collect())),
        (true, (all.clone(), names.windows(2).map(|pair| with(&pair[0], &pair[1])).collect())),
        // The members of a group are summed up.
        (false, (format!(r#"<group id="g">{all}</group>"#), String::new())),
        (true, lattice),
    ];
    for (exhausted, (resources, constraints)) in cases {
        let case = Case { nodes: vec!["node n1", "node n2"], resources, constraints, ..Case::default() };
        let cib = Document::parse(&document(&case)).expect("a well-formed case");
        let run = schedule(&cib, &Options { clock: 1_700_000_000, ..Options::default() }).expect("a CIB");
        assert_eq!(run.model.effort.exhausted, exhausted);
        let placed = run.model.resources.iter().filter(|r| r.assigned.is_some()).count();
        assert!(placed > 0, "placement goes on where it can");
    }
}

/// Chains of mandatory colocations are summed up if they follow node names, and merged level by level if they follow an attribute.
/// With an attribute that differs on all nodes both must say the same.
#[test]
fn summed_chains_are_like_merged_ones() {
    let mut seed = 1u64;
    let mut any = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let mut summed_up = 0;
    for round in 0..400 {
        let count = 3 + any(6);
        let (mut resources, mut constraints) = (String::new(), String::new());
        for r in 0..count {
            let stickiness = [0, 0, 50, 300][any(4) as usize];
            let _ = write!(
                resources,
                r#"<primitive id="r{r}" class="ocf" provider="heartbeat" type="Dummy"><meta_attributes id="m{r}"><nvpair id="m{r}-s" name="resource-stickiness" value="{stickiness}"/><nvpair id="m{r}-c" name="critical" value="{}"/></meta_attributes></primitive>"#,
                any(8) > 0
            );
            for node in 1..=4 {
                let score = ["0", "100", "7", "-30", "INFINITY", "-INFINITY"];
                if any(5) == 0 {
                    let score = score[any(6) as usize];
                    let _ = write!(
                        constraints,
                        r#"<rsc_location id="l{r}-{node}" rsc="r{r}" node="n{node}" score="{score}"/>"#
                    );
                }
            }
        }
        for r in 1..count {
            let with = if any(4) == 0 { any(r) } else { r - 1 };
            let score = ["INFINITY", "INFINITY", "INFINITY", "INFINITY", "500"][any(5) as usize];
            let _ = write!(
                constraints,
                r#"<rsc_colocation id="c{r}" rsc="r{r}" with-rsc="r{with}" score="{score}" ATTRIBUTE/>"#
            );
        }
        if any(6) == 0 {
            let _ =
                write!(constraints, r#"<rsc_colocation id="back" rsc="r0" with-rsc="r2" score="INFINITY" ATTRIBUTE/>"#);
        }
        let states = ["node n3 place=3", "node n3 place=3 standby", "node n3 place=3 offline"];
        let nodes = vec!["node n1 place=1", "node n2 place=2", states[any(3) as usize], "node n4 place=4"];
        let homes: Vec<String> = (0..count).map(|r| format!("r{r}")).collect();
        let history: Vec<(&str, &str, bool)> =
            homes.iter().map(|name| (name.as_str(), ["n1", "n2", "n4"][any(3) as usize], false)).collect();
        let history = if any(2) == 0 { history } else { Vec::new() };
        let run = |attribute: &str| {
            let constraints = constraints.replace("ATTRIBUTE", attribute);
            let case = Case {
                nodes: nodes.clone(),
                resources: resources.clone(),
                constraints,
                history: history.clone(),
                ..Case::default()
            };
            let cib = Document::parse(&document(&case)).expect("a well-formed case");
            let wants = Wants { scores: true, ..Wants::default() };
            schedule(&cib, &Options { clock: 1_700_000_000, wants, ..Options::default() }).expect("a CIB").model
        };
        let (summed, merged) = (run(""), run(r#"node-attribute="place""#));
        assert_eq!(summed.scores, merged.scores, "round {round}: {resources}{constraints}{history:?}{nodes:?}");
        summed_up += usize::from(summed.effort.merges < merged.effort.merges);
    }
    assert!(summed_up > 100, "only {summed_up} rounds had a chain to sum up");
}
