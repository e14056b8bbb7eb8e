//! Rules and their expressions [CB-4.4].

use super::super::level::*;
use super::super::types::Type::*;
use super::super::validator::{Attribute, Child, Problem, Times, may, must};
use super::{V, is_reference};
use crate::xml::NodeIx;
use Times::{Any, One, Optional};

pub(super) fn rule(v: V<'_, '_>, n: NodeIx) {
    if is_reference(v, n) {
        return;
    }
    let score = if v.has(n, "score-attribute") { may("score-attribute", Text) } else { may("score", Score) };
    v.attributes(n, &[must("id", Id), may("boolean-op", Words(&["or", "and"])), may("role", Text), score]);
    let new: &[Child] = &[("rsc_expression", Any, rsc_expression), ("op_expression", Any, op_expression)];
    let children: Vec<Child> = [
        ("expression", Any, expression as fn(V<'_, '_>, NodeIx)),
        ("date_expression", Any, date_expression),
        ("rule", Any, rule),
    ]
    .into_iter()
    .chain(new.iter().copied().filter(|_| v.level >= V3_4))
    .collect();
    v.children(n, &children);
    if v.doc.children(n).next().is_none() {
        v.report(n, Problem::Other("a rule needs at least one expression"));
    }
}

fn expression(v: V<'_, '_>, n: NodeIx) {
    let types: &[&str] =
        if v.level >= V3_5 { &["string", "integer", "number", "version"] } else { &["string", "number", "version"] };
    v.attributes(
        n,
        &[
            must("id", Id),
            must("attribute", Text),
            must("operation", Words(&["lt", "gt", "lte", "gte", "eq", "ne", "defined", "not_defined"])),
            may("value", Text),
            may("type", Words(types)),
            may("value-source", Words(&["literal", "param", "meta"])),
        ],
    );
    v.children(n, &[]);
}

fn rsc_expression(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), may("class", Text), may("provider", Text), may("type", Text)]);
    v.children(n, &[]);
}

fn op_expression(v: V<'_, '_>, n: NodeIx) {
    v.attributes(n, &[must("id", Id), must("name", Text), may("interval", Text)]);
    v.children(n, &[]);
}

fn date_expression(v: V<'_, '_>, n: NodeIx) {
    let operation = v.doc.attr(n, "operation").unwrap_or_default();
    let operations = must("operation", Words(&["in_range", "gt", "lt", "date_spec", "eq", "neq"]));
    let (id, start, end) = (must("id", Id), must("start", Text), must("end", Text));
    match operation {
        "gt" => {
            v.attributes(n, &[id, operations, start]);
            v.children(n, &[]);
        }
        "lt" => {
            v.attributes(n, &[id, operations, end]);
            v.children(n, &[]);
        }
        "date_spec" => {
            v.attributes(n, &[id, operations]);
            v.children(n, &[("date_spec", One, date_spec)]);
        }
        "in_range" => {
            let (has_start, has_end) = (v.has(n, "start"), v.has(n, "end"));
            let duration = v.doc.child(n, "duration").is_some();
            v.attributes(n, &[id, operations, may("start", Text), may("end", Text)]);
            v.children(n, &[("duration", Optional, duration_element)]);
            if !has_start && !has_end {
                v.report(n, Problem::Other("'start' or 'end' is needed"));
            } else if v.level < V3_9 && has_end == duration {
                v.report(n, Problem::Other("either 'end' or a duration after 'start' is needed"));
            }
        }
        _ => v.attributes(
            n,
            &[
                id,
                must("operation", Words(&["in_range", "gt", "lt", "date_spec"])),
                may("start", Text),
                may("end", Text),
            ],
        ),
    }
}

const DATE_BEFORE_3_9: &[&str] =
    &["hours", "monthdays", "weekdays", "yearsdays", "months", "weeks", "years", "weekyears", "moon"];

fn date_parts(v: V<'_, '_>, n: NodeIx, names: &[&'static str]) {
    let names = if v.level < V3_9 { DATE_BEFORE_3_9 } else { names };
    let attributes: Vec<Attribute> =
        core::iter::once(must("id", Id)).chain(names.iter().map(|&name| may(name, Text))).collect();
    v.attributes(n, &attributes);
    v.children(n, &[]);
}

fn duration_element(v: V<'_, '_>, n: NodeIx) {
    let names = [
        "years",
        "months",
        "weeks",
        "days",
        "hours",
        "minutes",
        "seconds",
        "monthdays",
        "weekdays",
        "yearsdays",
        "weekyears",
        "moon",
    ];
    date_parts(v, n, &names);
}

fn date_spec(v: V<'_, '_>, n: NodeIx) {
    let names = [
        "years",
        "months",
        "monthdays",
        "hours",
        "minutes",
        "seconds",
        "yeardays",
        "weekyears",
        "weeks",
        "weekdays",
        "yearsdays",
        "moon",
    ];
    let count = if v.level >= V4_0 { names.len() - 1 } else { names.len() };
    date_parts(v, n, &names[..count]);
}
