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

/// Something that lasted: a node that was up, a resource that was active.
#[derive(Serialize, Debug, PartialEq)]
struct Bar {
    node: String,
    name: String,
    promoted: bool,
    from: f64,
    to: f64,
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

/// Bars from the lines that begin and end them.
fn bars(lines: &[Line], end: f64) -> Vec<Bar> {
    let mut open: BTreeMap<(String, String), (f64, bool)> = BTreeMap::new();
    let mut bars = Vec::new();
    for line in lines {
        let Some(node) = &line.node else { continue };
        let time = line.time.as_secs_f64();
        let (name, state) = match (line.kind, line.text.rsplit_once(' ')) {
            (Kind::Resource, Some((name, state @ ("started" | "promoted" | "demoted" | "stopped")))) => (name, state),
            (Kind::Fault, _) if line.text == "boots" => ("", "started"),
            (Kind::Fault, _)
                if line.text.starts_with("crash ") || line.text.starts_with("cluster software has ended") =>
            {
                ("", "stopped")
            }
            (Kind::Fencing, _) if line.text == "loses power" || line.text == "resets itself" => ("", "stopped"),
            _ => continue,
        };
        let key = (node.clone(), name.to_owned());
        if let Some((from, promoted)) = open.remove(&key) {
            bars.push(Bar { node: node.clone(), name: name.to_owned(), promoted, from, to: time });
        }
        if state != "stopped" {
            open.insert(key, (time, state == "promoted"));
        }
    }
    for ((node, name), (from, promoted)) in open {
        bars.push(Bar { node, name, promoted, from, to: end });
    }
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
            line(5, Kind::Resource, "db started"),
            line(6, Kind::Resource, "db promoted"),
            line(9, Kind::Resource, "db stopped"),
        ];
        let bars = bars(&lines, 20.0);
        let bar = |name: &str, promoted, from, to| Bar { node: "n1".into(), name: name.into(), promoted, from, to };
        assert_eq!(bars, [bar("db", false, 5.0, 6.0), bar("db", true, 6.0, 9.0), bar("", false, 0.0, 20.0)]);
    }
}
