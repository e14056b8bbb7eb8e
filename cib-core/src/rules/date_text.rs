//! Reading the forms of ISO 8601 dates and times [IN-4.1, IN-4.2].

use super::calendar;
use super::date::{DateError, MAX_YEAR};
use super::value::is_c_space;

/// `epoch` in any case, then the end, `/` or white space.
pub(super) fn is_epoch(text: &str) -> bool {
    let Some((word, rest)) = text.as_bytes().split_at_checked(5) else { return false };
    word.eq_ignore_ascii_case(b"epoch") && rest.first().is_none_or(|&byte| byte == b'/' || is_c_space(byte.into()))
}

/// Reads numbers out of a text with a fixed pattern, as the forms of [IN-4.1] are defined.
struct Scan<'a>(&'a str);

impl Scan<'_> {
    /// White space, then 1 to `width` digits. Numbers beyond 10 digits stay out of every range.
    fn number(&mut self, width: usize) -> Option<i64> {
        let body = self.0.trim_start_matches(is_c_space);
        let length = body.bytes().take(width).take_while(u8::is_ascii_digit).count();
        if length == 0 {
            return None;
        }
        let (digits, rest) = body.split_at(length);
        self.0 = rest;
        let digits = digits.trim_start_matches('0');
        Some(if digits.len() > 10 { i64::MAX } else { digits.parse().unwrap_or(0) })
    }

    /// `prefix`, then a number.
    fn number_after(&mut self, prefix: &str) -> Option<i64> {
        self.0 = self.0.strip_prefix(prefix)?;
        self.number(usize::MAX)
    }
}

/// Year and day of the year of the date that `text` begins with.
pub(super) fn parse_day(text: &str) -> Result<(i64, i64), DateError> {
    let form = || DateError::Form { text: text.to_owned() };
    let missing = || DateError::NoSuchDay { text: text.to_owned() };
    let mut scan = Scan(text);
    let year = scan.number(usize::MAX).ok_or_else(form)?;
    let after_year = scan.0;
    let second = scan.number_after("-");
    let third = second.and_then(|_| scan.number_after("-"));
    let calendar_day = |year: i64, month: i64, day: i64| {
        let known = (1..=MAX_YEAR).contains(&year) && (1..=calendar::month_length(year, month)).contains(&day);
        known.then(|| (year, calendar::ordinal(year, month, day))).ok_or_else(missing)
    };
    match (second, third) {
        (Some(month), Some(day)) => return calendar_day(year, month, day),
        (Some(ordinal), None) => {
            let known = (1..=MAX_YEAR).contains(&year) && (1..=calendar::year_length(year)).contains(&ordinal);
            return known.then_some((year, ordinal)).ok_or_else(missing);
        }
        _ => {}
    }
    let mut basic = Scan(text);
    if let (Some(year), Some(month), Some(day)) = (basic.number(4), basic.number(2), basic.number(2)) {
        return calendar_day(year, month, day);
    }
    let mut weeks = Scan(after_year);
    let (Some(week), Some(day)) = (weeks.number_after("-W"), weeks.number_after("-")) else { return Err(form()) };
    let known =
        (1..=MAX_YEAR).contains(&year) && (1..=calendar::weeks_in_year(year)).contains(&week) && (1..=7).contains(&day);
    if !known {
        return Err(missing());
    }
    let (year, ordinal) = calendar::year_and_ordinal(calendar::day_of_iso_week(year, week, day));
    if year < 1 { Err(missing()) } else { Ok((year, ordinal)) }
}

/// Second of the day, 86400 for `24:00:00`. Nothing reads as midnight.
pub(super) fn parse_time(text: &str) -> Option<i64> {
    if text.trim_start_matches(is_c_space).is_empty() {
        return Some(0);
    }
    let mut scan = Scan(text);
    let hour = scan.number(usize::MAX)?;
    let minute = scan.number_after(":");
    let second = minute.and_then(|_| scan.number_after(":"));
    let (hour, minute, second) = match minute {
        Some(minute) => (hour, minute, second.unwrap_or(0)),
        None => {
            let mut basic = Scan(text);
            let hour = basic.number(2)?;
            let minute = basic.number(2);
            (hour, minute.unwrap_or(0), minute.and_then(|_| basic.number(2)).unwrap_or(0))
        }
    };
    let whole_day = (hour, minute, second) == (24, 0, 0);
    (whole_day || (hour < 24 && minute < 60 && second < 60)).then(|| hour * 3600 + minute * 60 + second)
}

/// Offset from UTC that the text of a time ends with; `local` where it has none.
pub(super) fn parse_offset(text: &str, local: i32) -> Option<i64> {
    if text.contains('Z') {
        return Some(0);
    }
    let Some(start) = text.find([' ', '+', '-']) else { return Some(local.into()) };
    let offset = text[start..].trim_start_matches(is_c_space);
    match offset.as_bytes().first() {
        Some(b'-') => parse_time(&offset[1..]).map(|seconds| -seconds),
        Some(b'+') => parse_time(&offset[1..]),
        Some(byte) if byte.is_ascii_digit() => parse_time(offset),
        _ => Some(0),
    }
}
#[cfg(test)]
mod tests {
    use super::super::date::DateTime;

    /// 2026-11-21 01:00:00 +02:00.
    fn local() -> DateTime {
        DateTime::from_epoch(1_795_215_600, 7200)
    }

    fn read(text: &str) -> Option<String> {
        DateTime::parse(text, &local()).ok().map(|date| date.to_string())
    }

    #[test]
    fn forms_of_dates() {
        let cases = [
            ("2005-01-02", "2005-01-02 00:00:00Z"),
            ("2005-1-2", "2005-01-02 00:00:00Z"),
            ("20050102", "2005-01-02 00:00:00Z"),
            ("2005-020", "2005-01-20 00:00:00Z"),
            ("2005-01-", "2005-01-01 00:00:00Z"),
            ("2005-1", "2005-01-01 00:00:00Z"),
            ("2005-W03-2", "2005-01-18 00:00:00Z"),
            ("2004-W53-1", "2004-12-27 00:00:00Z"),
            ("2004-366", "2004-12-31 00:00:00Z"),
            ("12345-01-01", "12345-01-01 00:00:00Z"),
            ("epoch", "1970-01-01 00:00:00Z"),
            ("EPOCH/2", "1970-01-01 00:00:00Z"),
            ("2005-01-02Z", "2005-01-02 00:00:00Z"),
            ("2005-01-02W 10:10Z", "2005-01-02 10:10:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        let bad = [
            "",
            "2005",
            "2005-W03",
            "200502",
            "2005020",
            "2005-366",
            "2005-W53-1",
            "2005-02-29",
            "2005-13-01",
            "2005-00-01",
            "0-1-1",
            "2005/01/02",
            "2005 - 01 - 02",
            "epochx",
            "99999999999-01-01",
            "2005-W01-8",
            "2005-W00-1",
        ];
        for text in bad {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn forms_of_times() {
        let cases = [
            ("2005-01-02T15:30:10+01:30", "2005-01-02 14:00:10Z"),
            ("2005-01-02 15:30:10 -01:30", "2005-01-02 17:00:10Z"),
            ("2005-01-02 15:30:10 0130", "2005-01-02 14:00:10Z"),
            ("2005-01-02 15:30:10", "2005-01-02 13:30:10Z"),
            ("2005-01-02 15:30:10Z", "2005-01-02 15:30:10Z"),
            ("2005-01-02 10:10 ", "2005-01-02 10:10:00Z"),
            ("2005-01-02 10:10 x", "2005-01-02 10:10:00Z"),
            ("2005-01-02 10:10:10.5Z", "2005-01-02 10:10:10Z"),
            ("2005-01-02 123Z", "2005-01-02 12:03:00Z"),
            ("2005-01-02 1234567Z", "2005-01-02 12:34:56Z"),
            ("2005-01-02 12:Z", "2005-01-02 12:00:00Z"),
            ("2005-12-31 24:00Z", "2006-01-01 00:00:00Z"),
            ("T12:00Z", "2026-11-21 12:00:00Z"),
            ("23:59", "2026-11-21 21:59:00Z"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "2005-01-02 25:00Z",
            "2005-01-02 23:59:60Z",
            "2005-01-02 foo",
            "Tfoo",
            "2005-01-02 10:00 +25:00",
            "2005-01-02 24:01Z",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
