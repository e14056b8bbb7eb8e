//! Questions about nodes and resources that the passes of placement share.

use cib_core::rules::is_true;

use crate::model::{Kind, Model, NodeIx, Replica, ResourceFlags, ResourceIx, Score, Symbol, sym};

/// The node is available, and the score of this very entry is not negative [PL-4].
#[must_use]
pub fn available_with_score(m: &Model, node: NodeIx, score: Score) -> bool {
    !score.is_negative() && m[node].available()
}

/// Available, and if it is a guest or bundle node, its launcher has an assigned node [PL-4].
#[must_use]
pub fn available_with_guest(m: &Model, node: NodeIx) -> bool {
    m[node].available()
        && (!m[node].is_guest() || launcher_of(m, node).is_none_or(|launcher| m.assigned_location(launcher).is_some()))
}

/// Whether any node of R's table is available with its score.
#[must_use]
pub fn any_available(m: &Model, r: ResourceIx) -> bool {
    m[r].table.iter().any(|(node, entry)| available_with_score(m, node, entry.score))
}

/// The resource that launches a guest or bundle node.
#[must_use]
pub fn launcher_of(m: &Model, node: NodeIx) -> Option<ResourceIx> {
    m[m[node].connection?].launcher
}

/// Where the launcher of a guest or bundle node is assigned.
#[must_use]
pub fn host_of(m: &Model, node: NodeIx) -> Option<NodeIx> {
    m[launcher_of(m, node)?].assigned_node()
}

/// The replicas of a bundle; of anything else none.
#[must_use]
pub fn replicas(m: &Model, r: ResourceIx) -> &[Replica] {
    m[r].bundle().map_or(&[], |bundle| &bundle.replicas)
}

/// The single location of R with the score that the node had when the first located leaf was assigned [CL-1.1].
#[must_use]
pub fn assigned_entry(m: &Model, r: ResourceIx) -> Option<(NodeIx, Score)> {
    let node = m.assigned_location(r)?;
    let leaf = m.leaves(r).into_iter().find_map(|leaf| m[leaf].assigned)?;
    Some((node, leaf.entry.score))
}

/// Whether R or anything below it has the flag.
#[must_use]
pub fn any_flag(m: &Model, r: ResourceIx, flag: ResourceFlags) -> bool {
    m[r].is(flag) || m[r].children.iter().any(|&child| any_flag(m, child, flag))
}

/// The integer after the last `:` of the ID, or, without `:`, after the last `-` [CL-1.1].
#[must_use]
pub fn instance_number(id: &str) -> i64 {
    let tail = id.rsplit_once(':').or_else(|| id.rsplit_once('-')).map_or("", |(_, tail)| tail);
    let digits = tail.bytes().take_while(u8::is_ascii_digit).count();
    tail[..digits].parse().unwrap_or(if digits == 0 { 0 } else { i64::MAX })
}

/// The value of a node attribute, looked up on behalf of R [PL-12.3]: for some guest nodes that of their host.
#[must_use]
pub fn attribute_for(m: &Model, node: NodeIx, name: Symbol, r: ResourceIx) -> Option<&str> {
    if m[node].is_guest() && asks_host(m, r, node) {
        return m.attribute(host_of(m, node)?, name);
    }
    m.attribute(node, name)
}

/// Whether attributes of this guest or bundle node come from its host when R asks.
fn asks_host(m: &Model, r: ResourceIx, node: NodeIx) -> bool {
    (m[node].kind == crate::model::NodeKind::Bundle && in_bundled_clone(m, r)) || targets_host(m, r)
}

fn in_bundled_clone(m: &Model, r: ResourceIx) -> bool {
    m[m.top(r)].kind() == Kind::Clone && m.in_bundle(r)
}

fn targets_host(m: &Model, r: ResourceIx) -> bool {
    m.meta(r, sym::CONTAINER_ATTRIBUTE_TARGET).is_some_and(|target| target.eq_ignore_ascii_case("host"))
}

/// Whether R may ever see the attributes of another node in place of a guest node's.
#[must_use]
pub fn may_ask_host(m: &Model, r: ResourceIx) -> bool {
    m.has_remote_nodes && (in_bundled_clone(m, r) || targets_host(m, r))
}

/// Whether a meta-attribute is a true boolean.
#[must_use]
pub fn meta_true(m: &Model, r: ResourceIx, name: Symbol) -> bool {
    is_true(m.meta(r, name))
}

/// A plain integer priority plus a score, saturating [PL-3.3].
#[must_use]
pub fn add_priority(priority: i32, score: Score) -> i32 {
    Score::raw(priority).add(score).value()
}

#[cfg(test)]
mod tests {
    use super::instance_number;

    #[test]
    fn instance_numbers_come_from_the_end_of_the_id() {
        assert_eq!(instance_number("dlm:12"), 12);
        assert_eq!(instance_number("httpd-bundle-docker-3"), 3);
        assert_eq!(instance_number("plain"), 0);
    }
}
