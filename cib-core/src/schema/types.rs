//! Types of attribute values [CB-4].

use crate::xml::{is_name_char, is_name_start};

/// What an attribute may hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Type {
    /// A name that nothing else in the document has.
    Id,
    /// The name of something in the document.
    IdRef,
    Text,
    Int,
    /// Zero or more.
    Natural,
    /// One to so many.
    Positive(u32),
    Bool,
    Score,
    Words(&'static [&'static str]),
    /// One or more resource names, separated by commas.
    Devices,
    /// Digits and dashes.
    Range,
}

impl Type {
    pub(super) fn accepts(self, value: &str) -> bool {
        match self {
            Type::Text => true,
            Type::Id | Type::IdRef => is_ncname(trim(value)),
            Type::Int => is_int(trim(value)),
            Type::Natural => natural(trim(value)).is_some(),
            Type::Positive(max) => natural(trim(value))
                .is_some_and(|digits| !digits.is_empty() && digits.parse::<u32>().is_ok_and(|n| n <= max)),
            Type::Bool => matches!(trim(value), "true" | "false" | "1" | "0"),
            Type::Score => matches!(trim(value), "INFINITY" | "+INFINITY" | "-INFINITY") || is_int(trim(value)),
            Type::Words(words) => words.contains(&value),
            Type::Devices => value.split(',').all(|name| {
                !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'))
            }),
            Type::Range => !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit() || b == b'-'),
        }
    }

    /// What is expected, in words.
    pub(super) fn expected(self) -> String {
        match self {
            Type::Id | Type::IdRef => "a name (letters, digits, '_', '-', '.', not beginning with a digit)".into(),
            Type::Text => "text".into(),
            Type::Int => "a whole number".into(),
            Type::Natural => "a whole number of 0 or more".into(),
            Type::Positive(u32::MAX) => "a whole number of 1 or more".into(),
            Type::Positive(max) => format!("a whole number from 1 to {max}"),
            Type::Bool => "'true' or 'false'".into(),
            Type::Score => "a whole number, 'INFINITY' or '-INFINITY'".into(),
            Type::Words(words) => {
                let words: Vec<String> = words.iter().map(|w| format!("'{w}'")).collect();
                format!("one of {}", words.join(", "))
            }
            Type::Devices => "names separated by commas".into(),
            Type::Range => "a range such as '100-200'".into(),
        }
    }
}

/// White space around a value does not count.
pub(super) fn trim(value: &str) -> &str {
    value.trim_matches([' ', '\t', '\n', '\r'])
}

fn is_ncname(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| is_name_start(c) && c != ':') && chars.all(|c| is_name_char(c) && c != ':')
}

fn is_int(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())
}

/// The significant digits of a number of 0 or more; empty for 0.
fn natural(text: &str) -> Option<&str> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let significant = digits.trim_start_matches('0');
    (!text.starts_with('-') || significant.is_empty()).then_some(significant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values() {
        let check = |ty: Type, good: &[&str], bad: &[&str]| {
            good.iter().for_each(|v| assert!(ty.accepts(v), "{ty:?} accepts {v:?}"));
            bad.iter().for_each(|v| assert!(!ty.accepts(v), "{ty:?} refuses {v:?}"));
        };
        check(Type::Int, &["1", " -05 ", "+7", "99999999999999999999"], &["", "1.5", "-", "x", "1 2"]);
        check(Type::Natural, &["0", "-0", "+3"], &["-1", ""]);
        check(Type::Positive(9), &["1", "009"], &["0", "10", "-1"]);
        check(Type::Score, &["INFINITY", "+INFINITY", " -INFINITY ", "5"], &["infinity", "", "1.0"]);
        check(Type::Id, &["a", "_b.c-d", " x "], &["1", "a:b", "", "a b"]);
        check(Type::Devices, &["a", "a,b-c.d_e"], &["", "a, b", "a,"]);
        check(Type::Bool, &["true", "1"], &["yes", "TRUE", ""]);
    }
}
