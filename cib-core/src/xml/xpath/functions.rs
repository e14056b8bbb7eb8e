//! The function library.

use super::XPathError;
use super::eval::{Context, Evaluation};
use super::value::{Item, Value, text_number};

macro_rules! functions {
    ($($variant:ident $name:literal $min:literal $max:literal;)*) => {
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(super) enum Function { $($variant,)* }

        impl Function {
            pub(super) fn named(name: &str) -> Option<Function> {
                match name { $($name => Some(Function::$variant),)* _ => None }
            }

            /// Whether it can be called with that many arguments.
            pub(super) fn takes(self, count: usize) -> bool {
                let (min, max): (usize, usize) = match self { $(Function::$variant => ($min, $max),)* };
                (min..=max).contains(&count)
            }
        }
    };
}

functions! {
    Last "last" 0 0;
    Position "position" 0 0;
    Count "count" 1 1;
    Id "id" 1 1;
    LocalName "local-name" 0 1;
    NamespaceUri "namespace-uri" 0 1;
    Name "name" 0 1;
    String "string" 0 1;
    Concat "concat" 2 1024;
    StartsWith "starts-with" 2 2;
    Contains "contains" 2 2;
    SubstringBefore "substring-before" 2 2;
    SubstringAfter "substring-after" 2 2;
    Substring "substring" 2 3;
    StringLength "string-length" 0 1;
    NormalizeSpace "normalize-space" 0 1;
    Translate "translate" 3 3;
    Boolean "boolean" 1 1;
    Not "not" 1 1;
    True "true" 0 0;
    False "false" 0 0;
    Number "number" 0 1;
    Sum "sum" 1 1;
    Floor "floor" 1 1;
    Ceiling "ceiling" 1 1;
    Round "round" 1 1;
}

impl Function {
    pub(super) fn gives_number(self) -> bool {
        matches!(
            self,
            Function::Last
                | Function::Position
                | Function::Count
                | Function::StringLength
                | Function::Number
                | Function::Sum
                | Function::Floor
                | Function::Ceiling
                | Function::Round
        )
    }

    pub(super) fn call(
        self,
        args: Vec<Value>,
        context: Context,
        evaluation: &mut Evaluation<'_>,
    ) -> Result<Value, XPathError> {
        let doc = evaluation.doc;
        let text = |i: usize| args.get(i).map_or_else(|| context.item.string(doc), |v| v.string(doc));
        let number = |i: usize| args.get(i).map_or_else(|| text_number(&context.item.string(doc)), |v| v.number(doc));
        let nodes = |i: usize| match args.get(i) {
            Some(Value::Nodes(nodes)) => Ok(nodes.as_slice()),
            _ => Err(XPathError::NotNodes),
        };
        let named = || match args.first() {
            None => Ok(Some(context.item)),
            Some(Value::Nodes(nodes)) => Ok(nodes.first().copied()),
            Some(_) => Err(XPathError::NotNodes),
        };
        Ok(match self {
            Function::Last => Value::Number(context.size as f64),
            Function::Position => Value::Number(context.position as f64),
            Function::Count => Value::Number(nodes(0)?.len() as f64),
            // Without a document type there are no identifiers.
            Function::Id => Value::Nodes(Vec::new()),
            Function::Name => Value::String(named()?.map_or("", |item: Item| item.name(doc)).into()),
            Function::LocalName => {
                let name = named()?.map_or("", |item: Item| item.name(doc));
                Value::String(name.rsplit(':').next().unwrap_or(name).into())
            }
            Function::NamespaceUri => Value::String(String::new()),
            Function::String => Value::String(text(0)),
            Function::Concat => Value::String((0..args.len()).map(text).collect()),
            Function::StartsWith => Value::Boolean(text(0).starts_with(&text(1))),
            Function::Contains => Value::Boolean(text(0).contains(&text(1))),
            Function::SubstringBefore => {
                Value::String(text(0).split_once(&text(1)).map_or(String::new(), |(before, _)| before.into()))
            }
            Function::SubstringAfter => {
                Value::String(text(0).split_once(&text(1)).map_or(String::new(), |(_, after)| after.into()))
            }
            Function::Substring => Value::String(substring(&text(0), number(1), args.get(2).map(|_| number(2)))),
            Function::StringLength => Value::Number(text(0).chars().count() as f64),
            Function::NormalizeSpace => {
                let words: Vec<String> = text(0).split_ascii_whitespace().map(str::to_owned).collect();
                Value::String(words.join(" "))
            }
            Function::Translate => Value::String(translate(&text(0), &text(1), &text(2))),
            Function::Boolean => Value::Boolean(args[0].boolean()),
            Function::Not => Value::Boolean(!args[0].boolean()),
            Function::True => Value::Boolean(true),
            Function::False => Value::Boolean(false),
            Function::Number => Value::Number(number(0)),
            Function::Sum => Value::Number(nodes(0)?.iter().map(|n| text_number(&n.string(doc))).sum()),
            Function::Floor => Value::Number(number(0).floor()),
            Function::Ceiling => Value::Number(number(0).ceil()),
            Function::Round => Value::Number(round(number(0))),
        })
    }
}

/// To the nearest whole number, halves towards positive infinity.
fn round(number: f64) -> f64 {
    if number.is_finite() { (number + 0.5).floor() } else { number }
}

fn substring(text: &str, start: f64, length: Option<f64>) -> String {
    let from = round(start);
    let to = length.map_or(f64::INFINITY, |length| from + round(length));
    let inside = |i: usize| {
        let place = i as f64 + 1.0;
        place >= from && place < to
    };
    text.chars().enumerate().filter(|&(i, _)| inside(i)).map(|(_, c)| c).collect()
}

fn translate(text: &str, from: &str, to: &str) -> String {
    let to: Vec<char> = to.chars().collect();
    let place = |c: char| from.chars().position(|f| f == c);
    text.chars().filter_map(|c| place(c).map_or(Some(c), |i| to.get(i).copied())).collect()
}
