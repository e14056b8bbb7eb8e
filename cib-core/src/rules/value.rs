//! Attribute values: booleans, integers, times, intervals, percentages, versions [IN-3].
//!
//! All of these read a prefix the way the released programs do, and say when they could not.

use core::cmp::Ordering;

use super::duration::IsoDuration;

/// What a prefix of a text reads as [IN-3.2].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Integer {
    /// An integer.
    Value(i64),
    /// An integer beyond 64 bits, clipped.
    Clipped(i64),
    /// There are no digits.
    Missing,
}

/// Reads optional white space, an optional sign and decimal digits; gives the rest of the text too.
#[must_use]
pub fn scan_integer(text: &str) -> (Integer, &str) {
    let body = text.trim_start_matches(is_c_space);
    let (negative, digits) = match body.as_bytes().first() {
        Some(b'-') => (true, &body[1..]),
        Some(b'+') => (false, &body[1..]),
        _ => (false, body),
    };
    let length = digits.bytes().take_while(u8::is_ascii_digit).count();
    if length == 0 {
        return (Integer::Missing, text);
    }
    let (digits, rest) = digits.split_at(length);
    let mut value = 0i64;
    for digit in digits.bytes().map(|byte| i64::from(byte - b'0')) {
        let next =
            value.checked_mul(10).and_then(|v| if negative { v.checked_sub(digit) } else { v.checked_add(digit) });
        match next {
            Some(next) => value = next,
            None => return (Integer::Clipped(if negative { i64::MIN } else { i64::MAX }), rest),
        }
    }
    (Integer::Value(value), rest)
}

/// The integer that `text` begins with, or `None` where it has no digits or is beyond 64 bits [IN-3.2].
#[must_use]
pub fn parse_integer(text: &str) -> Option<i64> {
    match scan_integer(text).0 {
        Integer::Value(value) => Some(value),
        Integer::Clipped(_) | Integer::Missing => None,
    }
}

/// The integer that `text` begins with, at least `minimum` and at most 2147483647; absent or invalid is `minimum` [IN-3.2].
#[must_use]
pub fn integer_with_minimum(text: Option<&str>, minimum: i32) -> i32 {
    let value = text.and_then(parse_integer).unwrap_or(minimum.into());
    i32::try_from(value.clamp(minimum.into(), i32::MAX.into())).unwrap_or(minimum)
}

/// The white space of C's `isspace`.
pub(crate) fn is_c_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

/// An explicit boolean [IN-3.1]: `Some(true)`, `Some(false)`, or `None` for an invalid word.
#[must_use]
pub fn parse_boolean(text: &str) -> Option<bool> {
    let is = |words: &[&str]| words.iter().any(|word| text.eq_ignore_ascii_case(word));
    if is(&["true", "on", "yes", "y", "1"]) {
        Some(true)
    } else if is(&["false", "off", "no", "n", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Whether `text` is present and one of the true words [IN-3.1].
#[must_use]
pub fn is_true(text: Option<&str>) -> bool {
    text.and_then(parse_boolean) == Some(true)
}

/// Why a time or interval could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TimeError {
    /// No number, or no known unit after it.
    #[error("not a number with one of the units s, ms, us, m, h")]
    Malformed,
    /// A number beyond 64 bits; `clipped_ms` is what it was clipped to.
    #[error("number out of range")]
    OutOfRange {
        /// The time after clipping.
        clipped_ms: i64,
    },
    /// A negative interval, or an unreadable ISO 8601 duration.
    #[error("negative or unreadable interval")]
    Negative,
}

/// Reads a plain time, such as an operation's `timeout`, in milliseconds [IN-3.4]. A number without unit is seconds.
///
/// # Errors
/// [`TimeError::Malformed`] or [`TimeError::OutOfRange`].
///
/// ```
/// use cib_core::rules::parse_milliseconds;
/// assert_eq!(parse_milliseconds("20"), Ok(20_000));
/// assert_eq!(parse_milliseconds("1.9s"), Ok(1_000));
/// assert_eq!(parse_milliseconds("10 minutes"), Ok(600_000));
/// assert!(parse_milliseconds("1d").is_err());
/// assert!(parse_milliseconds("PT30S").is_err());
/// ```
pub fn parse_milliseconds(text: &str) -> Result<i64, TimeError> {
    let (number, rest) = scan_integer(text);
    let unit = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.').trim_start_matches(is_c_space);
    let begins = |prefix: &str| {
        unit.len() >= prefix.len() && unit.as_bytes()[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
    };
    let (multiplier, divisor) = if unit.is_empty() || begins("s") {
        (1000, 1)
    } else if begins("ms") {
        (1, 1)
    } else if begins("us") {
        (1, 1000)
    } else if begins("m") {
        (60_000, 1)
    } else if begins("h") {
        (3_600_000, 1)
    } else {
        return Err(TimeError::Malformed);
    };
    match number {
        Integer::Value(value) => Ok(value.saturating_mul(multiplier) / divisor),
        Integer::Clipped(value) => {
            Err(TimeError::OutOfRange { clipped_ms: value.saturating_mul(multiplier) / divisor })
        }
        Integer::Missing => Err(TimeError::Malformed),
    }
}

/// Reads an interval or duration option in milliseconds [IN-3.5]: an ISO 8601 duration, or a plain time, clipped to 32 bits.
///
/// # Errors
/// [`TimeError::Negative`] where the released programs would take 0 and call the value invalid.
///
/// ```
/// use cib_core::rules::parse_interval;
/// assert_eq!(parse_interval("PT1M"), Ok(60_000));
/// assert_eq!(parse_interval("5min"), Ok(300_000));
/// assert!(parse_interval("-5").is_err());
/// ```
pub fn parse_interval(text: &str) -> Result<u32, TimeError> {
    if text.starts_with('P') {
        let seconds = IsoDuration::parse(text).map_err(|_| TimeError::Negative)?.seconds_approximately().min(4_294_967);
        return u32::try_from(seconds * 1000).map_err(|_| TimeError::Negative);
    }
    let milliseconds = match parse_milliseconds(text) {
        Ok(value) | Err(TimeError::OutOfRange { clipped_ms: value }) => value,
        Err(error) => return Err(error),
    };
    if milliseconds < 0 {
        return Err(TimeError::Negative);
    }
    Ok(u32::try_from(milliseconds).unwrap_or(u32::MAX))
}

/// Reads a percentage: a non-negative decimal number followed at once by `%` [IN-3.7].
#[must_use]
pub fn parse_percentage(text: &str) -> Option<i64> {
    let (number, rest) = scan_integer(text);
    match number {
        Integer::Value(value) if value >= 0 && rest.starts_with('%') => Some(value),
        _ => None,
    }
}

/// Orders two version texts component by component [IN-3.9].
///
/// ```
/// use cib_core::rules::compare_versions;
/// use core::cmp::Ordering;
/// assert_eq!(compare_versions("1.2", "1.2.0"), Ordering::Equal);
/// assert_eq!(compare_versions("3.20.5", "3.9"), Ordering::Greater);
/// ```
#[must_use]
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    let (a, b) = (version_prefix(a), version_prefix(b));
    let (mut left, mut right) = (a.split('.'), b.split('.'));
    loop {
        let (x, y) = (left.next(), right.next());
        if x.is_none() && y.is_none() {
            return Ordering::Equal;
        }
        let x = x.unwrap_or("").trim_start_matches('0');
        let y = y.unwrap_or("").trim_start_matches('0');
        let order = x.len().cmp(&y.len()).then_with(|| x.cmp(y));
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// The longest prefix `digits(.digits)*`.
fn version_prefix(text: &str) -> &str {
    let text = text.trim_start_matches(is_c_space);
    let bytes = text.as_bytes();
    let digits = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(0);
    while end > 0 && bytes.get(end) == Some(&b'.') {
        match digits(end + 1) {
            0 => break,
            more => end += 1 + more,
        }
    }
    &text[..end]
}

/// Orders node names: digit runs as numbers, the rest byte by byte in lower case [IN-3.11].
///
/// ```
/// use cib_core::rules::compare_names;
/// assert!(compare_names("node2", "node10").is_lt());
/// assert!(compare_names("n7", "n07").is_lt());
/// ```
#[must_use]
pub fn compare_names(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        match (a.first(), b.first()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some(x), Some(y)) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let run = |s: &[u8]| s.iter().take_while(|byte| byte.is_ascii_digit()).count();
                let ((x, after_x), (y, after_y)) = (a.split_at(run(a)), b.split_at(run(b)));
                let order = compare_digit_runs(x, y).then(x.len().cmp(&y.len()));
                if order != Ordering::Equal {
                    return order;
                }
                (a, b) = (after_x, after_y);
            }
            (Some(x), Some(y)) => {
                let order = x.to_ascii_lowercase().cmp(&y.to_ascii_lowercase());
                if order != Ordering::Equal {
                    return order;
                }
                (a, b) = (&a[1..], &b[1..]);
            }
        }
    }
}

/// Compares two runs of digits as numbers of any size.
fn compare_digit_runs(a: &[u8], b: &[u8]) -> Ordering {
    let significant = |s: &[u8]| s.iter().position(|&byte| byte != b'0').unwrap_or(s.len());
    let (a, b) = (&a[significant(a)..], &b[significant(b)..]);
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// The floating-point number that `text` begins with, or `None` where there is none or it over- or underflows [IN-6.2].
#[must_use]
pub fn parse_number(text: &str) -> Option<f64> {
    let body = text.trim_start_matches(is_c_space);
    let bytes = body.as_bytes();
    let digits =
        |from: usize| bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count();
    let start = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(start);
    let mut end = start + whole;
    let mut fraction = 0;
    if bytes.get(end) == Some(&b'.') {
        fraction = digits(end + 1);
        if whole + fraction > 0 {
            end += 1 + fraction;
        }
    }
    if whole + fraction == 0 {
        return None;
    }
    let mantissa = &body[start..end];
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        match digits(end + 1 + sign) {
            0 => {}
            exponent => end += 1 + sign + exponent,
        }
    }
    let value: f64 = body[..end].parse().ok()?;
    let underflow = value.abs() < f64::MIN_POSITIVE && mantissa.bytes().any(|byte| (b'1'..=b'9').contains(&byte));
    (value.is_finite() && !underflow).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn booleans() {
        assert_eq!(parse_boolean("YES"), Some(true));
        assert_eq!(parse_boolean("0"), Some(false));
        assert_eq!(parse_boolean(""), None);
        assert_eq!(parse_boolean(" true"), None);
        assert!(!is_true(None));
    }

    #[test]
    fn integers() {
        assert_eq!(parse_integer("5abc"), Some(5));
        assert_eq!(parse_integer("1.9"), Some(1));
        assert_eq!(parse_integer(" -7"), Some(-7));
        assert_eq!(parse_integer("-"), None);
        assert_eq!(parse_integer("99999999999999999999"), None);
        assert_eq!(scan_integer("-99999999999999999999x"), (Integer::Clipped(i64::MIN), "x"));
        assert_eq!(parse_integer("-9223372036854775808"), Some(i64::MIN));
        assert_eq!(integer_with_minimum(Some("-3"), 0), 0);
        assert_eq!(integer_with_minimum(Some("9999999999"), 0), i32::MAX);
        assert_eq!(integer_with_minimum(Some("x"), 1), 1);
    }

    #[test]
    fn plain_times() {
        assert_eq!(parse_milliseconds("3.1.4 ms"), Ok(3));
        assert_eq!(parse_milliseconds("5 sect"), Ok(5_000));
        assert_eq!(parse_milliseconds("10months"), Ok(600_000));
        assert_eq!(parse_milliseconds("1500us"), Ok(1));
        assert_eq!(parse_milliseconds("2H"), Ok(7_200_000));
        for bad in ["", ".5s", "1d", "5u", "5w", "s"] {
            assert_eq!(parse_milliseconds(bad), Err(TimeError::Malformed), "{bad}");
        }
        assert_eq!(parse_milliseconds("99999999999999999999"), Err(TimeError::OutOfRange { clipped_ms: i64::MAX }));
    }

    #[test]
    fn intervals() {
        assert_eq!(parse_interval("PT30S"), Ok(30_000));
        assert_eq!(parse_interval("P1M"), Ok(2_592_000_000));
        assert_eq!(parse_interval("P9Y"), Ok(4_294_967_000));
        assert_eq!(parse_interval("99999999999999999999"), Ok(u32::MAX));
        assert_eq!(parse_interval("PT-5S"), Err(TimeError::Negative));
        assert_eq!(parse_interval("PT0S"), Err(TimeError::Negative));
        assert!(parse_interval("nonsense").is_err());
    }

    #[test]
    fn numbers() {
        assert_eq!(parse_number(" 2.5abc"), Some(2.5));
        assert_eq!(parse_number("1e3"), Some(1000.0));
        assert_eq!(parse_number("1e"), Some(1.0));
        assert_eq!(parse_number(".5"), Some(0.5));
        assert_eq!(parse_number("."), None);
        assert_eq!(parse_number("1e999"), None);
        assert_eq!(parse_number("1e-999"), None);
        assert_eq!(parse_number("0e-999"), Some(0.0));
    }

    #[test]
    fn versions_and_names() {
        assert_eq!(compare_versions("2-rc1", "2"), Ordering::Equal);
        assert_eq!(compare_versions("", "0"), Ordering::Equal);
        assert_eq!(compare_versions("1.10", "1.9"), Ordering::Greater);
        assert_eq!(compare_versions("1.", "1"), Ordering::Equal);
        assert_eq!(compare_names("Node1", "node1"), Ordering::Equal);
        assert_eq!(compare_names("a", "ab"), Ordering::Less);
        assert_eq!(parse_percentage("80%"), Some(80));
        assert_eq!(parse_percentage("80"), None);
    }
}
