//! The section `logging {}`: destinations, priorities and their words [QG-9.4].

use super::error::{Invalid, Problem};
use super::{Cmap, Value, Warning};

const PRIORITIES: &[&str] = &["alert", "crit", "debug", "emerg", "err", "info", "notice", "warning"];
const FACILITIES: &[&str] = &[
    "auth", "authpriv", "cron", "daemon", "ftp", "kern", "local0", "local1", "local2", "local3", "local4", "local5",
    "local6", "local7", "lpr", "mail", "news", "syslog", "user", "uucp",
];
const SWITCHES: &[&str] = &["yes", "on", "no", "off"];

/// Where one subsystem's messages go; the main settings are those of the subsystem without a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Logging {
    /// `to_stderr`.
    pub to_stderr: bool,
    /// `to_syslog`.
    pub to_syslog: bool,
    /// `logfile`, if `to_logfile` is on.
    pub logfile: Option<String>,
    /// `debug`: `off`, `on` or `trace`.
    pub debug: String,
    /// `timestamp`: `off`, `on` or `hires`.
    pub timestamp: String,
}

/// Known values of each key, and what is said of others.
fn words(key: &str) -> Option<(&'static [&'static str], &'static str)> {
    Some(match key {
        "to_stderr" => (SWITCHES, "unknown value for to_stderr"),
        "to_syslog" => (SWITCHES, "unknown value for to_syslog"),
        "to_logfile" | "to_file" => (SWITCHES, "unknown value for to_logfile"),
        "logfile_priority" => (PRIORITIES, "unknown logfile priority specified"),
        "syslog_priority" | "syslog_level" => (PRIORITIES, "unknown syslog priority specified"),
        "syslog_facility" => (FACILITIES, "unknown syslog facility specified"),
        "debug" => (&["off", "on", "trace"], "unknown value for debug"),
        "timestamp" => (&["off", "on", "hires"], "unknown value for timestamp"),
        "fileline" => (&["off", "on"], "unknown value for fileline"),
        "function_name" => (&["off", "on"], "unknown value for function_name"),
        "blackbox" => (&["off", "on"], "unknown value for blackbox"),
        _ => return None,
    })
}

pub(super) fn read(map: &Cmap, warnings: &mut Vec<Warning>) -> Result<Logging, Invalid> {
    for (key, value) in map.prefixed("logging.") {
        let (Some(name), Value::Str(text)) = (key.rsplit('.').next(), value) else { continue };
        let Some((allowed, problem)) = words(name) else { continue };
        if !allowed.contains(&text.as_str()) {
            return Err(Invalid::new(Problem::Logging(problem.to_owned())).at(key, text, allowed.join(", ")));
        }
        if matches!(name, "to_file" | "syslog_level") {
            warnings.push(Warning::ObsoleteLogging(name.to_owned()));
        }
    }
    let on = |key: &str| map.get_str(&format!("logging.{key}")).map(|text| text == "yes" || text == "on");
    let text = |key: &str, default: &str| map.get_str(&format!("logging.{key}")).unwrap_or(default).to_owned();
    let to_logfile = on("to_logfile").or_else(|| on("to_file")).unwrap_or(false);
    Ok(Logging {
        to_stderr: on("to_stderr").unwrap_or(true),
        to_syslog: on("to_syslog").unwrap_or(true),
        logfile: map.get_str("logging.logfile").filter(|_| to_logfile).map(str::to_owned),
        debug: text("debug", "off"),
        timestamp: text("timestamp", "hires"),
    })
}
