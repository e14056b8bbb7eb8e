//! How orderings are recorded: constraints by key, relations between existing actions `[OR-1]`.

use crate::model::{ActionKey, End, Kinds, Model, Order, ResourceFlags, ResourceIx, Role, Task};

/// Records the constraint "first, then" and the orderings that live migration adds to it `[OR-1.2]` `[OR-3.8]`.
///
/// Whatever it names is looked up only when all actions exist ([`super::apply`]).
pub fn order(m: &mut Model, first: impl Into<End>, then: impl Into<End>, kinds: Kinds) {
    let (first, then) = (complete(m, first.into()), complete(m, then.into()));
    m.orders.push(Order { first, then, kinds });
    order_migration(m, first, then);
}

fn complete(m: &Model, mut end: End) -> End {
    if let Some(action) = end.action {
        end.resource = m[action].resource;
        end.key = Some(m[action].key);
    }
    end
}

fn task_of(m: &Model, end: End) -> Option<Task> {
    match end.action {
        Some(action) => Some(m[action].task),
        None => match end.key? {
            ActionKey::Op { task, .. } => Some(task),
            ActionKey::Notify { .. } => Some(Task::Notify),
            ActionKey::Named(_) => None,
        },
    }
}

/// Orderings during live migration, for every new constraint `[OR-3.8]` `[AC-12.4]`.
fn order_migration(m: &mut Model, first: End, then: End) {
    let (Some(a), Some(b)) = (first.resource, then.resource) else { return };
    let (ma, mb) = (m[a].flags.has(ResourceFlags::MIGRATABLE), m[b].flags.has(ResourceFlags::MIGRATABLE));
    if a == b || !(ma || mb) || m.is_ancestor(a, b) || m.is_ancestor(b, a) {
        return;
    }
    let (Some(f), Some(t)) = (task_of(m, first), task_of(m, then)) else { return };
    let ordered = Kinds::ORDERED;
    let unless_a = if ma { ordered | Kinds::ONLY_IF_UNMIGRATABLE } else { ordered };
    let partial = m[b].partial_target.is_some();
    match (f, t) {
        (Task::Start, Task::Start) if mb => {
            if ma {
                order(m, (a, Task::MigrateFrom), (b, Task::MigrateTo), ordered);
            }
            order(m, (a, Task::Start), (b, Task::MigrateTo), unless_a);
        }
        (Task::Stop, Task::Stop) if mb => {
            order(m, (a, Task::Stop), (b, Task::MigrateTo), unless_a);
            if partial {
                order(m, (a, Task::Stop), (b, Task::MigrateFrom), unless_a);
            }
        }
        (Task::Promote, Task::Start) if mb => order(m, (a, Task::Promote), (b, Task::MigrateTo), ordered),
        (Task::Demote, Task::Stop) if mb => {
            order(m, (a, Task::Demote), (b, Task::MigrateTo), ordered);
            if partial {
                order(m, (a, Task::Demote), (b, Task::MigrateFrom), ordered);
            }
        }
        _ => {}
    }
}

/// The orderings of a colocation with score -INFINITY: first one lets go, then the other takes, and the reverse `[OR-5.3]`.
pub fn anti_colocation(m: &mut Model, dependent: (ResourceIx, Option<Role>), primary: (ResourceIx, Option<Role>)) {
    for ((first, first_role), (then, then_role)) in [(dependent, primary), (primary, dependent)] {
        for &goes in lets_go(first_role) {
            for &comes in takes(then_role) {
                order(m, (first, goes), (then, comes), Kinds::ONLY_IF_REQUIRED_SAME_NODE);
            }
        }
    }
}

fn lets_go(role: Option<Role>) -> &'static [Task] {
    match role {
        Some(Role::Promoted) => &[Task::Demote],
        Some(Role::Unpromoted) => &[Task::Stop, Task::Promote],
        _ => &[Task::Stop],
    }
}

fn takes(role: Option<Role>) -> &'static [Task] {
    match role {
        Some(Role::Promoted) => &[Task::Promote],
        Some(Role::Unpromoted) => &[Task::Start, Task::Demote],
        _ => &[Task::Start],
    }
}
