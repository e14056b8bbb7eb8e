//! Templates [IN-10.8].

use crate::model::{Element, Model, Symbol};

/// The effective element of a primitive: itself, or a copy of its template with its own children appended.
///
/// # Errors
/// What to tell about an unusable template.
pub(super) fn merge(m: &mut Model, element: Element) -> Result<(Element, Option<Symbol>), String> {
    let Some(name) = m.config.attr(element, "template").map(str::to_owned) else { return Ok((element, None)) };
    let id = m.config.id(element).unwrap_or_default().to_owned();
    if name == id {
        return Err(format!("The resource object '{id}' should not reference itself"));
    }
    let template = super::section(&m.config, "configuration")
        .and_then(|c| m.config.child(c, "resources"))
        .and_then(|r| m.config.children_named(r, "template").find(|&t| m.config.id(t) == Some(&name)));
    let Some(template) = template else { return Err(format!("No template named '{name}'")) };
    let holder = super::resources::holder(m);
    let merged = m.config.duplicate(holder, None, template);
    m.config.rename(merged, "primitive");
    m.config.set_attr(merged, "id", &id);
    for child in m.config.children(element).collect::<Vec<_>>() {
        m.config.duplicate(merged, None, child);
    }
    merge_operations(m, merged);
    Ok((merged, Some(m.symbols.intern(&name))))
}

/// Two `operations` become one: the primitive's, with those of the template that it does not have itself.
fn merge_operations(m: &mut Model, merged: Element) {
    let all: Vec<Element> = m.config.children_named(merged, "operations").collect();
    let [of_template, own, ..] = all[..] else { return };
    let own_keys: Vec<_> = m.config.children_named(own, "op").map(|op| key(m, op)).collect();
    for op in m.config.children_named(of_template, "op").collect::<Vec<_>>() {
        if !own_keys.contains(&key(m, op)) {
            m.config.duplicate(own, None, op);
        }
    }
    m.config.remove(of_template);
}

/// Name and role; the interval is not part of it.
fn key(m: &Model, op: Element) -> (String, String) {
    let role = m.config.attr(op, "role").unwrap_or("Started");
    let started = ["Started", "Unpromoted", "Slave"].iter().any(|r| r.eq_ignore_ascii_case(role));
    let role = if started { "Started" } else { role };
    (m.config.attr(op, "name").unwrap_or_default().to_owned(), role.to_owned())
}
