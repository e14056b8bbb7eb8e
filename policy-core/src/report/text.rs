//! The text layer: lists in lists, items, blank lines [SM-1.4].

use std::fmt::Write;

/// A piece of output.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Chunk {
    /// For standard output.
    Out(String),
    /// For standard error.
    Err(String),
}

/// Output in the making.
#[derive(Clone, Debug, Default)]
pub struct Report {
    chunks: Vec<Chunk>,
    level: usize,
    /// Nothing but lists and items is written.
    quiet: bool,
    /// Items are bare lines without indent, and titles are not written.
    plain: bool,
}

impl Report {
    /// An empty report.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A report that leaves out information lines.
    #[must_use]
    pub fn quiet(self) -> Self {
        Self { quiet: true, ..self }
    }

    /// A report of bare lines.
    #[must_use]
    pub fn plain(self) -> Self {
        Self { plain: true, ..self }
    }

    fn out(&mut self) -> &mut String {
        if !matches!(self.chunks.last(), Some(Chunk::Out(_))) {
            self.chunks.push(Chunk::Out(String::new()));
        }
        match self.chunks.last_mut() {
            Some(Chunk::Out(text)) => text,
            _ => unreachable!("a chunk of output was just put there"),
        }
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        let (level, plain) = (self.level, self.plain);
        let out = self.out();
        if !plain && level > 0 {
            let _ = write!(out, "{:indent$}* ", "", indent = 2 * level);
        }
        let _ = writeln!(out, "{text}");
    }

    /// Opens a list with a title.
    pub fn open(&mut self, title: &str) {
        if !self.plain {
            self.line(format_args!("{title}:"));
        }
        self.level += 1;
    }

    /// Opens a list with an item that has no colon, or with none.
    pub(super) fn open_bare(&mut self, title: Option<String>) {
        if let Some(title) = title {
            self.item(title);
        }
        self.level += 1;
    }

    /// Closes a list.
    pub fn close(&mut self) {
        self.level = self.level.saturating_sub(1);
    }

    /// Writes an item of the open list.
    pub fn item(&mut self, text: impl std::fmt::Display) {
        self.line(format_args!("{text}"));
    }

    /// Writes a blank line.
    pub fn blank(&mut self) {
        self.out().push('\n');
    }

    /// Writes a line that is never indented, unless the report is quiet.
    pub fn info(&mut self, text: impl std::fmt::Display) {
        if !self.quiet {
            let out = self.out();
            let _ = writeln!(out, "{text}");
        }
    }

    /// Writes a line for standard error.
    pub fn error(&mut self, text: impl std::fmt::Display) {
        self.chunks.push(Chunk::Err(format!("{text}\n")));
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.chunks.is_empty()
    }

    /// What was written, in order.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Both streams merged.
    #[must_use]
    pub fn merged(&self) -> String {
        self.chunks
            .iter()
            .map(|c| match c {
                Chunk::Out(t) | Chunk::Err(t) => t.as_str(),
            })
            .collect()
    }

    /// Standard output alone.
    #[must_use]
    pub fn output(&self) -> String {
        self.chunks.iter().map(|c| if let Chunk::Out(t) = c { t.as_str() } else { "" }).collect()
    }
}

/// Names between brackets: `[ a b ]`.
pub(super) fn bracketed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut text = String::from("[");
    for name in names {
        text.push(' ');
        text.push_str(name);
    }
    text.push_str(" ]");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_indented() {
        let mut report = Report::new();
        report.open("Outer");
        report.open("Inner");
        report.item("one");
        report.close();
        report.blank();
        report.error("oops");
        report.item("two");
        assert_eq!(report.merged(), "Outer:\n  * Inner:\n    * one\n\noops\n  * two\n");
        assert_eq!(report.output(), "Outer:\n  * Inner:\n    * one\n\n  * two\n");
        let mut plain = Report::new().plain().quiet();
        plain.open("Hidden");
        plain.item("x");
        plain.info("not shown");
        assert_eq!(plain.merged(), "x\n");
    }
}
