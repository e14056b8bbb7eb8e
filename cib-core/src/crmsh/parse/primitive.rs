//! Primitives, templates, operations and `monitor` [SH-4.2, SH-4.3, SH-4.16].

use super::cursor::{Fault, IdSpec, Parser, id_spec};
use super::resource_set::split_qualified;
use super::set::Pair;
use crate::crmsh::dialect::op_attribute;
use crate::crmsh::keyword::Keyword;
use crate::xml::NodeIx;

const CLAUSES: [&str; 5] = ["params", "meta", "utilization", "operations", "op"];

pub(super) fn primitive(p: &mut Parser<'_>, keyword: Keyword) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let template = |token: &str| token.strip_prefix('@').filter(|id| !id.is_empty()).map(str::to_owned);
    match (keyword, p.take(template)) {
        (Keyword::Primitive, Some(template)) => p.set("template", &template),
        (_, Some(_)) => {
            p.at -= 1;
            return Err(Fault::new("Unknown resource type"));
        }
        _ => agent(p)?,
    }
    let root = p.root();
    p.description(root);
    p.implicit_set(root, "instance_attributes", &[])?;
    let mut operations = None;
    loop {
        if p.accept("params") {
            operations = None;
            p.attribute_set(root, "instance_attributes", &[])?;
        } else if p.accept("meta") {
            operations = None;
            p.attribute_set(root, "meta_attributes", &[])?;
        } else if p.accept("utilization") {
            operations = None;
            p.attribute_set(root, "utilization", &[])?;
        } else if p.accept("operations") {
            let node = p.doc.append(root, "operations");
            match p.expect("Expected $id-ref=<id> or $id=<id>", id_spec)? {
                IdSpec::Id(id) => p.doc.set_attr(node, "id", &id),
                IdSpec::Reference(id) => p.doc.set_attr(node, "id-ref", &id),
            }
            operations = Some(node);
        } else if p.accept("op") {
            let node = *operations.get_or_insert_with(|| p.doc.append(root, "operations"));
            operation(p, node)?;
        } else if p.peek().is_some() {
            return p.require_end().map_err(|fault| fault.expecting(&CLAUSES));
        } else {
            return Ok(());
        }
    }
}

/// `[class:[provider:]]name`.
fn agent(p: &mut Parser<'_>) -> Result<(), Fault> {
    let text = p.peek().unwrap_or_default().to_owned();
    let parts: Vec<&str> = text.split(':').collect();
    let (class, provider, name) = match parts[..] {
        [name] => ("ocf", None, name),
        [class, name] => (class, None, name),
        [class, provider, name] => (class, Some(provider), name),
        _ => ("", None, ""),
    };
    if name.is_empty() || class.is_empty() {
        let bad = format!("bad resource type specification {text}");
        return Err(Fault::new("Unknown resource type").after(bad));
    }
    p.at += 1;
    p.set("class", class);
    match provider {
        Some(provider) => {
            if class != "ocf" {
                p.warn(format!("ra class {class} does not support providers"));
            }
            p.set("provider", provider);
        }
        None if class == "ocf" => {
            let provider = preferred_provider(p.dialect.agents.providers(name));
            p.set("provider", &provider);
        }
        None => {}
    }
    p.set("type", name);
    Ok(())
}

/// `heartbeat` if it is there or nothing is, else `pacemaker`, else the first by name.
fn preferred_provider(mut providers: Vec<String>) -> String {
    providers.sort_unstable();
    let has = |name: &str| providers.iter().any(|provider| provider == name);
    if providers.is_empty() || has("heartbeat") {
        "heartbeat".to_owned()
    } else if has("pacemaker") {
        "pacemaker".to_owned()
    } else {
        providers.swap_remove(0)
    }
}

/// One `op` clause, the keyword read.
fn operation(p: &mut Parser<'_>, operations: NodeIx) -> Result<(), Fault> {
    let name = p.identifier()?;
    let op = p.doc.append(operations, "op");
    p.doc.set_attr(op, "name", &name);
    let mut pairs = p.pairs(&[]);
    if !pairs.iter().any(|pair| pair.name.as_deref() == Some("interval")) {
        let zero = Pair { name: Some("interval".to_owned()), value: Some("0".to_owned()), ..Pair::default() };
        pairs.push(zero);
    }
    let mut parameters: Vec<Pair> = Vec::new();
    for pair in pairs {
        let attribute = pair.name.as_deref().and_then(|name| op_attribute(name, p.dialect));
        match attribute.filter(|_| pair.id_ref.is_none()) {
            Some(attribute) if parameters.is_empty() => {
                p.doc.set_attr(op, attribute, pair.value.as_deref().unwrap_or_default());
            }
            Some(attribute) => {
                return Err(Fault::new(format!(
                    "Attribute order error: {attribute} must appear before any instance attribute"
                )));
            }
            None => parameters.push(pair),
        }
    }
    if !parameters.is_empty() {
        let set = p.doc.append(op, "instance_attributes");
        p.append_pairs(set, parameters);
    }
    if p.peek().is_some_and(|token| token.starts_with('$') || token.ends_with(':')) || p.at_word("rule") {
        p.implicit_set(op, "instance_attributes", &[])?;
    }
    p.sets(op, &[("op_params", "instance_attributes"), ("op_meta", "meta_attributes")], &[])
}

/// `monitor <rsc>[:<role>] <interval>[:<timeout>]`; the resource.
pub(super) fn monitor(p: &mut Parser<'_>) -> Result<String, Fault> {
    let (resource, role) = p.expect("Expected value[:value]", split_qualified)?;
    p.set("name", "monitor");
    if let Some(role) = role {
        let role = p.role_name(&role);
        let known = p.dialect.roles().iter().find(|known| known.eq_ignore_ascii_case(&role));
        let known = known.ok_or_else(|| Fault::new(format!("Invalid role '{role}' for resource '{resource}'")))?;
        p.set("role", known);
    }
    let (interval, timeout) = p.expect("Expected value[:value]", split_qualified)?;
    p.set("interval", &interval);
    if let Some(timeout) = timeout {
        p.set("timeout", &timeout);
    }
    Ok(resource)
}
