//! The text that people see of a patch set [CB-11].

use core::fmt::Write;

use super::{Change, Operation, Patch};
use crate::cib::Version;
use crate::xml::{Document, Kind, NodeIx};

pub(super) fn display(patch: &Patch) -> String {
    let mut out = String::new();
    header(patch, &mut out);
    for change in patch.changes() {
        entry(patch, &change, &mut out);
    }
    out
}

fn header(patch: &Patch, out: &mut String) {
    let (doc, root) = (&patch.doc, patch.doc.root());
    let (source, target) = (patch.source().unwrap_or_default(), patch.target().unwrap_or_default());
    let told = |name, absent| doc.attr(root, name).unwrap_or(absent).to_owned();
    if source != target {
        let _ = writeln!(out, "Diff: --- {source} {}", told("format", "(no format)"));
        let _ = writeln!(out, "Diff: +++ {target} {}", told("digest", "(no digest)"));
    } else if target != Version::default() {
        let _ = writeln!(out, "Local-only Change: {target}");
    }
}

fn entry(patch: &Patch, change: &Change<'_>, out: &mut String) {
    let (doc, path) = (&patch.doc, change.path);
    match change.operation {
        Some(Operation::Delete) => {
            let position = change.position.filter(|&p| p >= 0);
            let position = position.map_or(String::new(), |p| format!(" ({p})"));
            let _ = writeln!(out, "-- {path}{position}");
        }
        Some(Operation::Move) => {
            let _ = writeln!(out, "+~ {path} moved to offset {}", change.position.unwrap_or(-1));
        }
        Some(Operation::Modify) => modification(doc, change, out),
        Some(Operation::Create) => creation(doc, change, out),
        None => {}
    }
}

fn modification(doc: &Document, change: &Change<'_>, out: &mut String) {
    let (mut sets, mut unsets) = (String::new(), String::new());
    for list in doc.children_named(change.node, "change-list") {
        for attr in doc.children(list) {
            let name = doc.attr(attr, "name").unwrap_or_default();
            let (text, value) = match doc.attr(attr, "operation") {
                Some("set") => (&mut sets, Some(doc.attr(attr, "value").unwrap_or_default())),
                Some("unset") => (&mut unsets, None),
                _ => continue,
            };
            text.push_str(if text.is_empty() { "@" } else { ", @" });
            text.push_str(name);
            if let Some(value) = value {
                text.push('=');
                text.push_str(value);
            }
        }
    }
    for (mark, text) in [("+ ", sets), ("--", unsets)] {
        if !text.is_empty() {
            let _ = writeln!(out, "{mark} {}:  {text}", change.path);
        }
    }
}

fn creation(doc: &Document, change: &Change<'_>, out: &mut String) {
    let Some(n) = doc.first_node(change.node) else { return };
    if !doc.is_element(n) {
        let _ = writeln!(out, "{}", content(doc, n));
        return;
    }
    let first = format!("++ {}:  ", change.path);
    let _ = writeln!(out, "{first}{}/>", opening(doc, n));
    if !doc.has_nodes(n) {
        return;
    }
    let prefix = format!("++{}", " ".repeat(first.len() - 2));
    doc.nodes(n).for_each(|child| subtree(doc, child, 1, &prefix, out));
    let _ = writeln!(out, "{prefix}</{}>", doc.name(n));
}

fn subtree(doc: &Document, top: NodeIx, level: usize, prefix: &str, out: &mut String) {
    let indent = "  ".repeat(level);
    if !doc.is_element(top) {
        let _ = writeln!(out, "{indent}{}", content(doc, top));
        return;
    }
    let open = doc.has_nodes(top);
    let _ = writeln!(out, "{prefix}{indent}{}{}", opening(doc, top), if open { ">" } else { "/>" });
    if open {
        doc.nodes(top).for_each(|child| subtree(doc, child, level + 1, prefix, out));
        let _ = writeln!(out, "{prefix}{indent}</{}>", doc.name(top));
    }
}

fn content(doc: &Document, n: NodeIx) -> String {
    let text = doc.text(n).unwrap_or_default();
    match doc.kind(n) {
        Kind::Comment => format!("<!--{text}-->"),
        Kind::Cdata => format!("<![CDATA[{text}]]>"),
        _ => text.into(),
    }
}

/// `<name a="1"`, with the values of attributes that are listed in `hidden` masked.
fn opening(doc: &Document, n: NodeIx) -> String {
    let hidden = doc.attr(n, "hidden").unwrap_or_default();
    let mut out = format!("<{}", doc.name(n));
    for (name, value) in doc.attrs(n) {
        let masked = hidden.split(',').any(|h| h == name);
        out.push(' ');
        out.push_str(name);
        out.push_str("=\"");
        crate::xml::escape_value(if masked { "*****" } else { value }, &mut out);
        out.push('"');
    }
    out
}
