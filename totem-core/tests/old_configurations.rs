//! Files of the 1.x and 2.x releases: what they become here, and what the released 3.1 says to them [QG-11].

use totem_core::config::{Cipher, Config, Hash, Host, LinkMode, Mode, Transport, Warning};

fn host(name: &str, addresses: &[&str]) -> Host {
    Host::new(name, addresses.iter().map(|a| a.parse().unwrap()))
}

/// 2.4 style: comments behind values with `//`, a misspelt key, encryption asked for and switched off again.
const COMMENTED: &str = "totem {
version: 2 //of the protocol
crypto_cipher: none
crypto_hash: none
secauth: on //authenticate
thread: 0 //none
interface {
ringnumber: 0 //the only one
bindnetaddr: 192.168.1.0 //the network
mcastaddr: 239.255.1.1 //the group
mcastport: 5405 //the port
ttl: 1 //one hop
}
}
logging {
fileline: off
to_stderr: no
to_logfile: yes
logfile: /var/log/cluster/corosync.log
to_syslog: yes
debug: off
timestamp: on
logger_subsys {
subsys: QUORUM
debug: off
}
}
service { //the resource layer
ver: 0 //inside
name: pacemaker //this one
}
aisexec { //as whom
user: root
group: root
}
";

/// 1.4 style: encryption on, a group, no node list.
const SECURED: &str = "compatibility: whitetank
totem {    # the ring
        version: 2
        secauth: on        # yes
        threads: 0
        interface {
                ringnumber: 0
                bindnetaddr: 192.168.1.1        # an address, not a network
                mcastaddr: 226.94.1.1
                mcastport: 5405
                ttl: 1
        }
}
logging {
        fileline: off
        to_stderr: no
        to_logfile: yes
        to_syslog: no
        logfile: /var/log/cluster/corosync.log
        debug: off
        timestamp: on
        logger_subsys {
                subsys: AMF
                debug: off
        }
}
amf {
        mode: disabled
}
service {
        name: pacemaker
        ver: 0
}
aisexec {
        user: root
        group: root
}
";

/// 2.x with a node list by host names and weak encryption.
const NAMED: &str = "totem {
    version: 2
    crypto_cipher: aes128           # cipher
    crypto_hash: md5                #
    interface {
        ringnumber: 0               # first
        bindnetaddr: 172.16.0.0     #
        mcastaddr: 239.255.101.11   # group
        mcastport: 5405             # port
        ttl: 1
    }
}
quorum {
    provider: corosync_votequorum   # votes
}
nodelist {
    node {
        ring0_addr: node1.example.org
        nodeid: 1
    }
    node {
        ring0_addr: node1.example.org
        nodeid: 2
    }
}
";

/// A distribution's file with timers.
const TIMED: &str = "totem {
    version: 2
    token: 3000
    token_retransmits_before_loss_const: 10
    join: 60
    consensus: 3600
    vsftype: none
    max_messages: 20
    clear_node_high_bit: yes
     secauth: off  #no
     threads: 0
     rrp_mode: none
     interface {
        ringnumber: 0
        bindnetaddr: 10.11.8.0  # the network
        mcastaddr: 226.93.2.1  # the group
        mcastport: 5405  # the port
    }
}
amf {
    mode: disabled
}
quorum {
    provider: corosync_votequorum
    expected_votes: 1
}
aisexec {
        user:   root
        group:  root
}
logging {
        fileline: off
        to_stderr: yes
        to_logfile: no
        to_syslog: yes
        syslog_facility: daemon
        debug: off
        timestamp: on
        logger_subsys {
                subsys: AMF
                debug: off
                tags: enter|leave|trace1|trace2|trace3|trace4|trace6
        }
}
service {
    name: pacemaker
    ver: 1
}
";

#[test]
fn comments_are_cut_and_explicit_none_wins_over_secauth() {
    let config = Config::read(COMMENTED, Mode::Legacy, &host("a", &["192.168.1.20"])).unwrap();
    assert_eq!(config.totem.transport, Transport::Udp);
    assert!(!config.totem.crypto.is_on());
    assert_eq!(config.links[0].multicast, Some("239.255.1.1".parse().unwrap()));
    assert_eq!((config.links[0].port, config.links[0].ttl), (5405, 1));
    assert_eq!(config.local_node().addresses[&0].to_string(), "192.168.1.20");
    assert!(config.starts_resource_layer);
    assert_eq!(config.quorum.provider, None);
    assert!(config.implicit_nodes);
    assert!(config.warnings.contains(&Warning::TrailingComments));
    let threads = config.warnings.iter().any(|w| w.to_string().starts_with("totem.thread has no effect"));
    assert!(threads, "{:?}", config.warnings);
}

#[test]
fn secauth_with_multicast_asks_for_encryption_rather_than_dropping_it() {
    let config = Config::read(SECURED, Mode::Legacy, &host("a", &["192.168.1.1"])).unwrap();
    assert_eq!(config.totem.transport, Transport::Udp);
    assert_eq!((config.totem.crypto.cipher, config.totem.crypto.hash), (Cipher::Aes256, Hash::Sha256));
    assert!(config.warnings.contains(&Warning::CryptoWithoutKnet));
    assert_eq!(config.local_node().id, 0xC0A8_0101);
    // The same file with the other spelling of a section, as it is seen in the wild.
    let misspelt = SECURED.replace("aisexec", "aisexce").replace("# yes", "");
    assert!(Config::read(&misspelt, Mode::Legacy, &host("a", &["192.168.1.1"])).is_ok());
}

#[test]
fn a_node_list_means_knet_and_the_first_matching_entry_is_local() {
    let mut host = host("node1.example.org", &["172.16.0.5"]);
    host.resolved.insert("node1.example.org".into(), vec!["172.16.0.5".parse().unwrap()]);
    let config = Config::read(NAMED, Mode::Legacy, &host).unwrap();
    assert_eq!(config.totem.transport, Transport::Knet);
    assert_eq!((config.totem.crypto.cipher, config.totem.crypto.hash), (Cipher::Aes128, Hash::Md5));
    assert_eq!((config.local_node().id, config.nodes.len()), (1, 2));
    assert_eq!(config.links[0].port, 5405);
    assert_eq!(config.quorum.provider.as_deref(), Some("corosync_votequorum"));
}

#[test]
fn timers_are_taken_and_the_rest_derived() {
    let config = Config::read(TIMED, Mode::Legacy, &host("x", &["10.11.8.10"])).unwrap();
    let timers = &config.totem.timers;
    let ms = [timers.token, timers.token_retransmit, timers.hold, timers.join, timers.consensus].map(|t| t.as_millis());
    assert_eq!(ms, [3000, 294, 225, 60, 3600]);
    assert_eq!(timers.max_messages, 20);
    assert_eq!(config.local_node().id, 168_495_114);
    assert_eq!(config.quorum.expected_votes, 1);
    assert!(!config.starts_resource_layer);
    assert_eq!(config.totem.link_mode, LinkMode::Passive);
    assert_eq!(config.map.get_u32("runtime.config.totem.token_retransmit"), Some(294));
}

#[test]
fn the_strict_reader_says_what_the_released_daemon_says() {
    let host = host("x", &["10.11.8.10"]);
    let report = |text: &str| Config::read(text, Mode::Strict, &host).unwrap_err().report("f");
    assert_eq!(
        report(COMMENTED),
        "parser error: f:2: Value of key \"totem.version\" is expected to be integer in range (0..4294967295), but \"2 //of the protocol\" was given"
    );
    assert_eq!(report(SECURED), "parser error: f:2: Extra characters after opening bracket '{'");
    assert_eq!(report(NAMED), "parser error: f:3: Invalid cipher type. Should be none, aes256, aes192 or aes128");
    assert_eq!(
        report(TIMED),
        "parser error: f:17: Value of key \"totem.interface.mcastport\" is expected to be integer in range (0..65535), but \"5405  # the port\" was given"
    );
    let clean: String = TIMED.lines().map(|l| l.split("  #").next().unwrap_or(l).to_owned() + "\n").collect();
    assert_eq!(report(&clean), "parse error in config: No valid name found for local host");
}

#[test]
fn redundant_rings_of_older_files_become_links() {
    let ring = |number: u8, port: u16| {
        format!(
            "interface {{\nringnumber: {number}\nbindnetaddr: 10.{n}.0.0\nmcastport: {port}\nmember {{\nmemberaddr: 10.{n}.0.1\n}}\nmember {{\nmemberaddr: 10.{n}.0.2\n}}\n}}\n",
            n = number + 1
        )
    };
    let text = format!(
        "totem {{\nversion: 2\ntransport: udpu\nrrp_mode: passive\nrrp_problem_count_threshold: 3\n{}{}}}\n",
        ring(0, 5405),
        ring(1, 5407)
    );
    let config = Config::read(&text, Mode::Legacy, &host("x", &["10.1.0.2", "10.2.0.2"])).unwrap();
    assert_eq!(config.totem.link_mode, LinkMode::RoundRobin);
    assert_eq!(config.links.iter().map(|l| (l.number, l.port)).collect::<Vec<_>>(), [(0, 5405), (1, 5407)]);
    assert_eq!(config.nodes.len(), 2);
    assert_eq!(config.local_node().addresses[&1].to_string(), "10.2.0.2");
    assert_eq!(config.nodes[0].id, 0x0A01_0001);
}

#[test]
fn an_error_names_line_key_value_and_what_is_allowed() {
    let text =
        "totem {\n version: 2\n transport: udpu\n token: 10\n}\nnodelist {\n node {\n  ring0_addr: 10.0.0.1\n }\n}\n";
    let error = Config::read(text, Mode::Strict, &host("x", &["10.0.0.1"])).unwrap_err();
    assert_eq!(
        error.report("f"),
        "parse error in config: The token timeout parameter (10 ms) may not be less than (30 ms)."
    );
    let totem_core::config::Error::Invalid(invalid) = error else { panic!("{error}") };
    assert_eq!(invalid.place().unwrap(), "line 4, totem.token: 10 (allowed: 30 ms or more)");
}
