//! What an agent says about itself [RA-3].

use super::document::{DocumentError, Element};
use super::interval::parse_interval_ms;
use serde::Serialize;

/// An agent's meta-data.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Metadata {
    /// The agent's name.
    pub name: String,
    /// Its own version.
    pub agent_version: Option<String>,
    /// The API it follows (`1.0`, `1.1`); fence agents mostly say nothing.
    pub api_version: Option<String>,
    /// First short description.
    pub shortdesc: String,
    /// First long description.
    pub longdesc: String,
    /// In document order.
    pub parameters: Vec<Parameter>,
    /// In document order; a name may occur several times.
    pub actions: Vec<Action>,
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// Content type: `string`, `boolean`, `integer`, `select`, ...
    #[serde(rename = "type")]
    pub content_type: Option<String>,
    /// `None` = no default is declared, which differs from an empty one.
    pub default: Option<String>,
    /// Must be configured.
    pub required: bool,
    /// Old uniqueness mark; with legacy reload also "a change needs a restart".
    pub unique: bool,
    /// Together with the other parameters of its group unique in the cluster.
    pub unique_group: Option<String>,
    /// A change can be applied by `reload-agent`.
    pub reloadable: bool,
    /// Its value is a secret; `None` = not declared.
    pub private: Option<bool>,
    /// Should not be used any more.
    pub deprecated: bool,
    /// What to use instead.
    pub replaced_with: Vec<String>,
    /// The old name that it replaces (fence agents).
    pub obsoletes: Option<String>,
    /// Values of a `select`.
    pub options: Vec<String>,
    /// First short description.
    pub shortdesc: String,
    /// First long description.
    pub longdesc: String,
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Action {
    /// Its name.
    pub name: String,
    /// All attributes but the name, in document order and as written.
    pub attributes: Vec<(String, String)>,
}

impl Action {
    /// An attribute as written.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// An attribute as milliseconds: numbers without unit are seconds.
    pub fn milliseconds(&self, name: &str) -> Option<u64> {
        self.attribute(name).and_then(parse_interval_ms)
    }

    /// A fence agent's `on` that must run when a node joins.
    pub fn is_automatic(&self) -> bool {
        self.attribute("automatic").is_some_and(is_true) || self.attribute("required").is_some_and(is_true)
    }

    /// A fence agent's action that must run on its target.
    pub fn is_on_target(&self) -> bool {
        self.attribute("on_target").is_some_and(is_true)
    }
}

/// `true on yes y 1` in any case; everything else is false.
pub fn is_true(text: &str) -> bool {
    ["true", "on", "yes", "y", "1"].iter().any(|t| text.eq_ignore_ascii_case(t))
}

impl Metadata {
    /// Reads a meta-data document.
    ///
    /// # Errors
    /// It is no well-formed document with root `resource-agent`. Parameters and actions without name are skipped.
    pub fn parse(text: &str) -> Result<Self, DocumentError> {
        // Some agents print messages before the document.
        let start = text.find('<').ok_or(DocumentError::Empty)?;
        let root = Element::parse(&text[start..])?;
        if root.name != "resource-agent" {
            return Err(DocumentError::NotAnAgent(root.name));
        }
        let children = |group: &str, name: &'static str| {
            let group = root.child(group).into_iter().flat_map(Element::elements);
            group.filter(move |e| e.name == name && e.attribute("name").is_some_and(|n| !n.is_empty())).cloned()
        };
        Ok(Self {
            name: root.attribute("name").unwrap_or_default().to_owned(),
            agent_version: root.attribute("version").map(str::to_owned),
            api_version: root.child("version").map(|e| e.text().trim().to_owned()).filter(|v| !v.is_empty()),
            shortdesc: root.child("shortdesc").map(Element::text).unwrap_or_default(),
            longdesc: root.child("longdesc").map(Element::text).unwrap_or_default(),
            parameters: children("parameters", "parameter").map(|e| parameter(&e)).collect(),
            actions: children("actions", "action").map(|e| action(&e)).collect(),
        })
    }

    /// The parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|p| p.name == name)
    }

    /// The first action of this name.
    pub fn action(&self, name: &str) -> Option<&Action> {
        self.actions.iter().find(|a| a.name == name)
    }

    /// Is an action of exactly this name listed?
    pub fn has_action(&self, name: &str) -> bool {
        self.action(name).is_some()
    }

    /// Both `promote` and `demote` are listed.
    pub fn is_promotable(&self) -> bool {
        self.has_action("promote") && self.has_action("demote")
    }

    /// Both `migrate_to` and `migrate_from` are listed.
    pub fn is_migratable(&self) -> bool {
        self.has_action("migrate_to") && self.has_action("migrate_from")
    }

    /// API 1.1 with `reload-agent`: reloadable parameters can be changed without a restart [RA-3.2].
    pub fn supports_reload_agent(&self) -> bool {
        self.is_api_1_1() && self.has_action("reload-agent")
    }

    /// An older API with `reload`.
    pub fn supports_legacy_reload(&self) -> bool {
        !self.is_api_1_1() && self.actions.iter().any(|a| a.name.eq_ignore_ascii_case("reload"))
    }

    fn is_api_1_1(&self) -> bool {
        let mut parts = self.api_version.as_deref().unwrap_or("0").split('.').map(|p| p.parse().unwrap_or(0_u32));
        (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= (1, 1)
    }

    /// The parameters whose change needs a restart, in document order; `None` if the agent cannot reload at all.
    pub fn restart_parameters(&self) -> Option<Vec<&str>> {
        let names = |needs: &dyn Fn(&Parameter) -> bool| {
            Some(self.parameters.iter().filter(|p| needs(p)).map(|p| p.name.as_str()).collect())
        };
        if self.supports_reload_agent() {
            names(&|p| !p.reloadable)
        } else if self.supports_legacy_reload() {
            names(&|p| p.unique)
        } else {
            None
        }
    }

    /// The parameters whose values are secrets, in document order: those marked; if none is, `password`, `passwd` and `user`.
    pub fn private_parameters(&self) -> Vec<&str> {
        let marked: Vec<&str> =
            self.parameters.iter().filter(|p| p.private == Some(true)).map(|p| p.name.as_str()).collect();
        if !marked.is_empty() {
            return marked;
        }
        let known = |p: &&Parameter| matches!(p.name.as_str(), "password" | "passwd" | "user");
        self.parameters.iter().filter(known).map(|p| p.name.as_str()).collect()
    }
}

fn parameter(e: &Element) -> Parameter {
    let flag = |name: &str| e.attribute(name).is_some_and(is_true);
    let text = |name: &str| e.child(name).map(Element::text).unwrap_or_default();
    let content = e.child("content");
    let deprecated = e.child("deprecated");
    let named = |parent: Option<&Element>, child: &str, attribute: &str| {
        let elements = parent.into_iter().flat_map(Element::elements).filter(|c| c.name == child);
        elements.filter_map(|c| c.attribute(attribute).map(str::to_owned)).collect::<Vec<_>>()
    };
    Parameter {
        name: e.attribute("name").unwrap_or_default().to_owned(),
        content_type: content.and_then(|c| c.attribute("type")).map(str::to_owned),
        default: content.and_then(|c| c.attribute("default")).map(str::to_owned),
        required: flag("required"),
        unique: flag("unique"),
        unique_group: e.attribute("unique-group").map(str::to_owned),
        reloadable: flag("reloadable"),
        private: e.attribute("private").map(is_true),
        deprecated: deprecated.is_some() || flag("deprecated"),
        replaced_with: named(deprecated, "replaced-with", "name"),
        obsoletes: e.attribute("obsoletes").map(str::to_owned),
        options: named(content, "option", "value"),
        shortdesc: text("shortdesc"),
        longdesc: text("longdesc"),
    }
}

fn action(e: &Element) -> Action {
    let attributes = e.attributes.iter().filter(|(n, _)| n != "name").cloned().collect();
    Action { name: e.attribute("name").unwrap_or_default().to_owned(), attributes }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AGENT: &str = r#"noise before
<resource-agent name="Thing" version="2"><version>1.1</version>
<parameters>
 <parameter name="a" required="1" unique-group="g"><content type="select" default="x"><option value="x"/><option value="y"/></content></parameter>
 <parameter name="b" reloadable="yes"><deprecated><replaced-with name="a"/></deprecated><content type="string" default=""/></parameter>
 <parameter><content type="string"/></parameter>
 <parameter name="passwd"><content type="string"/></parameter>
</parameters>
<actions><action name="start" timeout="20"/><action name="reload-agent" timeout="500ms"/><action name="on" automatic="1" on_target="0"/></actions>
</resource-agent>"#;

    #[test]
    fn types_and_flags() {
        let m = Metadata::parse(AGENT).unwrap();
        assert_eq!(m.parameters.len(), 3, "the one without name is skipped");
        assert_eq!(m.parameter("a").unwrap().options, ["x", "y"]);
        assert_eq!(m.parameter("b").unwrap().replaced_with, ["a"]);
        assert_eq!(m.parameter("b").unwrap().default.as_deref(), Some(""));
        assert_eq!(m.parameter("passwd").unwrap().default, None);
        assert_eq!(m.restart_parameters(), Some(vec!["a", "passwd"]));
        assert_eq!(m.private_parameters(), ["passwd"]);
        assert_eq!(m.action("start").unwrap().milliseconds("timeout"), Some(20_000));
        assert_eq!(m.action("reload-agent").unwrap().milliseconds("timeout"), Some(500));
        assert!(m.action("on").unwrap().is_automatic() && !m.action("on").unwrap().is_on_target());
    }

    #[test]
    fn an_old_api_makes_reload_agent_useless() {
        let m = Metadata::parse(&AGENT.replace("1.1", "1.0")).unwrap();
        assert!(!m.supports_reload_agent() && !m.supports_legacy_reload());
        assert_eq!(m.restart_parameters(), None);
    }

    #[test]
    fn another_root_is_refused() {
        assert_eq!(Metadata::parse("<x/>"), Err(DocumentError::NotAnAgent("x".into())));
        assert_eq!(Metadata::parse("no markup"), Err(DocumentError::Empty));
    }
}
