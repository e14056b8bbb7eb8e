//! Digests of operation parameters: has the configuration changed since an operation was run? [ST-16]

use crate::actions;
use crate::config::{self, FEATURE_SET};
use crate::model::{Entry, EntryIx, Model, NodeIx, ResourceFlags, ResourceIx, Symbol, Symbols, Task, TextMap, sym};
use cib_core::rules::compare_versions;
use md5::{Digest, Md5};
use std::cmp::Ordering;

/// The result of a comparison [ST-16.5].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Match {
    /// Nothing has changed.
    #[default]
    Same,
    /// Parameters have changed.
    Different,
    /// Parameters that need a restart have changed.
    Restart,
    /// The history does not tell.
    Unknown,
}

impl Match {
    /// Whether parameters have certainly changed.
    #[must_use]
    pub fn differs(self) -> bool {
        matches!(self, Self::Different | Self::Restart)
    }
}

/// Calculated digests of one operation on one node.
#[derive(Clone, Debug)]
pub struct Record {
    /// Over all parameters.
    pub all: String,
    /// Over the parameters that need a restart, if the first entry told which.
    pub restart: Option<String>,
    /// Over the parameters that are not private, if asked for.
    pub secure: Option<String>,
    /// The last result.
    pub result: Match,
}

/// Parameters that are filtered for a digest: names and values, sorted by name.
type Parameters = Vec<(Symbol, Symbol)>;

/// Whether a connection's address is the host of its container [ST-19.8].
pub fn needs_host_address(m: &mut Model, r: ResourceIx) -> bool {
    if !m[r].is(ResourceFlags::REMOTE_CONNECTION) {
        return false;
    }
    let parameters = config::parameters(m, r, None);
    parameters.get(sym::ADDR).is_some_and(|a| m.text(a).eq_ignore_ascii_case("#uname"))
}

/// The name to use for a connection's address, if it is the host of its container and that is known.
pub fn host_address(m: &mut Model, r: ResourceIx) -> Option<Symbol> {
    if !needs_host_address(m, r) {
        return None;
    }
    let container = m[r].launcher?;
    let node = m[container].assigned_node().or_else(|| m.current_node(container))?;
    Some(m[node].name)
}

/// What is sent with an operation, before filtering [ST-16.1]; and whether the operation has parameters of its own.
fn all_parameters(m: &mut Model, r: ResourceIx, task: Task, interval_ms: u32, node: NodeIx) -> (Parameters, bool) {
    let mut table = TextMap::new();
    if let Some(host) = host_address(m, r) {
        table.set(sym::ADDR, host);
    }
    for (name, value) in config::parameters(m, r, Some(node)).iter() {
        table.set_if_absent(name, value);
    }
    let op = actions::find_op(m, r, task, interval_ms);
    let mut extra = false;
    if let Some(op) = op {
        for (name, value) in config::op_parameters(m, op, Some(node)).iter() {
            extra |= interval_ms == 0;
            table.set_if_absent(name, value);
        }
    }
    let mut pairs: Parameters = table.iter().filter(|&(name, _)| !is_excluded(m.text(name))).collect();
    if interval_ms != 0 {
        let timeout = actions::op_meta(m, r, task, interval_ms, op, Some(node)).get(sym::TIMEOUT);
        if let Some(timeout) = timeout {
            let name = m.symbols.intern("CRM_meta_timeout");
            pairs.push((name, timeout));
        }
    }
    pairs.sort_by(|a, b| m.text(a.0).cmp(m.text(b.0)));
    (pairs, extra)
}

/// Names that are never part of a digest.
pub(crate) fn is_excluded(name: &str) -> bool {
    name.starts_with("CRM_meta_")
        || matches!(name, "id" | "crm_feature_set" | "op-digest" | "on_node" | "on_node_uuid" | "pcmk_external_ip")
}

/// The digest of sorted parameters [ST-16.2].
fn hash(symbols: &Symbols, parameters: &[(Symbol, Symbol)]) -> String {
    let pairs = parameters.iter().map(|&(name, value)| (symbols.text(name), symbols.text(value)));
    hash_text(pairs)
}

/// The digest of pairs that are sorted by name [ST-16.2].
pub fn hash_text<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut text = String::from(" <parameters");
    for (name, value) in pairs {
        text.push(' ');
        text.push_str(name);
        text.push_str("=\"");
        escape(value, &mut text);
        text.push('"');
    }
    text.push_str("/>\n");
    let digest = Md5::digest(text.as_bytes());
    digest.iter().fold(String::with_capacity(32), |mut hex, byte| {
        for digit in [byte >> 4, byte & 15] {
            hex.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
        hex
    })
}

fn escape(value: &str, out: &mut String) {
    for c in value.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\u{1}'..='\u{1f}' | '\u{7f}' => out.push_str(&format!("&#x{:02X};", c as u32)),
            _ => out.push(c),
        }
    }
}

/// The names in a recorded list.
fn listed(list: &str) -> impl Iterator<Item = &str> {
    list.split(' ').filter(|name| !name.is_empty())
}

/// The digest without private parameters [ST-16.3]; `entry` is none for unfencing.
fn secure(m: &mut Model, r: ResourceIx, node: NodeIx, all: &Parameters, entry: Option<&Entry>) -> String {
    let version = entry.and_then(|e| e.feature_set).or(m.feature_set).map_or(FEATURE_SET, |v| m.text(v));
    let modern = compare_versions(version, "3.16.0") != Ordering::Less;
    let drop: Vec<String> = match entry {
        None => ["passwd", "password", "user"].map(str::to_owned).to_vec(),
        Some(e) => e.secure_params.map_or(Vec::new(), |list| listed(m.text(list)).map(str::to_owned).collect()),
    };
    let mut pairs = if modern {
        all.clone()
    } else {
        let mut own: Parameters = config::parameters(m, r, Some(node)).iter().collect();
        own.sort_by(|a, b| m.text(a.0).cmp(m.text(b.0)));
        own
    };
    let fence_device = m[r].is(ResourceFlags::FENCE_DEVICE);
    pairs.retain(|&(name, _)| {
        let name = m.text(name);
        !is_excluded(name)
            && !drop.iter().any(|d| d == name)
            && (modern || !fence_device || !is_fencing_parameter(name))
    });
    hash(&m.symbols, &pairs)
}

/// Parameters that belong to the fencer, not to the agent.
fn is_fencing_parameter(name: &str) -> bool {
    const NAMES: [&str; 9] = [
        "provides",
        "stonith-timeout",
        "pcmk_action_limit",
        "pcmk_delay_base",
        "pcmk_delay_max",
        "pcmk_host_argument",
        "pcmk_host_check",
        "pcmk_host_list",
        "pcmk_host_map",
    ];
    NAMES.contains(&name)
        || name.strip_prefix("pcmk_").is_some_and(|rest| {
            rest.find('_').is_some_and(|at| matches!(&rest[at..], "_action" | "_timeout" | "_retries"))
        })
}

fn record(m: &mut Model, r: ResourceIx, task: Task, interval_ms: u32, node: NodeIx, entry: &Entry) -> Record {
    let (parameters, extra) = all_parameters(m, r, task, interval_ms, node);
    let restart = entry.restart_digest.map(|_| {
        let mut kept = parameters.clone();
        if let Some(list) = entry.force_restart {
            let names: Vec<&str> = listed(m.text(list)).collect();
            kept.retain(|&(name, _)| names.contains(&m.text(name)));
        }
        hash(&m.symbols, &kept)
    });
    let secure = m.sanitized.then(|| secure(m, r, node, &parameters, Some(entry)));
    Record {
        all: hash(&m.symbols, &parameters),
        restart,
        secure,
        result: if extra { Match::Restart } else { Match::Same },
    }
}

/// Compares an entry with the configuration [ST-16.5]. The first entry of an operation decides which parameters are looked at.
pub fn compare(m: &mut Model, r: ResourceIx, node: NodeIx, entry: EntryIx) -> Match {
    let e = m[entry].clone();
    let Some(task) = e.task else { return Match::Unknown };
    let key = (r, task, e.interval_ms, node);
    if !m.digests.contains_key(&key) {
        let new = record(m, r, task, e.interval_ms, node, &e);
        m.digests.insert(key, new);
    }
    let text = |s: Option<Symbol>| s.map(|s| m.symbols.text(s));
    let Some(known) = m.digests.get_mut(&key) else { return Match::Unknown };
    known.result = match (text(e.restart_digest), &known.restart) {
        (Some(recorded), Some(calculated)) if recorded != calculated => Match::Restart,
        _ => match text(e.digest) {
            None => Match::Unknown,
            Some(recorded) if recorded == known.all => Match::Same,
            Some(_) if e.interval_ms == 0 && known.result == Match::Restart => Match::Restart,
            Some(_) => Match::Different,
        },
    };
    known.result
}

/// Whether only private parameters differ: the entry's digest without them is equal [ST-16.7]. After [`compare`].
#[must_use]
pub fn only_private_changed(m: &Model, r: ResourceIx, node: NodeIx, entry: EntryIx) -> bool {
    let e = &m[entry];
    let (Some(task), Some(recorded)) = (e.task, e.secure_digest) else { return false };
    let known = m.digests.get(&(r, task, e.interval_ms, node)).and_then(|known| known.secure.as_deref());
    known == Some(m.text(recorded))
}

/// The digests of a fence device's unfencing of a node [ST-16.9]: over all parameters, and without private ones.
pub fn of_unfencing(m: &mut Model, device: ResourceIx, node: NodeIx) -> (String, String) {
    let task = Task::parse("stonith-on", &mut m.symbols);
    let (parameters, _) = all_parameters(m, device, task, 0, node);
    let secure = secure(m, device, node, &parameters, None);
    (hash(&m.symbols, &parameters), secure)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of [ST-16.2].
    #[test]
    fn digests() {
        let of = |pairs: &[(&str, &str)]| hash_text(pairs.iter().copied());
        assert_eq!(of(&[]), "f2317cad3d54cec5d7d7aa7d0bf35cf8");
        assert_eq!(of(&[("CRM_meta_timeout", "20000")]), "4811cef7f7f94e3a35a70be7916cb2fd");
        assert_eq!(of(&[("Z", ""), ("a", "é 1"), ("b", "x&<\"y")]), "a8d92c6123b1736a83d13ae40911537f");
    }

    #[test]
    fn fencing_parameters() {
        assert!(is_fencing_parameter("pcmk_reboot_action") && is_fencing_parameter("pcmk_host_list"));
        assert!(!is_fencing_parameter("pcmk_x_y_action") && !is_fencing_parameter("ipaddr"));
    }
}
