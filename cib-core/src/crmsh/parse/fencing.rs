//! The fencing topology [SH-4.15].

use std::collections::BTreeMap;

use super::cursor::{Fault, Parser};

/// Who a level is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Target {
    Node(String),
    Attribute { name: String, value: String },
    Pattern(String),
}

impl Target {
    fn parse(token: &str) -> Option<Target> {
        if let Some(rest) = token.strip_prefix("attr:") {
            let (name, value) = rest.split_once('=')?;
            return (!name.is_empty() && !value.is_empty())
                .then(|| Target::Attribute { name: name.to_owned(), value: value.to_owned() });
        }
        if let Some(pattern) = token.strip_prefix("pattern:") {
            return (!pattern.is_empty()).then(|| Target::Pattern(pattern.to_owned()));
        }
        token.strip_suffix(':').filter(|node| !node.is_empty()).map(|node| Target::Node(node.to_owned()))
    }

    /// What the levels are counted by: all values of one attribute share a counter, as in the released program.
    fn counter(&self) -> String {
        match self {
            Target::Node(name) => format!("node:{name}"),
            Target::Attribute { name, .. } => format!("attr:{name}"),
            Target::Pattern(pattern) => format!("pattern:{pattern}"),
        }
    }
}

pub(super) fn topology(p: &mut Parser<'_>) -> Result<(), Fault> {
    let mut levels: Vec<(Target, String)> = Vec::new();
    let mut devices = Vec::new();
    let mut target = None;
    while let Some(token) = p.peek().map(str::to_owned) {
        p.at += 1;
        match (Target::parse(&token), &target) {
            (Some(found), _) => target = Some(found),
            (None, Some(target)) => levels.push((target.clone(), token)),
            (None, None) => devices.push(token),
        }
    }
    if !devices.is_empty() {
        let mut nodes = p.dialect.nodes.clone();
        nodes.sort_unstable();
        let all = nodes.iter().flat_map(|node| devices.iter().map(|list| (Target::Node(node.clone()), list.clone())));
        levels.splice(0..0, all);
    }
    let mut counters: BTreeMap<String, usize> = BTreeMap::new();
    for (target, devices) in levels {
        let index = counters.entry(target.counter()).and_modify(|count| *count += 1).or_insert(1).to_string();
        let root = p.root();
        let level = p.doc.append(root, "fencing-level");
        if let Target::Node(node) = &target {
            p.doc.set_attr(level, "target", node);
        }
        p.doc.set_attr(level, "index", &index);
        p.doc.set_attr(level, "devices", &devices);
        match &target {
            Target::Node(_) => {}
            Target::Attribute { name, value } => {
                p.doc.set_attr(level, "target-attribute", name);
                p.doc.set_attr(level, "target-value", value);
            }
            Target::Pattern(pattern) => p.doc.set_attr(level, "target-pattern", pattern),
        }
    }
    Ok(())
}
