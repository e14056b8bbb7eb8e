//! Devices with real sockets, files and commands: one of two nodes, alone, becomes quorate by the device's vote.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use totem_core::config::{Config, Host, Mode};
use totem_core::member::{self, Identity, Member};
use totem_core::quorum::{Options, Roster};
use totem_core::wire::NodeId;

use super::{ArbiterServer, ArbiterServerOptions, DeviceDriver};

fn config(device: &str) -> Config {
    let text = format!(
        "totem {{\nversion: 2\ntransport: udpu\ncluster_name: c\ntoken: 300\n}}\nquorum {{\nprovider: corosync_votequorum\ndevice {{\nvotes: 1\ntimeout: 4000\n{device}}}\n}}\nnodelist {{\nnode {{\nring0_addr: 127.0.0.1\nnodeid: 1\nname: a\n}}\nnode {{\nring0_addr: 127.0.0.2\nnodeid: 2\nname: b\n}}\n}}\n"
    );
    Config::read(&text, Mode::Strict, &Host::new("a", [])).unwrap()
}

/// Runs node 1 without any network to node 2 until `enough`, at most so long. Says whether it was quorate then.
fn runs_alone(config: &Config, limit: Duration, enough: impl Fn(bool, &[String]) -> bool) -> (bool, Vec<String>) {
    let options = Options::at_start(&config.quorum, Roster::of(config), 0, &mut Vec::new()).unwrap();
    let member_config = member::Config::of(config, Some(options));
    let origin = Instant::now();
    let mut member = Member::new(member_config, Identity::new(NodeId(1), 7), Duration::ZERO).unwrap();
    let mut device = DeviceDriver::start(config).unwrap().expect("a device is configured");
    let mut log = Vec::new();
    loop {
        let now = origin.elapsed();
        if member.poll_timeout().is_some_and(|at| at <= now) {
            member.handle_timeout(now);
        }
        while let Some(output) = member.poll_output() {
            device.note(now, &output);
        }
        device.work(now, &mut member);
        log.append(&mut device.take_log());
        let quorate = member.status().quorate;
        if enough(quorate, &log) || now > limit {
            return (quorate, log);
        }
        thread::sleep(Duration::from_millis(2));
    }
}

struct Running {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Running {
    fn start() -> Running {
        let options = ArbiterServerOptions { listen: vec!["127.0.0.1:0".parse().unwrap()], max_clients: 0 };
        let mut server = ArbiterServer::open(&options).unwrap();
        let address = server.addresses()[0];
        let stop = Arc::new(AtomicBool::new(false));
        let seen = stop.clone();
        let thread = thread::spawn(move || server.run(|| seen.load(Ordering::Relaxed)).unwrap());
        Running { address, stop, thread: Some(thread) }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().map(thread::JoinHandle::join);
    }
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn an_arbiter_votes_for_a_node_that_is_alone() {
    let arbiter = Running::start();
    let net =
        format!("model: net\nnet {{\nhost: 127.0.0.1\nport: {}\nalgorithm: ffsplit\n}}\n", arbiter.address.port());
    let (quorate, log) = runs_alone(&config(&net), LONG, |quorate, _| quorate);
    assert!(quorate, "{log:?}");
    // With checks that pass, too.
    let checks = format!("{net}heuristics {{\nmode: on\nexec_a: /bin/true\n}}\n");
    let (quorate, log) = runs_alone(&config(&checks), LONG, |quorate, _| quorate);
    assert!(quorate, "{log:?}");
}

#[test]
fn nobody_votes_where_no_arbiter_listens() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let net = format!("model: net\nnet {{\nhost: 127.0.0.1\nport: {}\n}}\n", free.port());
    let refused = |log: &[String]| log.iter().any(|line| line.starts_with("can't connect to the arbiter"));
    let (quorate, log) = runs_alone(&config(&net), LONG, |quorate, log| quorate || log.len() > 2);
    assert!(!quorate && refused(&log), "{log:?}");
}

#[test]
fn a_shared_disk_votes_for_a_node_that_is_alone() {
    let disk = tempfile::NamedTempFile::new().unwrap();
    let keys = format!("model: disk\ndisk {{\npath: {}\ninterval: 100\npatience: 3\n}}\n", disk.path().display());
    let (quorate, log) = runs_alone(&config(&keys), LONG, |quorate, _| quorate);
    assert!(quorate, "{log:?}");
    assert!(std::fs::metadata(disk.path()).unwrap().len() >= 4096);
    assert!(DeviceDriver::start(&config("model: disk\ndisk {\npath: /no/such/disk\n}\n")).is_err());
}

#[test]
fn a_ping_target_votes_for_a_node_that_reaches_it() {
    if super::ping::ask(&["127.0.0.1".parse().unwrap()], Duration::from_millis(500)).is_err() {
        return println!("skipped: no ICMP socket here");
    }
    let keys = "model: ping\nping {\naddress: 127.0.0.1\ninterval: 1000\n}\n";
    let (quorate, log) = runs_alone(&config(keys), LONG, |quorate, _| quorate);
    assert!(quorate, "{log:?}");
}
