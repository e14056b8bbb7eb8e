//! Writing attributes to the CIB: one transaction for each, by the elected writer ([CT-8.6]).

use super::{Attribute, Attributes, Output, Value};
use crate::controller::{CibWrite, ElectionState};
use std::time::Duration;

/// How long to wait after a failed write of an undampened attribute.
const RETRY: Duration = Duration::from_secs(2);

impl Attributes {
    /// A write has ended.
    pub fn handle_written(&mut self, now: Duration, call: u64, ok: bool) {
        let Some(names) = self.writing.remove(&call) else { return };
        self.completed = self.completed.max(call);
        for name in names {
            let Some(attribute) = self.table.get_mut(&name).filter(|a| a.writing == Some(call)) else { continue };
            attribute.writing = None;
            if !ok {
                attribute.changed = true;
                let wait = match attribute.delay_ms {
                    0 => RETRY,
                    delay => Duration::from_millis(delay),
                };
                self.timers.insert(name, now + wait);
            } else if attribute.changed && !self.timers.contains_key(&name) {
                self.write_attribute(&name);
            }
        }
    }

    pub(super) fn write_or_elect(&mut self, now: Duration, name: &str) {
        if self.is_writer() {
            self.write_attribute(name);
        } else if self.writer.is_none() && self.elector.state() != ElectionState::InProgress && !self.shutting_down {
            self.vote(now);
        }
    }

    pub(super) fn write_all(&mut self) {
        if self.is_writer() {
            for name in self.table.keys().cloned().collect::<Vec<_>>() {
                self.write_attribute(&name);
            }
        }
    }

    /// The id of another node is known: what waited for it is written.
    pub(super) fn write_waiting(&mut self) {
        let waiting: Vec<String> = self.table.iter().filter(|(_, a)| a.node_unknown).map(|(n, _)| n.clone()).collect();
        for name in waiting {
            self.write_attribute(&name);
        }
    }

    fn write_attribute(&mut self, name: &str) {
        let Some(attribute) = self.table.get_mut(name) else { return };
        if attribute.private {
            attribute.changed = false;
            return;
        }
        // A write that a later one has overtaken is lost.
        let in_flight = attribute.writing.is_some_and(|call| call >= self.completed);
        if in_flight || self.timers.contains_key(name) {
            attribute.changed = true;
            return;
        }
        (attribute.changed, attribute.node_unknown) = (false, false);
        let attribute = attribute.clone();
        let mut writes = Vec::new();
        let mut told = Vec::new();
        for value in attribute.values.values() {
            let known = self.nodes.iter().find(|(_, n)| n.name.eq_ignore_ascii_case(&value.node));
            let id = match known {
                Some((id, _)) => id.to_string(),
                None if value.remote => value.node.clone(),
                None => {
                    self.table.get_mut(name).expect("looked up above").node_unknown = true;
                    continue;
                }
            };
            writes.push(write_value(name, &attribute, &id, value));
            told.push(Output::Written { name: name.to_owned(), node: value.node.clone(), value: value.value.clone() });
        }
        if writes.is_empty() {
            return;
        }
        self.calls += 1;
        let call = self.calls;
        self.table.get_mut(name).expect("looked up above").writing = Some(call);
        self.writing.insert(call, vec![name.to_owned()]);
        self.outputs.push_back(Output::Write { call, writes });
        self.outputs.extend(told);
    }

    /// Removes all transient attributes of a node from the CIB.
    pub(super) fn erase_from_cib(&mut self, node: &str) {
        self.calls += 1;
        let call = self.calls;
        self.writing.insert(call, Vec::new());
        let xpath = format!("//node_state[@uname='{node}']/transient_attributes");
        self.outputs.push_back(Output::Write { call, writes: vec![CibWrite::Delete { xpath }] });
    }
}

fn write_value(name: &str, attribute: &Attribute, id: &str, of: &Value) -> CibWrite {
    let kind = if attribute.utilization { "utilization" } else { "instance_attributes" };
    let (set, prefix) = match &attribute.set {
        Some(set) => (xml_id(set), set.clone()),
        None => (xml_id(&format!("status-{id}")), format!("status-{id}")),
    };
    let pair = xml_id(&format!("{prefix}-{name}"));
    let Some(value) = &of.value else {
        // Exactly that one: by the ids and the name, in the quotes that it does not hold itself.
        let quoted = ['\'', '"'].into_iter().find(|quote| !name.contains(*quote));
        let named = quoted.map_or_else(String::new, |quote| format!(" and @name={quote}{name}{quote}"));
        let set = format!("//node_state[@id='{id}']/transient_attributes/{kind}[@id='{set}']");
        return CibWrite::Delete { xpath: format!("{set}/nvpair[@id='{pair}'{named}]") };
    };
    CibWrite::merge("status", |doc, root| {
        let state = doc.append(root, "node_state");
        doc.set_attr(state, "id", id);
        doc.set_attr(state, "uname", &of.node);
        if of.remote {
            doc.set_attr(state, "remote_node", "true");
        }
        let transient = doc.append(state, "transient_attributes");
        doc.set_attr(transient, "id", id);
        let element = doc.append(transient, kind);
        doc.set_attr(element, "id", &set);
        let nvpair = doc.append(element, "nvpair");
        doc.set_attr(nvpair, "id", &pair);
        doc.set_attr(nvpair, "name", name);
        doc.set_attr(nvpair, "value", value);
    })
}

/// A text as an XML id: each byte of a character that a name cannot hold becomes a dot ([CT-8.6]).
fn xml_id(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for (i, c) in text.chars().enumerate() {
        let letter = c.is_alphabetic() || c == '_';
        let inner = letter || c.is_numeric() || matches!(c, '-' | '.');
        if (i == 0 && letter) || (i > 0 && inner) {
            out.push(c);
        } else {
            out.push(if i == 0 { '_' } else { '.' });
            out.extend(std::iter::repeat_n('.', c.len_utf8() - 1));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::xml_id;

    #[test]
    fn ids_hold_only_what_a_name_may() {
        assert_eq!(xml_id("status-1-fail-count-r#start_0"), "status-1-fail-count-r.start_0");
        assert_eq!(xml_id("#x"), "_x");
    }
}
