//! Writing scenarios: a run's story as text that can be edited and replayed.

use super::{AgentFault, At, Between, DiskFault, Event, NetworkSetting, Scenario, Stretch, on_link};
use std::fmt::Write as _;
use std::time::Duration;

/// A scenario as a file; reading it gives the same scenario, but for the numbers of lines.
pub fn write(s: &Scenario) -> String {
    let mut out = String::new();
    // Writing to a string cannot fail.
    let mut line = |text: String| {
        let _ = writeln!(out, "{text}");
    };
    if !s.title.is_empty() {
        line(format!("title  {}", s.title));
    }
    if let Some(seed) = s.seed {
        line(format!("seed   {seed}"));
    }
    line(format!("nodes  {}", s.nodes.join(" ")));
    for remote in &s.remotes {
        line(match &remote.container {
            Some(container) => format!("guest  {} in {container}", remote.name),
            None => format!("remote {}", remote.name),
        });
    }
    if s.links > 0 {
        line(format!("links  {}", s.links));
    }
    for (link, key, value) in &s.interfaces {
        line(format!("link   {link} {key} {value}"));
    }
    for (key, value) in &s.totem {
        line(format!("totem  {key} {value}"));
    }
    for (key, value) in &s.quorum {
        line(format!("quorum {key} {value}"));
    }
    for &(setting, link) in &s.network {
        line(describe(&Event::Network(setting, link)));
    }
    if !s.configuration.is_empty() {
        line(format!("\nconfigure {{\n{}}}\n", s.configuration));
    }
    if s.settles {
        line("settles".to_owned());
    }
    if let Some(mutation) = s.mutation {
        line(format!("mutation {}", mutation.name()));
    }
    if let Some(until) = s.until {
        line(format!("until {}", span(until)));
    }
    for event in &s.events {
        line(at(event));
    }
    for expectation in &s.expectations {
        line(format!("by {} {}", span(expectation.time), expectation.what));
    }
    for invariant in &s.invariants {
        let during = invariant.during.map_or(String::new(), |(a, b)| format!("during {}..{} ", span(a), span(b)));
        line(format!("{during}{} {}", if invariant.never { "never" } else { "always" }, invariant.condition));
    }
    for recovery in &s.recoveries {
        line(format!("always {} back within {}", recovery.resource, span(recovery.within)));
    }
    out
}

/// An event with its time.
pub(crate) fn at(event: &At<Event>) -> String {
    format!("at {} {}", span(event.time), describe(&event.what))
}

/// A time that is read as it was.
fn span(time: Duration) -> String {
    let micros = time.as_micros();
    match (micros % 1_000_000, micros % 1000) {
        (0, _) => format!("{}s", micros / 1_000_000),
        (_, 0) => format!("{}ms", micros / 1000),
        _ => format!("{micros}us"),
    }
}

fn share(share: f64) -> String {
    let text = format!("{:.6}", share * 100.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned() + "%"
}

fn stretch(stretch: &Stretch) -> String {
    let between = match &stretch.between {
        Between::Pair(a, b, both) => format!("{a} {} {b}", if *both { "<->" } else { "->" }),
        Between::Node(node) => node.clone(),
        Between::All => "all".to_owned(),
    };
    between + &on_link(stretch.link)
}

/// An event in words, as a scenario would write it.
pub fn describe(event: &Event) -> String {
    match event {
        Event::Crash(n) => format!("crash {n}"),
        Event::Boot(n) => format!("boot {n}"),
        Event::Stop(n) => format!("stop {n}"),
        Event::Die(n) => format!("die {n}"),
        Event::Erase(n) => format!("erase {n}"),
        Event::Pause(n, d) => format!("pause {n} for {}", span(*d)),
        Event::Jump(n, d) => format!("clock {n} jumps {}", span(*d)),
        Event::Calendar(n, seconds) => format!("calendar {n} off by {seconds}s"),
        Event::Disk(n, DiskFault::Well) => format!("disk {n} well"),
        Event::Disk(n, DiskFault::Full) => format!("disk {n} full"),
        Event::Disk(n, DiskFault::Slow(d)) => format!("disk {n} slow {}", span(*d)),
        Event::Partition(sides) => {
            let sides: Vec<String> = sides.iter().map(|s| s.join(" ")).collect();
            format!("partition {}", sides.join(" | "))
        }
        Event::Cut(cut) => format!("cut {}", stretch(cut)),
        Event::Mend(cut) => format!("mend {}", stretch(cut)),
        Event::Heal => "heal".to_owned(),
        Event::Network(setting, link) => network(setting) + &on_link(*link),
        Event::Standby(n) => format!("standby {n}"),
        Event::Online(n) => format!("online {n}"),
        Event::Configure(text, _) => format!("configure {{\n{text}}}"),
        Event::Crm(line) => format!("crm {line}"),
        Event::Kill(r, n) => format!("kill {r} on {n}"),
        Event::Agent { resource, action, fault, node, times } => {
            agent(resource, action.as_deref(), *fault, node.as_deref(), *times)
        }
        Event::AgentsWell => "agents well".to_owned(),
    }
}

fn network(setting: &NetworkSetting) -> String {
    match setting {
        NetworkSetting::Loss(p) => format!("network loss {}", share(*p)),
        NetworkSetting::Duplicate(p) => format!("network duplicate {}", share(*p)),
        NetworkSetting::Delay(a, b) => format!("network delay {}..{}", span(*a), span(*b)),
        NetworkSetting::Spikes(p, most) => format!("network spikes {} {}", share(*p), span(*most)),
    }
}

fn agent(resource: &str, action: Option<&str>, fault: AgentFault, node: Option<&str>, times: Option<u32>) -> String {
    let mut text = format!("agent {resource}");
    if let Some(word) = action {
        text.push_str(&format!(" {word}"));
    }
    text.push_str(&match fault {
        AgentFault::Fails(rc) => format!(" fails with {rc}"),
        AgentFault::Hangs => " hangs".to_owned(),
        AgentFault::Lies => " lies".to_owned(),
        AgentFault::Slow(d) => format!(" takes {}", span(d)),
    });
    if let Some(node) = node {
        text.push_str(&format!(" on {node}"));
    }
    if let Some(times) = times {
        text.push_str(&format!(" {times} times"));
    }
    text
}
