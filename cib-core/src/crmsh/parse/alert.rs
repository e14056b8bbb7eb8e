//! Alerts [SH-4.13].

use super::cursor::{Fault, Parser};
use crate::xml::NodeIx;

const SETS: [(&str, &str); 2] = [("attributes", "instance_attributes"), ("meta", "meta_attributes")];

pub(super) fn alert(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let path = p.expect("Expected path", |token| Some(token.to_owned()))?;
    p.set("path", &path);
    let root = p.root();
    p.description(root);
    let mut recipients = 0;
    loop {
        p.sets(root, &SETS, &["to", "select"])?;
        if p.accept("select") {
            select(p, root)?;
        } else if p.accept("to") {
            recipients += 1;
            recipient(p, root, &format!("{id}-recipient-{recipients}"))?;
        } else if p.peek().is_some() {
            return Err(Fault::new("Expected to").expecting(&["attributes", "meta", "select", "to"]));
        } else {
            return Ok(());
        }
    }
}

fn select(p: &mut Parser<'_>, root: NodeIx) -> Result<(), Fault> {
    let node = p.doc.append(root, "select");
    loop {
        if p.accept("nodes") {
            p.doc.append(node, "select_nodes");
        } else if p.accept("fencing") {
            p.doc.append(node, "select_fencing");
        } else if p.accept("resources") {
            p.doc.append(node, "select_resources");
        } else if p.at_word("attributes") && p.tokens.get(p.at + 1).is_some_and(|token| token.text == "{") {
            p.at += 2;
            let attributes = p.doc.append(node, "select_attributes");
            while !p.accept("}") {
                let name = p.identifier()?;
                let attribute = p.doc.append(attributes, "attribute");
                p.doc.set_attr(attribute, "name", &name);
            }
        } else {
            return Ok(());
        }
    }
}

fn recipient(p: &mut Parser<'_>, root: NodeIx, id: &str) -> Result<(), Fault> {
    let braced = p.accept("{");
    let value = p.expect("Expected recipient", |token| Some(token.to_owned()))?;
    let node = p.doc.append(root, "recipient");
    p.doc.set_attr(node, "id", id);
    p.doc.set_attr(node, "value", &value);
    p.description(node);
    p.sets(node, &SETS, if braced { &["}", "to"] } else { &["to"] })?;
    if braced && !p.accept("}") {
        return Err(Fault::new("Expected }").expecting(&["attributes", "meta", "}"]));
    }
    Ok(())
}
