//! What the sections mean while they are read: types of keys, repeated sections, where each key is stored [QG-8.2, QG-9].

use std::collections::BTreeMap;

use super::error::{ParseError, ParseErrorKind};
use super::grammar::{self, Statement};
use super::{Accounts, Cmap, Mode, Value, Warning};

/// How the value of a known key is read.
#[derive(Clone, Copy)]
enum Kind {
    U8,
    U16,
    U32,
    I32,
    U64,
    Text,
    /// One of the words, or the error text.
    Word(&'static [&'static str], &'static str),
    Dscp,
}

const CIPHERS: Kind = Kind::Word(
    &["none", "aes256", "aes192", "aes128"],
    "Invalid cipher type. Should be none, aes256, aes192 or aes128",
);
const HASHES: Kind = Kind::Word(
    &["none", "md5", "sha1", "sha256", "sha384", "sha512"],
    "Invalid hash type. Should be none, md5, sha1, sha256, sha384 or sha512",
);
const CRYPTO_MODELS: Kind = Kind::Word(&["nss", "openssl"], "Invalid crypto model. Should be nss or openssl");
/// The same beside this engine's own model, which the original does not know.
const ALL_CRYPTO_MODELS: Kind =
    Kind::Word(&["nss", "openssl", "metronome"], "Invalid crypto model. Should be nss, openssl or metronome");
const IP_VERSIONS: Kind = Kind::Word(&["ipv4", "ipv6", "ipv6-4", "ipv4-6"], "Invalid ip_version type");
const COMPRESSIONS: Kind = Kind::Word(
    &["zlib", "lz4", "lz4hc", "lzo2", "lzma", "bzip2", "zstd"],
    "Invalid compression model. Should be zlib, lz4, lz4hc, lzo2, lzma, bzip2 or zstd",
);

fn totem_kind(key: &str) -> Kind {
    match key {
        "version"
        | "nodeid"
        | "threads"
        | "token"
        | "token_coefficient"
        | "token_retransmit"
        | "token_warning"
        | "hold"
        | "token_retransmits_before_loss_const"
        | "join"
        | "send_join"
        | "consensus"
        | "merge"
        | "downcheck"
        | "fail_recv_const"
        | "seqno_unchanged_const"
        | "rrp_token_expired_timeout"
        | "rrp_problem_count_timeout"
        | "rrp_problem_count_threshold"
        | "rrp_problem_count_mcast_threshold"
        | "rrp_autorecovery_check_timeout"
        | "heartbeat_failures_allowed"
        | "max_network_delay"
        | "window_size"
        | "max_messages"
        | "miss_count_const"
        | "knet_pmtud_interval"
        | "knet_mtu"
        | "knet_compression_threshold"
        | "netmtu" => Kind::U32,
        "knet_compression_level" => Kind::I32,
        "config_version" => Kind::U64,
        "ip_version" => IP_VERSIONS,
        "crypto_model" => CRYPTO_MODELS,
        "crypto_cipher" => CIPHERS,
        "crypto_hash" => HASHES,
        "knet_compression_model" => COMPRESSIONS,
        "ip_dscp" => Kind::Dscp,
        _ => Kind::Text,
    }
}

/// Keys of an interface section that describe a link; others have no effect [QG-9.1].
fn link_kind(key: &str) -> Option<Kind> {
    Some(match key {
        "linknumber" | "ttl" | "knet_link_priority" => Kind::U8,
        "mcastport" => Kind::U16,
        "knet_ping_interval" | "knet_ping_timeout" | "knet_ping_precision" | "knet_pong_count" => Kind::U32,
        "bindnetaddr" | "mcastaddr" | "broadcast" | "knet_transport" => Kind::Text,
        _ => return None,
    })
}

fn quorum_kind(key: &str) -> Kind {
    match key {
        "expected_votes" | "votes" | "last_man_standing_window" | "leaving_timeout" => Kind::U32,
        "two_node"
        | "wait_for_all"
        | "auto_tie_breaker"
        | "last_man_standing"
        | "allow_downscale"
        | "expected_votes_tracking" => Kind::U8,
        _ => Kind::Text,
    }
}

fn device_kind(key: &str) -> Kind {
    match key {
        "votes" | "timeout" | "sync_timeout" => Kind::U32,
        "master_wins" => Kind::U8,
        _ => Kind::Text,
    }
}

fn system_kind(key: &str) -> Kind {
    match key {
        "qb_ipc_type" => Kind::Word(&["native", "shm", "socket"], "Invalid system.qb_ipc_type"),
        "sched_rr" => Kind::Word(&["yes", "no"], "Invalid system.sched_rr value"),
        "move_to_root_cgroup" => Kind::Word(&["yes", "no", "auto"], "Invalid system.move_to_root_cgroup"),
        "allow_knet_handle_fallback" => Kind::Word(&["yes", "no"], "Invalid system.allow_knet_handle_fallback"),
        _ => Kind::Text,
    }
}

fn kind_of(section: &str, key: &str) -> Kind {
    match section {
        "totem" => totem_kind(key),
        "quorum" => quorum_kind(key),
        "quorum.device" => device_kind(key),
        "system" => system_kind(key),
        "resources" if key == "watchdog_timeout" => Kind::U32,
        _ if key == "poll_period"
            && (section.starts_with("resources.system.") || section.starts_with("resources.process.")) =>
        {
            Kind::U64
        }
        _ => Kind::Text,
    }
}

/// Keys that a `logger_subsys` or `logging_daemon` section may set for its part.
const SUBSYSTEM_KEYS: &[&str] = &[
    "to_logfile",
    "to_file",
    "to_syslog",
    "logfile",
    "logfile_priority",
    "syslog_priority",
    "syslog_level",
    "syslog_facility",
    "debug",
    "to_stderr",
    "subsys",
    "name",
];

/// The traffic class that a number or word means.
pub(super) fn dscp(text: &str) -> Option<u8> {
    let number = if let Some(hex) = text.strip_prefix("0x") {
        u8::from_str_radix(hex, 16).ok()
    } else if text.len() > 1 && text.starts_with('0') {
        u8::from_str_radix(text, 8).ok()
    } else {
        text.parse().ok()
    };
    if let Some(number) = number {
        return (number < 64).then_some(number);
    }
    if text == "ef" {
        return Some(46);
    }
    let digits: Vec<u8> = text.bytes().skip(2).map(|b| b.wrapping_sub(b'0')).collect();
    match (text.get(..2)?, digits.as_slice()) {
        ("cs", [class @ 0..=7]) => Some(class * 8),
        ("af", [class @ 1..=4, drop @ 1..=3]) => Some(class * 8 + drop * 2),
        _ => None,
    }
}

fn convert(kind: Kind, path: &str, value: &str) -> Result<Value, ParseErrorKind> {
    let ranged = |min: i128, max: i128| {
        grammar::integer(value).filter(|n| (min..=max).contains(n)).ok_or_else(|| ParseErrorKind::NotInRange {
            path: path.to_owned(),
            min,
            max,
            value: value.to_owned(),
        })
    };
    Ok(match kind {
        Kind::U8 => Value::U8(ranged(0, u8::MAX.into())? as u8),
        Kind::U16 => Value::U16(ranged(0, u16::MAX.into())? as u16),
        Kind::U32 => Value::U32(ranged(0, u32::MAX.into())? as u32),
        Kind::I32 => Value::I32(ranged(i32::MIN.into(), i32::MAX.into())? as i32),
        Kind::U64 => {
            let wrong = || ParseErrorKind::NotUnsigned { path: path.to_owned(), value: value.to_owned() };
            Value::U64(grammar::integer(value).and_then(|n| u64::try_from(n).ok()).ok_or_else(wrong)?)
        }
        Kind::Text => Value::Str(value.to_owned()),
        Kind::Word(words, text) if !words.contains(&value) => {
            let (path, value) = (path.to_owned(), value.to_owned());
            return Err(ParseErrorKind::NotAllowed { path, value, text: text.to_owned() });
        }
        Kind::Word(..) => Value::Str(value.to_owned()),
        Kind::Dscp => {
            let wrong = || ParseErrorKind::NotDscp { path: path.to_owned(), value: value.to_owned() };
            Value::U8(dscp(value).ok_or_else(wrong)?)
        }
    })
}

/// The repeated section that is open, with what it has collected.
enum Repeated {
    Interface { link: Option<u8>, ring: Option<u8>, items: Vec<(String, Value, u32)>, members: Vec<(String, u32)> },
    Subsystem { section: &'static str, items: Vec<(String, String, u32)> },
    Node(usize),
}

/// Reads one text into a key store.
pub(super) struct Reader<'a> {
    pub(super) map: Cmap,
    pub(super) lines: BTreeMap<String, u32>,
    pub(super) warnings: Vec<Warning>,
    mode: Mode,
    accounts: &'a Accounts,
    nodes: usize,
    open: Option<Repeated>,
    rings_are_links: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(mode: Mode, accounts: &'a Accounts) -> Self {
        Reader {
            map: Cmap::default(),
            lines: BTreeMap::new(),
            warnings: Vec::new(),
            mode,
            accounts,
            nodes: 0,
            open: None,
            rings_are_links: false,
        }
    }

    pub(super) fn read(&mut self, text: &str) -> Result<(), ParseError> {
        let mode = self.mode;
        // Redundant rings of old files are links here; their mode may stand behind them [LK-23]. Errors come up again
        // in the second pass, in their order.
        if mode == Mode::Legacy {
            let mut redundant = false;
            let _ = grammar::each_statement(text, mode, &mut Vec::new(), |line| {
                redundant |= matches!(&line.statement, Statement::Item { section, key, value }
                    if section == "totem" && key == "rrp_mode" && (value == "active" || value == "passive"));
                Ok(())
            });
            self.rings_are_links = redundant;
        }
        let mut warnings = Vec::new();
        let result = grammar::each_statement(text, mode, &mut warnings, |line| match line.statement {
            Statement::Open { path } => self.open_section(&path),
            Statement::Item { section, key, value } => self.item(&section, &key, &value, line.number),
            Statement::Close { path } => self.close_section(&path),
        });
        self.warnings.append(&mut warnings);
        result
    }

    fn open_section(&mut self, path: &str) -> Result<(), ParseErrorKind> {
        match path {
            "totem.interface" => {
                self.open =
                    Some(Repeated::Interface { link: None, ring: None, items: Vec::new(), members: Vec::new() });
            }
            "nodelist.node" => {
                self.open = Some(Repeated::Node(self.nodes));
                self.nodes += 1;
            }
            "logging.logger_subsys" => {
                self.open = Some(Repeated::Subsystem { section: "logger_subsys", items: Vec::new() });
            }
            "logging.logging_daemon" => {
                self.open = Some(Repeated::Subsystem { section: "logging_daemon", items: Vec::new() });
            }
            _ if path.starts_with("uidgid.") && self.mode == Mode::Strict => {
                return Err(ParseErrorKind::Misplaced("Subsections are not allowed within uidgid section"));
            }
            _ => {}
        }
        Ok(())
    }

    fn item(&mut self, section: &str, key: &str, value: &str, line: u32) -> Result<(), ParseErrorKind> {
        match (section, &mut self.open) {
            ("totem.interface", Some(Repeated::Interface { link, ring, items, .. })) => {
                let path = format!("totem.interface.{key}");
                if self.rings_are_links && key == "ringnumber" {
                    if let Value::U8(number) = convert(Kind::U8, &path, value)? {
                        *ring = Some(number);
                    }
                    return Ok(());
                }
                match link_kind(key) {
                    None => self.store(&path, Value::Str(value.to_owned()), line),
                    Some(kind) => {
                        match convert(kind, &path, value)? {
                            Value::U8(number) if key == "linknumber" => *link = Some(number),
                            value => items.push((key.to_owned(), value, line)),
                        }
                        Ok(())
                    }
                }
            }
            ("totem.interface.member", Some(Repeated::Interface { members, .. })) => {
                if key != "memberaddr" {
                    return Err(ParseErrorKind::Misplaced("Only memberaddr is allowed in member section"));
                }
                members.push((value.to_owned(), line));
                Ok(())
            }
            ("nodelist.node", Some(Repeated::Node(position))) => {
                let path = format!("nodelist.node.{position}.{key}");
                let kind = if matches!(key, "nodeid" | "quorum_votes") { Kind::U32 } else { Kind::Text };
                let value = convert(kind, &path, value)?;
                self.store(&path, value, line)
            }
            ("logging.logger_subsys" | "logging.logging_daemon", Some(Repeated::Subsystem { items, .. })) => {
                if SUBSYSTEM_KEYS.contains(&key) {
                    items.push((key.to_owned(), value.to_owned(), line));
                }
                Ok(())
            }
            ("uidgid", _) => self.account(key, value, line),
            _ => {
                let path = grammar::join(section, key);
                let kind = match kind_of(section, key) {
                    _ if self.mode == Mode::Legacy && path == "totem.crypto_model" => ALL_CRYPTO_MODELS,
                    kind => kind,
                };
                let value = convert(kind, &path, value)?;
                self.store(&path, value, line)
            }
        }
    }

    fn account(&mut self, key: &str, value: &str, line: u32) -> Result<(), ParseErrorKind> {
        let (names, what, file) = match key {
            "uid" => (&self.accounts.users, "user", "/etc/passwd"),
            "gid" => (&self.accounts.groups, "group", "/etc/group"),
            _ => return Err(ParseErrorKind::Misplaced("uidgid: Only uid and gid are allowed items")),
        };
        let number = value.parse::<u32>().ok().or_else(|| names.get(value).copied());
        let number = number.ok_or_else(|| ParseErrorKind::NoAccount { name: value.to_owned(), what, file })?;
        self.store(&format!("uidgid.config.{key}.{number}"), Value::U8(1), line)
    }

    fn close_section(&mut self, path: &str) -> Result<(), ParseErrorKind> {
        match path {
            "totem.interface" | "nodelist.node" | "logging.logger_subsys" | "logging.logging_daemon" => {}
            _ => return Ok(()),
        }
        match self.open.take() {
            Some(Repeated::Interface { link, ring, items, members }) => {
                let link = link.or(ring).unwrap_or(0);
                for (key, value, line) in items {
                    self.store(&format!("totem.interface.{link}.{key}"), value, line)?;
                }
                for (position, (address, line)) in members.into_iter().rev().enumerate() {
                    self.store(&format!("totem.interface.{link}.member.{position}"), Value::Str(address), line)?;
                }
                Ok(())
            }
            Some(Repeated::Subsystem { section, items }) => self.close_subsystem(section, items),
            Some(Repeated::Node(_)) | None => Ok(()),
        }
    }

    fn close_subsystem(&mut self, section: &str, items: Vec<(String, String, u32)>) -> Result<(), ParseErrorKind> {
        let last = |wanted: &str| items.iter().rev().find(|(key, ..)| key == wanted).map(|(_, value, _)| value.clone());
        let subsys = last("subsys");
        let prefix = if section == "logger_subsys" {
            let subsys = subsys.ok_or(ParseErrorKind::Misplaced("No subsys key in logger_subsys directive"))?;
            format!("logging.logger_subsys.{subsys}")
        } else {
            let name = last("name").ok_or(ParseErrorKind::Misplaced("No name key in logging_daemon directive"))?;
            match (name.as_str(), subsys) {
                ("corosync", None) => "logging".to_owned(),
                ("corosync", Some(subsys)) => format!("logging.logger_subsys.{subsys}"),
                (name, None) => format!("logging.logging_daemon.{name}"),
                (name, Some(subsys)) => format!("logging.logging_daemon.{name}.{subsys}"),
            }
        };
        for (key, value, line) in items {
            if key != "subsys" && key != "name" {
                self.store(&format!("{prefix}.{key}"), Value::Str(value), line)?;
            }
        }
        Ok(())
    }

    fn store(&mut self, path: &str, value: Value, line: u32) -> Result<(), ParseErrorKind> {
        self.map.set(path, value).map_err(|error| ParseErrorKind::CannotStore { path: path.to_owned(), error })?;
        self.lines.insert(path.to_owned(), line);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Cmap, String> {
        let accounts = Accounts::default();
        let mut reader = Reader::new(Mode::Strict, &accounts);
        reader.read(text).map_err(|e| e.to_string())?;
        Ok(reader.map)
    }

    #[test]
    fn values_out_of_range_name_line_key_value_and_range() {
        let cases = [
            (
                "totem {\ntoken: x\n}\n",
                "2: Value of key \"totem.token\" is expected to be integer in range (0..4294967295), but \"x\" was given",
            ),
            (
                "totem {\ninterface {\nmcastport: 70000\n}\n}\n",
                "3: Value of key \"totem.interface.mcastport\" is expected to be integer in range (0..65535), but \"70000\" was given",
            ),
            (
                "nodelist {\nnode {\n}\nnode {\nnodeid: -1\n}\n}\n",
                "5: Value of key \"nodelist.node.1.nodeid\" is expected to be integer in range (0..4294967295), but \"-1\" was given",
            ),
            (
                "quorum {\ntwo_node: yes\n}\n",
                "2: Value of key \"quorum.two_node\" is expected to be integer in range (0..255), but \"yes\" was given",
            ),
            (
                "totem {\nconfig_version: abc\n}\n",
                "2: Value of key \"totem.config_version\" is expected to be unsigned integer, but \"abc\" was given",
            ),
            ("totem {\ncrypto_cipher: 3des\n}\n", "2: Invalid cipher type. Should be none, aes256, aes192 or aes128"),
            (
                "totem {\ntoken:\n}\n",
                "2: Value of key \"totem.token\" is expected to be integer in range (0..4294967295), but \"\" was given",
            ),
            ("a: 3\n", "1: Can't store key \"a\" into icmap, returned error is CS_ERR_NAME_TOO_LONG"),
            (
                "totem {\nfoo bar: 3\n}\n",
                "2: Can't store key \"totem.foo bar\" into icmap, returned error is CS_ERR_NAME_TOO_LONG",
            ),
            ("logging {\nlogger_subsys {\ndebug: on\n}\n}\n", "4: No subsys key in logger_subsys directive"),
            (
                "uidgid {\nuid: nobody-here\n}\n",
                "2: The 'nobody-here' user is not found in /etc/passwd, please read the documentation.",
            ),
            ("uidgid {\nfoo: 1\n}\n", "2: uidgid: Only uid and gid are allowed items"),
        ];
        for (text, expected) in cases {
            assert_eq!(read(text).unwrap_err(), expected);
        }
    }

    #[test]
    fn interface_sections_are_filed_under_their_link_number() {
        let map = read("totem {\ninterface {\nmcastport: 7000\nlinknumber: 1\nringnumber: 4\nmember {\nmemberaddr: 10.0.0.1\n}\nmember {\nmemberaddr: 10.0.0.2\n}\n}\n}\n").unwrap();
        assert_eq!(map.get_u16("totem.interface.1.mcastport"), Some(7000));
        assert_eq!(map.get_str("totem.interface.ringnumber"), Some("4"));
        assert_eq!(map.get_str("totem.interface.1.member.0"), Some("10.0.0.2"));
        assert_eq!(map.get_str("totem.interface.1.member.1"), Some("10.0.0.1"));
    }

    #[test]
    fn unknown_sections_and_keys_are_kept_as_text() {
        let map = read("compatibility: whitetank\namf {\nmode: disabled\n}\nnodelist {\nnode {\ncolour: red\n}\n}\n")
            .unwrap();
        assert_eq!(map.get_str("compatibility"), Some("whitetank"));
        assert_eq!(map.get_str("amf.mode"), Some("disabled"));
        assert_eq!(map.get_str("nodelist.node.0.colour"), Some("red"));
    }

    #[test]
    fn subsystems_of_the_daemon_itself_share_the_keys_of_logger_subsys() {
        let map =
            read("logging {\nlogging_daemon {\nname: corosync\nsubsys: CPG\ndebug: on\ntags: enter\n}\n}\n").unwrap();
        assert_eq!(map.get_str("logging.logger_subsys.CPG.debug"), Some("on"));
        assert_eq!(map.get_str("logging.logger_subsys.CPG.tags"), None);
    }

    #[test]
    fn traffic_classes() {
        for (text, class) in [("0", 0), ("63", 63), ("0x2e", 46), ("056", 46), ("cs7", 56), ("af43", 38), ("ef", 46)] {
            assert_eq!(dscp(text), Some(class), "{text}");
        }
        for bad in ["64", "cs8", "af50", "af11x", "", "é"] {
            assert_eq!(dscp(bad), None, "{bad}");
        }
    }
}
