//! Bringing documents of older schemas up to date [CB-5.3 … CB-5.7].

mod acls;
mod properties;
mod removals;
mod to_3_0;
mod to_4_0;
mod tree;

use thiserror::Error;

use super::level::*;
use super::{SCHEMAS, index, validator};
use crate::cib::Code;
use crate::xml::Document;

/// What came of an upgrade.
#[derive(Clone, Debug)]
pub struct Upgrade {
    /// The result of the last step that was tried: an error does not mean that nothing was reached.
    pub result: Result<(), Code>,
    /// The place of the schema that the document had.
    pub from: Option<usize>,
    /// The place of the schema that it has now.
    pub to: Option<usize>,
    /// What was lost or made up on the way.
    pub warnings: Vec<String>,
    /// Some schema on the way accepted the document.
    pub(super) reached: bool,
}

impl Upgrade {
    /// Whether the schema rose.
    pub fn rose(&self) -> bool {
        self.to > self.from
    }
}

/// Why a document cannot be used by tools that only read it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum UpgradeError {
    /// `validate-with` is missing or names no known schema.
    #[error("Cannot upgrade configuration (claiming {0} schema): the schema is not known")]
    Unknown(String),
    /// No schema from the claimed one upwards accepts the document.
    #[error(
        "Cannot upgrade configuration (claiming {0} schema) to at least pacemaker-4.0 because it does not validate with any schema from {0} to the latest"
    )]
    NeverValid(String),
    /// A transformation does not lead further.
    #[error(
        "Cannot upgrade configuration (claiming {0} schema) to at least pacemaker-4.0 because it would not upgrade past {1}"
    )]
    Stuck(String, String),
}

impl UpgradeError {
    /// The result code of the tool.
    pub fn code(&self) -> Code {
        match self {
            UpgradeError::Unknown(_) => Code::CibCorrupt,
            _ => Code::TransformFailed,
        }
    }
}

/// Upgrades a document for reading, to at least the first schema that the scheduler accepts [CB-5.7]. A document with
/// validation `none` stays as it is. On an error the document is as before. Gives warnings about what was lost.
pub fn upgrade(doc: &mut Document) -> Result<Vec<String>, UpgradeError> {
    let claimed = doc.attr(doc.root(), "validate-with").unwrap_or_default().to_owned();
    let Some(from) = index(&claimed) else { return Err(UpgradeError::Unknown(claimed)) };
    if from >= V4_0 {
        return Ok(Vec::new());
    }
    if from >= V3_0 && validator::validate(doc, V4_0).is_ok() {
        // Schemas 3.x only add to each other: none on the way would change anything.
        let root = doc.root();
        doc.set_attr(root, "validate-with", SCHEMAS[V4_0]);
        return Ok(Vec::new());
    }
    let mut copy = doc.clone();
    let outcome = upgrade_to(&mut copy, None);
    match outcome.to {
        Some(to) if to >= V4_0 => {
            *doc = copy;
            Ok(outcome.warnings)
        }
        Some(to) if outcome.reached => Err(UpgradeError::Stuck(claimed, SCHEMAS[to].into())),
        _ => Err(UpgradeError::NeverValid(claimed)),
    }
}

/// Upgrades a document to the newest schema, or to `max` [CB-5.3].
pub fn upgrade_to(doc: &mut Document, max: Option<&str>) -> Upgrade {
    let top = max.and_then(index).map_or(V4_0, |top| top.clamp(1, V4_0));
    let from = doc.attr(doc.root(), "validate-with").and_then(index);
    let mut outcome = Upgrade { result: Ok(()), from, to: from, warnings: Vec::new(), reached: false };
    let Some(current) = from else {
        outcome.result = Err(Code::CibCorrupt);
        return outcome;
    };
    if current >= top {
        return outcome;
    }
    let mut best = None;
    for at in current..=top {
        if validator::validate(doc, at).is_err() {
            if best.is_some() {
                break;
            }
            outcome.result = Err(Code::SchemaValidation);
            continue;
        }
        outcome.result = Ok(());
        best = Some(at);
        if at == top {
            break;
        }
        if !matches!(at, V1_3 | V2_10 | V3_10) || validator::validate(doc, at + 1).is_ok() {
            continue;
        }
        let mut copy = doc.clone();
        let mut warnings = Vec::new();
        match at {
            V1_3 => acls::transform(&mut copy),
            V2_10 => to_3_0::transform(&mut copy, &mut warnings),
            _ => to_4_0::transform(&mut copy, &mut warnings),
        }
        if validator::validate(&copy, at + 1).is_ok() {
            *doc = copy;
            outcome.warnings.extend(warnings);
        } else {
            outcome.result = Err(Code::TransformFailed);
        }
    }
    outcome.reached = best.is_some();
    if let Some(best) = best.filter(|&best| best > current) {
        let root = doc.root();
        doc.set_attr(root, "validate-with", SCHEMAS[best]);
        outcome.to = Some(best);
    }
    outcome
}

#[cfg(test)]
mod tests;
