//! The section `totem {}` as it takes effect: transport, security, link mode [QG-9.1, LK-16.1].

use super::error::{Invalid, Problem};
use super::host::IpVersion;
use super::{Cmap, Mode, Timers, Warning};

/// How datagrams travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Redundant links with heartbeats and encryption; the default.
    #[default]
    Knet,
    /// One datagram per node.
    Udpu,
    /// Multicast or broadcast.
    Udp,
}

impl Transport {
    /// The word of the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Transport::Knet => "knet",
            Transport::Udpu => "udpu",
            Transport::Udp => "udp",
        }
    }
}

/// How several links are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LinkMode {
    /// One link at a time, the default.
    #[default]
    Passive,
    /// All links at once.
    Active,
    /// One link after the other, packet by packet.
    RoundRobin,
}

/// `crypto_cipher`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cipher {
    /// Nothing is encrypted.
    #[default]
    None,
    /// AES with a key of 128 bits, CBC.
    Aes128,
    /// AES with a key of 192 bits, CBC.
    Aes192,
    /// AES with a key of 256 bits, CBC.
    Aes256,
}

/// `crypto_hash`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Hash {
    /// Nothing is signed.
    #[default]
    None,
    /// HMAC with MD5.
    Md5,
    /// HMAC with SHA-1.
    Sha1,
    /// HMAC with SHA-256.
    Sha256,
    /// HMAC with SHA-384.
    Sha384,
    /// HMAC with SHA-512.
    Sha512,
}

/// What protects the datagrams.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Crypto {
    /// The cipher.
    pub cipher: Cipher,
    /// The signature.
    pub hash: Hash,
}

impl Crypto {
    /// Whether anything is encrypted or signed; if so, a key is needed.
    pub fn is_on(self) -> bool {
        self.cipher != Cipher::None || self.hash != Hash::None
    }

    /// `secauth` first, then the two keys each override their part [QG-9.1].
    fn read(map: &Cmap) -> Result<Crypto, Invalid> {
        let mut crypto = match map.get_str("totem.secauth") {
            Some("on") => Crypto { cipher: Cipher::Aes256, hash: Hash::Sha256 },
            _ => Crypto::default(),
        };
        match map.get_str("totem.crypto_cipher") {
            Some("none") => crypto.cipher = Cipher::None,
            Some("aes128") => crypto.cipher = Cipher::Aes128,
            Some("aes192") => crypto.cipher = Cipher::Aes192,
            Some("aes256") => crypto.cipher = Cipher::Aes256,
            _ => {}
        }
        match map.get_str("totem.crypto_hash") {
            Some("none") => crypto.hash = Hash::None,
            Some("md5") => crypto.hash = Hash::Md5,
            Some("sha1") => crypto.hash = Hash::Sha1,
            Some("sha256") => crypto.hash = Hash::Sha256,
            Some("sha384") => crypto.hash = Hash::Sha384,
            Some("sha512") => crypto.hash = Hash::Sha512,
            _ => {}
        }
        if crypto.cipher != Cipher::None && crypto.hash == Hash::None {
            let allowed = "md5, sha1, sha256, sha384 or sha512";
            return Err(Invalid::new(Problem::CipherWithoutHash).at("totem.crypto_hash", "none", allowed));
        }
        Ok(crypto)
    }
}

/// `crypto_model`: who protects datagrams, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CryptoModel {
    /// As the original does, whichever library it names: `crypto_cipher` and `crypto_hash` say how.
    #[default]
    Stock,
    /// This engine's own way, for clusters that have no other nodes: always encrypted, and safe against replays.
    Metronome,
}

impl CryptoModel {
    /// The own way leaves no choice of algorithms: turning them off is a contradiction, naming one has no effect.
    fn read(map: &Cmap, warnings: &mut Vec<Warning>) -> Result<CryptoModel, Invalid> {
        if map.get_str("totem.crypto_model") != Some("metronome") {
            return Ok(CryptoModel::Stock);
        }
        for key in ["totem.crypto_cipher", "totem.crypto_hash"] {
            match map.get_str(key) {
                Some("none") => {
                    let allowed = "leave the key out, or choose another crypto_model";
                    return Err(Invalid::new(Problem::OwnModelProtects).at(key, "none", allowed));
                }
                Some(_) => warnings.push(Warning::Obsolete {
                    key: key.to_owned(),
                    becomes: "has no effect: crypto_model metronome always uses ChaCha20-Poly1305".to_owned(),
                }),
                None => {}
            }
        }
        Ok(CryptoModel::Metronome)
    }
}

/// Settings of the knet library as a whole; those of one link are in [`super::Link`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Knet {
    /// Seconds between two discoveries of the path MTU.
    pub pmtud_interval: u32,
    /// A fixed MTU; 0 discovers it.
    pub mtu: u32,
    /// The method, if messages are compressed.
    pub compression_model: Option<String>,
    /// Shortest message that is compressed; 0 means 100 bytes.
    pub compression_threshold: u32,
    /// Passed to the method.
    pub compression_level: i32,
}

/// The section `totem {}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totem {
    /// `transport`.
    pub transport: Transport,
    /// `cluster_name`.
    pub cluster_name: Option<String>,
    /// `config_version`; 0 if there is none.
    pub config_version: u64,
    /// `ip_version`.
    pub ip_version: IpVersion,
    /// `ip_dscp`.
    pub ip_dscp: u8,
    /// `netmtu`: largest frame.
    pub net_mtu: u32,
    /// Timers and limits.
    pub timers: Timers,
    /// `block_unlisted_ips`: refuse datagrams from addresses outside the node list.
    pub block_unlisted_ips: bool,
    /// `cancel_token_hold_on_retransmit`.
    pub cancel_token_hold_on_retransmit: bool,
    /// Who protects datagrams.
    pub crypto_model: CryptoModel,
    /// With what, in the original's way.
    pub crypto: Crypto,
    /// `keyfile`, or the default path.
    pub keyfile: String,
    /// `key`: the key itself, used only without a `keyfile`.
    pub key: Option<String>,
    /// `link_mode`.
    pub link_mode: LinkMode,
    /// The knet library.
    pub knet: Knet,
}

fn yes(map: &Cmap, key: &str, default: bool) -> bool {
    match map.get_str(key) {
        Some("yes") => true,
        Some("no") => false,
        _ => default,
    }
}

impl Totem {
    /// Reads the section. The node count decides the effective token; link mode and timers are checked later, in
    /// their turn.
    pub(super) fn read(map: &Cmap, mode: Mode, nodes: usize, warnings: &mut Vec<Warning>) -> Result<Totem, Invalid> {
        let crypto = Crypto::read(map)?;
        let transport = transport(map, mode, nodes, warnings)?;
        let ip_version = match map.get_str("totem.ip_version") {
            Some("ipv4") => IpVersion::V4,
            Some("ipv6") => IpVersion::V6,
            Some("ipv4-6") => IpVersion::V4Then6,
            None if transport == Transport::Udp => IpVersion::V4,
            _ => IpVersion::V6Then4,
        };
        let default_mtu = if transport == Transport::Knet { 65536 } else { 1500 };
        let number = |key: &str| map.get_u32(&format!("totem.{key}")).filter(|v| *v != 0);
        Ok(Totem {
            transport,
            cluster_name: map.get_str("totem.cluster_name").map(str::to_owned),
            config_version: map.get_u64("totem.config_version").unwrap_or(0),
            ip_version,
            ip_dscp: map.get_u8("totem.ip_dscp").unwrap_or(0),
            net_mtu: number("netmtu").unwrap_or(default_mtu),
            timers: Timers::derive(map, nodes),
            block_unlisted_ips: yes(map, "totem.block_unlisted_ips", true),
            cancel_token_hold_on_retransmit: yes(map, "totem.cancel_token_hold_on_retransmit", false),
            crypto_model: CryptoModel::read(map, warnings)?,
            crypto,
            keyfile: map.get_str("totem.keyfile").unwrap_or("/etc/corosync/authkey").to_owned(),
            key: map.get_str("totem.key").filter(|_| map.get_str("totem.keyfile").is_none()).map(str::to_owned),
            link_mode: LinkMode::default(),
            knet: Knet {
                pmtud_interval: number("knet_pmtud_interval").unwrap_or(30),
                mtu: number("knet_mtu").unwrap_or(0),
                compression_model: map.get_str("totem.knet_compression_model").map(str::to_owned),
                compression_threshold: number("knet_compression_threshold").unwrap_or(0),
                compression_level: match map.get("totem.knet_compression_level") {
                    Some(super::Value::I32(level)) => *level,
                    _ => 0,
                },
            },
        })
    }

    /// Whether datagrams are protected in any way; if so, a key is needed.
    pub fn is_protected(&self) -> bool {
        self.crypto.is_on() || self.crypto_model == CryptoModel::Metronome
    }

    /// `link_mode`, or what `rrp_mode` of older files means in its place [LK-23].
    pub(super) fn read_link_mode(&mut self, map: &Cmap, mode: Mode) -> Result<(), Invalid> {
        self.link_mode = match (map.get_str("totem.link_mode"), map.get_str("totem.rrp_mode")) {
            (Some("active"), _) => LinkMode::Active,
            (Some("passive"), _) => LinkMode::Passive,
            (Some("rr"), _) => LinkMode::RoundRobin,
            (None, Some("active")) if mode == Mode::Legacy => LinkMode::Active,
            // Alternation per message is what the passive mode of redundant rings did.
            (None, Some("passive")) if mode == Mode::Legacy => LinkMode::RoundRobin,
            (None, _) => LinkMode::Passive,
            (Some(other), _) => {
                let problem = Problem::LinkMode(other.to_owned());
                return Err(Invalid::new(problem).at("totem.link_mode", other, "active, passive or rr"));
            }
        };
        Ok(())
    }
}

fn transport(map: &Cmap, mode: Mode, nodes: usize, warnings: &mut Vec<Warning>) -> Result<Transport, Invalid> {
    match map.get_str("totem.transport") {
        Some("knet") => Ok(Transport::Knet),
        Some("udpu") => Ok(Transport::Udpu),
        Some("udp") => Ok(Transport::Udp),
        Some(other) => Err(Invalid::new(Problem::Transport).at("totem.transport", other, "udpu, udp or knet")),
        None => {
            let multicast = map
                .prefixed("totem.interface.")
                .any(|(key, _)| key.ends_with(".bindnetaddr") || key.ends_with(".mcastaddr"));
            // Before 3.0 there was no knet, and no node list was needed [QG-11 item 4].
            if mode == Mode::Legacy && nodes == 0 && multicast {
                warnings.push(Warning::AssumedUdp);
                return Ok(Transport::Udp);
            }
            Ok(Transport::Knet)
        }
    }
}
