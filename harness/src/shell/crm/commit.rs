//! Verification and commit [SH-9, SH-10].

use cib_core::crmsh::{Checked, Keyword, Object, Strictness};
use cib_core::rules::parse_boolean;
use cib_core::schema;
use cib_core::xml::Document;

use super::session::Session;

const NO_FENCING: [&str; 4] = [
    "(unpack_resources) \terror: Resource start-up disabled since no STONITH resources have been defined",
    "(unpack_resources) \terror: Either configure some or disable STONITH with the stonith-enabled option",
    "(unpack_resources) \terror: NOTE: Clusters with shared data need STONITH to ensure data integrity",
    "crm_verify: Errors found during check: config not valid",
];

const OLD_ORDER: [&str; 2] = [
    "(get_ordering_type) \twarning: Support for 'score' in rsc_order is deprecated and will be removed in a future release (use 'kind' instead)",
    "crm_verify: Warnings found during check: config may not be valid",
];

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

    fn verify_structure(&mut self) -> bool {
        let copy = self.copy();
        let doc = copy.document().clone();
        let fencing = copy.objects().iter().any(|object| doc.attr(object.node, "class") == Some("stonith"));
        let resources = copy.objects().iter().any(|object| object.keyword.is_resource());
        let mut fine = true;
        if let Err(invalid) = schema::validate(&doc) {
            self.error(&invalid.to_string());
            self.error("crm_verify: Errors found during check: config not valid");
            fine = false;
        }
        let constraints = doc.path(doc.root(), &["configuration", "constraints"]);
        let mut orders = constraints.into_iter().flat_map(|section| doc.children_named(section, "rsc_order"));
        if orders.any(|order| doc.attr(order, "score").is_some()) {
            for line in OLD_ORDER {
                self.error(line);
            }
            fine = false;
        }
        let watchdog = property(&doc, "have-watchdog").and_then(parse_boolean) == Some(true);
        if resources && !fencing && !watchdog && fencing_enabled(&doc) {
            for line in NO_FENCING {
                self.error(line);
            }
            fine = false;
        }
        fine
    }
}

/// Value of a cluster option in any property set, the last one first.
pub(super) fn property<'d>(doc: &'d Document, name: &str) -> Option<&'d str> {
    let options = doc.path(doc.root(), &["configuration", "crm_config"])?;
    let sets = doc.children_named(options, "cluster_property_set");
    let pairs = sets.flat_map(|set| doc.children_named(set, "nvpair"));
    pairs.filter(|pair| doc.attr(*pair, "name") == Some(name)).filter_map(|pair| doc.attr(pair, "value")).last()
}

fn fencing_enabled(doc: &Document) -> bool {
    let value = property(doc, "fencing-enabled").or_else(|| property(doc, "stonith-enabled"));
    value.and_then(parse_boolean) != Some(false)
}
