//! Durations as messages print them.

use std::fmt::Write;

/// A number of milliseconds as messages print it: `1s`, `1.371s`, `250ms`, `1m30s`, `1h` [RA-1.5].
///
/// ```
/// assert_eq!(agents::standard::readable_interval(90_000), "1m30s");
/// assert_eq!(agents::standard::readable_interval(1371), "1.371s");
/// ```
pub fn readable_interval(ms: u64) -> String {
    if ms == 0 {
        return "0s".to_owned();
    }
    let mut text = String::new();
    let mut rest = ms;
    for (length, unit) in [(86_400_000, 'd'), (3_600_000, 'h'), (60_000, 'm')] {
        if rest >= length {
            let _ = write!(text, "{}{unit}", rest / length);
            rest %= length;
        }
    }
    if rest >= 1000 {
        let _ = write!(text, "{}", rest / 1000);
        if !rest.is_multiple_of(1000) {
            let _ = write!(text, ".{:03}", rest % 1000);
        }
        text.push('s');
    } else if rest > 0 {
        let _ = write!(text, "{rest}ms");
    }
    text
}

/// A time in meta-data and fence parameters, as milliseconds: a number without unit is seconds. `None` if it is no time.
///
/// ```
/// use agents::standard::parse_interval_ms;
/// assert_eq!(["20", "20s", "5m", "500ms"].map(parse_interval_ms), [Some(20_000), Some(20_000), Some(300_000), Some(500)]);
/// ```
pub fn parse_interval_ms(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().ok()?;
    let unit = text[digits..].trim();
    if unit == "us" || unit == "usec" {
        return Some(number / 1000);
    }
    let factor = match unit {
        "" | "s" | "sec" => 1000,
        "ms" | "msec" => 1,
        "m" | "min" => 60_000,
        "h" | "hr" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Milliseconds as whole seconds: rounded to nearest, but 1..499 ms gives 1 [RA-1.5].
pub(crate) fn rounded_seconds(ms: u64) -> u64 {
    if ms == 0 { 0 } else { (ms.saturating_add(500) / 1000).max(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_specified_examples() {
        for (ms, text) in [
            (0, "0s"),
            (1000, "1s"),
            (1371, "1.371s"),
            (250, "250ms"),
            (90_000, "1m30s"),
            (3_600_000, "1h"),
            (86_400_000 + 1, "1d1ms"),
            (60_000 + 1500, "1m1.500s"),
        ] {
            assert_eq!(readable_interval(ms), text);
        }
    }

    #[test]
    fn seconds_round_to_nearest_but_never_to_none() {
        assert_eq!([0, 1, 499, 500, 1499, 1500].map(rounded_seconds), [0, 1, 1, 1, 1, 2]);
    }
}
