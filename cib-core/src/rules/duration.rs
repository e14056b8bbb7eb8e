//! ISO 8601 durations [IN-3.6].

use super::date::DateTime;

/// A duration by the calendar: years and months have no fixed length until they are added to a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub struct IsoDuration {
    /// Calendar years.
    pub years: i64,
    /// Calendar months.
    pub months: i64,
    /// Days, weeks included.
    pub days: i64,
    /// Seconds, hours and minutes included.
    pub seconds: i64,
}

/// Why a text is no ISO 8601 duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DurationError {
    /// It does not begin with `P`.
    #[error("'{text}' does not begin with 'P'")]
    NoMark {
        /// The text.
        text: String,
    },
    /// At `offset` there is no number of 1 to 10 digits up to 2147483647.
    #[error("no number of at most 2147483647 at offset {offset} of '{text}'")]
    Number {
        /// The text.
        text: String,
        /// Where the number was expected, in bytes.
        offset: usize,
    },
    /// At `offset` there is no unit.
    #[error("no unit (Y, M, W, D, H, S) at offset {offset} of '{text}'")]
    Unit {
        /// The text.
        text: String,
        /// Where the unit was expected, in bytes.
        offset: usize,
    },
    /// Nothing, or only zeros.
    #[error("'{text}' has no length")]
    Empty {
        /// The text.
        text: String,
    },
}

impl IsoDuration {
    /// Reads `P` and its elements, up to the first white space or `/`.
    ///
    /// # Errors
    /// See [`DurationError`]; fractions and an all-zero total are errors.
    pub fn parse(text: &str) -> Result<IsoDuration, DurationError> {
        let owned = || text.to_owned();
        let end = text.find(|c: char| c == '/' || super::value::is_c_space(c)).unwrap_or(text.len());
        let bytes = &text.as_bytes()[..end];
        if bytes.first() != Some(&b'P') {
            return Err(DurationError::NoMark { text: owned() });
        }
        let mut duration = IsoDuration::default();
        let mut after_t = false;
        let mut at = 1;
        while at < bytes.len() {
            if bytes[at] == b'T' {
                after_t = true;
                at += 1;
                continue;
            }
            let (number, length) =
                element(&bytes[at..]).ok_or_else(|| DurationError::Number { text: owned(), offset: at })?;
            at += length;
            match bytes.get(at) {
                Some(b'Y') => duration.years = number,
                Some(b'M') if after_t => duration.seconds = duration.seconds.saturating_add(number * 60),
                Some(b'M') => duration.months = number,
                Some(b'W') => duration.days = duration.days.saturating_add(number * 7),
                Some(b'D') => duration.days = duration.days.saturating_add(number),
                Some(b'H') => duration.seconds = duration.seconds.saturating_add(number * 3600),
                Some(b'S') => duration.seconds = duration.seconds.saturating_add(number),
                _ => return Err(DurationError::Unit { text: owned(), offset: at }),
            }
            at += 1;
        }
        if duration == IsoDuration::default() {
            return Err(DurationError::Empty { text: owned() });
        }
        Ok(duration)
    }

    /// The length in seconds with years of 365 and months of 30 days, saturating.
    #[must_use]
    pub const fn seconds_approximately(&self) -> i64 {
        let days =
            self.years.saturating_mul(365).saturating_add(self.months.saturating_mul(30)).saturating_add(self.days);
        days.saturating_mul(86_400).saturating_add(self.seconds)
    }

    /// `start` plus this duration: years, months, days, seconds, in this order.
    #[must_use]
    pub fn after(&self, start: DateTime) -> DateTime {
        start.add_years(self.years).add_months(self.months).add_days(self.days).add_seconds(self.seconds)
    }

    /// `end` minus this duration: years, months, days, seconds, in this order [IN-4.5].
    #[must_use]
    pub fn before(&self, end: DateTime) -> DateTime {
        end.add_years(-self.years).add_months(-self.months).add_days(-self.days).add_seconds(-self.seconds)
    }
}

/// An optional sign or colon and 1 to 10 digits; the number and the length read.
fn element(bytes: &[u8]) -> Option<(i64, usize)> {
    let sign = usize::from(matches!(bytes.first(), Some(b'-' | b'+' | b':')));
    let length = bytes[sign..].iter().take(10).take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let digits = &bytes[sign..sign + length];
    let value = digits.iter().fold(0i64, |value, digit| value * 10 + i64::from(digit - b'0'));
    if value > i64::from(i32::MAX) {
        return None;
    }
    Some((if bytes[0] == b'-' { -value } else { value }, sign + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<(i64, i64, i64, i64)> {
        IsoDuration::parse(text).ok().map(|d| (d.years, d.months, d.days, d.seconds))
    }

    #[test]
    fn elements() {
        assert_eq!(read("P1Y2M3DT4H5M6S"), Some((1, 2, 3, 14_706)));
        assert_eq!(read("P1M2M"), Some((0, 2, 0, 0)));
        assert_eq!(read("PT1M2M"), Some((0, 0, 0, 180)));
        assert_eq!(read("P1H"), Some((0, 0, 0, 3_600)));
        assert_eq!(read("P-1D+2W:1D"), Some((0, 0, 14, 0)));
        assert_eq!(read("P1D/x"), Some((0, 0, 1, 0)));
        assert_eq!(read("P1D x"), Some((0, 0, 1, 0)));
        for bad in [
            "",
            "P",
            "PT",
            "PT0S",
            "P0Y",
            "P1",
            "P1X",
            "P1,5D",
            "P1.5D",
            "p1D",
            "P2147483648D",
            "P1Dfoo",
            "P12345678901D",
        ] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    #[test]
    fn hours_beyond_32_bits_do_not_wrap() {
        assert_eq!(read("PT2147483647H"), Some((0, 0, 0, 2_147_483_647 * 3600)));
    }
}
