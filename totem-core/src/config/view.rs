//! Keys that every daemon shows, whatever its configuration [QG-7.3].

use super::{Cmap, Config, Value};

/// Services with a number, their names, and how many functions their messages have.
const SERVICES: &[(u16, &str, u32)] = &[
    (0, "cmap", 1),
    (1, "cfg", 5),
    (2, "cpg", 7),
    (3, "quorum", 0),
    (4, "pload", 2),
    (5, "votequorum", 4),
    (6, "mon", 0),
    (7, "wd", 0),
];

fn put(map: &mut Cmap, key: impl AsRef<str>, value: Value) {
    // Names are valid by construction.
    let _ = map.set(key.as_ref(), value);
}

/// Adds the keys about services and switches that a daemon has from its start.
pub(super) fn publish_services(map: &mut Cmap) {
    for (id, name, functions) in SERVICES {
        put(map, format!("internal_configuration.service.{id}.name"), Value::Str(format!("corosync_{name}")));
        put(map, format!("internal_configuration.service.{id}.ver"), Value::U32(0));
        put(map, format!("runtime.services.{name}.service_id"), Value::U16(*id));
        for function in 0..*functions {
            put(map, format!("runtime.services.{name}.{function}.tx"), Value::U64(0));
            put(map, format!("runtime.services.{name}.{function}.rx"), Value::U64(0));
        }
    }
    for key in ["runtime.blackbox.dump_flight_data", "runtime.blackbox.dump_state", "runtime.force_gather"] {
        put(map, key, Value::Str("no".into()));
    }
}

impl Config {
    /// The key store as clients of a running node see it from the start: this configuration, effective values, and the
    /// keys about services. Services add to it with the keys they tell.
    pub fn view(&self) -> Cmap {
        let mut map = self.map.clone();
        publish_services(&mut map);
        map.take_changes();
        map
    }
}

/// Counts a message of a service, sent or delivered, in `runtime.services.<name>.<function>.tx` and `.rx`.
pub fn count_message(map: &mut Cmap, service: u16, function: u16, sent: bool) {
    let Some((_, name, functions)) = SERVICES.iter().find(|(id, ..)| *id == service) else { return };
    if u32::from(function) < *functions {
        let key = format!("runtime.services.{name}.{function}.{}", if sent { "tx" } else { "rx" });
        let count = map.get_u64(&key).unwrap_or(0);
        put(map, key, Value::U64(count.wrapping_add(1)));
    }
}
