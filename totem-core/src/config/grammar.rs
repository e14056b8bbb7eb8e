//! The lines of `corosync.conf`: sections, keys and values, and nothing about what they mean [QG-8.1].

use super::error::{ParseError, ParseErrorKind};
use super::{Mode, Warning};

/// Longest line in bytes, its newline included.
const LINE_LIMIT: usize = 511;
/// Paths of sections and keys must stay below this many bytes.
const PATH_LIMIT: usize = 255;

/// One line that says something. Paths are the full ones, outermost section first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    Open { path: String },
    Item { section: String, key: String, value: String },
    Close { path: String },
}

/// A statement and its line number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) number: u32,
    pub(super) statement: Statement,
}

fn is_blank(c: char) -> bool {
    c == ' ' || c == '\t'
}

/// Reads an integer as the original does: decimal, an optional sign, nothing behind it [QG-8.2].
pub(super) fn integer(text: &str) -> Option<i128> {
    let text = text.trim_start_matches([' ', '\t']);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) || digits.len() > 30 {
        return None;
    }
    text.strip_prefix('+').unwrap_or(text).parse().ok()
}

/// Where a trailing comment begins in `line`, if there is one: a `#` or `//` outside quotes that follows a blank
/// or begins the line. URLs and tags, which have no blank before the sign, are left alone [QG-11].
fn comment_start(line: &str) -> Option<usize> {
    let mut quoted = false;
    let mut after_blank = true;
    for (at, c) in line.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '#' if !quoted && after_blank => return Some(at),
            '/' if !quoted && after_blank && line[at..].starts_with("//") => return Some(at),
            _ => {}
        }
        after_blank = is_blank(c);
    }
    None
}

/// Gives `visit` one statement after the other. The first error ends it, whether the grammar's or the visitor's:
/// what stands before a bad line is complete.
pub(super) fn each_statement(
    text: &str,
    mode: Mode,
    warnings: &mut Vec<Warning>,
    mut visit: impl FnMut(Line) -> Result<(), ParseErrorKind>,
) -> Result<(), ParseError> {
    let mut open: Vec<String> = Vec::new();
    let mut number = 0;
    for raw in text.split_inclusive('\n') {
        number += 1;
        let fail = |kind| ParseError { line: number, kind };
        let mut line = raw;
        if mode == Mode::Legacy
            && let Some(at) = comment_start(line)
        {
            if !line[..at].trim_matches(is_blank).is_empty() && !warnings.contains(&Warning::TrailingComments) {
                warnings.push(Warning::TrailingComments);
            }
            line = &line[..at];
        }
        if line.len() > LINE_LIMIT {
            return Err(fail(ParseErrorKind::LineTooLong));
        }
        line = line.strip_suffix('\n').unwrap_or(line);
        line = line.strip_suffix('\r').unwrap_or(line);
        line = line.trim_matches(is_blank);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let statement = statement(line, &mut open).map_err(fail)?;
        visit(Line { number, statement }).map_err(fail)?;
    }
    if open.is_empty() { Ok(()) } else { Err(ParseError { line: number, kind: ParseErrorKind::MissingClosingBrace }) }
}

fn statement(line: &str, open: &mut Vec<String>) -> Result<Statement, ParseErrorKind> {
    let section = open.last().map_or("", String::as_str);
    if let Some((name, rest)) = line.split_once('{') {
        let name = name.trim_end_matches([' ', '\t', ':', '{']);
        if name.is_empty() {
            return Err(ParseErrorKind::MissingSectionName);
        }
        if !rest.is_empty() {
            return Err(ParseErrorKind::ExtraAfterOpening);
        }
        let path = join(section, name);
        if path.len() >= PATH_LIMIT {
            return Err(ParseErrorKind::SectionPathTooLong);
        }
        open.push(path.clone());
        return Ok(Statement::Open { path });
    }
    if let Some((key, value)) = line.split_once(':') {
        let key = key.trim_end_matches(is_blank);
        if key.is_empty() {
            return Err(ParseErrorKind::EmptyKey);
        }
        if join(section, key).len() >= PATH_LIMIT {
            return Err(ParseErrorKind::KeyPathTooLong);
        }
        let value = value.trim_start_matches(is_blank).to_owned();
        return Ok(Statement::Item { section: section.to_owned(), key: key.to_owned(), value });
    }
    if line.contains('}') {
        if line != "}" {
            return Err(ParseErrorKind::ExtraAroundClosing);
        }
        return open.pop().map(|path| Statement::Close { path }).ok_or(ParseErrorKind::UnexpectedClosing);
    }
    Err(ParseErrorKind::NotAStatement)
}

/// A path one level deeper; top-level names stand alone.
pub(super) fn join(section: &str, name: &str) -> String {
    if section.is_empty() { name.to_owned() } else { format!("{section}.{name}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statements(text: &str, mode: Mode, warnings: &mut Vec<Warning>) -> Result<Vec<Line>, ParseError> {
        let mut lines = Vec::new();
        each_statement(text, mode, warnings, |line| {
            lines.push(line);
            Ok(())
        })?;
        Ok(lines)
    }

    fn errors(text: &str) -> String {
        statements(text, Mode::Strict, &mut Vec::new()).unwrap_err().to_string()
    }

    #[test]
    fn every_error_of_the_grammar_has_its_text_and_line() {
        let cases = [
            ("totem {\n}}\n", "2: Extra characters before or after closing bracket '}'"),
            ("}\n", "1: Unexpected closing brace"),
            ("totem {\nversion: 2\n", "2: Missing closing brace"),
            (" { \n}\n", "1: Missing section name before opening bracket '{'"),
            ("totem { version: 2 }\n", "1: Extra characters after opening bracket '{'"),
            ("\n\nhello\n", "3: Line is not opening or closing section or key value"),
            (" : 3\n", "1: Key name can't be empty"),
        ];
        for (text, expected) in cases {
            assert_eq!(errors(text), expected, "{text:?}");
        }
        assert_eq!(errors(&format!("a: {}\n", "x".repeat(510))), "1: Line too long");
        assert_eq!(errors(&format!("{} {{\n", "s".repeat(255))), "1: Start of section makes total cmap path too long");
        assert_eq!(errors(&format!("{}: 1\n", "s".repeat(255))), "1: New key makes total cmap path too long");
    }

    #[test]
    fn only_the_first_colon_separates_and_a_colon_before_a_brace_is_dropped() {
        let lines = statements("node: {\n ring0_addr:\tfe80::1 \r\n}\n", Mode::Strict, &mut Vec::new()).unwrap();
        assert_eq!(lines[0].statement, Statement::Open { path: "node".into() });
        let item = Statement::Item { section: "node".into(), key: "ring0_addr".into(), value: "fe80::1".into() };
        assert_eq!(lines[1].statement, item);
    }

    #[test]
    fn trailing_comments_are_cut_in_legacy_mode_only() {
        let text = "totem { // why\n version: 2 # two\n url: http://x/#y\n} # end\n";
        assert!(statements(text, Mode::Strict, &mut Vec::new()).is_err());
        let mut warnings = Vec::new();
        let lines = statements(text, Mode::Legacy, &mut warnings).unwrap();
        assert_eq!(warnings, [Warning::TrailingComments]);
        let values: Vec<_> = lines
            .iter()
            .filter_map(|l| if let Statement::Item { value, .. } = &l.statement { Some(value.as_str()) } else { None })
            .collect();
        assert_eq!(values, ["2", "http://x/#y"]);
    }

    #[test]
    fn integers_allow_a_sign_and_nothing_else() {
        assert_eq!(integer("+5"), Some(5));
        assert_eq!(integer("-1"), Some(-1));
        for bad in ["", "0x10", "5 ", "2 # x", "-", "+-3", "99999999999999999999999999999999999"] {
            assert_eq!(integer(bad), None, "{bad:?}");
        }
    }
}
