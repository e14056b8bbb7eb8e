//! The semantic check [SH-9.2].

use std::collections::{BTreeMap, BTreeSet};

use super::{Configuration, Object};
use crate::crmsh::dialect::AgentMetaData;
use crate::crmsh::keyword::Keyword;
use crate::crmsh::message::Level;
use crate::xml::NodeIx;

/// How strict the check is: `core.check_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strictness {
    /// What is strict counts as an error.
    #[default]
    Strict,
    /// What is strict counts as a warning.
    Relaxed,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Checked {
    /// Nothing to say.
    #[default]
    Fine,
    /// Warnings.
    Warnings,
    /// Errors.
    Errors,
}

/// Meta attributes of resources.
const RESOURCE_META: [&str; 18] = [
    "allow-migrate",
    "maintenance",
    "is-managed",
    "interval-origin",
    "migration-threshold",
    "priority",
    "multiple-active",
    "failure-timeout",
    "resource-stickiness",
    "target-role",
    "restart-type",
    "description",
    "remote-node",
    "requires",
    "provides",
    "remote-port",
    "remote-addr",
    "remote-connect-timeout",
];
/// Further meta attributes of clones.
const CLONE_META: [&str; 11] = [
    "ordered",
    "notify",
    "interleave",
    "globally-unique",
    "clone-max",
    "clone-node-max",
    "clone-state",
    "clone-min",
    "promotable",
    "promoted-max",
    "promoted-node-max",
];
/// Cluster options that the daemons describe, and those that tools write.
const OPTIONS: [&str; 45] = [
    "dc-version",
    "cluster-infrastructure",
    "last-lrm-refresh",
    "cluster-name",
    "dc-deadtime",
    "cluster-recheck-interval",
    "election-timeout",
    "shutdown-escalation",
    "join-integration-timeout",
    "join-finalization-timeout",
    "transition-delay",
    "no-quorum-policy",
    "shutdown-lock",
    "shutdown-lock-limit",
    "enable-acl",
    "symmetric-cluster",
    "maintenance-mode",
    "start-failure-is-fatal",
    "enable-startup-probes",
    "stonith-enabled",
    "stonith-action",
    "fence-reaction",
    "stonith-timeout",
    "have-watchdog",
    "stonith-watchdog-timeout",
    "stonith-max-attempts",
    "concurrent-fencing",
    "startup-fencing",
    "priority-fencing-delay",
    "cluster-delay",
    "load-threshold",
    "node-action-limit",
    "batch-limit",
    "migration-limit",
    "cluster-ipc-limit",
    "stop-all-resources",
    "stop-orphan-resources",
    "stop-orphan-actions",
    "remove-after-stop",
    "pe-error-series-max",
    "pe-warn-series-max",
    "pe-input-series-max",
    "node-health-strategy",
    "placement-strategy",
    "node-pending-timeout",
];

impl Configuration<'_> {
    /// Names of the cluster options that the check knows.
    pub fn cluster_options() -> &'static [&'static str] {
        &OPTIONS
    }

    /// Names of the meta attributes of resources that the check knows.
    pub fn resource_meta_attributes() -> &'static [&'static str] {
        &RESOURCE_META
    }

    /// Checks objects: uniqueness first, then each in byte order of ids. Messages say what is wrong.
    pub fn check(&mut self, objects: &[Object], strictness: Strictness) -> Checked {
        let strict = match strictness {
            Strictness::Strict => Checked::Errors,
            Strictness::Relaxed => Checked::Warnings,
        };
        let mut objects = objects.to_vec();
        objects.sort_by(|a, b| self.object_id(*a).cmp(self.object_id(*b)).then(a.cmp(b)));
        let mut findings = Findings::new(strict);
        self.check_uniqueness(&objects, &mut findings);
        for object in objects {
            let id = self.object_id(object).to_owned();
            match object.keyword {
                Keyword::Primitive | Keyword::Template => self.check_primitive(object, &id, &mut findings),
                Keyword::Group => {
                    self.check_meta(object.node, &id, &[&RESOURCE_META, &["container"]], &mut findings);
                }
                Keyword::Clone => self.check_meta(object.node, &id, &[&RESOURCE_META, &CLONE_META], &mut findings),
                Keyword::Ms => {
                    let master = ["master-max", "master-node-max"];
                    self.check_meta(object.node, &id, &[&RESOURCE_META, &CLONE_META, &master], &mut findings);
                }
                keyword if keyword.is_constraint() => self.check_constraint(object, &id, &mut findings),
                Keyword::FencingTopology => self.check_fencing(object.node, &mut findings),
                Keyword::Property if id == "cib-bootstrap-options" => {
                    let health = ["node-health-base", "node-health-green", "node-health-yellow", "node-health-red"];
                    self.check_names(object.node, &id, &[&OPTIONS, &health], &mut findings);
                }
                Keyword::RscDefaults => {
                    self.check_names(object.node, &id, &[&RESOURCE_META, &CLONE_META], &mut findings)
                }
                Keyword::OpDefaults => {
                    let known = [&crate::crmsh::dialect::OP_ATTRIBUTES[..], &["on-fail"]].concat();
                    self.check_names(object.node, &id, &[&known], &mut findings);
                }
                _ => {}
            }
        }
        for (level, text) in findings.messages {
            self.say(level, text);
        }
        findings.result
    }

    fn names(&self, set: NodeIx) -> Vec<String> {
        let pairs = self.doc.children_named(set, "nvpair");
        pairs.filter_map(|pair| self.doc.attr(pair, "name")).map(str::to_owned).collect()
    }

    fn check_names(&self, set: NodeIx, id: &str, known: &[&[&str]], findings: &mut Findings) {
        for name in self.names(set) {
            if !known.iter().any(|names| names.contains(&name.as_str())) {
                findings.warn(format!("{id}: unknown attribute '{name}'"));
            }
        }
    }

    fn check_meta(&self, node: NodeIx, id: &str, known: &[&[&str]], findings: &mut Findings) {
        for set in self.doc.children_named(node, "meta_attributes") {
            self.check_names(set, id, known, findings);
        }
    }

    /// No two primitives of one agent share the value of a parameter that must be unique.
    fn check_uniqueness(&self, objects: &[Object], findings: &mut Findings) {
        let agent =
            |node: NodeIx| ["class", "provider", "type"].map(|name| self.doc.attr(node, name).map(str::to_owned));
        let all: Vec<Object> =
            self.objects().into_iter().filter(|object| object.keyword == Keyword::Primitive).collect();
        let checked: BTreeSet<NodeIx> = objects.iter().map(|object| object.node).collect();
        let mut agents: Vec<_> = objects
            .iter()
            .filter(|object| object.keyword == Keyword::Primitive)
            .map(|object| agent(object.node))
            .collect();
        agents.sort_unstable();
        agents.dedup();
        for kind in agents {
            let same: Vec<&Object> = all.iter().filter(|object| agent(object.node) == kind).collect();
            let Some(meta) =
                same.first().filter(|_| same.len() > 1).and_then(|object| self.agent_meta_data(object.node))
            else {
                continue;
            };
            for parameter in meta.parameters.iter().filter(|parameter| parameter.unique) {
                let mut users: BTreeMap<String, Vec<&Object>> = BTreeMap::new();
                for object in &same {
                    if let Some(value) = self.parameter(object.node, &parameter.name) {
                        users.entry(value.to_owned()).or_default().push(object);
                    }
                }
                for (value, users) in users {
                    if users.len() > 1 && users.iter().any(|object| checked.contains(&object.node)) {
                        let mut ids: Vec<&str> = users.iter().map(|object| self.object_id(**object)).collect();
                        ids.sort_unstable();
                        findings.add(
                            Level::Warning,
                            Checked::Errors,
                            format!(
                                "Resources {} violate uniqueness for parameter \"{}\": \"{value}\"",
                                ids.join(","),
                                parameter.name
                            ),
                        );
                    }
                }
            }
        }
    }

    fn parameter(&self, node: NodeIx, name: &str) -> Option<&str> {
        let sets = self.doc.children_named(node, "instance_attributes");
        let mut pairs = sets.flat_map(|set| self.doc.children_named(set, "nvpair"));
        let pair = pairs.find(|pair| self.doc.attr(*pair, "name") == Some(name))?;
        self.doc.attr(pair, "value")
    }

    fn check_primitive(&self, object: Object, id: &str, findings: &mut Findings) {
        let node = object.node;
        self.check_meta(node, id, &[&RESOURCE_META], findings);
        let template = self.doc.attr(node, "template");
        if let Some(template) = template
            && self.find_other(template).is_none_or(|object| object.keyword != Keyword::Template)
        {
            findings.strict(format!("{template}: no such resource template"));
            return;
        }
        let described = template.and_then(|id| self.find_other(id)).map_or(node, |object| object.node);
        let class = self.doc.attr(described, "class").unwrap_or_default();
        let provider = self.doc.attr(described, "provider");
        let kind = self.doc.attr(described, "type").unwrap_or_default();
        let Some(meta) = self.agents.meta_data(class, provider, kind) else {
            let agent = [Some(class), provider, Some(kind)].into_iter().flatten().collect::<Vec<_>>().join(":");
            findings.error(format!("{agent}: got no meta-data, does this RA exist?"));
            findings.strict(format!("{agent}: no such resource agent"));
            return;
        };
        if object.keyword == Keyword::Primitive {
            self.check_required(node, described, id, class, kind, &meta, findings);
        }
        self.check_parameters(node, id, class, &meta, findings);
        self.check_operations(node, id, class, &meta, findings);
    }

    #[allow(clippy::too_many_arguments, reason = "one agent's name in its parts")]
    fn check_required(
        &self,
        node: NodeIx,
        described: NodeIx,
        id: &str,
        class: &str,
        kind: &str,
        meta: &AgentMetaData,
        findings: &mut Findings,
    ) {
        let by_fencer = class == "stonith" && (kind.starts_with("fence_") || kind.starts_with("rhcs/"));
        // Sets that are references may hold anything.
        let refers =
            self.doc.children_named(node, "instance_attributes").any(|set| self.doc.attr(set, "id-ref").is_some());
        for parameter in
            meta.parameters.iter().filter(|parameter| parameter.required && !parameter.deprecated && !refers)
        {
            if by_fencer && matches!(parameter.name.as_str(), "action" | "port") {
                continue;
            }
            let given = self.parameter(node, &parameter.name).or_else(|| self.parameter(described, &parameter.name));
            if given.is_none() {
                findings.strict(format!("{id}: required parameter \"{}\" not defined", parameter.name));
            }
        }
    }

    fn check_parameters(&self, node: NodeIx, id: &str, class: &str, meta: &AgentMetaData, findings: &mut Findings) {
        for set in self.doc.children_named(node, "instance_attributes") {
            for name in self.names(set) {
                let own = meta.parameters.iter().any(|parameter| parameter.name == name);
                let of_fencer = class == "stonith"
                    && (name.starts_with("pcmk_") || matches!(name.as_str(), "priority" | "stonith-timeout"));
                if !own && !of_fencer {
                    findings.strict(format!("{id}: parameter \"{name}\" is not known"));
                }
            }
        }
    }

    fn check_constraint(&self, object: Object, id: &str, findings: &mut Findings) {
        if object.keyword == Keyword::Location {
            self.check_location_nodes(object.node, id, findings);
            if self.doc.attr(object.node, "rsc-pattern").is_some() {
                findings.warn(format!("{id}: resource None does not exist"));
                return;
            }
        }
        let resources = self.constrained(object.node);
        for name in &resources {
            if self.find_resource(name).is_none() && self.find_tag(name).is_none() {
                findings.warn(format!("{id}: resource {name} does not exist"));
            }
        }
        for name in &resources {
            let Some(container) = self.find_resource(name).and_then(|resource| self.container_of(resource.node)) else {
                continue;
            };
            match container.keyword {
                Keyword::Group if object.keyword == Keyword::Colocation => {
                    findings.warn(format!("{id}: resource {name} is grouped, constraints should apply to the group"));
                }
                Keyword::Group => {}
                _ => findings.warn(format!("{id}: resource {name} ambiguous, apply constraints to container")),
            }
        }
    }

    fn check_location_nodes(&self, node: NodeIx, id: &str, findings: &mut Findings) {
        let known = self.node_names();
        let in_rules = self
            .doc
            .descendants(node)
            .filter(|node| self.doc.name(*node) == "expression" && self.doc.attr(*node, "attribute") == Some("#uname"));
        let named =
            self.doc.attr(node, "node").into_iter().chain(in_rules.filter_map(|node| self.doc.attr(node, "value")));
        for name in named {
            if !known.iter().any(|node| node.eq_ignore_ascii_case(name)) {
                findings.warn(format!("{id}: referenced node {name} does not exist"));
            }
        }
    }

    fn check_fencing(&self, node: NodeIx, findings: &mut Findings) {
        let nodes = self.node_names();
        for level in self.doc.children_named(node, "fencing-level") {
            if let Some(target) =
                self.doc.attr(level, "target").filter(|target| !nodes.iter().any(|node| node == target))
            {
                findings.warn(format!("fencing_topology: target {target} not a node"));
            }
        }
        for level in self.doc.children_named(node, "fencing-level") {
            for device in self.doc.attr(level, "devices").unwrap_or_default().split(',') {
                match self.find_resource(device) {
                    None => findings.warn(format!("fencing_topology: resource {device} does not exist")),
                    Some(object) if self.doc.attr(object.node, "class") != Some("stonith") => {
                        findings.warn(format!("fencing_topology: {device} not a stonith resource"));
                    }
                    Some(_) => {}
                }
            }
        }
    }
}

/// What a check has found so far.
pub(super) struct Findings {
    strict: Checked,
    messages: Vec<(Level, String)>,
    result: Checked,
}

impl Findings {
    fn new(strict: Checked) -> Findings {
        Findings { strict, messages: Vec::new(), result: Checked::Fine }
    }

    fn add(&mut self, level: Level, counts: Checked, text: String) {
        self.messages.push((level, text));
        self.result = self.result.max(counts);
    }

    pub(super) fn warn(&mut self, text: String) {
        self.add(Level::Warning, Checked::Warnings, text);
    }

    /// An error that does not count by itself.
    fn error(&mut self, text: String) {
        self.add(Level::Error, Checked::Fine, text);
    }

    fn strict(&mut self, text: String) {
        self.add(Level::Error, self.strict, text);
    }
}
