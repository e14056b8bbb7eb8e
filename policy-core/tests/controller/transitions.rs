//! Carrying out graphs: limits, failures, aborts ([CT-5.4] to [CT-5.11]).

use policy_core::graph::{Action, ElementKind, Graph, Synapse};
use policy_core::transition::{Completion, INFINITY, Limits, LoadMode, NodeLimit, Progress, Transition};

/// A synapse: number of its action, priority, kind, node, numbers of its inputs.
type Row<'a> = (u32, i32, ElementKind, &'a str, &'a [u32]);

use ElementKind::{Pseudo, Resource};

fn graph(rows: &[Row<'_>]) -> Graph {
    let action =
        |&(id, _, kind, node, _): &Row<'_>| Action::new(id, kind, "start", &format!("r{id}_start_0")).on(node, node);
    let mut graph = Graph::default();
    for row in rows {
        let inputs = row.4.iter().map(|i| action(rows.iter().find(|r| r.0 == *i).unwrap()).element).collect();
        graph.synapses.push(Synapse { id: row.0, priority: row.1, inputs, action: action(row) });
    }
    graph
}

fn fired(transition: &mut Transition) -> Vec<u32> {
    transition.pass(&Limits::default()).fired
}

/// [CT-12.7] E9: with a batch limit of 1 nothing starts beside a running action, not even a pseudo-action.
#[test]
fn a_batch_limit_of_one_starts_one_thing_at_a_time() {
    let mut graph = graph(&[(1, 0, Resource, "a", &[]), (2, 0, Resource, "b", &[]), (3, 0, Pseudo, "a", &[])]);
    graph.header.batch_limit = "1".into();
    let mut transition = Transition::new(graph);
    assert_eq!(fired(&mut transition), [1]);
    assert_eq!(fired(&mut transition), []);
    transition.confirm(1, false);
    assert_eq!(fired(&mut transition), [2]);
    transition.confirm(2, false);
    assert_eq!(fired(&mut transition), [3]);
    assert_eq!(transition.pass(&Limits::default()).progress, Progress::Complete);
}

/// A node takes as many jobs as its load allows; cluster-wide load lowers the batch limit.
#[test]
fn loaded_nodes_take_less() {
    let rows: Vec<Row<'_>> = (1..=8).map(|id| (id, 0, Resource, "a", &[][..])).collect();
    let started = |mode, active| {
        let mut limits = Limits { active, ..Limits::default() };
        limits.nodes.insert("a".into(), NodeLimit { mode, max: 8 });
        Transition::new(graph(&rows)).pass(&limits).fired.len()
    };
    assert_eq!(started(LoadMode::Negligible, 4), 8);
    assert_eq!(started(LoadMode::Low, 4), 4);
    assert_eq!(started(LoadMode::Medium, 4), 2);
    assert_eq!(started(LoadMode::High, 4), 1);
    // An extreme node slows the whole cluster: at most a quarter of the active nodes' number at once.
    let spread: Vec<Row<'_>> =
        (1..=8).map(|id| (id, 0, Resource, ["b", "c", "d", "e"][id as usize % 4], &[][..])).collect();
    let mut limits = Limits { active: 8, ..Limits::default() };
    limits.nodes.insert("a".into(), NodeLimit { mode: LoadMode::Extreme, max: 8 });
    assert_eq!(Transition::new(graph(&spread)).pass(&limits).fired.len(), 2);
}

#[test]
fn what_depends_on_a_failure_never_starts_but_bookkeeping_does() {
    for lost in [false, true] {
        let mut transition = Transition::new(graph(&[
            (1, 0, Resource, "a", &[]),
            (2, 0, Resource, "a", &[1]),
            (3, INFINITY, Resource, "b", &[1]),
            (4, 0, Pseudo, "a", &[2]),
        ]));
        assert_eq!(fired(&mut transition), [1]);
        if lost {
            transition.fail(1);
        } else {
            transition.confirm(1, true);
        }
        assert_eq!(fired(&mut transition), [3], "lost: {lost}");
        transition.confirm(3, false);
        let end = transition.pass(&Limits::default());
        assert_eq!((end.fired.len(), end.progress), (0, Progress::Terminated));
    }
}

/// The priority of an abort is compared with that of synapses; pseudo-actions run even in an aborted graph.
#[test]
fn an_abort_holds_back_what_is_less_important() {
    let rows: [Row<'_>; 5] = [
        (1, 0, Resource, "a", &[]),
        (2, 0, Resource, "b", &[1]),
        (3, 100, Resource, "c", &[1]),
        (4, INFINITY, Resource, "d", &[1]),
        (5, 0, Pseudo, "a", &[1]),
    ];
    for (priority, expected) in [(1, vec![3, 4, 5]), (101, vec![4, 5]), (INFINITY, vec![4, 5])] {
        let mut transition = Transition::new(graph(&rows));
        fired(&mut transition);
        assert!(transition.abort(priority, Completion::Restart, "Event failed"));
        transition.confirm(1, false);
        assert_eq!(fired(&mut transition), expected, "{priority}");
        assert_eq!(transition.tally().skipped, 4 - expected.len());
    }
}

#[test]
fn the_strongest_abort_counts_and_is_taken_once() {
    let mut transition = Transition::new(graph(&[(1, 0, Resource, "a", &[])]));
    fired(&mut transition);
    transition.abort(1, Completion::Shutdown, "first");
    transition.abort(INFINITY, Completion::Restart, "second");
    transition.abort(5, Completion::Wait, "third");
    assert_eq!(transition.reason(), Some("second"));
    assert!(!transition.is_complete(), "what is in flight is awaited");
    transition.confirm(1, false);
    assert_eq!(transition.pass(&Limits::default()).progress, Progress::Complete);
    assert!(!transition.abort(INFINITY, Completion::Restart, "too late"));
    assert_eq!(transition.take_completion(), Completion::Shutdown);
    assert_eq!(transition.take_completion(), Completion::Done);
}

/// Migrations count on both nodes, and have a limit of their own.
#[test]
fn migrations_are_limited_by_node() {
    let migration = |id: u32, from: &str, to: &str| {
        let mut action = Action::new(id, Resource, "migrate_to", &format!("r{id}_migrate_to_0")).on(from, from);
        action.attributes = vec![
            ("CRM_meta_migrate_source".into(), from.to_owned()),
            ("CRM_meta_migrate_target".into(), to.to_owned()),
        ];
        Synapse { id, priority: 0, inputs: vec![], action }
    };
    let mut graph = Graph::default();
    graph.header.migration_limit = Some("1".into());
    graph.synapses = vec![migration(1, "a", "b"), migration(2, "c", "b"), migration(3, "c", "d")];
    let mut transition = Transition::new(graph);
    assert_eq!(fired(&mut transition), [1, 3], "b has one already");
    transition.confirm(1, false);
    assert_eq!(fired(&mut transition), []);
    transition.confirm(3, false);
    assert_eq!(fired(&mut transition), [2]);
}

#[test]
fn answers_that_come_late_or_twice_change_nothing() {
    let mut transition = Transition::new(graph(&[(1, 0, Resource, "a", &[]), (2, 0, Resource, "a", &[1])]));
    fired(&mut transition);
    for id in [1, 1, 99] {
        transition.confirm(id, false);
    }
    transition.fail(1);
    assert_eq!(fired(&mut transition), [2]);
    transition.fail(2);
    transition.confirm(2, false);
    assert_eq!(transition.pass(&Limits::default()).progress, Progress::Complete);
}

/// A node ends when nothing that was asked of it is open, be it ordered before its end or not.
#[test]
fn a_node_that_is_being_probed_is_not_taken_down() {
    let mut graph =
        graph(&[(1, INFINITY, ElementKind::Cluster, "a", &[]), (2, 0, Resource, "a", &[]), (3, 0, Resource, "b", &[])]);
    graph.synapses[0].action.element.operation = "do_shutdown".into();
    let mut transition = Transition::new(graph);
    assert_eq!(fired(&mut transition), [2, 3]);
    transition.confirm(2, false);
    assert_eq!(fired(&mut transition), [1], "whatever goes on elsewhere");
}
