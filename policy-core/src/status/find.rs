//! Which resource a name in history means on a node [ST-8.2] [ST-8.3].

use crate::model::{Document, HistoryIx, Kind, Model, NodeIx, ResourceFlags, ResourceIx, Symbol, base_name};

/// The resource that `name` means on `node`.
pub(super) fn resource(m: &mut Model, name: Symbol, node: NodeIx) -> Option<ResourceIx> {
    let candidate = match first_named(m, name) {
        Some(found) if !m[found].is_primitive() => return None,
        Some(found) => found,
        None => {
            let first = format!("{}:0", base_name(m.text(name)));
            let found = m.symbols.find(&first).and_then(|s| first_named(m, s))?;
            if m[found].is(ResourceFlags::UNIQUE) {
                return None;
            }
            found
        }
    };
    let top = m.top(candidate);
    let mut result = Some(candidate);
    if m[top].kind() == Kind::Clone && m.is_anonymous(top) {
        result = match m.bundle_of(top) {
            Some(bundle) => bundled_instance(m, bundle, node),
            None => instance(m, top, name, node),
        };
    }
    let r = result?;
    if name != m[r].id && m[r].history_id != Some(name) {
        m.set_history_id(r, Some(name));
    }
    Some(r)
}

/// The first resource of this id or history id. Of several in one family any will do, since the instance is chosen anew.
fn first_named(m: &Model, name: Symbol) -> Option<ResourceIx> {
    let all = m.named(name);
    let (&first, rest) = all.split_first()?;
    let top = m.top(first);
    if rest.iter().all(|&r| m.top(r) == top) && m.is_anonymous(first) {
        return Some(first);
    }
    m.resource(name)
}

/// The instance of the replica whose bundle node this is.
fn bundled_instance(m: &Model, bundle: ResourceIx, node: NodeIx) -> Option<ResourceIx> {
    let replicas = &m[bundle].bundle()?.replicas;
    replicas.iter().find(|replica| replica.node == Some(node))?.child
}

/// The instance of an anonymous clone [ST-8.3].
fn instance(m: &mut Model, clone: ResourceIx, name: Symbol, node: NodeIx) -> Option<ResourceIx> {
    let base = base_name(m.text(name)).to_owned();
    let base = m.symbols.intern(&base);
    let (mut active, mut free, mut skip_inactive) = (None, None, false);
    for &i in &m[clone].children {
        match m.locations_of(i, true, true, false).first() {
            Some(&first) if first == node => {
                let Some(member) = member(m, i, base) else { continue };
                if m[member].active.is_empty() {
                    active = Some(member);
                    break;
                }
                skip_inactive = true;
            }
            Some(_) => {}
            None if skip_inactive || free.is_some() || m[i].is(ResourceFlags::BLOCKED) => {}
            None => {
                free = member(m, i, base);
                if free.is_some_and(|f| m[f].pending.is_some_and(|(_, at)| at != node)) {
                    free = None;
                }
            }
        }
    }
    let mut result = active.or(if skip_inactive { None } else { free });
    if let Some(r) = result {
        let n = &m[node];
        let clone_max = m[clone].clone_state().map_or(0, |c| c.clone_max);
        let lost = (!n.online() || n.unclean()) && !n.is_guest();
        if !m[r].is(ResourceFlags::NEEDS_FENCING) && lost && usize::try_from(clone_max) != Ok(m.nodes.len()) {
            result = None;
        }
    }
    result.or_else(|| {
        let new = m.add_removed_instance(clone)?;
        member(m, new, base)
    })
}

/// The resource in an instance that is, or was made from, the one called `base`.
fn member(m: &Model, instance: ResourceIx, base: Symbol) -> Option<ResourceIx> {
    let is = |r: ResourceIx| m[r].id == base || m[r].xml_id == base;
    if is(instance) {
        return Some(instance);
    }
    m[instance].children.iter().find_map(|&c| member(m, c, base))
}

/// Makes a removed resource for a history that fits nothing [ST-8.4].
pub(super) fn removed(m: &mut Model, cib: &Document, history: HistoryIx) -> Option<ResourceIx> {
    let h = &m[history];
    let id = m.text(h.id).to_owned();
    let attributes: Vec<(String, String)> = cib
        .attrs(h.element)
        .map(|(name, value)| (name.to_owned(), if name == "id" { id.clone() } else { value.to_owned() }))
        .collect();
    crate::config::unpack_removed(m, &attributes)
}
