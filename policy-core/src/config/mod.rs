//! CIB configuration to model: options, nodes, resources, constraints.
//!
//! [`unpack`] copies the configuration (not the status) into [`Model::config`] and works on the copy: references between
//! elements are replaced by what they name, templates are merged, implied connections and the parts of bundles are added. So
//! every later pass reads plain elements. The walk over constraints ([`constraints::unpack`]) comes after the status.

mod bundle;
mod bundle_settings;
mod clone;
pub mod constraints;
mod implied;
mod nodes;
mod options;
mod other;
mod parameters;
pub mod reference;
mod resources;
mod sets;
mod settings;
mod template;

pub(crate) use parameters::Sets as ParameterSets;
pub use parameters::{op_meta_sets, op_parameters, parameters};
pub use sets::Scope;

pub(crate) use bundle::valid_id;
pub(crate) use nodes::add_attributes;
pub(crate) use resources::unpack_removed;

use crate::model::{Document, Element, Model};
use crate::{Error, Options};
use cib_core::rules::{Context, DateTime, HealthScores, compare_versions, parse_integer};

/// The feature set that this scheduler implements.
pub const FEATURE_SET: &str = "3.20.5";

/// Reads the configuration: steps 2 to 6 of a run.
///
/// # Errors
/// [`Error`] if the document is not a CIB at all.
pub fn unpack(cib: &Document, options: &Options) -> Result<Model, Error> {
    let root = cib.root();
    if cib.name(root) != "cib" {
        return Err(Error::NotACib(cib.name(root).to_owned()));
    }
    let mut m = Model::new();
    m.wants = options.wants.clone();
    set_time(&mut m, cib, options);
    let intern = |m: &mut Model, name: &str| cib.attr(root, name).map(|v| m.symbols.intern(v));
    m.feature_set = intern(&mut m, "crm_feature_set");
    m.dc_uuid = intern(&mut m, "dc-uuid");
    m.quorate = cib_core::rules::is_true(cib.attr(root, "have-quorum"));
    if let Some(theirs) = cib.attr(root, "crm_feature_set")
        && compare_versions(theirs, FEATURE_SET).is_gt()
    {
        m.config_error(format!("Can't process CIB with feature set '{theirs}' greater than our own '{FEATURE_SET}'"));
        m.unreadable = true;
        return Ok(m);
    }
    copy_configuration(&mut m, cib);
    sets::expand_references(&mut m);
    m.rsc_defaults = section(&m.config, "rsc_defaults");
    m.op_defaults = section(&m.config, "op_defaults");
    options::unpack(&mut m);
    nodes::unpack(&mut m);
    resources::unpack(&mut m);
    other::unpack(&mut m);
    Ok(m)
}

/// Fixes "now" [IN-7].
fn set_time(m: &mut Model, cib: &Document, options: &Options) {
    let recorded = cib.attr(cib.root(), "execution-date").and_then(parse_integer);
    m.utc_offset = options.utc_offset;
    m.time = match (options.now, recorded) {
        (Some(now), _) => now,
        (None, Some(recorded)) => DateTime::from_epoch(recorded, options.utc_offset),
        (None, None) => DateTime::from_epoch(options.clock, options.utc_offset),
    };
    m.now = m.time.epoch_seconds();
}

/// Copies the document without its status.
fn copy_configuration(m: &mut Model, cib: &Document) {
    let root = m.config.root();
    for (name, value) in cib.attrs(cib.root()) {
        m.config.set_attr(root, name, value);
    }
    for child in cib.children(cib.root()) {
        if cib.name(child) != "status" {
            m.config.copy(root, cib, child);
        }
    }
}

/// The one element of this name anywhere in the document [IN-1.2]; none if there are several.
pub(crate) fn section(doc: &Document, name: &str) -> Option<Element> {
    let root = doc.root();
    if let Some(configuration) = doc.child(root, "configuration") {
        let mut found = doc.children_named(configuration, name);
        if let (Some(first), None) = (found.next(), found.next()) {
            // the regular place; elsewhere an element of this name would be odd enough to look for
            let elsewhere = doc.children_named(root, name).next().is_some()
                || doc.children_named(root, "configuration").nth(1).is_some();
            if !elsewhere {
                return Some(first);
            }
        }
    }
    let wanted = doc.find_name(name)?;
    let mut found = doc.descendants(root).filter(|&n| doc.name_ix(n) == Some(wanted));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

impl Model {
    /// What every rule sees: the time and the worth of health colours.
    #[must_use]
    pub fn rule_context(&self) -> Context<'_> {
        let score = |s: crate::model::Score| cib_core::rules::Score::new(s.value().into());
        Context {
            local: DateTime::from_epoch(self.now, self.utc_offset),
            health: HealthScores {
                red: score(self.options.health_red),
                yellow: score(self.options.health_yellow),
                green: score(self.options.health_green),
            },
            ..Context::at(self.time)
        }
    }

    /// Keeps what an evaluation of rules left behind.
    pub fn note(&mut self, evaluation: cib_core::rules::Evaluation) {
        if let Some(change) = evaluation.next_change {
            self.recheck_at(change.epoch_seconds());
        }
        for remark in evaluation.remarks {
            match remark.severity {
                cib_core::rules::Severity::Error => self.config_error(remark.text),
                cib_core::rules::Severity::Warning => self.config_warning(remark.text),
            }
        }
    }

    /// Reads a score, health colours included [IN-3.3]; `None` if the text is none.
    #[must_use]
    pub fn parse_score(&self, text: &str) -> Option<crate::model::Score> {
        let score = cib_core::rules::Score::parse(text, &self.rule_context().health).ok()?;
        Some(crate::model::Score::clamped(score.get().into()))
    }
}
