//! Live migration `[AC-12]`.

use super::create::{create_op, set_meta};
use crate::model::{ActionFlags, Kinds, Model, NodeIx, ResourceFlags, ResourceIx, Task};
use crate::ordering::order;

/// Whether a moving resource may be migrated `[AC-12.1]`.
pub(super) fn may_migrate(m: &Model, r: ResourceIx, from: Option<NodeIx>, to: Option<NodeIx>) -> bool {
    let resource = &m[r];
    let clean = |node: Option<NodeIx>| node.is_some_and(|node| !m[node].unclean());
    resource.is(ResourceFlags::MIGRATABLE | ResourceFlags::MANAGED)
        && !resource.flags.any(ResourceFlags::FAILED | ResourceFlags::START_PENDING)
        && clean(from)
        && clean(to)
}

/// The actions of a migration, all optional: propagation decides whether it happens `[AC-12.2]`.
pub(super) fn migrate(m: &mut Model, r: ResourceIx, from: NodeIx, to: NodeIx) {
    let start = create_op(m, r, Task::Start, Some(to), true);
    let stop = create_op(m, r, Task::Stop, Some(from), true);
    let partial = m[r].partial_target.is_some();
    let migrate_to = (!partial).then(|| create_op(m, r, Task::MigrateTo, Some(from), true));
    let migrate_from = create_op(m, r, Task::MigrateFrom, Some(to), true);
    for a in [Some(start), Some(stop), migrate_to, Some(migrate_from)].into_iter().flatten() {
        m[a].flags.insert(ActionFlags::MIGRATABLE);
    }
    m[start].flags.insert(ActionFlags::PSEUDO);
    let chain = Kinds::ORDERED | Kinds::MIGRATION_CHAIN;
    let needs = m[start].needs;
    if let Some(migrate_to) = migrate_to {
        m[migrate_to].needs = needs;
        order(m, (r, Task::Monitor), (r, Task::MigrateTo), Kinds::ORDERED);
        order(m, (r, Task::MigrateTo), (r, Task::MigrateFrom), chain);
    } else {
        m[migrate_from].needs = needs;
        order(m, (r, Task::Monitor), (r, Task::MigrateFrom), Kinds::ORDERED);
    }
    order(m, (r, Task::MigrateFrom), (r, Task::Stop), chain);
    order(m, (r, Task::MigrateFrom), (r, Task::Start), chain | Kinds::ELSE_REAL);
    let (source, target) = (m[from].name, m[to].name);
    let (source_name, target_name) = (m.symbols.intern("migrate_source"), m.symbols.intern("migrate_target"));
    for a in [migrate_to, Some(migrate_from)].into_iter().flatten() {
        m[a].meta.set(source_name, source);
        m[a].meta.set(target_name, target);
    }
    if let Some(migrate_to) = migrate_to.filter(|_| !m[r].is(ResourceFlags::REMOTE_CONNECTION)) {
        set_meta(m, migrate_to, "record-pending", "true");
    }
}
