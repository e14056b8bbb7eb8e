//! What the fencer must know of the configuration: devices, topology, node attributes.

use super::Node;
use agents::fencer::{Level, LevelTarget};
use agents::standard::Parameters;
use cib_core::rules::parse_milliseconds;
use cib_core::xml::{Document, NodeIx};
use std::collections::BTreeMap;
use std::time::Duration;

impl Node {
    /// Tells the fencer of the configuration as it is now.
    pub(super) fn configure_fencer(&mut self, now: Duration) {
        let doc = self.replica.cib().document();
        let devices = devices(doc);
        let devices: Vec<_> = devices.iter().map(|(id, agent, p)| (id.as_str(), agent.as_str(), p.clone())).collect();
        let levels = levels(doc);
        let attributes = node_attributes(doc);
        let watchdog = option(doc, &["fencing-watchdog-timeout", "stonith-watchdog-timeout"])
            .and_then(|text| parse_milliseconds(text).ok())
            .and_then(|ms| u64::try_from(ms).ok())
            .map(Duration::from_millis);
        self.fencer.configure_devices(now, devices);
        self.fencer.set_node_attributes(attributes);
        self.fencer.set_watchdog(now, watchdog);
        if let Err(error) = self.fencer.set_topology(levels) {
            self.tell(super::Event::Warning(error.to_string()));
        }
    }
}

/// Fence devices that are not stopped by their target role.
fn devices(doc: &Document) -> Vec<(String, String, Parameters)> {
    let Some(top) = doc.path(doc.root(), &["configuration", "resources"]) else { return Vec::new() };
    doc.descendants(top)
        .filter(|&n| doc.name(n) == "primitive" && doc.attr(n, "class") == Some("stonith"))
        .filter(|&n| value(doc, n, "meta_attributes", "target-role") != Some("Stopped"))
        .filter_map(|n| Some((doc.id(n)?.to_owned(), doc.attr(n, "type")?.to_owned(), parameters(doc, n))))
        .collect()
}

fn pairs<'d>(doc: &'d Document, owner: NodeIx, set: &'d str) -> impl Iterator<Item = (&'d str, &'d str)> {
    doc.children_named(owner, set)
        .flat_map(move |s| doc.children_named(s, "nvpair"))
        .filter_map(|p| Some((doc.attr(p, "name")?, doc.attr(p, "value")?)))
}

fn value<'d>(doc: &'d Document, owner: NodeIx, set: &'d str, name: &str) -> Option<&'d str> {
    pairs(doc, owner, set).find(|(n, _)| *n == name).map(|(_, v)| v)
}

fn parameters(doc: &Document, primitive: NodeIx) -> Parameters {
    pairs(doc, primitive, "instance_attributes").map(|(n, v)| (n.to_owned(), v.to_owned())).collect()
}

fn option<'d>(doc: &'d Document, names: &[&str]) -> Option<&'d str> {
    let config = doc.path(doc.root(), &["configuration", "crm_config"])?;
    names.iter().find_map(|name| value(doc, config, "cluster_property_set", name))
}

/// Levels in document order; what cannot be read is left out.
fn levels(doc: &Document) -> Vec<Level> {
    let Some(top) = doc.path(doc.root(), &["configuration", "fencing-topology"]) else { return Vec::new() };
    doc.children_named(top, "fencing-level")
        .filter_map(|n| {
            let target = match (doc.attr(n, "target"), doc.attr(n, "target-pattern"), doc.attr(n, "target-attribute")) {
                (Some(name), ..) => LevelTarget::Name(name.to_owned()),
                (_, Some(pattern), _) => LevelTarget::Pattern(pattern.to_owned()),
                (_, _, Some(name)) => {
                    LevelTarget::Attribute { name: name.to_owned(), value: doc.attr(n, "target-value")?.to_owned() }
                }
                _ => return None,
            };
            let devices = doc.attr(n, "devices")?.split(',').map(|d| d.trim().to_owned()).collect();
            Some(Level { index: doc.attr(n, "index")?.parse().ok()?, target, devices })
        })
        .collect()
}

fn node_attributes(doc: &Document) -> BTreeMap<String, BTreeMap<String, String>> {
    let Some(top) = doc.path(doc.root(), &["configuration", "nodes"]) else { return BTreeMap::new() };
    doc.children_named(top, "node")
        .filter_map(|n| {
            let attributes = pairs(doc, n, "instance_attributes").map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            Some((doc.attr(n, "uname")?.to_owned(), attributes))
        })
        .collect()
}
