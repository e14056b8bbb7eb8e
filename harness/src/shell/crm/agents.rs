//! The resource agents of this machine, as the shell sees them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use cib_core::crmsh::{AgentAction, AgentMetaData, AgentParameter, Agents};
use cib_core::xml::{Document, Kind, NodeIx};

const OCF: &str = "/usr/lib/ocf/resource.d";

/// Agents found in the usual folders. Meta-data is asked for once.
#[derive(Debug, Default)]
pub(super) struct SystemAgents {
    known: RefCell<BTreeMap<String, Option<AgentMetaData>>>,
}

/// Names of executable files in a folder.
pub(super) fn executables(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let files = entries.flatten().filter(|entry| entry.path().is_file());
    let mut names: Vec<String> = files.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.') && !name.ends_with(".sh"));
    names.sort_unstable();
    names
}

/// Providers of OCF agents.
pub(super) fn providers() -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(OCF) else { return Vec::new() };
    let folders = entries.flatten().filter(|entry| entry.path().is_dir());
    let mut names: Vec<String> = folders.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort_unstable();
    names
}

/// Names of the OCF agents of a provider.
pub(super) fn of_provider(provider: &str) -> Vec<String> {
    executables(&Path::new(OCF).join(provider))
}

impl SystemAgents {
    fn ask(class: &str, provider: Option<&str>, agent: &str) -> Option<AgentMetaData> {
        document(class, provider, agent).map(|doc| read(&doc))
    }
}

/// The meta-data of an agent.
fn document(class: &str, provider: Option<&str>, agent: &str) -> Option<Document> {
    let plain = |text: &str| !text.is_empty() && !text.contains("..") && !text.starts_with('/');
    if !plain(agent) || !provider.is_none_or(plain) {
        return None;
    }
    let text = match (class, provider) {
        ("ocf", Some(provider)) => {
            let path = Path::new(OCF).join(provider).join(agent);
            let mut command = Command::new(path);
            // Defaults in the meta-data may be made from the name of the resource.
            command.env("OCF_ROOT", "/usr/lib/ocf").env("OCF_RESOURCE_INSTANCE", agent).arg("meta-data");
            output(&mut command)
        }
        ("stonith", _) if agent.starts_with("fence_") => {
            output(Command::new(Path::new("/usr/sbin").join(agent)).args(["-o", "metadata"]))
        }
        ("stonith", _) => output(Command::new("/usr/sbin/stonith").args(["-m", "-t", agent])),
        _ => None,
    }?;
    Document::parse(&text).ok()
}

impl Agents for SystemAgents {
    fn providers(&self, agent: &str) -> Vec<String> {
        providers().into_iter().filter(|provider| Path::new(OCF).join(provider).join(agent).is_file()).collect()
    }

    fn meta_data(&self, class: &str, provider: Option<&str>, agent: &str) -> Option<AgentMetaData> {
        let key = format!("{class}:{}:{agent}", provider.unwrap_or_default());
        let mut known = self.known.borrow_mut();
        known.entry(key).or_insert_with(|| SystemAgents::ask(class, provider, agent)).clone()
    }
}

/// What a program prints, if it prints anything.
fn output(command: &mut Command) -> Option<String> {
    let done = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    // The meta-data may stand between other lines, and names a document type that is of no use here.
    let start = text.find("<resource-agent")?;
    let end = text.rfind("</resource-agent>")? + "</resource-agent>".len();
    text.get(start..end).map(str::to_owned)
}

/// Reads what the language uses of the meta-data.
fn read(doc: &Document) -> AgentMetaData {
    let is = |node: NodeIx, name: &str| doc.attr(node, name).is_some_and(|value| matches!(value, "1" | "true" | "yes"));
    let parameters = inside(doc, "parameters", "parameter").into_iter().filter_map(|node| {
        Some(AgentParameter {
            name: doc.attr(node, "name")?.to_owned(),
            required: is(node, "required"),
            unique: is(node, "unique"),
            deprecated: is(node, "deprecated") || doc.attr(node, "obsoletes").is_some(),
        })
    });
    let actions = inside(doc, "actions", "action").into_iter().filter_map(|node| {
        let name = doc.attr(node, "name")?.to_owned();
        let advised = doc.attrs(node).filter(|(name, _)| *name != "name");
        Some(AgentAction { name, advised: advised.map(|(name, value)| (name.to_owned(), value.to_owned())).collect() })
    });
    AgentMetaData { parameters: parameters.collect(), actions: actions.collect() }
}

fn inside(doc: &Document, section: &str, name: &str) -> Vec<NodeIx> {
    doc.child(doc.root(), section).into_iter().flat_map(|node| doc.children_named(node, name)).collect()
}

/// The text inside the first child of this name, stripped.
fn text(doc: &Document, node: NodeIx, name: &str) -> String {
    let Some(child) = doc.child(node, name) else { return String::new() };
    let pieces = doc.nodes(child).filter(|piece| matches!(doc.kind(*piece), Kind::Text | Kind::Cdata));
    pieces.filter_map(|piece| doc.text(piece)).collect::<String>().trim().to_owned()
}

/// The description of an agent: title, text, parameters, operations [SH-14.1].
pub(super) fn describe(class: &str, provider: Option<&str>, agent: &str, label: &str) -> Option<String> {
    let doc = document(class, provider, agent)?;
    let (short, long) = (text(&doc, doc.root(), "shortdesc"), text(&doc, doc.root(), "longdesc"));
    let mut blocks = vec![if short.is_empty() || short == agent || short == label || short == long {
        label.to_owned()
    } else {
        format!("{short} ({label})")
    }];
    blocks.extend((!long.is_empty()).then_some(long));
    let mut parameters = String::new();
    for node in inside(&doc, "parameters", "parameter") {
        parameters.push_str(&parameter(&doc, node));
    }
    if !parameters.is_empty() {
        blocks.push(format!("Parameters (*: required, []: default):\n\n{}", parameters.trim_end()));
    }
    let mut actions = Vec::new();
    for node in inside(&doc, "actions", "action") {
        let name = doc.attr(node, "name").unwrap_or_default();
        if !matches!(name, "meta-data" | "validate-all") {
            let advised = doc.attrs(node).filter(|(own, _)| *own != "name");
            let advised: String = advised.map(|(own, value)| format!(" {own}={value}")).collect();
            actions.push(format!("    {name:<13}{advised}"));
        }
    }
    if !actions.is_empty() {
        blocks.push(format!("Operations' defaults (advisory minimum):\n\n{}", actions.join("\n")));
    }
    Some(blocks.join("\n\n"))
}

fn parameter(doc: &Document, node: NodeIx) -> String {
    let required = doc.attr(node, "required").is_some_and(|value| matches!(value, "1" | "true" | "yes"));
    let content = doc.child(node, "content");
    let kind = content.and_then(|content| doc.attr(content, "type"));
    let default = content.and_then(|content| doc.attr(content, "default")).filter(|default| !default.is_empty());
    let form = match (kind, default) {
        (Some(kind), Some(default)) => format!(" ({kind}, [{default}])"),
        (Some(kind), None) => format!(" ({kind})"),
        (None, Some(default)) => format!(" ([{default}])"),
        (None, None) => String::new(),
    };
    let name = doc.attr(node, "name").unwrap_or_default();
    let (short, long) = (text(doc, node, "shortdesc"), text(doc, node, "longdesc"));
    let short = if short == long { "" } else { short.as_str() };
    let mut lines = format!("{name}{}{form}: {short}\n", if required { "*" } else { "" });
    for line in long.lines() {
        lines.push_str(&format!("    {line}\n"));
    }
    lines.push('\n');
    lines
}
