//! Groups, clones, bundles, tags [SH-4.4 to SH-4.6, SH-4.12].

use super::REFERENCE;
use super::cursor::{Fault, Parser, is_word, is_word_of};
use crate::xml::NodeIx;

const SETS: [(&str, &str); 2] = [("params", "instance_attributes"), ("meta", "meta_attributes")];
const CONTAINERS: [&str; 4] = ["docker", "rkt", "network", "storage"];

fn reference(p: &mut Parser<'_>, parent: NodeIx, id: &str) {
    let node = p.doc.append(parent, REFERENCE);
    p.doc.set_attr(node, "id", id);
}

fn finish(p: &mut Parser<'_>, members: &[String]) -> Result<(), Fault> {
    let root = p.root();
    p.description(root);
    p.implicit_set(root, "instance_attributes", &[])?;
    p.sets(root, &SETS, &[])?;
    for member in members {
        reference(p, root, member);
    }
    p.require_end().map_err(|fault| fault.expecting(&["params", "meta"]))
}

pub(super) fn group(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let mut members: Vec<String> = Vec::new();
    while p.peek().is_some_and(|token| !token.contains('=') && !is_word_of(token, &["params", "meta"])) {
        let member = p.resource()?;
        if members.contains(&member) {
            return Err(Fault::new(format!("child {member} listed more than once in group {id}")));
        }
        members.push(member);
    }
    if members.is_empty() {
        return Err(Fault::new("Expected resource"));
    }
    finish(p, &members)
}

pub(super) fn clone(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let member = p.resource()?;
    finish(p, &[member])
}

pub(super) fn tag(p: &mut Parser<'_>) -> Result<(), Fault> {
    let name = |token: &str| {
        let name = token.strip_suffix(':').unwrap_or(token);
        let starts = name.chars().next().is_some_and(|c| c.is_alphabetic() || c == '_');
        (starts && !name.contains(|c: char| c.is_whitespace() || c == ':')).then(|| name.to_owned())
    };
    let id = p.expect("Expected tag name", name)?;
    p.set("id", &id);
    let root = p.root();
    let mut any = false;
    while !any || p.peek().is_some() {
        let member = p.resource()?;
        let node = p.doc.append(root, "obj_ref");
        p.doc.set_attr(node, "id", &member);
        any = true;
    }
    Ok(())
}

pub(super) fn bundle(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let root = p.root();
    p.description(root);
    loop {
        if let Some(word) = p.take(|token| CONTAINERS.into_iter().find(|word| token.eq_ignore_ascii_case(word))) {
            container(p, word)?;
        } else if p.accept("meta") {
            p.attribute_set(root, "meta_attributes", &[])?;
        } else if p.accept("primitive") {
            member(p)?;
        } else {
            return p
                .require_end()
                .map_err(|fault| fault.expecting(&["docker", "rkt", "network", "storage", "primitive", "meta"]));
        }
    }
}

/// Attributes of a container element and, behind the word for them, of its mappings.
fn container(p: &mut Parser<'_>, word: &str) -> Result<(), Fault> {
    let root = p.root();
    let node = match p.doc.child(root, word) {
        Some(node) => node,
        None => p.doc.append(root, word),
    };
    let mapping = match word {
        "network" => Some("port-mapping"),
        "storage" => Some("storage-mapping"),
        _ => None,
    };
    let mut target = node;
    loop {
        if let Some(mapping) = mapping.filter(|mapping| p.at_word(mapping)) {
            p.at += 1;
            target = p.doc.append(node, mapping);
        }
        let Some((name, value)) = p.take(|token| {
            let (name, value) = token.split_once('=')?;
            (name.chars().next().is_some_and(is_word)).then(|| (name.to_owned(), value.to_owned()))
        }) else {
            if mapping.is_some_and(|mapping| p.at_word(mapping)) {
                continue;
            }
            return Ok(());
        };
        p.set_named(target, &name, &value)?;
    }
}

/// `primitive NAME`: exactly one bare name.
fn member(p: &mut Parser<'_>) -> Result<(), Fault> {
    let mut names = Vec::new();
    while p.peek().is_some_and(|token| !is_word_of(token, &["meta", "primitive"]) && !is_word_of(token, &CONTAINERS)) {
        names.extend(p.take(|token| Some(token.to_owned())));
    }
    match &names[..] {
        [name] if !name.contains('=') => {
            let root = p.root();
            reference(p, root, name);
            Ok(())
        }
        _ => Err(Fault::new(format!("Expected primitive reference, got {}", names.join(", ")))),
    }
}
