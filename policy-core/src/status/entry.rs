//! One history entry [ST-10].

use super::{active, digest, fail_count, migration, seconds};
use crate::actions::{OnFail, can_be_fenced, clear_failcount, create_op, failure_response};
use crate::model::{
    DeferredCheck, EntryIx, FailedAction, Level, Model, NodeFlags, NodeIx, ResourceFlags, ResourceIx, Role, Score,
    Symbol, Task,
};

/// Execution status, as recorded or as remapped [ST-1.2].
pub(super) mod status {
    pub(crate) const PENDING: i32 = -1;
    pub(crate) const DONE: i32 = 0;
    pub(crate) const NOT_SUPPORTED: i32 = 3;
    pub(crate) const ERROR: i32 = 4;
    pub(crate) const ERROR_HARD: i32 = 5;
    pub(crate) const ERROR_FATAL: i32 = 6;
    pub(crate) const NOT_INSTALLED: i32 = 7;
    pub(crate) const NOT_CONNECTED: i32 = 8;
}

/// What the entries of a history have led to so far.
#[derive(Clone, Copy, Debug)]
pub(super) struct SoFar {
    /// The last failure that was recorded.
    pub(super) last_failure: Option<EntryIx>,
    /// The most severe response that was not cleared.
    pub(super) on_fail: OnFail,
}

impl SoFar {
    /// Nothing yet.
    pub(super) fn new() -> Self {
        Self { last_failure: None, on_fail: OnFail::Ignore }
    }
}

/// An entry while it is being judged.
pub(super) struct Case {
    pub(super) r: ResourceIx,
    pub(super) node: NodeIx,
    pub(super) entry: EntryIx,
    pub(super) task: Task,
    pub(super) interval_ms: u32,
    status: i32,
    rc: i32,
    expected: i32,
    masked: bool,
    expired: bool,
}

impl Case {
    fn is_probe(&self) -> bool {
        self.task == Task::Monitor && self.interval_ms == 0
    }
}

/// Judges one entry [ST-10.1].
pub(super) fn unpack(m: &mut Model, r: ResourceIx, node: NodeIx, entry: EntryIx, so_far: &mut SoFar) {
    let Some(mut case) = case(m, r, node, entry) else { return };
    case.expired = is_expired(m, &case);
    let old_rc = case.rc;
    remap(m, &mut case, so_far);
    if case.expired && !still_counts(m, &case, old_rc) {
        return;
    }
    if case.masked {
        return masked_probe(m, &case, so_far);
    }
    match case.status {
        status::PENDING => pending(m, &case, so_far),
        status::DONE => succeeded(m, &case, case.rc, so_far),
        status::NOT_INSTALLED => not_installed(m, &case, so_far),
        _ => {
            if case.status == status::NOT_CONNECTED
                && m[node].is_remote_type()
                && let Some(c) = m[node].connection.filter(|&c| m[c].is(ResourceFlags::MANAGED))
            {
                m[c].flags.insert(ResourceFlags::FAILED | ResourceFlags::STOP_IF_FAILED);
            }
            failed_otherwise(m, &case, so_far);
        }
    }
}

/// The entry, unless it is to be ignored (steps 1 and 2).
fn case(m: &mut Model, r: ResourceIx, node: NodeIx, entry: EntryIx) -> Option<Case> {
    let e = &m[entry];
    let asyncmon = Task::Other(crate::model::sym::ASYNCMON);
    let task = e.task.filter(|&t| {
        use Task::{Demote, MigrateFrom, MigrateTo, Monitor, Promote, Start, Stop};
        matches!(t, Monitor | Start | Stop | Promote | Demote | MigrateTo | MigrateFrom) || t == asyncmon
    })?;
    let id = e.id?;
    let (status, rc) = (e.status, e.rc);
    let accepted = |s: i32| (-1..=11).contains(&s) && s != 1;
    let (Some(status), Some(rc)) = (status.filter(|&s| accepted(s)), rc.filter(|v| (0..=255).contains(v))) else {
        let what = if status.is_some_and(accepted) { "rc-code" } else { "op-status" };
        let text = format!(
            "Ignoring resource history entry {} for {} on {} with invalid {what}",
            m.text(id),
            m.id(r),
            m.node_name(node)
        );
        m.config_error(text);
        return None;
    };
    let (interval_ms, expected) = (e.interval_ms, e.expected);
    let probe = task == Task::Monitor && interval_ms == 0;
    let masked = probe && (rc == 5 || rc == 2 || status == status::NOT_INSTALLED) && !m.in_bundle(r);
    Some(Case { r, node, entry, task, interval_ms, status, rc, expected, masked, expired: false })
}

/// What an expired entry still means (step 5): whether it is to be judged further.
fn still_counts(m: &mut Model, case: &Case, old_rc: i32) -> bool {
    if case.masked && old_rc != case.expected {
        if m[case.r].role <= Role::Stopped {
            m[case.r].role = Role::Unknown;
        }
        return false;
    }
    if case.rc == case.expected {
        return true;
    }
    if case.interval_ms == 0 {
        return false;
    }
    if m[case.node].online() && !m[case.node].unclean() {
        // no digest is ever equal to this, so the operation will be issued again
        m[case.entry].restart_digest = Some(m.symbols.intern("calculated-failure-timeout"));
        return false;
    }
    true
}

fn is_last_failure(m: &Model, entry: EntryIx) -> bool {
    m[entry].id.is_some_and(|id| m.text(id).ends_with("_last_failure_0"))
}

/// Whether the failure is too old to count; may request that fail counts be cleared [ST-10.2].
fn is_expired(m: &mut Model, case: &Case) -> bool {
    if case.status == status::NOT_INSTALLED {
        return false;
    }
    let (r, node, entry) = (case.r, case.node, case.entry);
    let last_failure = is_last_failure(m, entry);
    let mut expired = false;
    let mut count = Score::ZERO;
    let timeout = m[r].failure_timeout_ms;
    if let Some(time) = m[entry].last_change.filter(|_| timeout > 0) {
        let limit = seconds(timeout);
        expired = m.now >= time.saturating_add(limit) && !waits_for_fencing(m, case);
        let (effective, last) = fail_count(m, r, node, true, false, Some(entry));
        count = effective;
        if count.value() != 0 && m.now < last.saturating_add(limit).saturating_add(1) {
            m.recheck_at(last.saturating_add(limit).saturating_add(1));
        }
    }
    let mut reason = None;
    if expired {
        if fail_count(m, r, node, false, false, Some(entry)).0.value() != 0 {
            if count.value() == 0 {
                reason = Some("it expired");
            } else {
                expired = false;
            }
        } else if last_failure && m[r].reconnect_interval_ms > 0 {
            reason = Some("reconnect interval is set");
        }
    }
    if !expired && last_failure && matches!(case.task, Task::Start | Task::Monitor) {
        if digest::needs_host_address(m, r) {
            m.deferred.push(DeferredCheck { resource: r, node, entry, active: false });
        } else if digest::compare(m, r, node, entry).differs() {
            reason = Some("resource parameters have changed");
        }
    }
    if let Some(reason) = reason {
        clear_failcount(m, r, node, true);
        let text = format!("Clearing failure of {} on {} because {reason}", m.id(r), m.node_name(node));
        m.tell(Level::Notice, text);
    }
    expired && !(case.is_probe() && matches!(case.rc, 0 | 7 | 8 | 190 | 191))
}

/// The failure of a connection that has to wait until its node was fenced.
fn waits_for_fencing(m: &Model, case: &Case) -> bool {
    m[case.r].reconnect_interval_ms > 0
        && m.options.fencing_enabled
        && case.interval_ms != 0
        && case.task == Task::Monitor
        && m.node(m.id(case.r)).is_some_and(|n| !m[n].is(NodeFlags::REMOTE_FENCED))
}

/// Turns result and status into what they mean for this operation [ST-10.3].
fn remap(m: &mut Model, case: &mut Case, so_far: &mut SoFar) {
    let degraded = match case.rc {
        190 => Some(0),
        191 => Some(8),
        _ => None,
    };
    if let Some(rc) = degraded {
        case.rc = rc;
        if !case.expired && (!m[case.node].is(NodeFlags::SHUTDOWN) || m[case.node].online()) {
            record_failed(m, case);
        }
    }
    if case.masked && !(case.status == status::DONE && case.rc == 7) {
        case.status = status::DONE;
        case.rc = 7;
    }
    if !matches!(case.status, status::DONE | status::ERROR) {
        if matches!(case.status, 10 | 11) {
            case.status = status::ERROR_HARD;
        }
        return;
    }
    case.status = if case.expected >= 0 && case.rc == case.expected { status::DONE } else { status::ERROR };
    remap_rc(m, case, so_far);
}

fn remap_rc(m: &mut Model, case: &mut Case, so_far: &mut SoFar) {
    let r = case.r;
    match case.rc {
        0 => {
            if case.is_probe() && case.expected == 7 {
                case.status = status::DONE;
            }
        }
        7 => {
            if case.is_probe() || case.expected == 7 || !m[r].is(ResourceFlags::MANAGED) {
                case.status = status::DONE;
                m[r].role = Role::Stopped;
                so_far.on_fail = OnFail::Ignore;
                m[r].next_role = Role::Unknown;
            }
        }
        8 => {
            if case.is_probe() && case.expected != 8 {
                case.status = status::DONE;
            }
            if !case.expired || case.expected == 8 {
                m[r].role = Role::Promoted;
            }
        }
        9 => {
            if !case.expired {
                m[r].role = Role::Promoted;
            }
            case.status = status::ERROR;
        }
        6 => case.status = status::ERROR_FATAL,
        3 if case.interval_ms > 0 => case.status = status::NOT_SUPPORTED,
        2..=5 => {
            check_unrecoverable(m, case);
            case.status = status::ERROR_HARD;
        }
        _ => {
            if case.status == status::DONE {
                case.status = status::ERROR;
            }
        }
    }
}

/// A stop that failed for good on a node that cannot be fenced blocks the resource.
fn check_unrecoverable(m: &mut Model, case: &Case) {
    if !case.expired && case.task == Task::Stop && !can_be_fenced(m, case.node) {
        m[case.r].flags.remove(ResourceFlags::MANAGED);
        m[case.r].flags.insert(ResourceFlags::BLOCKED);
    }
}

/// Puts the entry on the list of failed actions [ST-17].
fn record_failed(m: &mut Model, case: &Case) {
    if !m[case.node].online() {
        return;
    }
    let Some(key) = m[case.entry].key else { return };
    if m.failed_keys.insert((key, case.node)) {
        m.failed.push(FailedAction { entry: case.entry, resource: case.r, node: case.node });
    }
}

/// The role of something that runs and is not known to be promoted.
fn active_role(m: &Model, r: ResourceIx) -> Role {
    if m[m.top(r)].is(ResourceFlags::PROMOTABLE) { Role::Unpromoted } else { Role::Started }
}

/// [ST-10.4]
fn succeeded(m: &mut Model, case: &Case, rc: i32, so_far: &mut SoFar) {
    let r = case.r;
    let mut clear = false;
    if rc == 5 || case.masked {
        m[r].role = Role::Stopped;
    } else if rc == 7 {
        clear = true;
    } else {
        match case.task {
            Task::Monitor => {
                clear = so_far.last_failure.is_some_and(|f| m[f].key == m[case.entry].key);
                raise_to_active(m, r);
            }
            Task::Start | Task::MigrateFrom => {
                m[r].role = Role::Started;
                clear = true;
            }
            Task::Stop => {
                m[r].role = Role::Stopped;
                clear = true;
            }
            Task::Promote => {
                m[r].role = Role::Promoted;
                clear = true;
            }
            Task::Demote => {
                m[r].role = Role::Unpromoted;
                clear = so_far.on_fail == OnFail::Demote;
            }
            Task::MigrateTo => migration::migrate_to_succeeded(m, case),
            _ => raise_to_active(m, r),
        }
    }
    if clear {
        clear_past_failure(m, r, so_far);
    }
}

fn raise_to_active(m: &mut Model, r: ResourceIx) {
    if m[r].role < Role::Started {
        m[r].role = active_role(m, r);
    }
}

fn clear_past_failure(m: &mut Model, r: ResourceIx, so_far: &mut SoFar) {
    match so_far.on_fail {
        OnFail::Stop | OnFail::Ban | OnFail::Standby | OnFail::Fence => return,
        OnFail::ResetRemote if m[r].reconnect_interval_ms > 0 => return,
        _ => {}
    }
    so_far.on_fail = OnFail::Ignore;
    m[r].next_role = Role::Unknown;
}

/// The resource itself if it is unique, else its outermost ancestor.
fn banned_whole(m: &Model, r: ResourceIx) -> ResourceIx {
    if m[r].is(ResourceFlags::UNIQUE) { r } else { m.top(r) }
}

/// Status "not installed" [ST-10.5] variant A.
fn not_installed(m: &mut Model, case: &Case, so_far: &mut SoFar) {
    let (response, role) = failure_response(m, case.r, case.task, case.interval_ms);
    if response == OnFail::Ignore {
        so_far.on_fail = OnFail::Ban;
    }
    let whole = banned_whole(m, case.r);
    ban(m, whole, Some(case.node), "not installed there");
    failure(m, case, (response, role), so_far);
}

/// Any other failure [ST-10.5] variant B.
fn failed_otherwise(m: &mut Model, case: &Case, so_far: &mut SoFar) {
    let (response, role) = failure_response(m, case.r, case.task, case.interval_ms);
    if response == OnFail::Ignore || (response == OnFail::RestartLauncher && case.task == Task::Stop) {
        succeeded(m, case, case.expected, so_far);
        m[case.r].flags.insert(ResourceFlags::IGNORE_FAILURE);
        record_failed(m, case);
        if response == OnFail::RestartLauncher && so_far.on_fail <= OnFail::Restart {
            so_far.on_fail = OnFail::RestartLauncher;
        }
        return;
    }
    failure(m, case, (response, role), so_far);
    let whole = banned_whole(m, case.r);
    match case.status {
        status::ERROR_HARD => ban(m, whole, Some(case.node), "hard error"),
        status::ERROR_FATAL => {
            let text = format!("Preventing {} from restarting anywhere because of fatal failure", m.id(whole));
            m.tell(Level::Error, text);
            ban(m, whole, None, "fatal error");
        }
        _ => {}
    }
}

/// Keeps a resource away from a node, or from all.
pub(super) fn ban(m: &mut Model, r: ResourceIx, node: Option<NodeIx>, why: &str) {
    m.trace(r, |m| format!("banned from {}: {why}", node.map_or("all nodes", |n| m.node_name(n))));
    m.adjust(r, node, Score::NEG_INFINITY);
}

/// The common part of a failure.
fn failure(m: &mut Model, case: &Case, (response, role_after): (OnFail, Role), so_far: &mut SoFar) {
    let (r, node) = (case.r, case.node);
    so_far.last_failure = Some(case.entry);
    if m.options.symmetric_cluster || case.rc != 5 {
        record_failed(m, case);
    }
    so_far.on_fail = so_far.on_fail.max(response);
    match case.task {
        Task::Stop => ban(m, r, Some(node), "stop failed"),
        Task::MigrateTo => migration::migrate_to_failed(m, case),
        Task::MigrateFrom => migration::migrate_from_failed(m, case),
        Task::Promote => m[r].role = Role::Promoted,
        Task::Demote => {
            if response == OnFail::Block {
                m[r].role = Role::Promoted;
                m[r].next_role = Role::Stopped;
            } else if case.rc == 7 {
                m[r].role = Role::Stopped;
            } else {
                m[r].role = Role::Unpromoted;
            }
        }
        _ => {}
    }
    if case.is_probe() && case.rc == 5 {
        m[r].role = Role::Stopped;
    } else {
        raise_to_active(m, r);
    }
    if role_after != Role::Started && m[r].next_role < role_after {
        m[r].next_role = role_after;
    }
    if role_after == Role::Stopped {
        let top = m.top(r);
        let clone = m[top].kind() == crate::model::Kind::Clone && m.is_anonymous(top);
        let whole = if m[r].parent.is_some() && clone { top } else { r };
        m.trace(whole, |_| "banned from all nodes: on-fail=stop".to_owned());
        m.ban_everywhere(whole);
    }
}

/// [ST-10.6]
fn pending(m: &mut Model, case: &Case, so_far: &SoFar) {
    let (r, node) = (case.r, case.node);
    let superseded = so_far.last_failure.is_some_and(|f| {
        let (f, e) = (&m[f], &m[case.entry]);
        f.task == e.task && f.interval_ms == e.interval_ms && f.last_change.unwrap_or(0) >= e.last_change.unwrap_or(0)
    });
    if superseded {
        return;
    }
    match case.task {
        Task::Start => {
            m[r].flags.insert(ResourceFlags::START_PENDING);
            m[r].role = active_role(m, r);
        }
        Task::Promote => m[r].role = Role::Promoted,
        Task::MigrateTo if m[node].unclean() => {
            let target = m[case.entry].migrate_target.and_then(|t| m.node(m.text(t)));
            if let Some(target) = target {
                create_op(m, r, Task::Stop, Some(target), false);
            }
        }
        _ => {}
    }
    if m[r].pending.is_none() && !case.is_probe() {
        m[r].pending = Some((case.task, node));
    }
}

/// [ST-10.7]
fn masked_probe(m: &mut Model, case: &Case, so_far: &mut SoFar) {
    succeeded(m, case, case.expected, so_far);
    record_failed(m, case);
    let whole = banned_whole(m, case.r);
    ban(m, whole, Some(case.node), "probe failed");
}

/// Adds a node to the active nodes, for migrations that left the resource on another node.
pub(super) fn add_active(m: &mut Model, case: &Case, node: NodeIx, failed: bool) {
    active::add(m, case.r, node, failed);
}

/// The node of this name if it is known and online. Names of migrations compare exactly.
pub(super) fn online_node(m: &Model, name: Symbol) -> Option<NodeIx> {
    m.node(m.text(name)).filter(|&n| m[n].online())
}
