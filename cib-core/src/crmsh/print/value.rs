//! Values and patterns.

use std::borrow::Cow;

/// Whether a value is printed without quotes [SH-8.3].
pub(super) fn is_bare(value: &str) -> bool {
    !value.is_empty() && value.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '.' | '-'))
}

/// The value, in quotes where it needs them.
pub(in crate::crmsh) fn quote(value: &str) -> Cow<'_, str> {
    if is_bare(value) { value.into() } else { format!("\"{}\"", value.replace('"', "\\\"")).into() }
}

/// Whether `text` matches a pattern of file names: `*`, `?`, `[…]`.
pub(in crate::crmsh) fn glob(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
                continue;
            }
            Some('?') => Some(1),
            Some('[') => class(&pattern[p..], text[t]),
            Some(c) if *c == text[t] => Some(1),
            _ => None,
        };
        match (step, star) {
            (Some(length), _) => {
                p += length;
                t += 1;
            }
            (None, Some((at, from))) => {
                star = Some((at, from + 1));
                p = at + 1;
                t = from + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

/// Length of a bracket expression that matches `c`. An unclosed one is the bracket itself.
fn class(pattern: &[char], c: char) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some('!'));
    let start = 1 + usize::from(negated);
    let Some(end) = pattern.iter().skip(start + 1).position(|c| *c == ']').map(|at| at + start + 1) else {
        return (c == '[').then_some(1);
    };
    let set = &pattern[start..end];
    let mut found = false;
    let mut at = 0;
    while at < set.len() {
        if at + 2 < set.len() && set[at + 1] == '-' {
            found |= (set[at]..=set[at + 2]).contains(&c);
            at += 3;
        } else {
            found |= set[at] == c;
            at += 1;
        }
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_only_where_needed() {
        assert_eq!(quote("a.b-c_1"), "a.b-c_1");
        assert_eq!(quote("höhe"), "höhe");
        assert_eq!(quote(""), "\"\"");
        assert_eq!(quote("say \"hi\" \\"), "\"say \\\"hi\\\" \\\"");
    }

    #[test]
    fn patterns() {
        assert!(glob("passw*", "password") && !glob("passw*", "pass"));
        assert!(glob("*b?d*", "abxbcd") && glob("[a-c]x", "bx") && !glob("[!a-c]x", "bx") && glob("[x", "[x"));
        assert!(glob("ip*", "ip1") && !glob("ip", "ip1") && glob("**", ""));
    }
}
