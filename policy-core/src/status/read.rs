//! The status section's elements into plain values.

use super::{NodeState, Status};
use crate::model::{
    Document, Element, Entry, EntryIx, History, HistoryIx, Model, Symbol, Symbols, Task, TransitionKey,
};
use cib_core::rules::parse_integer;
use cib_core::xml::Name;

macro_rules! names {
    ($($field:ident = $text:literal,)*) => {
        /// Attribute names, looked up once per document.
        #[derive(Clone, Copy)]
        pub(crate) struct Names { $(pub(crate) $field: Option<Name>,)* }

        impl Names {
            pub(crate) fn of(doc: &Document) -> Self {
                Self { $($field: doc.find_name($text),)* }
            }
        }
    };
}

names! {
    id = "id",
    class = "class",
    provider = "provider",
    agent = "type",
    container = "container",
    lock = "shutdown-lock",
    entry = "lrm_rsc_op",
    key = "operation_key",
    operation = "operation",
    interval = "interval",
    status = "op-status",
    rc = "rc-code",
    transition_key = "transition-key",
    magic = "transition-magic",
    call = "call-id",
    change = "last-rc-change",
    on_node = "on_node",
    digest = "op-digest",
    restart_digest = "op-restart-digest",
    force_restart = "op-force-restart",
    secure_digest = "op-secure-digest",
    secure_params = "op-secure-params",
    feature_set = "crm_feature_set",
    source = "migrate_source",
    target = "migrate_target",
    exit_reason = "exit-reason",
}

/// Reads one `node_state` with its histories; `None` without an id.
pub(super) fn node_state(m: &mut Model, status: &Status<'_>, element: Element) -> Option<NodeState> {
    let cib = status.cib;
    let Some(id) = cib.id(element) else {
        m.config_error("Ignoring invalid node_state entry without id");
        return None;
    };
    let id = m.symbols.intern(id);
    let uname = cib.attr(element, "uname").map(|u| m.symbols.intern(u));
    let start = m.histories.len() as u32;
    let resources = cib.child(element, "lrm").and_then(|lrm| cib.child(lrm, "lrm_resources"));
    if let Some(resources) = resources {
        for child in cib.children_named(resources, "lrm_resource") {
            history(m, status, uname, child);
        }
    }
    Some(NodeState { element, id, uname, histories: start..m.histories.len() as u32 })
}

/// Reads one `lrm_resource`.
fn history(m: &mut Model, status: &Status<'_>, uname: Option<Symbol>, element: Element) {
    let (cib, names) = (status.cib, &status.names);
    let Some(id) = cib.id(element) else { return };
    let id = m.symbols.intern(id);
    let ix = HistoryIx::new(m.histories.len());
    let start = m.entries.len() as u32;
    for child in cib.children(element) {
        if cib.name_ix(child) == names.entry {
            let entry = entry(&mut m.symbols, cib, names, ix, child);
            m.entries.push(entry);
        }
    }
    let mut read = |name: Option<Name>| Some(m.symbols.intern(cib.attr_ix(element, name?)?));
    let new = History {
        uname,
        id,
        class: read(names.class),
        provider: read(names.provider),
        agent: read(names.agent),
        container: read(names.container),
        lock: names.lock.and_then(|n| cib.attr_ix(element, n)).and_then(parse_integer).unwrap_or(0),
        element,
        entries: start..m.entries.len() as u32,
    };
    m.histories.push(new);
    if let Some(uname) = uname {
        m.histories_of.entry((uname, id)).or_default().push(ix);
    }
}

fn entry(symbols: &mut Symbols, cib: &Document, names: &Names, history: HistoryIx, element: Element) -> Entry {
    let text = |name: Option<Name>| cib.attr_ix(element, name?);
    let integer = |name: Option<Name>| text(name).and_then(parse_integer);
    let small = |name: Option<Name>| integer(name).and_then(|v| i32::try_from(v).ok());
    let mut symbol = |name: Option<Name>| text(name).map(|t| symbols.intern(t));
    let id = symbol(names.id);
    Entry {
        history,
        element,
        id,
        key: symbol(names.key.filter(|_| text(names.key).is_some_and(|k| !k.is_empty()))).or(id),
        task: symbol(names.operation).map(Task::of),
        digest: symbol(names.digest),
        restart_digest: symbol(names.restart_digest),
        force_restart: symbol(names.force_restart),
        secure_digest: symbol(names.secure_digest),
        secure_params: symbol(names.secure_params),
        feature_set: symbol(names.feature_set),
        migrate_source: symbol(names.source),
        migrate_target: symbol(names.target),
        exit_reason: symbol(names.exit_reason),
        // Shown only where private parameters may be told apart.
        magic_text: symbol(names.magic.filter(|_| text(names.secure_digest).is_some())),
        on_node: symbol(names.on_node),
        interval_ms: integer(names.interval).and_then(|v| u32::try_from(v).ok()).unwrap_or(0),
        status: small(names.status),
        rc: small(names.rc),
        expected: text(names.transition_key).and_then(transition_key).map_or(-1, |k| k.expected),
        call_id: integer(names.call).unwrap_or(-1),
        last_change: integer(names.change),
        magic: text(names.magic).and_then(magic).map(|parsed| TransitionKey {
            transition: parsed.transition,
            expected: parsed.expected,
            uuid: symbols.intern(parsed.uuid),
        }),
    }
}

/// A transition key in its parts.
struct Parsed<'a> {
    transition: i32,
    expected: i32,
    uuid: &'a str,
}

/// `<action id>:<transition id>:<expected exit status>:<uuid>` [ST-1.3]
fn transition_key(text: &str) -> Option<Parsed<'_>> {
    let (action, rest) = text.split_once(':')?;
    let (transition, rest) = rest.split_once(':')?;
    let (expected, rest) = rest.split_once(':')?;
    let number = |t: &str| t.trim_start().parse::<i32>().ok();
    number(action)?;
    let uuid = rest.split(|c: char| c.is_ascii_whitespace()).next().filter(|u| !u.is_empty())?;
    let end = uuid.char_indices().nth(36).map_or(uuid.len(), |(at, _)| at);
    Some(Parsed { transition: number(transition)?, expected: number(expected)?, uuid: &uuid[..end] })
}

/// `<op-status>:<rc-code>;<transition key>`
fn magic(text: &str) -> Option<Parsed<'_>> {
    let (status, rest) = text.split_once(':')?;
    let (rc, key) = rest.split_once(';')?;
    status.trim_start().parse::<i32>().ok()?;
    rc.trim_start().parse::<i32>().ok()?;
    transition_key(key)
}

impl Model {
    /// An attribute of a history entry as it stands in `cib`, the document that was read.
    #[must_use]
    pub fn entry_attribute<'d>(&self, cib: &'d Document, entry: EntryIx, name: &str) -> Option<&'d str> {
        cib.attr(self[entry].element, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transition_keys() {
        let key = transition_key("12:3:7:e9b3f8e0-0000-4000-8000-0123456789ab").unwrap();
        assert_eq!((key.transition, key.expected, key.uuid.len()), (3, 7, 36));
        assert!(transition_key("12:3:x:y").is_none());
        assert_eq!(magic("0:0;5:-1:0:xxxx").unwrap().transition, -1);
        assert!(magic("0;5:1:0:xxxx").is_none());
    }
}
