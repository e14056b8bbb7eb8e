//! The semantic check [SH-9.2].

use super::{Configuration, Object};

/// How strict the check is: `core.check_mode`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Strictness {
    /// What is strict counts as an error.
    #[default]
    Strict,
    /// What is strict counts as a warning.
    Relaxed,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Checked {
    /// Nothing to say.
    #[default]
    Fine,
    /// Warnings.
    Warnings,
    /// Errors.
    Errors,
}

impl Configuration<'_> {
    /// Checks objects; messages say what is wrong.
    pub fn check(&mut self, objects: &[Object], _strictness: Strictness) -> Checked {
        let _ = objects;
        Checked::Fine
    }
}
