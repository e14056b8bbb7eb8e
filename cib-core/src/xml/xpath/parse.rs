//! Tokens to expressions.

use super::XPathError;
use super::ast::{Arithmetic, Axis, Comparison, Expr, Start, Step, Test};
use super::functions::Function;
use super::lex::{Token, tokens};

/// Levels of nested expressions.
const DEPTH: usize = 64;
/// Bytes of an expression.
const LENGTH: usize = 64 << 10;

pub(super) fn parse(text: &str) -> Result<Expr, XPathError> {
    if text.len() > LENGTH {
        return Err(XPathError::TooLarge);
    }
    let mut parser = Parser { tokens: tokens(text)?, at: 0, depth: 0, end: text.chars().count() + 1 };
    let expr = parser.or()?;
    if parser.at < parser.tokens.len() {
        return Err(parser.error("an operator or the end"));
    }
    Ok(expr)
}

struct Parser {
    tokens: Vec<(Token, usize)>,
    at: usize,
    depth: usize,
    end: usize,
}

type Parsed = Result<Expr, XPathError>;
/// Makes an expression of two operands.
type Binary = fn(Box<Expr>, Box<Expr>) -> Expr;

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.peek() == Some(token);
        self.at += usize::from(found);
        found
    }

    fn column(&self) -> usize {
        self.tokens.get(self.at).map_or(self.end, |&(_, column)| column)
    }

    fn error(&self, expected: &str) -> XPathError {
        XPathError::Syntax { column: self.column(), what: format!("{expected} expected") }
    }

    fn expect(&mut self, token: &Token, expected: &str) -> Result<(), XPathError> {
        if self.take(token) { Ok(()) } else { Err(self.error(expected)) }
    }

    /// A row of operands with operators of one rank between them, grouped from the left. The number of operands is
    /// limited too: each is one more level of the tree.
    fn row(&mut self, operand: fn(&mut Self) -> Parsed, operator: fn(&Token) -> Option<Binary>) -> Parsed {
        let mut left = operand(self)?;
        let mut count = 0;
        while let Some(make) = self.peek().and_then(operator) {
            count += 1;
            if count > 512 {
                return Err(XPathError::TooLarge);
            }
            self.at += 1;
            left = make(Box::new(left), Box::new(operand(self)?));
        }
        Ok(left)
    }

    fn or(&mut self) -> Parsed {
        if self.depth >= DEPTH {
            return Err(XPathError::TooLarge);
        }
        self.depth += 1;
        let expr = self.row(Self::and, |t| (*t == Token::Or).then_some(Expr::Or));
        self.depth -= 1;
        expr
    }

    fn and(&mut self) -> Parsed {
        self.row(Self::equality, |t| (*t == Token::And).then_some(Expr::And))
    }

    fn equality(&mut self) -> Parsed {
        self.row(Self::relation, |t| match t {
            Token::Equal => Some(|a, b| Expr::Compare(Comparison::Equal, a, b)),
            Token::NotEqual => Some(|a, b| Expr::Compare(Comparison::NotEqual, a, b)),
            _ => None,
        })
    }

    fn relation(&mut self) -> Parsed {
        self.row(Self::sum, |t| match t {
            Token::Less => Some(|a, b| Expr::Compare(Comparison::Less, a, b)),
            Token::LessOrEqual => Some(|a, b| Expr::Compare(Comparison::LessOrEqual, a, b)),
            Token::Greater => Some(|a, b| Expr::Compare(Comparison::Greater, a, b)),
            Token::GreaterOrEqual => Some(|a, b| Expr::Compare(Comparison::GreaterOrEqual, a, b)),
            _ => None,
        })
    }

    fn sum(&mut self) -> Parsed {
        self.row(Self::product, |t| match t {
            Token::Plus => Some(|a, b| Expr::Arithmetic(Arithmetic::Add, a, b)),
            Token::Minus => Some(|a, b| Expr::Arithmetic(Arithmetic::Subtract, a, b)),
            _ => None,
        })
    }

    fn product(&mut self) -> Parsed {
        self.row(Self::unary, |t| match t {
            Token::Times => Some(|a, b| Expr::Arithmetic(Arithmetic::Multiply, a, b)),
            Token::Div => Some(|a, b| Expr::Arithmetic(Arithmetic::Divide, a, b)),
            Token::Mod => Some(|a, b| Expr::Arithmetic(Arithmetic::Modulo, a, b)),
            _ => None,
        })
    }

    fn unary(&mut self) -> Parsed {
        let mut minus = 0usize;
        while self.take(&Token::Minus) {
            minus += 1;
        }
        let expr = self.row(Self::path, |t| (*t == Token::Bar).then_some(Expr::Union))?;
        Ok(match minus {
            0 => expr,
            odd if odd % 2 == 1 => Expr::Negate(Box::new(expr)),
            _ => Expr::Negate(Box::new(Expr::Negate(Box::new(expr)))),
        })
    }

    fn path(&mut self) -> Parsed {
        let mut steps = Vec::new();
        let start = if self.take(&Token::Slash) {
            if self.at_step() {
                self.relative(&mut steps)?;
            }
            Start::Document
        } else if self.peek() == Some(&Token::SlashSlash) {
            self.relative_after(&mut steps)?;
            Start::Document
        } else if self.at_step() {
            self.relative(&mut steps)?;
            Start::Context
        } else {
            let primary = self.primary()?;
            let predicates = self.predicates()?;
            let more = matches!(self.peek(), Some(Token::Slash | Token::SlashSlash));
            if predicates.is_empty() && !more {
                return Ok(primary);
            }
            if more {
                self.relative_after(&mut steps)?;
            }
            Start::Filter(Box::new(primary), predicates)
        };
        Ok(Expr::Path(start, steps))
    }

    fn at_step(&self) -> bool {
        match self.peek() {
            Some(Token::Dot | Token::DotDot | Token::At | Token::Axis(_) | Token::Star | Token::Name(_)) => true,
            Some(Token::Function(name)) => node_type(name).is_some(),
            _ => false,
        }
    }

    /// Steps separated by `/` and `//`.
    fn relative(&mut self, steps: &mut Vec<Step>) -> Result<(), XPathError> {
        steps.push(self.step()?);
        self.relative_after(steps)
    }

    fn relative_after(&mut self, steps: &mut Vec<Step>) -> Result<(), XPathError> {
        loop {
            if self.take(&Token::Slash) {
                steps.push(self.step()?);
            } else if self.take(&Token::SlashSlash) {
                let mut step = self.step()?;
                if step.axis == Axis::Child && !step.predicates.iter().any(Expr::is_positional) {
                    step.axis = Axis::Descendant;
                } else {
                    steps.push(Step { axis: Axis::DescendantOrSelf, test: Test::Node, predicates: Vec::new() });
                }
                steps.push(step);
            } else {
                return Ok(());
            }
        }
    }

    fn step(&mut self) -> Result<Step, XPathError> {
        if self.take(&Token::Dot) {
            return Ok(Step { axis: Axis::Itself, test: Test::Node, predicates: Vec::new() });
        }
        if self.take(&Token::DotDot) {
            return Ok(Step { axis: Axis::Parent, test: Test::Node, predicates: Vec::new() });
        }
        let axis = match self.peek() {
            Some(Token::At) => {
                self.at += 1;
                Axis::Attribute
            }
            Some(Token::Axis(name)) => {
                let axis = Axis::named(name).ok_or_else(|| self.error("the name of an axis"))?;
                self.at += 1;
                axis
            }
            _ => Axis::Child,
        };
        let test = match self.peek().cloned() {
            Some(Token::Star) => Test::Any,
            Some(Token::Name(name)) => Test::Name(name),
            Some(Token::Function(name)) => {
                let test = node_type(&name).ok_or_else(|| self.error("a node test"))?;
                self.at += 1;
                self.expect(&Token::Open, "'('")?;
                if test == Test::ProcessingInstruction && matches!(self.peek(), Some(Token::Literal(_))) {
                    self.at += 1;
                }
                if self.peek() != Some(&Token::Close) {
                    return Err(self.error("')'"));
                }
                test
            }
            _ => return Err(self.error("a step")),
        };
        self.at += 1;
        Ok(Step { axis, test, predicates: self.predicates()? })
    }

    fn predicates(&mut self) -> Result<Vec<Expr>, XPathError> {
        let mut predicates = Vec::new();
        while self.take(&Token::OpenBracket) {
            predicates.push(self.or()?);
            self.expect(&Token::CloseBracket, "']'")?;
        }
        Ok(predicates)
    }

    fn primary(&mut self) -> Parsed {
        match self.peek().cloned() {
            Some(Token::Open) => {
                self.at += 1;
                let expr = self.or()?;
                self.expect(&Token::Close, "')'")?;
                Ok(expr)
            }
            Some(Token::Literal(text)) => {
                self.at += 1;
                Ok(Expr::Literal(text))
            }
            Some(Token::Number(value)) => {
                self.at += 1;
                Ok(Expr::Number(value))
            }
            Some(Token::Function(name)) => self.call(&name),
            _ => Err(self.error("an expression")),
        }
    }

    fn call(&mut self, name: &str) -> Parsed {
        let column = self.column();
        let function = Function::named(name)
            .ok_or_else(|| XPathError::Unsupported { column, what: format!("function '{name}'") })?;
        self.at += 1;
        self.expect(&Token::Open, "'('")?;
        let mut args = Vec::new();
        if !self.take(&Token::Close) {
            loop {
                args.push(self.or()?);
                if !self.take(&Token::Comma) {
                    break;
                }
            }
            self.expect(&Token::Close, "')'")?;
        }
        if !function.takes(args.len()) {
            return Err(XPathError::Syntax { column, what: format!("wrong number of arguments for {name}()") });
        }
        Ok(Expr::Call(function, args))
    }
}

fn node_type(name: &str) -> Option<Test> {
    Some(match name {
        "node" => Test::Node,
        "text" => Test::Text,
        "comment" => Test::Comment,
        "processing-instruction" => Test::ProcessingInstruction,
        _ => return None,
    })
}
