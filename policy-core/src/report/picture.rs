//! A transition graph as a picture.

use crate::graph::{ElementKind, Graph, escape};
use rustc_hash::FxHashMap;
use std::fmt::Write;

const BOX_HEIGHT: usize = 26;
const ROW_GAP: usize = 44;
const COLUMN_GAP: usize = 18;
const MARGIN: usize = 20;
const CHARACTER: usize = 7;

/// A box of the picture.
struct Placed {
    x: usize,
    y: usize,
    width: usize,
}

/// Draws the graph as SVG: an action below everything it waits for; what is only pretended is dashed, fencing is red.
#[must_use]
pub fn svg(graph: &Graph) -> String {
    let layers = layers(graph);
    let labels: Vec<String> = graph.synapses.iter().map(|s| label(&s.action.element)).collect();
    let places = place(&layers, &labels);
    let width = places.iter().map(|p| p.x + p.width).max().unwrap_or(0) + MARGIN;
    let height = places.iter().map(|p| p.y + BOX_HEIGHT).max().unwrap_or(0) + MARGIN;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"monospace\" font-size=\"12\">\n<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"8\" refY=\"4\" \
         markerWidth=\"7\" markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" fill=\"#888\"/></marker></defs>\n"
    );
    let index = by_action(graph);
    for (at, synapse) in graph.synapses.iter().enumerate() {
        for input in &synapse.inputs {
            let Some(&from) = index.get(&input.id) else { continue };
            let (a, b) = (&places[from], &places[at]);
            let _ = writeln!(
                out,
                "<line x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"#888\" marker-end=\"url(#arrow)\"/>",
                a.x + a.width / 2,
                a.y + BOX_HEIGHT,
                b.x + b.width / 2,
                b.y
            );
        }
    }
    for (at, synapse) in graph.synapses.iter().enumerate() {
        let p = &places[at];
        let element = &synapse.action.element;
        let (stroke, dash) = match element.kind {
            ElementKind::Pseudo => ("#b8860b", " stroke-dasharray=\"4 3\""),
            ElementKind::Resource => ("#2e7d32", ""),
            ElementKind::Cluster if element.operation == "stonith" => ("#c62828", ""),
            ElementKind::Cluster => ("#1565c0", ""),
        };
        let _ = writeln!(
            out,
            "<rect x=\"{}\" y=\"{}\" width=\"{}\" height=\"{BOX_HEIGHT}\" rx=\"5\" fill=\"#fff\" stroke=\"{stroke}\"{dash}/>\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            p.x,
            p.y,
            p.width,
            p.x + p.width / 2,
            p.y + 17,
            escape(&labels[at])
        );
    }
    out.push_str("</svg>\n");
    out
}

fn label(element: &crate::graph::Element) -> String {
    match &element.node {
        Some(node) => format!("{} {}", element.key, node.name),
        None => element.key.clone(),
    }
}

fn by_action(graph: &Graph) -> FxHashMap<u32, usize> {
    graph.synapses.iter().enumerate().map(|(at, s)| (s.action.element.id, at)).collect()
}

/// The layer of each synapse: one below the lowest of its inputs. What is in a loop goes to the end.
fn layers(graph: &Graph) -> Vec<usize> {
    let index = by_action(graph);
    let n = graph.synapses.len();
    let mut waiting = vec![0usize; n];
    let mut followers = vec![Vec::new(); n];
    for (at, synapse) in graph.synapses.iter().enumerate() {
        for input in &synapse.inputs {
            if let Some(&from) = index.get(&input.id) {
                waiting[at] += 1;
                followers[from].push(at);
            }
        }
    }
    let mut layer = vec![0usize; n];
    let mut ready: Vec<usize> = (0..n).filter(|&at| waiting[at] == 0).collect();
    let mut next = 0;
    while next < ready.len() {
        let at = ready[next];
        next += 1;
        for &follower in &followers[at] {
            layer[follower] = layer[follower].max(layer[at] + 1);
            waiting[follower] -= 1;
            if waiting[follower] == 0 {
                ready.push(follower);
            }
        }
    }
    let last = layer.iter().copied().max().unwrap_or(0) + 1;
    for at in 0..n {
        if waiting[at] > 0 {
            layer[at] = last;
        }
    }
    layer
}

fn place(layers: &[usize], labels: &[String]) -> Vec<Placed> {
    let mut right: Vec<usize> = vec![MARGIN; layers.iter().copied().max().map_or(0, |l| l + 1)];
    let mut places = Vec::with_capacity(layers.len());
    for (&layer, label) in layers.iter().zip(labels) {
        let width = label.chars().count() * CHARACTER + 16;
        places.push(Placed { x: right[layer], y: MARGIN + layer * (BOX_HEIGHT + ROW_GAP), width });
        right[layer] += width + COLUMN_GAP;
    }
    places
}
