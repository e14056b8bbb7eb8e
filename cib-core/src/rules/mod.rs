//! Rules, date and time expressions.
//!
//! What the configuration language calls a rule is a tree of conditions on the time, on node attributes, on the kind of a resource or
//! an operation. This room reads the values that rules and options are made of ([`Score`], [`DateTime`], [`IsoDuration`], intervals,
//! booleans), evaluates rules and the name/value sets that carry them (`Rules`), and says when a result changes next.
//!
//! Nothing here reads a clock: "now" and the local offset from UTC come in through `Context`.

mod calendar;
mod date;
mod duration;
mod period;
mod score;
mod value;

pub use date::{DateError, DateStyle, DateTime};
pub use duration::{DurationError, IsoDuration};
pub use period::{Period, PeriodError};
pub use score::{HealthColour, HealthScores, InvalidScore, Score};
pub use value::{
    Integer, TimeError, compare_names, compare_versions, integer_with_minimum, is_true, parse_boolean, parse_integer,
    parse_interval, parse_milliseconds, parse_number, parse_percentage, scan_integer,
};
