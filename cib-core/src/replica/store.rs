//! The document on disk: what is written in which order, and what is found again after a crash [CB-12].

use crate::cib::{Cib, Code, Version, empty};
use crate::patch::digest;
use crate::schema;
use crate::xml::{Document, Limits};

/// The document.
pub const FILE: &str = "cib.xml";
/// Its on-disk digest.
pub const SIGNATURE: &str = "cib.xml.sig";
/// The number of the next backup.
pub const LAST: &str = "cib.last";
/// Number of backups kept.
pub const BACKUPS: u32 = 100;
/// Where the next document is written before it takes its place.
const NEW_FILE: &str = "cib.new";
const NEW_SIGNATURE: &str = "cib.new.sig";

/// One step of writing. Names are those of files in one directory that nobody else writes to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Remove a file; one that does not exist is as good.
    Remove(String),
    /// Give a file a second name; a source that does not exist is no error.
    Link {
        /// The file.
        from: String,
        /// Its second name.
        to: String,
    },
    /// Make a file with this content, in place of what it held.
    Write {
        /// The file.
        name: String,
        /// Its content.
        content: String,
    },
    /// Wait until the content of a file is durable.
    Sync(String),
    /// Give a file the name of another one, which goes.
    Rename {
        /// The file.
        from: String,
        /// Its new name.
        to: String,
    },
    /// Wait until the names in the directory are durable.
    SyncDirectory,
}

/// A file that was found in the directory.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its name.
    pub name: String,
    /// Its content.
    pub content: Vec<u8>,
    /// When its status last changed, on any scale.
    pub changed: u64,
}

/// What was found wrong, or done about it, while the document was read.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Finding {
    /// There is no signature; the file was taken all the same.
    Unsigned {
        /// The file.
        name: String,
    },
    /// A file cannot be used.
    Damaged {
        /// The file.
        name: String,
        /// Why: `cib_corrupt` or `cib_modified`.
        code: Code,
    },
    /// A backup was taken instead.
    Backup {
        /// The file.
        name: String,
        /// Version of the document in it.
        version: Version,
    },
    /// Nothing usable was there: an empty document.
    Empty,
    /// What was read does not follow its schema. It is kept, but changes are refused until it does.
    Invalid,
}

fn backup(number: u32) -> (String, String) {
    (format!("cib-{number}.raw"), format!("cib-{number}.raw.sig"))
}

/// The document as it is written: without status, `num_updates` 0 [CB-12.3].
pub fn stored_form(doc: &Document) -> Document {
    let mut copy = Document::new(doc.name(doc.root()));
    let root = copy.root();
    for (name, value) in doc.attrs(doc.root()) {
        copy.set_attr(root, name, value);
    }
    copy.set_attr(root, "num_updates", "0");
    for child in doc.nodes(doc.root()).filter(|&n| doc.name(n) != "status") {
        copy.copy(root, doc, child);
    }
    copy
}

/// The steps that write a document. A crash after any of them, and the loss of everything that was not synchronised by
/// then, leaves this document or the one before to be read again.
pub(super) fn write(doc: &Document, number: u32) -> Vec<Step> {
    let form = stored_form(doc);
    let (file, signature) = backup(number);
    let link = |from: &str, to: &str| Step::Link { from: from.into(), to: to.into() };
    let write = |name: &str, content: String| Step::Write { name: name.into(), content };
    let rename = |from: &str, to: &str| Step::Rename { from: from.into(), to: to.into() };
    vec![
        Step::Remove(file.clone()),
        Step::Remove(signature.clone()),
        link(FILE, &file),
        link(SIGNATURE, &signature),
        write(LAST, following(number).to_string()),
        Step::Sync(LAST.into()),
        Step::SyncDirectory,
        write(NEW_FILE, form.write()),
        Step::Sync(NEW_FILE.into()),
        write(NEW_SIGNATURE, digest::on_disk(&form)),
        Step::Sync(NEW_SIGNATURE.into()),
        rename(NEW_FILE, FILE),
        rename(NEW_SIGNATURE, SIGNATURE),
        Step::SyncDirectory,
    ]
}

/// The number of the backup after this one.
pub(super) fn following(number: u32) -> u32 {
    (number + 1) % BACKUPS
}

/// What was read.
pub(super) struct Recovered {
    pub(super) cib: Cib,
    pub(super) findings: Vec<Finding>,
    /// The number of the next backup.
    pub(super) next: u32,
}

/// Reads the document, or the newest good backup, or makes an empty one [CB-12.5].
pub(super) fn recover(files: &[Stored]) -> Recovered {
    let mut findings = Vec::new();
    let next = find(files, LAST).and_then(|f| core::str::from_utf8(&f.content).ok()?.trim().parse().ok());
    let next = next.filter(|&n: &u32| n < BACKUPS).unwrap_or(0);
    let mut doc = None;
    if let Some(file) = find(files, FILE) {
        doc = read(files, file, &mut findings);
    }
    let mut doc = doc.or_else(|| newest_backup(files, &mut findings)).unwrap_or_else(|| {
        findings.push(Finding::Empty);
        empty(None, 0)
    });
    prepare(&mut doc);
    if schema::validate(&doc).is_err() {
        findings.push(Finding::Invalid);
    }
    Recovered { cib: Cib::from_document(doc), findings, next }
}

fn find<'a>(files: &'a [Stored], name: &str) -> Option<&'a Stored> {
    files.iter().find(|f| f.name == name)
}

/// Reads one file and verifies it [CB-12.4].
fn read(files: &[Stored], file: &Stored, findings: &mut Vec<Finding>) -> Option<Document> {
    let mut damaged = |code| findings.push(Finding::Damaged { name: file.name.clone(), code });
    let Ok(doc) = Document::parse_bytes(&file.content, &Limits::file()) else {
        damaged(Code::CibCorrupt);
        return None;
    };
    match find(files, &format!("{}.sig", file.name)) {
        None => findings.push(Finding::Unsigned { name: file.name.clone() }),
        Some(signature) => {
            let expected = digest::on_disk(&doc);
            if !signature.content.eq_ignore_ascii_case(expected.as_bytes()) {
                damaged(Code::CibModified);
                return None;
            }
        }
    }
    Some(doc)
}

/// The good backup of the newest version; among equals, the one that changed last.
fn newest_backup(files: &[Stored], findings: &mut Vec<Finding>) -> Option<Document> {
    let mut best: Option<(Version, u64, &str, Document)> = None;
    for file in files.iter().filter(|f| f.name.starts_with("cib-") && !f.name.ends_with(".sig")) {
        let Some(doc) = read(files, file, findings) else { continue };
        let version = Version::of(&doc, doc.root(), 0);
        let key = (version, file.changed, file.name.as_str());
        if best.as_ref().is_none_or(|(v, changed, name, _)| (*v, *changed, *name) < key) {
            best = Some((key.0, key.1, key.2, doc));
        }
    }
    let (version, _, name, doc) = best?;
    findings.push(Finding::Backup { name: name.into(), version });
    Some(doc)
}

/// What every start does to the document that was read.
fn prepare(doc: &mut Document) {
    let root = doc.root();
    let status: Vec<_> = doc.children_named(root, "status").collect();
    status.into_iter().for_each(|n| doc.remove(n));
    doc.append(root, "status");
    for name in crate::cib::VERSION_ATTRIBUTES {
        if doc.attr(root, name).is_none_or(str::is_empty) {
            doc.set_attr(root, name, "0");
        }
    }
    doc.remove_attr(root, "dc-uuid");
}
