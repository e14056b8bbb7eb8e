//! Checking a configured resource against its agent's meta-data [RA-3.5].

use super::metadata::{Action, Metadata};
use super::{AgentName, Parameters, Standard, parse_interval_ms, readable_interval};
use std::collections::BTreeSet;

/// How grave a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Worth a look.
    Warning,
    /// Will not work.
    Error,
}

/// Something that does not fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How grave.
    pub severity: Severity,
    /// What does not fit, beginning with the resource id.
    pub text: String,
}

/// A configured operation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ConfiguredOperation {
    /// Its action.
    pub name: String,
    /// As written.
    pub interval: Option<String>,
    /// As written.
    pub timeout: Option<String>,
    /// As written.
    pub role: Option<String>,
    /// Its check level.
    pub depth: Option<String>,
}

/// Checks parameters: unknown ones, and required ones that are missing. Names that begin with `$` are not the agent's.
pub fn check_parameters(id: &str, agent: &AgentName, metadata: &Metadata, given: &Parameters) -> Vec<Finding> {
    let error = |text: String| Finding { severity: Severity::Error, text: format!("{id}: {text}") };
    let fence = agent.standard == Standard::Stonith;
    let own = if fence { super::info::fencer_parameters() } else { Vec::new() };
    let extra = ["provides", "priority", "stonith-timeout"];
    let known = |name: &str| {
        metadata.parameter(name).is_some() || own.iter().any(|p| p.name == name) || fence && extra.contains(&name)
    };
    let mut findings = Vec::new();
    let exempt = |name: &str| fence && agent.type_name.starts_with("fence_") && matches!(name, "action" | "port");
    for parameter in metadata.parameters.iter().filter(|p| p.required && !p.deprecated && p.obsoletes.is_none()) {
        let name = parameter.name.as_str();
        let there = given.contains_key(name) || given.contains_key(&name.replace('_', "-"));
        if !there && !exempt(name) {
            findings.push(error(format!("required parameter \"{name}\" not defined")));
        }
    }
    for name in given.keys().filter(|name| !name.starts_with('$')) {
        // A name that only differs in its dashes is corrected silently.
        if !known(name) && !known(&name.replace('-', "_")) {
            findings.push(error(format!("parameter \"{name}\" is not known")));
        }
    }
    findings
}

/// Checks operations: unknown actions, timeouts below the advised, intervals.
///
/// The findings come as the released `crm` prints them (seen with 4.4.1): the intervals of all monitors, their timeouts, then every other operation in
/// order, its interval before its timeout. `start` and `stop` of fence devices are no agent's, and never checked.
pub fn check_operations(
    id: &str,
    agent: &AgentName,
    metadata: &Metadata,
    operations: &[ConfiguredOperation],
    default_timeout: &str,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut warn = |text: String| findings.push(Finding { severity: Severity::Warning, text: format!("{id}: {text}") });
    let of_cluster = |name: &str| agent.standard == Standard::Stonith && matches!(name, "start" | "stop");
    let (monitors, others): (Vec<_>, Vec<_>) =
        operations.iter().filter(|o| !of_cluster(&o.name)).partition(|o| o.name == "monitor");
    check_monitor_intervals(&monitors, metadata, &mut warn);
    for operation in monitors.into_iter().chain(others) {
        let name = operation.name.as_str();
        let Some(advised) = advised(metadata, operation) else {
            warn(format!("action '{name}' not found in Resource Agent meta-data"));
            continue;
        };
        let interval = operation.interval.as_deref().unwrap_or("0");
        let once = matches!(name, "start" | "stop" | "promote" | "demote");
        if once && parse_interval_ms(interval).is_some_and(|ms| ms != 0) {
            warn(format!("Specified interval for {name} is {interval}, it must be 0"));
        }
        check_timeout(operation, advised, default_timeout, &mut warn);
    }
    for name in ["start", "stop"] {
        if !operations.iter().any(|o| o.name == name) && !of_cluster(name) {
            let operation = ConfiguredOperation { name: name.to_owned(), ..ConfiguredOperation::default() };
            if let Some(action) = metadata.action(name) {
                check_timeout(&operation, action, default_timeout, &mut warn);
            }
        }
    }
    findings
}

fn check_monitor_intervals(monitors: &[&ConfiguredOperation], metadata: &Metadata, warn: &mut impl FnMut(String)) {
    let mut intervals = BTreeSet::new();
    for operation in monitors {
        let ms = operation.interval.as_deref().and_then(parse_interval_ms).unwrap_or(0);
        let better = advised(metadata, operation).and_then(|a| a.attribute("interval")).unwrap_or("0");
        if ms == 0 {
            warn(format!("interval in monitor should be larger than 0, advised is {better}"));
        } else if !intervals.insert(ms) {
            warn(format!("interval in monitor must be unique, advised is {better}"));
        }
    }
}

fn check_timeout(operation: &ConfiguredOperation, advised: &Action, default: &str, warn: &mut impl FnMut(String)) {
    let Some(least) = advised.milliseconds("timeout") else { return };
    let (kind, text) = match operation.timeout.as_deref() {
        Some(text) => ("specified", text),
        None => ("default", default),
    };
    if parse_interval_ms(text).is_some_and(|ms| ms < least) {
        let advised = advised.attribute("timeout").map_or_else(|| readable_interval(least), str::to_owned);
        warn(format!("{kind} timeout {text} for {} is smaller than the advised {advised}", operation.name));
    }
}

/// The action that advises for an operation: of the same role, else of the same depth, else the first.
fn advised<'a>(metadata: &'a Metadata, operation: &ConfiguredOperation) -> Option<&'a Action> {
    let mut named = metadata.actions.iter().filter(|a| a.name == operation.name);
    let same = |name: &str, value: &Option<String>| {
        let value = value.as_deref()?;
        metadata.actions.iter().filter(|a| a.name == operation.name).find(|a| a.attribute(name) == Some(value))
    };
    same("role", &operation.role).or_else(|| same("depth", &operation.depth)).or_else(|| named.next())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metadata() -> Metadata {
        Metadata::parse(
            "<resource-agent name='T'><parameters><parameter name='ip_addr' required='1'/><parameter name='port'/></parameters>\
             <actions><action name='start' timeout='20s'/><action name='monitor' timeout='20s' interval='10s'/></actions></resource-agent>",
        )
        .unwrap()
    }

    fn texts(findings: &[Finding]) -> Vec<&str> {
        findings.iter().map(|f| f.text.as_str()).collect()
    }

    #[test]
    fn parameters() {
        let agent = AgentName::ocf("own", "T");
        let given = |names: &[&str]| names.iter().map(|n| ((*n).to_owned(), String::new())).collect::<Parameters>();
        assert_eq!(
            texts(&check_parameters("r", &agent, &metadata(), &given(&["nope", "$id"]))),
            ["r: required parameter \"ip_addr\" not defined", "r: parameter \"nope\" is not known"]
        );
        assert!(check_parameters("r", &agent, &metadata(), &given(&["ip-addr"])).is_empty());
        let fence = AgentName::plain(Standard::Stonith, "fence_t");
        assert!(check_parameters("r", &fence, &metadata(), &given(&["ip_addr", "pcmk_host_list"])).is_empty());
    }

    #[test]
    fn operations() {
        let agent = AgentName::ocf("own", "T");
        let op = |name: &str, interval: &str, timeout: Option<&str>| ConfiguredOperation {
            name: name.to_owned(),
            interval: Some(interval.to_owned()),
            timeout: timeout.map(str::to_owned),
            ..ConfiguredOperation::default()
        };
        let given = [
            op("start", "5s", Some("3")),
            op("frob", "0", None),
            op("monitor", "10s", Some("5s")),
            op("monitor", "10000ms", Some("4s")),
            op("monitor", "0", None),
        ];
        let expected = [
            "r: interval in monitor must be unique, advised is 10s",
            "r: interval in monitor should be larger than 0, advised is 10s",
            "r: specified timeout 5s for monitor is smaller than the advised 20s",
            "r: specified timeout 4s for monitor is smaller than the advised 20s",
            "r: Specified interval for start is 5s, it must be 0",
            "r: specified timeout 3 for start is smaller than the advised 20s",
            "r: action 'frob' not found in Resource Agent meta-data",
        ];
        assert_eq!(texts(&check_operations("r", &agent, &metadata(), &given, "20s")), expected);
        let expected = ["r: default timeout 10s for start is smaller than the advised 20s"];
        assert_eq!(texts(&check_operations("r", &agent, &metadata(), &[], "10s")), expected);
        let fence = AgentName::plain(Standard::Stonith, "fence_t");
        assert!(check_operations("f", &fence, &metadata(), &given[..1], "10s").is_empty());
    }
}
