//! The CIB in its file.

use cib_core::schema;
use cib_core::xml::{Document, Limits};

/// Where the CIB is.
#[derive(Debug)]
pub(super) struct Store {
    path: Option<String>,
}

impl Store {
    pub(super) fn new(path: Option<String>) -> Store {
        Store { path }
    }

    /// The name in the prompt.
    pub(super) fn name(&self) -> &str {
        self.path.as_deref().map_or("live", |path| path.rsplit('/').next().unwrap_or(path))
    }

    /// Reads the CIB; an empty one where there is no file yet.
    pub(super) fn read(&self) -> Result<Document, String> {
        let Some(path) = &self.path else {
            return Err("no CIB: name its file with -c FILE or the environment variable CIB_file".to_owned());
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(empty()),
            Err(error) => return Err(format!("could not open {path}: {error}")),
        };
        Document::parse_with(&text, &Limits::file()).map_err(|error| format!("{path}: {error}"))
    }

    /// Writes the CIB with its epoch raised, if its schema allows it.
    pub(super) fn write(&self, cib: &mut Document) -> Result<(), String> {
        let Some(path) = &self.path else { return Err("no CIB".to_owned()) };
        if schema::validate(cib).is_err() {
            return Err("Call failed: Update does not conform to the configured schema".to_owned());
        }
        let root = cib.root();
        let epoch = cib.attr(root, "epoch").and_then(|epoch| epoch.parse::<u64>().ok()).unwrap_or(0);
        cib.set_attr(root, "epoch", &epoch.saturating_add(1).to_string());
        cib.set_attr(root, "num_updates", "0");
        let next = format!("{path}.new");
        std::fs::write(&next, cib.write())
            .and_then(|()| std::fs::rename(&next, path))
            .map_err(|error| format!("could not write {path}: {error}"))
    }
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
