//! Rules and dates [SH-3.5, SH-3.6].

use super::cursor::{Fault, IdSpec, Parser, id_spec, is_word_of, role_option, score};
use super::set::score_attribute;
use crate::xml::NodeIx;

const TYPES: [&str; 4] = ["string", "integer", "number", "version"];
const OPERATORS: [&str; 6] = ["lt", "gt", "lte", "gte", "eq", "ne"];
const UNITS: [&str; 9] =
    ["hours", "monthdays", "weekdays", "yearsdays", "months", "weeks", "years", "weekyears", "moon"];

/// Reads `rule` clauses into `parent`; how many.
pub(super) fn rules(p: &mut Parser<'_>, parent: NodeIx) -> Result<usize, Fault> {
    let mut count = 0;
    while p.accept("rule") {
        clause(p, parent)?;
        count += 1;
    }
    Ok(count)
}

fn clause(p: &mut Parser<'_>, parent: NodeIx) -> Result<(), Fault> {
    let rule = p.doc.append(parent, "rule");
    let spec = p.take(id_spec);
    match &spec {
        Some(IdSpec::Id(id)) => p.doc.set_attr(rule, "id", id),
        Some(IdSpec::Reference(id)) => p.doc.set_attr(rule, "id-ref", id),
        None => {}
    }
    if let Some(role) = p.take(|token| role_option(token).map(str::to_owned)) {
        let role = p.role_name(&role);
        p.doc.set_attr(rule, "role", &role);
    }
    if matches!(spec, Some(IdSpec::Reference(_))) {
        return Ok(());
    }
    match p.take(|token| score(token).map(score_attribute)) {
        Some((name, value)) => p.doc.set_attr(rule, name, &value),
        None => p.doc.set_attr(rule, "score", "INFINITY"),
    }
    expression(p, rule)
}

/// Simple expressions joined by one and the same word.
fn expression(p: &mut Parser<'_>, rule: NodeIx) -> Result<(), Fault> {
    let mut joint: Option<String> = None;
    simple(p, rule)?;
    while let Some(word) = p.take(|token| is_word_of(token, &["and", "or"]).then(|| token.to_owned())) {
        match &joint {
            Some(first) if *first != word => {
                return Err(Fault::new(format!("Mixing bool ops not allowed: {first} != {word}")));
            }
            Some(_) => {}
            None => {
                if !word.eq_ignore_ascii_case("and") {
                    p.doc.set_attr(rule, "boolean-op", &word);
                }
                joint = Some(word);
            }
        }
        simple(p, rule)?;
    }
    Ok(())
}

fn simple(p: &mut Parser<'_>, rule: NodeIx) -> Result<(), Fault> {
    if p.accept("date") {
        return date(p, rule);
    }
    if let Some(word) = p.take(|token| is_word_of(token, &["defined", "not_defined"]).then(|| token.to_owned())) {
        let attribute = p.identifier()?;
        let node = p.doc.append(rule, "expression");
        p.doc.set_attr(node, "operation", &word);
        p.doc.set_attr(node, "attribute", &attribute);
        return Ok(());
    }
    let attribute = p.identifier()?;
    let message = "Expected ((string|integer|number|version):)?(lt|gt|lte|gte|eq|ne)";
    let (kind, operator) = p.expect(message, typed_operator).map_err(|fault| fault.expecting(&OPERATORS))?;
    let (source, value) = p.expect(expected_value(p), sourced_value)?;
    let node = p.doc.append(rule, "expression");
    p.doc.set_attr(node, "operation", &operator);
    p.doc.set_attr(node, "attribute", &attribute);
    if let Some(kind) = kind {
        p.doc.set_attr(node, "type", &kind);
    }
    p.doc.set_attr(node, "value", &value);
    if let Some(source) = source {
        p.doc.set_attr(node, "value-source", &source);
    }
    Ok(())
}

/// What is said where a value should stand.
fn expected_value(p: &Parser<'_>) -> &'static str {
    if p.peek().is_some() { "Expected value" } else { "Unexpected end of line" }
}

/// `[type:]op`, as written.
fn typed_operator(token: &str) -> Option<(Option<String>, String)> {
    let (kind, operator) = match token.split_once(':') {
        Some((kind, operator)) => (Some(kind), operator),
        None => (None, token),
    };
    let known = kind.is_none_or(|kind| is_word_of(kind, &TYPES)) && is_word_of(operator, &OPERATORS);
    known.then(|| (kind.map(str::to_owned), operator.to_owned()))
}

/// `VALUE` or `SOURCE{VALUE}`.
fn sourced_value(token: &str) -> Option<(Option<String>, String)> {
    let plain = |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '{' || c == '}');
    if let Some((source, rest)) = token.split_once('{') {
        let value = rest.strip_suffix('}')?;
        return (plain(source) && plain(value)).then(|| (Some(source.to_owned()), value.to_owned()));
    }
    plain(token).then(|| (None, token.to_owned()))
}

fn date(p: &mut Parser<'_>, rule: NodeIx) -> Result<(), Fault> {
    let words = ["in_range", "gt", "lt", "date_spec", "spec", "in"];
    let operation = p
        .expect("Expected (in_range|gt|lt|date_spec|spec|in)$", |token| {
            words.into_iter().find(|word| token.eq_ignore_ascii_case(word))
        })
        .map_err(|fault| fault.expecting(&words))?;
    let node = p.doc.append(rule, "date_expression");
    match operation {
        "lt" | "gt" => {
            let value = p.expect(expected_value(p), |token| Some(token.to_owned()))?;
            p.doc.set_attr(node, "operation", operation);
            p.doc.set_attr(node, if operation == "lt" { "end" } else { "start" }, &value);
        }
        "in" | "in_range" => {
            let pairs = date_pairs(p, &["start", "end"]);
            if pairs.len() < 2 {
                return Err(Fault::new("Expected at least 2 name-value pairs").expecting(&["start=", "end="]));
            }
            p.doc.set_attr(node, "operation", "in_range");
            append_date(p, node, "duration", pairs);
        }
        _ => {
            let pairs = date_pairs(p, &[]);
            if pairs.is_empty() {
                return Err(Fault::new("Expected at least one name-value pair").expecting(&UNITS));
            }
            p.doc.set_attr(node, "operation", "date_spec");
            append_date(p, node, "date_spec", pairs);
        }
    }
    Ok(())
}

fn date_pairs(p: &mut Parser<'_>, also: &[&str]) -> Vec<(String, String)> {
    let mut pairs = Vec::new();
    while let Some(pair) = p.take(|token| {
        let (name, value) = token.split_once('=').unwrap_or((token, ""));
        let known = is_word_of(name, &UNITS) || is_word_of(name, also);
        known.then(|| (name.to_ascii_lowercase(), value.to_owned()))
    }) {
        pairs.push(pair);
    }
    pairs
}

/// `start` and `end` become attributes, the units go into a child.
fn append_date(p: &mut Parser<'_>, node: NodeIx, child: &str, pairs: Vec<(String, String)>) {
    let mut units = None;
    for (name, value) in pairs {
        let target = match name.as_str() {
            "start" | "end" => node,
            _ => *units.get_or_insert_with(|| p.doc.append(node, child)),
        };
        p.doc.set_attr(target, &name, &value);
    }
}
