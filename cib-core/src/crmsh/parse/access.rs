//! Access control: roles, users, targets, groups [SH-4.17].

use super::cursor::{Fault, Parser, leading_id};
use super::shortcut::shortcut_xpath;
use crate::xml::NodeIx;

const RIGHTS: [&str; 3] = ["read", "write", "deny"];

/// What the specs of one right say.
#[derive(Default)]
struct Specs {
    xpath: Option<String>,
    reference: Option<String>,
    object_type: Option<String>,
    attribute: Option<String>,
}

pub(super) fn role(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let root = p.root();
    p.description(root);
    while p.peek().is_some() {
        let right = right(p)?;
        if p.dialect.schema_is_at_least("2.0") { permission(p, root, right)? } else { old_right(p, root, right)? }
    }
    Ok(())
}

pub(super) fn user(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let root = p.root();
    while p.peek().is_some() {
        if let Some(role) = p.take(|token| token.strip_prefix("role:").map(str::to_owned)) {
            let node = p.doc.append(root, "role_ref");
            p.doc.set_attr(node, "id", &role);
        } else {
            let right = right(p)?;
            old_right(p, root, right)?;
        }
    }
    Ok(())
}

pub(super) fn target(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let root = p.root();
    while p.peek().is_some() {
        let role = p.identifier()?;
        let node = p.doc.append(root, "role");
        p.doc.set_attr(node, "id", &role);
    }
    Ok(())
}

fn right(p: &mut Parser<'_>) -> Result<&'static str, Fault> {
    p.expect("Expected (read|write|deny)", |token| RIGHTS.into_iter().find(|right| token.eq_ignore_ascii_case(right)))
        .map_err(|fault| fault.expecting(&RIGHTS))
}

/// One or more `acl_permission`s: one for each of xpath, reference, object type.
fn permission(p: &mut Parser<'_>, root: NodeIx, right: &str) -> Result<(), Fault> {
    let id = p.take(|token| leading_id(token).map(str::to_owned));
    let description = p.take(|token| super::cursor::option(token, "description").map(str::to_owned));
    let specs = specs(p)?;
    if specs.attribute.is_some() && specs.object_type.is_none() {
        return Err(Fault::new("attribute is only valid in combination with tag/object-type"));
    }
    let parts: Vec<Vec<(&str, String)>> = [
        specs.xpath.map(|xpath| vec![("xpath", xpath)]),
        specs.reference.map(|reference| vec![("reference", reference)]),
        specs.object_type.map(|kind| {
            let attribute = specs.attribute.map(|attribute| ("attribute", attribute));
            [("object-type", kind)].into_iter().chain(attribute).collect()
        }),
    ]
    .into_iter()
    .flatten()
    .collect();
    for (index, part) in parts.into_iter().enumerate() {
        let node = p.doc.append(root, "acl_permission");
        p.doc.set_attr(node, "kind", right);
        if let Some(id) = id.as_deref().filter(|_| index == 0) {
            p.doc.set_attr(node, "id", id);
        }
        if let Some(description) = &description {
            p.doc.set_attr(node, "description", description);
        }
        for (name, value) in part {
            p.doc.set_attr(node, name, &value);
        }
    }
    Ok(())
}

/// One element of the first ACL syntax.
fn old_right(p: &mut Parser<'_>, root: NodeIx, right: &str) -> Result<(), Fault> {
    let specs = specs(p)?;
    let node = p.doc.append(root, right);
    let attributes =
        [("xpath", specs.xpath), ("ref", specs.reference), ("tag", specs.object_type), ("attribute", specs.attribute)];
    for (name, value) in attributes {
        if let Some(value) = value {
            p.doc.set_attr(node, name, &value);
        }
    }
    Ok(())
}

/// Reads specs up to what is none: the next right, if all is well. There may be none at all.
fn specs(p: &mut Parser<'_>) -> Result<Specs, Fault> {
    let mut specs = Specs::default();
    while let Some(token) = p.peek().map(str::to_owned) {
        let (word, value) = match token.split_once(':') {
            Some((word, value)) => (word, Some(value)),
            None => (token.as_str(), None),
        };
        let slot = match word {
            "xpath" => Some(&mut specs.xpath),
            "ref" | "reference" => Some(&mut specs.reference),
            "type" | "tag" => Some(&mut specs.object_type),
            "attr" | "attribute" => Some(&mut specs.attribute),
            _ => None,
        };
        let arguments: Vec<&str> = value.map(|value| value.split(':').collect()).unwrap_or_default();
        let shortcut = shortcut_xpath(word, &arguments);
        if slot.is_none() && shortcut.is_none() {
            break;
        }
        // Faults are told of the place after the word.
        p.at += 1;
        match (slot, value, shortcut) {
            (Some(slot), Some(value), _) if !value.is_empty() => *slot = Some(value.to_owned()),
            (None, _, Some(Ok(xpath))) => specs.xpath = Some(xpath),
            (None, _, Some(Err(()))) => return Err(Fault::new(format!("Missing argument to ACL shortcut {word}"))),
            _ => return Err(Fault::new("Expected <type>:<spec>")),
        }
    }
    Ok(specs)
}

#[cfg(test)]
mod tests {
    use crate::crmsh::parse;

    /// Texts as crm 4.4.0 prints them.
    #[test]
    fn faults_are_told_of_the_place_after_the_word() {
        for (text, message) in [
            ("role r read xpath", "Expected <type>:<spec>"),
            ("role r read xpath write ref:A", "Expected <type>:<spec> near <write>"),
            ("role r write type:nvpair attr", "Expected <type>:<spec>"),
            ("role r write meta ref:A", "Missing argument to ACL shortcut meta near <ref:A>"),
            ("role r write location", "Missing argument to ACL shortcut location"),
            ("role r read A", "Expected (read|write|deny) near <A>"),
            ("role r read xpath:/cib foo:bar", "Expected (read|write|deny) near <foo:bar>"),
            ("role r write XPATH:/cib", "Expected (read|write|deny) near <XPATH:/cib>"),
        ] {
            let error = parse(text).unwrap_err().to_string();
            assert_eq!(error, format!("syntax in role: {message} parsing '{text}'"));
        }
    }

    #[test]
    fn a_right_may_say_nothing() {
        for text in
            ["role r read", "role r read read xpath:/cib", "role r write ref:A read", "role r write xpath: read ref:A"]
        {
            assert!(parse(text).is_ok(), "{text}");
        }
    }
}
