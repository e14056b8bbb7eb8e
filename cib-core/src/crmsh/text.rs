//! Text to logical lines and tokens [SH-2].

use super::message::CrmError;

/// A logical line: physical lines joined at trailing backslashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Number of the logical line; comments count, empty lines do not.
    pub number: usize,
    /// Its text.
    pub text: String,
    /// Where each physical piece begins: offset in `text`, physical line, column (both from 1).
    pieces: Vec<(usize, usize, usize)>,
}

impl Line {
    /// A line that stands alone, as typed at a prompt.
    #[must_use]
    pub fn typed(text: &str) -> Line {
        Line { number: 1, text: text.trim().to_owned(), pieces: vec![(0, 1, 1)] }
    }

    /// Whether the whole line is a comment.
    #[must_use]
    pub fn is_comment(&self) -> bool {
        self.text.starts_with('#')
    }

    /// Refuses characters that a document cannot hold, for lines that are taken as they are.
    ///
    /// # Errors
    /// A control character.
    pub fn check_characters(&self) -> Result<(), CrmError> {
        match self.text.char_indices().find(|&(_, c)| is_refused(c)) {
            Some((at, _)) => Err(CrmError::plain(self, at, "Invalid character".to_owned())),
            None => Ok(()),
        }
    }

    /// Physical line and column, both from 1, of a byte of `text`. Columns count characters.
    #[must_use]
    pub fn place(&self, offset: usize) -> (usize, usize) {
        let piece = self.pieces.partition_point(|piece| piece.0 <= offset).saturating_sub(1);
        let (start, line, column) = self.pieces.get(piece).copied().unwrap_or((0, 1, 1));
        (line, column + self.text.get(start..offset).map_or(0, |text| text.chars().count()))
    }

    /// The tokens: words as a POSIX shell splits them, without any expansion [SH-2.2].
    ///
    /// # Errors
    /// An open quote, a trailing backslash, or a control character.
    pub fn tokens(&self) -> Result<Vec<Token>, CrmError> {
        let mut tokens = Vec::new();
        let mut token: Option<Token> = None;
        let mut characters = self.text.char_indices().peekable();
        let fail = |offset: usize, message: &str| CrmError::plain(self, offset, message.to_owned());
        while let Some((at, c)) = characters.next() {
            if matches!(c, ' ' | '\t' | '\r' | '\n') {
                tokens.extend(token.take());
                continue;
            }
            if is_refused(c) {
                return Err(fail(at, "Invalid character"));
            }
            let token = token.get_or_insert_with(|| Token { text: String::new(), offset: at });
            match c {
                '\'' => loop {
                    match characters.next() {
                        Some((_, '\'')) => break,
                        Some((_, c)) => token.text.push(c),
                        None => return Err(fail(at, "No closing quotation")),
                    }
                },
                '"' => loop {
                    match characters.next() {
                        Some((_, '"')) => break,
                        Some((_, '\\')) => match characters.next() {
                            Some((_, c @ ('"' | '\\'))) => token.text.push(c),
                            Some((_, c)) => token.text.extend(['\\', c]),
                            None => return Err(fail(at, "No closing quotation")),
                        },
                        Some((_, c)) => token.text.push(c),
                        None => return Err(fail(at, "No closing quotation")),
                    }
                },
                '\\' => match characters.next() {
                    Some((_, c)) => token.text.push(c),
                    None => return Err(fail(at, "No escaped character")),
                },
                c => token.text.push(c),
            }
        }
        tokens.extend(token);
        match tokens.iter().find(|token| token.text.chars().any(is_refused)) {
            Some(token) => Err(fail(token.offset, "Invalid character")),
            None => Ok(tokens),
        }
    }
}

/// Control characters, but for the tab, and what is no character.
fn is_refused(c: char) -> bool {
    (c.is_control() && c != '\t') || matches!(c, '\u{FFFE}' | '\u{FFFF}')
}

/// A word, with the offset of its first character in the logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The word, quotes removed.
    pub text: String,
    /// Where it begins, in bytes.
    pub offset: usize,
}

/// The logical lines of a file [SH-2.1]. Empty ones are left out.
#[must_use]
pub fn logical_lines(text: &str) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut open: Option<Line> = None;
    let mut finish = |line: Line| {
        if !line.text.is_empty() {
            let number = lines.len() + 1;
            lines.push(Line { number, ..line });
        }
    };
    for (index, physical) in text.lines().enumerate() {
        let body = physical.trim();
        let column = physical.chars().take_while(|c| c.is_whitespace()).count() + 1;
        let kept = body.trim_end_matches('\\');
        let line = open.get_or_insert_with(|| Line { number: 0, text: String::new(), pieces: Vec::new() });
        line.pieces.push((line.text.len(), index + 1, column));
        line.text.push_str(kept);
        if kept.len() == body.len() {
            open.take().map(&mut finish);
        }
    }
    open.take().map(&mut finish);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        Line::typed(text).tokens().unwrap().into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn continuations_join_without_a_separator() {
        let lines = logical_lines("a=abc\\\n def=1 \\\\\n  x\n\n# c\nlast \\\n");
        let texts: Vec<_> = lines.iter().map(|line| (line.number, line.text.as_str())).collect();
        assert_eq!(texts, [(1, "a=abcdef=1 x"), (2, "# c"), (3, "last ")]);
        assert_eq!(lines[0].place(5), (2, 2));
        assert_eq!(lines[0].place(lines[0].text.len() - 1), (3, 3));
        assert!(lines[1].is_comment());
    }

    #[test]
    fn words_are_those_of_a_shell() {
        assert_eq!(words(r#"a="b c" 'd e'f "" g=\ h "i\"j\k\\""#), ["a=b c", "d ef", "", "g= h", "i\"j\\k\\"]);
        assert_eq!(words("  #x\ty "), ["#x", "y"]);
        let error = |text: &str| Line::typed(text).tokens().unwrap_err().to_string();
        assert_eq!(error("a \"b"), "No closing quotation");
        assert_eq!(error("a 'b"), "No closing quotation");
        assert_eq!(error("a \\"), "No escaped character");
        assert_eq!(error("a \u{1}"), "Invalid character");
        assert_eq!(error("a \u{FFFF}"), "Invalid character");
        assert!(Line::typed("# a\tb").check_characters().is_ok());
        assert!(Line::typed("# a\u{19}").check_characters().is_err());
    }
}
