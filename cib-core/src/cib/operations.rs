//! What each modifying operation does to the document [CB-6.4 … CB-6.9].

use super::editor::Editor;
use super::section::Section;
use super::{CallOptions, Code, Request, Version, empty, parse_int, score};
use crate::patch::{self, Patch, digest};
use crate::schema;
use crate::xml::{Document, Found, Kind, NodeIx};

/// Why an operation failed, and what it has to show all the same.
pub(super) struct Failure {
    pub(super) code: Code,
    pub(super) output: Option<Box<Document>>,
}

impl From<Code> for Failure {
    fn from(code: Code) -> Self {
        Failure { code, output: None }
    }
}

pub(super) type Done = Result<(), Failure>;

/// An input element: a document and a node of it.
type Input<'a> = (&'a Document, NodeIx);

/// If a section is given and the input is a whole document, that section of it [CB-6.1].
pub(super) fn select_input(request: &Request) -> Option<Input<'_>> {
    let doc = request.input.as_ref()?;
    let root = doc.root();
    match request.section.as_deref() {
        Some(section) if !request.options.has(CallOptions::XPATH) && doc.name(root) == "cib" => {
            Some((doc, Section::named(Some(section)).find(doc)?))
        }
        _ => Some((doc, root)),
    }
}

fn is_whole(section: Option<&str>) -> bool {
    section.is_none_or(|s| s.eq_ignore_ascii_case("all") || s.eq_ignore_ascii_case("cib"))
}

/// An empty id counts as none.
fn id(doc: &Document, n: NodeIx) -> Option<&str> {
    doc.id(n).filter(|id| !id.is_empty())
}

/// The nodes and attributes that an XPath finds, by index.
enum Match {
    Document,
    Node(NodeIx),
    Attribute(NodeIx, String),
}

fn matches(doc: &Document, xpath: &str) -> Vec<Match> {
    let found = doc.select(xpath).into_iter();
    let own = |f| match f {
        Found::Document => Match::Document,
        Found::Node(n) => Match::Node(n),
        Found::Attribute { element, name, .. } => Match::Attribute(element, name.to_owned()),
    };
    found.map(own).collect()
}

// --- create

pub(super) fn create(editor: &mut Editor<'_>, request: &Request) -> Done {
    let section = request.section.as_deref();
    let Some((input, node)) = select_input(request) else { return Err(Code::Einval.into()) };
    let given = section.is_some_and(|s| s.eq_ignore_ascii_case("all") || s.eq_ignore_ascii_case("cib"));
    if given || input.name(node) == "cib" {
        return modify(editor, request);
    }
    let xpath = request.options.has(CallOptions::XPATH);
    let target = if xpath { None } else { Section::named(section).find(editor.doc) };
    let objects: Vec<NodeIx> = match section {
        Some(section) if section == input.name(node) => input.children(node).collect(),
        _ => vec![node],
    };
    for object in objects {
        let result = match target {
            None => Err(Code::Einval),
            Some(target) => create_below(editor, target, input, object),
        };
        if let Err(code) = result {
            return Err(Failure { code, output: Some(Box::new(failed(input, object, code))) });
        }
    }
    Ok(())
}

fn create_below(editor: &mut Editor<'_>, target: NodeIx, input: &Document, object: NodeIx) -> Result<(), Code> {
    let wanted = id(input, object);
    let mut same = editor.doc.children_named(target, input.name(object));
    if same.any(|c| wanted.is_none() || id(editor.doc, c) == wanted) {
        return Err(Code::Eexist);
    }
    let mut copy = input.fragment(object);
    let root = copy.root();
    let all: Vec<NodeIx> = core::iter::once(root).chain(copy.descendants(root)).collect();
    all.into_iter().for_each(|n| copy.remove_attr(n, "replace"));
    editor.append_copy(target, &copy, root);
    Ok(())
}

fn failed(input: &Document, object: NodeIx, code: Code) -> Document {
    let mut out = Document::new("failed");
    let update = out.append(out.root(), "failed_update");
    if let Some(id) = input.id(object) {
        out.set_attr(update, "id", id);
    }
    out.set_attr(update, "object-type", input.name(object));
    out.set_attr(update, "operation", "cib_create");
    out.set_attr(update, "reason", code.text());
    out.copy(update, input, object);
    out
}

// --- modify

pub(super) fn modify(editor: &mut Editor<'_>, request: &Request) -> Done {
    if request.options.has(CallOptions::XPATH) {
        return modify_by_xpath(editor, request);
    }
    let section = Section::named(request.section.as_deref());
    let Some((input, node)) = select_input(request) else { return Err(Code::Einval.into()) };
    let whole = is_whole(request.section.as_deref());
    let target = match if whole { Section::Whole.find(editor.doc) } else { section.find(editor.doc) } {
        Some(target) => target,
        None => {
            let (parent, name) = section.parent(editor.doc).zip(section.element()).ok_or(Code::Einval)?;
            editor.append(parent, name)
        }
    };
    Ok(find_and_merge(editor, target, input, node, request.options)?)
}

fn modify_by_xpath(editor: &mut Editor<'_>, request: &Request) -> Done {
    let Some((input, node)) = select_input(request) else { return Err(Code::Einval.into()) };
    let found = matches(editor.doc, request.section.as_deref().unwrap_or_default());
    if found.is_empty() {
        return Err(Code::Enxio.into());
    }
    let options = CallOptions::from_bits(request.options.bits() & !CallOptions::MAY_CREATE.bits());
    let mut result = Ok(());
    for found in found {
        let target = match found {
            Match::Document => editor.doc.root(),
            Match::Node(n) if editor.doc.is_element(n) => n,
            // Nothing can be merged into an attribute, a comment or a text.
            Match::Node(_) | Match::Attribute(..) => {
                result = Err(Code::Enxio.into());
                continue;
            }
        };
        match find_and_merge(editor, target, input, node, options) {
            Err(code) => result = Err(code.into()),
            Ok(()) if !options.has(CallOptions::MULTIPLE) => break,
            Ok(()) => {}
        }
    }
    result
}

/// Merges into the first element, from the target on, that has the input's name and id.
fn find_and_merge(
    editor: &mut Editor<'_>,
    target: NodeIx,
    input: &Document,
    node: NodeIx,
    options: CallOptions,
) -> Result<(), Code> {
    let doc = &*editor.doc;
    let (name, wanted) = (doc.find_name(input.name(node)), id(input, node));
    let hit = name.and_then(|name| {
        let mut all = core::iter::once(target).chain(doc.descendants(target));
        all.find(|&n| doc.name_ix(n) == Some(name) && id(doc, n) == wanted)
    });
    match hit {
        Some(hit) => merge(editor, hit, input, node, options),
        None if options.has(CallOptions::MAY_CREATE) => drop(editor.append_copy(target, input, node)),
        None => return Err(Code::Enxio),
    }
    Ok(())
}

fn merge(editor: &mut Editor<'_>, target: NodeIx, input: &Document, update: NodeIx, options: CallOptions) {
    // The depth of documents is bounded by what the parser lets in; still, no recursion on foreign data.
    let mut open = vec![(target, update)];
    while let Some((target, update)) = open.pop() {
        merge_attributes(editor, target, input, update, options);
        let mut below = Vec::new();
        for child in input.nodes(update) {
            match input.kind(child) {
                Kind::Element => {
                    let partner = partner(editor.doc, target, input, child);
                    let partner = partner.unwrap_or_else(|| editor.append(target, input.name(child)));
                    // Later children of the same name must find what this one sets.
                    merge_attributes(editor, partner, input, child, options);
                    below.push((partner, child));
                }
                Kind::Comment => {
                    let text = input.text(child).unwrap_or_default();
                    let doc = &*editor.doc;
                    let known = doc.nodes(target).any(|c| {
                        doc.kind(c) == Kind::Comment && doc.text(c).is_some_and(|t| t.eq_ignore_ascii_case(text))
                    });
                    if !known {
                        editor.append_copy(target, input, child);
                    }
                }
                Kind::Text | Kind::Cdata => {}
            }
        }
        // Attributes of these are done: only their children are left.
        open.extend(below.into_iter().rev().filter(|&(_, child)| input.has_nodes(child)));
    }
}

fn merge_attributes(editor: &mut Editor<'_>, target: NodeIx, input: &Document, update: NodeIx, options: CallOptions) {
    for (name, value) in input.attrs(update) {
        let sum = if options.has(CallOptions::SCORE) {
            score::expand(name, value, editor.doc.attr(target, name))
        } else {
            None
        };
        editor.set_attr(target, name, sum.as_deref().unwrap_or(value));
    }
}

/// The child of `target` that an input child is merged into.
fn partner(doc: &Document, target: NodeIx, input: &Document, child: NodeIx) -> Option<NodeIx> {
    let mut same = doc.children_named(target, input.name(child));
    if let Some(wanted) = id(input, child) {
        same.find(|&c| doc.id(c) == Some(wanted))
    } else if let Some(wanted) = input.attr(child, "id-ref").filter(|r| !r.is_empty()) {
        same.find(|&c| doc.attr(c, "id-ref") == Some(wanted))
    } else {
        same.next()
    }
}

// --- replace

pub(super) fn replace(editor: &mut Editor<'_>, request: &Request) -> Done {
    if request.options.has(CallOptions::XPATH) {
        return replace_by_xpath(editor, request);
    }
    let Some((input, node)) = select_input(request) else { return Err(Code::Einval.into()) };
    if input.name(node) == "cib" {
        return replace_document(editor, request, input, node);
    }
    let section = request.section.as_deref();
    let whole = section.is_none_or(|s| s.eq_ignore_ascii_case("all") || s == input.name(node));
    let start = if whole { editor.doc.root() } else { Section::named(section).find(editor.doc).ok_or(Code::Einval)? };
    let doc = &*editor.doc;
    let (name, wanted) = (doc.find_name(input.name(node)), id(input, node));
    let hit = name.and_then(|name| {
        doc.descendants(start).find(|&n| doc.name_ix(n) == Some(name) && (wanted.is_none() || id(doc, n) == wanted))
    });
    editor.replace(hit.ok_or(Code::Enxio)?, input, node);
    Ok(())
}

fn replace_document(editor: &mut Editor<'_>, request: &Request, input: &Document, node: NodeIx) -> Done {
    let differs = |expected: &String| !digest::versioned_of(input, node).eq_ignore_ascii_case(expected);
    if request.digest.as_ref().is_some_and(differs) {
        return Err(Code::DigestMismatch.into());
    }
    let (ours, theirs) = (Version::of(editor.doc, editor.doc.root(), -1), Version::of(input, node, -1));
    if theirs < ours {
        return Err(Code::OldData.into());
    }
    editor.replace_root(input, node);
    Ok(())
}

fn replace_by_xpath(editor: &mut Editor<'_>, request: &Request) -> Done {
    let Some((input, node)) = select_input(request) else { return Err(Code::Einval.into()) };
    let mut found = matches(editor.doc, request.section.as_deref().unwrap_or_default());
    if found.is_empty() {
        return Err(Code::Enxio.into());
    }
    if !request.options.has(CallOptions::MULTIPLE) {
        found.truncate(1);
    }
    let mut gone: Vec<NodeIx> = Vec::new();
    for found in found {
        match found {
            Match::Document => return replace_document(editor, request, input, node),
            Match::Node(n) if n == editor.doc.root() => return replace_document(editor, request, input, node),
            // Matches inside what was already replaced are gone with it.
            Match::Node(n) | Match::Attribute(n, _) if gone.contains(&n) => {}
            Match::Node(n) => {
                let Some(parent) = editor.doc.parent(n) else { continue };
                gone.extend(core::iter::once(n).chain(editor.doc.descendant_nodes(n)));
                editor.remove(n);
                editor.append_copy(parent, input, node);
            }
            Match::Attribute(n, name) => {
                editor.remove_attr(n, &name);
                editor.append_copy(n, input, node);
            }
        }
    }
    Ok(())
}

// --- delete

pub(super) fn delete(editor: &mut Editor<'_>, request: &Request) -> Done {
    if request.options.has(CallOptions::XPATH) {
        return delete_by_xpath(editor, request);
    }
    let Some((input, node)) = select_input(request) else { return Err(Code::Einval.into()) };
    let section = request.section.as_deref();
    let Some(start) = Section::named(section).find(editor.doc) else { return Ok(()) };
    let patterns: Vec<NodeIx> = match section {
        Some(section) if section == input.name(node) => input.children(node).collect(),
        _ => vec![node],
    };
    for pattern in patterns {
        let doc = &*editor.doc;
        let Some(name) = doc.find_name(input.name(pattern)) else { continue };
        let fits = |n: NodeIx| {
            input.attrs(pattern).all(|(k, v)| doc.attr(n, k).is_some_and(|value| value.eq_ignore_ascii_case(v)))
        };
        let hit = doc.descendants(start).find(|&n| doc.name_ix(n) == Some(name) && fits(n));
        if let Some(hit) = hit {
            editor.remove(hit);
        }
    }
    Ok(())
}

fn delete_by_xpath(editor: &mut Editor<'_>, request: &Request) -> Done {
    let mut found = matches(editor.doc, request.section.as_deref().unwrap_or_default());
    if !request.options.has(CallOptions::MULTIPLE) {
        found.truncate(1);
    }
    // From the last to the first: what lies inside another match goes before it.
    for found in found.into_iter().rev() {
        match found {
            Match::Document => return Err(Code::Einval.into()),
            Match::Node(n) if n == editor.doc.root() => return Err(Code::Einval.into()),
            Match::Node(n) => editor.remove(n),
            Match::Attribute(n, name) => editor.remove_attr(n, &name),
        }
    }
    Ok(())
}

// --- erase, bump, patch, upgrade

pub(super) fn erase(editor: &mut Editor<'_>) -> Done {
    let root = editor.doc.root();
    let old: Vec<NodeIx> = editor.doc.nodes(root).collect();
    old.into_iter().for_each(|n| editor.remove(n));
    let template = empty(None, 0);
    for section in template.children(template.root()) {
        editor.append_copy(root, &template, section);
    }
    raise(editor, "admin_epoch");
    Ok(())
}

pub(super) fn bump(editor: &mut Editor<'_>) -> Done {
    raise(editor, "epoch");
    Ok(())
}

fn raise(editor: &mut Editor<'_>, name: &str) {
    let root = editor.doc.root();
    let old = editor.doc.attr(root, name).and_then(parse_int).unwrap_or(0);
    editor.set_attr(root, name, &old.saturating_add(1).to_string());
}

pub(super) fn patch(editor: &mut Editor<'_>, request: &Request) -> Done {
    let Some(input) = &request.input else { return Err(Code::Einval.into()) };
    let patch = Patch::from_document(input.clone());
    patch.check_version(editor.doc).map_err(|e| e.code())?;
    if editor.permissions.is_some() {
        // Rights are checked on what the patch set amounts to.
        let mut result = editor.doc.fragment(editor.doc.root());
        patch.apply(&mut result).map_err(|e| e.code())?;
        editor.check_against(&result);
    }
    let changes = patch::apply(&patch, editor.doc).map_err(|e| e.code())?;
    editor.applied(changes);
    Ok(())
}

pub(super) fn upgrade(editor: &mut Editor<'_>, request: &Request) -> Done {
    let mut upgraded = editor.doc.fragment(editor.doc.root());
    let outcome = schema::upgrade_to(&mut upgraded, request.schema_max.as_deref());
    match outcome.result {
        Err(code) if !outcome.rose() => return Err(code.into()),
        _ => {}
    }
    let root = upgraded.root();
    if outcome.rose() {
        let admin_epoch = upgraded.attr(root, "admin_epoch").and_then(parse_int).unwrap_or(0);
        upgraded.set_attr(root, "admin_epoch", &admin_epoch.saturating_add(1).to_string());
        upgraded.set_attr(root, "epoch", "1");
        upgraded.set_attr(root, "num_updates", "1");
    }
    editor.replace_root(&upgraded, root);
    Ok(())
}
