//! The CIB in its file, or that of a node that runs here.

use std::cell::RefCell;

use cib_core::schema;
use cib_core::xml::{Document, Limits};

use crate::shell::cluster::Live;

/// Where the CIB is.
#[derive(Debug)]
enum Place {
    File(String),
    Node(Live),
}

/// The CIB behind a session.
#[derive(Debug)]
pub(super) struct Store {
    place: Place,
    /// What was read last from a node: a change is the difference to it.
    seen: RefCell<Option<Document>>,
}

impl Store {
    /// The file at `path`; without one, the node behind `socket` or the usual one.
    pub(super) fn new(path: Option<String>, socket: Option<&str>) -> Store {
        let place = match path.filter(|path| !path.is_empty()) {
            Some(path) => Place::File(path),
            None => Place::Node(Live::at(socket)),
        };
        Store { place, seen: RefCell::new(None) }
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
        match &self.place {
            Place::File(path) => path.rsplit('/').next().unwrap_or(path),
            Place::Node(_) => "live",
        }
    }

    /// Reads the CIB; an empty one where there is no file yet.
    pub(super) fn read(&self) -> Result<Document, String> {
        let path = match &self.place {
            Place::File(path) => path,
            Place::Node(live) => {
                let advice = "start one, or name a file with -c FILE or the environment variable CIB_file";
                let cib = live.read().map_err(|error| format!("no CIB: {error}; {advice}"))?;
                self.seen.replace(Some(cib.clone()));
                return Ok(cib);
            }
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(empty()),
            Err(error) => return Err(format!("could not open {path}: {error}")),
        };
        Document::parse_with(&text, &Limits::file()).map_err(|error| format!("{path}: {error}"))
    }

    /// Writes the CIB, if its schema allows it: to a file with its epoch raised, to a node what differs from what was read.
    pub(super) fn write(&self, cib: &mut Document) -> Result<(), String> {
        if schema::validate(cib).is_err() {
            return Err("Call failed: Update does not conform to the configured schema".to_owned());
        }
        match &self.place {
            Place::File(path) => write_file(path, cib),
            Place::Node(live) => self.write_node(live, cib),
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

fn write_file(path: &str, cib: &mut Document) -> Result<(), String> {
    let root = cib.root();
    let epoch = cib.attr(root, "epoch").and_then(|epoch| epoch.parse::<u64>().ok()).unwrap_or(0);
    cib.set_attr(root, "epoch", &epoch.saturating_add(1).to_string());
    cib.set_attr(root, "num_updates", "0");
    let next = format!("{path}.new");
    std::fs::write(&next, cib.write())
        .and_then(|()| std::fs::rename(&next, path))
        .map_err(|error| format!("could not write {path}: {error}"))
}

fn empty() -> Document {
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
