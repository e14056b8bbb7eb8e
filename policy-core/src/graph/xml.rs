//! The XML text of a graph, byte for byte `[OR-10.1]`.

use core::fmt::Write as _;
use std::borrow::Cow;

use super::{Action, Element, Graph, Primitive, Synapse};

/// Escapes an attribute value as the scheduler's texts and digests do: `<`, `>`, `&`, `"` by name, ASCII control
/// characters as `&#xHH;` with two upper-case digits, all else unchanged `[OR-10.1]`.
pub fn escape(value: &str) -> Cow<'_, str> {
    let special = |b: u8| matches!(b, b'<' | b'>' | b'&' | b'"' | 0x7f) || b < 0x20;
    if !value.bytes().any(special) {
        return Cow::Borrowed(value);
    }
    let mut out = String::with_capacity(value.len() + 16);
    for c in value.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            c if c.is_ascii_control() => {
                let _ = write!(out, "&#x{:02X};", c as u32);
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Text under construction: elements on lines of their own, two blanks per level.
struct Writer {
    out: String,
}

impl Writer {
    fn open(&mut self, level: usize, name: &str) {
        for _ in 0..level {
            self.out.push_str("  ");
        }
        self.out.push('<');
        self.out.push_str(name);
    }

    fn attr(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        self.out.push_str(&escape(value));
        self.out.push('"');
    }

    fn number(&mut self, name: &str, value: impl core::fmt::Display) {
        let _ = write!(self.out, " {name}=\"{value}\"");
    }

    fn opt(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.attr(name, value);
        }
    }

    fn start(&mut self) {
        self.out.push_str(">\n");
    }

    fn empty(&mut self) {
        self.out.push_str("/>\n");
    }

    fn close(&mut self, level: usize, name: &str) {
        for _ in 0..level {
            self.out.push_str("  ");
        }
        let _ = writeln!(self.out, "</{name}>");
    }

    fn element(&mut self, level: usize, e: &Element) {
        self.open(level, e.kind.as_str());
        if e.on_cib {
            self.attr("mode", "cib");
        }
        self.number("id", e.id);
        self.attr("operation", &e.operation);
        self.attr("operation_key", &e.key);
        self.opt("internal_operation_key", e.internal_key.as_deref());
        if let Some(node) = &e.node {
            self.attr("on_node", &node.name);
            self.attr("on_node_uuid", &node.uuid);
        }
        self.opt("router_node", e.router.as_deref());
    }

    fn primitive(&mut self, p: &Primitive) {
        self.open(4, &p.element);
        self.attr("id", &p.id);
        self.opt("long-id", p.long_id.as_deref());
        self.opt("class", p.class.as_deref());
        self.opt("provider", p.provider.as_deref());
        self.opt("type", p.agent.as_deref());
        self.empty();
    }

    fn action(&mut self, a: &Action) {
        self.element(3, &a.element);
        if let Some(since) = a.shutdown_lock {
            self.number("shutdown-lock", since);
        }
        self.start();
        if let Some(primitive) = &a.primitive {
            self.primitive(primitive);
        }
        self.open(4, "attributes");
        for (name, value) in &a.attributes {
            self.attr(name, value);
        }
        if a.params.is_empty() {
            self.empty();
        } else {
            self.start();
            for (name, value) in &a.params {
                self.open(5, "param");
                self.attr("name", name);
                self.attr("value", value);
                self.empty();
            }
            self.close(4, "attributes");
        }
        self.nodes("downed", a.downed.iter().map(|id| (id, None)));
        self.nodes("maintenance", a.maintenance.iter().map(|(id, on)| (id, Some(*on))));
        self.close(3, a.element.kind.as_str());
    }

    fn nodes<'a>(&mut self, name: &str, nodes: impl Iterator<Item = (&'a String, Option<bool>)>) {
        let mut any = false;
        for (id, maintenance) in nodes {
            if !any {
                self.open(4, name);
                self.start();
                any = true;
            }
            self.open(5, "node");
            self.attr("id", id);
            if let Some(on) = maintenance {
                self.attr("node_in_maintenance", if on { "1" } else { "0" });
            }
            self.empty();
        }
        if any {
            self.close(4, name);
        }
    }

    fn synapse(&mut self, s: &Synapse) {
        self.open(1, "synapse");
        self.number("id", s.id);
        if s.priority > 0 {
            self.number("priority", s.priority);
        }
        self.start();
        self.open(2, "action_set");
        self.start();
        self.action(&s.action);
        self.close(2, "action_set");
        self.open(2, "inputs");
        if s.inputs.is_empty() {
            self.empty();
        } else {
            self.start();
            for input in &s.inputs {
                self.open(3, "trigger");
                self.start();
                self.element(4, input);
                self.empty();
                self.close(3, "trigger");
            }
            self.close(2, "inputs");
        }
        self.close(1, "synapse");
    }
}

impl Graph {
    /// The graph as XML text: no declaration, two blanks per level, a line feed after each element.
    pub fn write(&self) -> String {
        let mut w = Writer { out: String::with_capacity(256 + 900 * self.synapses.len()) };
        let h = &self.header;
        w.open(0, "transition_graph");
        w.attr("cluster-delay", &h.cluster_delay);
        w.attr("fencing-timeout", &h.fencing_timeout);
        w.attr("failed-stop-offset", &h.failed_stop_offset);
        w.attr("failed-start-offset", &h.failed_start_offset);
        w.attr("batch-limit", &h.batch_limit);
        w.number("transition_id", h.transition_id);
        w.opt("migration-limit", h.migration_limit.as_deref());
        if let Some(at) = h.recheck_by {
            w.number("recheck-by", at);
        }
        if self.synapses.is_empty() {
            w.empty();
        } else {
            w.start();
            for synapse in &self.synapses {
                w.synapse(synapse);
            }
            w.close(0, "transition_graph");
        }
        w.out
    }
}

#[cfg(test)]
mod tests {
    use super::super::*;

    #[test]
    fn values_are_escaped() {
        assert_eq!(escape("a<b>&\"'\n\u{7f}é"), "a&lt;b&gt;&amp;&quot;'&#x0A;&#x7F;é");
    }

    #[test]
    fn an_empty_graph_is_one_line() {
        let text = Graph::default().write();
        assert_eq!(
            text,
            "<transition_graph cluster-delay=\"60s\" fencing-timeout=\"60s\" failed-stop-offset=\"INFINITY\" \
             failed-start-offset=\"INFINITY\" batch-limit=\"0\" transition_id=\"1\"/>\n"
        );
    }

    #[test]
    fn a_synapse_shows_action_and_triggers() {
        let element = Element {
            kind: ElementKind::Cluster,
            on_cib: false,
            id: 2,
            operation: "do_shutdown".into(),
            key: "do_shutdown-n1".into(),
            internal_key: None,
            node: Some(Place { name: "n1".into(), uuid: "1".into() }),
            router: None,
        };
        let action = Action {
            element: element.clone(),
            shutdown_lock: None,
            primitive: None,
            attributes: vec![("CRM_meta_op_no_wait".into(), "true".into())],
            params: vec![("1st".into(), "x".into())],
            downed: vec!["1".into()],
            maintenance: vec![],
        };
        assert_eq!(action.attribute("CRM_meta_op_no_wait"), Some("true"));
        let graph = Graph {
            header: Header::default(),
            synapses: vec![Synapse { id: 0, priority: 7, action, inputs: vec![Element { id: 1, ..element }] }],
        };
        let expected = r#"  <synapse id="0" priority="7">
    <action_set>
      <crm_event id="2" operation="do_shutdown" operation_key="do_shutdown-n1" on_node="n1" on_node_uuid="1">
        <attributes CRM_meta_op_no_wait="true">
          <param name="1st" value="x"/>
        </attributes>
        <downed>
          <node id="1"/>
        </downed>
      </crm_event>
    </action_set>
    <inputs>
      <trigger>
        <crm_event id="1" operation="do_shutdown" operation_key="do_shutdown-n1" on_node="n1" on_node_uuid="1"/>
      </trigger>
    </inputs>
  </synapse>
</transition_graph>
"#;
        let text = graph.write();
        assert_eq!(text.split_once('\n').map(|(_, rest)| rest), Some(expected));
    }
}
