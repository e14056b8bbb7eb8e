//! Rules, date and time expressions.
