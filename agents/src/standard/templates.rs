//! Meta-data for standards whose agents have none of their own [RA-3.4], [RA-4.4].

use super::document::{Element, Node, escape};

/// The unit of a type [RA-5.1]. A template without instance is completed where it is only looked up.
pub fn unit_name(type_name: &str, look_up: bool) -> String {
    let extension = [".service", ".socket", ".mount", ".timer", ".path"].into_iter().find(|e| type_name.ends_with(e));
    match extension {
        Some(extension) => match type_name.strip_suffix(extension) {
            Some(stem) if stem.ends_with('@') => format!("{stem}pacemaker{extension}"),
            _ => type_name.to_owned(),
        },
        None if look_up && type_name.ends_with('@') => format!("{type_name}pacemaker.service"),
        None => format!("{type_name}.service"),
    }
}

/// The meta-data of a unit.
pub fn systemd_metadata(name: &str, description: Option<&str>) -> String {
    let description = description.map_or_else(|| format!("Systemd unit file for {name}"), str::to_owned);
    let (name, description) = (escape(name, false), escape(&description, false));
    format!(
        r#"<?xml version="1.0"?>
<resource-agent name="{name}" version="0.1">
  <version>1.1</version>
  <longdesc lang="en">
    {description}
  </longdesc>
  <shortdesc lang="en">systemd unit file for {name}</shortdesc>
  <parameters/>
  <actions>
    <action name="start" timeout="100s" />
    <action name="stop" timeout="100s" />
    <action name="status" timeout="100s" />
    <action name="monitor" timeout="100s" interval="60s" />
    <action name="meta-data" timeout="5s" />
  </actions>
  <special tag="systemd"/>
</resource-agent>
"#
    )
}

/// The comment header of an init script.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    values: [Option<String>; 8],
    description: Option<String>,
}

const KEYS: [&str; 8] = [
    "# Provides:",
    "# Required-Start:",
    "# Required-Stop:",
    "# Should-Start:",
    "# Should-Stop:",
    "# Default-Start:",
    "# Default-Stop:",
    "# Short-Description:",
];

/// A line, in pieces of at most 1023 bytes.
fn pieces(script: &str) -> impl Iterator<Item = &str> {
    script.split_inclusive('\n').flat_map(|mut line| {
        let mut cut = Vec::new();
        while line.len() > 1023 {
            let at = (0..=1023).rev().find(|at| line.is_char_boundary(*at)).unwrap_or(line.len());
            let (piece, rest) = line.split_at(at);
            cut.push(piece);
            line = rest;
        }
        cut.push(line);
        cut
    })
}

impl Header {
    fn read(script: &str) -> Self {
        let mut header = Self::default();
        let mut lines = pieces(script).skip_while(|line| !line.starts_with("### BEGIN INIT INFO")).skip(1);
        while let Some(line) = lines.next() {
            let key = KEYS.iter().position(|key| line.starts_with(key));
            if let Some((slot, key)) = key.and_then(|at| Some((header.values.get_mut(at)?, KEYS.get(at)?))) {
                if slot.is_none() {
                    *slot = line.get(key.len()..).map(str::to_owned);
                }
            } else if let (None, Some(rest)) = (&header.description, line.strip_prefix("# Description:")) {
                let mut text = rest.to_owned();
                // The first line that does not go on is consumed: it is looked at for the end only.
                let mut after = None;
                for line in lines.by_ref() {
                    match line.strip_prefix('#').filter(|l| l.starts_with("  ") || l.starts_with('\t')) {
                        Some(more) => text.push_str(more),
                        None => {
                            after = Some(line);
                            break;
                        }
                    }
                }
                header.description = Some(text);
                if after.is_none_or(ends) {
                    break;
                }
                continue;
            }
            if ends(line) {
                break;
            }
        }
        header
    }
}

fn ends(line: &str) -> bool {
    line.starts_with("### END INIT INFO") || !line.starts_with('#')
}

/// The meta-data of an init script, from its comment header.
pub fn lsb_metadata(name: &str, script: &str) -> String {
    let header = Header::read(script);
    let value =
        |at: usize| header.values.get(at).and_then(Option::as_deref).map(|v| escape(v, false)).unwrap_or_default();
    let or_name = |text: Option<&str>| escape(text.unwrap_or(name), false);
    let long = or_name(header.description.as_deref());
    let short = or_name(header.values[7].as_deref());
    let mut text = format!(
        "<?xml version='1.0'?>\n<resource-agent name='{0}' version='0.1'>\n  <version>1.1</version>\n  <longdesc lang='en'>\n{long}  </longdesc>\n  \
         <shortdesc lang='en'>{short}</shortdesc>\n  <parameters/>\n  <actions>\n",
        escape(name, false)
    );
    for (action, timing) in [
        ("meta-data", "timeout='5s'"),
        ("start", "timeout='15s'"),
        ("stop", "timeout='15s'"),
        ("status", "timeout='15s'"),
        ("restart", "timeout='15s'"),
        ("force-reload", "timeout='15s'"),
        ("monitor", "timeout='15s' interval='15s'"),
    ] {
        text.push_str(&format!("    <action name='{action}' {timing} />\n"));
    }
    text.push_str("  </actions>\n  <special tag='LSB'>\n");
    for (at, tag) in
        ["Provides", "Required-Start", "Required-Stop", "Should-Start", "Should-Stop", "Default-Start", "Default-Stop"]
            .into_iter()
            .enumerate()
    {
        text.push_str(&format!("    <{tag}>{}</{tag}>\n", value(at)));
    }
    text.push_str("  </special>\n</resource-agent>\n");
    text
}

/// A fence agent's own document as the cluster shows it: `stop` and `start` are there, and what the cluster fills in is not required.
pub fn fence_metadata(mut document: Element) -> Element {
    for group in document.elements_mut() {
        if group.name == "actions" && !group.elements().any(|a| a.attribute("name") == Some("stop")) {
            for name in ["stop", "start"] {
                let action = Element::new("action", &[("name", name), ("timeout", "20s")]);
                group.children.push(Node::Element(action));
            }
        }
        if group.name == "parameters" {
            for name in ["action", "plug", "port"] {
                if let Some(parameter) = group.elements_mut().find(|p| p.attribute("name") == Some(name)) {
                    parameter.set_attribute("required", "0");
                }
            }
        }
    }
    document
}

/// The meta-data of a fencing plugin of the older kind: its own descriptions and parameters (`said`, by the tool that calls plugins), and the actions of all.
pub fn plugin_metadata(name: &str, said: &Element) -> String {
    let text = |name: &str| escape(said.child(name).map(Element::text).unwrap_or_default().trim(), false);
    let (long, short) = (text("longdesc"), text("shortdesc"));
    let parameters = said.child("parameters").map_or_else(|| "<!-- no value -->\n".to_owned(), Element::print);
    let name = escape(name, true);
    format!(
        r#"<?xml version="1.0"?>
<resource-agent name="{name}">
  <version>1.1</version>
  <longdesc lang="en">
{long}
  </longdesc>
  <shortdesc lang="en">{short}</shortdesc>
{parameters}  <actions>
    <action name="start" timeout="20s" />
    <action name="stop" timeout="15s" />
    <action name="status" timeout="20s" />
    <action name="monitor" timeout="20s" interval="3600s" />
    <action name="meta-data" timeout="15s" />
  </actions>
  <special tag="heartbeat">
    <version>2.0</version>
  </special>
</resource-agent>
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCRIPT: &str = "#!/bin/sh\n### BEGIN INIT INFO\n# Provides: lsbx & co\n# Required-Start:    $remote_fs\n# Provides: second\n\
        # Default-Start: 2 3\n# Short-Description: <short>\n# Description: line one\n#   line two\n#\ttabbed\n# single space stops\n\
        # Should-Start: ss\n### END INIT INFO\n# Should-Stop: late\n";

    #[test]
    fn the_specified_header() {
        let text = lsb_metadata("lsbx", SCRIPT);
        assert!(text.contains("<longdesc lang='en'>\n line one\n   line two\n\ttabbed\n  </longdesc>"), "{text}");
        assert!(text.contains("<shortdesc lang='en'> &lt;short&gt;\n</shortdesc>"));
        assert!(text.contains("<Provides> lsbx &amp; co\n</Provides>"));
        assert!(text.contains("<Required-Start>    $remote_fs\n</Required-Start>"));
        assert!(text.contains("<Should-Start> ss\n</Should-Start>"));
        assert!(text.contains("<Should-Stop></Should-Stop>"), "after the end");
        Element::parse(&text).unwrap();
    }

    #[test]
    fn the_line_after_the_description_is_lost() {
        let lost = SCRIPT.replace("# single space stops\n", "");
        assert!(lsb_metadata("l", &lost).contains("<Should-Start></Should-Start>"));
        let ended = SCRIPT.replace("# single space stops\n", "\n");
        assert!(lsb_metadata("l", &ended).contains("<Should-Start></Should-Start>"));
    }

    #[test]
    fn names_of_units() {
        assert_eq!(unit_name("httpd", false), "httpd.service");
        assert_eq!(unit_name("x.timer", false), "x.timer");
        assert_eq!(unit_name("getty@", true), "getty@pacemaker.service");
        assert_eq!(unit_name("getty@", false), "getty@.service");
        assert_eq!(unit_name("getty@.service", false), "getty@pacemaker.service");
    }

    #[test]
    fn fence_documents_are_completed() {
        let own = "<resource-agent name='f'><parameters><parameter name='action' required='1'/><parameter name='plug' unique='0'/>\
                   </parameters><actions><action name='off'/></actions></resource-agent>";
        let text = fence_metadata(Element::parse(own).unwrap()).print();
        assert_eq!(
            text,
            "<resource-agent name=\"f\">\n  <parameters>\n    <parameter name=\"action\" required=\"0\"/>\n    \
             <parameter name=\"plug\" unique=\"0\" required=\"0\"/>\n  </parameters>\n  <actions>\n    <action name=\"off\"/>\n    \
             <action name=\"stop\" timeout=\"20s\"/>\n    <action name=\"start\" timeout=\"20s\"/>\n  </actions>\n</resource-agent>\n"
        );
    }
}
