//! What a bundle's configuration says [IN-12.3] [IN-12.5].

use crate::model::{Element, Model, ResourceIx};
use cib_core::rules::{integer_with_minimum, parse_boolean};

/// A directory or file of the host in the container.
pub(super) struct Mount {
    pub(super) source: String,
    pub(super) target: String,
    pub(super) options: Option<String>,
    /// Each replica has its own directory below the source.
    pub(super) subdirectory: bool,
}

/// The configured settings.
pub(super) struct Settings {
    pub(super) agent: &'static str,
    pub(super) image: String,
    pub(super) run_command: Option<String>,
    pub(super) options: Option<String>,
    pub(super) host_network: Option<String>,
    pub(super) replicas: i32,
    pub(super) replicas_per_host: i32,
    pub(super) promoted_max: i32,
    pub(super) first_address: Option<String>,
    pub(super) netmask: Option<String>,
    pub(super) interface: Option<String>,
    pub(super) control_port: Option<String>,
    pub(super) add_host: bool,
    pub(super) ports: Vec<(String, String)>,
    pub(super) mounts: Vec<Mount>,
    pub(super) primitive: Option<Element>,
}

pub(super) fn settings(m: &mut Model, r: ResourceIx) -> Option<Settings> {
    let doc = &m.config;
    let element = m[r].element;
    let (agent, container) = match (doc.child(element, "docker"), doc.child(element, "podman")) {
        (Some(docker), _) => ("docker", docker),
        (None, Some(podman)) => ("podman", podman),
        (None, None) => return None,
    };
    let text = |n: Element, name: &str| doc.attr(n, name).map(str::to_owned);
    let promoted_max = integer_with_minimum(doc.attr(container, "promoted-max"), 0);
    let replicas = match doc.attr(container, "replicas") {
        None if promoted_max > 0 => promoted_max,
        value => integer_with_minimum(value, 1),
    };
    let network = doc.child(element, "network");
    let of_network = |name: &str| network.and_then(|n| text(n, name));
    let mut errors = Vec::new();
    let settings = Settings {
        agent,
        image: text(container, "image").unwrap_or_default(),
        run_command: text(container, "run-command"),
        options: text(container, "options"),
        host_network: text(container, "network"),
        replicas,
        replicas_per_host: integer_with_minimum(doc.attr(container, "replicas-per-host"), 1),
        promoted_max,
        first_address: of_network("ip-range-start"),
        netmask: of_network("host-netmask"),
        interface: of_network("host-interface"),
        control_port: of_network("control-port"),
        add_host: network.is_some_and(|n| doc.attr(n, "add-host").and_then(parse_boolean).unwrap_or(true)),
        ports: network.map(|n| ports(m, n, &mut errors)).unwrap_or_default(),
        mounts: doc.child(element, "storage").map(|s| mounts(m, s, &mut errors)).unwrap_or_default(),
        primitive: doc.child(element, "primitive"),
    };
    for error in errors {
        m.config_error(error);
    }
    Some(settings)
}

fn ports(m: &Model, network: Element, errors: &mut Vec<String>) -> Vec<(String, String)> {
    let doc = &m.config;
    let mut ports = Vec::new();
    for mapping in doc.children_named(network, "port-mapping") {
        let source = doc.attr(mapping, "port").or_else(|| doc.attr(mapping, "range"));
        let target = match doc.attr(mapping, "port") {
            Some(_) => doc.attr(mapping, "internal-port"),
            None => None,
        };
        match source.filter(|s| !s.is_empty()) {
            Some(source) => ports.push((source.to_owned(), target.unwrap_or(source).to_owned())),
            None => errors.push("Invalid port directive".to_owned()),
        }
    }
    ports
}

fn mounts(m: &Model, storage: Element, errors: &mut Vec<String>) -> Vec<Mount> {
    let doc = &m.config;
    let mut mounts = Vec::new();
    for mapping in doc.children_named(storage, "storage-mapping") {
        let (source, subdirectory) = match doc.attr(mapping, "source-dir") {
            Some(source) => (Some(source), false),
            None => (doc.attr(mapping, "source-dir-root"), true),
        };
        match (source, doc.attr(mapping, "target-dir")) {
            (Some(source), Some(target)) => mounts.push(Mount {
                source: source.to_owned(),
                target: target.to_owned(),
                options: doc.attr(mapping, "options").map(str::to_owned),
                subdirectory,
            }),
            _ => errors.push("Invalid mount directive".to_owned()),
        }
    }
    mounts
}

/// What a bundle with a primitive always has: the key, a directory for logs, and the control port.
pub(super) fn add_defaults(settings: &mut Settings) {
    let logs = settings.mounts.iter().any(|mount| mount.target == "/var/log");
    settings.mounts.push(Mount {
        source: "/etc/pacemaker/authkey".to_owned(),
        target: "/etc/pacemaker/authkey".to_owned(),
        options: None,
        subdirectory: false,
    });
    if !logs {
        settings.mounts.push(Mount {
            source: "/var/log/pacemaker/bundles".to_owned(),
            target: "/var/log".to_owned(),
            options: None,
            subdirectory: true,
        });
    }
    let port = control_port(settings).to_owned();
    settings.ports.push((port.clone(), port));
}

pub(super) fn control_port(settings: &Settings) -> &str {
    settings.control_port.as_deref().unwrap_or("3121")
}

/// The addresses of the replicas [ST-19.4].
pub(super) fn addresses(first: Option<&str>, count: usize) -> Vec<Option<String>> {
    let mut addresses: Vec<Option<String>> = Vec::with_capacity(count);
    for _ in 0..count {
        let next = match addresses.last() {
            Some(Some(previous)) => next_address(previous),
            _ => first.map(str::to_owned),
        };
        addresses.push(next);
    }
    addresses
}

fn next_address(previous: &str) -> Option<String> {
    let mut numbers = previous.split('.').map(|n| n.parse::<u32>());
    let mut next = || numbers.next()?.ok();
    let (a, b, c, d) = (next()?, next()?, next()?, next()?);
    if c > 253 {
        None
    } else if d > 253 {
        Some(format!("{a}.{b}.{}.1", c + 1))
    } else {
        Some(format!("{a}.{b}.{c}.{}", d + 1))
    }
}

/// The options that make all replicas known to each other by name.
pub(super) fn host_entries(id: &str, add_host: bool, addresses: &[Option<String>]) -> String {
    let mut entries = String::new();
    for (number, address) in addresses.iter().enumerate() {
        let Some(address) = address else { continue };
        entries.push_str(&if add_host {
            format!(" --add-host={id}-{number}:{address}")
        } else {
            format!(" --hosts-entry={address}={id}-{number}")
        });
    }
    entries
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_count_up() {
        let all = addresses(Some("10.0.0.253"), 4);
        let all: Vec<&str> = all.iter().map(|a| a.as_deref().unwrap_or("-")).collect();
        assert_eq!(all, ["10.0.0.253", "10.0.0.254", "10.0.1.1", "10.0.1.2"]);
        assert_eq!(next_address("10.0.254.1"), None);
        assert_eq!(next_address("fe80::1"), None);
    }
}
