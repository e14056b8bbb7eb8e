//! Meta-data as text for administrators, and lists in columns [RA-9.3].

use super::metadata::{Metadata, Parameter};
use super::{AgentName, Standard};
use std::fmt::Write;

/// What an agent says of itself, for reading. Fence agents also take the fencer's own parameters.
pub fn info(agent: &AgentName, metadata: &Metadata) -> String {
    let type_name = agent.type_name.as_str();
    let long = metadata.longdesc.trim();
    let mut parts = vec![title(agent, metadata, long)];
    if !long.is_empty() {
        parts.push(long.to_owned());
    }
    let mut parameters: Vec<Parameter> = metadata.parameters.clone();
    if agent.standard == Standard::Stonith {
        parameters.extend(fencer_parameters());
    }
    if !parameters.is_empty() {
        let mut text = "Parameters (*: required, []: default):\n\n".to_owned();
        for parameter in &parameters {
            describe(parameter, type_name, &mut text);
        }
        parts.push(text.trim_end().to_owned());
    }
    let actions = metadata.actions.iter().filter(|a| !matches!(a.name.as_str(), "meta-data" | "validate-all"));
    let mut text = String::new();
    for action in actions {
        let _ = write!(text, "\n    {:<13}", action.name);
        for (name, value) in &action.attributes {
            let _ = write!(text, " {name}={value}");
        }
    }
    if !text.is_empty() {
        parts.push(format!("Operations' defaults (advisory minimum):\n{text}"));
    }
    parts.join("\n\n") + "\n"
}

fn title(agent: &AgentName, metadata: &Metadata, long: &str) -> String {
    let short = metadata.shortdesc.trim();
    if short.is_empty() || short == metadata.name || short == long || short == agent.type_name {
        return agent.to_string();
    }
    format!("{short} ({agent})")
}

fn describe(parameter: &Parameter, type_name: &str, text: &mut String) {
    let star = if parameter.required { "*" } else { "" };
    let content = parameter.content_type.as_deref().unwrap_or("string");
    let default = match parameter.default.as_deref().filter(|d| !d.is_empty()) {
        Some(default) => format!(", [{default}]"),
        None => String::new(),
    };
    let (short, long) = (parameter.shortdesc.trim(), parameter.longdesc.trim());
    let says_more = short != parameter.name && short != long && short != type_name;
    let _ = writeln!(text, "{}{star} ({content}{default}): {}", parameter.name, if says_more { short } else { "" });
    if !long.is_empty() {
        for line in long.lines() {
            let _ = writeln!(text, "    {line}");
        }
        text.push('\n');
    }
}

/// What the fencer takes besides an agent's own parameters.
pub fn fencer_parameters() -> Vec<Parameter> {
    let of = |name: &str, content: &str, default: Option<&str>, shortdesc: &str| Parameter {
        name: name.to_owned(),
        content_type: Some(content.to_owned()),
        default: default.map(str::to_owned),
        shortdesc: shortdesc.to_owned(),
        ..Parameter::default()
    };
    let mut list = vec![
        of(
            "pcmk_host_argument",
            "string",
            Some("port"),
            "Agent parameter that receives the target's alias; 'none' = none",
        ),
        of("pcmk_host_map", "string", None, "Aliases of targets: node:port pairs"),
        of("pcmk_host_list", "string", None, "Targets"),
        of(
            "pcmk_host_check",
            "string",
            Some("dynamic-list"),
            "How targets are known: static-list, dynamic-list, status, none",
        ),
        of("pcmk_delay_max", "time", Some("0s"), "Upper bound of base and random delay"),
        of("pcmk_delay_base", "string", Some("0s"), "Delay, for all targets or as node:delay pairs"),
        of("pcmk_action_limit", "integer", Some("1"), "Actions at one time; negative = any number"),
    ];
    for action in ["reboot", "off", "on", "list", "monitor", "status"] {
        list.push(of(&format!("pcmk_{action}_action"), "string", Some(action), "What the agent is told to do instead"));
        list.push(of(&format!("pcmk_{action}_timeout"), "time", Some("60s"), "Timeout instead of the request's"));
        list.push(of(&format!("pcmk_{action}_retries"), "integer", Some("2"), "How often it is tried in total"));
    }
    list
}

/// Names in columns, row by row, for a screen of this width.
pub fn columns(names: &[String], width: usize) -> String {
    let longest = names.iter().map(|n| n.chars().count()).max().unwrap_or(0).max(8);
    let count = (width / (longest + 2)).max(1);
    let column = width / count;
    let mut text = String::new();
    for row in names.chunks(count) {
        for (at, name) in row.iter().enumerate() {
            let last_of_full = at + 1 == count && count > 1;
            let _ = if last_of_full { write!(text, "{name}") } else { write!(text, "{name:<column$}") };
        }
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_of_an_agent() {
        let metadata = Metadata::parse(
            "<resource-agent name='Thing'><longdesc>\nDoes a thing.\n</longdesc><shortdesc>A thing</shortdesc><parameters>\
             <parameter name='a' required='1'><longdesc>\nline one\nline two\n</longdesc><shortdesc>First</shortdesc>\
             <content type='string' default='x'/></parameter>\
             <parameter name='b'><shortdesc>b</shortdesc><content type='integer' default=''/></parameter></parameters>\
             <actions><action name='start' timeout='20s'/><action name='meta-data' timeout='5'/>\
             <action name='monitor' depth='0' interval='10'/></actions></resource-agent>",
        )
        .unwrap();
        let text = info(&AgentName::ocf("own", "Thing"), &metadata);
        let expected = "A thing (ocf:own:Thing)\n\nDoes a thing.\n\nParameters (*: required, []: default):\n\n\
            a* (string, [x]): First\n    line one\n    line two\n\nb (integer):\n\nOperations' defaults (advisory minimum):\n\n    \
            start         timeout=20s\n    monitor       depth=0 interval=10\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn columns_fill_row_by_row() {
        let names: Vec<String> = ["aa", "b", "cccccccccc", "d"].map(str::to_owned).into();
        assert_eq!(columns(&names, 40), "aa           b            cccccccccc\nd            \n");
        assert_eq!(columns(&names[..1], 5), "aa   \n");
    }
}
