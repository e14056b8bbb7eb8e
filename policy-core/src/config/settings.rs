//! Meta-attributes of resources and what follows from them [IN-11].

use super::sets::{Mode, Scope, evaluate};
use crate::model::{Kind, Model, MultipleActive, QuorumPolicy, ResourceFlags, ResourceIx, Role, Symbol, TextMap, sym};
use cib_core::rules::{is_true, parse_boolean, parse_interval};

/// Fills the table and the settings of a resource; its parent's must be done.
pub(super) fn unpack(m: &mut Model, r: ResourceIx) {
    let meta = table(m, r);
    m[r].meta = meta;
    identify(m, r);
    managed(m, r);
    clone_flags(m, r);
    numbers(m, r);
    requires(m, r);
    timeouts(m, r);
    target_role(m, r);
}

/// The resolved table [IN-11.1].
fn table(m: &mut Model, r: ResourceIx) -> TextMap {
    let mut meta = TextMap::new();
    if let Some(number) = m[r].instance {
        let number = m.symbols.intern(&number.to_string());
        meta.set(sym::CLONE, number);
    }
    let element = m[r].element;
    {
        let Model { config, symbols, .. } = &mut *m;
        for (name, value) in config.attrs(element) {
            meta.set_if_absent(symbols.intern(name), symbols.intern(value));
        }
    }
    let scope = Scope { resource: Some(r), ..Scope::default() };
    evaluate(m, element, "meta_attributes", scope, Mode::Own, &mut meta);
    let mut ancestor = m[r].parent;
    while let Some(parent) = ancestor {
        let element = m[parent].element;
        evaluate(m, element, "meta_attributes", scope, Mode::Inherited, &mut meta);
        ancestor = m[parent].parent;
    }
    if let Some(defaults) = m.rsc_defaults {
        evaluate(m, defaults, "meta_attributes", scope, Mode::Own, &mut meta);
    }
    if let Some(parent) = m[r].parent {
        for (name, value) in m[parent].meta.iter() {
            meta.set_if_absent(name, value);
        }
    }
    meta
}

/// What class and agent make of a primitive.
fn identify(m: &mut Model, r: ResourceIx) {
    let is = |m: &Model, s: Option<Symbol>, text: &str| s.is_some_and(|s| m.text(s).eq_ignore_ascii_case(text));
    if m[r].is_primitive() {
        if is(m, m[r].class, "stonith") {
            m[r].flags.insert(ResourceFlags::FENCE_DEVICE);
            m.has_fence_device = true;
        }
        if is(m, m[r].class, "ocf") && is(m, m[r].provider, "pacemaker") && is(m, m[r].agent, "remote") {
            m[r].flags.insert(ResourceFlags::REMOTE_CONNECTION);
        }
    }
    let internal = is_true(m.meta(r, sym::INTERNAL_RSC));
    m[r].flags.set(ResourceFlags::INTERNAL, internal);
    let critical = m.meta(r, sym::CRITICAL).is_none_or(|v| parse_boolean(v) == Some(true));
    m[r].flags.set(ResourceFlags::CRITICAL, critical);
    let notify = is_true(m.meta(r, "notify"));
    m[r].flags.set(ResourceFlags::NOTIFY, notify);
    let migratable = match m.meta(r, sym::ALLOW_MIGRATE) {
        Some(value) => parse_boolean(value) == Some(true),
        None => is_true_remote(m, r),
    };
    m[r].flags.set(ResourceFlags::MIGRATABLE, migratable);
}

/// Connection of a remote node that is not a guest.
fn is_true_remote(m: &Model, r: ResourceIx) -> bool {
    m[r].is(ResourceFlags::REMOTE_CONNECTION) && !m[r].meta.contains(sym::CONTAINER)
}

fn managed(m: &mut Model, r: ResourceIx) {
    let mut managed = true;
    match m.meta(r, sym::IS_MANAGED) {
        None => {}
        Some(v) if v.eq_ignore_ascii_case("default") => deprecated_default(m, "is-managed"),
        Some(v) => managed = parse_boolean(v) == Some(true),
    }
    let maintenance = is_true(m.meta(r, sym::MAINTENANCE)) || m.options.maintenance_mode;
    m[r].flags.set(ResourceFlags::MANAGED, managed && !maintenance);
    m[r].flags.set(ResourceFlags::MAINTENANCE, maintenance);
}

fn deprecated_default(m: &mut Model, name: &str) {
    m.config_warning(format!(
        "Support for setting {name} to the explicit value 'default' is deprecated and will be removed in a future release \
         (just leave it unset)"
    ));
}

/// Unique and promotable [CL-2.3] [CL-2.4].
fn clone_flags(m: &mut Model, r: ResourceIx) {
    let top = m.top(r);
    let cloned = m[top].kind() == Kind::Clone;
    let unique = if cloned { super::clone::is_unique(m, r) } else { true };
    m[r].flags.set(ResourceFlags::UNIQUE, unique);
    let promotable = cloned && is_true(m.meta(r, sym::PROMOTABLE));
    m[r].flags.set(ResourceFlags::PROMOTABLE, promotable);
}

fn numbers(m: &mut Model, r: ResourceIx) {
    let id = m.id(r).to_owned();
    if let Some(text) = m.meta(r, sym::PRIORITY).map(str::to_owned) {
        match m.parse_score(&text) {
            Some(score) => m[r].priority = score.value(),
            None => m.config_warning(format!(
                "Using default (0) for resource {id} priority because '{text}' is not a valid value: Bad input value provided"
            )),
        }
    }
    match m.meta(r, sym::RESOURCE_STICKINESS).map(str::to_owned) {
        None => {}
        Some(text) if text.eq_ignore_ascii_case("default") => deprecated_default(m, "resource-stickiness"),
        Some(text) => match m.parse_score(&text) {
            Some(score) => m[r].stickiness = score,
            None => m.config_warning(format!(
                "Using default (0) for resource {id} resource-stickiness because '{text}' is not a valid value: \
                 Bad input value provided"
            )),
        },
    }
    match m.meta(r, sym::MIGRATION_THRESHOLD).map(str::to_owned) {
        None => {}
        Some(text) if text.eq_ignore_ascii_case("default") => deprecated_default(m, "migration-threshold"),
        Some(text) => match m.parse_score(&text).filter(|s| !s.is_negative()) {
            Some(score) => m[r].migration_threshold = score,
            None => m.config_warning(format!(
                "Using default (INFINITY) for resource {id} meta-attribute migration-threshold because '{text}' is not a \
                 valid value: Bad input value provided"
            )),
        },
    }
    if let Some(text) = m.meta(r, sym::MULTIPLE_ACTIVE).map(str::to_owned) {
        m[r].multiple_active = match text.to_ascii_lowercase().as_str() {
            "stop_only" => MultipleActive::StopOnly,
            "block" => MultipleActive::Block,
            "stop_unexpected" => MultipleActive::StopUnexpected,
            "stop_start" => MultipleActive::StopStart,
            _ => {
                m.config_warning(format!(
                    "{text} is not a valid value for multiple-active, using default of \"stop_start\""
                ));
                MultipleActive::StopStart
            }
        };
    }
}

/// [IN-11.3]
fn requires(m: &mut Model, r: ResourceIx) {
    let id = m.id(r).to_owned();
    let given = m.meta(r, sym::REQUIRES).map(str::to_owned);
    let mut value = match given.as_deref().map(str::to_ascii_lowercase).as_deref() {
        Some("nothing") => "nothing",
        Some("quorum") => "quorum",
        Some("fencing") => {
            if !m.options.fencing_enabled {
                m.config_warning(format!("{id} requires fencing but fencing is disabled"));
            }
            "fencing"
        }
        Some("unfencing") => "unfencing",
        _ => {
            let default = default_requires(m, r);
            if let Some(text) = &given {
                m.config_error(format!("Resetting 'requires' for {id} to '{default}' because '{text}' is not valid"));
            }
            default
        }
    };
    if value == "unfencing" {
        if m[r].is(ResourceFlags::FENCE_DEVICE) {
            m.config_warning(format!(
                "Resetting \"requires\" for {id} to \"quorum\" because fencing devices cannot require unfencing"
            ));
            value = "quorum";
        } else if !m.options.fencing_enabled {
            m.config_warning(format!("Resetting \"requires\" for {id} to \"quorum\" because fencing is disabled"));
            value = "quorum";
        }
    }
    let flags = &mut m[r].flags;
    flags.set(ResourceFlags::NEEDS_QUORUM, value == "quorum");
    flags.set(ResourceFlags::NEEDS_FENCING, value == "fencing" || value == "unfencing");
    flags.set(ResourceFlags::NEEDS_UNFENCING, value == "unfencing");
}

fn default_requires(m: &Model, r: ResourceIx) -> &'static str {
    let remote = m[r].is_primitive() && m[r].agent.is_some_and(|a| m.text(a).eq_ignore_ascii_case("remote"));
    if m[r].is(ResourceFlags::FENCE_DEVICE) || (remote && m[r].is(ResourceFlags::REMOTE_CONNECTION)) {
        "quorum"
    } else if m.unfencing {
        "unfencing"
    } else if m.options.fencing_enabled {
        "fencing"
    } else if m.options.no_quorum_policy == QuorumPolicy::Ignore {
        "nothing"
    } else {
        "quorum"
    }
}

fn timeouts(m: &mut Model, r: ResourceIx) {
    let timeout = m.meta(r, sym::FAILURE_TIMEOUT).and_then(|v| parse_interval(v).ok()).unwrap_or(0);
    m[r].failure_timeout_ms = timeout;
    if is_true_remote(m, r) {
        let parameters = super::parameters(m, r, None);
        if let Some(value) = parameters.get(sym::RECONNECT_INTERVAL) {
            let interval = parse_interval(m.text(value)).unwrap_or(0);
            m[r].reconnect_interval_ms = interval;
            m[r].failure_timeout_ms = interval;
        }
    }
}

/// [IN-11.4] [ST-12.6]
fn target_role(m: &mut Model, r: ResourceIx) {
    let role = read_target_role(m, r);
    m[r].target_role = role;
    if m[r].is_primitive() {
        m[r].next_role = role.unwrap_or_default();
    }
}

fn read_target_role(m: &mut Model, r: ResourceIx) -> Option<Role> {
    let text = m.meta(r, sym::TARGET_ROLE)?.to_owned();
    let id = m.id(r).to_owned();
    if text.eq_ignore_ascii_case("default") {
        deprecated_default(m, "target-role");
        return None;
    }
    match Role::parse(&text) {
        Some(Role::Started) => None,
        Some(Role::Stopped) => Some(Role::Stopped),
        Some(role @ (Role::Unpromoted | Role::Promoted)) => {
            if m[m.top(r)].is(ResourceFlags::PROMOTABLE) {
                (role == Role::Unpromoted).then_some(role)
            } else {
                m.config_error(format!(
                    "Ignoring 'target-role' for {id} because '{text}' only makes sense for promotable clones"
                ));
                None
            }
        }
        Some(Role::Unknown) | None => {
            m.config_error(format!("Ignoring 'target-role' for {id} because '{text}' is not valid"));
            None
        }
    }
}
