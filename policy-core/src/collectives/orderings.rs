//! Internal orderings and colocations of collectives [CL-10].

use crate::actions::implicit_of;
use crate::model::{Colocation, Kind, Kinds, Model, Replica, ResourceFlags, ResourceIx, Score, Task, sym};
use crate::ordering::order;
use crate::placement::colocations;
use crate::placement::hashing::merge_sort;
use crate::placement::look::instance_number;

const NONE: Kinds = Kinds::NONE;
const ORD: Kinds = Kinds::ORDERED;
const BLOCKS: Kinds = Kinds::BLOCKS;
const FIRST_THEN: Kinds = Kinds::FIRST_IMPLIES_THEN;
const THEN_FIRST: Kinds = Kinds::THEN_IMPLIES_FIRST;
const SHOWS_THEN: Kinds = Kinds::SHOWS_THEN;
const SHOWS_FIRST: Kinds = Kinds::SHOWS_FIRST;

/// Creates the implicit constraints of a group, clone or bundle and of everything in it [CL-10].
pub fn implicit(m: &mut Model, r: ResourceIx) {
    match m[r].kind() {
        Kind::Primitive => {}
        Kind::Group => group(m, r),
        Kind::Clone => clone(m, r),
        Kind::Bundle => bundle(m, r),
    }
}

/// A colocation that the configuration does not name, with influence as given.
fn colocate(m: &mut Model, id: &str, dependent: ResourceIx, primary: ResourceIx, influence: bool) {
    let id = m.symbols.intern(id);
    colocations::insert(
        m,
        Colocation {
            id,
            dependent,
            primary,
            score: Score::INFINITY,
            dependent_role: None,
            primary_role: None,
            node_attribute: sym::UNAME,
            influence,
            explicit: false,
        },
    );
}

/// Sorts a clone's instances by number, stably.
pub(super) fn sort_by_number(m: &mut Model, clone: ResourceIx) {
    let mut keyed: Vec<(i64, ResourceIx)> =
        m[clone].children.iter().map(|&instance| (instance_number(m.id(instance)), instance)).collect();
    merge_sort(&mut keyed, &mut |a, b| a.0.cmp(&b.0));
    m[clone].children = keyed.into_iter().map(|(_, instance)| instance).collect();
}

/// The restart set of a promotable collective [CL-10.4].
fn restart_set(m: &mut Model, x: ResourceIx) {
    use Task::{Demote, Demoted, Promote, Running, Start, Stop, Stopped};
    for (first, then) in [
        (Stopped, Start),
        (Stopped, Promote),
        (Demoted, Stop),
        (Demoted, Start),
        (Demoted, Promote),
        (Running, Promote),
        (Demote, Demoted),
    ] {
        order(m, (x, first), (x, then), ORD);
    }
}

/// A clone and its instances [CL-10.1].
fn clone(m: &mut Model, c: ResourceIx) {
    use Task::{Demote, Demoted, Promote, Promoted, Running, Start, Stop, Stopped};
    let promotable = m[c].is(ResourceFlags::PROMOTABLE);
    let ordered = m[c].clone_state().is_some_and(|state| state.ordered);
    order(m, (c, Stopped), (c, Start), ORD);
    order(m, (c, Start), (c, Running), BLOCKS);
    order(m, (c, Stop), (c, Stopped), BLOCKS);
    if promotable {
        order(m, (c, Demoted), (c, Stop), ORD);
        order(m, (c, Running), (c, Promote), BLOCKS);
    }
    if ordered {
        sort_by_number(m, c);
    }
    let instances = m[c].children.clone();
    for (at, &i) in instances.iter().enumerate() {
        implicit_of(m, i);
        order(m, (c, Start), (i, Start), BLOCKS | SHOWS_FIRST);
        order(m, (i, Start), (c, Running), SHOWS_THEN);
        order(m, (c, Stop), (i, Stop), SHOWS_FIRST);
        order(m, (i, Stop), (c, Stopped), SHOWS_THEN);
        if ordered {
            for &later in &instances[at + 1..] {
                order(m, (i, Start), (later, Start), ORD);
                order(m, (later, Stop), (i, Stop), ORD);
            }
        }
    }
    if !promotable {
        return;
    }
    restart_set(m, c);
    let mut previous = None;
    for i in instances {
        order(m, (i, Demote), (i, Promote), ORD);
        order(m, (c, Promote), (i, Promote), ORD);
        order(m, (i, Promote), (c, Promoted), ORD);
        if let Some(p) = previous.filter(|_| ordered) {
            order(m, (p, Promote), (i, Promote), ORD);
        }
        order(m, (c, Demote), (i, Demote), SHOWS_FIRST);
        order(m, (i, Demote), (c, Demoted), SHOWS_THEN);
        if let Some(p) = previous.filter(|_| ordered) {
            order(m, (i, Demote), (p, Demote), ORD);
        }
        previous = Some(i);
    }
}

/// What the members before one of a group's members say about it.
#[derive(Default)]
struct Before {
    previous: Option<ResourceIx>,
    last_active: Option<ResourceIx>,
}

/// A group and its members [CL-10.2].
fn group(m: &mut Model, g: ResourceIx) {
    use Task::{Running, Start, Stop, Stopped};
    order(m, (g, Stop), (g, Stopped), BLOCKS);
    order(m, (g, Stopped), (g, Start), ORD);
    order(m, (g, Start), (g, Running), BLOCKS);
    let mut before = Before::default();
    for member in m[g].children.clone() {
        order_member(m, g, member, &before);
        if m.is_active(member, false) {
            let ordered = m[g].group().is_some_and(|group| group.ordered);
            if let (true, Some(previous), Some(active)) = (ordered, before.previous, before.last_active)
                && !m.is_active(previous, false)
            {
                order(m, (member, Stop), (active, Stop), ORD);
            }
            before.last_active = Some(member);
        }
        before.previous = Some(member);
    }
}

fn order_member(m: &mut Model, g: ResourceIx, member: ResourceIx, before: &Before) {
    use Task::{Demote, Demoted, Promote, Promoted, Running, Start, Stop, Stopped};
    let (ordered, colocated) = m[g].group().map_or((true, true), |group| (group.ordered, group.colocated));
    let promotable = m[m.top(g)].is(ResourceFlags::PROMOTABLE);
    implicit_of(m, member);
    let (down, post_down) =
        if before.previous.is_none() && ordered { (SHOWS_FIRST | ORD, FIRST_THEN) } else { (SHOWS_FIRST, SHOWS_THEN) };
    if let Some(previous) = before.previous.filter(|_| colocated) {
        let critical = m[member].is(ResourceFlags::CRITICAL);
        colocate(m, "#group-members", member, previous, critical);
    }
    let post_up = BLOCKS | FIRST_THEN | SHOWS_THEN;
    if promotable {
        order(m, (g, Demote), (member, Demote), down);
        order(m, (member, Demote), (g, Demoted), post_down);
        order(m, (member, Promote), (g, Promoted), post_up);
        order(m, (g, Promote), (member, Promote), SHOWS_FIRST);
    }
    order(m, (g, Stop), (member, Stop), down);
    order(m, (member, Stop), (g, Stopped), post_down);
    order(m, (g, Start), (member, Start), SHOWS_FIRST);
    order(m, (member, Start), (g, Running), post_up);
    let Some(previous) = before.previous.filter(|_| ordered) else {
        // The first member of an ordered group gets constraints without any effect; only their look-ups count.
        let kinds = if ordered { NONE } else { FIRST_THEN | BLOCKS | SHOWS_FIRST };
        order(m, (g, Start), (member, Start), kinds);
        if promotable {
            order(m, (g, Promote), (member, Promote), kinds);
        }
        return;
    };
    order(m, (previous, Start), (member, Start), FIRST_THEN | BLOCKS);
    order(m, (member, Stop), (previous, Stop), ORD | Kinds::RESTART);
    if m.is_active(member, false) && !m.is_active(previous, false) {
        order(m, (member, Stop), (previous, Start), THEN_FIRST | BLOCKS);
    }
    if promotable {
        order(m, (previous, Promote), (member, Promote), FIRST_THEN | BLOCKS);
        order(m, (member, Demote), (previous, Demote), ORD);
    }
}

/// A bundle, its replicas and the bundled clone [CL-10.3].
fn bundle(m: &mut Model, b: ResourceIx) {
    use Task::{Demote, Demoted, Promote, Promoted, Running, Start, Stop, Stopped};
    let Some(state) = m[b].bundle() else { return };
    let (replicas, clone) = (state.replicas.clone(), state.clone);
    for replica in &replicas {
        order_replica(m, b, replica);
    }
    let Some(k) = clone else { return };
    order(m, (b, Start), (k, Start), SHOWS_FIRST);
    order(m, (k, Running), (b, Running), SHOWS_THEN);
    order(m, (b, Stop), (k, Stop), SHOWS_FIRST);
    order(m, (k, Stopped), (b, Stopped), SHOWS_THEN);
    implicit_of(m, k);
    if m[k].is(ResourceFlags::PROMOTABLE) {
        restart_set(m, b);
        order(m, (b, Demote), (k, Demote), SHOWS_FIRST);
        order(m, (k, Demoted), (b, Demoted), SHOWS_THEN);
        order(m, (b, Promote), (k, Promote), SHOWS_FIRST);
        order(m, (k, Promoted), (b, Promoted), SHOWS_THEN);
    }
}

fn order_replica(m: &mut Model, b: ResourceIx, replica: &Replica) {
    use Task::{Running, Start, Stop, Stopped};
    let container = replica.container;
    implicit_of(m, container);
    order(m, (b, Start), (container, Start), BLOCKS | SHOWS_FIRST);
    if let Some(child) = replica.child {
        order(m, (b, Stop), (child, Stop), SHOWS_FIRST);
    }
    order(m, (b, Stop), (container, Stop), SHOWS_FIRST);
    order(m, (container, Start), (b, Running), SHOWS_THEN);
    order(m, (container, Stop), (b, Stopped), SHOWS_THEN);
    if let Some(ip) = replica.ip {
        implicit_of(m, ip);
        order(m, (ip, Start), (container, Start), BLOCKS | Kinds::GUEST_OK);
        order(m, (container, Stop), (ip, Stop), THEN_FIRST | Kinds::GUEST_OK);
        colocate(m, "#ip-with-container", ip, container, true);
    }
    if let Some(connection) = replica.connection {
        implicit_of(m, connection);
    }
}
