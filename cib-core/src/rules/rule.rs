//! Evaluation of `rule` and its conditions [IN-6].

use core::cmp::Ordering;

use super::context::{Context, Evaluation};
use super::date_expression::{self, DateVerdict};
use super::references::Rules;
use super::value::{compare_versions, parse_integer, parse_interval, parse_number};
use crate::xml::NodeIx;

/// Rules nested deeper than this, also through references, do not pass.
const MAX_DEPTH: u32 = 128;
/// Conditions looked at in one evaluation; beyond it nothing passes. References can multiply a small document.
const MAX_CONDITIONS: u32 = 100_000;

/// One evaluation under way.
struct Walk<'e, 'c> {
    context: &'c Context<'c>,
    evaluation: &'e mut Evaluation,
    conditions: u32,
}

impl Rules<'_> {
    /// Whether the rule `rule` passes in `context`. References are followed.
    pub fn evaluate(&self, rule: NodeIx, context: &Context<'_>, evaluation: &mut Evaluation) -> bool {
        let mut walk = Walk { context, evaluation, conditions: 0 };
        self.rule(rule, &mut walk, 0)
    }

    fn rule(&self, rule: NodeIx, walk: &mut Walk<'_, '_>, depth: u32) -> bool {
        let Ok(rule) = self.resolve_or_remark(rule, walk.evaluation) else { return false };
        let doc = self.document();
        let Some(id) = doc.id(rule) else {
            walk.evaluation.error("Treating rule without id as not passing".to_owned());
            return false;
        };
        if depth > MAX_DEPTH {
            walk.evaluation.error(format!("Treating rule {id} as not passing because rules are nested too deeply"));
            return false;
        }
        let any = match doc.attr(rule, "boolean-op") {
            None => false,
            Some(op) if op.eq_ignore_ascii_case("and") => false,
            Some(op) if op.eq_ignore_ascii_case("or") => true,
            Some(op) => {
                walk.evaluation.error(format!(
                    "Treating rule {id} as not passing because 'boolean-op' is '{op}' instead of 'and' or 'or'"
                ));
                return false;
            }
        };
        let mut empty = true;
        for condition in doc.children(rule) {
            empty = false;
            if self.condition(condition, walk, depth) == any {
                return any;
            }
        }
        if empty {
            walk.evaluation.warning(format!("Ignoring rule {id} because it contains no conditions"));
            return true;
        }
        !any
    }

    fn condition(&self, condition: NodeIx, walk: &mut Walk<'_, '_>, depth: u32) -> bool {
        walk.conditions += 1;
        if walk.conditions > MAX_CONDITIONS {
            return false;
        }
        let doc = self.document();
        match doc.name(condition) {
            "rule" => self.rule(condition, walk, depth + 1),
            "expression" => self.expression(condition, walk).unwrap_or_else(|reason| {
                let id = doc.id(condition).unwrap_or("(without id)");
                walk.evaluation.error(format!("Treating expression {id} as not passing because {reason}"));
                false
            }),
            "date_expression" => match date_expression::evaluate(doc, condition, walk.context, walk.evaluation) {
                DateVerdict::InRange | DateVerdict::Satisfied => true,
                DateVerdict::Before | DateVerdict::After => false,
                DateVerdict::Malformed(reason) => {
                    let id = doc.id(condition).unwrap_or("(without id)");
                    walk.evaluation.error(format!("Treating date_expression {id} as not passing because {reason}"));
                    false
                }
            },
            "rsc_expression" => self.resource_condition(condition, walk.context),
            "op_expression" => self.operation_condition(condition, walk),
            other => {
                walk.evaluation
                    .error(format!("Treating condition '{other}' as not passing because its type is not valid"));
                false
            }
        }
    }

    /// `expression` [IN-6.2]; `Err` holds the reason why it does not pass.
    fn expression(&self, node: NodeIx, walk: &Walk<'_, '_>) -> Result<bool, String> {
        let doc = self.document();
        let required = |name: &str| doc.attr(node, name).ok_or_else(|| format!("it has no '{name}'"));
        required("id")?;
        let name = substitute(required("attribute")?, walk.context.matches);
        let operation = Operation::parse(required("operation")?)?;
        let value = doc.attr(node, "value");
        let actual = walk.context.node_attributes.and_then(|attributes| attributes.value(&name));
        if let Operation::Defined(wanted) = operation {
            return match value {
                Some(_) => Err("'value' is not allowed when 'operation' is 'defined' or 'not_defined'".to_owned()),
                None => Ok(actual.is_some() == wanted),
            };
        }
        let value = value.ok_or("'value' is required for its 'operation'")?;
        let reference = match doc.attr(node, "value-source") {
            None => Some(value),
            Some(source) if source.eq_ignore_ascii_case("literal") => Some(value),
            Some(source) if source.eq_ignore_ascii_case("param") => {
                walk.context.parameters.and_then(|table| table.value(value))
            }
            Some(source) if source.eq_ignore_ascii_case("meta") => {
                walk.context.meta.and_then(|table| table.value(value))
            }
            Some(source) => {
                return Err(format!("'value-source' is '{source}' instead of 'literal', 'param' or 'meta'"));
            }
        };
        let kind = match doc.attr(node, "type") {
            Some(kind) => Comparison::parse(kind)?,
            None => Comparison::default_for(operation, actual, reference),
        };
        Ok(operation.holds(kind, actual, reference))
    }

    /// `rsc_expression`: every given attribute equals the resource's [IN-6.5].
    fn resource_condition(&self, node: NodeIx, context: &Context<'_>) -> bool {
        let equal = |name: &str, own: Option<&str>| match self.document().attr(node, name) {
            None => true,
            wanted => wanted == own,
        };
        let resource = context.resource;
        equal("class", resource.class) && equal("provider", resource.provider) && equal("type", resource.kind)
    }

    /// `op_expression`: the name and, if given, the interval equal the operation's [IN-6.5].
    fn operation_condition(&self, node: NodeIx, walk: &mut Walk<'_, '_>) -> bool {
        let doc = self.document();
        let interval = match doc.attr(node, "interval").map(parse_interval) {
            None => None,
            Some(Ok(interval)) => Some(interval),
            Some(Err(_)) => {
                let id = doc.id(node).unwrap_or("(without id)");
                walk.evaluation.error(format!(
                    "Treating op_expression {id} as not passing because '{}' is not a valid interval",
                    doc.attr(node, "interval").unwrap_or_default()
                ));
                return false;
            }
        };
        let (Some(name), Some(operation)) = (doc.attr(node, "name"), walk.context.operation) else { return false };
        name == operation.name && interval.is_none_or(|interval| interval == operation.interval_ms)
    }
}

/// `%0` to `%9` replaced by what the pattern's groups matched.
fn substitute<'n>(name: &'n str, matches: &[Option<&str>]) -> std::borrow::Cow<'n, str> {
    if matches.is_empty() || !name.contains('%') {
        return name.into();
    }
    let mut result = String::with_capacity(name.len());
    let mut rest = name;
    while let Some(at) = rest.find('%') {
        result.push_str(&rest[..at]);
        match rest.as_bytes().get(at + 1) {
            Some(digit) if digit.is_ascii_digit() => {
                result.push_str(matches.get(usize::from(digit - b'0')).copied().flatten().unwrap_or_default());
                rest = &rest[at + 2..];
            }
            _ => {
                result.push('%');
                rest = &rest[at + 1..];
            }
        }
    }
    result.push_str(rest);
    result.into()
}

#[derive(Clone, Copy)]
enum Operation {
    Defined(bool),
    Equal(bool),
    Order { wanted: Ordering, or_equal: bool },
}

impl Operation {
    fn parse(text: &str) -> Result<Operation, String> {
        let order = |wanted, or_equal| Operation::Order { wanted, or_equal };
        Ok(match text.to_ascii_lowercase().as_str() {
            "defined" => Operation::Defined(true),
            "not_defined" => Operation::Defined(false),
            "eq" => Operation::Equal(true),
            "ne" => Operation::Equal(false),
            "lt" => order(Ordering::Less, false),
            "lte" => order(Ordering::Less, true),
            "gt" => order(Ordering::Greater, false),
            "gte" => order(Ordering::Greater, true),
            _ => return Err(format!("'{text}' is not a valid 'operation'")),
        })
    }

    fn holds(self, kind: Comparison, actual: Option<&str>, reference: Option<&str>) -> bool {
        let order = kind.compare(actual, reference);
        match self {
            Operation::Defined(wanted) => actual.is_some() == wanted,
            Operation::Equal(wanted) => (order == Ordering::Equal) == wanted,
            Operation::Order { wanted, or_equal } => {
                let both = actual.is_some() && reference.is_some();
                both && (order == wanted || (or_equal && order == Ordering::Equal))
            }
        }
    }
}

#[derive(Clone, Copy)]
enum Comparison {
    Text,
    Integer,
    Number,
    Version,
}

impl Comparison {
    fn parse(text: &str) -> Result<Comparison, String> {
        Ok(match text.to_ascii_lowercase().as_str() {
            "string" => Comparison::Text,
            "integer" => Comparison::Integer,
            "number" => Comparison::Number,
            "version" => Comparison::Version,
            _ => return Err(format!("'{text}' is not a valid type")),
        })
    }

    fn default_for(operation: Operation, actual: Option<&str>, reference: Option<&str>) -> Comparison {
        let fraction = |text: Option<&str>| text.is_some_and(|text| text.contains('.'));
        match operation {
            Operation::Defined(_) | Operation::Equal(_) => Comparison::Text,
            Operation::Order { .. } if fraction(actual) || fraction(reference) => Comparison::Number,
            Operation::Order { .. } => Comparison::Integer,
        }
    }

    fn compare(self, actual: Option<&str>, reference: Option<&str>) -> Ordering {
        let (Some(a), Some(b)) = (actual, reference) else { return actual.is_some().cmp(&reference.is_some()) };
        match self {
            Comparison::Text => compare_texts(a, b),
            Comparison::Integer => match (parse_integer(a), parse_integer(b)) {
                (Some(a), Some(b)) => a.cmp(&b),
                _ => compare_texts(a, b),
            },
            Comparison::Number => match (parse_number(a), parse_number(b)) {
                (Some(x), Some(y)) => x.partial_cmp(&y).unwrap_or(Ordering::Equal),
                _ => compare_texts(a, b),
            },
            Comparison::Version => compare_versions(a, b),
        }
    }
}

/// Byte order of the lower-cased texts.
fn compare_texts(a: &str, b: &str) -> Ordering {
    let lower =
        |text: &str| text.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<smallvec::SmallVec<[u8; 64]>>();
    lower(a).cmp(&lower(b))
}
