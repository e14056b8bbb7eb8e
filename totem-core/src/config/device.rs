//! `quorum.device {}`: which device, whom it asks and by what rules [QG-4.3, QG-4.8, QG-4.9]. Beside the original's model
//! `net` this engine has `ping` and `disk`. Only what drives a device reads these keys; counting votes does not.

use std::net::IpAddr;
use std::time::Duration;

use super::error::{Invalid, Problem};
use super::{Cmap, Config};
use crate::quorum::PingRule;
use crate::quorum::arbiter::{Algorithm, Preference};
use crate::wire::NodeId;

/// A device that can be driven.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSettings {
    /// `timeout`: how long a vote lasts without a poll.
    pub timeout: Duration,
    /// `sync_timeout`: the same while a ring is formed.
    pub sync_timeout: Duration,
    /// `master_wins`, if set.
    pub master_wins: bool,
    /// Whom it asks.
    pub model: DeviceModel,
    /// Own checks, where there are any.
    pub heuristics: Option<HeuristicsSettings>,
}

/// Whom a device asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DeviceModel {
    /// `net`: an arbiter.
    Net(NetSettings),
    /// `ping`: addresses that answer, or do not.
    Ping {
        /// `ping.address`: one or several, separated by blanks.
        targets: Vec<IpAddr>,
        /// `ping.rule`: `any` or `all` of them must answer.
        rule: PingRule,
        /// `ping.interval` between two questions, 1000..120000 ms, by default half of the device's timeout.
        interval: Duration,
        /// `ping.timeout` of an answer, 100..120000 ms and below the interval, by default half of it.
        timeout: Duration,
    },
    /// `disk`: slots on a device or file that all nodes share.
    Disk {
        /// `disk.path`.
        path: String,
        /// `disk.interval` between two writes, 100..60000 ms, by default 1000.
        interval: Duration,
        /// `disk.patience`: intervals after which a slot that stands still is dead, 2..100, by default 5.
        patience: u32,
    },
}

/// `net {}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NetSettings {
    /// `host`.
    pub host: String,
    /// `port`.
    pub port: u16,
    /// `algorithm`.
    pub algorithm: Algorithm,
    /// `tie_breaker`.
    pub preference: Preference,
    /// `connect_timeout`.
    pub connect_timeout: Duration,
    /// `force_ip_version`: 4, 6, or 0 for both.
    pub ip_version: u8,
    /// `keep_active_partition_tie_breaker`.
    pub keep_active: bool,
    /// `totem.cluster_name`.
    pub cluster: String,
}

/// `heuristics {}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeuristicsSettings {
    /// Time for checks that run by themselves.
    pub timeout: Duration,
    /// Time for checks after a change of membership.
    pub sync_timeout: Duration,
    /// Between two checks that run by themselves; with mode `sync` there are none.
    pub interval: Option<Duration>,
    /// Program and arguments of every command, by name.
    pub commands: Vec<(String, Vec<String>)>,
}

/// Most commands.
const COMMANDS: usize = 32;

struct Keys<'a>(&'a Cmap);

impl Keys<'_> {
    fn text(&self, key: &str) -> Option<&str> {
        self.0.get_str(&format!("quorum.device.{key}")).filter(|text| !text.is_empty())
    }

    fn wrong(key: &str, value: impl ToString, allowed: &str, text: impl Into<String>) -> Invalid {
        Invalid::new(Problem::Device(text.into())).at(format!("quorum.device.{key}"), value, allowed)
    }

    /// Milliseconds within a range. `text` is the original's message, if it has one.
    fn ms(&self, key: &str, range: (u32, u32), default: Duration, text: &str) -> Result<Duration, Invalid> {
        let (least, most) = range;
        let allowed = format!("{least}..{most} ms");
        match self.text(key) {
            None => Ok(default),
            Some(value) => match value.parse::<u32>() {
                Ok(n) if (least..=most).contains(&n) => Ok(Duration::from_millis(n.into())),
                _ if text.is_empty() => {
                    let text = format!("quorum.device.{key} must be in range {least}-{most}");
                    Err(Keys::wrong(key, value, &allowed, text))
                }
                _ => Err(Keys::wrong(key, value, &allowed, text)),
            },
        }
    }

    fn switch(&self, key: &str, default: bool) -> Result<bool, Invalid> {
        match self.text(key) {
            None => Ok(default),
            Some("on") => Ok(true),
            Some("off") => Ok(false),
            Some(other) => {
                Err(Keys::wrong(key, other, "on or off", format!("quorum.device.{key} value is not valid.")))
            }
        }
    }
}

impl DeviceSettings {
    /// The device that a configuration names; none if it names none.
    ///
    /// # Errors
    /// The first key that does not fit.
    pub fn read(config: &Config) -> Result<Option<DeviceSettings>, Invalid> {
        let Some(section) = &config.quorum.device else { return Ok(None) };
        let keys = Keys(&config.map);
        let model = match section.model.as_str() {
            "net" => DeviceModel::Net(read_net(&keys, config, section.timeout)?),
            "ping" => read_ping(&keys, section.timeout)?,
            "disk" => read_disk(&keys, section.sync_timeout)?,
            other => {
                let text = format!("Unknown quorum device model {other}");
                return Err(Keys::wrong("model", other, "net, ping or disk", text));
            }
        };
        Ok(Some(DeviceSettings {
            timeout: section.timeout,
            sync_timeout: section.sync_timeout,
            master_wins: config.map.get_u8("quorum.device.master_wins").is_some_and(|v| v != 0),
            model,
            heuristics: read_heuristics(&keys, section.timeout, section.sync_timeout)?,
        }))
    }
}

/// The heartbeat of a device with this timeout [QG-4.3].
pub(crate) fn heartbeat(timeout: Duration) -> Duration {
    timeout.mul_f64(0.8).clamp(Duration::from_secs(1), Duration::from_secs(120))
}

fn read_net(keys: &Keys<'_>, config: &Config, timeout: Duration) -> Result<NetSettings, Invalid> {
    let required = |key: &str, text: &str| Invalid::new(Problem::Device(text.into())).at(key, "(none)", "a name");
    let Some(host) = keys.text("net.host") else {
        let text = "Qdevice net daemon address is not defined (quorum.device.net.host)";
        return Err(required("quorum.device.net.host", text));
    };
    let Some(cluster) = config.totem.cluster_name.clone() else {
        return Err(required("totem.cluster_name", "Cluster name (totem.cluster_name) has to be defined."));
    };
    let port = match keys.text("net.port") {
        None => 5403,
        Some(text) => text.parse().ok().filter(|port| *port != 0).ok_or_else(|| {
            Keys::wrong("net.port", text, "1..65535", "quorum.device.net.port must be in range 1-65535")
        })?,
    };
    match keys.text("net.tls") {
        // The original tries TLS and goes on without where the server has none; that is all this engine can do.
        None | Some("on" | "off") => {}
        Some("required") => {
            let text = "quorum.device.net.tls: required is not supported, there is no TLS here";
            return Err(Keys::wrong("net.tls", "required", "on or off", text));
        }
        Some(other) => {
            let text = "quorum.device.net.tls value is not valid.";
            return Err(Keys::wrong("net.tls", other, "on or off", text));
        }
    }
    let algorithm = match keys.text("net.algorithm") {
        None | Some("ffsplit") => Algorithm::FfSplit,
        Some("lms") => Algorithm::Lms,
        Some("2nodelms") => Algorithm::TwoNodeLms,
        Some("test") => Algorithm::Test,
        Some(other) => {
            let text = format!("Unknown decision algorithm {other}");
            return Err(Keys::wrong("net.algorithm", other, "ffsplit, lms, 2nodelms or test", text));
        }
    };
    if algorithm == Algorithm::FfSplit {
        let votes = config.map.get_u32("quorum.device.votes");
        if votes != Some(1) || config.nodes.iter().any(|node| node.votes != 1) {
            let text = "50:50 split algorithm works only if quorum.device.votes and all nodes' votes are 1";
            return Err(Keys::wrong("votes", votes.map_or("(none)".to_owned(), |v| v.to_string()), "1", text));
        }
    }
    let preference = match keys.text("net.tie_breaker") {
        None | Some("lowest") => Preference::Lowest,
        Some("highest") => Preference::Highest,
        Some(text) => {
            text.parse().ok().filter(|id| *id != 0).map(|id| Preference::Node(NodeId(id))).ok_or_else(|| {
                Keys::wrong(
                    "net.tie_breaker",
                    text,
                    "lowest, highest or a node id",
                    "tie_breaker must be lowest|highest|valid_node_id",
                )
            })?
        }
    };
    let ip_version = match keys.text("net.force_ip_version") {
        None | Some("0") => 0,
        Some("4") => 4,
        Some("6") => 6,
        Some(other) => {
            return Err(Keys::wrong(
                "net.force_ip_version",
                other,
                "0, 4 or 6",
                "force_ip_version must be one of 0|4|6",
            ));
        }
    };
    Ok(NetSettings {
        host: host.to_owned(),
        port,
        algorithm,
        preference,
        connect_timeout: keys.ms(
            "net.connect_timeout",
            (1000, 120_000),
            heartbeat(timeout),
            "connect_timeout must be valid number in range <1000,120000>",
        )?,
        ip_version,
        keep_active: keys.switch("net.keep_active_partition_tie_breaker", true)?,
        cluster,
    })
}

fn read_ping(keys: &Keys<'_>, timeout: Duration) -> Result<DeviceModel, Invalid> {
    let text = keys.text("ping.address").unwrap_or("");
    let targets: Option<Vec<IpAddr>> = text.split_whitespace().map(|word| word.parse().ok()).collect();
    let targets = targets.filter(|list| !list.is_empty()).ok_or_else(|| {
        let problem = "quorum.device.ping.address must be one or several IP addresses";
        Keys::wrong("ping.address", text, "IP addresses separated by blanks", problem)
    })?;
    let rule = match keys.text("ping.rule") {
        None | Some("any") => PingRule::Any,
        Some("all") => PingRule::All,
        Some(other) => {
            return Err(Keys::wrong("ping.rule", other, "any or all", "quorum.device.ping.rule must be any or all"));
        }
    };
    let interval = keys.ms("ping.interval", (1000, 120_000), timeout / 2, "")?;
    let answer = keys.ms("ping.timeout", (100, 120_000), interval / 2, "")?;
    // A vote must be renewed before it ends.
    for (key, value, most) in [("ping.interval", interval, timeout), ("ping.timeout", answer, interval)] {
        if value >= most {
            let allowed = format!("below {} ms", most.as_millis());
            let text = format!("quorum.device.{key} must be {allowed}");
            return Err(Keys::wrong(key, value.as_millis(), &allowed, text));
        }
    }
    Ok(DeviceModel::Ping { targets, rule, interval, timeout: answer })
}

fn read_disk(keys: &Keys<'_>, sync_timeout: Duration) -> Result<DeviceModel, Invalid> {
    let Some(path) = keys.text("disk.path") else {
        let text = "quorum.device.disk.path must name a file or device that all nodes share";
        return Err(Keys::wrong("disk.path", "(none)", "a path", text));
    };
    let interval = keys.ms("disk.interval", (100, 60_000), Duration::from_secs(1), "")?;
    let patience = match keys.text("disk.patience") {
        None => 5,
        Some(text) => text.parse().ok().filter(|n| (2..=100).contains(n)).ok_or_else(|| {
            Keys::wrong("disk.patience", text, "2..100", "quorum.device.disk.patience must be in range 2-100")
        })?,
    };
    if interval * patience >= sync_timeout {
        let allowed = format!("interval * patience below {} ms", sync_timeout.as_millis());
        let text = "quorum.device.disk: a slot must count as dead before quorum.device.sync_timeout ends";
        return Err(Keys::wrong("disk.patience", patience, &allowed, text));
    }
    Ok(DeviceModel::Disk { path: path.to_owned(), interval, patience })
}

fn read_heuristics(
    keys: &Keys<'_>,
    timeout: Duration,
    sync_timeout: Duration,
) -> Result<Option<HeuristicsSettings>, Invalid> {
    let regular = match keys.text("heuristics.mode") {
        None | Some("off") => return Ok(None),
        Some("on") => true,
        Some("sync") => false,
        Some(other) => {
            let text = "quorum.device.heuristics.mode must be on, sync or off";
            return Err(Keys::wrong("heuristics.mode", other, "on, sync or off", text));
        }
    };
    let range = (1000, 120_000);
    let interval = keys.ms("heuristics.interval", (1000, 3_600_000), timeout * 3, "")?;
    let mut commands = Vec::new();
    for (key, _) in keys.0.prefixed("quorum.device.heuristics.exec_") {
        let name = &key["quorum.device.heuristics.exec_".len()..];
        let words = words(keys.0.get_str(key).unwrap_or(""));
        // An empty command is no command, as in the original.
        if !words.is_empty() {
            commands.push((name.to_owned(), words));
        }
    }
    if commands.len() > COMMANDS {
        let text = format!("at most {COMMANDS} heuristics commands may be configured");
        return Err(Keys::wrong("heuristics.exec_", commands.len(), "at most 32", text));
    }
    if commands.is_empty() {
        return Ok(None);
    }
    Ok(Some(HeuristicsSettings {
        timeout: keys.ms("heuristics.timeout", range, timeout / 2, "")?,
        sync_timeout: keys.ms("heuristics.sync_timeout", range, sync_timeout / 2, "")?,
        interval: regular.then_some(interval),
        commands,
    }))
}

/// A command line as words: a backslash takes the next character as it is, double quotes keep blanks.
fn words(line: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let (mut open, mut quoted) = (false, false);
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        let literal = match c {
            '\\' => characters.next(),
            '"' => {
                quoted = !quoted;
                None
            }
            c if c.is_whitespace() && !quoted => {
                open = false;
                continue;
            }
            c => Some(c),
        };
        if !open {
            out.push(String::new());
            open = true;
        }
        if let Some(word) = out.last_mut() {
            word.extend(literal);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Host, Mode};

    fn read(device: &str) -> Result<Option<DeviceSettings>, String> {
        let text = format!(
            "totem {{\nversion: 2\ncluster_name: c\n}}\nquorum {{\nprovider: corosync_votequorum\n{device}}}\nnodelist {{\nnode {{\nring0_addr: 10.0.0.1\nnodeid: 1\nname: a\n}}\nnode {{\nring0_addr: 10.0.0.2\nnodeid: 2\nname: b\n}}\n}}\n"
        );
        let config = Config::read(&text, Mode::Strict, &Host::new("a", [])).unwrap();
        DeviceSettings::read(&config).map_err(|e| format!("{e}: {}", e.place().unwrap_or_default()))
    }

    fn net(keys: &str) -> Result<Option<DeviceSettings>, String> {
        read(&format!("device {{\nmodel: net\nvotes: 1\nnet {{\nhost: q\n{keys}}}\n}}\n"))
    }

    #[test]
    fn defaults_are_those_of_the_table() {
        assert_eq!(read(""), Ok(None));
        let Ok(Some(settings)) = net("") else { panic!() };
        assert_eq!(settings.timeout, Duration::from_secs(10));
        assert_eq!((settings.heuristics, settings.master_wins), (None, false));
        assert_eq!(
            settings.model,
            DeviceModel::Net(NetSettings {
                host: "q".into(),
                port: 5403,
                algorithm: Algorithm::FfSplit,
                preference: Preference::Lowest,
                connect_timeout: Duration::from_secs(8),
                ip_version: 0,
                keep_active: true,
                cluster: "c".into(),
            })
        );
    }

    #[test]
    fn errors_name_key_value_and_range() {
        for (keys, expected) in [
            (
                "port: 0\n",
                "quorum.device.net.port must be in range 1-65535: quorum.device.net.port: 0 (allowed: 1..65535)",
            ),
            (
                "algorithm: best\n",
                "Unknown decision algorithm best: quorum.device.net.algorithm: best (allowed: ffsplit, lms, 2nodelms or test)",
            ),
            (
                "tie_breaker: me\n",
                "tie_breaker must be lowest|highest|valid_node_id: quorum.device.net.tie_breaker: me (allowed: lowest, highest or a node id)",
            ),
            (
                "connect_timeout: 999\n",
                "connect_timeout must be valid number in range <1000,120000>: quorum.device.net.connect_timeout: 999 (allowed: 1000..120000 ms)",
            ),
            (
                "force_ip_version: 5\n",
                "force_ip_version must be one of 0|4|6: quorum.device.net.force_ip_version: 5 (allowed: 0, 4 or 6)",
            ),
            (
                "tls: maybe\n",
                "quorum.device.net.tls value is not valid.: quorum.device.net.tls: maybe (allowed: on or off)",
            ),
        ] {
            assert_eq!(net(keys).unwrap_err(), expected);
        }
        let text = read("device {\nmodel: net\nvotes: 1\n}\n").unwrap_err();
        assert!(text.starts_with("Qdevice net daemon address is not defined (quorum.device.net.host)"), "{text}");
        let text = read("device {\nmodel: net\nnet {\nhost: q\n}\n}\n").unwrap_err();
        assert!(text.starts_with("50:50 split algorithm works only if"), "{text}");
        assert!(read("device {\nmodel: moon\n}\n").unwrap_err().starts_with("Unknown quorum device model moon"));
    }

    #[test]
    fn the_models_of_this_engine() {
        let ping = "device {\nmodel: ping\nping {\naddress: 10.0.0.254 fe80::1\nrule: all\n}\n}\n";
        let Ok(Some(settings)) = read(ping) else { panic!() };
        let DeviceModel::Ping { targets, rule, interval, timeout } = settings.model else { panic!() };
        assert_eq!((targets.len(), rule), (2, PingRule::All));
        assert_eq!((interval.as_millis(), timeout.as_millis()), (5000, 2500));
        assert!(read("device {\nmodel: ping\nping {\naddress: router\n}\n}\n").is_err());
        assert!(read("device {\nmodel: ping\nping {\naddress: 10.0.0.1\ninterval: 10000\n}\n}\n").is_err());
        let Ok(Some(settings)) = read("device {\nmodel: disk\ndisk {\npath: /dev/x\n}\n}\n") else { panic!() };
        assert_eq!(
            settings.model,
            DeviceModel::Disk { path: "/dev/x".into(), interval: Duration::from_secs(1), patience: 5 }
        );
        assert!(read("device {\nmodel: disk\ndisk {\npath: /dev/x\npatience: 100\n}\n}\n").is_err());
    }

    #[test]
    fn checks_and_their_words() {
        let keys = "device {\nmodel: net\nvotes: 1\nnet {\nhost: q\n}\nheuristics {\nmode: on\nexec_b: /bin/test -f \"/a b\" c\\ d\nexec_a: /bin/true\n}\n}\n";
        let Ok(Some(settings)) = read(keys) else { panic!() };
        let heuristics = settings.heuristics.unwrap();
        assert_eq!(heuristics.timeout, Duration::from_secs(5));
        assert_eq!(heuristics.sync_timeout, Duration::from_secs(15));
        assert_eq!(heuristics.interval, Some(Duration::from_secs(30)));
        let words: Vec<_> = heuristics.commands.iter().map(|(name, words)| (name.as_str(), words.join("|"))).collect();
        assert_eq!(words, [("a", "/bin/true".to_owned()), ("b", "/bin/test|-f|/a b|c d".to_owned())]);
        assert_eq!(super::words("a \"\" b"), ["a", "", "b"]);
    }
}
