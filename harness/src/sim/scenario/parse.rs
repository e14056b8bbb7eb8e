//! Reading scenario files.

use super::event::event;
use super::words::Words;
use super::{At, Condition, Invariant, NetworkSetting, Recovery, Remote, Scenario, ScenarioError};
use crate::sim::Mutation;

const STATEMENTS: &str = "'title', 'seed', 'nodes', 'remote', 'guest', 'totem', 'quorum', 'network', 'configure', 'settles', 'mutation', 'until', 'at', 'by', 'always' or 'never'";

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
            s.network.push(network(words)?);
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
        "always" | "never" => {
            let never = words.next("")? == "never";
            if let (false, Some(recovery)) = (never, recovery(words)?) {
                s.recoveries.push(recovery);
                return Ok(());
            }
            let condition = condition(s, words)?;
            s.invariants.push(Invariant { condition, never, line });
        }
        _ => return Err(words.expected(STATEMENTS)),
    }
    Ok(())
}

/// `RESOURCE back within D`, if the words say so.
fn recovery(words: &mut Words<'_>) -> Result<Option<Recovery>, ScenarioError> {
    if words.peek_after() != Some("back") {
        return Ok(None);
    }
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

pub(super) fn network(words: &mut Words<'_>) -> Result<NetworkSetting, ScenarioError> {
    if words.accept("loss") {
        words.share().map(NetworkSetting::Loss)
    } else if words.accept("duplicate") {
        words.share().map(NetworkSetting::Duplicate)
    } else if words.accept("delay") {
        words.range().map(|(from, to)| NetworkSetting::Delay(from, to))
    } else if words.accept("spikes") {
        Ok(NetworkSetting::Spikes(words.share()?, words.duration()?))
    } else {
        Err(words.expected("'loss', 'delay', 'duplicate' or 'spikes'"))
    }
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
        node_condition(subject, words)
    } else if s.remotes.iter().any(|r| r.name == subject) {
        remote_condition(s, subject, words)
    } else {
        resource_condition(s, subject, words)
    }
}

fn node_condition(name: String, words: &mut Words<'_>) -> Result<Condition, ScenarioError> {
    const WORDS: &str = "'is dc', 'online', 'offline', 'quorate', 'inquorate' or 'fenced'";
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
