//! Score and utilization lines [PL-22] [SM-5].

use super::text::Report;
use crate::model::{Model, ScoreLine, Symbol};

/// Writes the recorded score lines as items.
pub fn scores(m: &Model, report: &mut Report) {
    for line in &m.scores {
        report.item(text(m, line));
    }
    for note in &m.notes {
        report.info(note);
    }
}

fn text(m: &Model, line: &ScoreLine) -> String {
    match line {
        ScoreLine::Allocation { function, resource, node, score } => {
            format!("{function}: {} allocation score on {}: {score}", m.id(*resource), m.node_name(*node))
        }
        ScoreLine::Promotion { instance, node, score } => match node {
            Some(node) => format!("{} promotion score on {}: {score}", m.id(*instance), m.node_name(*node)),
            None => format!("{} promotion score (inactive): {score}", m.id(*instance)),
        },
        ScoreLine::Capacity { comment, node, values } => {
            format!("{comment}: {} capacity:{}", m.node_name(*node), pairs(m, values))
        }
        ScoreLine::Utilization { function, resource, node, values } => {
            format!("{function}: {} utilization on {}:{}", m.id(*resource), m.node_name(*node), pairs(m, values))
        }
    }
}

fn pairs(m: &Model, values: &[(Symbol, String)]) -> String {
    values.iter().map(|(name, value)| format!(" {}={value}", m.text(*name))).collect()
}
