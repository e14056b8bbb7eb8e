//! Points in time: reading, arithmetic, comparison and printing [IN-4].
//!
//! The arithmetic is that of the released programs, which differs from any calendar library's: years are added by keeping the
//! *day of the year*, and an addition of seconds may stop at second 86400 of a day.

use core::cmp::Ordering;
use core::fmt;

use super::calendar;
use super::date_text::{is_epoch, parse_day, parse_offset, parse_time};

pub(super) const DAY: i64 = 86_400;
pub(super) const MAX_YEAR: i64 = i32::MAX as i64;

/// A point in time: year, day of the year, second of the day, and offset from UTC.
///
/// Two values are equal when they are the same instant, whatever their offsets.
///
/// ```
/// use cib_core::rules::DateTime;
/// let local = DateTime::from_epoch(0, 0);
/// let date = DateTime::parse("2005-W03-2 13:00 +01:00", &local)?;
/// assert_eq!(date.to_string(), "2005-01-18 12:00:00Z");
/// # Ok::<(), cib_core::rules::DateError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct DateTime {
    year: i32,
    ordinal: i32,
    second: i32,
    offset: i32,
}

/// Why a text is no date or time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DateError {
    /// None of the forms of a date fits.
    #[error("'{text}' is not an ISO 8601 date")]
    Form {
        /// The text.
        text: String,
    },
    /// The numbers do not name a day.
    #[error("'{text}' names no day of the calendar")]
    NoSuchDay {
        /// The text.
        text: String,
    },
    /// The time of the day is unreadable or out of range.
    #[error("'{text}' has no valid time of the day")]
    Time {
        /// The text.
        text: String,
    },
    /// The offset from UTC is unreadable or out of range.
    #[error("'{text}' has no valid offset from UTC")]
    Offset {
        /// The text.
        text: String,
    },
}

/// How a date is written [IN-4.4].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum DateStyle {
    /// `YYYY-MM-DD`
    #[default]
    Calendar,
    /// `YYYY-DDD`
    Ordinal,
    /// `YYYY-Www-D`
    Week,
}

impl DateTime {
    /// The instant `seconds` after 1970-01-01 00:00:00 UTC, seen at `offset` seconds east of UTC.
    #[must_use]
    pub fn from_epoch(seconds: i64, offset: i32) -> DateTime {
        let local = seconds.saturating_add(offset.into());
        let day = calendar::days_before_year(1970) + local.div_euclid(DAY);
        DateTime { year: 1, ordinal: 1, second: narrow(local.rem_euclid(DAY)), offset }.with_day(day)
    }

    /// Reads a date, a time, or both [IN-4.1]. `local` gives today's date and the offset in force where the text has none.
    ///
    /// # Errors
    /// See [`DateError`].
    pub fn parse(text: &str, local: &DateTime) -> Result<DateTime, DateError> {
        if let Some(time) = text.strip_prefix('T') {
            return local.at_time(time, local, text);
        }
        if text.as_bytes().get(2) == Some(&b':') {
            return local.at_time(text, local, text);
        }
        if is_epoch(text) {
            return Ok(DateTime::from_epoch(0, 0));
        }
        let (year, ordinal) = parse_day(text)?;
        let date = DateTime { year: narrow(year), ordinal: narrow(ordinal), second: 0, offset: 0 };
        let rest = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '-' || c == 'W');
        match rest.strip_prefix([' ', 'T']) {
            Some(time) => date.at_time(time, local, text),
            None => Ok(date),
        }
    }

    /// This day at the time that `time` reads as [IN-4.2].
    fn at_time(self, time: &str, local: &DateTime, whole: &str) -> Result<DateTime, DateError> {
        let second = parse_time(time).ok_or_else(|| DateError::Time { text: whole.to_owned() })?;
        let offset = parse_offset(time, local.offset).ok_or_else(|| DateError::Offset { text: whole.to_owned() })?;
        let date = DateTime { second: narrow(second % DAY), offset: narrow(offset), ..self };
        Ok(if second == DAY { date.add_days(1) } else { date })
    }

    /// Seconds since 1970-01-01 00:00:00 UTC.
    #[must_use]
    pub fn epoch_seconds(&self) -> i64 {
        let days = self.day_number() - calendar::days_before_year(1970);
        days * DAY + i64::from(self.second) - i64::from(self.offset)
    }

    /// Seconds since 0001-01-01 00:00:00 UTC.
    #[must_use]
    pub fn seconds_since_year_one(&self) -> i64 {
        self.epoch_seconds() + calendar::days_before_year(1970) * DAY
    }

    /// The year.
    #[must_use]
    pub fn year(&self) -> i32 {
        self.year
    }

    /// The month, 1 to 12, and the day of the month, from 1.
    #[must_use]
    pub fn month_and_day(&self) -> (i64, i64) {
        calendar::month_and_day(self.year.into(), self.ordinal.into())
    }

    /// The day of the year, from 1.
    #[must_use]
    pub fn ordinal(&self) -> i32 {
        self.ordinal
    }

    /// ISO 8601 week year, week and week day (Monday is 1).
    #[must_use]
    pub fn iso_week(&self) -> (i64, i64, i64) {
        calendar::iso_week(self.year.into(), self.ordinal.into())
    }

    /// Hour, minute and second of the day.
    #[must_use]
    pub fn hour_minute_second(&self) -> (i32, i32, i32) {
        (self.second / 3600, self.second / 60 % 60, self.second % 60)
    }

    /// Offset from UTC in seconds, positive to the east.
    #[must_use]
    pub fn offset(&self) -> i32 {
        self.offset
    }

    /// The same instant at offset 0.
    ///
    /// The subtraction of the offset is [`Self::add_seconds`], with its edge at second 86400 [IN-4.3].
    #[must_use]
    pub fn to_utc(&self) -> DateTime {
        if self.offset == 0 { *self } else { DateTime { offset: 0, ..self.add_seconds(-i64::from(self.offset)) } }
    }

    /// Years later: the day of the year stays, but day 366 becomes day 365 where the year has no more.
    #[must_use]
    pub fn add_years(self, years: i64) -> DateTime {
        let year = i64::from(self.year).saturating_add(years);
        if year < 1 {
            return DateTime { year: 1, ordinal: 1, ..self };
        }
        let year = year.min(MAX_YEAR);
        let ordinal = i64::from(self.ordinal).min(calendar::year_length(year));
        DateTime { year: narrow(year), ordinal: narrow(ordinal), ..self }
    }

    /// Calendar months later; the day is reduced to the length of the target month.
    #[must_use]
    pub fn add_months(self, months: i64) -> DateTime {
        if months == 0 {
            return self;
        }
        let (month, day) = self.month_and_day();
        let total = (i64::from(self.year) * 12 + month - 1).saturating_add(months);
        let (year, month) = (total.div_euclid(12).min(MAX_YEAR), total.rem_euclid(12) + 1);
        if year < 1 {
            return DateTime { year: 1, ordinal: 1, ..self };
        }
        let day = day.min(calendar::month_length(year, month));
        DateTime { year: narrow(year), ordinal: narrow(calendar::ordinal(year, month, day)), ..self }
    }

    /// Days later.
    #[must_use]
    pub fn add_days(self, days: i64) -> DateTime {
        self.with_day(self.day_number().saturating_add(days))
    }

    /// Seconds later: whole days and the remainder apart, the day advanced only where the second *exceeds* 86400.
    #[must_use]
    pub fn add_seconds(self, seconds: i64) -> DateTime {
        let mut days = seconds / DAY;
        let mut second = i64::from(self.second) + seconds % DAY;
        if second > DAY {
            second -= DAY;
            days += 1;
        } else if second < 0 {
            second += DAY;
            days -= 1;
        }
        let moved = DateTime { second: narrow(second), ..self };
        if days == 0 { moved } else { moved.add_days(days) }
    }

    /// Days from 0001-01-01 to this day.
    fn day_number(&self) -> i64 {
        calendar::days_before_year(self.year.into()) + i64::from(self.ordinal) - 1
    }

    /// This second of the day `number` days after 0001-01-01; before that day, of that day.
    fn with_day(self, number: i64) -> DateTime {
        let last = calendar::days_before_year(MAX_YEAR + 1) - 1;
        let (year, ordinal) = calendar::year_and_ordinal(number.clamp(0, last));
        DateTime { year: narrow(year), ordinal: narrow(ordinal), ..self }
    }

    /// Writes the date in `style` and the time; in UTC, or with `own_offset` as it is with its offset [IN-4.4].
    #[must_use]
    pub fn format(&self, style: DateStyle, own_offset: bool) -> String {
        let shown = if own_offset { *self } else { self.to_utc() };
        let date = match style {
            DateStyle::Calendar => {
                let (month, day) = shown.month_and_day();
                format!("{:04}-{month:02}-{day:02}", shown.year)
            }
            DateStyle::Ordinal => format!("{}-{:03}", shown.year, shown.ordinal),
            DateStyle::Week => {
                let (year, week, day) = shown.iso_week();
                format!("{year}-W{week:02}-{day}")
            }
        };
        let (hour, minute, second) = shown.hour_minute_second();
        let zone = match shown.offset {
            0 => "Z".to_owned(),
            offset => {
                let sign = if offset < 0 { '-' } else { '+' };
                let offset = offset.abs();
                format!(" {sign}{:02}:{:02}", offset / 3600, offset / 60 % 60)
            }
        };
        format!("{date} {hour:02}:{minute:02}:{second:02}{zone}")
    }

    fn key(&self) -> (i32, i32, i32) {
        let utc = self.to_utc();
        (utc.year, utc.ordinal, utc.second)
    }
}

impl PartialEq for DateTime {
    fn eq(&self, other: &DateTime) -> bool {
        self.key() == other.key()
    }
}

impl Eq for DateTime {}

impl PartialOrd for DateTime {
    fn partial_cmp(&self, other: &DateTime) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Field by field after conversion to UTC: second 86400 of a day comes before second 0 of the next [IN-4.3].
impl Ord for DateTime {
    fn cmp(&self, other: &DateTime) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl fmt::Display for DateTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.format(DateStyle::Calendar, false))
    }
}

/// The value, which fits: every caller has reduced it to a field's range.
fn narrow(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(if value < 0 { i32::MIN } else { i32::MAX })
}

#[cfg(test)]
mod tests {
    use super::super::duration::IsoDuration;
    use super::*;

    /// 2026-11-21 01:00:00 +02:00.
    fn local() -> DateTime {
        DateTime::from_epoch(1_795_215_600, 7200)
    }

    #[test]
    fn printing() {
        let date = DateTime::parse("2005-01-02T15:30:10+01:30", &local()).unwrap();
        assert_eq!(date.format(DateStyle::Calendar, true), "2005-01-02 15:30:10 +01:30");
        assert_eq!(date.format(DateStyle::Ordinal, false), "2005-002 14:00:10Z");
        assert_eq!(date.format(DateStyle::Week, false), "2004-W53-7 14:00:10Z");
        assert_eq!(date.epoch_seconds(), 1_104_674_410);
        assert_eq!(date.seconds_since_year_one(), 63_240_271_210);
    }

    #[test]
    fn arithmetic() {
        let plus = |date: &str, duration: &str| {
            IsoDuration::parse(duration).unwrap().after(DateTime::parse(date, &local()).unwrap()).to_string()
        };
        assert_eq!(plus("2004-03-01", "P1Y"), "2005-03-02 00:00:00Z");
        assert_eq!(plus("2005-01-31", "P1M"), "2005-02-28 00:00:00Z");
        assert_eq!(plus("2005-01-31", "P2M"), "2005-03-31 00:00:00Z");
        assert_eq!(plus("2005-03-31", "P-13M"), "2004-02-29 00:00:00Z");
        assert_eq!(plus("2004-12-31", "P1Y"), "2005-12-31 00:00:00Z");
        assert_eq!(plus("2004-12-31", "P1Y1D"), "2006-01-01 00:00:00Z");
        assert_eq!(plus("2005-01-01", "PT-1S"), "2004-12-31 23:59:59Z");
        assert_eq!(plus("2005-01-01", "PT-86401S"), "2004-12-30 23:59:59Z");
        assert_eq!(plus("0003-05-05", "P-3Y"), "0001-01-01 00:00:00Z");
        assert_eq!(plus("2005-01-01 23:59:59Z", "PT1S"), "2005-01-01 24:00:00Z");
        assert_eq!(plus("2005-01-01 23:59:59Z", "PT2S"), "2005-01-02 00:00:01Z");
        let edge = DateTime::parse("2005-01-01 23:59:59Z", &local()).unwrap().add_seconds(1);
        assert!(edge < DateTime::parse("2005-01-02", &local()).unwrap());
    }

    #[test]
    fn extremes_stay_in_range() {
        let start = DateTime::parse("2005-01-01", &local()).unwrap();
        for amount in [i64::MAX, i64::MIN + 1, 1 << 40, -(1 << 40)] {
            let far = start.add_years(amount).add_months(amount).add_days(amount).add_seconds(amount);
            assert!(far.year() >= 1);
            assert!(!far.format(DateStyle::Week, true).is_empty());
        }
    }
}
