//! The fencer's invariants over random clusters: devices that fail, hang and lie, levels, merges, nodes that fall silent or die, watchdogs. The checker
//! sees only what a driver sees.

use super::cluster::{Agent, Cluster, Run, START};
use agents::fencer::Request;
use core::time::Duration;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NODES: [&str; 3] = ["n1", "n2", "n3"];
const IDS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
const KINDS: [&str; 7] =
    ["fence_dummy", "fence_auto", "fence_no_reboot", "fence_status", "fence_missing", "fence_no_on", "fence_broken"];
/// More than any request may take: a query of 1.2 times its timeout, every device with its delay, once more for a merge with an older one, a relay.
const BOUND: Duration = Duration::from_secs(1000);

#[derive(Debug, Clone)]
struct Device {
    node: usize,
    behaves: u8,
    kind: usize,
    /// `pcmk_delay_base` and `pcmk_delay_max`, seconds.
    delay: (u8, u8),
}

#[derive(Debug, Clone)]
struct Asked {
    node: usize,
    client: u8,
    target: u8,
    action: u8,
    timeout_s: u8,
    /// `None` = no delays at all.
    delay_s: Option<u8>,
    allow_self: bool,
    /// Milliseconds that pass before.
    after: u16,
}

#[derive(Debug, Clone)]
struct Plan {
    devices: Vec<Device>,
    /// To which level of n3 each device belongs; 0 = none.
    levels: Vec<u8>,
    requests: Vec<Asked>,
    silent: Option<usize>,
    /// A node that dies, and when, in milliseconds after the first request.
    dies: Option<(usize, u16)>,
    watchdog: bool,
}

fn device() -> impl Strategy<Value = Device> {
    (0..3_usize, 0..8_u8, 0..26_usize, (0..4_u8, 0..4_u8)).prop_map(|(node, behaves, kind, delay)| Device {
        node,
        behaves,
        // One that is broken is asked again for ever, which costs time: seldom.
        kind: if kind == 25 { 6 } else { kind % 6 },
        delay,
    })
}

fn asked() -> impl Strategy<Value = Asked> {
    let delay = prop::option::weighted(0.8, 0..5_u8);
    let self_too = prop::bool::weighted(0.2);
    (0..3_usize, 0..3_u8, 0..2_u8, 0..3_u8, 1..40_u8, delay, self_too, 0..3000_u16).prop_map(
        |(node, client, target, action, timeout_s, delay_s, allow_self, after)| Asked {
            node,
            client,
            target,
            action,
            timeout_s,
            delay_s,
            allow_self,
            after,
        },
    )
}

fn plan() -> impl Strategy<Value = Plan> {
    (
        prop::collection::vec(device(), 0..6),
        prop::collection::vec(0..4_u8, 6),
        prop_oneof![prop::collection::vec(asked(), 1), prop::collection::vec(asked(), 2..6)],
        prop::option::weighted(0.2, 0..3_usize),
        prop::option::weighted(0.2, (0..3_usize, 0..20_000_u16)),
        prop::bool::weighted(0.3),
    )
        .prop_map(|(devices, levels, requests, silent, dies, watchdog)| Plan {
            devices,
            levels,
            requests,
            silent,
            dies,
            watchdog,
        })
}

fn behaviour(number: u8) -> Agent {
    match number {
        0..=2 => Agent::Pass,
        3 | 4 => Agent::Fail,
        5 => Agent::Hang,
        6 => Agent::OnFails,
        _ => Agent::Status(0),
    }
}

impl Plan {
    fn levels(&self) -> Vec<Vec<&'static str>> {
        let of = |level: u8| (0..6).filter(|at| self.levels[*at] == level).map(|at| IDS[at]).collect::<Vec<_>>();
        (1..4).map(of).filter(|devices| !devices.is_empty()).collect()
    }

    fn has_broken(&self) -> bool {
        self.devices.iter().any(|device| device.kind == 6)
    }

    /// Carries it out. The answers that must come, by token, are those of nodes that live on.
    fn play(&self) -> (Cluster, BTreeMap<String, Duration>) {
        let mut c = Cluster::new(&NODES);
        for (at, device) in self.devices.iter().enumerate() {
            let (base, max) = (device.delay.0.to_string(), device.delay.1.to_string());
            let more = [("pcmk_delay_base", base.as_str()), ("pcmk_delay_max", max.as_str())];
            c.device(NODES[device.node], IDS[at], KINDS[device.kind], behaviour(device.behaves), &more);
        }
        let levels = self.levels();
        c.levels(&levels.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for fencer in c.fencers.values_mut() {
            fencer.set_watchdog(START, self.watchdog.then_some(Duration::from_secs(5)));
        }
        c.run(Duration::from_secs(2));
        c.silent.extend(self.silent.map(|n| NODES[n].to_owned()));
        let mut dies = self.dies.map(|(node, after)| (NODES[node], c.now + Duration::from_millis(after.into())));
        let mut expected = BTreeMap::new();
        for (at, asked) in self.requests.iter().enumerate() {
            pass(&mut c, Duration::from_millis(asked.after.into()), &mut dies);
            let node = NODES[asked.node];
            if c.silent.iter().any(|n| n == node) || c.dead.contains(node) {
                continue;
            }
            let target = ["n3", "n4"][usize::from(asked.target)];
            let action = ["off", "reboot", "on"][usize::from(asked.action)];
            let token = at.to_string();
            expected.insert(token.clone(), c.now);
            let client = format!("c{}", asked.client);
            c.request(
                node,
                Request {
                    delay_s: asked.delay_s.map(u64::from),
                    allow_self: asked.allow_self,
                    token,
                    ..Request::new(&client, target, action, asked.timeout_s.into())
                },
            );
        }
        pass(&mut c, BOUND * 2, &mut dies);
        if let Some((node, _)) = self.dies {
            let asked_there = |token: &String| self.requests[token.parse::<usize>().expect("a number")].node == node;
            expected.retain(|token, _| !asked_there(token));
        }
        (c, expected)
    }

    /// What the levels demand of a cluster that was asked once to fence n3 [CT-9.6].
    fn check_levels(&self, c: &Cluster) -> Result<(), TestCaseError> {
        let levels = self.levels();
        let [asked] = self.requests.as_slice() else { return Ok(()) };
        let action = ["off", "reboot", "on"][usize::from(asked.action)];
        if levels.is_empty() || asked.target == 1 || action == "on" {
            return Ok(());
        }
        let place = |run: &Run| levels.iter().position(|level| level.contains(&run.device.as_str()));
        let mut done = vec![Vec::new(); levels.len()];
        let mut last = 0;
        // A device whose peer was given up may still be trying while others have their turn: only its first try must be in order.
        let mut tried = BTreeSet::new();
        let mut again = false;
        for run in c.ran.iter().filter(|run| matches!(run.action.as_str(), "off" | "on" | "reboot")) {
            let at = place(run);
            prop_assert!(at.is_some(), "{} is in no level", run.device);
            let at = at.unwrap_or_default();
            if !tried.insert((&run.device, &run.action)) {
                again = true;
                if run.ok == Some(true) && run.action != "on" && !done[at].contains(&run.device) {
                    done[at].push(run.device.clone());
                }
                continue;
            }
            prop_assert!(at >= last, "level {at} after level {last}");
            last = at;
            let level = &levels[at];
            let remapped = action == "reboot" && level.len() > 1;
            let position = level.iter().position(|d| *d == run.device).unwrap_or_default();
            if run.action == "on" {
                prop_assert!(remapped && done[at].len() == level.len(), "on before all are off");
                continue;
            }
            prop_assert!(!remapped || run.action == "off", "a reboot of one of several devices");
            prop_assert!(action == "reboot" || run.action == "off");
            prop_assert_eq!(position, done[at].len(), "{} before its turn", run.device);
            if run.ok == Some(true) {
                done[at].push(run.device.clone());
            }
        }
        let complete = levels.iter().zip(&done).any(|(level, done)| level.len() == done.len());
        // A watchdog fences without a device; and whoever dies or is not heard may have succeeded without anybody knowing.
        if !self.watchdog && self.dies.is_none() && self.silent.is_none() && !again {
            for verdict in &c.verdicts {
                prop_assert_eq!(verdict.result.is_ok(), complete, "{:?}", verdict);
            }
        } else if !self.watchdog {
            prop_assert!(
                complete || c.verdicts.iter().all(|v| !v.result.is_ok()),
                "a success that nobody brought about"
            );
        }
        Ok(())
    }

    /// A device waits for its own delay, and the very first also for the requested one [CT-9.5].
    fn check_delays(&self, c: &Cluster) -> Result<(), TestCaseError> {
        let [asked] = self.requests.as_slice() else { return Ok(()) };
        let Some(requested) = asked.delay_s else { return Ok(()) };
        let at = START + Duration::from_secs(2) + Duration::from_millis(asked.after.into());
        let mut fencing = c.ran.iter().filter(|run| matches!(run.action.as_str(), "off" | "reboot"));
        let Some(first) = fencing.next() else { return Ok(()) };
        let base = |run: &Run| {
            let of =
                |name: &str| run_device(self, run).map_or(0, |d| if name == "base" { d.delay.0 } else { d.delay.1 });
            let (base, max) = (u64::from(of("base")), u64::from(of("max")));
            if max == 0 { base } else { base.min(max) }
        };
        let wait = Duration::from_secs(u64::from(requested) + base(first));
        prop_assert!(first.at >= at + wait, "{} ran {:?} after the request, not {wait:?}", first.device, first.at - at);
        for run in fencing {
            prop_assert!(run.at >= at + Duration::from_secs(base(run)));
        }
        Ok(())
    }
}

fn run_device<'a>(plan: &'a Plan, run: &Run) -> Option<&'a Device> {
    IDS.iter().position(|id| *id == run.device).and_then(|at| plan.devices.get(at))
}

/// Lets time pass, and a node die on the way if its time has come.
fn pass(c: &mut Cluster, time: Duration, dies: &mut Option<(&'static str, Duration)>) {
    let end = c.now + time;
    if let Some((node, at)) = dies.filter(|(_, at)| *at <= end) {
        c.run(at.saturating_sub(c.now));
        c.die(node);
        *dies = None;
    }
    c.run(end.saturating_sub(c.now));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever devices do, and whoever falls silent or dies: each request of a node that lives on is answered exactly once and in bounded time, nothing
    /// waits for ever, no node acts against itself unless it may, and levels, remapped reboots and delays are kept.
    #[test]
    fn every_cluster_keeps_the_invariants(plan in plan()) {
        let (c, expected) = plan.play();
        for (token, asked_at) in &expected {
            let answers: Vec<Duration> =
                c.verdicts.iter().zip(&c.answered).filter(|(v, _)| v.token == *token).map(|(_, at)| *at).collect();
            prop_assert_eq!(answers.len(), 1, "request {} was answered {} times", token, answers.len());
            prop_assert!(answers[0] <= *asked_at + BOUND, "request {} took {:?}", token, answers[0] - *asked_at);
        }
        for (name, fencer) in c.fencers.iter().filter(|(name, _)| !c.dead.contains(*name) && !c.silent.contains(name)) {
            prop_assert_eq!(fencer.status().busy, 0, "{} still works", name);
            prop_assert!(plan.has_broken() || fencer.poll_timeout().is_none(), "{} still waits", name);
            let open = fencer.status().operations.into_iter().find(|o| !o.state.is_final());
            prop_assert!(open.is_none() || plan.silent.is_some(), "{}: {:?} never ended", name, open);
        }
        let may = plan.requests.iter().any(|asked| asked.allow_self);
        for run in c.ran.iter().filter(|run| matches!(run.action.as_str(), "off" | "reboot")) {
            prop_assert!(may || run.lines.get("nodename") != Some(&run.node), "a node runs {} against itself", run.action);
            let kind = run_device(&plan, run).map(|device| KINDS[device.kind]);
            prop_assert!(kind != Some("fence_no_reboot") || run.action != "reboot", "an action that the agent lacks");
        }
        plan.check_levels(&c)?;
        plan.check_delays(&c)?;
        // Bit for bit the same, each time.
        if plan.requests.len() % 3 == 0 {
            let (again, _) = plan.play();
            prop_assert_eq!(&c.ran, &again.ran);
            prop_assert_eq!(&c.verdicts, &again.verdicts);
        }
    }
}
