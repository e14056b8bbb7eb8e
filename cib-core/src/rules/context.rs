//! What a rule can see, and what its evaluation leaves behind.

use core::borrow::Borrow;
use std::collections::BTreeMap;

use super::date::DateTime;
use super::score::HealthScores;

/// A table of names and values that expressions look up: node attributes, parameters, meta attributes.
pub trait Values {
    /// The value of `name`, if there is one.
    fn value(&self, name: &str) -> Option<&str>;
}

impl<K: Borrow<str> + Ord, V: AsRef<str>> Values for BTreeMap<K, V> {
    fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(AsRef::as_ref)
    }
}

impl<K: Borrow<str> + Eq + core::hash::Hash, V: AsRef<str>, S: core::hash::BuildHasher> Values
    for hashbrown::HashMap<K, V, S>
{
    fn value(&self, name: &str) -> Option<&str> {
        self.get(name).map(AsRef::as_ref)
    }
}

/// The kind of a resource, as `rsc_expression` tests it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct ResourceKind<'a> {
    /// Class, such as `ocf`; collective resources have none.
    pub class: Option<&'a str>,
    /// Provider, such as `heartbeat`; only the class `ocf` has one.
    pub provider: Option<&'a str>,
    /// Type, such as `IPaddr2`.
    pub kind: Option<&'a str>,
}

/// An operation, as `op_expression` tests it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperationKind<'a> {
    /// Name, such as `monitor`.
    pub name: &'a str,
    /// Interval in milliseconds.
    pub interval_ms: u32,
}

/// Everything that a rule can see [IN-5.4]. What is left out counts as absent.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The time of the evaluation, with the offset that `date_spec` looks at.
    pub now: DateTime,
    /// Today's local date and offset from UTC, for dates that are written without them.
    pub local: DateTime,
    /// Attributes of the node in question.
    pub node_attributes: Option<&'a dyn Values>,
    /// Parameters of the resource in question, for `value-source="param"`.
    pub parameters: Option<&'a dyn Values>,
    /// Meta attributes of the resource in question, for `value-source="meta"`.
    pub meta: Option<&'a dyn Values>,
    /// The kind of the resource in question.
    pub resource: ResourceKind<'a>,
    /// The operation in question.
    pub operation: Option<OperationKind<'a>>,
    /// What the groups `%0` to `%9` of a location constraint's pattern matched.
    pub matches: &'a [Option<&'a str>],
    /// What the health colours are worth as scores of sets.
    pub health: HealthScores,
}

impl<'a> Context<'a> {
    /// A context that knows the time only; `now` is also the local time.
    #[must_use]
    pub fn at(now: DateTime) -> Context<'a> {
        Context {
            now,
            local: now,
            node_attributes: None,
            parameters: None,
            meta: None,
            resource: ResourceKind::default(),
            operation: None,
            matches: &[],
            health: HealthScores::default(),
        }
    }

    /// The same, seeing the attributes of a node.
    #[must_use]
    pub fn with_node(self, attributes: &'a dyn Values) -> Context<'a> {
        Context { node_attributes: Some(attributes), ..self }
    }

    /// The same, seeing a kind of resource.
    #[must_use]
    pub fn with_resource(self, resource: ResourceKind<'a>) -> Context<'a> {
        Context { resource, ..self }
    }

    /// The same, seeing an operation.
    #[must_use]
    pub fn with_operation(self, name: &'a str, interval_ms: u32) -> Context<'a> {
        Context { operation: Some(OperationKind { name, interval_ms }), ..self }
    }
}

/// How grave a remark on the configuration is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// A config warning.
    Warning,
    /// A config error.
    Error,
}

/// A remark on the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// How grave it is.
    pub severity: Severity,
    /// What it says.
    pub text: String,
}

/// What evaluations leave behind: the earliest next change and remarks. One value may go through many evaluations.
#[derive(Clone, Debug, Default)]
pub struct Evaluation {
    /// The earliest time after "now" at which a date expression that was looked at may change [IN-6.6].
    pub next_change: Option<DateTime>,
    /// Remarks in the order of evaluation.
    pub remarks: Vec<Remark>,
}

impl Evaluation {
    /// Keeps `change` if it is later than `now` and the earliest so far.
    pub(super) fn may_change_at(&mut self, now: &DateTime, change: DateTime) {
        if change > *now && self.next_change.is_none_or(|kept| change < kept) {
            self.next_change = Some(change);
        }
    }

    pub(super) fn error(&mut self, text: String) {
        self.remarks.push(Remark { severity: Severity::Error, text });
    }

    pub(super) fn warning(&mut self, text: String) {
        self.remarks.push(Remark { severity: Severity::Warning, text });
    }
}
