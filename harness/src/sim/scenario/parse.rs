//! Reading scenario files.

use super::words::Words;
use super::{AgentFault, At, Condition, Event, Invariant, NetworkSetting, Recovery, Scenario, ScenarioError};

const STATEMENTS: &str =
    "'title', 'seed', 'nodes', 'totem', 'quorum', 'network', 'configure', 'until', 'at', 'by', 'always' or 'never'";

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

type Lines<'l> = dyn Iterator<Item = (usize, &'l str)> + 'l;

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
        let name = words.peek().unwrap_or("");
        if s.nodes.iter().any(|n| n == name) {
            return Err(words.expected("a name that is not used yet"));
        }
        s.nodes.push(words.next("the name of a node")?.to_owned());
        if words.is_done() {
            return Ok(());
        }
    }
}

fn key_value(words: &mut Words<'_>) -> Result<(String, String), ScenarioError> {
    let key = words.next("a key of corosync.conf")?.trim_end_matches(':').to_owned();
    Ok((key, words.next("its value")?.to_owned()))
}

fn network(words: &mut Words<'_>) -> Result<NetworkSetting, ScenarioError> {
    if words.accept("loss") {
        words.share().map(NetworkSetting::Loss)
    } else if words.accept("duplicate") {
        words.share().map(NetworkSetting::Duplicate)
    } else if words.accept("delay") {
        words.range().map(|(from, to)| NetworkSetting::Delay(from, to))
    } else {
        Err(words.expected("'loss', 'delay' or 'duplicate'"))
    }
}

/// The lines up to one that is only `}`.
fn block<'l>(line: usize, lines: &mut Lines<'l>) -> Result<String, ScenarioError> {
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

fn node(s: &Scenario, words: &mut Words<'_>) -> Result<String, ScenarioError> {
    match words.peek() {
        Some(name) if s.nodes.iter().any(|n| n == name) => words.next("").map(str::to_owned),
        _ => Err(words.expected(&format!("a node ({})", s.nodes.join(", ")))),
    }
}

fn event<'l>(s: &Scenario, words: &mut Words<'_>, lines: &mut Lines<'l>) -> Result<Event, ScenarioError> {
    const EVENTS: &str = "an event: crash, boot, stop, pause, partition, cut, heal, network, standby, online, configure, crm, kill or agent";
    let line = words.line();
    let verb = words.peek().unwrap_or("");
    let known = [
        "crash",
        "boot",
        "stop",
        "pause",
        "partition",
        "cut",
        "heal",
        "network",
        "standby",
        "online",
        "configure",
        "crm",
        "kill",
        "agent",
        "agents",
    ];
    if !known.contains(&verb) {
        return Err(words.expected(EVENTS));
    }
    words.next("")?;
    Ok(match verb {
        "crash" => Event::Crash(node(s, words)?),
        "boot" => Event::Boot(node(s, words)?),
        "stop" => Event::Stop(node(s, words)?),
        "standby" => Event::Standby(node(s, words)?),
        "online" => Event::Online(node(s, words)?),
        "heal" => Event::Heal,
        "network" => Event::Network(network(words)?),
        "pause" => {
            let name = node(s, words)?;
            words.expect("for")?;
            Event::Pause(name, words.duration()?)
        }
        "partition" => partition(s, words)?,
        "cut" => {
            let from = node(s, words)?;
            let both = match words.next("'->' or '<->'")? {
                "->" => false,
                "<->" => true,
                _ => return Err(words.expected("'->' or '<->' before the second node")),
            };
            Event::Cut(from, node(s, words)?, both)
        }
        "configure" => {
            words.expect("{")?;
            Event::Configure(block(line, lines)?, line + 1)
        }
        "crm" => Event::Crm(words.rest().to_owned()),
        "kill" => {
            let resource = words.next("a resource")?.to_owned();
            words.expect("on")?;
            Event::Kill(resource, node(s, words)?)
        }
        "agents" => {
            words.expect("well")?;
            Event::AgentsWell
        }
        _ => agent(s, words)?,
    })
}

fn partition(s: &Scenario, words: &mut Words<'_>) -> Result<Event, ScenarioError> {
    let mut sides = vec![Vec::new()];
    while !words.is_done() {
        if words.accept("|") {
            sides.push(Vec::new());
        } else {
            let name = node(s, words)?;
            sides.last_mut().expect("never empty").push(name);
        }
    }
    if sides.len() < 2 || sides.iter().any(Vec::is_empty) {
        return Err(words.expected("nodes on both sides of '|'"));
    }
    Ok(Event::Partition(sides))
}

fn agent(s: &Scenario, words: &mut Words<'_>) -> Result<Event, ScenarioError> {
    let resource = words.next("a resource")?.to_owned();
    let verbs = ["fails", "hangs", "lies", "takes"];
    let action = match words.peek() {
        Some(word) if !verbs.contains(&word) => Some(words.next("")?.to_owned()),
        _ => None,
    };
    let fault = match words.next("'fails with RC', 'hangs', 'lies' or 'takes D'")? {
        "fails" => {
            words.expect("with")?;
            AgentFault::Fails(words.number("an exit code from 0 to 255")?)
        }
        "hangs" => AgentFault::Hangs,
        "lies" => AgentFault::Lies,
        "takes" => AgentFault::Slow(words.duration()?),
        _ => return Err(words.expected("'fails with RC', 'hangs', 'lies' or 'takes D' before this")),
    };
    let at = if words.accept("on") { Some(node(s, words)?) } else { None };
    let times = if words.is_done() {
        None
    } else {
        let times = words.number("how often, as in '3 times'")?;
        words.expect("times")?;
        Some(times)
    };
    Ok(Event::Agent { resource, action, fault, node: at, times })
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
        let at = node(s, words)?;
        words.expect("is")?;
        return Ok(Condition::FailCount(resource, at, words.next("a number or INFINITY")?.to_owned()));
    }
    let subject = words.next("a condition")?.to_owned();
    if s.nodes.contains(&subject) { node_condition(subject, words) } else { resource_condition(s, subject, words) }
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
            let at = if words.accept("on") { Some(node(s, words)?) } else { None };
            return Ok(make(name, at));
        }
    }
    Err(words.expected("'started', 'promoted', 'stopped' or 'on N nodes'"))
}
