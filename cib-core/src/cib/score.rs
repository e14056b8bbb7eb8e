//! Arithmetic on scores in attribute values [CB-6.6].

/// The greatest score.
pub const INFINITY: i32 = 1_000_000;

/// The value that setting attribute `name` to `value` gives where its value is `old`: the sum for `name++` and
/// `name+=increment`, else `value` itself.
pub(super) fn expand(name: &str, value: &str, old: Option<&str>) -> Option<String> {
    let old = old.filter(|old| !old.is_empty())?;
    let rest = value.strip_prefix(name)?;
    let increment = if rest.starts_with("++") { 1 } else { parse_score(rest.strip_prefix("+=")?).unwrap_or(0) };
    Some(add(parse_score(old).unwrap_or(0), increment).to_string())
}

/// `INFINITY`, `+INFINITY`, `-INFINITY` ignoring case, or a whole number, clamped to what a score can be.
pub fn parse_score(text: &str) -> Option<i32> {
    let (sign, word) = match text.as_bytes().first() {
        Some(b'-') => (-1, &text[1..]),
        Some(b'+') => (1, &text[1..]),
        _ => (1, text),
    };
    if word.eq_ignore_ascii_case("INFINITY") {
        return Some(sign * INFINITY);
    }
    if word.is_empty() || !word.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let number = word.parse::<i64>().map_or(INFINITY, |n| n.min(i64::from(INFINITY)) as i32);
    Some(sign * number)
}

fn add(a: i32, b: i32) -> i32 {
    if a <= -INFINITY || b <= -INFINITY {
        -INFINITY
    } else if a >= INFINITY || b >= INFINITY {
        INFINITY
    } else {
        (a + b).clamp(-INFINITY, INFINITY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic() {
        assert_eq!(expand("n", "n++", Some("5")).as_deref(), Some("6"));
        assert_eq!(expand("n", "n+=-7", Some("5")).as_deref(), Some("-2"));
        assert_eq!(expand("n", "n+=infinity", Some("5")).as_deref(), Some("1000000"));
        assert_eq!(expand("n", "n+=1", Some("-INFINITY")).as_deref(), Some("-1000000"));
        assert_eq!(expand("n", "n+=5x", Some("5")).as_deref(), Some("5"));
        assert_eq!(expand("n", "n+=999999999999", Some("x")).as_deref(), Some("1000000"));
        assert_eq!(expand("n", "n++", None), None);
        assert_eq!(expand("n", "m++", Some("5")), None);
        assert_eq!(expand("n", "7", Some("5")), None);
    }
}
