//! Fail counts [ST-15].

use super::seconds;
use crate::model::{EntryIx, Kind, Model, NodeIx, OpIx, ResourceFlags, ResourceIx, Score, base_name};
use cib_core::rules::parse_integer;
use rustc_hash::FxHashMap;

/// The fail counts among a node's attributes, by the name of the resource in them.
#[derive(Clone, Debug, Default)]
pub struct FailCounts {
    /// How many attributes the node had when this was made.
    attributes: usize,
    /// Count and time of the last failure.
    by_name: FxHashMap<Box<str>, (Score, i64)>,
    /// The same, numbered instances summed up under the name without number.
    by_base: FxHashMap<Box<str>, (Score, i64)>,
}

impl FailCounts {
    fn of(m: &Model, node: NodeIx) -> Self {
        let attributes = &m[node].attributes;
        let mut by_name: FxHashMap<Box<str>, (Score, i64)> = FxHashMap::default();
        for (name, value) in attributes.iter() {
            let text = m.text(name);
            let (rest, is_count) = match (text.strip_prefix("fail-count-"), text.strip_prefix("last-failure-")) {
                (Some(rest), _) => (rest, true),
                (None, Some(rest)) => (rest, false),
                (None, None) => continue,
            };
            for (at, _) in rest.match_indices('#') {
                if !is_operation(&rest[at + 1..]) {
                    continue;
                }
                let entry = by_name.entry(rest[..at].into()).or_default();
                if is_count {
                    entry.0 = entry.0.add(m.parse_score(m.text(value)).unwrap_or(Score::ZERO));
                } else {
                    entry.1 = entry.1.max(parse_integer(m.text(value)).unwrap_or(0));
                }
            }
        }
        let mut by_base: FxHashMap<Box<str>, (Score, i64)> = FxHashMap::default();
        for (name, &(count, last)) in &by_name {
            let entry = by_base.entry(without_number(name).into()).or_default();
            *entry = (entry.0.add(count), entry.1.max(last));
        }
        Self { attributes: attributes.len(), by_name, by_base }
    }

    /// Sum and latest time of all attributes that belong to `name`; with `any_instance` also those of numbered instances.
    fn of_name(&self, name: &str, any_instance: bool) -> (Score, i64) {
        let counts = if any_instance { &self.by_base } else { &self.by_name };
        if !name.contains('.') {
            return counts.get(name).copied().unwrap_or_default();
        }
        // the name is matched as a pattern, in which a dot is any character
        let all = counts.iter().filter(|(known, _)| matches(name, known));
        all.fold((Score::ZERO, 0), |sum, (_, &(count, last))| (sum.0.add(count), sum.1.max(last)))
    }
}

/// `.+_[0-9]+` to the end.
fn is_operation(text: &str) -> bool {
    text.rsplit_once('_').is_some_and(|(operation, interval)| {
        !operation.is_empty() && !interval.is_empty() && interval.bytes().all(|b| b.is_ascii_digit())
    })
}

/// The name without one `:digits` at its end.
fn without_number(name: &str) -> &str {
    match name.rsplit_once(':') {
        Some((base, number)) if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) => base,
        _ => name,
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let mut characters = text.chars();
    pattern.chars().all(|p| characters.next().is_some_and(|c| p == '.' || p == c)) && characters.next().is_none()
}

/// The fail count of a resource on a node, and the time of its last failure if known, else 0 [ST-15.2].
///
/// `effective` leaves out what has expired; `with_launched` also looks at what runs inside the resource. `context` is the
/// history entry for which this is asked.
pub fn fail_count(
    m: &mut Model,
    r: ResourceIx,
    node: NodeIx,
    effective: bool,
    with_launched: bool,
    context: Option<EntryIx>,
) -> (Score, i64) {
    let (mut count, mut last) = raw(m, r, node);
    if count.value() > 0 {
        if m[r].failure_timeout_ms > 0 && blocked_by_failure(m, r, node, context) {
            let text = format!(
                "Ignoring failure timeout ({}ms) for {} because it conflicts with on-fail=block",
                m[r].failure_timeout_ms,
                m.id(r)
            );
            m.config_warning(text);
            m[r].failure_timeout_ms = 0;
        }
        let timeout = m[r].failure_timeout_ms;
        if effective && last > 0 && timeout > 0 && m.now > last.saturating_add(seconds(timeout)) {
            count = Score::ZERO;
        }
    }
    if with_launched && !m[r].launched.is_empty() && !m.in_bundle(r) {
        // each once, so that launchers in a circle do no harm
        let mut inside = vec![r];
        let mut at = 0;
        while at < inside.len() {
            for launched in m[inside[at]].launched.clone() {
                if inside.contains(&launched) {
                    continue;
                }
                let (more, time) = fail_count(m, launched, node, effective, false, context);
                count = Score::clamped(i64::from(count.value()) + i64::from(more.value()));
                last = last.max(time);
                if !m.in_bundle(launched) {
                    inside.push(launched);
                }
            }
            at += 1;
        }
    }
    if count.value() > 0 && last > 0 { (count, last) } else { (count, 0) }
}

fn raw(m: &mut Model, r: ResourceIx, node: NodeIx) -> (Score, i64) {
    let current = m.fail_counts.get(&node).is_some_and(|known| known.attributes == m[node].attributes.len());
    if !current {
        let counts = FailCounts::of(m, node);
        m.fail_counts.insert(node, counts);
    }
    let counts = &m.fail_counts[&node];
    if counts.by_name.is_empty() {
        return (Score::ZERO, 0);
    }
    let name = m.text(m.history_name(r));
    if m[r].is(ResourceFlags::UNIQUE) { counts.of_name(name, false) } else { counts.of_name(base_name(name), true) }
}

/// Whether an operation with an explicit `on-fail=block` has failed, so that expiry must not hide it [ST-15.3].
#[must_use]
pub fn blocked_by_failure(m: &Model, r: ResourceIx, node: NodeIx, context: Option<EntryIx>) -> bool {
    let base = base_name(m.id(r));
    let Some(base_symbol) = m.symbols.find(base) else { return false };
    let candidates: Vec<OpIx> = m[r].ops().filter(|&op| m[op].on_fail.is_some_and(|v| m.text(v) == "block")).collect();
    if candidates.is_empty() {
        return false;
    }
    if let Some(entry) = context {
        return candidates.iter().any(|&op| is_failure_of(m, op, entry, base));
    }
    let histories = m.histories_of.get(&(m[node].name, base_symbol));
    let mut entries = histories.into_iter().flatten().flat_map(|&h| m[h].entries());
    entries.any(|e| {
        candidates.iter().any(|&op| {
            m[e].task == Some(m[op].name) && m[e].interval_ms == m[op].interval_ms && is_failure_of(m, op, e, base)
        })
    })
}

fn is_failure_of(m: &Model, op: OpIx, entry: EntryIx, base: &str) -> bool {
    let (op, entry) = (&m[op], &m[entry]);
    let (Some(task), Some(id)) = (entry.task, entry.id) else { return false };
    let same_name = task.text(&m.symbols).eq_ignore_ascii_case(op.name.text(&m.symbols));
    if !same_name || op.interval_ms != entry.interval_ms {
        return false;
    }
    let id = m.text(id);
    if id == format!("{base}_last_failure_0") {
        return true;
    }
    id == format!("{base}_{}_{}", task.text(&m.symbols), entry.interval_ms) && entry.rc.unwrap_or(0) != entry.expected
}

impl Model {
    /// The resource to keep away from a node because its migration threshold was reached there [ST-15.4]: itself, or its
    /// outermost ancestor if it is not unique.
    pub fn threshold_reached(&mut self, r: ResourceIx, node: NodeIx) -> Option<ResourceIx> {
        let threshold = self[r].migration_threshold;
        if threshold.value() == 0 || self[r].is(ResourceFlags::IGNORE_FAILURE) || self[r].kind() != Kind::Primitive {
            return None;
        }
        let (count, _) = fail_count(self, r, node, true, true, None);
        if count.value() <= 0 || threshold.value() > count.value() {
            return None;
        }
        let whole = if self[r].is(ResourceFlags::UNIQUE) { r } else { self.top(r) };
        Some(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_patterns() {
        assert!(matches("a.b", "a-b") && matches("ab", "ab") && !matches("a", "ab") && !matches("ab", "a"));
        assert_eq!(without_number("ms:12"), "ms");
        assert_eq!(without_number("ms:"), "ms:");
        assert!(is_operation("monitor_10000") && !is_operation("_1") && !is_operation("monitor_x"));
    }
}
