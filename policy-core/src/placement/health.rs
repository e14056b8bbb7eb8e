//! Node health becomes location constraints [PL-8].

use super::locations::store;
use super::look::meta_true;
use crate::model::{HealthStrategy, Location, Model, NodeIx, ProbeMode, Score, sym};

/// Stores a location constraint for every node whose health is not neutral and every top-level resource [PL-8].
pub fn health(m: &mut Model) {
    if m.options.health_strategy == HealthStrategy::None {
        return;
    }
    let id = m.symbols.intern("node-health-strategy");
    for node in m.nodes_in_order() {
        let sum = health_sum(m, node);
        if sum == Score::ZERO {
            continue;
        }
        for at in 0..m.top.len() {
            let resource = m.top[at];
            if sum.is_negative() && meta_true(m, resource, sym::ALLOW_UNHEALTHY_NODES) {
                continue;
            }
            store(m, Location { id, resource, role: None, probe: ProbeMode::Always, nodes: vec![(node, sum)] });
        }
    }
}

/// Base plus the scores of all `#health…` attributes; invalid ones are skipped.
fn health_sum(m: &Model, node: NodeIx) -> Score {
    let base = match m.options.health_strategy {
        HealthStrategy::Progressive => m.options.health_base,
        _ => Score::ZERO,
    };
    m[node]
        .attributes
        .iter()
        .filter(|&(name, _)| m.text(name).starts_with("#health"))
        .filter_map(|(_, value)| m.parse_score(m.text(value)))
        .fold(base, Score::add)
}
