//! A line as words with their columns.

use super::ScenarioError;
use std::time::Duration;

/// Reads a line word by word.
pub(super) struct Words<'a> {
    line: usize,
    text: &'a str,
    words: Vec<(usize, &'a str)>,
    at: usize,
}

impl<'a> Words<'a> {
    pub(super) fn new(line: usize, text: &'a str) -> Self {
        let text = text.split('#').next().unwrap_or("").trim_end();
        let mut words = Vec::new();
        let mut start = None;
        for (i, c) in text.char_indices().chain([(text.len(), ' ')]) {
            match (c.is_whitespace(), start) {
                (false, None) => start = Some(i),
                (true, Some(from)) => {
                    words.push((from, &text[from..i]));
                    start = None;
                }
                _ => {}
            }
        }
        Words { line, text, words, at: 0 }
    }

    pub(super) fn line(&self) -> usize {
        self.line
    }

    pub(super) fn is_done(&self) -> bool {
        self.at >= self.words.len()
    }

    pub(super) fn peek(&self) -> Option<&'a str> {
        self.words.get(self.at).map(|&(_, word)| word)
    }

    /// A word further on; 0 is the present one.
    pub(super) fn peek_at(&self, further: usize) -> Option<&'a str> {
        self.words.get(self.at + further).map(|&(_, word)| word)
    }

    fn column(&self) -> usize {
        let byte = self.words.get(self.at).map_or(self.text.len(), |&(at, _)| at);
        self.text[..byte].chars().count() + 1
    }

    /// An error at the present word.
    pub(super) fn expected(&self, what: &str) -> ScenarioError {
        let found = self.peek().map_or("the end of the line".to_owned(), |word| format!("'{word}'"));
        ScenarioError { line: self.line, column: self.column(), what: format!("expected {what}, found {found}") }
    }

    pub(super) fn next(&mut self, what: &str) -> Result<&'a str, ScenarioError> {
        let word = self.peek().ok_or_else(|| self.expected(what))?;
        self.at += 1;
        Ok(word)
    }

    pub(super) fn accept(&mut self, word: &str) -> bool {
        let found = self.peek() == Some(word);
        self.at += usize::from(found);
        found
    }

    pub(super) fn expect(&mut self, word: &str) -> Result<(), ScenarioError> {
        if self.accept(word) { Ok(()) } else { Err(self.expected(&format!("'{word}'"))) }
    }

    pub(super) fn end(&self) -> Result<(), ScenarioError> {
        if self.is_done() { Ok(()) } else { Err(self.expected("the end of the line")) }
    }

    /// All that is left, as written.
    pub(super) fn rest(&mut self) -> &'a str {
        let from = self.words.get(self.at).map_or(self.text.len(), |&(at, _)| at);
        self.at = self.words.len();
        &self.text[from..]
    }

    fn parsed<T>(&mut self, what: &str, read: impl Fn(&str) -> Option<T>) -> Result<T, ScenarioError> {
        let value = self.peek().and_then(read).ok_or_else(|| self.expected(what))?;
        self.at += 1;
        Ok(value)
    }

    pub(super) fn duration(&mut self) -> Result<Duration, ScenarioError> {
        self.parsed("a time such as 500ms, 30s or 2min", duration)
    }

    /// A time that may be negative, in seconds.
    pub(super) fn signed_seconds(&mut self) -> Result<i64, ScenarioError> {
        self.parsed("a time such as 1h or -30s", |text| {
            let (sign, text) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
            Some(sign * i64::try_from(duration(text)?.as_secs()).ok()?)
        })
    }

    pub(super) fn range(&mut self) -> Result<(Duration, Duration), ScenarioError> {
        self.parsed("a range of times such as 1ms..5ms", |text| {
            let (from, to) = text.split_once("..").unwrap_or((text, text));
            let (from, to) = (duration(from)?, duration(to)?);
            (from <= to).then_some((from, to))
        })
    }

    pub(super) fn share(&mut self) -> Result<f64, ScenarioError> {
        self.parsed("a share from 0% to 100%", |text| {
            let share = text.strip_suffix('%')?.parse::<f64>().ok()?;
            (0.0..=100.0).contains(&share).then_some(share / 100.0)
        })
    }

    /// A number from 1 to `most`.
    pub(super) fn number_up_to(&mut self, most: u8, what: &str) -> Result<u8, ScenarioError> {
        self.parsed(what, |text| text.parse().ok().filter(|n| (1..=most).contains(n)))
    }

    pub(super) fn number<T: std::str::FromStr>(&mut self, what: &str) -> Result<T, ScenarioError> {
        self.parsed(what, |text| text.parse().ok())
    }
}

fn duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "min" | "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    let value = number.parse::<f64>().ok()? * seconds;
    (value <= 1e9).then(|| Duration::from_secs_f64(value))
}
