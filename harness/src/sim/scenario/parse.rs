//! Reading scenario files.

use super::event::event;
use super::words::Words;
use super::{At, Condition, Invariant, NetworkSetting, Recovery, Remote, Scenario, ScenarioError};
use crate::sim::Mutation;
use crate::sim::network::MAX_LINKS;

const STATEMENTS: &str = "'title', 'seed', 'nodes', 'remote', 'guest', 'links', 'link', 'totem', 'quorum', 'network', 'configure', 'settles', 'mutation', 'until', 'at', 'by', 'during', 'always' or 'never'";

/// Reads a scenario.
///
/// # Errors
/// The first mistake, with line, column and what was expected there.
pub fn parse(text: &str) -> Result<Scenario, ScenarioError> {
    let mut scenario = Scenario::default();
    let mut lines = text.lines().enumerate().map(|(i, l)| (i + 1, l));
    while let Some((number, line)) = lines.next() {
        let mut words = Words::new(number, line);
        if words.is_done() {
            continue;
        }
        statement(&mut scenario, &mut words, &mut lines)?;
        words.end()?;
    }
    if scenario.nodes.is_empty() {
        let line = text.lines().count().max(1);
        return Err(ScenarioError { line, column: 1, what: "expected a statement 'nodes NAME...'".to_owned() });
    }
    Ok(scenario)
}

pub(super) type Lines<'l> = dyn Iterator<Item = (usize, &'l str)> + 'l;

fn statement<'l>(s: &mut Scenario, words: &mut Words<'_>, lines: &mut Lines<'l>) -> Result<(), ScenarioError> {
    let line = words.line();
    match words.peek().unwrap_or("") {
        "title" => {
            words.next("")?;
            s.title = words.rest().to_owned();
        }
        "seed" => {
            words.next("")?;
            s.seed = Some(words.number("a number")?);
        }
        "nodes" => {
            words.next("")?;
            nodes(s, words)?;
        }
        "remote" => {
            words.next("")?;
            loop {
                let name = unused(s, words, "the name of a remote host")?;
                s.remotes.push(Remote { name, container: None });
                if words.is_done() {
                    break;
                }
            }
        }
        "guest" => {
            words.next("")?;
            let name = unused(s, words, "the name of a guest")?;
            words.expect("in")?;
            s.remotes.push(Remote { name, container: Some(words.next("the resource that it lives in")?.to_owned()) });
        }
        "links" => {
            words.next("")?;
            s.links = words.number_up_to(MAX_LINKS as u8, "how many links, from 1 to 8")?;
        }
        "link" => {
            words.next("")?;
            let link = link(s, words)?;
            let (key, value) = key_value(words)?;
            s.interfaces.push((link, key, value));
        }
        "totem" => {
            words.next("")?;
            s.totem.push(key_value(words)?);
        }
        "quorum" => {
            words.next("")?;
            s.quorum.push(key_value(words)?);
        }
        "network" => {
            words.next("")?;
            s.network.push(network(s, words)?);
        }
        "configure" => {
            words.next("")?;
            words.expect("{")?;
            s.configuration_line = line + 1;
            s.configuration.push_str(&block(line, lines)?);
        }
        "settles" => {
            words.next("")?;
            s.settles = true;
        }
        "mutation" => {
            words.next("")?;
            let names: Vec<&str> = Mutation::ALL.iter().map(|(name, _)| *name).collect();
            let mutation = words.peek().and_then(Mutation::of_name);
            s.mutation = Some(mutation.ok_or_else(|| words.expected(&format!("one of {}", names.join(", "))))?);
            words.next("")?;
        }
        "until" => {
            words.next("")?;
            s.until = Some(words.duration()?);
        }
        "at" => {
            words.next("")?;
            let time = words.duration()?;
            let what = event(s, words, lines)?;
            s.events.push(At { time, what, line });
        }
        "by" => {
            words.next("")?;
            let time = words.duration()?;
            let what = condition(s, words)?;
            s.expectations.push(At { time, what, line });
        }
        "during" => {
            words.next("")?;
            let during = Some(words.range()?);
            if !matches!(words.peek(), Some("always" | "never")) {
                return Err(words.expected("'always' or 'never'"));
            }
            let invariant = invariant(s, words)?;
            s.invariants.push(Invariant { during, ..invariant });
        }
        "always" | "never" => match recovery(words)? {
            Some(recovery) => s.recoveries.push(recovery),
            None => {
                let invariant = invariant(s, words)?;
                s.invariants.push(invariant);
            }
        },
        _ => return Err(words.expected(STATEMENTS)),
    }
    Ok(())
}

/// `always CONDITION` or `never CONDITION`.
fn invariant(s: &Scenario, words: &mut Words<'_>) -> Result<Invariant, ScenarioError> {
    let never = words.next("'always' or 'never'")? == "never";
    Ok(Invariant { condition: condition(s, words)?, never, during: None, line: words.line() })
}

/// `always RESOURCE back within D`, if the words say so.
fn recovery(words: &mut Words<'_>) -> Result<Option<Recovery>, ScenarioError> {
    if words.peek() != Some("always") || words.peek_at(2) != Some("back") {
        return Ok(None);
    }
    words.expect("always")?;
    let resource = words.next("a resource")?.to_owned();
    words.expect("back")?;
    words.expect("within")?;
    Ok(Some(Recovery { resource, within: words.duration()?, line: words.line() }))
}

fn nodes(s: &mut Scenario, words: &mut Words<'_>) -> Result<(), ScenarioError> {
    loop {
        let name = unused(s, words, "the name of a node")?;
        s.nodes.push(name);
        if words.is_done() {
            return Ok(());
        }
    }
}

/// A name that neither a node nor a remote host has.
fn unused(s: &Scenario, words: &mut Words<'_>, what: &str) -> Result<String, ScenarioError> {
    match words.peek() {
        Some(name) if places(s).any(|n| n == name) => Err(words.expected("a name that is not used yet")),
        _ => words.next(what).map(str::to_owned),
    }
}

/// Where resources may run: nodes and remote hosts.
fn places(s: &Scenario) -> impl Iterator<Item = &str> {
    s.nodes.iter().chain(s.remotes.iter().map(|r| &r.name)).map(String::as_str)
}

/// A node or a remote host.
pub(super) fn place(s: &Scenario, words: &mut Words<'_>) -> Result<String, ScenarioError> {
    match words.peek() {
        Some(name) if places(s).any(|n| n == name) => words.next("").map(str::to_owned),
        _ => Err(words.expected(&format!("a node ({})", places(s).collect::<Vec<_>>().join(", ")))),
    }
}

fn key_value(words: &mut Words<'_>) -> Result<(String, String), ScenarioError> {
    let key = words.next("a key of corosync.conf")?.trim_end_matches(':').to_owned();
    Ok((key, words.next("its value")?.to_owned()))
}

pub(super) fn network(s: &Scenario, words: &mut Words<'_>) -> Result<(NetworkSetting, Option<u8>), ScenarioError> {
    let setting = if words.accept("loss") {
        NetworkSetting::Loss(words.share()?)
    } else if words.accept("duplicate") {
        NetworkSetting::Duplicate(words.share()?)
    } else if words.accept("delay") {
        let (from, to) = words.range()?;
        NetworkSetting::Delay(from, to)
    } else if words.accept("spikes") {
        NetworkSetting::Spikes(words.share()?, words.duration()?)
    } else {
        return Err(words.expected("'loss', 'delay', 'duplicate' or 'spikes'"));
    };
    Ok((setting, on_link(s, words)?))
}

/// The number of a link.
fn link(s: &Scenario, words: &mut Words<'_>) -> Result<u8, ScenarioError> {
    let last = s.links.max(1) - 1;
    match words.peek().and_then(|word| word.parse().ok()) {
        Some(link) if link <= last => words.next("").map(|_| link),
        _ => Err(words.expected(&format!("a link from 0 to {last} (after a statement 'links N')"))),
    }
}

/// `on link L`, if the words say so.
pub(super) fn on_link(s: &Scenario, words: &mut Words<'_>) -> Result<Option<u8>, ScenarioError> {
    if !words.accept("on") {
        return Ok(None);
    }
    words.expect("link")?;
    link(s, words).map(Some)
}

/// The lines up to one that is only `}`.
pub(super) fn block<'l>(line: usize, lines: &mut Lines<'l>) -> Result<String, ScenarioError> {
    let mut text = String::new();
    for (_, l) in lines {
        if l.trim() == "}" {
            return Ok(text);
        }
        text.push_str(l);
        text.push('\n');
    }
    Err(ScenarioError { line, column: 1, what: "expected a line '}' that ends this block".to_owned() })
}

pub(super) fn node(s: &Scenario, words: &mut Words<'_>) -> Result<String, ScenarioError> {
    match words.peek() {
        Some(name) if s.nodes.iter().any(|n| n == name) => words.next("").map(str::to_owned),
        _ => Err(words.expected(&format!("a node ({})", s.nodes.join(", ")))),
    }
}

fn condition(s: &Scenario, words: &mut Words<'_>) -> Result<Condition, ScenarioError> {
    if words.accept("not") {
        return Ok(Condition::Not(Box::new(condition(s, words)?)));
    }
    if words.accept("stable") {
        return Ok(Condition::Stable);
    }
    if words.accept("one") {
        words.expect("dc")?;
        return Ok(Condition::OneDc);
    }
    if words.accept("new") {
        words.expect("ring")?;
        return Ok(Condition::NewRing);
    }
    if words.accept("at") {
        words.expect("most")?;
        words.expect("one")?;
        let promoted = words.accept("promoted");
        let resource = words.next("a resource")?.to_owned();
        return Ok(if promoted { Condition::AtMostOnePromoted(resource) } else { Condition::AtMostOne(resource) });
    }
    if words.accept("failcount") {
        let resource = words.next("a resource")?.to_owned();
        words.expect("on")?;
        let at = place(s, words)?;
        words.expect("is")?;
        return Ok(Condition::FailCount(resource, at, words.next("a number or INFINITY")?.to_owned()));
    }
    let subject = words.next("a condition")?.to_owned();
    if s.nodes.contains(&subject) {
        node_condition(s, subject, words)
    } else if s.remotes.iter().any(|r| r.name == subject) {
        remote_condition(s, subject, words)
    } else {
        resource_condition(s, subject, words)
    }
}

fn node_condition(s: &Scenario, name: String, words: &mut Words<'_>) -> Result<Condition, ScenarioError> {
    const WORDS: &str =
        "'is dc', 'online', 'offline', 'quorate', 'inquorate', 'fenced', 'reaches NODE' or 'sends to NODE'";
    if words.accept("reaches") {
        let other = node(s, words)?;
        return Ok(Condition::Reaches(name, other, on_link(s, words)?));
    }
    if words.accept("sends") {
        words.expect("to")?;
        let other = node(s, words)?;
        let link = on_link(s, words)?.ok_or_else(|| words.expected("'on link L'"))?;
        return Ok(Condition::SendsOn(name, other, link));
    }
    if words.accept("is") {
        words.expect("dc")?;
        return Ok(Condition::Dc(name));
    }
    for (word, make) in [
        ("online", Condition::NodeOnline as fn(String) -> Condition),
        ("offline", Condition::NodeOffline),
        ("quorate", Condition::Quorate),
        ("inquorate", Condition::Inquorate),
        ("fenced", Condition::Fenced),
    ] {
        if words.accept(word) {
            return Ok(make(name));
        }
    }
    Err(words.expected(WORDS))
}

/// A remote node has the name of the resource that connects to it: what is not said of a node is said of that.
fn remote_condition(s: &Scenario, name: String, words: &mut Words<'_>) -> Result<Condition, ScenarioError> {
    for (word, make) in [
        ("online", Condition::NodeOnline as fn(String) -> Condition),
        ("offline", Condition::NodeOffline),
        ("fenced", Condition::Fenced),
    ] {
        if words.accept(word) {
            return Ok(make(name));
        }
    }
    resource_condition(s, name, words)
}

fn resource_condition(s: &Scenario, name: String, words: &mut Words<'_>) -> Result<Condition, ScenarioError> {
    if words.accept("on") {
        let count = words.number("how many nodes")?;
        words.expect("nodes")?;
        return Ok(Condition::Instances(name, count));
    }
    for (word, make) in [
        ("started", Condition::Started as fn(String, Option<String>) -> Condition),
        ("promoted", Condition::Promoted),
        ("stopped", Condition::Stopped),
    ] {
        if words.accept(word) {
            let at = if words.accept("on") { Some(place(s, words)?) } else { None };
            return Ok(make(name, at));
        }
    }
    Err(words.expected("'started', 'promoted', 'stopped' or 'on N nodes'"))
}
