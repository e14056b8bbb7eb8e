//! Scores, integers that saturate at ±INFINITY [PL-3], and roles.

use core::fmt;

/// A placement score: a plain integer, clamped to ±[`Score::INFINITY`] where it is added [PL-3.1].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Score(i32);

impl Score {
    /// One million: wins over every finite score.
    pub const INFINITY: Score = Score(1_000_000);
    /// Minus one million: wins over everything, `INFINITY` too.
    pub const NEG_INFINITY: Score = Score(-1_000_000);
    /// No preference.
    pub const ZERO: Score = Score(0);

    /// The score with this value, clamped to ±INFINITY.
    #[must_use]
    #[inline]
    pub const fn clamped(value: i64) -> Score {
        if value >= 1_000_000 {
            Score::INFINITY
        } else if value <= -1_000_000 {
            Score::NEG_INFINITY
        } else {
            Score(value as i32)
        }
    }

    /// The score with exactly this value, which may lie beyond INFINITY: marks used while merging [PL-13.4].
    #[must_use]
    #[inline]
    pub const fn raw(value: i32) -> Score {
        Score(value)
    }

    /// The value as an integer.
    #[must_use]
    #[inline]
    pub const fn value(self) -> i32 {
        self.0
    }

    /// Saturating addition: any -INFINITY wins, then any INFINITY, else the clamped sum [PL-3.3].
    #[must_use]
    #[allow(clippy::should_implement_trait)] // `+` would hide that this is not associative
    #[inline]
    pub const fn add(self, other: Score) -> Score {
        if self.0 <= -1_000_000 || other.0 <= -1_000_000 {
            Score::NEG_INFINITY
        } else if self.0 >= 1_000_000 || other.0 >= 1_000_000 {
            Score::INFINITY
        } else {
            Score::clamped(self.0 as i64 + other.0 as i64)
        }
    }

    /// The score with its sign turned.
    #[must_use]
    #[inline]
    pub const fn negated(self) -> Score {
        Score(self.0.saturating_neg())
    }

    /// At or above INFINITY.
    #[must_use]
    #[inline]
    pub const fn is_infinite(self) -> bool {
        self.0 >= 1_000_000
    }

    /// At or below -INFINITY.
    #[must_use]
    #[inline]
    pub const fn is_neg_infinite(self) -> bool {
        self.0 <= -1_000_000
    }

    /// At or beyond INFINITY on either side.
    #[must_use]
    #[inline]
    pub const fn is_mandatory(self) -> bool {
        self.is_infinite() || self.is_neg_infinite()
    }

    /// Below zero.
    #[must_use]
    #[inline]
    pub const fn is_negative(self) -> bool {
        self.0 < 0
    }
}

/// What a resource is, or shall be, on a node. The order is significant [PL-1.2].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Role {
    /// Not known, or not wanted to be anything in particular.
    #[default]
    Unknown,
    /// Not running.
    Stopped,
    /// Running.
    Started,
    /// Running, as an instance of a promotable clone that is not promoted.
    Unpromoted,
    /// Running and promoted.
    Promoted,
}

impl Role {
    /// Reads a role name, legacy names included [IN-3.10]; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        const NAMES: [(&str, Role); 7] = [
            ("Unknown", Role::Unknown),
            ("Stopped", Role::Stopped),
            ("Started", Role::Started),
            ("Unpromoted", Role::Unpromoted),
            ("Slave", Role::Unpromoted),
            ("Promoted", Role::Promoted),
            ("Master", Role::Promoted),
        ];
        NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|&(_, role)| role)
    }

    /// The name in outputs.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::Unknown => "Unknown",
            Self::Stopped => "Stopped",
            Self::Started => "Started",
            Self::Unpromoted => "Unpromoted",
            Self::Promoted => "Promoted",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for Score {
    /// Writes `INFINITY`, `-INFINITY` or the integer [PL-3.4].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_infinite() {
            f.write_str("INFINITY")
        } else if self.is_neg_infinite() {
            f.write_str("-INFINITY")
        } else {
            self.0.fmt(f)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Score;

    #[test]
    fn minus_infinity_wins_over_infinity() {
        assert_eq!(Score::INFINITY.add(Score::NEG_INFINITY), Score::NEG_INFINITY);
        assert_eq!(Score::INFINITY.add(Score::clamped(-5)), Score::INFINITY);
        assert_eq!(Score::clamped(999_999).add(Score::clamped(5)), Score::INFINITY);
        assert_eq!(Score::clamped(-999_999).add(Score::clamped(-5)), Score::NEG_INFINITY);
        assert_eq!(Score::clamped(3).add(Score::clamped(4)).value(), 7);
    }

    #[test]
    fn infinities_print_as_words() {
        assert_eq!(Score::INFINITY.to_string(), "INFINITY");
        assert_eq!(Score::raw(-100_000_000).to_string(), "-INFINITY");
        assert_eq!(Score::clamped(-12).to_string(), "-12");
    }
}
