//! References between elements: `id-ref` names the one element of the same name with that id [IN-1.3].

use std::sync::OnceLock;

use hashbrown::HashMap;

use super::context::Evaluation;
use crate::xml::{Document, NodeIx};

/// Rules and name/value sets of one document, read with references followed.
///
/// The table of ids is built when the first reference is met, so that documents without references pay nothing.
pub struct Rules<'d> {
    doc: &'d Document,
    ids: OnceLock<HashMap<(&'d str, &'d str), Target, rustc_hash::FxBuildHasher>>,
}

#[derive(Clone, Copy)]
enum Target {
    One(NodeIx),
    Several,
}

/// Why a reference leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Ignoring invalid {element} configuration: id-ref '{id}' does not reference a valid object")]
pub struct ReferenceError {
    /// Name of the element that refers.
    pub element: String,
    /// The id that no element of that name has, or more than one.
    pub id: String,
}

impl<'d> Rules<'d> {
    /// Reads `doc`.
    #[must_use]
    pub fn new(doc: &'d Document) -> Rules<'d> {
        Rules { doc, ids: OnceLock::new() }
    }

    /// The document.
    #[must_use]
    pub fn document(&self) -> &'d Document {
        self.doc
    }

    /// The element that `node` stands for: itself, or what its `id-ref` names.
    ///
    /// # Errors
    /// No element of that name has the id, or several have.
    pub fn resolve(&self, node: NodeIx) -> Result<NodeIx, ReferenceError> {
        let Some(id) = self.doc.attr(node, "id-ref") else { return Ok(node) };
        let name = self.doc.name(node);
        match self.table().get(&(name, id)) {
            Some(Target::One(target)) => Ok(*target),
            Some(Target::Several) | None => Err(ReferenceError { element: name.to_owned(), id: id.to_owned() }),
        }
    }

    /// As [`Self::resolve`], leaving a config error behind.
    pub(super) fn resolve_or_remark(&self, node: NodeIx, evaluation: &mut Evaluation) -> Result<NodeIx, ()> {
        self.resolve(node).map_err(|error| evaluation.error(error.to_string()))
    }

    fn table(&self) -> &HashMap<(&'d str, &'d str), Target, rustc_hash::FxBuildHasher> {
        self.ids.get_or_init(|| {
            let mut ids = HashMap::default();
            for node in self.doc.descendants(self.doc.root()) {
                if let Some(id) = self.doc.id(node) {
                    ids.entry((self.doc.name(node), id))
                        .and_modify(|target| *target = Target::Several)
                        .or_insert(Target::One(node));
                }
            }
            ids
        })
    }
}
