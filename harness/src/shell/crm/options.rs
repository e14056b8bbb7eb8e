//! Level `options` [SH-15.6].

use std::collections::BTreeMap;

use cib_core::crmsh::Preferences;
use cib_core::rules::is_true;

use super::session::Session;

/// name, default, allowed values: empty for any, `bool` for a boolean
const KNOWN: [(&str, &str, &[&str]); 22] = [
    ("core.skill_level", "expert", &["operator", "administrator", "expert"]),
    ("core.sort_elements", "yes", &["bool"]),
    ("core.check_frequency", "always", &["always", "on-verify", "never"]),
    ("core.check_mode", "strict", &["strict", "relaxed"]),
    ("core.wait", "no", &["bool"]),
    ("core.force", "no", &["bool"]),
    ("core.add_quotes", "yes", &["bool"]),
    ("core.manage_children", "ask", &["ask", "never", "always"]),
    ("core.ignore_missing_metadata", "no", &["bool"]),
    ("core.OCF_1_1_SUPPORT", "no", &["bool"]),
    ("core.obscure_pattern", "passw*", &[]),
    ("core.editor", "", &[]),
    ("core.pager", "", &[]),
    ("core.user", "", &[]),
    ("core.debug", "no", &["bool"]),
    ("core.ptest", "", &[]),
    ("core.dotty", "", &[]),
    ("core.dot", "", &[]),
    ("core.lock_timeout", "120", &[]),
    ("core.report_tool_options", "", &[]),
    // Whether files are read as the released program reads them, without characters outside ASCII.
    ("core.ascii_files", "yes", &["bool"]),
    ("color.style", "color", &["plain", "color-always", "color", "uppercase"]),
];

/// What the user has set.
#[derive(Debug, Default)]
pub(super) struct Options(BTreeMap<&'static str, String>);

impl Options {
    pub(super) fn get(&self, name: &str) -> &str {
        let default = KNOWN.iter().find(|known| known.0 == name).map_or("", |known| known.1);
        self.0.get(name).map_or(default, String::as_str)
    }

    pub(super) fn is_true(&self, name: &str) -> bool {
        is_true(Some(self.get(name)))
    }

    pub(super) fn set(&mut self, name: &str, value: &str) -> Result<(), String> {
        if !name.contains('.') {
            return Err(format!("Unknown option: {name}"));
        }
        let known = KNOWN.iter().find(|known| known.0 == name);
        let (name, _, allowed) = known.ok_or_else(|| format!("Setting invalid option {name}"))?;
        let words = ["yes", "true", "on", "1", "no", "false", "off", "0"];
        if *allowed == ["bool"] && !words.contains(&value) {
            return Err(format!("Not a boolean: {value} (try one of: {})", words.join(", ")));
        }
        if !allowed.is_empty() && *allowed != ["bool"] && !allowed.contains(&value) {
            return Err(format!("{value} not in {}", allowed.join(", ")));
        }
        self.0.insert(name, value.to_owned());
        Ok(())
    }

    pub(super) fn preferences(&self) -> Preferences {
        Preferences {
            sort: self.is_true("core.sort_elements"),
            obscured: self.get("core.obscure_pattern").split_whitespace().map(str::to_owned).collect(),
            new_role_names: self.is_true("core.OCF_1_1_SUPPORT"),
            ascii: self.is_true("core.ascii_files"),
        }
    }
}

pub(super) fn set(session: &mut Session, arguments: &[String]) -> bool {
    match session.options.set(&arguments[0], &arguments[1]) {
        Ok(()) => true,
        Err(text) => session.fail(&text),
    }
}

pub(super) fn show(session: &mut Session, arguments: &[String]) -> bool {
    let wanted = arguments.first().map(String::as_str).filter(|name| *name != "all");
    for (name, _, _) in KNOWN {
        let short = name.split_once('.').map_or(name, |(_, short)| short);
        if wanted.is_none_or(|wanted| wanted == name || wanted == short) {
            println!("{name} = {}", session.options.get(name));
        }
    }
    println!();
    true
}

pub(super) fn reset(session: &mut Session, _arguments: &[String]) -> bool {
    session.options = Options::default();
    true
}

/// Options live as long as the session.
pub(super) fn save(session: &mut Session, _arguments: &[String]) -> bool {
    session.fail("options are kept for this session only")
}
