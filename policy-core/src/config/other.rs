//! Tags and the fencing topology [IN-16].

use crate::model::Model;
use cib_core::rules::parse_integer;

/// Checks the topology and reads the tags.
pub(super) fn unpack(m: &mut Model) {
    check_topology(m);
    unpack_tags(m);
}

/// [IN-16.3]
fn check_topology(m: &mut Model) {
    let Some(section) = super::section(&m.config, "fencing-topology") else { return };
    let mut errors = Vec::new();
    for level in m.config.children_named(section, "fencing-level") {
        let index = m.config.attr(level, "index").and_then(parse_integer);
        match (m.config.id(level), index) {
            (None | Some(""), _) => errors.push("Ignoring fencing level without ID".to_owned()),
            (Some(id), None) => errors.push(format!("Ignoring fencing level {id} with invalid index")),
            (Some(id), Some(n)) if !(1..=9).contains(&n) => {
                errors.push(format!("Ignoring fencing level {id} with out-of-range index {n}"));
            }
            _ => {}
        }
    }
    for error in errors {
        m.config_error(error);
    }
}

/// [IN-16.1]
fn unpack_tags(m: &mut Model) {
    let Some(section) = super::section(&m.config, "tags") else { return };
    let Model { config, symbols, tags, messages, .. } = m;
    let mut error = |text: String| {
        messages.push(crate::model::Message { level: crate::model::Level::ConfigError, text });
    };
    for tag in config.children_named(section, "tag") {
        let Some(id) = config.id(tag) else {
            error("Ignoring <tag> without id".to_owned());
            continue;
        };
        for object in config.children_named(tag, "obj_ref") {
            let Some(object) = config.id(object) else {
                error(format!("Ignoring <obj_ref> for tag '{id}' without id"));
                continue;
            };
            let object = symbols.intern(object);
            let objects = tags.entry(symbols.intern(id)).or_default();
            if !objects.contains(&object) {
                objects.push(object);
            }
        }
    }
}
