//! Feature sets and how they compare ([CT-1.8]).

use std::cmp::Ordering;
use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

/// A version such as `3.20.5`, compared number by number; missing numbers are 0.
#[derive(Clone, Debug, Default, serde::Serialize, serde::Deserialize)]
pub struct FeatureSet(Vec<u32>);

impl FeatureSet {
    /// The number at a place, 0 if missing.
    pub fn number(&self, place: usize) -> u32 {
        self.0.get(place).copied().unwrap_or(0)
    }

    /// Whether a node of feature set `joiner` may join a coordinator of this one.
    pub fn admits(&self, joiner: &FeatureSet) -> bool {
        self.number(0) == joiner.number(0) && self.number(1) <= joiner.number(1)
    }
}

impl FromStr for FeatureSet {
    type Err = Infallible;

    /// Leading white space and all after the numbers is left out; a text without numbers is 0.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        let text = text.trim_start();
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        Ok(FeatureSet(text[..end].split('.').map_while(|n| n.parse().ok()).take(8).collect()))
    }
}

impl fmt::Display for FeatureSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, n) in self.0.iter().enumerate() {
            write!(f, "{}{n}", if i > 0 { "." } else { "" })?;
        }
        Ok(())
    }
}

impl Ord for FeatureSet {
    fn cmp(&self, other: &Self) -> Ordering {
        (0..self.0.len().max(other.0.len()))
            .map(|i| self.number(i).cmp(&other.number(i)))
            .find(|o| o.is_ne())
            .unwrap_or(Ordering::Equal)
    }
}

impl PartialOrd for FeatureSet {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for FeatureSet {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for FeatureSet {}

#[cfg(test)]
mod tests {
    use super::*;

    fn f(text: &str) -> FeatureSet {
        text.parse().unwrap()
    }

    #[test]
    fn compares_numbers_not_text() {
        assert!(f("3.9") < f("3.20.5"));
        assert_eq!(f("3.1"), f(" 3.1.0-rc1"));
        assert_eq!(f(""), f("0"));
    }

    #[test]
    fn joiners_need_the_same_first_and_no_lower_second() {
        assert!(f("3.20.5").admits(&f("3.20.1")));
        assert!(f("3.19.0").admits(&f("3.20.5")));
        assert!(!f("3.19.0").admits(&f("3.18.0")));
        assert!(!f("3.20.5").admits(&f("4.0.0")));
    }
}
