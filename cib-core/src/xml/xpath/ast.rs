//! The form of an expression after parsing.

use super::functions::Function;

#[derive(Clone, Debug)]
pub(super) enum Expr {
    Or(Box<Expr>, Box<Expr>),
    And(Box<Expr>, Box<Expr>),
    Compare(Comparison, Box<Expr>, Box<Expr>),
    Arithmetic(Arithmetic, Box<Expr>, Box<Expr>),
    Negate(Box<Expr>),
    Union(Box<Expr>, Box<Expr>),
    Literal(String),
    Number(f64),
    Call(Function, Vec<Expr>),
    Path(Start, Vec<Step>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// Where a path begins.
#[derive(Clone, Debug)]
pub(super) enum Start {
    Document,
    Context,
    Filter(Box<Expr>, Vec<Expr>),
}

#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) axis: Axis,
    pub(super) test: Test,
    pub(super) predicates: Vec<Expr>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Axis {
    Child,
    Descendant,
    DescendantOrSelf,
    Parent,
    Ancestor,
    AncestorOrSelf,
    FollowingSibling,
    PrecedingSibling,
    Following,
    Preceding,
    Itself,
    Attribute,
    Namespace,
}

impl Axis {
    pub(super) fn named(name: &str) -> Option<Axis> {
        Some(match name {
            "child" => Axis::Child,
            "descendant" => Axis::Descendant,
            "descendant-or-self" => Axis::DescendantOrSelf,
            "parent" => Axis::Parent,
            "ancestor" => Axis::Ancestor,
            "ancestor-or-self" => Axis::AncestorOrSelf,
            "following-sibling" => Axis::FollowingSibling,
            "preceding-sibling" => Axis::PrecedingSibling,
            "following" => Axis::Following,
            "preceding" => Axis::Preceding,
            "self" => Axis::Itself,
            "attribute" => Axis::Attribute,
            "namespace" => Axis::Namespace,
            _ => return None,
        })
    }

    /// Whether positions count backwards in document order.
    pub(super) fn is_reverse(self) -> bool {
        matches!(self, Axis::Parent | Axis::Ancestor | Axis::AncestorOrSelf | Axis::PrecedingSibling | Axis::Preceding)
    }
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Test {
    Name(String),
    /// `*`: elements, or attributes on the attribute axis.
    Any,
    Node,
    Text,
    Comment,
    ProcessingInstruction,
}

impl Expr {
    /// Whether a predicate's result may depend on the place of a node among its fellows: then `//x[…]` must not be
    /// read as `descendant::x[…]`.
    pub(super) fn is_positional(&self) -> bool {
        match self {
            Expr::Number(_) | Expr::Arithmetic(..) | Expr::Negate(_) => true,
            Expr::Call(function, _) if function.gives_number() => true,
            other => other.asks_position(),
        }
    }

    fn asks_position(&self) -> bool {
        match self {
            Expr::Or(a, b)
            | Expr::And(a, b)
            | Expr::Compare(_, a, b)
            | Expr::Arithmetic(_, a, b)
            | Expr::Union(a, b) => a.asks_position() || b.asks_position(),
            Expr::Negate(a) => a.asks_position(),
            Expr::Literal(_) | Expr::Number(_) => false,
            Expr::Call(function, args) => {
                matches!(function, Function::Position | Function::Last) || args.iter().any(Expr::asks_position)
            }
            // Predicates further in have positions of their own.
            Expr::Path(Start::Filter(expr, _), _) => expr.asks_position(),
            Expr::Path(..) => false,
        }
    }
}
