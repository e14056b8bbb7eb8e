//! A run as one self-contained page: a lane for each node, resource bars, rings, elections, transitions, faults; zoom and hover.

use super::run::Outcome;
use super::scenario::Scenario;
use super::{Kind, Line};
use serde::Serialize;
use std::collections::BTreeMap;

const PAGE: &str = include_str!("report.html");

#[derive(Serialize)]
struct Data<'a> {
    title: &'a str,
    seed: u64,
    end: f64,
    verdict: String,
    ok: bool,
    broken: f64,
    nodes: &'a [String],
    marks: Vec<Mark<'a>>,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Mark<'a> {
    t: f64,
    node: Option<&'a str>,
    kind: &'static str,
    text: &'a str,
}

/// Something that lasted: a node that was up or coordinated, a resource that was active.
#[derive(Serialize, Debug, PartialEq)]
struct Bar {
    node: String,
    kind: Lasting,
    name: String,
    promoted: bool,
    from: f64,
    to: f64,
}

#[derive(Serialize, Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Lasting {
    Up,
    Dc,
    Resource,
}

/// The page for a run.
pub fn page(scenario: &Scenario, outcome: &Outcome) -> String {
    let end = outcome.simulation.now().as_secs_f64();
    let lines = outcome.simulation.timeline();
    let verdict = match &outcome.broken {
        None => "All expectations held.".to_owned(),
        Some(b) => format!("{} (at {:.3}s)", b.what, b.time.as_secs_f64()),
    };
    let data = Data {
        title: &scenario.title,
        seed: outcome.seed,
        end,
        verdict,
        ok: outcome.is_ok(),
        broken: outcome.broken.as_ref().map_or(0.0, |b| b.time.as_secs_f64()),
        nodes: &scenario.nodes,
        marks: lines.iter().map(mark).collect(),
        bars: bars(lines, end),
    };
    // `<` must not end the script element early.
    let json = serde_json::to_string(&data).expect("plain data").replace('<', "\\u003c");
    PAGE.replace("/*DATA*/null", &json)
}

fn mark(line: &Line) -> Mark<'_> {
    Mark { t: line.time.as_secs_f64(), node: line.node.as_deref(), kind: line.kind.name(), text: &line.text }
}

/// What a line begins or ends: a resource, a node that is up, a coordinator. `None` as state: it has ended.
fn change(line: &Line) -> Option<(Lasting, &str, Option<bool>)> {
    let text = line.text.as_str();
    let down = ["crash ", "die ", "cluster software has ended", "No space left", "loses power", "resets itself"];
    match line.kind {
        Kind::Resource => {
            let (name, state) = text.rsplit_once(' ')?;
            match state {
                "started" | "demoted" => Some((Lasting::Resource, name, Some(false))),
                "promoted" => Some((Lasting::Resource, name, Some(true))),
                "stopped" => Some((Lasting::Resource, name, None)),
                _ => None,
            }
        }
        Kind::Fault if text == "boots" => Some((Lasting::Up, "", Some(false))),
        Kind::Controller if text.starts_with("is elected") => Some((Lasting::Dc, "", Some(false))),
        Kind::Controller if text.starts_with("no longer") => Some((Lasting::Dc, "", None)),
        Kind::Fault | Kind::Fencing if down.iter().any(|d| text.starts_with(d)) => Some((Lasting::Up, "", None)),
        _ => None,
    }
}

/// Bars from the lines that begin and end them.
fn bars(lines: &[Line], end: f64) -> Vec<Bar> {
    let mut open: BTreeMap<(String, Lasting, String), (f64, bool)> = BTreeMap::new();
    let mut bars = Vec::new();
    let bar = |(node, kind, name): (String, Lasting, String), (from, promoted), to| Bar {
        node,
        kind,
        name,
        promoted,
        from,
        to,
    };
    for line in lines {
        let (Some(node), Some((kind, name, state))) = (&line.node, change(line)) else { continue };
        let time = line.time.as_secs_f64();
        let key = (node.clone(), kind, name.to_owned());
        // A node that goes down no longer coordinates.
        let dc = (kind == Lasting::Up && state.is_none()).then(|| (node.clone(), Lasting::Dc, String::new()));
        for key in std::iter::once(key.clone()).chain(dc) {
            if let Some(begun) = open.remove(&key) {
                bars.push(bar(key, begun, time));
            }
        }
        if let Some(promoted) = state {
            open.insert(key, (time, promoted));
        }
    }
    bars.extend(open.into_iter().map(|(key, begun)| bar(key, begun, end)));
    bars
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn bars_begin_and_end_with_their_lines() {
        let line = |s, kind, text: &str| Line {
            time: Duration::from_secs(s),
            node: Some("n1".into()),
            kind,
            text: text.into(),
        };
        let lines = [
            line(0, Kind::Fault, "boots"),
            line(2, Kind::Controller, "is elected coordinator (DC)"),
            line(5, Kind::Resource, "db started"),
            line(6, Kind::Resource, "db promoted"),
            line(9, Kind::Resource, "db stopped"),
            line(12, Kind::Fencing, "loses power"),
        ];
        let bars = bars(&lines, 20.0);
        let bar = |kind, name: &str, promoted, from, to| Bar {
            node: "n1".into(),
            kind,
            name: name.into(),
            promoted,
            from,
            to,
        };
        let resource = |promoted, from, to| bar(Lasting::Resource, "db", promoted, from, to);
        let (up, dc) = (bar(Lasting::Up, "", false, 0.0, 12.0), bar(Lasting::Dc, "", false, 2.0, 12.0));
        assert_eq!(bars, [resource(false, 5.0, 6.0), resource(true, 6.0, 9.0), up, dc]);
    }
}
