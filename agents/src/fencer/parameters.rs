//! The `pcmk_*` parameters of a device [CT-9.2].

use crate::standard::interval::rounded_seconds;
use crate::standard::{Parameters, parse_interval_ms};

/// How a device tells which nodes it can fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HostCheck {
    None,
    StaticList,
    DynamicList,
    Status,
    /// Configured, but no known word: fences nobody.
    Invalid,
}

/// Node names and their aliases: `node:port` pairs.
pub(super) fn host_map(text: &str) -> Vec<(String, String)> {
    let pairs = text.split([';', ' ', '\t']).filter(|p| !p.is_empty());
    let split = |pair: &str| {
        let (node, port) = pair.split_once([':', '='])?;
        (!node.is_empty() && !port.is_empty()).then(|| (node.to_owned(), port.to_owned()))
    };
    pairs.filter_map(split).collect()
}

/// Targets of a configured list, or of an agent's `list` output [RA-6.4].
pub(super) fn host_list(text: &str) -> Vec<String> {
    let mut hosts: Vec<String> = Vec::new();
    for line in text.split('\n').flat_map(|line| line.split("\\n")) {
        if line.contains("invalid") || line.contains("variable") {
            continue;
        }
        for entry in line.split(|c: char| c.is_whitespace() || c == ',' || c == ';') {
            let end = entry.find(|c: char| !(c.is_ascii_alphanumeric() || "_-.".contains(c))).unwrap_or(entry.len());
            let host = &entry[..end];
            if !host.is_empty() && !host.eq_ignore_ascii_case("on") && !host.eq_ignore_ascii_case("off") {
                hosts.push(host.to_owned());
            }
        }
    }
    hosts
}

/// `pcmk_delay_base` for a target, milliseconds.
pub(super) fn delay_base_ms(parameters: &Parameters, target: &str) -> u64 {
    let Some(text) = parameters.get("pcmk_delay_base") else { return 0 };
    let pairs = text.split([';', ' ', '\t']).filter_map(|pair| pair.split_once(':'));
    let own = pairs.filter(|(node, _)| node.eq_ignore_ascii_case(target)).map(|(_, value)| value).next();
    parse_interval_ms(own.unwrap_or(text)).unwrap_or(0)
}

/// `pcmk_delay_max`, milliseconds.
pub(super) fn delay_max_ms(parameters: &Parameters) -> u64 {
    parameters.get("pcmk_delay_max").and_then(|v| parse_interval_ms(v)).unwrap_or(0)
}

/// Base and bound as they act: base > max > 0 makes base = max, and max = 0 makes max = base [CT-9.5].
pub(super) fn delay_bounds(base: u64, max: u64) -> (u64, u64) {
    if max == 0 { (base, base) } else { (base.min(max), max) }
}

/// How many jobs of a device may run at once; `None` = any number.
pub(super) fn action_limit(parameters: &Parameters) -> Option<usize> {
    match parameters.get("pcmk_action_limit").and_then(|v| v.trim().parse::<i64>().ok()) {
        Some(limit) if limit < 0 => None,
        Some(limit) if limit > 0 => Some(usize::try_from(limit).unwrap_or(usize::MAX)),
        _ => Some(1),
    }
}

/// `pcmk_ACTION_timeout`, milliseconds in whole seconds.
pub(super) fn action_timeout_ms(parameters: &Parameters, action: &str) -> Option<u64> {
    let value = parameters.get(&format!("pcmk_{action}_timeout"))?;
    parse_interval_ms(value).map(|ms| rounded_seconds(ms).saturating_mul(1000))
}

/// How often an action is tried in total.
pub(super) fn action_tries(parameters: &Parameters, action: &str) -> u64 {
    parameters.get(&format!("pcmk_{action}_retries")).and_then(|v| v.trim().parse().ok()).unwrap_or(2)
}

/// What the agent is told to do for an action.
pub(super) fn action_name<'a>(parameters: &'a Parameters, action: &'a str) -> &'a str {
    parameters.get(&format!("pcmk_{action}_action")).map_or(action, String::as_str)
}

/// Is this parameter for the cluster only, not for the agent?
pub(super) fn is_own(name: &str) -> bool {
    let listed = matches!(
        name,
        "provides"
            | "stonith-timeout"
            | "crm_feature_set"
            | "pcmk_action_limit"
            | "pcmk_delay_base"
            | "pcmk_delay_max"
            | "pcmk_host_argument"
            | "pcmk_host_check"
            | "pcmk_host_list"
            | "pcmk_host_map"
    );
    let by_action = name.strip_prefix("pcmk_").is_some_and(|rest| {
        ["_action", "_timeout", "_retries"].iter().any(|end| rest.len() > end.len() && rest.ends_with(end))
    });
    listed || by_action || name.starts_with("CRM_meta_") || name.eq_ignore_ascii_case("action")
}

/// The lines for an agent besides `action` [RA-6.3].
pub(super) fn lines(
    parameters: &Parameters,
    agent: &str,
    host_argument: Option<&str>,
    target: Option<&str>,
    alias: Option<&str>,
) -> Parameters {
    let mut lines = Parameters::new();
    if let Some(target) = target {
        lines.insert("nodename".to_owned(), target.to_owned());
        let argument = parameters.get("pcmk_host_argument").map(String::as_str).or(host_argument);
        let argument = argument.filter(|a| !a.eq_ignore_ascii_case("none") && agent != "fence_legacy");
        if let Some(argument) = argument {
            lines.insert(argument.to_owned(), alias.unwrap_or(target).to_owned());
        }
    }
    for (name, value) in parameters.iter().filter(|(name, _)| !is_own(name)) {
        // `dynamic` asks for the target's alias, which stands there already.
        if !(value.eq_ignore_ascii_case("dynamic") && lines.contains_key(name)) {
            lines.insert(name.clone(), value.clone());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Parameters {
        pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect()
    }

    fn strings(it: &[&str]) -> Vec<String> {
        it.iter().map(|s| (*s).to_owned()).collect()
    }

    #[test]
    fn maps_and_lists() {
        assert_eq!(host_map("n1:7;n2=8 bad n3:"), [("n1".into(), "7".into()), ("n2".into(), "8".into())]);
        assert_eq!(host_list("n1, n2;n3\\ninvalid n4\nn5+x on OFF"), strings(&["n1", "n2", "n3", "n5"]));
    }

    #[test]
    fn delays_by_node_or_for_all() {
        let p = of(&[("pcmk_delay_base", "n1:3;n2:5s")]);
        assert_eq!((delay_base_ms(&p, "N2"), delay_base_ms(&p, "n9")), (5000, 0));
        assert_eq!(delay_base_ms(&of(&[("pcmk_delay_base", "4")]), "n1"), 4000);
        assert_eq!((delay_bounds(2, 1), delay_bounds(2, 0), delay_bounds(1, 2)), ((1, 1), (2, 2), (1, 2)));
    }

    #[test]
    fn the_specified_argument_lists() {
        let p = of(&[("ipaddr", "x"), ("pcmk_host_map", "n1:7"), ("pcmk_off_action", "reboot")]);
        let expected = of(&[("nodename", "n1"), ("plug", "7"), ("ipaddr", "x")]);
        assert_eq!(lines(&p, "fence_x", Some("plug"), Some("n1"), Some("7")), expected);
        assert_eq!(action_name(&p, "off"), "reboot");
        let mut fixed = p.clone();
        fixed.insert("plug".into(), "3".into());
        assert_eq!(lines(&fixed, "fence_x", Some("plug"), Some("n1"), Some("7"))["plug"], "3");
        let mut dynamic = p.clone();
        dynamic.insert("plug".into(), "Dynamic".into());
        assert_eq!(lines(&dynamic, "fence_x", Some("plug"), Some("n1"), Some("7"))["plug"], "7");
        let mut none = p.clone();
        none.insert("pcmk_host_argument".into(), "none".into());
        assert!(!lines(&none, "fence_x", Some("plug"), Some("n1"), Some("7")).contains_key("plug"));
        assert!(!lines(&p, "fence_legacy", Some("plug"), Some("n1"), Some("7")).contains_key("plug"));
    }
}
