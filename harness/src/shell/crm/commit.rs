//! Verification and commit [SH-9, SH-10].

use cib_core::crmsh::{Checked, Keyword, Object, Strictness};
use cib_core::xml::Document;

use super::session::Session;
use crate::shell::cib_tools::checker::{self, Verdict};
use crate::shell::cib_tools::local_now;

/// What the release whose shell this is says in three lines [SH-9.1].
const NO_FENCING: [&str; 3] = [
    "(unpack_resources) \terror: Resource start-up disabled since no STONITH resources have been defined",
    "(unpack_resources) \terror: Either configure some or disable STONITH with the stonith-enabled option",
    "(unpack_resources) \terror: NOTE: Clusters with shared data need STONITH to ensure data integrity",
];

/// How a message ends that something will not be understood for ever.
const DEPRECATED: &str = "is deprecated and will be removed in a future release";

/// Parts of the messages of that kind which the release whose shell this is has too. The shell's own words, such as
/// `stonith-enabled` and `master-max`, are old names elsewhere: they are no reason to refuse a commit.
const DEPRECATED_BEFORE: [&str; 3] =
    ["Support for 'score' in rsc_order", "group meta-attribute", "Support for require-all in ordering constraints"];

/// How the message begins that they stand for.
const NO_FENCING_DEVICES: &str = "Resource start-up disabled since no fencing resources have been defined";

impl Session {
    /// Commits the working copy.
    pub(super) fn commit(&mut self, force: bool) -> bool {
        if !self.has_changes() {
            self.inform("apparently there is nothing to commit");
            self.inform("try changing something first");
            return true;
        }
        let primitives = self.copy().objects().iter().any(|object| object.keyword == Keyword::Primitive);
        if primitives {
            let changed = self.copy().select(&["changed"]).objects;
            if !self.verify(changed) {
                if force || self.force() {
                    self.inform("commit forced");
                } else if !self.ask("Do you still want to commit") {
                    return false;
                }
            }
        }
        self.write_copy()
    }

    /// Writes the working copy without a check.
    pub(super) fn write_copy(&mut self) -> bool {
        let Some(mut cib) = self.read_cib() else { return false };
        self.copy().commit(&mut cib);
        if let Err(text) = self.store.write(&mut cib) {
            eprintln!("{text}");
            self.error("could not patch cib (rc=78)");
            return false;
        }
        self.refresh_copy().is_some() && (!self.options.is_true("core.wait") || super::live::wait(self))
    }

    /// The structural check of everything and the semantic check of some objects; whether the copy may be committed.
    pub(super) fn verify(&mut self, objects: Vec<Object>) -> bool {
        let structure = self.verify_structure();
        let meaning = match self.options.get("core.check_frequency") {
            "never" => Checked::Fine,
            _ => {
                let strictness = match self.options.get("core.check_mode") {
                    "relaxed" => Strictness::Relaxed,
                    _ => Strictness::Strict,
                };
                self.with_copy(|copy| copy.check(&objects, strictness))
            }
        };
        structure && meaning < Checked::Errors
    }

    /// Gives the whole copy to the checker; whether it finds nothing against it [SH-9.1].
    fn verify_structure(&mut self) -> bool {
        let mut doc = self.copy().document().clone();
        let root = doc.root();
        doc.append(root, "status");
        let mut findings = checker::check(&mut doc, "-", local_now());
        findings.messages.retain(|message| {
            !message.text.contains(DEPRECATED) || DEPRECATED_BEFORE.iter().any(|part| message.text.contains(part))
        });
        let verdict = findings.verdict();
        let mut lines = findings.schema;
        for message in findings.messages.iter().filter(|message| checker::verbosity(message.level) <= 2) {
            if message.text.starts_with(NO_FENCING_DEVICES) {
                lines.extend(NO_FENCING.map(str::to_owned));
            } else {
                lines.push(format!("(crm_verify) \t{}: {}", checker::word(message.level), message.text));
            }
        }
        lines.extend(verdict.text().map(|verdict| format!("crm_verify: {verdict}")));
        // Only the first line may be a warning: whatever follows belongs to it.
        for (i, line) in lines.iter().enumerate() {
            if i == 0 && line.contains("warning:") {
                self.warn(line);
            } else {
                self.error(line);
            }
        }
        verdict == Verdict::Fine
    }
}

/// Value of a cluster option in any property set, the last one first.
pub(super) fn property<'d>(doc: &'d Document, name: &str) -> Option<&'d str> {
    let options = doc.path(doc.root(), &["configuration", "crm_config"])?;
    let sets = doc.children_named(options, "cluster_property_set");
    let pairs = sets.flat_map(|set| doc.children_named(set, "nvpair"));
    pairs.filter(|pair| doc.attr(*pair, "name") == Some(name)).filter_map(|pair| doc.attr(pair, "value")).last()
}
