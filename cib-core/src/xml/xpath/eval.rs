//! Evaluation.

use super::ast::{Arithmetic, Axis, Comparison, Expr, Start, Step, Test};
use super::value::{Item, Value, text_number};
use super::{Found, XPathError};
use crate::xml::document::{Document, Kind, NodeIx};

pub(super) fn select<'a>(expr: &Expr, doc: &'a Document, steps: u64) -> Result<Vec<Found<'a>>, XPathError> {
    let mut evaluation = Evaluation { doc, order: Vec::new(), left: steps, steps };
    let context = Context { item: Item::Document, position: 1, size: 1 };
    let Value::Nodes(nodes) = evaluation.eval(expr, context)? else { return Err(XPathError::NotNodes) };
    let found = nodes.into_iter().filter_map(|item| match item {
        Item::Document => Some(Found::Document),
        Item::Node(n) => Some(Found::Node(n)),
        Item::Attribute(element, i) => {
            doc.attrs(element).nth(i).map(|(name, value)| Found::Attribute { element, name, value })
        }
    });
    Ok(found.collect())
}

/// What an expression is evaluated for: a node, and its place among its fellows.
#[derive(Clone, Copy)]
pub(super) struct Context {
    pub(super) item: Item,
    pub(super) position: usize,
    pub(super) size: usize,
}

pub(super) struct Evaluation<'a> {
    pub(super) doc: &'a Document,
    /// Places of nodes in document order, made when first needed.
    order: Vec<u32>,
    left: u64,
    steps: u64,
}

impl Evaluation<'_> {
    fn spend(&mut self, steps: usize) -> Result<(), XPathError> {
        self.left = self.left.checked_sub(steps as u64 + 1).ok_or(XPathError::TooExpensive(self.steps))?;
        Ok(())
    }

    pub(super) fn eval(&mut self, expr: &Expr, context: Context) -> Result<Value, XPathError> {
        self.spend(1)?;
        Ok(match expr {
            Expr::Or(a, b) => Value::Boolean(self.eval(a, context)?.boolean() || self.eval(b, context)?.boolean()),
            Expr::And(a, b) => Value::Boolean(self.eval(a, context)?.boolean() && self.eval(b, context)?.boolean()),
            Expr::Compare(how, a, b) => {
                let (a, b) = (self.eval(a, context)?, self.eval(b, context)?);
                Value::Boolean(self.compare(*how, &a, &b)?)
            }
            Expr::Arithmetic(how, a, b) => {
                let (a, b) = (self.eval(a, context)?.number(self.doc), self.eval(b, context)?.number(self.doc));
                Value::Number(match how {
                    Arithmetic::Add => a + b,
                    Arithmetic::Subtract => a - b,
                    Arithmetic::Multiply => a * b,
                    Arithmetic::Divide => a / b,
                    Arithmetic::Modulo => a % b,
                })
            }
            Expr::Negate(a) => Value::Number(-self.eval(a, context)?.number(self.doc)),
            Expr::Union(a, b) => {
                let (a, b) = (self.eval(a, context)?, self.eval(b, context)?);
                let (Value::Nodes(mut nodes), Value::Nodes(more)) = (a, b) else { return Err(XPathError::NotNodes) };
                nodes.extend(more);
                self.sort(&mut nodes)?;
                Value::Nodes(nodes)
            }
            Expr::Literal(text) => Value::String(text.clone()),
            Expr::Number(number) => Value::Number(*number),
            Expr::Call(function, args) => {
                let args = args.iter().map(|a| self.eval(a, context)).collect::<Result<Vec<_>, _>>()?;
                for arg in &args {
                    if let Value::Nodes(nodes) = arg {
                        self.spend(nodes.len())?;
                    }
                }
                function.call(args, context, self)?
            }
            Expr::Path(start, steps) => Value::Nodes(self.path(start, steps, context)?),
        })
    }

    fn path(&mut self, start: &Start, steps: &[Step], context: Context) -> Result<Vec<Item>, XPathError> {
        let mut nodes = match start {
            Start::Document => vec![Item::Document],
            Start::Context => vec![context.item],
            Start::Filter(expr, predicates) => {
                let Value::Nodes(mut nodes) = self.eval(expr, context)? else { return Err(XPathError::NotNodes) };
                for predicate in predicates {
                    nodes = self.filter(nodes, predicate)?;
                }
                nodes
            }
        };
        for step in steps {
            let mut next = Vec::new();
            let several = nodes.len() > 1;
            for item in nodes {
                next.extend(self.step(step, item)?);
            }
            if several {
                self.sort(&mut next)?;
            }
            nodes = next;
        }
        Ok(nodes)
    }

    /// The nodes that one step leads to from one node, in document order.
    fn step(&mut self, step: &Step, item: Item) -> Result<Vec<Item>, XPathError> {
        let mut nodes = Vec::new();
        self.axis(step, item, &mut nodes)?;
        for predicate in &step.predicates {
            nodes = self.filter(nodes, predicate)?;
        }
        if step.axis.is_reverse() {
            nodes.reverse();
        }
        Ok(nodes)
    }

    fn filter(&mut self, nodes: Vec<Item>, predicate: &Expr) -> Result<Vec<Item>, XPathError> {
        let size = nodes.len();
        let mut kept = Vec::new();
        for (i, item) in nodes.into_iter().enumerate() {
            let value = match self.attribute_test(predicate, item) {
                Some(quick) => Value::Boolean(quick),
                None => self.eval(predicate, Context { item, position: i + 1, size })?,
            };
            let keep = match value {
                Value::Number(number) => number == (i + 1) as f64,
                other => other.boolean(),
            };
            if keep {
                kept.push(item);
            }
        }
        Ok(kept)
    }

    /// `@name='value'` without detours: the test that nearly all queries on large documents consist of.
    fn attribute_test(&self, predicate: &Expr, item: Item) -> Option<bool> {
        let Expr::Compare(Comparison::Equal, a, b) = predicate else { return None };
        let (Expr::Path(Start::Context, steps), Expr::Literal(value)) = (&**a, &**b) else { return None };
        let [Step { axis: Axis::Attribute, test: Test::Name(name), predicates }] = &steps[..] else { return None };
        match item {
            Item::Node(n) if predicates.is_empty() && self.doc.is_element(n) => {
                Some(self.doc.attr(n, name) == Some(value))
            }
            _ => None,
        }
    }

    /// The nodes on an axis that pass the test; on reverse axes, nearest first.
    fn axis(&mut self, step: &Step, item: Item, out: &mut Vec<Item>) -> Result<(), XPathError> {
        let doc = self.doc;
        let mut visited = 0;
        let mut push = |candidate: Item| {
            visited += 1;
            if passes(doc, &step.test, step.axis, candidate) {
                out.push(candidate);
            }
        };
        let node = match item {
            Item::Node(n) => Some(n),
            _ => None,
        };
        let parent = |item: Item| match item {
            Item::Document => None,
            Item::Node(n) => Some(doc.parent(n).map_or(Item::Document, Item::Node)),
            Item::Attribute(n, _) => Some(Item::Node(n)),
        };
        match step.axis {
            Axis::Itself => push(item),
            Axis::Parent => parent(item).into_iter().for_each(push),
            Axis::Ancestor => core::iter::successors(parent(item), |&i| parent(i)).for_each(push),
            Axis::AncestorOrSelf => core::iter::successors(Some(item), |&i| parent(i)).for_each(push),
            Axis::Child => match item {
                Item::Document => push(Item::Node(doc.root())),
                Item::Node(n) => doc.nodes(n).for_each(|c| push(Item::Node(c))),
                Item::Attribute(..) => {}
            },
            Axis::Descendant | Axis::DescendantOrSelf => {
                if step.axis == Axis::DescendantOrSelf {
                    push(item);
                }
                match item {
                    Item::Document => {
                        push(Item::Node(doc.root()));
                        doc.descendant_nodes(doc.root()).for_each(|d| push(Item::Node(d)));
                    }
                    Item::Node(n) => doc.descendant_nodes(n).for_each(|d| push(Item::Node(d))),
                    Item::Attribute(..) => {}
                }
            }
            Axis::FollowingSibling => {
                let first = node.and_then(|n| doc.next_node(n));
                core::iter::successors(first, |&n| doc.next_node(n)).for_each(|n| push(Item::Node(n)));
            }
            Axis::PrecedingSibling => {
                let first = node.and_then(|n| doc.previous_node(n));
                core::iter::successors(first, |&n| doc.previous_node(n)).for_each(|n| push(Item::Node(n)));
            }
            Axis::Following => {
                let start = match item {
                    Item::Document => None,
                    Item::Node(n) => Some((n, false)),
                    Item::Attribute(n, _) => Some((n, true)),
                };
                if let Some((n, below)) = start {
                    if below {
                        doc.descendant_nodes(n).for_each(|d| push(Item::Node(d)));
                    }
                    for up in core::iter::successors(Some(n), |&n| doc.parent(n)) {
                        for sibling in core::iter::successors(doc.next_node(up), |&n| doc.next_node(n)) {
                            push(Item::Node(sibling));
                            doc.descendant_nodes(sibling).for_each(|d| push(Item::Node(d)));
                        }
                    }
                }
            }
            Axis::Preceding => {
                let start = match item {
                    Item::Document => None,
                    Item::Node(n) | Item::Attribute(n, _) => Some(n),
                };
                for up in core::iter::successors(start, |&n| doc.parent(n)) {
                    for sibling in core::iter::successors(doc.previous_node(up), |&n| doc.previous_node(n)) {
                        let below: Vec<NodeIx> = doc.descendant_nodes(sibling).collect();
                        below.into_iter().rev().for_each(|d| push(Item::Node(d)));
                        push(Item::Node(sibling));
                    }
                }
            }
            Axis::Attribute => {
                if let Some(n) = node.filter(|&n| doc.is_element(n)) {
                    (0..doc.attr_count(n)).for_each(|i| push(Item::Attribute(n, i)));
                }
            }
            Axis::Namespace => {}
        }
        self.spend(visited)
    }

    /// Sorts into document order and drops what is there twice.
    fn sort(&mut self, nodes: &mut Vec<Item>) -> Result<(), XPathError> {
        if nodes.len() < 2 {
            return Ok(());
        }
        self.spend(nodes.len())?;
        if self.order.is_empty() {
            self.spend(self.doc.table_len())?;
            self.order = vec![0; self.doc.table_len()];
            let root = self.doc.root();
            for (i, n) in core::iter::once(root).chain(self.doc.descendant_nodes(root)).enumerate() {
                self.order[n.index()] = i as u32 + 1;
            }
        }
        let order = &self.order;
        let key = |item: &Item| match *item {
            Item::Document => (0, 0),
            Item::Node(n) => (order[n.index()], 0),
            Item::Attribute(n, i) => (order[n.index()], i + 1),
        };
        if !nodes.is_sorted_by_key(key) {
            nodes.sort_unstable_by_key(key);
        }
        nodes.dedup();
        Ok(())
    }

    fn compare(&mut self, how: Comparison, a: &Value, b: &Value) -> Result<bool, XPathError> {
        let doc = self.doc;
        match (a, b) {
            (Value::Nodes(left), Value::Nodes(right)) => {
                self.spend(left.len().saturating_mul(right.len()))?;
                let right: Vec<String> = right.iter().map(|n| n.string(doc)).collect();
                Ok(left.iter().any(|l| {
                    let l = l.string(doc);
                    right.iter().any(|r| strings(how, &l, r))
                }))
            }
            (Value::Nodes(nodes), other) | (other, Value::Nodes(nodes)) => {
                self.spend(nodes.len())?;
                let how = if matches!(b, Value::Nodes(_)) { how.mirrored() } else { how };
                Ok(match other {
                    Value::Boolean(_) => scalars(how, &Value::Boolean(!nodes.is_empty()), other, doc),
                    _ => nodes.iter().any(|n| scalars(how, &Value::String(n.string(doc)), other, doc)),
                })
            }
            _ => Ok(scalars(how, a, b, doc)),
        }
    }
}

impl Comparison {
    /// The comparison with its sides exchanged.
    fn mirrored(self) -> Comparison {
        match self {
            Comparison::Less => Comparison::Greater,
            Comparison::LessOrEqual => Comparison::GreaterOrEqual,
            Comparison::Greater => Comparison::Less,
            Comparison::GreaterOrEqual => Comparison::LessOrEqual,
            same => same,
        }
    }
}

fn strings(how: Comparison, a: &str, b: &str) -> bool {
    match how {
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
        _ => numbers(how, text_number(a), text_number(b)),
    }
}

fn numbers(how: Comparison, a: f64, b: f64) -> bool {
    match how {
        Comparison::Equal => a == b,
        Comparison::NotEqual => a != b,
        Comparison::Less => a < b,
        Comparison::LessOrEqual => a <= b,
        Comparison::Greater => a > b,
        Comparison::GreaterOrEqual => a >= b,
    }
}

fn scalars(how: Comparison, a: &Value, b: &Value, doc: &Document) -> bool {
    if !matches!(how, Comparison::Equal | Comparison::NotEqual) {
        return numbers(how, a.number(doc), b.number(doc));
    }
    let equal = match (a, b) {
        (Value::Boolean(_), _) | (_, Value::Boolean(_)) => a.boolean() == b.boolean(),
        (Value::Number(_), _) | (_, Value::Number(_)) => return numbers(how, a.number(doc), b.number(doc)),
        _ => a.string(doc) == b.string(doc),
    };
    equal == (how == Comparison::Equal)
}

fn passes(doc: &Document, test: &Test, axis: Axis, item: Item) -> bool {
    let kind = match item {
        Item::Node(n) => Some(doc.kind(n)),
        _ => None,
    };
    match test {
        Test::Node => true,
        Test::Text => matches!(kind, Some(Kind::Text | Kind::Cdata)),
        Test::Comment => kind == Some(Kind::Comment),
        Test::ProcessingInstruction => false,
        Test::Any if axis == Axis::Attribute => true,
        Test::Any => kind == Some(Kind::Element),
        Test::Name(name) if axis == Axis::Attribute => item.name(doc) == name,
        Test::Name(name) => kind == Some(Kind::Element) && item.name(doc) == name,
    }
}
