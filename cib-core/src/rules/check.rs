//! Whether a rule is in effect: the question of the rule checker [IN-6.7].

use super::context::{Context, Evaluation};
use super::date::DateTime;
use super::date_expression::{self, DateVerdict};
use super::references::Rules;
use crate::xml::NodeIx;

/// Whether a rule is in effect at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Inside its range.
    InEffect,
    /// Its date specification matches.
    Satisfied,
    /// Its range is over.
    Expired,
    /// Its range has not begun.
    NotYet,
}

/// Why the rule checker has no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CheckError {
    /// No rule has the id.
    #[error("Rule not found")]
    NotFound,
    /// It has no date expression.
    #[error("Rule does not have a date expression")]
    NoDateExpression,
    /// It has several date expressions.
    #[error("Rule has more than one date expression")]
    SeveralDateExpressions,
    /// Its date specification names no years, so it may hold again and again.
    #[error("Rule must either not use date_spec, or use date_spec with years=")]
    Recurring,
    /// Its date expression is malformed.
    #[error("Error parsing rule")]
    Malformed,
}

impl Rules<'_> {
    /// Whether the rule with id `id` is in effect at `now`, judged by its only date expression.
    ///
    /// # Errors
    /// See [`CheckError`].
    pub fn check(&self, id: &str, now: DateTime, local: DateTime) -> Result<Effect, CheckError> {
        let doc = self.document();
        let all = core::iter::once(doc.root()).chain(doc.descendants(doc.root()));
        let rule =
            all.into_iter().find(|n| doc.name(*n) == "rule" && doc.id(*n) == Some(id)).ok_or(CheckError::NotFound)?;
        let mut expressions = doc.descendants(rule).filter(|n| doc.name(*n) == "date_expression");
        let expression = expressions.next().ok_or(CheckError::NoDateExpression)?;
        if expressions.next().is_some() {
            return Err(CheckError::SeveralDateExpressions);
        }
        if self.may_recur(expression) {
            return Err(CheckError::Recurring);
        }
        let context = Context { local, ..Context::at(now) };
        match date_expression::evaluate(doc, expression, &context, &mut Evaluation::default()) {
            DateVerdict::InRange => Ok(Effect::InEffect),
            DateVerdict::Satisfied => Ok(Effect::Satisfied),
            DateVerdict::Before => Ok(Effect::NotYet),
            DateVerdict::After => Ok(Effect::Expired),
            DateVerdict::Malformed(_) => Err(CheckError::Malformed),
        }
    }

    /// A date specification without years. An absent operation counts as one here.
    fn may_recur(&self, expression: NodeIx) -> bool {
        let doc = self.document();
        let by_spec = doc.attr(expression, "operation").is_none_or(|op| op.eq_ignore_ascii_case("date_spec"));
        by_spec && !doc.children_named(expression, "date_spec").any(|spec| doc.attr(spec, "years").is_some())
    }
}
