//! `metronome ring`: a full ring member on UDP, beside real daemons, with requests from standard input.

use crate::drive::control::{Event, Server, socket_path};
use crate::drive::desk::Desk;
use crate::drive::device::DeviceDriver;
use crate::drive::ring::{RingDriver, host};
use bytes::Bytes;
use clap::Parser;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use totem_core::config::{Config, CryptoPhase, Mode};
use totem_core::groups::GroupName;
use totem_core::member::{Busy, Output};
use totem_core::ring::{ConfigurationKind, Guarantee};
use totem_core::wire::NodeId;

/// Run a ring member on real sockets. Requests are lines on standard input:
/// `join GROUP`, `leave GROUP`, `send GROUP TEXT`, `burst GROUP COUNT BYTES`, `status`, `quit`.
/// What the ring tells is printed, one line each.
#[derive(Parser)]
#[command(name = "metronome ring")]
struct Arguments {
    /// The cluster's configuration.
    #[arg(long, default_value = "/etc/corosync/corosync.conf")]
    config: PathBuf,
    /// Where the ring sequence is kept.
    #[arg(long, default_value = "/var/lib/corosync")]
    state_dir: PathBuf,
    /// Print messages as counts only.
    #[arg(long)]
    quiet: bool,
    /// Print the administrators' log too.
    #[arg(long)]
    log: bool,
    /// Where the corosync tools reach this member; `$METRONOME_SOCKET` if it is not given.
    #[arg(long)]
    socket: Option<PathBuf>,
    /// Leave after this many seconds.
    #[arg(long)]
    seconds: Option<u64>,
}

/// `ring`: run a ring member on real sockets.
pub fn ring(args: &[String]) -> ExitCode {
    let arguments: Arguments = match crate::shell::options::read(args) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("ring: {e}");
            ExitCode::FAILURE
        }
    }
}

/// A burst of messages that is under way: a group, how many are left, and the bytes of each.
struct Burst {
    group: GroupName,
    left: u32,
    payload: Bytes,
}

/// What is left to do and was seen so far.
struct Session {
    quiet: bool,
    log: bool,
    received: u64,
    bytes: u64,
    bursts: VecDeque<Burst>,
    reload: bool,
    phases: Vec<(NodeId, CryptoPhase)>,
    done: bool,
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let text =
        std::fs::read_to_string(&arguments.config).map_err(|e| format!("{}: {e}", arguments.config.display()))?;
    let config = Config::read(&text, Mode::default(), &host())?;
    config.warnings.iter().for_each(|warning| eprintln!("ring: {warning}"));
    let mut log = Vec::new();
    let mut driver = RingDriver::start(&config, &arguments.state_dir, &mut log)?;
    let mut session = Session {
        quiet: arguments.quiet,
        log: arguments.log,
        received: 0,
        bytes: 0,
        bursts: VecDeque::new(),
        reload: false,
        phases: Vec::new(),
        done: false,
    };
    for line in log {
        session.tell(Output::Log(line));
    }
    println!("node {}", driver.member().node());
    let mut desk = Desk::new(config);
    let mut server = match Server::open(arguments.socket.clone().unwrap_or_else(socket_path)) {
        Ok(server) => Some(server),
        Err(e) => {
            eprintln!("ring: tools cannot reach this member: {e}");
            None
        }
    };
    let mut device = DeviceDriver::start(desk.config())?;
    let end = arguments.seconds.map(|s| Instant::now() + Duration::from_secs(s));
    let mut input = BufReader::new(std::io::stdin());
    let mut input_open = true;
    while !session.done && end.is_none_or(|end| Instant::now() < end) {
        session.work(&mut driver);
        let wait = match session.bursts.is_empty() {
            true => Duration::from_millis(200),
            false => Duration::from_millis(1),
        };
        let now = driver.now();
        let device_wait = device.as_ref().and_then(DeviceDriver::poll_timeout).map(|at| at.saturating_sub(now));
        let wait = device_wait.map_or(wait, |due| due.min(wait));
        let stdin = std::io::stdin();
        let mut others: Vec<_> = if input_open { vec![stdin.as_fd()] } else { Vec::new() };
        others.extend(server.iter().flat_map(Server::fds));
        others.extend(device.iter().flat_map(DeviceDriver::fds));
        let (mut events, mut votes) = (Vec::new(), Vec::new());
        let ready = driver.turn(Some(wait), &others, &mut |output| {
            events.extend(desk.note(&output));
            votes.extend(matches!(output, Output::Votes(_)).then(|| output.clone()));
            session.tell(output);
        })?;
        drop(others);
        if let Some(device) = &mut device {
            let now = driver.now();
            votes.iter().for_each(|output| device.note(now, output));
            device.work(now, driver.member());
            device.take_log().into_iter().for_each(|line| println!("device {line}"));
        }
        if std::mem::take(&mut session.reload) {
            events.extend(reload(arguments, &mut desk, &mut driver));
        }
        std::mem::take(&mut session.phases).into_iter().for_each(|(by, said)| driver.crypto_phase(by, said));
        if let Some(server) = &mut server {
            let now = driver.now();
            server.serve(|request| desk.answer(now, driver.member(), request));
            events.extend(desk.events());
            events.extend(desk.link_events(driver.member()));
            events.iter().for_each(|event| server.publish(event));
        }
        if input_open && ready.first() == Some(&true) {
            let mut line = String::new();
            input_open = input.read_line(&mut line)? > 0;
            session.request(&mut driver, line.trim());
            while !input.buffer().is_empty() {
                let mut line = String::new();
                input.read_line(&mut line)?;
                session.request(&mut driver, line.trim());
            }
        }
        std::io::stdout().flush()?;
    }
    driver.shutdown(&mut |output| session.tell(output))?;
    println!("left");
    Ok(())
}

/// Reads the configuration again; a file that cannot be used leaves everything as it was.
fn reload(arguments: &Arguments, desk: &mut Desk, driver: &mut RingDriver) -> Vec<Event> {
    let read = std::fs::read_to_string(&arguments.config)
        .map_err(|e| e.to_string())
        .and_then(|text| Config::read(&text, Mode::default(), &host()).map_err(|e| e.to_string()));
    let read = read.and_then(|config| driver.reload(&config).map(|()| config).map_err(|e| e.to_string()));
    match read {
        Ok(config) => desk.replace_config(config, driver.member()),
        Err(e) => {
            println!("Unable to reload config file: {e}");
            Vec::new()
        }
    }
}

fn list(nodes: &[NodeId]) -> String {
    if nodes.is_empty() {
        return "-".into();
    }
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

impl Session {
    fn tell(&mut self, output: Output) {
        match output {
            Output::Configuration(c) => {
                let kind = match c.kind {
                    ConfigurationKind::Transitional => "transitional",
                    ConfigurationKind::Regular => "regular",
                };
                let (members, joined, left) = (list(&c.members), list(&c.joined), list(&c.left));
                println!("configuration {kind} {} members {members} joined {joined} left {left}", c.ring);
            }
            Output::Synchronized(ring) => println!("synchronized {ring}"),
            Output::Quorum(q) => println!("quorum {} {} members {}", q.quorate, q.ring, list(&q.members)),
            Output::Message { group, from, pid, payload, .. } => {
                self.received += 1;
                self.bytes += payload.len() as u64;
                if !self.quiet {
                    println!("message {group} from {from}/{pid}: {}", String::from_utf8_lossy(&payload));
                }
            }
            Output::Group(g) => {
                let show = |list: &[totem_core::groups::Address], reasons: bool| {
                    let reason = |r: totem_core::groups::Reason| {
                        if reasons { format!("/{}", r.number()) } else { String::new() }
                    };
                    let each: Vec<_> =
                        list.iter().map(|a| format!("{}/{}{}", a.node, a.pid, reason(a.reason))).collect();
                    if each.is_empty() { "-".into() } else { each.join(",") }
                };
                println!(
                    "group {} members {} joined {} left {}",
                    g.group,
                    show(&g.members, false),
                    show(&g.joined, true),
                    show(&g.left, true)
                );
            }
            Output::Notice(n) if self.log => println!("log [TOTEM] {n}"),
            Output::Log(line) if self.log => println!("log {line}"),
            Output::Stop => self.done = true,
            Output::Control(c) => {
                use totem_core::config::ControlOutput;
                match c {
                    ControlOutput::Killed { by, reason } => {
                        println!("Killed by node {by} : {reason}");
                        self.done = true;
                    }
                    ControlOutput::Stop => self.done = true,
                    ControlOutput::Reload { .. } => self.reload = true,
                    ControlOutput::CryptoPhase { by, said } => self.phases.push((by, said)),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    fn request(&mut self, driver: &mut RingDriver, line: &str) {
        let mut words = line.splitn(3, ' ');
        let (verb, group, rest) = (words.next().unwrap_or(""), words.next(), words.next());
        let group = || GroupName::new(group.unwrap_or("").as_bytes());
        match verb {
            "" => {}
            "quit" => self.done = true,
            "status" => self.status(driver),
            "join" | "leave" | "send" | "burst" => {
                let Ok(group) = group() else { return println!("refused: group name") };
                self.group_request(driver, verb, group, rest.unwrap_or(""));
            }
            other => println!("unknown request '{other}'"),
        }
    }

    fn group_request(&mut self, driver: &mut RingDriver, verb: &str, group: GroupName, rest: &str) {
        match verb {
            "join" => {
                if let Err(e) = driver.member().join(group) {
                    println!("refused: {e:?}");
                }
            }
            "leave" => {
                if let Err(e) = driver.member().leave(&group) {
                    println!("refused: {e:?}");
                }
            }
            "send" => {
                let payload = Bytes::copy_from_slice(rest.as_bytes());
                self.bursts.push_back(Burst { group, left: 1, payload });
            }
            _ => {
                let mut numbers = rest.split(' ').map(|n| n.parse::<u32>().unwrap_or(0));
                let (count, size) = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
                let payload = Bytes::from(vec![b'.'; size as usize]);
                self.bursts.push_back(Burst { group, left: count, payload });
            }
        }
    }

    /// Sends what is left of the bursts, as far as the ring takes it.
    fn work(&mut self, driver: &mut RingDriver) {
        while let Some(burst) = self.bursts.front_mut() {
            while burst.left > 0 {
                match driver.member().send(&burst.group, burst.payload.clone(), Guarantee::Agreed) {
                    Ok(()) => burst.left -= 1,
                    Err(Busy::Synchronising | Busy::Queue { .. }) => return,
                    Err(e) => {
                        println!("refused: {e}");
                        break;
                    }
                }
            }
            self.bursts.pop_front();
        }
    }

    fn status(&self, driver: &mut RingDriver) {
        let (sent, received, dropped) = driver.counts();
        let s = driver.member().status();
        println!(
            "status node {} state {:?} ring {} members {} quorate {} synchronising {} messages {} bytes {} datagrams {sent}/{received}/{dropped}",
            s.ring.node,
            s.ring.state,
            s.ring.ring,
            list(s.ring.members),
            s.quorate,
            s.synchronising,
            self.received,
            self.bytes,
        );
        if let Some(links) = s.links {
            println!("links refused {:?}", links.refusals());
        }
        let c = s.ring.counters;
        println!(
            "counters operational {} gather {} token-lost {} retransmitted {} refused {:?}",
            c.operational_entered, c.gather_entered, c.operational_token_lost, c.mcast_retx, c.refused
        );
    }
}
