//! The named parts of the document [CB-3.2].

use crate::xml::{Document, NodeIx};

/// Sections below `configuration`.
const CONFIGURATION: [&str; 10] = [
    "crm_config",
    "nodes",
    "resources",
    "constraints",
    "op_defaults",
    "rsc_defaults",
    "acls",
    "fencing-topology",
    "tags",
    "alerts",
];

/// A scope name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Section<'a> {
    /// The whole document: `cib`, `all` or no name.
    Whole,
    /// `configuration` or `status`.
    Top(&'a str),
    /// A part of the configuration.
    Configuration(&'a str),
    /// A name that stands for nothing.
    Unknown,
}

impl<'a> Section<'a> {
    pub(crate) fn named(name: Option<&'a str>) -> Section<'a> {
        match name {
            None | Some("cib" | "all") => Section::Whole,
            Some(name @ ("configuration" | "status")) => Section::Top(name),
            Some(name) if CONFIGURATION.contains(&name) => Section::Configuration(name),
            Some(_) => Section::Unknown,
        }
    }

    /// The element of the section, if there is exactly one. The search begins anywhere in the document.
    pub(crate) fn find(self, doc: &Document) -> Option<NodeIx> {
        let mut path = ["cib", "configuration", ""];
        let path = match self {
            Section::Whole => &path[..1],
            Section::Top(name) => {
                path[1] = name;
                &path[..2]
            }
            Section::Configuration(name) => {
                path[2] = name;
                &path[..3]
            }
            Section::Unknown => return None,
        };
        // Every element called `cib` may begin a path, but in all sane documents that is the root alone.
        let root = doc.root();
        let cib = doc.find_name("cib")?;
        let mut found = None;
        for start in core::iter::once(root).chain(nested(doc, root)).filter(|&n| doc.name_ix(n) == Some(cib)) {
            let mut level = vec![start];
            for name in &path[1..] {
                level = level.iter().flat_map(|&n| doc.children_named(n, name)).collect();
            }
            for n in level {
                if found.replace(n).is_some() {
                    return None;
                }
            }
        }
        found
    }

    /// Where a missing section would have to be appended.
    pub(crate) fn parent(self, doc: &Document) -> Option<NodeIx> {
        let root = Some(doc.root()).filter(|&n| doc.name(n) == "cib")?;
        match self {
            Section::Top(_) => Some(root),
            Section::Configuration(_) => doc.child(root, "configuration"),
            Section::Whole | Section::Unknown => None,
        }
    }

    /// The name of the section's element.
    pub(crate) fn element(self) -> Option<&'a str> {
        match self {
            Section::Top(name) | Section::Configuration(name) => Some(name),
            Section::Whole | Section::Unknown => None,
        }
    }
}

/// The descendants, but only where the name `cib` occurs somewhere else than at the root: a look at the table of names
/// cannot tell, so the walk is spared for documents whose root is `cib` and that hold it only there.
fn nested(doc: &Document, root: NodeIx) -> impl Iterator<Item = NodeIx> {
    let skip = doc.name(root) == "cib" && doc.path(root, &["configuration"]).is_some();
    doc.descendants(root).take(if skip { 0 } else { usize::MAX })
}

/// Whether a scope name is one of those that exist.
pub fn is_section(name: &str) -> bool {
    Section::named(Some(name)) != Section::Unknown
}
