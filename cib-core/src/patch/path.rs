//! Paths: from the root to a node, by names and ids [CB-8.1].

use smallvec::SmallVec;

use crate::xml::{Document, NodeIx};

/// The path of a node: `/NAME`, followed by `[@id='ID']` where there is an id, for each element from the root down. The
/// last step of a comment is `/comment`.
pub fn path_of(doc: &Document, n: NodeIx) -> String {
    let mut out = String::new();
    push_path(doc, n, &mut out);
    out
}

pub(super) fn push_path(doc: &Document, n: NodeIx, out: &mut String) {
    let mut nodes: SmallVec<[NodeIx; 16]> = SmallVec::new();
    let mut at = Some(n);
    while let Some(n) = at {
        nodes.push(n);
        at = doc.parent(n);
    }
    nodes.iter().rev().for_each(|&n| push_step(doc, n, out));
}

pub(super) fn push_step(doc: &Document, n: NodeIx, out: &mut String) {
    out.push('/');
    if !doc.is_element(n) {
        out.push_str("comment");
        return;
    }
    out.push_str(doc.name(n));
    if let Some(id) = doc.id(n).filter(|id| !id.is_empty()) {
        out.push_str("[@id='");
        out.push_str(id);
        out.push_str("']");
    }
}

/// One step of a path.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step<'a> {
    pub(super) name: &'a str,
    pub(super) id: Option<&'a str>,
}

/// The steps of a path. Ids with `/` in them do not survive this, as in the released programs [CB-9].
pub(super) fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    path.split('/').filter(|step| !step.is_empty()).map(|step| {
        match step.split_once("[@id='").and_then(|(name, rest)| Some((name, rest.strip_suffix("']")?))) {
            Some((name, id)) => Step { name, id: Some(id) },
            None => Step { name: step, id: None },
        }
    })
}
