//! Resources of constraints: two names, or sets [SH-3.8].

use super::cursor::{Fault, Parser};
use crate::crmsh::dialect::ACTIONS;
use crate::rules::parse_boolean;
use crate::xml::NodeIx;

/// What may follow a resource's name after a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Qualifier {
    Role,
    Action,
}

impl Qualifier {
    pub(super) fn word(self) -> &'static str {
        match self {
            Qualifier::Role => "role",
            Qualifier::Action => "action",
        }
    }
}

impl Parser<'_> {
    /// The canonical spelling of a role or action.
    fn qualifier(&mut self, kind: Qualifier, text: &str) -> Option<String> {
        let (text, known) = match kind {
            Qualifier::Role => (self.role_name(text), self.dialect.roles()),
            Qualifier::Action => (text.to_owned(), &ACTIONS[..]),
        };
        known.iter().find(|known| known.eq_ignore_ascii_case(&text)).map(|known| (*known).to_owned())
    }

    /// Reads `NAME[:QUALIFIER]` into attributes named after `attribute`.
    pub(super) fn qualified(&mut self, attribute: &str, kind: Qualifier) -> Result<(), Fault> {
        let (name, text) = self.expect("Expected value[:value]", split_qualified)?;
        self.set(attribute, &name);
        let Some(text) = text else { return Ok(()) };
        if let Some(canonical) = self.qualifier(kind, &text) {
            self.set(&format!("{attribute}-{}", kind.word()), &canonical);
        } else if text.bytes().all(|byte| byte.is_ascii_digit()) {
            self.set(&format!("{attribute}-instance"), &text);
        } else {
            return Err(Fault::new(format!("Invalid {} '{text}' for '{name}'", kind.word())));
        }
        Ok(())
    }
}

/// `value[:value]`.
pub(super) fn split_qualified(token: &str) -> Option<(String, Option<String>)> {
    let (name, text) = match token.split_once(':') {
        Some((name, text)) => (name, Some(text)),
        None => (token, None),
    };
    let fits = !name.is_empty() && text.is_none_or(|text| !text.is_empty() && !text.contains(':'));
    fits.then(|| (name.to_owned(), text.map(str::to_owned)))
}

/// A reading of resource sets.
struct Sets {
    kind: Qualifier,
    bracket: Option<char>,
    sequential: bool,
    require_all: bool,
    qualifier: Option<String>,
    open: Vec<String>,
}

/// Reads `tokens` as resource sets into `parent`; how many sets there are.
pub(super) fn resource_sets(
    p: &mut Parser<'_>,
    parent: NodeIx,
    tokens: &[String],
    kind: Qualifier,
) -> Result<usize, Fault> {
    let before = p.doc.children(parent).count();
    let mut sets = Sets { kind, bracket: None, sequential: true, require_all: true, qualifier: None, open: Vec::new() };
    let fault =
        |message: String, near: Option<&String>| Fault::new(message).in_context(kind.word()).near(near.cloned());
    let tokens: Vec<String> = tokens.iter().flat_map(|token| split_bracket(token)).collect();
    for token in &tokens {
        match token.as_str() {
            "_rsc_set_" => {}
            "(" | "[" => {
                sets.close(p, parent);
                if sets.bracket.is_some() {
                    return Err(fault("Cannot nest resource sets".to_owned(), Some(token)));
                }
                sets.bracket = token.chars().next();
                sets.sequential = false;
                if token == "[" {
                    sets.require_all = false;
                }
            }
            ")" | "]" => {
                if sets.open.is_empty() {
                    return Err(fault("Empty resource set".to_owned(), Some(token)));
                }
                let opening = if token == ")" { '(' } else { '[' };
                match sets.bracket {
                    None => return Err(fault("Unmatched closing bracket".to_owned(), Some(token))),
                    Some(open) if open != opening => {
                        return Err(fault("Mismatched closing bracket".to_owned(), Some(token)));
                    }
                    Some(_) => {}
                }
                sets.close(p, parent);
                (sets.bracket, sets.sequential, sets.require_all) = (None, true, true);
            }
            text if text.contains('=') => sets.flag(text).map_err(|message| fault(message, Some(token)))?,
            text => sets.resource(p, parent, text).map_err(|message| fault(message, None))?,
        }
    }
    if sets.bracket.is_some() {
        return Err(fault("Unmatched opening bracket".to_owned(), tokens.last()));
    }
    sets.close(p, parent);
    Ok(p.doc.children(parent).count() - before)
}

/// A bracket that sticks to a name becomes a token of its own; one per token.
fn split_bracket(token: &str) -> Vec<String> {
    if token.chars().count() > 1 {
        if token.starts_with(['(', '[']) {
            return vec![token[..1].to_owned(), token[1..].to_owned()];
        }
        if token.ends_with([')', ']']) {
            let at = token.len() - 1;
            return vec![token[..at].to_owned(), token[at..].to_owned()];
        }
    }
    vec![token.to_owned()]
}

impl Sets {
    /// Writes the open set, if it holds anything.
    fn close(&mut self, p: &mut Parser<'_>, parent: NodeIx) {
        if self.open.is_empty() {
            return;
        }
        let set = p.doc.append(parent, "resource_set");
        if !self.require_all {
            p.doc.set_attr(set, "require-all", "false");
        }
        if !self.sequential {
            p.doc.set_attr(set, "sequential", "false");
        }
        if let Some(qualifier) = &self.qualifier {
            p.doc.set_attr(set, self.kind.word(), qualifier);
        }
        for id in self.open.drain(..) {
            let reference = p.doc.append(set, "resource_ref");
            p.doc.set_attr(reference, "id", &id);
        }
        self.qualifier = None;
    }

    fn flag(&mut self, token: &str) -> Result<(), String> {
        let (name, value) = token.split_once('=').unwrap_or((token, ""));
        if value.contains('=') {
            return Err(format!("Extra = in {token}"));
        }
        let flag = match name {
            "sequential" => &mut self.sequential,
            "require-all" => &mut self.require_all,
            _ => return Err("Unknown attribute".to_owned()),
        };
        let word =
            ["yes", "true", "on", "1", "no", "false", "off", "0"].iter().any(|word| value.eq_ignore_ascii_case(word));
        *flag = parse_boolean(value).filter(|_| word).ok_or_else(|| format!("Not a boolean: {value}"))?;
        Ok(())
    }

    fn resource(&mut self, p: &mut Parser<'_>, parent: NodeIx, token: &str) -> Result<(), String> {
        let (name, text) = token.split_once(':').map_or((token, None), |(name, text)| (name, Some(text)));
        let invalid = || format!("Invalid {} for {token}", self.kind.word());
        let qualifier = text.map(|text| p.qualifier(self.kind, text).ok_or_else(invalid)).transpose()?;
        if qualifier != self.qualifier {
            self.close(p, parent);
            self.qualifier = qualifier;
        }
        self.open.push(name.to_owned());
        Ok(())
    }
}
