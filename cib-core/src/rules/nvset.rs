//! Name/value sets: one algorithm for options, parameters, meta attributes and utilization [IN-5].

use std::collections::BTreeMap;

use super::context::{Context, Evaluation};
use super::references::Rules;
use super::score::Score;
use crate::xml::NodeIx;

/// A table that name/value sets are unpacked into. Entries that are already there win.
pub trait Table<'d> {
    /// Whether `name` is there.
    fn contains(&self, name: &str) -> bool;
    /// Adds a name that is not there yet.
    fn insert(&mut self, name: &'d str, value: &'d str);
    /// Removes `name`.
    fn remove(&mut self, name: &str);
}

impl<'d> Table<'d> for BTreeMap<&'d str, &'d str> {
    fn contains(&self, name: &str) -> bool {
        self.contains_key(name)
    }

    fn insert(&mut self, name: &'d str, value: &'d str) {
        self.insert(name, value);
    }

    fn remove(&mut self, name: &str) {
        self.remove(name);
    }
}

impl<'d> Table<'d> for BTreeMap<String, String> {
    fn contains(&self, name: &str) -> bool {
        self.contains_key(name)
    }

    fn insert(&mut self, name: &'d str, value: &'d str) {
        self.insert(name.to_owned(), value.to_owned());
    }

    fn remove(&mut self, name: &str) {
        self.remove(name);
    }
}

/// One set with what its place in the order depends on.
struct Ranked {
    set: NodeIx,
    preferred: bool,
    score: Score,
}

impl<'d> Rules<'d> {
    /// Unpacks the children of `owner` named `set_name` into `table` [IN-5.1].
    ///
    /// Sets are taken by score, of equal scores the one later in the document first; the set with the id `preferred` before all. A set
    /// whose first rule does not pass is left out. The first value of a name wins; `#default` removes a name again.
    ///
    /// ```
    /// use cib_core::rules::{Context, DateTime, Evaluation, Rules};
    /// use cib_core::xml::Document;
    /// use std::collections::BTreeMap;
    /// let doc = Document::parse(
    ///     r#"<primitive id="p">
    ///          <meta_attributes id="m1"><nvpair id="a" name="priority" value="1"/></meta_attributes>
    ///          <meta_attributes id="m2" score="5"><nvpair id="b" name="priority" value="2"/></meta_attributes>
    ///        </primitive>"#,
    /// )?;
    /// let mut meta = BTreeMap::<&str, &str>::new();
    /// let context = Context::at(DateTime::from_epoch(0, 0));
    /// Rules::new(&doc).unpack(doc.root(), "meta_attributes", &context, &mut Evaluation::default(), &mut meta, None);
    /// assert_eq!(meta["priority"], "2");
    /// # Ok::<(), cib_core::xml::XmlError>(())
    /// ```
    pub fn unpack(
        &self,
        owner: NodeIx,
        set_name: &str,
        context: &Context<'_>,
        evaluation: &mut Evaluation,
        table: &mut dyn Table<'d>,
        preferred: Option<&str>,
    ) {
        for ranked in self.ranked_sets(owner, set_name, context, evaluation, preferred) {
            self.unpack_set(ranked.set, context, evaluation, table);
        }
    }

    /// The sets in their order [IN-5.2].
    fn ranked_sets(
        &self,
        owner: NodeIx,
        set_name: &str,
        context: &Context<'_>,
        evaluation: &mut Evaluation,
        preferred: Option<&str>,
    ) -> smallvec::SmallVec<[Ranked; 4]> {
        let doc = self.document();
        let mut sets = smallvec::SmallVec::<[Ranked; 4]>::new();
        for child in doc.children_named(owner, set_name) {
            let Ok(set) = self.resolve_or_remark(child, evaluation) else { continue };
            let score = match doc.attr(set, "score").map(|text| Score::parse(text, &context.health)) {
                None => Score::ZERO,
                Some(Ok(score)) => score,
                Some(Err(error)) => {
                    let id = doc.id(set).unwrap_or("(without id)");
                    evaluation.warning(format!("Using 0 as {id} score because {error}"));
                    Score::ZERO
                }
            };
            sets.push(Ranked { set, preferred: preferred.is_some() && doc.id(set) == preferred, score });
        }
        // Reversed first: the sort is stable, and of equals the later one comes first.
        sets.reverse();
        sets.sort_by(|a, b| b.preferred.cmp(&a.preferred).then(b.score.cmp(&a.score)));
        sets
    }

    fn unpack_set(&self, set: NodeIx, context: &Context<'_>, evaluation: &mut Evaluation, table: &mut dyn Table<'d>) {
        let doc = self.document();
        if doc.child(set, "rule").is_some_and(|rule| !self.evaluate(rule, context, evaluation)) {
            return;
        }
        let legacy = doc.first_node(set).filter(|first| doc.is_element(*first) && doc.name(*first) == "attributes");
        for child in doc.children_named(legacy.unwrap_or(set), "nvpair") {
            let Ok(pair) = self.resolve_or_remark(child, evaluation) else { continue };
            let (Some(name), Some(value)) = (doc.attr(pair, "name"), doc.attr(pair, "value")) else { continue };
            if value.eq_ignore_ascii_case("#default") {
                evaluation.warning(format!(
                    "Support for setting meta-attributes (such as {name}) to the explicit value '#default' is deprecated \
                     and will be removed in a future release"
                ));
                table.remove(name);
            } else if !table.contains(name) {
                table.insert(name, value);
            }
        }
    }
}
