//! Rules, date and time expressions.
//!
//! What the configuration calls a rule is a tree of conditions on the time, on node attributes, on the kind of a resource or an
//! operation. This room reads the values that rules and options are made of ([`Score`], [`DateTime`], [`IsoDuration`], intervals,
//! booleans), evaluates rules and the name/value sets that carry them ([`Rules`]), and says when a result changes next
//! ([`Evaluation`]).
//!
//! Nothing here reads a clock: "now" and the local offset from UTC come in through [`Context`].
//!
//! ```
//! use cib_core::rules::{Context, DateTime, Evaluation, Rules};
//! use cib_core::xml::Document;
//!
//! let doc = Document::parse(r#"<rule id="r"><date_expression id="d" operation="lt" end="2030-01-01"/></rule>"#)?;
//! let now = DateTime::from_epoch(1_577_836_800, 0); // 2020-01-01
//! let mut evaluation = Evaluation::default();
//! assert!(Rules::new(&doc).evaluate(doc.root(), &Context::at(now), &mut evaluation));
//! assert_eq!(evaluation.next_change.unwrap().to_string(), "2030-01-01 00:00:00Z");
//! # Ok::<(), cib_core::xml::XmlError>(())
//! ```

mod calendar;
mod check;
mod context;
mod date;
mod date_expression;
mod date_text;
mod duration;
mod nvset;
mod period;
mod references;
mod rule;
mod score;
mod value;

#[cfg(test)]
mod tests;

pub use check::{CheckError, Effect};
pub use context::{Context, Evaluation, OperationKind, Remark, ResourceKind, Severity, Values};
pub use date::{DateError, DateStyle, DateTime};
pub use duration::{DurationError, IsoDuration};
pub use nvset::Table;
pub use period::{Period, PeriodError};
pub use references::{ReferenceError, Rules};
pub use score::{HealthColour, HealthScores, InvalidScore, Score};
pub use value::{
    Integer, TimeError, compare_names, compare_versions, integer_with_minimum, is_true, parse_boolean, parse_integer,
    parse_interval, parse_milliseconds, parse_number, parse_percentage, scan_integer,
};
