//! `corosync.conf` reading, defaults, derived timeouts, the key-value view of both.
//!
//! A text becomes a key store ([`parse`]), and a key store together with what the driver knows about its host becomes a
//! [`Config`]: effective values, checked in the order and with the words of the original.
//!
//! ```
//! use totem_core::config::{Config, Host, Mode, Transport};
//!
//! let text = "totem {\n version: 2\n transport: udpu\n}\nnodelist {\n node {\n  ring0_addr: 10.0.0.1\n  nodeid: 1\n }\n}\n";
//! let host = Host::new("alpha", ["10.0.0.1".parse().unwrap()]);
//! let config = Config::read(text, Mode::Strict, &host).unwrap();
//! assert_eq!(config.totem.transport, Transport::Udpu);
//! assert_eq!(config.totem.timers.token.as_millis(), 3000);
//! assert_eq!(config.local_node().id, 1);
//! ```

mod cmap;
mod codes;
mod control;
mod device;
mod error;
mod grammar;
mod host;
mod legacy;
mod logging;
mod members;
mod quorum;
mod sections;
mod timers;
mod totem;
mod version;
mod view;

use std::collections::BTreeMap;
use std::fmt;

pub use cmap::{Cmap, KeyChange, Value, ValueError};
pub use codes::CsError;
pub use control::{Control, ControlMessage, ControlOutput, CryptoPhase, ShutdownFlag};
pub(crate) use device::heartbeat;
pub use device::{DeviceModel, DeviceSettings, HeuristicsSettings, NetSettings};
pub use error::{Error, Invalid, ParseError, ParseErrorKind, Problem};
pub use host::{Host, HostAddress, IpVersion, names_to_resolve};
pub use logging::Logging;
pub use members::{Link, MAX_LINK, Node, multicast_group, node_id_of};
pub use quorum::{DeviceSection, QuorumSection};
pub use timers::Timers;
pub use totem::{Cipher, Crypto, CryptoModel, Hash, Knet, LinkMode, Totem, Transport};
pub use version::{Announcement, ConfigVersion, ConfigVersions, VersionOutput};
pub use view::count_message;

/// How closely a text must follow the format.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// As the released 3.1 reads it: no trailing comments, a node list is required.
    Strict,
    /// Files of older releases load too: trailing comments, no node list, redundant rings by their old names.
    #[default]
    Legacy,
}

/// Numbers of user and group names that `uidgid {}` may use; the driver reads them from the system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// User names.
    pub users: BTreeMap<String, u32>,
    /// Group names.
    pub groups: BTreeMap<String, u32>,
}

/// Something accepted that the author of the file should know about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Comments behind values or braces were cut.
    TrailingComments,
    /// A key or section of an older release, and what it becomes.
    Obsolete {
        /// The key or section.
        key: String,
        /// What becomes of it.
        becomes: String,
    },
    /// `to_file` or `syslog_level`.
    ObsoleteLogging(String),
    /// No transport and no node list, but a multicast group.
    AssumedUdp,
    /// A node list was made from the interface sections.
    ImplicitNodeList {
        /// From `member` sections; otherwise it holds this host alone.
        from_members: bool,
    },
    /// `bindnetaddr` beside a node list.
    BindAddressWithNodeList,
    /// `member` sections.
    MemberSection {
        /// Because there is a node list.
        ignored: bool,
    },
    /// Encryption without knet runs over the format of older releases.
    CryptoWithoutKnet,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::TrailingComments => f.write_str("trailing comments are not part of the format; ignored"),
            Warning::Obsolete { key, becomes } => write!(f, "{key} {becomes}"),
            Warning::ObsoleteLogging(key) if key == "to_file" => f.write_str(
                "Warning: the to_file config parameter has been obsoleted. See corosync.conf man page to_logfile directive.",
            ),
            Warning::ObsoleteLogging(_) => f.write_str(
                "Warning: the syslog_level config parameter has been obsoleted. See corosync.conf man page syslog_priority directive.",
            ),
            Warning::AssumedUdp => f.write_str("no transport and no node list: transport: udp is assumed"),
            Warning::ImplicitNodeList { from_members: true } => {
                f.write_str("no node list: one is made from the member sections")
            }
            Warning::ImplicitNodeList { from_members: false } => {
                f.write_str("no node list: this node is known by bindnetaddr, others by what they send to the group")
            }
            Warning::BindAddressWithNodeList => f.write_str(
                "interface section bindnetaddr is used together with nodelist. Nodelist one is going to be used.",
            ),
            Warning::MemberSection { ignored: true } => {
                f.write_str("member section is used together with nodelist. Members ignored.")
            }
            Warning::MemberSection { ignored: false } => f.write_str("member section is deprecated."),
            Warning::CryptoWithoutKnet => {
                f.write_str("encryption with transport udp or udpu works among nodes of this engine only")
            }
        }
    }
}

/// A text as keys and values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parsed {
    /// Every key of the text, converted.
    pub map: Cmap,
    /// The line that set each key.
    pub lines: BTreeMap<String, u32>,
    /// What is worth saying.
    pub warnings: Vec<Warning>,
}

/// Reads a text into keys and values. Nothing is checked that a single line cannot tell.
///
/// # Errors
/// The first line that breaks the grammar or holds a value out of range.
pub fn parse(text: &str, mode: Mode, accounts: &Accounts) -> Result<Parsed, ParseError> {
    let mut reader = sections::Reader::new(mode, accounts);
    reader.read(text)?;
    let mut map = reader.map;
    map.take_changes();
    Ok(Parsed { map, lines: reader.lines, warnings: reader.warnings })
}

/// A complete configuration with effective values.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// `totem {}`.
    pub totem: Totem,
    /// All nodes, in the order of the file.
    pub nodes: Vec<Node>,
    /// Index of this host in `nodes`.
    pub local: usize,
    /// The own links, by number.
    pub links: Vec<Link>,
    /// Whether the node list was made up; peers are then known only by what they send.
    pub implicit_nodes: bool,
    /// `quorum {}`.
    pub quorum: QuorumSection,
    /// `logging {}`.
    pub logging: Logging,
    /// Whether an old `service {}` asks for the resource layer inside this process.
    pub starts_resource_layer: bool,
    /// Every key, with the effective values under `runtime.config.`.
    pub map: Cmap,
    /// What is worth saying.
    pub warnings: Vec<Warning>,
}

impl Config {
    /// Reads and checks a text.
    ///
    /// # Errors
    /// The first thing wrong, with its place.
    pub fn read(text: &str, mode: Mode, host: &Host) -> Result<Config, Error> {
        let parsed = parse(text, mode, &Accounts::default())?;
        Ok(Config::resolve(parsed, mode, host)?)
    }

    /// Checks what [`parse`] read and derives the effective values.
    ///
    /// # Errors
    /// The first thing wrong in the order of the original [TM-16.2], with its place.
    pub fn resolve(parsed: Parsed, mode: Mode, host: &Host) -> Result<Config, Invalid> {
        let Parsed { mut map, lines, mut warnings } = parsed;
        let located = |mut invalid: Invalid| {
            invalid.line = invalid.key.as_ref().and_then(|key| lines.get(key)).copied();
            invalid
        };
        if mode == Mode::Legacy {
            warnings.extend(legacy::warnings(&map));
        }
        let logging = logging::read(&map, &mut warnings).map_err(located)?;
        let listed = members::positions(&map).len();
        let mut totem = Totem::read(&map, mode, listed, &mut warnings).map_err(located)?;
        let members = members::read(&mut map, host, &totem, mode, &mut warnings).map_err(located)?;
        members.check_links(&map, &totem).map_err(located)?;
        if mode == Mode::Legacy {
            members.check_supported(&totem).map_err(located)?;
        }
        if map.get_u32("totem.version") != Some(2) {
            let value = map.get_u32("totem.version").map_or("(none)".to_owned(), |v| v.to_string());
            return Err(located(Invalid::new(Problem::TotemVersion).at("totem.version", value, "2")));
        }
        totem.timers.check(&map).map_err(located)?;
        members.check_nodes().map_err(located)?;
        totem.read_link_mode(&map, mode).map_err(located)?;
        members.check_transport(&map, &totem, mode).map_err(located)?;
        if totem.transport != Transport::Knet && totem.is_protected() {
            warnings.push(Warning::CryptoWithoutKnet);
        }
        let mut config = Config {
            totem,
            nodes: members.nodes,
            local: members.local,
            links: members.links,
            implicit_nodes: members.implicit,
            quorum: QuorumSection::read(&map),
            logging,
            starts_resource_layer: legacy::starts_resource_layer(&map),
            map,
            warnings,
        };
        config.publish();
        Ok(config)
    }

    /// This host's node.
    pub fn local_node(&self) -> &Node {
        &self.nodes[self.local]
    }

    /// The node with this id.
    pub fn node(&self, id: u32) -> Option<&Node> {
        self.nodes.iter().find(|node| node.id == id)
    }

    /// Writes the effective values into the key store [QG-7.3].
    fn publish(&mut self) {
        let mut keys: Vec<(String, Value)> = Vec::new();
        let mut put = |key: &str, value: Value| keys.push((format!("runtime.config.totem.{key}"), value));
        for (key, value) in self.totem.timers.keys() {
            put(key, value);
        }
        let flag = |on: bool| Value::U32(on.into());
        put("block_unlisted_ips", flag(self.totem.block_unlisted_ips));
        put("cancel_token_hold_on_retransmit", flag(self.totem.cancel_token_hold_on_retransmit));
        put("knet_mtu", Value::U32(self.totem.knet.mtu));
        put("knet_pmtud_interval", Value::U32(self.totem.knet.pmtud_interval));
        put("knet_compression_threshold", Value::U32(self.totem.knet.compression_threshold));
        put("knet_compression_level", Value::I32(self.totem.knet.compression_level));
        let model = self.totem.knet.compression_model.as_deref().unwrap_or("none");
        put("knet_compression_model", Value::Str(model.to_owned()));
        for link in &self.links {
            let ms = |value: std::time::Duration| Value::U32(u32::try_from(value.as_millis()).unwrap_or(u32::MAX));
            put(&format!("interface.{}.knet_ping_interval", link.number), ms(link.ping_interval));
            put(&format!("interface.{}.knet_ping_timeout", link.number), ms(link.ping_timeout));
            if self.totem.transport == Transport::Knet {
                put(&format!("interface.{}.mcastport", link.number), Value::U16(link.port));
            }
        }
        let position = u32::try_from(self.local_node().position).unwrap_or(u32::MAX);
        keys.push(("nodelist.local_node_pos".to_owned(), Value::U32(position)));
        for (key, value) in keys {
            // Names by construction valid.
            let _ = self.map.set(&key, value);
        }
        self.map.take_changes();
    }
}
