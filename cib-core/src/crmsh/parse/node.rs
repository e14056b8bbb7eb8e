//! Nodes [SH-4.1].

use super::cursor::{Fault, Parser, is_word_of, leading_id};

pub(super) fn node(p: &mut Parser<'_>) -> Result<(), Fault> {
    let id = p.take(|token| leading_id(token).map(str::to_owned));
    if let Some(id) = &id {
        p.set("id", id);
    }
    let (uname, kind) = p.expect("Expected uname[:type]", uname)?;
    p.set("uname", &uname);
    match kind {
        Some(kind) => p.set("type", &kind),
        // The first schemas require the type.
        None if !p.dialect.schema_is_at_least("1.1") => p.set("type", "normal"),
        None => {}
    }
    let root = p.root();
    p.description(root);
    p.implicit_set(root, "instance_attributes", &[])?;
    p.sets(root, &[("attributes", "instance_attributes"), ("utilization", "utilization")], &[])?;
    if id.is_none() {
        p.set("id", &uname);
    }
    Ok(())
}

/// `NAME[:TYPE]`.
fn uname(token: &str) -> Option<(String, Option<String>)> {
    let (name, kind) = match token.split_once(':') {
        Some((name, kind)) => (name, Some(kind)),
        None => (token, None),
    };
    let known = kind.is_none_or(|kind| is_word_of(kind, &["normal", "member", "ping", "remote"]));
    (!name.is_empty() && known).then(|| (name.to_owned(), kind.map(str::to_owned)))
}
