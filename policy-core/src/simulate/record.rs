//! Results as history entries [SM-7.4].

use super::Copy;
use crate::config::FEATURE_SET;
use crate::model::Element;
use cib_core::rules::parse_integer;

/// A result to be recorded.
#[derive(Clone, Debug)]
pub(super) struct Outcome<'a> {
    /// The resource's id in the key.
    pub(super) resource: &'a str,
    pub(super) task: &'a str,
    pub(super) interval_ms: u32,
    pub(super) rc: i32,
    pub(super) expected: i32,
    pub(super) exit_reason: &'a str,
    pub(super) node: &'a str,
    /// Kind and operation of a notification.
    pub(super) notify: Option<(&'a str, &'a str)>,
    pub(super) migration: Option<(&'a str, &'a str)>,
    pub(super) digest: Option<&'a str>,
}

impl Copy<'_> {
    /// Adds an entry to a history, or updates the one of the same id.
    pub(super) fn record(&mut self, history: Element, outcome: &Outcome<'_>) {
        let task = match outcome.task {
            "reload" | "reload-agent" => "start",
            task => task,
        };
        let resource = outcome.resource;
        let key = format!("{resource}_{task}_{}", outcome.interval_ms);
        let last = format!("{resource}_last_0");
        let mut rc = outcome.rc;
        let mut ids = Vec::new();
        if let Some((kind, operation)) = outcome.notify.filter(|_| task == "notify") {
            rc = 0;
            ids.push(format!("{resource}_{kind}_notify_{operation}_0"));
        } else if matches!(task, "migrate_to" | "migrate_from") {
            ids.push(key.clone());
        } else if rc != outcome.expected {
            ids.push(format!("{resource}_last_failure_0"));
            if outcome.interval_ms == 0 {
                ids.push(last);
            }
        } else if outcome.interval_ms > 0 {
            ids.push(key.clone());
        } else {
            ids.push(last);
        }
        let call = self.next_call(history);
        for id in ids {
            self.write_entry(history, &id, &key, task, call, rc, outcome);
        }
        self.changed();
    }

    fn next_call(&self, history: Element) -> i64 {
        let calls = self
            .cib
            .children_named(history, "lrm_rsc_op")
            .filter_map(|e| self.cib.attr(e, "call-id").and_then(parse_integer));
        calls.max().unwrap_or(0).max(0).saturating_add(1)
    }

    #[allow(clippy::too_many_arguments)]
    fn write_entry(
        &mut self,
        history: Element,
        id: &str,
        key: &str,
        task: &str,
        call: i64,
        rc: i32,
        outcome: &Outcome<'_>,
    ) {
        let existing = self.cib.children_named(history, "lrm_rsc_op").find(|&e| self.cib.id(e) == Some(id));
        let entry = match existing {
            Some(entry) => entry,
            None => self.cib.append(history, "lrm_rsc_op"),
        };
        let transition = format!("{call}:-1:{}:xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx", outcome.expected);
        let magic = format!("0:{rc};{transition}");
        let reason = if rc == outcome.expected { "" } else { outcome.exit_reason };
        let (call, rc, interval, clock) =
            (call.to_string(), rc.to_string(), outcome.interval_ms.to_string(), self.clock.to_string());
        let values = [
            ("id", id),
            ("operation_key", key),
            ("operation", task),
            ("crm-debug-origin", "crm_simulate"),
            ("crm_feature_set", FEATURE_SET),
            ("transition-key", &transition),
            ("transition-magic", &magic),
            ("exit-reason", reason),
            ("on_node", outcome.node),
            ("call-id", &call),
            ("rc-code", &rc),
            ("op-status", "0"),
            ("interval", &interval),
            ("last-rc-change", &clock),
            ("exec-time", "0"),
            ("queue-time", "0"),
        ];
        for (name, value) in values {
            self.cib.set_attr(entry, name, value);
        }
        if let Some((source, target)) = outcome.migration.filter(|_| matches!(task, "migrate_to" | "migrate_from")) {
            self.cib.set_attr(entry, "migrate_source", source);
            self.cib.set_attr(entry, "migrate_target", target);
        }
        if let Some(digest) = outcome.digest {
            self.cib.set_attr(entry, "op-digest", digest);
        }
    }
}
