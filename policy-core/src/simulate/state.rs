//! Node states, history elements, fail counts [SM-4.1] [SM-4.3] [SM-7.3].

use super::{Copy, Histories};
use crate::config::valid_id;
use crate::model::Element;
use crate::report::Report;
use cib_core::rules::parse_integer;

/// What a node state is set to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Target {
    Up,
    Down,
    Fail,
}

/// Who runs an agent, for new histories.
#[derive(Clone, Copy, Debug)]
pub(super) struct Agent<'a> {
    pub(super) class: Option<&'a str>,
    pub(super) provider: Option<&'a str>,
    pub(super) kind: Option<&'a str>,
}

impl Copy<'_> {
    /// Finds or makes the `node_state` of a node. An unknown node has no id and so no state.
    pub(super) fn node_state(&mut self, name: &str, id: Option<&str>) -> Result<Element, String> {
        if self.add_nodes {
            self.add_node(name);
        }
        let status = self.status();
        let by_name = |copy: &Self| {
            copy.cib
                .children_named(status, "node_state")
                .find(|&s| copy.cib.attr(s, "uname").is_some_and(|u| u == name))
        };
        if let Some(found) = by_name(self) {
            return Ok(found);
        }
        let id = match id.map(str::to_owned).or_else(|| self.node_id(name)) {
            Some(id) => id,
            None => return Err(format!("Could not determine the id of node '{name}'")),
        };
        let by_id = self.cib.children_named(status, "node_state").find(|&s| self.cib.id(s) == Some(&*id));
        let state = match by_id {
            Some(found) => found,
            None => {
                let state = self.cib.append(status, "node_state");
                self.cib.set_attr(state, "id", &id);
                state
            }
        };
        self.cib.set_attr(state, "uname", name);
        Ok(state)
    }

    fn configured_node(&self, name: &str) -> Option<Element> {
        let nodes = self.cib.path(self.cib.root(), &["configuration", "nodes"])?;
        self.cib
            .children_named(nodes, "node")
            .find(|&n| self.cib.attr(n, "uname").is_some_and(|u| u.eq_ignore_ascii_case(name)))
    }

    /// The id of a node by the configuration: of a node entry, or a remote or guest node's name.
    fn node_id(&self, name: &str) -> Option<String> {
        if let Some(node) = self.configured_node(name) {
            return self.cib.id(node).map(str::to_owned);
        }
        let resources = self.cib.path(self.cib.root(), &["configuration", "resources"])?;
        let remote = self.cib.descendants(resources).any(|n| match self.cib.name(n) {
            "primitive" => {
                self.cib.id(n) == Some(name)
                    && self.cib.attr(n, "type").is_some_and(|t| t.eq_ignore_ascii_case("remote"))
                    && self.cib.attr(n, "provider").is_some_and(|p| p.eq_ignore_ascii_case("pacemaker"))
            }
            "nvpair" => self.cib.attr(n, "name") == Some("remote-node") && self.cib.attr(n, "value") == Some(name),
            _ => false,
        });
        remote.then(|| name.to_owned())
    }

    fn add_node(&mut self, name: &str) {
        if self.configured_node(name).is_some() {
            return;
        }
        if let Some(nodes) = self.cib.path(self.cib.root(), &["configuration", "nodes"]) {
            let node = self.cib.append(nodes, "node");
            self.cib.set_attr(node, "id", name);
            self.cib.set_attr(node, "uname", name);
        }
    }

    /// Sets what a node state says about the node.
    pub(super) fn set_state(&mut self, state: Element, target: Target, origin: &str) {
        let (member, process, join, expected) = match target {
            Target::Up => ("true", "online", "member", "member"),
            Target::Down => ("false", "offline", "down", "down"),
            Target::Fail => ("false", "online", "member", "member"),
        };
        let values = [
            ("in_ccm", member),
            ("crmd", process),
            ("join", join),
            ("expected", expected),
            ("crm-debug-origin", origin),
        ];
        for (name, value) in values {
            self.cib.set_attr(state, name, value);
        }
        self.changed();
    }

    /// Removes a node's history and transient attributes.
    pub(super) fn forget(&mut self, state: Element) {
        for name in ["lrm", "transient_attributes"] {
            for child in self.cib.children_named(state, name).collect::<Vec<_>>() {
                self.cib.remove(child);
            }
        }
        self.histories.remove(&state);
        self.changed();
    }

    fn child_or_new(&mut self, parent: Element, name: &str, id: Option<&str>) -> Element {
        match self.cib.child(parent, name) {
            Some(child) => child,
            None => {
                let child = self.cib.append(parent, name);
                if let Some(id) = id {
                    self.cib.set_attr(child, "id", id);
                }
                child
            }
        }
    }

    /// Finds or makes the history of a resource in a node state: under the first name that has one, else under `id`.
    pub(super) fn history(
        &mut self,
        state: Element,
        names: &[&str],
        id: &str,
        agent: Agent<'_>,
        report: &mut Report,
    ) -> Option<Element> {
        let known = self.histories_of(state);
        // of several none is found, and a new one is made
        let only = |name: &&str| known.get(*name).and_then(|all| <[Element; 1]>::try_from(&all[..]).ok());
        if let Some([history]) = names.iter().find_map(only) {
            return Some(history);
        }
        let node_id = self.cib.id(state).unwrap_or_default().to_owned();
        let shown = names.first().copied().unwrap_or(id);
        let (Some(class), Some(kind)) = (agent.class, agent.kind) else {
            report.error(format_args!(
                "Resource {shown} not found in the status section of {node_id} (supply class and type to continue)"
            ));
            return None;
        };
        let known = ["ocf", "stonith", "service", "systemd", "lsb"];
        if !known.iter().any(|k| k.eq_ignore_ascii_case(class)) {
            report.error(format_args!("Invalid class for {shown}: {class}"));
            return None;
        }
        if class.eq_ignore_ascii_case("ocf") && agent.provider.is_none() {
            report.error(format_args!("Please specify the provider for resource {shown}"));
            return None;
        }
        let lrm = self.child_or_new(state, "lrm", Some(&node_id));
        let resources = self.child_or_new(lrm, "lrm_resources", None);
        let history = self.cib.append(resources, "lrm_resource");
        self.cib.set_attr(history, "id", id);
        self.cib.set_attr(history, "class", class);
        if let Some(provider) = agent.provider {
            self.cib.set_attr(history, "provider", provider);
        }
        self.cib.set_attr(history, "type", kind);
        self.histories_of(state).entry(id.into()).or_default().push(history);
        Some(history)
    }

    /// The histories in a node state, read from the document when first asked for.
    fn histories_of(&mut self, state: Element) -> &mut Histories {
        let cib = &*self.cib;
        self.histories.entry(state).or_insert_with(|| {
            let mut known = Histories::default();
            let found = cib.child(state, "lrm").and_then(|lrm| cib.child(lrm, "lrm_resources"));
            for history in found.into_iter().flat_map(|resources| cib.children_named(resources, "lrm_resource")) {
                if let Some(id) = cib.id(history) {
                    known.entry(id.into()).or_default().push(history);
                }
            }
            known
        })
    }

    /// Adds a failure to the fail count of an operation [SM-4.3].
    #[allow(clippy::too_many_arguments, reason = "an operation, its result and where it goes")]
    pub(super) fn add_failure(
        &mut self,
        state: Element,
        resource: &str,
        task: &str,
        interval_ms: u32,
        rc: i32,
        infinite: bool,
        report: &mut Report,
    ) {
        if rc == 0 || (rc == 7 && interval_ms == 0) {
            return;
        }
        let count = format!("fail-count-{resource}#{task}_{interval_ms}");
        let value = if infinite {
            "INFINITY".to_owned()
        } else {
            let known = self.transient(state, &count).and_then(|v| parse_integer(&v)).unwrap_or(0);
            known.saturating_add(1).to_string()
        };
        self.add_transient(state, &count, &value, report);
        let time = self.clock.to_string();
        self.add_transient(state, &format!("last-failure-{resource}#{task}_{interval_ms}"), &time, report);
    }

    fn transient(&self, state: Element, name: &str) -> Option<String> {
        let set = self.cib.path(state, &["transient_attributes", "instance_attributes"])?;
        let pair = self.cib.children_named(set, "nvpair").find(|&p| self.cib.attr(p, "name") == Some(name))?;
        self.cib.attr(pair, "value").map(str::to_owned)
    }

    fn add_transient(&mut self, state: Element, name: &str, value: &str, report: &mut Report) {
        let node_id = self.cib.id(state).unwrap_or_default().to_owned();
        report.item(format_args!("Injecting attribute {name}={value} into /node_state '{node_id}'"));
        let attributes = self.child_or_new(state, "transient_attributes", Some(&node_id));
        let set = self.child_or_new(attributes, "instance_attributes", Some(&node_id));
        let existing = self.cib.children_named(set, "nvpair").find(|&p| self.cib.attr(p, "name") == Some(name));
        let pair = match existing {
            Some(pair) => pair,
            None => {
                let set_id = self.cib.id(set).unwrap_or_default().to_owned();
                let pair = self.cib.append(set, "nvpair");
                self.cib.set_attr(pair, "id", &valid_id(&format!("{set_id}-{name}")));
                self.cib.set_attr(pair, "name", name);
                pair
            }
        };
        self.cib.set_attr(pair, "value", value);
        self.changed();
    }
}
