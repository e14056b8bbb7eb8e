//! Scores: saturating numbers between -1,000,000 and 1,000,000, whose ends are the infinities [IN-3.3].

use core::fmt;
use core::ops::{Add, AddAssign, Neg, Sub};
use core::str::FromStr;

use super::value::{Integer, scan_integer};

/// A preference for or against something: an integer that saturates at ±[`Score::INFINITY`].
///
/// Addition is that of the scheduler: minus infinity beats everything, then infinity, then the sum is clipped.
///
/// ```
/// use cib_core::rules::Score;
/// assert_eq!(Score::INFINITY + Score::MINUS_INFINITY, Score::MINUS_INFINITY);
/// assert_eq!(Score::INFINITY + Score::new(-5), Score::INFINITY);
/// assert_eq!(Score::new(3) + Score::new(4), Score::new(7));
/// assert_eq!(Score::MINUS_INFINITY.to_string(), "-INFINITY");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Score(i32);

impl Score {
    /// The greatest score, 1,000,000.
    pub const INFINITY: Score = Score(1_000_000);
    /// The least score, -1,000,000.
    pub const MINUS_INFINITY: Score = Score(-1_000_000);
    /// Neither for nor against.
    pub const ZERO: Score = Score(0);

    /// The score nearest to `value`.
    #[must_use]
    pub const fn new(value: i64) -> Score {
        if value >= 1_000_000 {
            Score::INFINITY
        } else if value <= -1_000_000 {
            Score::MINUS_INFINITY
        } else {
            #[allow(clippy::cast_possible_truncation, reason = "within the limits just checked")]
            Score(value as i32)
        }
    }

    /// The number, within ±1,000,000.
    #[must_use]
    pub const fn get(self) -> i32 {
        self.0
    }

    /// Whether this is plus infinity.
    #[must_use]
    pub const fn is_infinity(self) -> bool {
        self.0 >= Score::INFINITY.0
    }

    /// Whether this is minus infinity.
    #[must_use]
    pub const fn is_minus_infinity(self) -> bool {
        self.0 <= Score::MINUS_INFINITY.0
    }

    /// Reads a score with the health colours at their values of `health`.
    ///
    /// `INFINITY`, `+INFINITY` and `-INFINITY` are case-sensitive, colours are not; anything else is an integer prefix, clipped.
    ///
    /// # Errors
    /// The text is neither of these.
    pub fn parse(text: &str, health: &HealthScores) -> Result<Score, InvalidScore> {
        match text {
            "INFINITY" | "+INFINITY" => return Ok(Score::INFINITY),
            "-INFINITY" => return Ok(Score::MINUS_INFINITY),
            _ => {}
        }
        if let Some(colour) = HealthColour::parse(text) {
            return Ok(health.of(colour));
        }
        match scan_integer(text).0 {
            Integer::Value(value) | Integer::Clipped(value) => Ok(Score::new(value)),
            Integer::Missing => Err(InvalidScore { text: text.to_owned() }),
        }
    }
}

impl FromStr for Score {
    type Err = InvalidScore;

    /// Reads a score with every health colour at 0.
    fn from_str(text: &str) -> Result<Score, InvalidScore> {
        Score::parse(text, &HealthScores::default())
    }
}

/// A text that is no score.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a valid score")]
pub struct InvalidScore {
    /// The text.
    pub text: String,
}

impl fmt::Display for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_infinity() {
            f.pad("INFINITY")
        } else if self.is_minus_infinity() {
            f.pad("-INFINITY")
        } else {
            fmt::Display::fmt(&self.0, f)
        }
    }
}

impl fmt::Debug for Score {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<i32> for Score {
    fn from(value: i32) -> Score {
        Score::new(value.into())
    }
}

impl Add for Score {
    type Output = Score;

    fn add(self, other: Score) -> Score {
        if self.is_minus_infinity() || other.is_minus_infinity() {
            Score::MINUS_INFINITY
        } else if self.is_infinity() || other.is_infinity() {
            Score::INFINITY
        } else {
            Score::from(self.0 + other.0)
        }
    }
}

impl AddAssign for Score {
    fn add_assign(&mut self, other: Score) {
        *self = *self + other;
    }
}

impl Neg for Score {
    type Output = Score;

    fn neg(self) -> Score {
        Score(-self.0)
    }
}

/// `a - b` is `a + (-b)`: an infinity taken away is minus infinity.
impl Sub for Score {
    type Output = Score;

    #[allow(clippy::suspicious_arithmetic_impl, reason = "defined as the addition of the opposite")]
    fn sub(self, other: Score) -> Score {
        self + -other
    }
}

impl core::iter::Sum for Score {
    fn sum<I: Iterator<Item = Score>>(scores: I) -> Score {
        scores.fold(Score::ZERO, Add::add)
    }
}

/// The words that node health attributes use as scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum HealthColour {
    /// `red`
    Red,
    /// `yellow`
    Yellow,
    /// `green`
    Green,
}

impl HealthColour {
    /// The colour that `text` names, in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<HealthColour> {
        let colours = [("red", HealthColour::Red), ("yellow", HealthColour::Yellow), ("green", HealthColour::Green)];
        colours.into_iter().find(|(name, _)| text.eq_ignore_ascii_case(name)).map(|(_, colour)| colour)
    }
}

/// What the health colours are worth under the health strategy in force; all 0 without one [IN-9.5].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HealthScores {
    /// Value of `red`.
    pub red: Score,
    /// Value of `yellow`.
    pub yellow: Score,
    /// Value of `green`.
    pub green: Score,
}

impl HealthScores {
    /// The value of one colour.
    #[must_use]
    pub const fn of(&self, colour: HealthColour) -> Score {
        match colour {
            HealthColour::Red => self.red,
            HealthColour::Yellow => self.yellow,
            HealthColour::Green => self.green,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let read = |text: &str| text.parse::<Score>().map(|score| score.to_string());
        assert_eq!(read("INFINITY").unwrap(), "INFINITY");
        assert_eq!(read("+INFINITY").unwrap(), "INFINITY");
        assert_eq!(read("-INFINITY").unwrap(), "-INFINITY");
        assert_eq!(read("1000001").unwrap(), "INFINITY");
        assert_eq!(read("-99999999999999999999999").unwrap(), "-INFINITY");
        assert_eq!(read(" 12abc").unwrap(), "12");
        assert_eq!(read("Red").unwrap(), "0");
        assert!(read("infinity").is_err());
        assert!(read("").is_err());
        assert!(read("high").is_err());
    }

    #[test]
    fn colours_take_the_strategys_scores() {
        let health = HealthScores { red: Score::MINUS_INFINITY, yellow: Score::new(-5), green: Score::new(7) };
        assert_eq!(Score::parse("red", &health).unwrap(), Score::MINUS_INFINITY);
        assert_eq!(Score::parse("YELLOW", &health).unwrap(), Score::new(-5));
        assert_eq!(Score::parse("green", &health).unwrap(), Score::new(7));
    }

    #[test]
    fn minus_infinity_beats_infinity() {
        assert_eq!(Score::INFINITY + Score::MINUS_INFINITY, Score::MINUS_INFINITY);
        assert_eq!(Score::new(999_999) + Score::new(1), Score::INFINITY);
        assert_eq!(Score::INFINITY - Score::INFINITY, Score::MINUS_INFINITY);
        assert_eq!([Score::new(1), Score::new(2)].into_iter().sum::<Score>(), Score::new(3));
    }
}
