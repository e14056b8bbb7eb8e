//! How an agent is called: arguments, environment, standard input.

use super::{Call, Standard};
use std::collections::BTreeMap;

/// What a started agent gets besides its file: no shell is ever involved.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Invocation {
    /// Arguments after the program's own path.
    pub arguments: Vec<String>,
    /// Variables that are set; everything else is the driver's choice.
    pub environment: BTreeMap<String, String>,
    /// Text for standard input; `None` = nothing to read.
    pub stdin: Option<String>,
}

/// The invocation of `call` with the OCF root at `ocf_root` [RA-2.2], [RA-2.3], [RA-4.1], [RA-6.2].
///
/// ```
/// use agents::standard::{AgentName, Call, RunId, invocation::invocation};
/// let call = Call {
///     run: RunId(1), resource: "t1".into(), agent: AgentName::ocf("P", "A"), action: "start".into(), interval_ms: 0, timeout_ms: 5000,
///     parameters: [("mode".to_owned(), "x".to_owned())].into_iter().collect::<std::collections::BTreeMap<_, _>>().into(),
/// };
/// let it = invocation(&call, "/usr/lib/ocf");
/// assert_eq!(it.arguments, ["start"]);
/// assert_eq!(it.environment["OCF_RESKEY_mode"], "x");
/// ```
pub fn invocation(call: &Call, ocf_root: &str) -> Invocation {
    match call.agent.standard {
        Standard::Ocf => Invocation {
            arguments: vec![call.action.clone()],
            environment: ocf_environment(call, ocf_root),
            stdin: None,
        },
        Standard::Stonith => {
            Invocation { arguments: Vec::new(), environment: BTreeMap::new(), stdin: Some(fence_lines(call)) }
        }
        Standard::Alert => Invocation { arguments: Vec::new(), environment: (*call.parameters).clone(), stdin: None },
        _ => {
            let action = if call.action == "monitor" { "status" } else { &call.action };
            Invocation { arguments: vec![action.to_owned()], ..Invocation::default() }
        }
    }
}

fn ocf_environment(call: &Call, ocf_root: &str) -> BTreeMap<String, String> {
    let mut environment = BTreeMap::new();
    for (name, value) in call.parameters.iter() {
        let name = if name == "OCF_CHECK_LEVEL" { name.clone() } else { format!("OCF_RESKEY_{name}") };
        environment.insert(name, value.clone());
    }
    let provider = call.agent.provider.as_deref().unwrap_or_default();
    for (name, value) in [
        ("OCF_RA_VERSION_MAJOR", "1"),
        ("OCF_RA_VERSION_MINOR", "1"),
        ("OCF_ROOT", ocf_root),
        ("OCF_EXIT_REASON_PREFIX", super::outcome::EXIT_REASON_PREFIX),
        ("OCF_RESOURCE_INSTANCE", &call.resource),
        ("OCF_RESOURCE_TYPE", &call.agent.type_name),
        ("OCF_RESOURCE_PROVIDER", provider),
    ] {
        environment.insert(name.to_owned(), value.to_owned());
    }
    environment
}

/// One `name=value` per line, `action` first; a line break inside a value would start a new line, so it becomes a blank.
fn fence_lines(call: &Call) -> String {
    let mut text = format!("action={}\n", one_line(&call.action));
    for (name, value) in call.parameters.iter().filter(|(name, _)| *name != "action") {
        text.push_str(&one_line(name));
        text.push('=');
        text.push_str(&one_line(value));
        text.push('\n');
    }
    text
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::{AgentName, RunId};

    fn call(agent: AgentName, action: &str, parameters: &[(&str, &str)]) -> Call {
        let parameters = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect::<BTreeMap<_, _>>();
        Call {
            run: RunId(1),
            resource: "t1".to_owned(),
            agent,
            action: action.to_owned(),
            interval_ms: 0,
            timeout_ms: 5000,
            parameters: parameters.into(),
        }
    }

    #[test]
    fn the_environment_of_an_ocf_agent_is_exactly_this() {
        let parameters =
            [("mode", "x"), ("CRM_meta_timeout", "5000"), ("crm_feature_set", "3.20.0"), ("OCF_CHECK_LEVEL", "10")];
        let it = invocation(&call(AgentName::ocf("P", "A"), "start", &parameters), "/usr/lib/ocf");
        let lines: Vec<String> = it.environment.iter().map(|(n, v)| format!("{n}={v}")).collect();
        assert_eq!(
            lines,
            [
                "OCF_CHECK_LEVEL=10",
                "OCF_EXIT_REASON_PREFIX=ocf-exit-reason:",
                "OCF_RA_VERSION_MAJOR=1",
                "OCF_RA_VERSION_MINOR=1",
                "OCF_RESKEY_CRM_meta_timeout=5000",
                "OCF_RESKEY_crm_feature_set=3.20.0",
                "OCF_RESKEY_mode=x",
                "OCF_RESOURCE_INSTANCE=t1",
                "OCF_RESOURCE_PROVIDER=P",
                "OCF_RESOURCE_TYPE=A",
                "OCF_ROOT=/usr/lib/ocf",
            ]
        );
    }

    #[test]
    fn init_scripts_see_no_parameters_and_are_asked_for_status() {
        let it = invocation(&call(AgentName::plain(Standard::Lsb, "s"), "monitor", &[("a", "b")]), "/usr/lib/ocf");
        assert_eq!(it, Invocation { arguments: vec!["status".into()], ..Invocation::default() });
    }

    #[test]
    fn a_value_cannot_smuggle_a_line_into_a_fence_agent() {
        let it = invocation(&call(AgentName::plain(Standard::Stonith, "f"), "off", &[("plug", "1\naction=on")]), "");
        assert_eq!(it.stdin.as_deref(), Some("action=off\nplug=1 action=on\n"));
    }
}
