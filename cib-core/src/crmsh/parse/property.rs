//! Property sets and defaults [SH-4.14].

use super::Origin;
use super::cursor::{Fault, IdSpec, Parser, id_spec, leading_id};
use super::rule;
use crate::crmsh::keyword::Keyword;

pub(super) fn property(p: &mut Parser<'_>, keyword: Keyword) -> Result<(), Fault> {
    let root = p.root();
    if let Some(id) = p.take(|token| leading_id(token).map(str::to_owned)) {
        p.set("id", &id);
    } else if let Some(IdSpec::Reference(id)) = p.take(id_spec) {
        p.set("id-ref", &id);
    }
    if p.doc.attr_count(root) == 0 {
        p.set("id", keyword.default_id().unwrap_or_default());
    }
    rule::rules(p, root)?;
    let start = p.at;
    let pairs = p.pairs(&[]);
    if p.origin == Origin::Typed {
        if let Some(bare) = pairs.iter().position(|pair| pair.value.is_none() && pair.id_ref.is_none()) {
            p.at = start + bare;
            return p.require_end();
        }
        if let Some(empty) = pairs.iter().find(|pair| pair.value.as_deref() == Some("")) {
            let name = empty.name.as_deref().unwrap_or_default();
            return Err(Fault::new(format!("Empty value for {name} is not allowed")));
        }
    }
    p.append_pairs(root, pairs);
    Ok(())
}
