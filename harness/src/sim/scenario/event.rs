//! Reading what happens: the words after `at T`.

use super::parse::{Lines, block, network, node, on_link, place};
use super::words::Words;
use super::{AgentFault, Between, DiskFault, Event, Scenario, ScenarioError, Stretch};

const VERBS: [&str; 21] = [
    "crash",
    "boot",
    "stop",
    "die",
    "pause",
    "partition",
    "cut",
    "mend",
    "heal",
    "network",
    "clock",
    "calendar",
    "disk",
    "erase",
    "standby",
    "online",
    "configure",
    "crm",
    "kill",
    "agent",
    "agents",
];

pub(super) fn event<'l>(s: &Scenario, words: &mut Words<'_>, lines: &mut Lines<'l>) -> Result<Event, ScenarioError> {
    let line = words.line();
    let verb = words.peek().unwrap_or("");
    if !VERBS.contains(&verb) {
        return Err(words.expected(&format!("an event: {}", VERBS.join(", "))));
    }
    words.next("")?;
    Ok(match verb {
        "crash" => Event::Crash(place(s, words)?),
        "boot" => Event::Boot(place(s, words)?),
        "stop" => Event::Stop(place(s, words)?),
        "standby" => Event::Standby(node(s, words)?),
        "online" => Event::Online(node(s, words)?),
        "heal" => Event::Heal,
        "network" => {
            let (setting, link) = network(s, words)?;
            Event::Network(setting, link)
        }
        "pause" => {
            let name = place(s, words)?;
            words.expect("for")?;
            Event::Pause(name, words.duration()?)
        }
        "partition" => partition(s, words)?,
        "cut" => Event::Cut(stretch(s, words)?),
        "mend" => Event::Mend(stretch(s, words)?),
        "die" => Event::Die(node(s, words)?),
        "erase" => Event::Erase(node(s, words)?),
        "clock" => {
            let name = node(s, words)?;
            words.expect("jumps")?;
            Event::Jump(name, words.duration()?)
        }
        "calendar" => {
            let name = node(s, words)?;
            words.expect("off")?;
            words.expect("by")?;
            Event::Calendar(name, words.signed_seconds()?)
        }
        "disk" => {
            let name = node(s, words)?;
            Event::Disk(name, disk(words)?)
        }
        "configure" => {
            words.expect("{")?;
            Event::Configure(block(line, lines)?, line + 1)
        }
        "crm" => Event::Crm(words.rest().to_owned()),
        "kill" => {
            let resource = words.next("a resource")?.to_owned();
            words.expect("on")?;
            Event::Kill(resource, place(s, words)?)
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
    let at = if words.accept("on") { Some(place(s, words)?) } else { None };
    let times = if words.is_done() {
        None
    } else {
        let times = words.number("how often, as in '3 times'")?;
        words.expect("times")?;
        Some(times)
    };
    Ok(Event::Agent { resource, action, fault, node: at, times })
}

/// `A -> B`, `A <-> B`, `A` or `all`, and perhaps on one link only.
fn stretch(s: &Scenario, words: &mut Words<'_>) -> Result<Stretch, ScenarioError> {
    let between = if words.peek() == Some("all") && !s.nodes.iter().any(|n| n == "all") {
        words.next("")?;
        Between::All
    } else {
        let from = node(s, words)?;
        let both = words.accept("<->");
        if both || words.accept("->") {
            Between::Pair(from, node(s, words)?, both)
        } else if words.is_done() || words.peek() == Some("on") {
            Between::Node(from)
        } else {
            return Err(words.expected("'->', '<->' or 'on link L'"));
        }
    };
    Ok(Stretch { between, link: on_link(s, words)? })
}

fn disk(words: &mut Words<'_>) -> Result<DiskFault, ScenarioError> {
    if words.accept("full") {
        Ok(DiskFault::Full)
    } else if words.accept("well") {
        Ok(DiskFault::Well)
    } else if words.accept("slow") {
        words.duration().map(DiskFault::Slow)
    } else {
        Err(words.expected("'full', 'well' or 'slow D'"))
    }
}
