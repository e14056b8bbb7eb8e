//! What may come next in a line [SH-16.8].

use cib_core::crmsh::{Agents, Configuration, Keyword};

use super::agents::{SystemAgents, executables, of_provider, providers};
use super::levels::{Child, level};

/// An object of the configuration, as far as completion goes.
#[derive(Clone, Debug)]
struct Known {
    id: String,
    keyword: Keyword,
    /// Whether it is a member of a container.
    inside: bool,
}

/// What completion looks at: a copy, made before each line is read.
#[derive(Clone, Default)]
pub(super) struct Completion {
    /// Levels that are open.
    levels: Vec<&'static str>,
    objects: Vec<Known>,
    nodes: Vec<String>,
    /// Ids of resources that run by their history.
    running: Vec<String>,
    agents: Option<&'static SystemAgents>,
}

const SETS: [&str; 5] = ["params", "meta", "utilization", "operations", "op"];
const CLASSES: [&str; 5] = ["ocf:", "lsb:", "service:", "stonith:", "systemd:"];
/// Options that other programs write.
const NOT_OFFERED: [&str; 5] = [
    "dc-version",
    "cluster-infrastructure",
    "crmd-integration-timeout",
    "crmd-finalization-timeout",
    "expected-quorum-votes",
];

impl Completion {
    pub(super) fn new(
        levels: &[&'static str],
        copy: &Configuration<'_>,
        running: Vec<String>,
        agents: &'static SystemAgents,
    ) -> Completion {
        let known = |object| Known {
            id: copy.object_id(object).to_owned(),
            keyword: object.keyword,
            inside: copy.container(object).is_some(),
        };
        Completion {
            levels: levels.to_vec(),
            objects: copy.objects().into_iter().map(known).collect(),
            nodes: copy.node_names(),
            running,
            agents: Some(agents),
        }
    }

    /// Where the word begins that `line` ends with, and what it may become.
    pub(super) fn complete(&self, line: &str) -> (usize, Vec<String>) {
        let start = line.rfind([' ', '\t']).map_or(0, |at| at + 1);
        let begun = &line[start..];
        let words: Vec<&str> = line[..start].split_whitespace().collect();
        let mut found = self.candidates(&words, begun);
        found.retain(|word| word.starts_with(begun));
        found.sort_unstable();
        found.dedup();
        (start, found)
    }

    fn candidates(&self, words: &[&str], begun: &str) -> Vec<String> {
        let mut place = self.levels.last().copied().unwrap_or_default();
        for (at, word) in words.iter().enumerate() {
            match level(place).find(word) {
                Some(Child::Level(name)) => place = name,
                Some(Child::Command { command, .. }) => {
                    return self.arguments(place, command.name, &words[at + 1..], begun);
                }
                None => return Vec::new(),
            }
        }
        names(place)
    }

    fn arguments(&self, place: &str, command: &str, given: &[&str], begun: &str) -> Vec<String> {
        match (place, command) {
            (_, "help") => names(place),
            (_, "cd") => texts(level(place).levels).into_iter().chain(["..".to_owned()]).collect(),
            ("configure", "show") => {
                let more = ["xml", "changed", "type:", "tag:", "related:"];
                self.ids(|_| true).into_iter().chain(texts(&more)).collect()
            }
            ("configure", "edit" | "save" | "filter" | "delete" | "rename") => self.ids(|_| true),
            ("configure", "primitive" | "rsc_template") => self.primitive(given, begun),
            ("configure", "group") if !given.is_empty() => {
                let mut words = self.ids(|known| known.keyword == Keyword::Primitive && !known.inside);
                words.extend(texts(&["meta", "params"]));
                words
            }
            ("configure", "clone" | "ms") if given.len() == 1 => {
                self.ids(|known| matches!(known.keyword, Keyword::Primitive | Keyword::Group) && !known.inside)
            }
            ("configure", "clone" | "ms") if given.len() > 1 => texts(&["meta", "params"]),
            ("configure", "location") if given.len() == 1 => {
                self.ids(|known| known.keyword.is_resource() && !known.inside)
            }
            ("configure", "location") if given.len() == 3 => self.nodes.clone(),
            ("configure", "order") if given.len() == 1 => texts(&["Mandatory:", "Optional:", "Serialize:"]),
            ("configure", "colocation" | "order" | "rsc_ticket") if given.len() > 1 => self.resources(),
            ("configure", "modgroup") if given.is_empty() => self.ids(|known| known.keyword == Keyword::Group),
            ("configure", "modgroup") if given.len() == 1 => texts(&["add", "remove"]),
            ("configure", "modgroup") => self.ids(|known| known.keyword == Keyword::Primitive),
            ("configure", "property") => {
                let mut words: Vec<String> = Configuration::cluster_options().iter().map(|n| format!("{n}=")).collect();
                words.retain(|word| !NOT_OFFERED.iter().any(|hidden| word.strip_suffix('=') == Some(hidden)));
                words
            }
            ("configure", "load") if given.is_empty() => texts(&["replace", "update", "push", "xml"]),
            ("configure", "monitor" | "default-timeouts" | "validate-all") => {
                self.ids(|known| known.keyword == Keyword::Primitive)
            }
            ("configure", "commit") => texts(&["force", "replace"]),
            ("resource", "start") => self.resources_that(|known| !self.running.contains(&known.id)),
            ("resource", "stop") => self.resources_that(|known| self.running.contains(&known.id)),
            ("resource", "move" | "ban") if given.len() == 1 => self.nodes.clone(),
            ("resource", "param" | "meta" | "utilization" | "failcount") if given.len() == 1 => {
                texts(&["set", "delete", "show"])
            }
            ("resource", "failcount" | "cleanup" | "refresh") if !given.is_empty() => self.nodes.clone(),
            ("resource", "status" | "locate" | "restart") => self.resources(),
            ("resource", _) if given.is_empty() => self.resources(),
            ("node", "attribute" | "utilization" | "status-attr") if given.len() == 1 => {
                texts(&["set", "delete", "show"])
            }
            ("node", "standby" | "online") => self.nodes.clone(),
            ("node", _) if given.is_empty() => self.nodes.clone(),
            ("maintenance", _) if given.is_empty() => self.resources(),
            ("ra", "list") if given.is_empty() => {
                CLASSES.iter().map(|class| class.trim_end_matches(':').into()).collect()
            }
            ("ra", "list") if given == ["ocf"] => providers(),
            ("ra", "info" | "validate") if given.is_empty() => self.agent_types(begun),
            _ => Vec::new(),
        }
    }

    fn ids(&self, test: impl Fn(&Known) -> bool) -> Vec<String> {
        self.objects.iter().filter(|known| test(known)).map(|known| known.id.clone()).collect()
    }

    fn resources(&self) -> Vec<String> {
        self.resources_that(|_| true)
    }

    fn resources_that(&self, test: impl Fn(&Known) -> bool) -> Vec<String> {
        self.ids(|known| known.keyword.is_resource() && test(known))
    }

    /// Classes and templates, then providers, then agents.
    fn agent_types(&self, begun: &str) -> Vec<String> {
        let below = |class: &str, names: Vec<String>| names.into_iter().map(|name| format!("{class}:{name}")).collect();
        match begun.split(':').collect::<Vec<_>>()[..] {
            ["ocf", _] => providers().into_iter().map(|provider| format!("ocf:{provider}:")).collect(),
            ["ocf", provider, _] => below(&format!("ocf:{provider}"), of_provider(provider)),
            ["stonith", _] => {
                let mut names = executables(std::path::Path::new("/usr/sbin"));
                names.retain(|name| name.starts_with("fence_"));
                below("stonith", names)
            }
            [class @ ("lsb" | "service"), _] => below(class, executables(std::path::Path::new("/etc/init.d"))),
            [_] => {
                let templates = self.ids(|known| known.keyword == Keyword::Template);
                texts(&CLASSES).into_iter().chain(templates.into_iter().map(|id| format!("@{id}"))).collect()
            }
            _ => Vec::new(),
        }
    }

    fn primitive(&self, given: &[&str], begun: &str) -> Vec<String> {
        let Some((_, rest)) = given.split_first() else { return vec!["id=".to_owned()] };
        let Some((agent, rest)) = rest.split_first() else { return self.agent_types(begun) };
        let Some(at) = rest.iter().rposition(|word| SETS.contains(word)) else { return texts(&SETS) };
        let pairs = &rest[at + 1..];
        let meta_data = || {
            let parts: Vec<&str> = agent.split(':').collect();
            let (class, provider, name) = match parts[..] {
                [class, provider, name] => (class, Some(provider), name),
                [class, name] => (class, None, name),
                _ => ("ocf", Some("heartbeat"), *agent),
            };
            self.agents?.meta_data(class, provider, name)
        };
        let fresh = |name: &str| !pairs.iter().any(|pair| pair.split('=').next() == Some(name));
        let mut words = if pairs.is_empty() { Vec::new() } else { texts(&SETS) };
        match rest[at] {
            "params" => {
                let known = meta_data().map(|agent| agent.parameters).unwrap_or_default();
                words.extend(known.iter().filter(|p| fresh(&p.name)).map(|p| format!("{}=", p.name)));
            }
            "op" => {
                let known = meta_data().map(|agent| agent.actions).unwrap_or_default();
                match pairs.first() {
                    None => words.extend(known.into_iter().map(|action| action.name)),
                    Some(name) => {
                        let action = known.iter().find(|action| action.name == *name);
                        let advised = action.map(|action| action.advised.as_slice()).unwrap_or_default();
                        words.extend(advised.iter().filter(|(n, _)| fresh(n)).map(|(n, v)| format!("{n}={v}")));
                    }
                }
            }
            "meta" => words.extend(
                Configuration::resource_meta_attributes()
                    .iter()
                    .filter(|name| fresh(name))
                    .map(|name| format!("{name}=")),
            ),
            _ => {}
        }
        words
    }
}

/// Names of the commands and levels of a level.
fn names(place: &str) -> Vec<String> {
    let here = level(place);
    here.commands().map(|command| command.name).chain(here.levels.iter().copied()).map(str::to_owned).collect()
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

impl rustyline::completion::Completer for Completion {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &rustyline::Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        Ok(Completion::complete(self, &line[..at]))
    }
}

impl rustyline::hint::Hinter for Completion {
    type Hint = String;
}

impl rustyline::highlight::Highlighter for Completion {}
impl rustyline::validate::Validator for Completion {}
impl rustyline::Helper for Completion {}

#[cfg(test)]
mod tests {
    use super::*;
    use cib_core::xml::Document;

    fn words(levels: &[&'static str], line: &str) -> Vec<String> {
        let text = "<cib validate-with='pacemaker-3.9'><configuration><crm_config/><nodes><node id='1' uname='n1'/></nodes>\
            <resources><primitive id='p1' class='ocf' provider='heartbeat' type='Dummy'/><group id='g1'>\
            <primitive id='p2' class='ocf' provider='heartbeat' type='Dummy'/></group></resources><constraints/>\
            </configuration></cib>";
        let cib = Document::parse(text).expect("XML");
        let copy = Configuration::new(&cib);
        let agents: &'static SystemAgents = Box::leak(Box::default());
        Completion::new(levels, &copy, vec!["p1".to_owned()], agents).complete(line).1
    }

    #[test]
    fn names_of_the_level_come_first() {
        assert_eq!(words(&[], "conf"), ["configure"]);
        assert_eq!(words(&[], "configure prim"), ["primitive"]);
        assert_eq!(words(&["configure"], "co"), ["colocation", "commit"]);
    }

    #[test]
    fn arguments_are_known_by_place() {
        assert_eq!(words(&["resource"], "stop "), ["p1"]);
        assert_eq!(words(&["resource"], "start "), ["g1", "p2"]);
        assert_eq!(words(&["resource"], "move p1 "), ["n1"]);
        assert_eq!(words(&["configure"], "group g2 "), ["meta", "p1", "params"]);
        assert_eq!(words(&["configure"], "clone c1 "), ["g1", "p1"]);
        assert_eq!(words(&["configure"], "location l1 p1 inf: "), ["n1"]);
        assert_eq!(words(&["configure"], "order o1 M"), ["Mandatory:"]);
        assert_eq!(words(&["configure"], "primitive p3 o"), ["ocf:"]);
        assert_eq!(words(&["configure"], "primitive p3 Dummy p"), ["params"]);
        assert_eq!(words(&["configure"], "property no-quorum-p"), ["no-quorum-policy="]);
        assert_eq!(words(&["node"], "standby "), ["n1"]);
        assert!(words(&[], "nonsense ").is_empty());
    }
}
