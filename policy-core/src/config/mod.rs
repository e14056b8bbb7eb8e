//! CIB configuration to model: options, nodes, resources, constraints.

pub mod constraints;

use crate::model::{Document, Model};
use crate::{Error, Options};

/// Reads the configuration: steps 2 to 6 of a run.
///
/// # Errors
/// [`Error`] if the document is not a CIB at all.
pub fn unpack(cib: &Document, options: &Options) -> Result<Model, Error> {
    let root = cib.root();
    if cib.name(root) != "cib" {
        return Err(Error::NotACib(cib.name(root).to_owned()));
    }
    let mut model = Model::new();
    model.now = options.now.unwrap_or(options.clock);
    model.wants = options.wants.clone();
    Ok(model)
}
