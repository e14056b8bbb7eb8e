//! Location constraints as they are written [PL-6.3] to [PL-6.6], [IN-15.2].

use cib_core::rules::{Context, Evaluation, Rules};
use regex::bytes::{Regex, RegexBuilder};

use super::locations::store;
use crate::config::{self, reference};
use crate::model::{Element, Level, Location, Model, NodeIx, ProbeMode, ResourceIx, Role, Score};

/// What the groups `%0` to `%9` of a resource pattern matched.
type Groups = Vec<Option<String>>;

/// Stores an `rsc_location` whose templates and tags are already expanded [PL-6].
pub fn unpack_location(m: &mut Model, constraint: Element) {
    let sets = reference::sets(m, constraint);
    if !sets.is_empty() {
        for set in sets {
            if m.config.id(set).is_none() {
                return;
            }
            for id in reference::names(m, set) {
                let Some(resource) = reference::resource(m, &id) else {
                    unknown(m, constraint, &id);
                    return;
                };
                for_resource(m, constraint, Some(set), resource, &[]);
            }
        }
    } else if let Some(id) = m.config.attr(constraint, "rsc").map(str::to_owned) {
        match reference::resource(m, &id) {
            Some(resource) => for_resource(m, constraint, None, resource, &[]),
            None => unknown(m, constraint, &id),
        }
    } else if let Some(pattern) = m.config.attr(constraint, "rsc-pattern").map(str::to_owned) {
        for (resource, groups) in matching(m, constraint, &pattern) {
            for_resource(m, constraint, None, resource, &groups);
        }
    }
}

fn id_of(m: &Model, element: Element) -> &str {
    m.config.id(element).unwrap_or_default()
}

fn unknown(m: &mut Model, constraint: Element, reference: &str) {
    let message =
        format!("Ignoring constraint '{}' because resource '{reference}' does not exist", id_of(m, constraint));
    m.config_error(message);
}

/// The top-level resources whose ID matches, with what the groups matched [PL-6.3].
fn matching(m: &mut Model, constraint: Element, pattern: &str) -> Vec<(ResourceIx, Groups)> {
    let (inverted, expression) = match pattern.strip_prefix('!') {
        Some(rest) => (true, rest),
        None => (false, pattern),
    };
    let Ok(regex) = RegexBuilder::new(expression).unicode(false).size_limit(1 << 20).build() else {
        let message =
            format!("Ignoring constraint '{}' because rsc-pattern has invalid value '{pattern}'", id_of(m, constraint));
        m.config_error(message);
        return Vec::new();
    };
    m.top.iter().filter_map(|&r| Some((r, groups(&regex, m.id(r), inverted)?))).collect()
}

fn groups(regex: &Regex, id: &str, inverted: bool) -> Option<Groups> {
    if inverted {
        return (!regex.is_match(id.as_bytes())).then(Vec::new);
    }
    let found = regex.captures(id.as_bytes())?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Some(found.iter().map(|group| group.map(|group| text(group.as_bytes()))).collect())
}

fn for_resource(
    m: &mut Model,
    constraint: Element,
    set: Option<Element>,
    resource: ResourceIx,
    groups: &[Option<String>],
) {
    let of_set = |m: &Model, name: &str| set.and_then(|set| m.config.attr(set, name)).map(str::to_owned);
    let own = |m: &Model, name: &str| m.config.attr(constraint, name).map(str::to_owned);
    let score = of_set(m, "score").or_else(|| own(m, "score"));
    let role = of_set(m, "role").or_else(|| own(m, "role"));
    let probe = probe_mode(m, constraint);
    let id = m.config.id(constraint).unwrap_or_default().to_owned();
    let id = m.symbols.intern(&id);
    let (nodes, role) = match (own(m, "node"), score) {
        (Some(node), Some(score)) => {
            let Some(node) = m.node(&node) else { return };
            let Some(score) = m.parse_score(&score) else {
                invalid(m, constraint, "score", &score);
                return;
            };
            let Some(role) = role_filter(m, constraint, role.as_deref()) else { return };
            (vec![(node, score)], role)
        }
        _ => {
            let Some(rule) = m.config.child(constraint, "rule") else { return };
            let Some(role) = rule_role(m, constraint, rule) else { return };
            let Some(nodes) = rule_nodes(m, constraint, rule, resource, groups) else { return };
            (nodes, role)
        }
    };
    store(m, Location { id, resource, role, probe, nodes });
}

fn invalid(m: &mut Model, constraint: Element, what: &str, value: &str) {
    let message = format!("Ignoring constraint '{}' because '{value}' is not a valid {what}", id_of(m, constraint));
    m.config_error(message);
}

/// `resource-discovery` [PL-6.5].
fn probe_mode(m: &mut Model, constraint: Element) -> ProbeMode {
    let Some(text) = m.config.attr(constraint, "resource-discovery") else { return ProbeMode::Always };
    if text.eq_ignore_ascii_case("never") {
        ProbeMode::Never
    } else if text.eq_ignore_ascii_case("exclusive") {
        ProbeMode::Exclusive
    } else {
        if !text.eq_ignore_ascii_case("always") {
            let message = format!("Invalid resource-discovery value '{text}' in location constraint");
            m.config_error(message);
        }
        ProbeMode::Always
    }
}

/// The role filter; started and unpromoted are every role [PL-6.5]. `None` for an invalid role.
#[allow(clippy::option_option)]
fn role_filter(m: &mut Model, constraint: Element, role: Option<&str>) -> Option<Option<Role>> {
    let Some(text) = role else { return Some(None) };
    match Role::parse(text) {
        Some(role @ (Role::Stopped | Role::Promoted)) => Some(Some(role)),
        Some(Role::Started | Role::Unpromoted) => Some(None),
        Some(Role::Unknown) | None => {
            let message = format!("Ignoring constraint {}: Invalid role '{text}'", id_of(m, constraint));
            m.config_error(message);
            None
        }
    }
}

#[allow(clippy::option_option)]
fn rule_role(m: &mut Model, constraint: Element, rule: Element) -> Option<Option<Role>> {
    let role = m.config.attr(rule, "role").map(str::to_owned);
    role_filter(m, constraint, role.as_deref())
}

/// Where a rule's score comes from.
enum RuleScore {
    Fixed(Score),
    Attribute(String),
}

/// The nodes for which the rule passes, with their scores [PL-6.4]. `None` if the rule cannot be used.
fn rule_nodes(
    m: &mut Model,
    constraint: Element,
    rule: Element,
    resource: ResourceIx,
    groups: &[Option<String>],
) -> Option<Vec<(NodeIx, Score)>> {
    m.config.id(rule)?;
    let combination = m.config.attr(rule, "boolean-op").unwrap_or("and");
    if !combination.eq_ignore_ascii_case("and") && !combination.eq_ignore_ascii_case("or") {
        return None;
    }
    let score = rule_score(m, constraint, rule, groups)?;
    let wants_parameters = m.config.descendants(rule).any(|e| m.config.attr(e, "value-source") == Some("param"));
    let mut evaluation = Evaluation::default();
    let mut nodes = Vec::new();
    for node in m.nodes_in_order() {
        let parameters = wants_parameters.then(|| config::parameters(m, resource, Some(node)));
        let matches: Vec<Option<&str>> = groups.iter().map(Option::as_deref).collect();
        let passes = {
            let attributes = m.values(&m[node].attributes);
            let meta = m.values(&m[resource].meta);
            let parameters = parameters.as_deref().map(|map| m.values(map));
            let mut context =
                Context { meta: Some(&meta), matches: &matches, ..m.rule_context() }.with_node(&attributes);
            if let Some(parameters) = &parameters {
                context.parameters = Some(parameters);
            }
            Rules::new(&m.config).evaluate(rule, &context, &mut evaluation)
        };
        if passes && let Some(score) = node_score(m, resource, node, &score) {
            nodes.push((node, score));
        }
    }
    m.note(evaluation);
    Some(nodes)
}

fn rule_score(m: &mut Model, constraint: Element, rule: Element, groups: &[Option<String>]) -> Option<RuleScore> {
    if let Some(attribute) = m.config.attr(rule, "score-attribute") {
        return Some(RuleScore::Attribute(with_groups(attribute, groups)));
    }
    let text = m.config.attr(rule, "score").map(str::to_owned);
    match text.as_deref().map(|text| (text, m.parse_score(text))) {
        Some((_, Some(score))) => Some(RuleScore::Fixed(score)),
        Some((text, None)) => {
            invalid(m, constraint, "score", text);
            None
        }
        None => {
            let message = format!(
                "Ignoring constraint '{}' because its rule has neither score nor score-attribute",
                id_of(m, constraint)
            );
            m.config_error(message);
            None
        }
    }
}

/// Replaces `%0` to `%9` by what the pattern's groups matched; without a pattern they stay [PL-6.4].
fn with_groups(text: &str, groups: &[Option<String>]) -> String {
    if groups.is_empty() {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match rest.peek().and_then(|digit| digit.to_digit(10)) {
            Some(number) if c == '%' => {
                rest.next();
                out.push_str(groups.get(number as usize).and_then(Option::as_deref).unwrap_or_default());
            }
            _ => out.push(c),
        }
    }
    out
}

fn node_score(m: &mut Model, resource: ResourceIx, node: NodeIx, score: &RuleScore) -> Option<Score> {
    let attribute = match score {
        RuleScore::Fixed(score) => return Some(*score),
        RuleScore::Attribute(attribute) => attribute,
    };
    let from = m.attribute_node(resource, node, false)?;
    let text = m.attribute(from, attribute.as_str()).filter(|text| !text.is_empty())?.to_owned();
    let parsed = m.parse_score(&text);
    if parsed.is_none() {
        let message = format!(
            "Ignoring location constraint for {} on {}: '{text}' is not a valid score for {attribute}",
            m.id(resource),
            m.node_name(node)
        );
        m.tell(Level::Warning, message);
    }
    parsed
}

#[cfg(test)]
mod tests {
    use super::with_groups;

    #[test]
    fn groups_are_put_in_only_after_a_match() {
        let groups = [Some("vm-7".to_owned()), Some("7".to_owned()), None];
        assert_eq!(with_groups("cost-%1-%0%2%3", &groups), "cost-7-vm-7");
        assert_eq!(with_groups("cost-%1", &[]), "cost-%1");
    }
}
