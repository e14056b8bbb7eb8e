//! The wall clock, where a tool's user means "now".

use std::time::{SystemTime, UNIX_EPOCH};

use cib_core::rules::DateTime;

/// The current time at the local offset from UTC.
pub(crate) fn local_now() -> DateTime {
    let seconds = match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap_or(i64::MAX),
    };
    let zone = jiff::tz::TimeZone::system();
    let offset = jiff::Timestamp::from_second(seconds).map_or(0, |at| zone.to_offset(at).seconds());
    DateTime::from_epoch(seconds, offset)
}
