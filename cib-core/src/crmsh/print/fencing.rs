//! The fencing topology [SH-8.9].

use super::Printer;
use crate::xml::NodeIx;

impl Printer<'_> {
    pub(super) fn fencing(&self, node: NodeIx, parts: &mut Vec<String>) {
        let mut targets: Vec<(String, Vec<(i64, String)>)> = Vec::new();
        for level in self.doc.children_named(node, "fencing-level") {
            let target = match (self.doc.attr(level, "target"), self.doc.attr(level, "target-pattern")) {
                (Some(target), _) => format!("{target}:"),
                (None, Some(pattern)) => format!("pattern:{pattern}"),
                (None, None) => {
                    format!("attr:{}={}", self.attr(level, "target-attribute"), self.attr(level, "target-value"))
                }
            };
            let index = self.attr(level, "index").parse().unwrap_or(0);
            let devices = (index, self.attr(level, "devices").to_owned());
            match targets.iter_mut().find(|(known, _)| *known == target) {
                Some((_, levels)) => levels.push(devices),
                None => targets.push((target, vec![devices])),
            }
        }
        let lines: Vec<(String, String)> = targets
            .into_iter()
            .map(|(target, mut levels)| {
                levels.sort_by_key(|(index, _)| *index);
                let devices: Vec<String> = levels.into_iter().map(|(_, devices)| devices).collect();
                (target, devices.join(" "))
            })
            .collect();
        let same = lines.windows(2).all(|pair| pair[0].1 == pair[1].1);
        if same && lines.len() == self.node_count {
            let devices = lines.first().map(|(_, devices)| format!(" {devices}")).unwrap_or_default();
            parts.push(format!("fencing_topology{devices}"));
            return;
        }
        parts.push("fencing_topology".to_owned());
        parts.extend(lines.into_iter().map(|(target, devices)| format!("{target} {devices}")));
    }
}
