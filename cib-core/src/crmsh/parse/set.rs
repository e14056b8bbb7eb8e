//! Pairs and attribute sets [SH-3.3, SH-3.4], scores and roles [SH-3.7, SH-3.9].

use super::cursor::{Fault, IdSpec, Parser, SET_WORDS, id_spec, is_word_of, score};
use super::rule;
use crate::xml::NodeIx;

/// A pair as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) id: Option<String>,
    pub(super) id_ref: Option<String>,
    pub(super) name: Option<String>,
    pub(super) value: Option<String>,
}

/// Reads one token as a pair.
fn pair(token: &str) -> Option<Pair> {
    let own = |text: &str| Some(text.to_owned());
    if let Some(reference) = token.strip_prefix('@') {
        let (id, name) = match reference.split_once(':') {
            Some((id, name)) => (id, own(name)),
            None => (reference, None),
        };
        return (!id.is_empty() && !id.contains('=')).then(|| Pair { id_ref: own(id), name, ..Pair::default() });
    }
    let Some((name, value)) = token.split_once('=') else {
        return (!token.is_empty() && !token.contains(':')).then(|| Pair { name: own(token), ..Pair::default() });
    };
    if let Some(name) = name.strip_prefix('$') {
        let (id, name) = name.split_once(':').unwrap_or((name, name));
        return (!id.is_empty() && !name.is_empty()).then(|| Pair {
            id: own(id),
            name: own(name),
            value: own(value),
            ..Pair::default()
        });
    }
    (!name.is_empty()).then(|| Pair { name: own(name), value: own(value), ..Pair::default() })
}

impl Parser<'_> {
    /// Reads pairs up to the end, one of the [`SET_WORDS`], one of `also`, or a token that is no pair.
    pub(super) fn pairs(&mut self, also: &[&str]) -> Vec<Pair> {
        let mut pairs = Vec::new();
        while let Some(token) = self.peek() {
            if is_word_of(token, &SET_WORDS) || is_word_of(token, also) {
                break;
            }
            let Some(mut pair) = self.take(pair) else { break };
            if matches!(pair.name.as_deref(), Some("role" | "target-role")) {
                pair.value = pair.value.map(|value| self.role_name(&value));
            }
            pairs.push(pair);
        }
        pairs
    }

    /// Writes pairs as `nvpair` children.
    pub(super) fn append_pairs(&mut self, set: NodeIx, pairs: Vec<Pair>) {
        for pair in pairs {
            let node = self.doc.append(set, "nvpair");
            let attributes = [("id", pair.id), ("id-ref", pair.id_ref), ("name", pair.name), ("value", pair.value)];
            for (name, value) in attributes {
                if let Some(value) = value {
                    self.doc.set_attr(node, name, &value);
                }
            }
        }
    }

    /// Reads an attribute set into a new child of `parent`. `also` are further words that end it.
    pub(super) fn attribute_set(&mut self, parent: NodeIx, tag: &str, also: &[&str]) -> Result<NodeIx, Fault> {
        let set = self.doc.append(parent, tag);
        match self.take(id_spec) {
            Some(IdSpec::Reference(id)) => {
                self.doc.set_attr(set, "id-ref", &id);
                return Ok(set);
            }
            Some(IdSpec::Id(id)) => self.doc.set_attr(set, "id", &id),
            None => {}
        }
        if let Some(score) = self.take(|token| score(token).map(str::to_owned)) {
            self.doc.set_attr(set, "score", &score);
        }
        rule::rules(self, set)?;
        let pairs = self.pairs(also);
        self.append_pairs(set, pairs);
        Ok(set)
    }

    /// Reads a set without its keyword, where the text does not begin with one. An empty one is left out.
    pub(super) fn implicit_set(&mut self, parent: NodeIx, tag: &str, also: &[&str]) -> Result<(), Fault> {
        let keyword = self.peek().is_none_or(|token| {
            (is_word_of(token, &SET_WORDS) && !token.eq_ignore_ascii_case("rule")) || is_word_of(token, also)
        });
        if keyword {
            return Ok(());
        }
        let set = self.attribute_set(parent, tag, also)?;
        if self.doc.attr_count(set) == 0 && !self.doc.has_nodes(set) {
            self.doc.remove(set);
        }
        Ok(())
    }

    /// Reads sets introduced by their keywords, each a new one.
    pub(super) fn sets(&mut self, parent: NodeIx, kinds: &[(&str, &str)], also: &[&str]) -> Result<(), Fault> {
        'next: loop {
            for (word, tag) in kinds {
                if self.accept(word) {
                    self.attribute_set(parent, tag, also)?;
                    continue 'next;
                }
            }
            return Ok(());
        }
    }

    /// A role name as the schema at hand has it [SH-3.9].
    pub(super) fn role_name(&mut self, role: &str) -> String {
        let (new, old) = (["Promoted", "Unpromoted"], ["Master", "Slave"]);
        let replaced =
            |from: [&str; 2], to: [&'static str; 2]| from.iter().position(|name| *name == role).map(|i| to[i]);
        if !self.dialect.knows_promoted() {
            if let Some(old) = replaced(new, old) {
                self.warn(format!(
                    "Convert \"{role}\" to \"{old}\" since the current schema version is old and not upgraded yet. \
                     Please consider \"crm configure upgrade force\""
                ));
                return old.to_owned();
            }
        } else if self.dialect.new_role_names
            && let Some(new) = replaced(old, new)
        {
            self.inform(format!("Convert deprecated \"{role}\" to \"{new}\""));
            return new.to_owned();
        }
        role.to_owned()
    }
}

/// What a score of a location, rule or colocation means [SH-3.7].
pub(super) fn score_attribute(text: &str) -> (&'static str, String) {
    if text.eq_ignore_ascii_case("mandatory") {
        return ("score", "INFINITY".to_owned());
    }
    if text.eq_ignore_ascii_case("advisory") {
        return ("score", "0".to_owned());
    }
    match plain_score(text) {
        Some(score) => ("score", score),
        None => ("score-attribute", text.to_owned()),
    }
}

/// A signed number or infinity, the word written out and the sign kept.
pub(super) fn plain_score(text: &str) -> Option<String> {
    let (sign, body) = match text.strip_prefix(['+', '-']) {
        Some(body) => text.split_at(text.len() - body.len()),
        None => ("", text),
    };
    if matches!(body, "inf" | "infinity" | "INF" | "INFINITY") {
        return Some(format!("{sign}INFINITY"));
    }
    (!body.is_empty() && body.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.to_owned())
}
