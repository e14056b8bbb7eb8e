//! Periods: two ends, or one end and a duration [IN-4.5].

use super::date::{DateError, DateTime};
use super::duration::{DurationError, IsoDuration};

/// A stretch of time between two dates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// Where it begins.
    pub start: DateTime,
    /// Where it ends.
    pub end: DateTime,
}

/// Why a text is no period.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PeriodError {
    /// One of its dates is unreadable.
    #[error(transparent)]
    Date(#[from] DateError),
    /// One of its durations is unreadable.
    #[error(transparent)]
    Duration(#[from] DurationError),
    /// It has two durations, or a date alone.
    #[error("'{text}' is neither START/END, START/DURATION, DURATION/END nor DURATION")]
    Form {
        /// The text.
        text: String,
    },
    /// An end lies outside the years 1 to 9999.
    #[error("'{text}' leaves the years 1 to 9999")]
    Range {
        /// The text.
        text: String,
    },
}

impl Period {
    /// Reads `START/END`, `START/DURATION`, `DURATION/END` or `DURATION` alone, which begins at `local`.
    ///
    /// # Errors
    /// See [`PeriodError`].
    ///
    /// ```
    /// use cib_core::rules::{DateTime, Period};
    /// let local = DateTime::from_epoch(0, 0);
    /// let period = Period::parse("2005-01-31/P1M", &local)?;
    /// assert_eq!(period.end.to_string(), "2005-02-28 00:00:00Z");
    /// # Ok::<(), cib_core::rules::PeriodError>(())
    /// ```
    pub fn parse(text: &str, local: &DateTime) -> Result<Period, PeriodError> {
        let form = || PeriodError::Form { text: text.to_owned() };
        let (first, second) = match text.split_once('/') {
            Some((first, second)) => (first, Some(second.split('/').next().unwrap_or(""))),
            None => (text, None),
        };
        let period = match (first.starts_with('P'), second) {
            (true, None) => Period { start: *local, end: IsoDuration::parse(first)?.after(*local) },
            (true, Some(end)) if end.starts_with('P') => return Err(form()),
            (true, Some(end)) => {
                let (duration, end) = (IsoDuration::parse(first)?, DateTime::parse(end, local)?);
                Period { start: duration.before(end), end }
            }
            (false, None) => return Err(form()),
            (false, Some(length)) if length.starts_with('P') => {
                let start = DateTime::parse(first, local)?;
                Period { start, end: IsoDuration::parse(length)?.after(start) }
            }
            (false, Some(end)) => Period { start: DateTime::parse(first, local)?, end: DateTime::parse(end, local)? },
        };
        let in_range = |date: DateTime| (1..=9999).contains(&date.year());
        if in_range(period.start) && in_range(period.end) {
            Ok(period)
        } else {
            Err(PeriodError::Range { text: text.to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let local = DateTime::from_epoch(1_000_000_000, 0);
        let read = |text: &str| Period::parse(text, &local).ok().map(|p| format!("{} to {}", p.start, p.end));
        assert_eq!(read("2005-01-02/P1M").as_deref(), Some("2005-01-02 00:00:00Z to 2005-02-02 00:00:00Z"));
        assert_eq!(read("P1M/2005-03-31").as_deref(), Some("2005-02-28 00:00:00Z to 2005-03-31 00:00:00Z"));
        assert_eq!(
            read("P1Y2M3DT4H5M6S/2005-01-01T00:00Z").as_deref(),
            Some("2003-10-28 19:54:54Z to 2005-01-01 00:00:00Z")
        );
        assert_eq!(read("P1D").as_deref(), Some("2001-09-09 01:46:40Z to 2001-09-10 01:46:40Z"));
        for bad in
            ["P1Y/P1M", "2005-01-01", "2005-01-01/", "/2005-01-01", "P1M/", "foo", "10000-01-01/P1D", "9999-12-31/P1D"]
        {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
