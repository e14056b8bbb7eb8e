//! Configuration of operations: which `<op>` an action has, and the values it gives `[AC-3]` `[IN-14]`.

use std::sync::Arc;

use cib_core::rules::{DateTime, parse_milliseconds};

use crate::model::{Model, NodeIx, Op, OpIx, ResourceFlags, ResourceIx, Role, Symbol, Task, TextMap, sym};

/// The default timeout of operations, in ms.
const DEFAULT_TIMEOUT: &str = "20000";

/// What the failure of an operation leads to `[AC-3.6]` `[ST-10.8]`. The order is that of severity.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum OnFail {
    /// As if it had succeeded.
    Ignore,
    /// Demote.
    Demote,
    /// Stop and start again.
    #[default]
    Restart,
    /// Recover the connection, fencing the remote node.
    ResetRemote,
    /// Recover the launcher.
    RestartLauncher,
    /// Keep away from the node.
    Ban,
    /// Manage no more.
    Block,
    /// Stop and leave stopped.
    Stop,
    /// Put the node in standby.
    Standby,
    /// Fence the node.
    Fence,
}

/// The first `<op>` with this name and interval, disabled ones included `[AC-3.1]`.
#[must_use]
pub fn find(m: &Model, r: ResourceIx, task: Task, interval_ms: u32) -> Option<OpIx> {
    find_where(m, r, task, interval_ms, |_| true)
}

/// The first enabled `<op>` with this name and interval `[AC-3.1]`.
#[must_use]
pub fn find_enabled(m: &Model, r: ResourceIx, task: Task, interval_ms: u32) -> Option<OpIx> {
    find_where(m, r, task, interval_ms, |op| op.enabled)
}

fn find_where(m: &Model, r: ResourceIx, task: Task, interval_ms: u32, counts: impl Fn(&Op) -> bool) -> Option<OpIx> {
    let search = |task: Task, interval_ms: u32| {
        m[r].ops().find(|&op| {
            let op = &m[op];
            op.interval_ms == interval_ms && op.name == task && counts(op)
        })
    };
    search(task, interval_ms).or_else(|| match task {
        Task::MigrateTo | Task::MigrateFrom => search(Task::Other(sym::MIGRATE), 0),
        _ => None,
    })
}

/// The instance attributes of an `<op>`, evaluated for a node `[IN-13]`.
#[must_use]
pub fn parameters(m: &mut Model, op: OpIx, node: NodeIx) -> Option<Arc<TextMap>> {
    let table = crate::config::op_parameters(m, op, Some(node));
    (!table.is_empty()).then(|| Arc::new(table))
}

/// The meta values of an action `[AC-3.2]`. Equal requests of equal resources are answered from a cache.
pub fn meta(
    m: &mut Model,
    r: ResourceIx,
    task: Task,
    interval_ms: u32,
    op: Option<OpIx>,
    node: Option<NodeIx>,
) -> TextMap {
    let fences = m[r].is(ResourceFlags::FENCE_DEVICE) && (task == Task::Start || is_probe(task, interval_ms));
    let resource = &m[r];
    let key = (op, resource.ops.clone(), resource.class, resource.provider, resource.agent, task, interval_ms);
    if !fences && let Some(known) = m.op_meta.get(&key) {
        return known.clone();
    }
    let messages = m.messages.len();
    let mut table = basic_meta(m, r, task, interval_ms, op);
    table.remove(sym::ID);
    if interval_ms > 0 {
        let text = m.symbols.intern(&interval_ms.to_string());
        table.set(sym::INTERVAL, text);
    } else {
        table.remove(sym::INTERVAL);
    }
    if fences {
        let name = m.symbols.intern("pcmk_monitor_timeout");
        if let Some(timeout) = crate::config::parameters(m, r, node).get(name) {
            table.set(sym::TIMEOUT, timeout);
        }
    }
    let timeout = timeout_text(table.get(sym::TIMEOUT).map(|t| m.text(t)));
    let timeout = m.symbols.intern(&timeout);
    table.set(sym::TIMEOUT, timeout);
    validate_on_fail(m, r, task, op, &mut table);
    set_start_delay(m, interval_ms, op, &mut table);
    // Complaints are repeated for every action.
    if !fences && m.messages.len() == messages {
        m.op_meta.insert(key, table.clone());
    }
    table
}

fn is_probe(task: Task, interval_ms: u32) -> bool {
    task == Task::Monitor && interval_ms == 0
}

/// Steps 1 to 4: sets and attributes of the `<op>`, the probe's timeout, `op_defaults`.
fn basic_meta(m: &mut Model, r: ResourceIx, task: Task, interval_ms: u32, op: Option<OpIx>) -> TextMap {
    let mut table = TextMap::new();
    if let Some(op) = op {
        crate::config::op_meta_sets(m, r, Some(op), task, interval_ms, &mut table);
        let element = m[op].element;
        let Model { config, symbols, .. } = m;
        for (name, value) in config.attrs(element) {
            table.set(symbols.intern(name), symbols.intern(value));
        }
    }
    if is_probe(task, interval_ms) && !table.contains(sym::TIMEOUT) {
        let frequent = m[r].ops().filter(|&op| m[op].enabled && m[op].name == Task::Monitor && m[op].interval_ms > 0);
        if let Some(timeout) = frequent.min_by_key(|&op| m[op].interval_ms).and_then(|op| m[op].timeout) {
            table.set(sym::TIMEOUT, timeout);
        }
    }
    crate::config::op_meta_sets(m, r, None, task, interval_ms, &mut table);
    table
}

/// Step 8: in ms, within 1 … 2147483647, 20000 for anything unusable.
fn timeout_text(text: Option<&str>) -> String {
    match text.map(parse_milliseconds) {
        Some(Ok(ms)) if ms > 0 => ms.min(i64::from(i32::MAX)).to_string(),
        _ => DEFAULT_TIMEOUT.to_owned(),
    }
}

/// Whether an `<op>` is a recurring monitor of the promoted role.
fn is_promoted_monitor(m: &Model, op: OpIx) -> bool {
    let op = &m[op];
    op.name == Task::Monitor
        && op.interval_ms > 0
        && op.role.is_some_and(|role| Role::parse(m.text(role)) == Some(Role::Promoted))
}

/// Step 9 `[AC-3.3]` `[IN-14.3]`.
fn validate_on_fail(m: &mut Model, r: ResourceIx, task: Task, op: Option<OpIx>, table: &mut TextMap) {
    let value = table.get(sym::ON_FAIL).map(|v| m.text(v).to_owned());
    let is = |name: &str| value.as_deref().is_some_and(|v| v.eq_ignore_ascii_case(name));
    match task {
        Task::Stop if is("standby") || is("demote") || is("stop") => {
            m.config_error(format!(
                "Resetting 'on-fail' for {} stop action to default value because '{}' is not allowed for stop",
                m.id(r),
                value.as_deref().unwrap_or_default()
            ));
            table.remove(sym::ON_FAIL);
            return;
        }
        Task::Demote if value.is_none() => {
            let demote = |m: &Model, v: Symbol| m.text(v).eq_ignore_ascii_case("demote");
            let last =
                m[r].ops().filter(|&op| m[op].enabled && is_promoted_monitor(m, op)).filter_map(|op| m[op].on_fail);
            if let Some(value) = last.filter(|&v| !demote(m, v)).last() {
                table.set(sym::ON_FAIL, value);
            }
            return;
        }
        Task::LrmDelete => {
            if !is("ignore") {
                let ignore = m.symbols.intern("ignore");
                table.set(sym::ON_FAIL, ignore);
            }
            return;
        }
        _ => {}
    }
    if is("demote") && !op.is_some_and(|op| m[op].name == Task::Promote || is_promoted_monitor(m, op)) {
        let name = op.map_or(task, |op| m[op].name);
        m.config_error(format!(
            "Resetting 'on-fail' for {} {} action to default value because 'demote' is not allowed for it",
            m.id(r),
            name.text(&m.symbols)
        ));
        table.remove(sym::ON_FAIL);
    }
}

/// Step 10 `[AC-3.4]` `[IN-14.5]`.
fn set_start_delay(m: &mut Model, interval_ms: u32, op: Option<OpIx>, table: &mut TextMap) {
    if let Some(text) = table.get(sym::START_DELAY) {
        let ms = parse_milliseconds(m.text(text)).unwrap_or(0).clamp(0, i64::from(i32::MAX));
        let ms = m.symbols.intern(&ms.to_string());
        table.set(sym::START_DELAY, ms);
        return;
    }
    let name = m.symbols.intern("interval-origin");
    let Some(text) = table.get(name).filter(|_| interval_ms > 0) else { return };
    let local = DateTime::from_epoch(m.now, 0);
    let Ok(origin) = DateTime::parse(m.text(text), &local) else {
        let id = op.map_or("(missing ID)", |op| m.text(m[op].id)).to_owned();
        let text = m.text(text).to_owned();
        m.config_error(format!("Ignoring 'interval-origin' for operation '{id}' because '{text}' is not valid"));
        return;
    };
    let interval = seconds(interval_ms).max(1);
    let remainder = (m.now - origin.epoch_seconds()) % interval;
    let delay = if remainder <= 0 { -remainder } else { interval - remainder };
    let delay = m.symbols.intern(&(delay * 1000).to_string());
    table.set(sym::START_DELAY, delay);
}

/// Whole seconds, half up.
pub(super) fn seconds(ms: u32) -> i64 {
    (i64::from(ms) + 500) / 1000
}

/// What the failure of an operation leads to, and the role allowed after it `[AC-3.6]` `[ST-10.8]` `[ST-10.9]`.
pub fn failure_response(m: &mut Model, r: ResourceIx, task: Task, interval_ms: u32) -> (OnFail, Role) {
    let op = find(m, r, task, interval_ms);
    let table = meta(m, r, task, interval_ms, op, None);
    let resets_remote = {
        let node = m.node(m.id(r));
        m[r].is(ResourceFlags::REMOTE_CONNECTION)
            && node.is_some_and(|n| m[n].is_remote())
            && !is_probe(task, interval_ms)
            && task != Task::Start
    };
    let managed = m[r].is(ResourceFlags::MANAGED);
    let value = table.get(sym::ON_FAIL).filter(|_| managed || !resets_remote).map(|v| m.text(v).to_owned());
    let explicit = value.and_then(|value| explicit_response(m, r, task, &value));
    let response = explicit.unwrap_or_else(|| {
        if m[r].launcher.is_some() {
            OnFail::RestartLauncher
        } else if resets_remote {
            if managed { OnFail::ResetRemote } else { OnFail::Stop }
        } else if task == Task::Stop {
            if m.options.fencing_enabled { OnFail::Fence } else { OnFail::Block }
        } else {
            OnFail::Restart
        }
    });
    let role = match response {
        OnFail::Stop => Role::Stopped,
        OnFail::ResetRemote if m[r].reconnect_interval_ms > 0 => Role::Stopped,
        _ if task == Task::Promote => Role::Unpromoted,
        _ => Role::Started,
    };
    (response, role)
}

/// The response that a value of `on-fail` asks for; none if the default is to be taken.
fn explicit_response(m: &mut Model, r: ResourceIx, task: Task, value: &str) -> Option<OnFail> {
    Some(match value.to_ascii_lowercase().as_str() {
        "block" => OnFail::Block,
        "fence" if m.options.fencing_enabled => OnFail::Fence,
        "fence" => {
            m.config_error(format!(
                "Resetting 'on-fail' for {} of {} to 'stop' because 'fence' is not valid when fencing is disabled",
                task.text(&m.symbols),
                m.id(r)
            ));
            OnFail::Stop
        }
        "standby" => OnFail::Standby,
        "ignore" | "nothing" => OnFail::Ignore,
        "migrate" => OnFail::Ban,
        "stop" => OnFail::Stop,
        "restart" => OnFail::Restart,
        "restart-container" => return m[r].launcher.map(|_| OnFail::RestartLauncher),
        "demote" => OnFail::Demote,
        _ => {
            m.config_error(format!(
                "Using default 'on-fail' for {} of {} because '{value}' is not valid",
                task.text(&m.symbols),
                m.id(r)
            ));
            return None;
        }
    })
}
