//! The CIB in its file, in that of a shadow, or that of a node that runs here.

use std::cell::RefCell;
use std::path::{Path, PathBuf};

use cib_core::schema;
use cib_core::xml::{Document, Limits};

use super::shadow;
use crate::shell::cluster::Live;

/// Where the CIB is.
#[derive(Debug)]
enum Place {
    File(PathBuf),
    Node(Live),
}

/// The CIB behind a session.
#[derive(Debug)]
pub(super) struct Store {
    place: Place,
    /// What was read last from a node: a change is the difference to it.
    seen: RefCell<Option<Document>>,
    /// The shadow that is worked on instead, and how it is called in the prompt.
    shadow: Option<(String, String)>,
}

impl Store {
    /// The file at `path`; without one, the node behind `socket` or the usual one.
    pub(super) fn new(path: Option<String>, socket: Option<&str>) -> Store {
        let place = match path.filter(|path| !path.is_empty()) {
            Some(path) => Place::File(PathBuf::from(path)),
            None => Place::Node(Live::at(socket)),
        };
        Store { place, seen: RefCell::new(None), shadow: None }
    }

    /// The node, if it is not a file.
    pub(super) fn live(&self) -> Option<&Live> {
        match &self.place {
            Place::File(_) => None,
            Place::Node(live) => Some(live),
        }
    }

    /// The name in the prompt.
    pub(super) fn name(&self) -> &str {
        match (&self.shadow, &self.place) {
            (Some((_, shown)), _) => shown,
            (None, Place::File(path)) => path.file_name().and_then(|name| name.to_str()).unwrap_or("live"),
            (None, Place::Node(_)) => "live",
        }
    }

    /// The shadow that is in use.
    pub(super) fn shadow(&self) -> Option<&String> {
        self.shadow.as_ref().map(|(name, _)| name)
    }

    /// Works on a shadow from now on, or on the live CIB.
    pub(super) fn use_shadow(&mut self, name: Option<String>, shown: Option<&str>) {
        self.shadow = name.map(|name| (name.clone(), shown.map_or(name, str::to_owned)));
    }

    /// Reads the CIB; an empty one where there is no file yet.
    pub(super) fn read(&self) -> Result<Document, String> {
        match &self.shadow {
            Some((name, _)) => read_file(&shadow::file(name)),
            None => self.read_live(),
        }
    }

    /// Reads the CIB itself, whatever shadow is in use.
    pub(super) fn read_live(&self) -> Result<Document, String> {
        match &self.place {
            Place::File(path) if !path.exists() => Ok(empty()),
            Place::File(path) => read_file(path),
            Place::Node(live) => {
                let advice = "start one, or name a file with -c FILE or the environment variable CIB_file";
                let cib = live.read().map_err(|error| format!("no CIB: {error}; {advice}"))?;
                self.seen.replace(Some(cib.clone()));
                Ok(cib)
            }
        }
    }

    /// Writes the CIB, if its schema allows it: to a file with its epoch raised, to a node what differs from what was read.
    pub(super) fn write(&self, cib: &mut Document) -> Result<(), String> {
        match &self.shadow {
            Some((name, _)) => raise_and_write(&shadow::file(name), cib),
            None => self.write_live(cib),
        }
    }

    /// Writes the CIB itself, whatever shadow is in use.
    pub(super) fn write_live(&self, cib: &mut Document) -> Result<(), String> {
        match &self.place {
            Place::File(path) => raise_and_write(path, cib),
            Place::Node(live) => {
                valid(cib)?;
                self.write_node(live, cib)
            }
        }
    }

    fn write_node(&self, live: &Live, cib: &Document) -> Result<(), String> {
        let before = match self.seen.borrow_mut().take() {
            Some(seen) => seen,
            None => live.read().map_err(|error| format!("Call failed: {error}"))?,
        };
        match live.write(&before, cib, "crm") {
            Ok(Ok(())) => {
                self.seen.replace(Some(cib.clone()));
                Ok(())
            }
            Ok(Err(code)) => Err(format!("Call failed: {}", code.text())),
            Err(error) => Err(format!("Call failed: {error}")),
        }
    }
}

fn valid(cib: &Document) -> Result<(), String> {
    schema::validate(cib).map_err(|_| "Call failed: Update does not conform to the configured schema".to_owned())
}

fn raise_and_write(path: &Path, cib: &mut Document) -> Result<(), String> {
    valid(cib)?;
    let root = cib.root();
    let epoch = cib.attr(root, "epoch").and_then(|epoch| epoch.parse::<u64>().ok()).unwrap_or(0);
    cib.set_attr(root, "epoch", &epoch.saturating_add(1).to_string());
    cib.set_attr(root, "num_updates", "0");
    write_file(path, cib)
}

/// Reads a CIB from a file.
pub(super) fn read_file(path: &Path) -> Result<Document, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("could not open {shown}: {error}"))?;
    Document::parse_with(&text, &Limits::file()).map_err(|error| format!("{shown}: {error}"))
}

/// Writes a CIB to a file, which has its old content until it has the new one.
pub(super) fn write_file(path: &Path, cib: &Document) -> Result<(), String> {
    let mut next = path.as_os_str().to_owned();
    next.push(".new");
    std::fs::write(&next, cib.write())
        .and_then(|()| std::fs::rename(&next, path))
        .map_err(|error| format!("could not write {}: {error}", path.display()))
}

/// A CIB with nothing in it.
pub(super) fn empty() -> Document {
    let mut doc = Document::new("cib");
    let root = doc.root();
    let attributes = [
        ("crm_feature_set", "3.16.1"),
        ("validate-with", "pacemaker-3.9"),
        ("epoch", "0"),
        ("num_updates", "0"),
        ("admin_epoch", "0"),
    ];
    for (name, value) in attributes {
        doc.set_attr(root, name, value);
    }
    let configuration = doc.append(root, "configuration");
    for section in ["crm_config", "nodes", "resources", "constraints"] {
        doc.append(configuration, section);
    }
    doc.append(root, "status");
    doc
}
