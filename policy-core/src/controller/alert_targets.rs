//! The configuration of alerts: agents, recipients, and what each wants to know ([CT-10.1]).

use super::{Alert, AlertTarget};
use cib_core::rules::{Context, Evaluation, Rules, is_true, parse_milliseconds};
use cib_core::xml::{Document, NodeIx};
use std::collections::BTreeMap;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// One target with what it wants to hear.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Agent {
    target: AlertTarget,
    wants: Wants,
}

/// Kinds of events that an agent wants.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wants {
    nodes: bool,
    fencing: bool,
    resources: bool,
    /// `None`: no attributes; empty: all.
    attributes: Option<Vec<String>>,
}

impl Default for Wants {
    fn default() -> Self {
        Wants { nodes: true, fencing: true, resources: true, attributes: None }
    }
}

/// All agents, in the order in which they are called: the last configured first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AlertTargets(Vec<Agent>);

impl AlertTargets {
    /// Reads `alerts`; `context` is the moment for rules.
    pub(super) fn read(doc: &Document, context: &Context<'_>) -> Self {
        let Some(alerts) = doc.path(doc.root(), &["configuration", "alerts"]) else { return AlertTargets::default() };
        let mut agents = Vec::new();
        for alert in doc.children_named(alerts, "alert") {
            let (Some(id), Some(path)) = (doc.id(alert), doc.attr(alert, "path")) else { continue };
            let target = AlertTarget {
                id: id.to_owned(),
                path: path.to_owned(),
                recipient: String::new(),
                timeout: TIMEOUT,
                timestamp_format: None,
                attributes: Vec::new(),
            };
            let base = Agent { target, wants: Wants::default() };
            let Some(base) = extended(doc, context, alert, base) else { continue };
            let mut recipients = doc.children_named(alert, "recipient").peekable();
            if recipients.peek().is_none() {
                agents.push(base);
                continue;
            }
            for recipient in recipients {
                let mut agent = base.clone();
                agent.target.id = doc.id(recipient).unwrap_or(id).to_owned();
                agent.target.recipient = doc.attr(recipient, "value").unwrap_or_default().to_owned();
                agents.extend(extended(doc, context, recipient, agent));
            }
        }
        agents.reverse();
        AlertTargets(agents)
    }

    pub(super) fn wanting<'a>(&'a self, alert: &'a Alert) -> impl Iterator<Item = &'a AlertTarget> {
        self.0.iter().filter(move |agent| agent.wants.to_hear(alert)).map(|agent| &agent.target)
    }
}

impl Wants {
    fn to_hear(&self, alert: &Alert) -> bool {
        match alert {
            Alert::Node { .. } => self.nodes,
            Alert::Fencing(_) => self.fencing,
            Alert::Resource { .. } => self.resources,
            Alert::Attribute { name, .. } => {
                self.attributes.as_ref().is_some_and(|names| names.is_empty() || names.contains(name))
            }
        }
    }

    fn read(doc: &Document, select: NodeIx) -> Wants {
        let mut wants = Wants { nodes: false, fencing: false, resources: false, attributes: None };
        for kind in doc.children(select) {
            match doc.name(kind) {
                "select_nodes" => wants.nodes = true,
                "select_fencing" => wants.fencing = true,
                "select_resources" => wants.resources = true,
                "select_attributes" => {
                    let names = doc.children_named(kind, "attribute").filter_map(|a| doc.attr(a, "name"));
                    wants.attributes.get_or_insert_default().extend(names.map(str::to_owned));
                }
                _ => {}
            }
        }
        wants
    }
}

/// What an `alert` or a `recipient` adds to an agent; `None` if it is switched off.
fn extended(doc: &Document, context: &Context<'_>, element: NodeIx, mut agent: Agent) -> Option<Agent> {
    let rules = Rules::new(doc);
    let mut meta: BTreeMap<&str, &str> = BTreeMap::new();
    rules.unpack(element, "meta_attributes", context, &mut Evaluation::default(), &mut meta, None);
    if meta.get("enabled").is_some_and(|text| !is_true(Some(text))) {
        return None;
    }
    if let Some(text) = meta.get("timeout") {
        let ms = parse_milliseconds(text).ok().and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0);
        agent.target.timeout = ms.map_or(TIMEOUT, Duration::from_millis);
    }
    if let Some(text) = meta.get("timestamp-format") {
        agent.target.timestamp_format = Some((*text).to_owned());
    }
    let mut variables: BTreeMap<&str, &str> = BTreeMap::new();
    rules.unpack(element, "instance_attributes", context, &mut Evaluation::default(), &mut variables, None);
    let attributes = &mut agent.target.attributes;
    attributes.retain(|(name, _)| !variables.contains_key(name.as_str()));
    attributes.extend(variables.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())));
    if let Some(select) = doc.child(element, "select").filter(|&s| doc.children(s).next().is_some()) {
        agent.wants = Wants::read(doc, select);
    }
    Some(agent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cib_core::rules::DateTime;

    fn read(alerts: &str) -> AlertTargets {
        let text = format!("<cib><configuration><alerts>{alerts}</alerts></configuration></cib>");
        let doc = Document::parse(&text).unwrap();
        AlertTargets::read(&doc, &Context::at(DateTime::from_epoch(0, 0)))
    }

    fn node_alert() -> Alert {
        Alert::Node { node: "n1".into(), id: Some(1), member: true }
    }

    fn attribute(name: &str) -> Alert {
        Alert::Attribute { node: "n1".into(), id: Some(1), name: name.into(), value: None }
    }

    #[test]
    fn the_last_recipient_is_called_first_and_overrides_its_alert() {
        let agents = read(
            r#"<alert id="a" path="/a"><meta_attributes id="am"><nvpair id="a1" name="timeout" value="5s"/></meta_attributes>
               <instance_attributes id="ai"><nvpair id="a2" name="X" value="1"/><nvpair id="a3" name="Y" value="1"/></instance_attributes>
               <recipient id="r1" value="one"/>
               <recipient id="r2" value="two"><meta_attributes id="rm"><nvpair id="r3" name="timeout" value="nonsense"/></meta_attributes>
               <instance_attributes id="ri"><nvpair id="r4" name="Y" value="2"/></instance_attributes></recipient>
               <recipient id="r5" value="off"><meta_attributes id="rn"><nvpair id="r6" name="enabled" value="false"/></meta_attributes></recipient></alert>
               <alert id="b" path="/b"/><alert id="c"/>"#,
        );
        let alert = node_alert();
        let called: Vec<_> =
            agents.wanting(&alert).map(|a| (a.id.as_str(), a.recipient.as_str(), a.timeout.as_secs())).collect();
        assert_eq!(called, [("b", "", 30), ("r2", "two", 30), ("r1", "one", 5)]);
        let second = agents.wanting(&alert).nth(1).unwrap();
        assert_eq!(second.attributes, [("X".to_owned(), "1".to_owned()), ("Y".to_owned(), "2".to_owned())]);
    }

    #[test]
    fn attributes_are_told_only_where_selected_and_by_name() {
        let agents = read(
            r#"<alert id="a" path="/a"><select><select_attributes><attribute id="x" name="p"/></select_attributes></select>
               <recipient id="r" value="r"><select><select_nodes/></select></recipient><recipient id="s" value="s"/></alert>
               <alert id="b" path="/b"/><alert id="d" path="/d"><select><select_attributes/></select></alert>"#,
        );
        let ids = |alert: &Alert| agents.wanting(alert).map(|a| a.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&attribute("p")), ["d", "s"]);
        assert_eq!(ids(&attribute("q")), ["d"]);
        assert_eq!(ids(&node_alert()), ["b", "r"]);
    }
}
