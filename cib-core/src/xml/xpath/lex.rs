//! Characters to tokens, with the rules that tell `*` and `div` as operators from `*` and `div` as names.

use super::XPathError;
use crate::xml::names::{is_name_char, is_name_start};

#[derive(Clone, PartialEq, Debug)]
pub(super) enum Token {
    Open,
    Close,
    OpenBracket,
    CloseBracket,
    Dot,
    DotDot,
    At,
    Comma,
    Axis(String),
    Slash,
    SlashSlash,
    Bar,
    Plus,
    Minus,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    And,
    Or,
    Div,
    Mod,
    Times,
    /// `*` as a name test.
    Star,
    Literal(String),
    Number(f64),
    /// A name that is followed by `(`.
    Function(String),
    Name(String),
}

/// Tokens with their columns.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, XPathError> {
    let chars: Vec<char> = text.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0, out: Vec::new() };
    while lexer.token()? {}
    Ok(lexer.out)
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
    out: Vec<(Token, usize)>,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn error(&self, what: &str) -> XPathError {
        XPathError::Syntax { column: self.at + 1, what: what.into() }
    }

    fn skip(&mut self) {
        while self.peek(0).is_some_and(|c| matches!(c, ' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    /// Whether an operator is expected: there is a token before, and it is not one that needs an operand next.
    fn after_operand(&self) -> bool {
        matches!(
            self.out.last().map(|(t, _)| t),
            Some(
                Token::Close
                    | Token::CloseBracket
                    | Token::Dot
                    | Token::DotDot
                    | Token::Star
                    | Token::Literal(_)
                    | Token::Number(_)
                    | Token::Name(_)
            )
        )
    }

    /// Reads one token; false at the end.
    fn token(&mut self) -> Result<bool, XPathError> {
        self.skip();
        let Some(c) = self.peek(0) else { return Ok(false) };
        let column = self.at + 1;
        let next = self.peek(1);
        let (token, length) = match c {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '[' => (Token::OpenBracket, 1),
            ']' => (Token::CloseBracket, 1),
            '.' if next == Some('.') => (Token::DotDot, 2),
            '.' if next.is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            '.' => (Token::Dot, 1),
            '@' => (Token::At, 1),
            ',' => (Token::Comma, 1),
            '/' if next == Some('/') => (Token::SlashSlash, 2),
            '/' => (Token::Slash, 1),
            '|' => (Token::Bar, 1),
            '+' => (Token::Plus, 1),
            '-' => (Token::Minus, 1),
            '=' => (Token::Equal, 1),
            '!' if next == Some('=') => (Token::NotEqual, 2),
            '<' if next == Some('=') => (Token::LessOrEqual, 2),
            '<' => (Token::Less, 1),
            '>' if next == Some('=') => (Token::GreaterOrEqual, 2),
            '>' => (Token::Greater, 1),
            '*' if self.after_operand() => (Token::Times, 1),
            '*' => (Token::Star, 1),
            '"' | '\'' => self.literal(c)?,
            '$' => return Err(XPathError::Unsupported { column, what: "a variable".into() }),
            c if c.is_ascii_digit() => self.number()?,
            c if is_name_start(c) && c != ':' => self.name()?,
            _ => return Err(self.error(&format!("unexpected character '{c}'"))),
        };
        self.at += length;
        self.out.push((token, column));
        Ok(true)
    }

    fn literal(&self, quote: char) -> Result<(Token, usize), XPathError> {
        let rest = &self.chars[self.at + 1..];
        let end = rest.iter().position(|&c| c == quote).ok_or_else(|| self.error("string without end"))?;
        Ok((Token::Literal(rest[..end].iter().collect()), end + 2))
    }

    fn number(&self) -> Result<(Token, usize), XPathError> {
        let rest = &self.chars[self.at..];
        let mut length = rest.iter().take_while(|c| c.is_ascii_digit()).count();
        if rest.get(length) == Some(&'.') {
            length += 1;
            length += rest[length..].iter().take_while(|c| c.is_ascii_digit()).count();
        }
        let text: String = rest[..length].iter().collect();
        let value = text.parse().map_err(|_| self.error("malformed number"))?;
        Ok((Token::Number(value), length))
    }

    fn name(&self) -> Result<(Token, usize), XPathError> {
        let rest = &self.chars[self.at..];
        let length = rest.iter().take_while(|&&c| is_name_char(c) && c != ':').count();
        let name: String = rest[..length].iter().collect();
        let operator = match name.as_str() {
            "and" => Some(Token::And),
            "or" => Some(Token::Or),
            "div" => Some(Token::Div),
            "mod" => Some(Token::Mod),
            _ => None,
        };
        if let Some(token) = operator.filter(|_| self.after_operand()) {
            return Ok((token, length));
        }
        let blanks = rest[length..].iter().take_while(|c| c.is_whitespace()).count();
        let follow = &rest[length + blanks..];
        if follow.starts_with(&[':', ':']) {
            return Ok((Token::Axis(name), length + blanks + 2));
        }
        if rest.get(length) == Some(&':') {
            return Err(XPathError::Unsupported { column: self.at + 1, what: format!("namespace prefix '{name}'") });
        }
        if follow.first() == Some(&'(') {
            return Ok((Token::Function(name), length));
        }
        Ok((Token::Name(name), length))
    }
}
