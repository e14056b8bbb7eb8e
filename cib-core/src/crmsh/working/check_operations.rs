//! The semantic check of a resource's operations [SH-9.2].

use std::collections::BTreeSet;

use super::Configuration;
use super::check::Findings;
use crate::crmsh::dialect::{AgentAction, AgentMetaData};
use crate::crmsh::keyword::Keyword;
use crate::rules::parse_milliseconds;
use crate::xml::NodeIx;

impl Configuration<'_> {
    /// Monitors first, all their intervals before their timeouts; then the others as they stand, and what is not configured.
    pub(super) fn check_operations(
        &self,
        node: NodeIx,
        id: &str,
        class: &str,
        meta: &AgentMetaData,
        findings: &mut Findings,
    ) {
        let stonith = |name: &str| class == "stonith" && matches!(name, "start" | "stop");
        let ops: Vec<(NodeIx, &str)> = self
            .operations(node)
            .map(|op| (op, self.doc.attr(op, "name").unwrap_or_default()))
            .filter(|(_, name)| !stonith(name))
            .collect();
        let offered = |name: &str| meta.actions.iter().filter(|action| action.name == name).collect::<Vec<_>>();
        let (monitors, others): (Vec<_>, Vec<_>) = ops.iter().copied().partition(|(_, name)| *name == "monitor");
        self.check_monitor_intervals(&monitors, id, &offered("monitor"), findings);
        for (op, name) in monitors.into_iter().chain(others) {
            let interval = self.doc.attr(op, "interval").unwrap_or("0");
            if matches!(name, "start" | "stop" | "promote" | "demote") && milliseconds(interval) != Some(0) {
                findings.warn(format!("{id}: Specified interval for {name} is {interval}, it must be 0"));
            }
            let offered = offered(name);
            if offered.is_empty() {
                findings.warn(format!("{id}: action '{name}' not found in Resource Agent meta-data"));
            } else {
                self.check_timeout(op, id, name, self.advised(op, &offered), findings);
            }
        }
        if class == "stonith" {
            return;
        }
        for name in ["start", "stop"] {
            if !ops.iter().any(|(_, own)| *own == name) {
                self.check_default_timeout(id, name, offered(name).first().copied(), findings);
            }
        }
    }

    fn check_monitor_intervals(
        &self,
        monitors: &[(NodeIx, &str)],
        id: &str,
        offered: &[&AgentAction],
        findings: &mut Findings,
    ) {
        let mut intervals = BTreeSet::new();
        for &(op, _) in monitors {
            let interval = milliseconds(self.doc.attr(op, "interval").unwrap_or("0"));
            let fault = match interval {
                Some(0) => "should be larger than 0",
                _ if !intervals.insert(interval) => "must be unique",
                _ => continue,
            };
            let advice = self.advised(op, offered).and_then(|action| action.advice("interval")).unwrap_or("None");
            findings.warn(format!("{id}: interval in monitor {fault}, advised is {advice}"));
        }
    }

    /// The advice that fits an operation: with its role, with its depth, or the first.
    fn advised<'m>(&self, op: NodeIx, offered: &[&'m AgentAction]) -> Option<&'m AgentAction> {
        for name in ["role", "depth"] {
            if let Some(own) = self.doc.attr(op, name) {
                return offered.iter().find(|action| action.advice(name) == Some(own)).copied();
            }
        }
        offered.first().copied()
    }

    fn check_timeout(&self, op: NodeIx, id: &str, name: &str, advised: Option<&AgentAction>, findings: &mut Findings) {
        let Some(timeout) = self.doc.attr(op, "timeout") else {
            return self.check_default_timeout(id, name, advised, findings);
        };
        if let Some(advice) = advised.and_then(|action| action.advice("timeout"))
            && let (Some(own), Some(least)) = (milliseconds(timeout), milliseconds(advice))
            && own < least
        {
            findings.warn(format!("{id}: specified timeout {timeout} for {name} is smaller than the advised {advice}"));
        }
    }

    fn check_default_timeout(&self, id: &str, name: &str, advised: Option<&AgentAction>, findings: &mut Findings) {
        let sets = self.objects_of(Keyword::OpDefaults).map(|object| object.node);
        let pairs = sets.flat_map(|set| self.doc.children_named(set, "nvpair"));
        let default = pairs
            .filter(|pair| self.doc.attr(*pair, "name") == Some("timeout"))
            .find_map(|pair| self.doc.attr(pair, "value"));
        if let Some(default) = default
            && let Some(advice) = advised.and_then(|action| action.advice("timeout"))
            && let (Some(own), Some(least)) = (milliseconds(default), milliseconds(advice))
            && own < least
        {
            findings.warn(format!("{id}: default timeout {default} for {name} is smaller than the advised {advice}"));
        }
    }
}

/// A time with its unit in milliseconds; a number alone is seconds.
fn milliseconds(text: &str) -> Option<i64> {
    parse_milliseconds(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crmsh::{Agents, Method, Preferences, Strictness};
    use crate::xml::Document;

    /// Advises what the released `Stateful` does.
    struct Stateful;

    impl Agents for Stateful {
        fn providers(&self, _agent: &str) -> Vec<String> {
            vec!["pacemaker".into()]
        }

        fn meta_data(&self, _class: &str, _provider: Option<&str>, _agent: &str) -> Option<AgentMetaData> {
            let action = |name: &str, advised: &[(&str, &str)]| AgentAction {
                name: name.into(),
                advised: advised.iter().map(|&(k, v)| (k.into(), v.into())).collect(),
            };
            let short = [("timeout", "10s")];
            let monitor = [("timeout", "20s"), ("interval", "10s")];
            let actions = vec![
                action("start", &[("timeout", "20s")]),
                action("stop", &[("timeout", "20s")]),
                action("monitor", &monitor),
                action("promote", &short),
                action("demote", &short),
            ];
            Some(AgentMetaData { actions, ..AgentMetaData::default() })
        }
    }

    fn told(text: &str) -> Vec<String> {
        let cib = Document::parse("<cib><configuration><resources/></configuration></cib>").unwrap();
        let mut copy = Configuration::with_agents(&cib, &Stateful, Preferences::default());
        assert!(copy.load(text, Method::Update));
        copy.take_messages();
        let objects = copy.objects();
        copy.check(&objects, Strictness::Strict);
        copy.take_messages().into_iter().map(|message| message.text).collect()
    }

    /// Texts and order as crm 4.4.0 prints them.
    #[test]
    fn monitors_come_first_and_other_operations_one_by_one() {
        let text = "primitive p1 Stateful op start interval=5 timeout=1s op zzz interval=1 op monitor interval=0 timeout=1s \
                    op monitor interval=10s op monitor interval=10 timeout=3s op stop interval=7 timeout=1\n\
                    primitive p2 Stateful op monitor interval=10s op monitor interval=10 role=Stopped\n\
                    op_defaults timeout=15s\n";
        let expected = [
            "p1: interval in monitor should be larger than 0, advised is 10s",
            "p1: interval in monitor must be unique, advised is 10s",
            "p1: specified timeout 1s for monitor is smaller than the advised 20s",
            "p1: default timeout 15s for monitor is smaller than the advised 20s",
            "p1: specified timeout 3s for monitor is smaller than the advised 20s",
            "p1: Specified interval for start is 5, it must be 0",
            "p1: specified timeout 1s for start is smaller than the advised 20s",
            "p1: action 'zzz' not found in Resource Agent meta-data",
            "p1: Specified interval for stop is 7, it must be 0",
            "p1: specified timeout 1 for stop is smaller than the advised 20s",
            "p2: interval in monitor must be unique, advised is None",
            "p2: default timeout 15s for monitor is smaller than the advised 20s",
            "p2: default timeout 15s for start is smaller than the advised 20s",
            "p2: default timeout 15s for stop is smaller than the advised 20s",
        ];
        assert_eq!(told(text), expected);
    }
}
