//! The table of attributes, and how updates change it ([CT-8.4], [CT-8.5], [CT-8.9]).

use super::{AttributeError, Attributes, Message, Output, Request, SyncPoint, Update};
use crate::controller::NodeId;
use std::collections::BTreeMap;
use std::time::Duration;

/// INFINITY as a score.
const INFINITY: i64 = 1_000_000;

/// The value of an attribute on one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Value {
    /// Name of the node, as spelt first.
    pub node: String,
    /// The value.
    pub value: Option<String>,
    /// The node is a remote one.
    pub remote: bool,
}

/// One attribute with its values by node name in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Attribute {
    /// How long nothing must change before it is written, milliseconds.
    pub delay_ms: u64,
    /// Never written to the CIB.
    pub private: bool,
    /// Written as utilization.
    pub utilization: bool,
    /// Id of its set in the CIB, unless it is the node's own.
    pub set: Option<String>,
    /// Values by node.
    pub values: BTreeMap<String, Value>,
    /// Changed since it was written last.
    pub(super) changed: bool,
    /// Values of nodes with an unknown id wait until it is learnt.
    pub(super) node_unknown: bool,
    /// Number of the write in flight.
    pub(super) writing: Option<u64>,
}

impl Attributes {
    /// A request of a client of this node. It takes effect when its broadcast comes back ([CT-8.2]).
    ///
    /// # Errors
    /// [`AttributeError::Unknown`]: the delay of an attribute that does not exist was to be changed; [`AttributeError::Pattern`]: the
    /// expression cannot be read. Nothing is sent then.
    pub fn request(&mut self, request: Request) -> Result<(), AttributeError> {
        if let Some(request) = self.checked(request)? {
            self.outputs.push_back(Output::Broadcast(Message::Request(request)));
        }
        Ok(())
    }

    /// A request whose client waits; the answer is [`Output::Answered`] with its number ([CT-8.10]).
    ///
    /// # Errors
    /// As for [`Attributes::request`]; there is no answer then.
    pub fn request_and_wait(
        &mut self,
        now: Duration,
        request: Request,
        until: SyncPoint,
        ticket: u64,
    ) -> Result<(), AttributeError> {
        match self.checked(request)? {
            None => self.outputs.push_back(Output::Answered { ticket, in_time: true }),
            Some(request) => {
                self.await_answer(now, ticket, until);
                self.outputs.push_back(Output::Broadcast(Message::Awaited { ticket, until, request }));
            }
        }
        Ok(())
    }

    /// The request as it is broadcast; `None` if there is nothing to do ([CT-8.2]).
    fn checked(&self, request: Request) -> Result<Option<Request>, AttributeError> {
        Ok(match request {
            Request::Update(updates) => Some(Request::Update(updates.into_iter().map(|u| self.expand(u)).collect())),
            Request::UpdateMatching { pattern, update } => {
                let regex = regex::Regex::new(&pattern)
                    .map_err(|e| AttributeError::Pattern { pattern: pattern.clone(), why: e.to_string() })?;
                let names = self.table.keys().filter(|name| regex.is_match(name));
                let one = |name: &String| self.expand(Update { name: name.clone(), ..update.clone() });
                let updates: Vec<Update> = names.map(one).collect();
                (!updates.is_empty()).then_some(Request::Update(updates))
            }
            Request::UpdateDelay { name, .. } if !self.table.contains_key(&name) => {
                return Err(AttributeError::Unknown(name));
            }
            other => Some(other),
        })
    }

    /// Completes an update with this node's name, and its value by what this node remembers.
    fn expand(&self, mut update: Update) -> Update {
        let node = update.node.get_or_insert_with(|| self.name.clone()).to_lowercase();
        if let Some(increment) = update.value.as_deref().and_then(increment_of) {
            let old = self.table.get(&update.name).and_then(|a| a.values.get(&node)).and_then(|v| v.value.as_deref());
            let value = match old.filter(|old| !old.is_empty()).map(score_of) {
                None => increment,
                Some(None) => 0,
                Some(Some(old)) => old + increment,
            };
            update.value = Some(value.clamp(-INFINITY, INFINITY).to_string());
        }
        update
    }

    /// A message of the group, in its order; the own ones, too.
    pub fn handle_message(&mut self, now: Duration, from: NodeId, message: Message) {
        match message {
            Message::Request(request) => self.apply(now, request),
            Message::Awaited { ticket, until, request } => {
                self.apply(now, request);
                match until {
                    SyncPoint::Local if from == self.me => self.answer(ticket, true),
                    SyncPoint::Local => {}
                    SyncPoint::Cluster => {
                        self.outputs.push_back(Output::Broadcast(Message::Confirm { to: from, ticket }));
                    }
                }
            }
            Message::Confirm { to, ticket } => {
                if to == self.me {
                    self.confirmed(ticket, from);
                }
            }
            Message::Vote { to, ballot } => {
                if to.is_none_or(|to| to == self.me) {
                    self.count(now, from, &ballot);
                }
            }
            Message::Sync { to, from_writer, attributes } => {
                if from != self.me && to.is_none_or(|to| to == self.me) {
                    self.synchronize(now, from, from_writer, attributes);
                }
            }
        }
    }

    fn apply(&mut self, now: Duration, request: Request) {
        match request {
            Request::Update(updates) => {
                for update in updates {
                    self.update(now, update);
                }
            }
            // Expanded where it was asked.
            Request::UpdateMatching { .. } => {}
            Request::UpdateDelay { name, delay_ms } => self.set_delay(now, &name, delay_ms),
            Request::ClearFailure { resource, operation, node } => self.clear_failures(now, resource, operation, node),
            Request::PeerRemove { node, reap } => {
                self.forget_values(&node);
                if reap {
                    self.nodes.retain(|_, n| n.active || !n.name.eq_ignore_ascii_case(&node));
                }
                if self.is_writer() {
                    self.erase_from_cib(&node);
                } else {
                    self.removed.insert(node);
                }
            }
            Request::Refresh => {
                self.timers.clear();
                self.write_all();
            }
        }
    }

    fn set_delay(&mut self, now: Duration, name: &str, delay_ms: u64) {
        let Some(attribute) = self.table.get_mut(name) else { return };
        if attribute.delay_ms != delay_ms {
            attribute.delay_ms = delay_ms;
            self.timers.remove(name);
            self.write_or_elect(now, name);
        }
    }

    fn update(&mut self, now: Duration, update: Update) {
        let attribute = self.table.entry(update.name.clone()).or_insert_with(|| Attribute {
            delay_ms: update.delay_ms.unwrap_or(0),
            private: update.private,
            utilization: update.utilization,
            set: update.set.clone(),
            ..Attribute::default()
        });
        if attribute.utilization != update.utilization && !attribute.private {
            return;
        }
        if update.set_delay {
            // `update-both`: without a delay nothing is changed at all.
            let Some(delay) = update.delay_ms else { return };
            self.set_delay(now, &update.name, delay);
        }
        let node = update.node.clone().unwrap_or_default();
        self.set(now, &update.name, &node, update.value, update.remote);
    }

    /// One value arrives: stored and written when its delay is over.
    fn set(&mut self, now: Duration, name: &str, node: &str, value: Option<String>, remote: bool) {
        self.removed.remove(node);
        let Some(attribute) = self.table.get_mut(name) else { return };
        let slot = attribute
            .values
            .entry(node.to_lowercase())
            .or_insert_with(|| Value { node: node.to_owned(), ..Value::default() });
        slot.remote |= remote;
        let same = match (&slot.value, &value) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (None, None) => true,
            _ => false,
        };
        if same {
            // No change: a delay that runs goes on.
            return;
        }
        let old = std::mem::replace(&mut slot.value, value.clone());
        attribute.changed = true;
        self.outputs.push_back(Output::Changed { name: name.to_owned(), node: node.to_owned(), old, new: value });
        match attribute.delay_ms {
            0 => self.write_or_elect(now, name),
            delay => {
                self.timers.insert(name.to_owned(), now + Duration::from_millis(delay));
            }
        }
    }

    fn clear_failures(
        &mut self,
        now: Duration,
        resource: Option<String>,
        operation: Option<(String, u64)>,
        node: Option<String>,
    ) {
        let names: Vec<String> = self
            .table
            .keys()
            .filter(|name| is_failure_of(name, resource.as_deref(), operation.as_ref()))
            .cloned()
            .collect();
        for name in names {
            let nodes: Vec<String> = match &node {
                Some(node) => vec![node.clone()],
                None => self.table[&name].values.values().map(|v| v.node.clone()).collect(),
            };
            for node in nodes {
                self.set(now, &name, &node, None, false);
            }
        }
    }

    /// Another node's values; the own node's own values are kept, and sent if the writer lacks them ([CT-8.7]).
    fn synchronize(&mut self, now: Duration, from: NodeId, from_writer: bool, theirs: BTreeMap<String, Attribute>) {
        if from_writer {
            if self.is_writer() {
                self.vote(now);
            } else {
                self.writer = Some(from);
            }
        }
        let me = self.name.to_lowercase();
        let mut lacking = Vec::new();
        if from_writer {
            for (name, attribute) in &self.table {
                let Some(mine) = attribute.values.get(&me).filter(|v| v.value.is_some()) else { continue };
                let known = theirs.get(name).and_then(|a| a.values.get(&me)).and_then(|v| v.value.as_ref());
                if known != mine.value.as_ref() {
                    lacking.push(Update {
                        delay_ms: Some(attribute.delay_ms),
                        private: attribute.private,
                        utilization: attribute.utilization,
                        set: attribute.set.clone(),
                        ..Update::new(name, mine.value.as_deref(), &self.name)
                    });
                }
            }
        }
        for (name, attribute) in theirs {
            let Attribute { delay_ms, private, utilization, set, .. } = attribute;
            let make = || Attribute { delay_ms, private, utilization, set, ..Attribute::default() };
            let have_mine = self.table.entry(name.clone()).or_insert_with(make).values.contains_key(&me);
            for (node, value) in attribute.values {
                if node != me || !have_mine {
                    self.set(now, &name, &value.node, value.value, value.remote);
                }
            }
        }
        if !lacking.is_empty() {
            self.outputs.push_back(Output::Broadcast(Message::Request(Request::Update(lacking))));
        }
    }
}

/// The increment of `value++` or `value+=N`.
fn increment_of(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() < 7 || bytes[5] != b'+' || !matches!(bytes[6], b'+' | b'=') {
        return None;
    }
    Some(if bytes[6] == b'+' { 1 } else { score_of(text.get(7..).unwrap_or("")).unwrap_or(0) })
}

fn score_of(text: &str) -> Option<i64> {
    match text {
        "INFINITY" | "+INFINITY" => Some(INFINITY),
        "-INFINITY" => Some(-INFINITY),
        "" => None,
        _ => text.trim().parse::<i64>().ok().map(|n| n.clamp(-INFINITY, INFINITY)),
    }
}

fn is_failure_of(name: &str, resource: Option<&str>, operation: Option<&(String, u64)>) -> bool {
    let Some(rest) = name.strip_prefix("fail-count-").or_else(|| name.strip_prefix("last-failure-")) else {
        return false;
    };
    let Some(resource) = resource else { return true };
    let Some(rest) = rest.strip_prefix(resource).and_then(|r| r.strip_prefix('#')) else { return false };
    match operation {
        Some((task, interval)) => rest == format!("{task}_{interval}"),
        None => rest
            .rsplit_once('_')
            .is_some_and(|(task, n)| !task.is_empty() && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit())),
    }
}
