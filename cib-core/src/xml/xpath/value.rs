//! Values of expressions and their conversions.

use crate::xml::document::{Document, Kind, NodeIx};

/// A node of the data model: the document, a node of the tree, or the attribute with a number of an element.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Item {
    Document,
    Node(NodeIx),
    Attribute(NodeIx, usize),
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Nodes(Vec<Item>),
    Number(f64),
    String(String),
    Boolean(bool),
}

impl Item {
    pub(super) fn string(self, doc: &Document) -> String {
        match self {
            Item::Document => Item::Node(doc.root()).string(doc),
            Item::Attribute(n, i) => doc.attrs(n).nth(i).map_or(String::new(), |(_, value)| value.into()),
            Item::Node(n) if doc.is_element(n) => {
                let texts = doc.descendant_nodes(n).filter(|&d| matches!(doc.kind(d), Kind::Text | Kind::Cdata));
                texts.filter_map(|d| doc.text(d)).collect()
            }
            Item::Node(n) => doc.text(n).unwrap_or_default().into(),
        }
    }

    pub(super) fn name(self, doc: &Document) -> &str {
        match self {
            Item::Attribute(n, i) => doc.attrs(n).nth(i).map_or("", |(name, _)| name),
            Item::Node(n) if doc.is_element(n) => doc.name(n),
            _ => "",
        }
    }
}

impl Value {
    pub(super) fn string(&self, doc: &Document) -> String {
        match self {
            Value::Nodes(nodes) => nodes.first().map_or(String::new(), |n| n.string(doc)),
            Value::Number(number) => number_text(*number),
            Value::String(text) => text.clone(),
            Value::Boolean(b) => b.to_string(),
        }
    }

    pub(super) fn number(&self, doc: &Document) -> f64 {
        match self {
            Value::Number(number) => *number,
            Value::Boolean(b) => f64::from(u8::from(*b)),
            other => text_number(&other.string(doc)),
        }
    }

    pub(super) fn boolean(&self) -> bool {
        match self {
            Value::Nodes(nodes) => !nodes.is_empty(),
            Value::Number(number) => *number != 0.0 && !number.is_nan(),
            Value::String(text) => !text.is_empty(),
            Value::Boolean(b) => *b,
        }
    }
}

/// White space, an optional minus sign, digits with at most one point; everything else is not a number.
pub(super) fn text_number(text: &str) -> f64 {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') && digits.bytes().any(|b| b.is_ascii_digit());
    if plain { text.parse().unwrap_or(f64::NAN) } else { f64::NAN }
}

fn number_text(number: f64) -> String {
    if number.is_nan() {
        "NaN".into()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity".into() } else { "-Infinity".into() }
    } else if number == 0.0 {
        "0".into()
    } else {
        format!("{number}")
    }
}
