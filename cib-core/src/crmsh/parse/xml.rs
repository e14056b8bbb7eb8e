//! Raw XML [SH-4.18].

use super::cursor::{Fault, Parser};
use super::{REFERENCE, Statement};
use crate::crmsh::keyword::Keyword;
use crate::xml::{Document, NodeIx};

pub(super) fn statement(p: &mut Parser<'_>) -> Result<Statement, Fault> {
    p.require_arguments(1)?;
    let text = p.tokens[1..].iter().map(|token| token.text.as_str()).collect::<Vec<_>>().join(" ");
    p.at = p.tokens.len();
    let mut element = Document::parse(&text)
        .map_err(|error| Fault::new(error.to_string()).after(format!("Cannot parse XML data: {text}")))?;
    let root = element.root();
    let tag = element.name(root).to_owned();
    // Defaults are known by their section's element, which holds the set.
    let section = if matches!(tag.as_str(), "rsc_defaults" | "op_defaults") { tag.as_str() } else { "" };
    let keyword = if section.is_empty() {
        Keyword::all().find(|keyword| {
            keyword.element() == tag
                && !matches!(keyword, Keyword::Monitor | Keyword::RscDefaults | Keyword::OpDefaults)
        })
    } else {
        Keyword::of_element("meta_attributes", section)
    };
    let keyword = keyword.ok_or_else(|| Fault::new(format!("Element {tag} not recognized")))?;
    if !section.is_empty() {
        let set = element.child(root, "meta_attributes");
        let set = set.ok_or_else(|| Fault::new(format!("Element {tag} not recognized")))?;
        element = element.fragment(set);
    }
    if keyword.is_container() {
        refer_to_members(&mut element);
    }
    p.doc = element;
    if !matches!(keyword, Keyword::Node | Keyword::FencingTopology) {
        p.require_object_id()?;
    }
    let element = core::mem::replace(&mut p.doc, Document::new("done"));
    Ok(Statement { keyword, line: 0, comments: Vec::new(), raw: true, target: None, element })
}

/// Members given as references stay what they are; members given in full cannot be taken twice.
fn refer_to_members(element: &mut Document) {
    let root = element.root();
    let members: Vec<NodeIx> =
        element.children(root).filter(|child| matches!(element.name(*child), "primitive" | "group")).collect();
    for member in members {
        if element.attr_count(member) == 1 && !element.has_nodes(member) && element.id(member).is_some() {
            element.rename(member, REFERENCE);
        }
    }
}
