//! Queries [CB-6.3].

use super::section::Section;
use super::{CallOptions, Code, Request};
use crate::patch::path_of;
use crate::xml::{Document, Found, NodeIx};

/// The output of a query.
pub(super) fn query(doc: &Document, request: &Request) -> Result<Document, Code> {
    let options = request.options;
    let section = request.section.as_deref();
    if options.has(CallOptions::XPATH) {
        return by_xpath(doc, section.unwrap_or_default(), options);
    }
    let section = section.filter(|s| !s.eq_ignore_ascii_case("all"));
    let n = match section {
        None => doc.root(),
        Some(_) => Section::named(section).find(doc).ok_or(Code::Enxio)?,
    };
    Ok(if options.has(CallOptions::NO_CHILDREN) { bare(doc, n) } else { doc.fragment(n) })
}

/// An element without its children.
fn bare(doc: &Document, n: NodeIx) -> Document {
    let mut out = Document::new(doc.name(n));
    let root = out.root();
    doc.attrs(n).for_each(|(name, value)| out.set_attr(root, name, value));
    out
}

fn by_xpath(doc: &Document, xpath: &str, options: CallOptions) -> Result<Document, Code> {
    let found = doc.select(xpath);
    if found.is_empty() {
        return Err(Code::Enxio);
    }
    let shallow = options.has(CallOptions::NO_CHILDREN);
    // Asked for both, the released programs leave the paths out.
    let paths = options.has(CallOptions::PATHS) && !shallow;
    let element = |f: &Found<'_>| match *f {
        Found::Document => Some(doc.root()),
        Found::Node(n) if doc.is_element(n) => Some(n),
        _ => None,
    };
    let single = if found.len() == 1 && !paths { element(&found[0]) } else { None };
    if let Some(n) = single {
        return Ok(if shallow { bare(doc, n) } else { doc.fragment(n) });
    }
    let mut out = Document::new("xpath-query");
    let root = out.root();
    for f in &found {
        if paths {
            let n = match *f {
                Found::Attribute { element, .. } => element,
                Found::Document => doc.root(),
                Found::Node(n) => n,
            };
            let path = out.append(root, "xpath-query-path");
            out.set_attr(path, "id", &path_of(doc, n));
        } else if let Some(n) = element(f) {
            if shallow {
                out.copy_bare(root, doc, n);
            } else {
                out.copy(root, doc, n);
            }
        } else {
            match *f {
                Found::Attribute { name, value, .. } => out.set_attr(root, name, value),
                Found::Node(n) => drop(out.copy(root, doc, n)),
                Found::Document => {}
            }
        }
    }
    Ok(out)
}
