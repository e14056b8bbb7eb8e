//! Locations, colocations, orders, tickets [SH-4.7 to SH-4.11].

use super::cursor::{Fault, Parser, is_resource, option, role_option, score};
use super::resource_set::{Qualifier, resource_sets};
use super::rule;
use super::set::{plain_score, score_attribute};
use crate::crmsh::dialect::KINDS;

pub(super) fn location(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    location_target(p)?;
    while let Some((name, value)) = p.take(attribute) {
        let value = if name == "role" { p.role_name(&value) } else { value };
        let root = p.root();
        p.set_named(root, &name, &value)?;
    }
    if p.at_word("rule") {
        let root = p.root();
        rule::rules(p, root)?;
        return Ok(());
    }
    let message = "expected <score>: <node> or <rule> [<rule> ...]";
    let (name, value) =
        p.expect(message, |token| score(token).map(score_attribute)).map_err(|fault| fault.expecting(&["rule"]))?;
    p.set(name, &value);
    let node = p.identifier()?;
    p.set("node", &node);
    if let Some(role) = p.take(|token| role_option(token).map(str::to_owned)) {
        let role = p.role_name(&role);
        p.set("role", &role);
    }
    Ok(())
}

/// A pattern between slashes, sets between braces, or a resource.
fn location_target(p: &mut Parser<'_>) -> Result<(), Fault> {
    let pattern = |token: &str| {
        let inner = token.strip_prefix('/')?.strip_suffix('/')?;
        (!inner.is_empty()).then(|| inner.to_owned())
    };
    if let Some(pattern) = p.take(pattern) {
        p.set("rsc-pattern", &pattern);
        return Ok(());
    }
    if !p.accept("{") {
        let resource = p
            .expect("Expected resource", |token| is_resource(token).then(|| token.to_owned()))
            .map_err(|fault| fault.expecting(&["/regex/", "{"]))?;
        p.set("rsc", &resource);
        return Ok(());
    }
    let mut tokens = Vec::new();
    while !p.accept("}") {
        tokens.push(p.expect("Expected }", |token| Some(token.to_owned()))?);
    }
    let root = p.root();
    if resource_sets(p, root, &tokens, Qualifier::Role)? == 0 {
        return Err(Fault::new("Empty resource set"));
    }
    Ok(())
}

/// `[$]NAME=VALUE`.
fn attribute(token: &str) -> Option<(String, String)> {
    let (name, value) = token.split_once('=')?;
    let name = name.strip_prefix('$').unwrap_or(name);
    (!name.is_empty() && !value.is_empty()).then(|| (name.to_owned(), value.to_owned()))
}

pub(super) fn colocation(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let (name, value) = p.expect("Expected <score>:", |token| score(token).map(score_attribute))?;
    p.set(name, &value);
    if let Some(attribute) = tail_option(p, "node-attribute") {
        p.set("node-attribute", &attribute.to_lowercase());
    }
    resources(p, &["rsc", "with-rsc"], Qualifier::Role)
}

pub(super) fn order(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    if let Some(text) = p.take(|token| score(token).map(str::to_owned)) {
        let kind = order_kind(&text).ok_or_else(|| Fault::new(format!("Invalid kind: {text}")).expecting(&KINDS))?;
        p.set("kind", kind);
    }
    let symmetrical = |value: &str| match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" => Some("true"),
        "false" | "no" | "off" => Some("false"),
        _ => None,
    };
    let last = p.tokens.last().and_then(|token| option(&token.text, "symmetrical")).and_then(symmetrical);
    if let Some(value) = last.filter(|_| p.at < p.tokens.len()) {
        p.tokens.pop();
        p.set("symmetrical", value);
    }
    resources(p, &["first", "then"], Qualifier::Action)
}

/// A kind by name or by its old score [SH-3.7].
fn order_kind(text: &str) -> Option<&'static str> {
    if let Some(kind) = KINDS.into_iter().find(|kind| text.eq_ignore_ascii_case(kind)) {
        return Some(kind);
    }
    let score = plain_score(text)?;
    Some(if score == "0" { "Optional" } else { "Mandatory" })
}

pub(super) fn ticket(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.identifier()?;
    p.set("id", &id);
    let ticket = p.expect("Expected <ticket-id>:", |token| score(token).map(str::to_owned))?;
    p.set("ticket", &ticket);
    let policies = ["stop", "demote", "fence", "freeze"];
    let last = p.tokens.last().and_then(|token| option(&token.text, "loss-policy"));
    let policy = last.and_then(|value| policies.into_iter().find(|policy| value.eq_ignore_ascii_case(policy)));
    if let Some(policy) = policy.filter(|_| p.at < p.tokens.len()) {
        p.tokens.pop();
        p.set("loss-policy", policy);
    }
    resources(p, &["rsc"], Qualifier::Role)
}

/// The value of `NAME=VALUE` as the last token, which is removed.
fn tail_option(p: &mut Parser<'_>, name: &str) -> Option<String> {
    let value =
        p.tokens.last().filter(|_| p.at < p.tokens.len()).and_then(|token| option(&token.text, name))?.to_owned();
    p.tokens.pop();
    Some(value)
}

/// As many tokens as `attributes` are the simple form; otherwise the rest are sets.
fn resources(p: &mut Parser<'_>, attributes: &[&str], kind: Qualifier) -> Result<(), Fault> {
    if p.tokens.len() - p.at == attributes.len() {
        for attribute in attributes {
            p.qualified(attribute, kind)?;
        }
        return Ok(());
    }
    let tokens: Vec<String> = p.tokens[p.at..].iter().map(|token| token.text.clone()).collect();
    let root = p.root();
    let sets = resource_sets(p, root, &tokens, kind)?;
    p.at = p.tokens.len();
    if sets == 0 {
        let item = format!("<rsc>[:<{}>]", kind.word());
        let items = vec![item; attributes.len()].join(" ");
        return Err(Fault::new(format!("Expected {items} | resource_sets")));
    }
    Ok(())
}
