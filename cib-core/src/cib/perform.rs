//! What surrounds every operation [CB-6.2].

use super::editor::Editor;
use super::operations::{self, Done};
use super::request::{CallOptions, Operation, Request};
use super::{Code, Version, parse_int, query};
use crate::acl::{Acl, Permissions};
use crate::patch::{Patch, versions};
use crate::schema;
use crate::xml::Document;

/// The feature set of this implementation, as clusters of its kind write it into the root.
pub const FEATURE_SET: &str = "3.20.5";

/// Who holds the document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// A member of the cluster: changes are tracked, and documents of newer clusters refused.
    Member,
    /// A member in a part of the cluster without quorum: its copy must not win over what those with quorum have acknowledged, so its
    /// epoch never rises. Otherwise as [`Holder::Member`].
    Minority,
    /// A tool that works on a file: neither of these.
    File,
}

/// What came of an operation.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Whether it succeeded.
    pub result: Result<(), Code>,
    /// The answer: of queries, and of some failures.
    pub output: Option<Document>,
    /// What changed.
    pub patch: Option<Patch>,
    /// Something changed, if only by being replaced by its like.
    pub changed: bool,
    /// The same below `configuration`.
    pub configuration: bool,
}

impl Holder {
    fn is_member(self) -> bool {
        self != Holder::File
    }
}

impl Outcome {
    fn failure(code: Code, output: Option<Document>) -> Outcome {
        Outcome { result: Err(code), output, patch: None, changed: false, configuration: false }
    }
}

/// Carries out a request on a document. After a failure the document is as before.
pub(super) fn perform(doc: &mut Document, request: &Request, holder: Holder) -> Outcome {
    let acl = Acl::for_user(doc, request.user.as_deref(), &request.groups);
    if !request.operation.modifies() {
        return look(doc, request, acl.as_ref());
    }
    let permissions = acl.as_ref().map(|acl| Permissions::of(acl, doc));
    doc.checkpoint();
    let outcome = change(doc, request, holder, acl.as_ref(), permissions);
    let dry = request.options.has(CallOptions::DRY_RUN);
    if outcome.result.is_ok() && !dry {
        doc.commit();
    } else {
        doc.rollback();
    }
    match (&acl, outcome.output) {
        (Some(acl), Some(output)) if outcome.result.is_err() => {
            Outcome { output: acl.filter(&output), ..Outcome { output: None, ..outcome } }
        }
        (_, output) => Outcome { output, ..Outcome { output: None, ..outcome } },
    }
}

fn look(doc: &Document, request: &Request, acl: Option<&Acl>) -> Outcome {
    let result = match request.operation {
        Operation::Query => match acl {
            None => query::query(doc, request).map(Some),
            Some(acl) => match acl.filter(doc) {
                None => Err(Code::Eacces),
                Some(filtered) => query::query(&filtered, request).map(Some),
            },
        },
        Operation::Noop => Ok(None),
        _ => Err(Code::Eopnotsupp),
    };
    match result {
        Ok(output) => Outcome { result: Ok(()), output, patch: None, changed: false, configuration: false },
        Err(code) => Outcome::failure(code, None),
    }
}

fn change(
    doc: &mut Document,
    request: &Request,
    holder: Holder,
    acl: Option<&Acl>,
    permissions: Option<Permissions>,
) -> Outcome {
    let source = versions(doc);
    let before = Version::of(doc, doc.root(), 0);
    let mut editor = Editor::new(doc, permissions);
    if let Err(failure) = run(&mut editor, request) {
        return Outcome::failure(failure.code, failure.output.map(|output| *output));
    }
    if editor.oversized {
        return Outcome::failure(Code::Einval, None);
    }
    let creations = |acl: &Acl| Permissions::of(acl, editor.doc).allow_creations(editor.doc, &editor.changes);
    if editor.denied || acl.is_some_and(|acl| !creations(acl)) {
        return Outcome::failure(Code::Eacces, None);
    }
    let root = editor.doc.root();
    if holder.is_member() && newer_feature_set(editor.doc.attr(root, "crm_feature_set").unwrap_or_default()) {
        return Outcome::failure(Code::Eprotonosupport, None);
    }
    let after = Version::of(editor.doc, root, 0);
    if after.admin_epoch < before.admin_epoch || (after.admin_epoch == before.admin_epoch && after.epoch < before.epoch)
    {
        return Outcome::failure(Code::OldData, None);
    }
    if !editor.changed {
        let patch = editor.changes.patch(&source, editor.doc);
        return Outcome { result: Ok(()), output: None, patch, changed: false, configuration: false };
    }
    if !request.final_versions {
        number(&mut editor, holder);
    }
    let (changes, configuration) = (editor.changes, editor.configuration);
    let patch = changes.patch(&source, doc);
    if let Err(code) = finish(doc, request, holder, configuration) {
        return Outcome::failure(code, None);
    }
    Outcome { result: Ok(()), output: None, patch, changed: true, configuration }
}

/// Version management.
fn number(editor: &mut Editor<'_>, holder: Holder) {
    let root = editor.doc.root();
    let field = |name| editor.doc.attr(root, name).and_then(parse_int);
    let (epoch, num_updates) = (field("epoch").unwrap_or(0), field("num_updates").unwrap_or(-1));
    if editor.configuration && holder != Holder::Minority {
        editor.set_version("num_updates", 0);
        editor.set_version("epoch", epoch.saturating_add(1));
    } else {
        editor.set_version("num_updates", num_updates.saturating_add(1));
    }
}

/// Tracking and validation, which the patch set does not tell of.
fn finish(doc: &mut Document, request: &Request, holder: Holder, configuration: bool) -> Result<(), Code> {
    if configuration && holder.is_member() && !request.options.has(CallOptions::NO_TRACKING) {
        track(doc, request)?;
    }
    if request.section.as_deref().is_some_and(|s| s.eq_ignore_ascii_case("status")) {
        return Ok(());
    }
    schema::validate(doc).map_err(|_| Code::SchemaValidation)
}

fn track(doc: &mut Document, request: &Request) -> Result<(), Code> {
    let root = doc.root();
    let Some(schema) = doc.attr(root, "validate-with") else { return Err(Code::CibCorrupt) };
    let keeps_origin = schema::index(schema) >= schema::index("pacemaker-1.2");
    if let Some(now) = &request.written {
        doc.set_attr(root, "cib-last-written", now);
    }
    if keeps_origin {
        let tracked =
            [("update-origin", &request.origin), ("update-client", &request.client), ("update-user", &request.user)];
        for (name, value) in tracked {
            match value {
                Some(value) => doc.set_attr(root, name, value),
                None => doc.remove_attr(root, name),
            }
        }
    }
    Ok(())
}

fn newer_feature_set(theirs: &str) -> bool {
    let numbers = |text: &str| text.split('.').map(|f| f.parse::<u32>().unwrap_or(0)).collect::<Vec<u32>>();
    numbers(theirs) > numbers(FEATURE_SET)
}

fn run(editor: &mut Editor<'_>, request: &Request) -> Done {
    match request.operation {
        Operation::Create => operations::create(editor, request),
        Operation::Modify => operations::modify(editor, request),
        Operation::Replace => operations::replace(editor, request),
        Operation::Delete => operations::delete(editor, request),
        Operation::Erase => operations::erase(editor),
        Operation::Bump => operations::bump(editor),
        Operation::Patch => operations::patch(editor, request),
        Operation::Upgrade => operations::upgrade(editor, request),
        Operation::Commit => commit(editor, request),
        Operation::AbsoluteDelete => Err(Code::Einval.into()),
        _ => Ok(()),
    }
}

/// Carries out the members of a transaction on one working copy; the first failure is the result of all [CB-6.9].
fn commit(editor: &mut Editor<'_>, request: &Request) -> Done {
    let transaction = request.input.as_ref().ok_or(Code::NoTransaction)?;
    for member in transaction.children_named(transaction.root(), "cib_command") {
        let member = Request::from_message(transaction, member)?;
        if !member.operation.in_transactions() || member.host.is_some() {
            return Err(Code::Eopnotsupp.into());
        }
        run(editor, &member)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cib::Cib;

    #[test]
    fn a_document_stays_readable() {
        let mut cib = Cib::empty();
        let mut refused = 0;
        for i in 0..4 {
            let deep = format!("<a id='a{i}'>{}{}</a>", "<b>".repeat(100), "</b>".repeat(100));
            let deepest = cib.select("//b[not(*)]").len();
            let request = Request::new(Operation::Create).input(Document::parse(&deep).unwrap());
            // Below what is deepest so far, where there is something.
            let parent = if deepest == 0 { "//status" } else { "//b[not(*)]" };
            let n = cib.select(parent)[0].element().unwrap();
            let mut wrapper = cib.fragment(n);
            wrapper.copy(wrapper.root(), request.input.as_ref().unwrap(), request.input.as_ref().unwrap().root());
            let result =
                cib.perform(&Request::new(Operation::Replace).xpath(parent).input(wrapper), Holder::Member).result;
            refused += usize::from(result == Err(Code::Einval));
            assert!(Cib::parse(&cib.write()).is_ok());
        }
        assert_eq!(refused, 2);
        for i in 0..3 {
            let wide: String = (0..600).map(|k| format!(" a{i}_{k}='1'")).collect();
            let input = Document::parse(&format!("<status{wide}/>")).unwrap();
            let result =
                cib.perform(&Request::new(Operation::Modify).section("status").input(input), Holder::Member).result;
            assert_eq!(result.is_ok(), i == 0);
        }
    }
}
