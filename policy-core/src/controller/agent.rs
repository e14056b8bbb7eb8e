//! What a controller must know of an agent's meta-data: how it reloads, and which parameters are secret ([CT-6.6a]).

use super::FeatureSet;
use crate::graph::Primitive;
use std::collections::BTreeMap;

/// The agent of a resource: class, provider, type.
pub type AgentKey = (String, String, String);

/// The part of an agent's meta-data that shows in the history of its operations.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AgentMeta {
    /// How a change of parameters is applied without a restart.
    pub reload: Reload,
    /// Its parameters, in the order of the meta-data.
    pub parameters: Vec<AgentParameter>,
}

/// How an agent applies changed parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Reload {
    /// Only by a restart.
    #[default]
    None,
    /// By the old `reload`: all that are not `unique`.
    Legacy,
    /// By `reload-agent`: those marked `reloadable`.
    Agent,
}

/// One parameter of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct AgentParameter {
    /// Its name.
    pub name: String,
    /// Marked `unique`.
    pub unique: bool,
    /// Marked `reloadable`.
    pub reloadable: bool,
    /// Marked `private`.
    pub private: bool,
}

/// Parameters that are secret where no agent says so.
const SECRET: [&str; 3] = ["password", "passwd", "user"];

impl AgentMeta {
    /// Of an agent with this OCF version, these actions and parameters. `reload-agent` counts from version 1.1 on, `reload` before it.
    pub fn new<'a>(
        ocf_version: Option<&str>,
        actions: impl IntoIterator<Item = &'a str>,
        parameters: Vec<AgentParameter>,
    ) -> Self {
        let version: FeatureSet = ocf_version.unwrap_or("").parse().unwrap_or_default();
        let modern = (version.number(0), version.number(1)) >= (1, 1);
        let wanted = if modern { "reload-agent" } else { "reload" };
        let reloads = actions.into_iter().any(|a| a == wanted);
        let reload = match (reloads, modern) {
            (false, _) => Reload::None,
            (true, false) => Reload::Legacy,
            (true, true) => Reload::Agent,
        };
        AgentMeta { reload, parameters }
    }

    /// Names of the parameters whose change needs a restart; `None` if the agent does not reload at all.
    pub(super) fn restart(&self) -> Option<Vec<&str>> {
        let needs = |p: &&AgentParameter| match self.reload {
            Reload::Agent => !p.reloadable,
            _ => p.unique,
        };
        (self.reload != Reload::None).then(|| self.parameters.iter().filter(needs).map(|p| p.name.as_str()).collect())
    }

    /// Whether the meta-data lists a parameter.
    pub(super) fn lists(&self, name: &str) -> bool {
        self.parameters.iter().any(|p| p.name == name)
    }

    /// Names of the secret parameters.
    pub(super) fn secret(&self) -> Vec<&str> {
        let told = self.parameters.iter().any(|p| p.private);
        let secret = |p: &&AgentParameter| if told { p.private } else { SECRET.contains(&p.name.as_str()) };
        self.parameters.iter().filter(secret).map(|p| p.name.as_str()).collect()
    }
}

/// A list of names as history entries show it: in reverse, with a space before and after each.
pub(super) fn name_list(names: &[&str]) -> String {
    if names.is_empty() {
        return String::new();
    }
    let names: String = names.iter().rev().map(|name| format!(" {name}")).collect();
    format!(" {names}  ")
}

/// The agent of a primitive, if its class has parameters and this task's result depends on them ([CT-6.1] step 4).
pub(super) fn agent_of(primitive: &Primitive, task: &str) -> Option<AgentKey> {
    const TASKS: [&str; 9] =
        ["start", "monitor", "promote", "demote", "reload", "reload-agent", "migrate_to", "migrate_from", "notify"];
    let class = primitive.class.as_deref().unwrap_or("");
    let has_parameters = matches!(class, "ocf" | "stonith");
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    (has_parameters && TASKS.contains(&task))
        .then(|| (class.to_owned(), text(&primitive.provider), text(&primitive.agent)))
}

/// Agents whose meta-data is known; `None`: it was asked for in vain.
pub(super) type Known = BTreeMap<AgentKey, Option<std::sync::Arc<AgentMeta>>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn parameter(name: &str, unique: bool, reloadable: bool, private: bool) -> AgentParameter {
        AgentParameter { name: name.into(), unique, reloadable, private }
    }

    #[test]
    fn reload_depends_on_the_version_of_the_standard() {
        let parameters = || vec![parameter("state", true, false, false), parameter("fake", false, true, false)];
        let meta = |version, actions: &[&'static str]| AgentMeta::new(version, actions.iter().copied(), parameters());
        assert_eq!(meta(Some("1.1"), &["reload-agent"]).reload, Reload::Agent);
        assert_eq!(meta(Some("1.1"), &["reload"]).reload, Reload::None);
        assert_eq!(meta(None, &["reload"]).reload, Reload::Legacy);
        assert_eq!(meta(Some("1.0"), &["reload-agent"]).reload, Reload::None);
        assert_eq!(meta(None, &["reload"]).restart(), Some(vec!["state"]));
    }

    #[test]
    fn secrets_are_marked_or_known_by_name() {
        let passwd = AgentMeta { parameters: vec![parameter("passwd", false, false, false)], ..AgentMeta::default() };
        assert_eq!(passwd.secret(), ["passwd"]);
        let marked = vec![parameter("passwd", false, false, false), parameter("token", false, false, true)];
        assert_eq!(AgentMeta { parameters: marked, ..AgentMeta::default() }.secret(), ["token"]);
    }

    #[test]
    fn lists_are_reversed_and_padded() {
        assert_eq!(name_list(&["state", "passwd"]), "  passwd state  ");
        assert_eq!(name_list(&["passwd"]), "  passwd  ");
        assert_eq!(name_list(&[]), "");
    }
}
