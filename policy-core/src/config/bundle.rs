//! Bundles and their expansion into replicas [IN-12.3] to [IN-12.7] [ST-19.3].

use super::bundle_settings::{Settings, add_defaults, addresses, control_port, host_entries, settings};
use super::implied::{Connection, append_connection, append_op, append_set};
use super::resources::{attach, holder, resource};
use crate::model::{
    BundleState, Element, Model, NodeEntry, NodeIx, NodeKind, NodeTable, ProbeMode, Replica, ResourceFlags, ResourceIx,
    Score, Variant, sym,
};

/// How many replicas a bundle may have: a bound on what a number in the configuration can cost.
const MAX_REPLICAS: i32 = 2_000;

/// Reads a bundle and makes all its parts.
pub(super) fn unpack(m: &mut Model, r: ResourceIx) -> bool {
    let Some(mut settings) = settings(m, r) else { return false };
    if settings.primitive.is_some() && settings.first_address.is_none() && settings.control_port.is_none() {
        let inner = settings.primitive.and_then(|p| m.config.id(p)).unwrap_or_default().to_owned();
        let text = format!("Cannot control {} inside {inner} without either ip-range-start or control-port", m.id(r));
        m.config_error(text);
        return false;
    }
    if settings.primitive.is_some() && settings.first_address.is_none() && settings.replicas_per_host > 1 {
        let text = format!("Using 1 replica per host for {} because an address range is not given", m.id(r));
        m.config_error(text);
        settings.replicas_per_host = 1;
    }
    if settings.replicas > MAX_REPLICAS {
        let text = format!("Ignoring {} because it has too many replicas ({})", m.id(r), settings.replicas);
        m.config_error(text);
        return false;
    }
    m[r].flags.set(ResourceFlags::UNIQUE, settings.replicas_per_host > 1);
    m[r].variant = Variant::Bundle(Box::new(BundleState {
        agent: Some(m.symbols.intern(settings.agent)),
        image: Some(m.symbols.intern(&settings.image)),
        replicas: Vec::new(),
        replicas_per_host: settings.replicas_per_host,
        promoted_max: settings.promoted_max,
        clone: None,
    }));
    let mut instances = Vec::new();
    let mut inner = None;
    if let Some(primitive) = settings.primitive {
        let Some(clone) = implicit_clone(m, r, primitive, &settings) else { return false };
        add_defaults(&mut settings);
        instances = m[clone].children.clone();
        inner = Some(clone);
        adopt_instances(m, r, clone, &instances);
    }
    let count = if inner.is_some() { instances.len() } else { settings.replicas as usize };
    let addresses = addresses(settings.first_address.as_deref(), count);
    let hosts = host_entries(m.id(r), settings.add_host, &addresses);
    for (number, address) in addresses.iter().enumerate() {
        let child = instances.get(number).copied();
        if !replica(m, r, &settings, number as u32, child, address.as_deref(), &hosts, inner) {
            return false;
        }
    }
    if let Some(clone) = inner {
        m[r].children.push(clone);
    }
    if let Some(state) = m[r].bundle_mut() {
        state.clone = inner;
    }
    true
}

/// The clone around the bundle's primitive.
fn implicit_clone(m: &mut Model, r: ResourceIx, primitive: Element, settings: &Settings) -> Option<ResourceIx> {
    let id = m.id(r).to_owned();
    let holder = holder(m);
    let clone = m.config.append(holder, "clone");
    let suffix = if settings.promoted_max > 0 { "master" } else { "clone" };
    m.config.set_attr(clone, "id", &format!("{id}-{suffix}"));
    let replicas = settings.replicas.to_string();
    let per_host = settings.replicas_per_host.to_string();
    let promoted_max = settings.promoted_max.to_string();
    let promotable = settings.promoted_max > 0;
    let pairs = [
        ("ordered", Some("true")),
        ("clone-max", Some(&*replicas)),
        ("clone-node-max", Some(&*per_host)),
        ("globally-unique", Some(if settings.replicas_per_host > 1 { "true" } else { "false" })),
        ("promotable", promotable.then_some("true")),
        ("promoted-max", promotable.then_some(&*promoted_max)),
    ];
    append_set(m, clone, "meta_attributes", &format!("{id}-clone-meta"), &pairs);
    m.config.duplicate(clone, None, primitive);
    resource(m, clone, Some(r), None)
}

/// What instances mean for the bundle and its clone.
fn adopt_instances(m: &mut Model, r: ResourceIx, clone: ResourceIx, instances: &[ResourceIx]) {
    for &instance in instances {
        m[instance].flags.insert(ResourceFlags::EXCLUSIVE_PROBES);
        if m[instance].is(ResourceFlags::NOTIFY) {
            m[clone].flags.insert(ResourceFlags::NOTIFY);
        }
        if let Some(target) = m[instance].meta.get(sym::CONTAINER_ATTRIBUTE_TARGET) {
            m[r].meta.set(sym::CONTAINER_ATTRIBUTE_TARGET, target);
            m[clone].meta.set(sym::CONTAINER_ATTRIBUTE_TARGET, target);
        }
    }
}

/// Makes the parts of one replica.
#[allow(clippy::too_many_arguments)]
fn replica(
    m: &mut Model,
    r: ResourceIx,
    settings: &Settings,
    number: u32,
    child: Option<ResourceIx>,
    address: Option<&str>,
    hosts: &str,
    clone: Option<ResourceIx>,
) -> bool {
    let Some(container) = container(m, r, settings, number, address, hosts) else { return false };
    adopt(m, r, container, number);
    m[container].flags.insert(ResourceFlags::REPLICA_CONTAINER);
    let mut new = Replica {
        number,
        container,
        ip: None,
        connection: None,
        child,
        node: None,
        address: address.map(|a| m.symbols.intern(a)),
    };
    if let Some(address) = address {
        let Some(ip) = ip(m, r, settings, number, address) else { return false };
        adopt(m, r, ip, number);
        new.ip = Some(ip);
    }
    if let (Some(child), Some(clone)) = (child, clone) {
        let Some((connection, node)) = connection(m, r, settings, number, child, container, address, clone) else {
            return false;
        };
        adopt(m, r, connection, number);
        m[child].replica = Some((r, number));
        m[connection].flags.insert(ResourceFlags::REMOTE_NESTING_ALLOWED);
        if let Some(address) = new.address {
            m[child].meta.set(sym::EXTERNAL_IP, address);
        }
        let utilization = std::mem::take(&mut m[child].utilization);
        m[child].utilization = std::mem::replace(&mut m[container].utilization, utilization);
        new.connection = Some(connection);
        new.node = Some(node);
    }
    if let Some(state) = m[r].bundle_mut() {
        state.replicas.push(new);
    }
    true
}

fn adopt(m: &mut Model, bundle: ResourceIx, part: ResourceIx, number: u32) {
    m[bundle].children.push(part);
    m[part].replica = Some((bundle, number));
}

fn new_primitive(m: &mut Model, id: &str, provider: &str, agent: &str) -> Element {
    let holder = holder(m);
    let element = m.config.append(holder, "primitive");
    for (name, value) in [("id", id), ("class", "ocf"), ("provider", provider), ("type", agent)] {
        m.config.set_attr(element, name, value);
    }
    element
}

/// The container [ST-19.5].
fn container(
    m: &mut Model,
    r: ResourceIx,
    settings: &Settings,
    number: u32,
    address: Option<&str>,
    hosts: &str,
) -> Option<ResourceIx> {
    let bundle = m.id(r).to_owned();
    let id = valid_id(&format!("{bundle}-{}-{number}", settings.agent));
    let element = new_primitive(m, &id, "heartbeat", settings.agent);
    let run_opts = run_options(settings, &format!("{bundle}-{number}"), address, hosts);
    let own: Vec<String> = settings
        .mounts
        .iter()
        .filter(|mount| mount.subdirectory)
        .map(|mount| format!("{}/{bundle}-{number}", mount.source))
        .collect();
    let own = own.join(",");
    let run_cmd = match settings.primitive {
        Some(_) => Some(settings.run_command.as_deref().unwrap_or("/usr/sbin/pacemaker-remoted")),
        None => settings.run_command.as_deref(),
    };
    let pairs = [
        ("image", Some(settings.image.as_str())),
        ("allow_pull", Some("true")),
        ("force_kill", Some("false")),
        ("reuse", Some("false")),
        ("run_opts", Some(&*run_opts)),
        ("mount_points", Some(&*own)),
        ("run_cmd", run_cmd),
        ("monitor_cmd", Some("/bin/true")),
    ];
    append_set(m, element, "instance_attributes", &format!("{bundle}-attributes-{number}"), &pairs);
    let operations = m.config.append(element, "operations");
    append_op(m, operations, &format!("{id}-monitor-60s"), "60s", "monitor", None);
    resource(m, element, Some(r), None)
}

fn run_options(settings: &Settings, name: &str, address: Option<&str>, hosts: &str) -> String {
    let mut options = String::new();
    if settings.agent == "docker" {
        options.push_str(" --restart=no");
    }
    if settings.first_address.is_some() {
        options.push_str(&format!(" -h {name}"));
    }
    options.push_str(" -e PCMK_stderr=1");
    if let Some(network) = &settings.host_network {
        options.push_str(&format!(" --net={network}"));
    }
    options.push_str(&format!(" -e PCMK_remote_port={}", control_port(settings)));
    for mount in &settings.mounts {
        let below = if mount.subdirectory { format!("/{name}") } else { String::new() };
        options.push_str(&format!(" -v {}{below}:{}", mount.source, mount.target));
        if let Some(extra) = &mount.options {
            options.push_str(&format!(":{extra}"));
        }
    }
    for (source, target) in &settings.ports {
        if let Some(address) = address {
            options.push_str(&format!(" -p {address}:{source}:{target}"));
        } else if settings.host_network.as_deref() != Some("host") {
            options.push_str(&format!(" -p {source}:{target}"));
        }
    }
    if let Some(extra) = &settings.options {
        options.push_str(&format!(" {extra}"));
    }
    options.push(' ');
    options.push_str(hosts);
    options
}

/// The address [ST-19.6].
fn ip(m: &mut Model, r: ResourceIx, settings: &Settings, number: u32, address: &str) -> Option<ResourceIx> {
    let bundle = m.id(r).to_owned();
    let id = valid_id(&format!("{bundle}-ip-{address}"));
    let element = new_primitive(m, &id, "heartbeat", "IPaddr2");
    let pairs = [
        ("ip", Some(address)),
        ("nic", settings.interface.as_deref()),
        ("cidr_netmask", Some(settings.netmask.as_deref().unwrap_or("32"))),
    ];
    append_set(m, element, "instance_attributes", &format!("{bundle}-attributes-{number}"), &pairs);
    let operations = m.config.append(element, "operations");
    append_op(m, operations, &format!("{id}-monitor-60s"), "60s", "monitor", None);
    resource(m, element, Some(r), None)
}

/// The connection and the bundle node [ST-19.7].
#[allow(clippy::too_many_arguments)]
fn connection(
    m: &mut Model,
    r: ResourceIx,
    settings: &Settings,
    number: u32,
    child: ResourceIx,
    container: ResourceIx,
    address: Option<&str>,
    clone: ResourceIx,
) -> Option<(ResourceIx, NodeIx)> {
    let mut name = format!("{}-{number}", m.id(r));
    if m.resource(name.as_str()).is_some() {
        name = format!("pcmk-internal-{}-remote-{number}", m.id(child));
    }
    let launcher = m.id(container).to_owned();
    let holder = holder(m);
    let wanted = Connection {
        name: &name,
        launcher: &launcher,
        address: Some(address.unwrap_or("#uname")),
        port: Some(control_port(settings)),
        ..Connection::default()
    };
    let element = append_connection(m, holder, &wanted);
    let node = bundle_node(m, &name);
    let own = NodeEntry { score: Score::clamped(500), probe: ProbeMode::Exclusive, count: 0 };
    let mut table = NodeTable::new();
    table.insert(node, own);
    m[child].table = table;
    m[clone].table.insert(node, NodeEntry { score: Score::NEG_INFINITY, ..own });
    let connection = resource(m, element, Some(r), None)?;
    let remote: Vec<NodeIx> = m[connection].table.iter().map(|(n, _)| n).filter(|&n| m[n].is_remote_type()).collect();
    for other in remote {
        if let Some(entry) = m[connection].table.get_mut(other) {
            entry.score = Score::NEG_INFINITY;
        }
    }
    m[connection].launcher = Some(container);
    attach(m, connection, node, NodeKind::Bundle);
    Some((connection, node))
}

/// Makes or finds the bundle node, and bans it for everything read so far.
fn bundle_node(m: &mut Model, name: &str) -> NodeIx {
    let node = match m.node(name) {
        Some(node) => node,
        None => super::nodes::create(m, name, name, NodeKind::Remote, Score::NEG_INFINITY),
    };
    m[node].base.score = Score::NEG_INFINITY;
    m[node].base.probe = ProbeMode::Never;
    for at in 0..m.top.len() {
        for r in m.family(m.top[at]) {
            if let Some(entry) = m[r].table.get_mut(node) {
                entry.score = Score::NEG_INFINITY;
                entry.probe = ProbeMode::Never;
            }
        }
    }
    node
}

/// Makes a valid XML id: one dot for each byte of a character that a name cannot have [IN-12.7].
pub(crate) fn valid_id(text: &str) -> String {
    let mut id = String::with_capacity(text.len());
    for (at, c) in text.char_indices() {
        if at == 0 && !is_name_start(c) {
            id.push('_');
            id.extend(std::iter::repeat_n('.', c.len_utf8() - 1));
        } else if is_name_char(c) {
            id.push(c);
        } else {
            id.extend(std::iter::repeat_n('.', c.len_utf8()));
        }
    }
    id
}

fn is_name_start(c: char) -> bool {
    matches!(c, ':' | '_' | 'A'..='Z' | 'a'..='z'
        | '\u{C0}'..='\u{D6}' | '\u{D8}'..='\u{F6}' | '\u{F8}'..='\u{2FF}' | '\u{370}'..='\u{37D}'
        | '\u{37F}'..='\u{1FFF}' | '\u{200C}'..='\u{200D}' | '\u{2070}'..='\u{218F}' | '\u{2C00}'..='\u{2FEF}'
        | '\u{3001}'..='\u{D7FF}' | '\u{F900}'..='\u{FDCF}' | '\u{FDF0}'..='\u{FFFD}' | '\u{10000}'..='\u{EFFFF}')
}

fn is_name_char(c: char) -> bool {
    is_name_start(c) || matches!(c, '-' | '.' | '0'..='9' | '\u{B7}' | '\u{300}'..='\u{36F}' | '\u{203F}'..='\u{2040}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_valid() {
        assert_eq!(valid_id("1-fail"), "_-fail");
        assert_eq!(valid_id("a#b c"), "a.b.c");
        assert_eq!(valid_id("b-ip-10.0.0.1"), "b-ip-10.0.0.1");
    }
}
