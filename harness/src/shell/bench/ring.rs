//! `metronome bench ring`: three members as processes over UDP in network namespaces, beside a trio of real daemons with a
//! client of theirs, under the same conditions in the same run. Latency is the median of single messages, from sending
//! to their coming back to the sender.

use crate::drive::ring::{RingDriver, host};
use bytes::Bytes;
use clap::Parser;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};
use totem_core::config::{Config, Mode};
use totem_core::groups::GroupName;
use totem_core::member::Output;
use totem_core::ring::Guarantee;

const NODES: usize = 3;
/// Single messages whose latency is measured.
const ROUNDS: usize = 401;
const CLIENT: &str = include_str!("../../../../benches/peers/cpg_bench.c");

/// Messages per second, bytes per second and latency of one sender in a ring of three. Needs root and the package
/// iproute2; the peers need corosync and a C compiler, and are skipped, by name, without them.
#[derive(Parser)]
#[command(name = "metronome bench ring")]
struct Arguments {
    /// Bytes per message.
    #[arg(long, value_delimiter = ',', default_values_t = [64, 1600, 40_000, 1_000_000])]
    sizes: Vec<usize>,
    /// Seconds per size.
    #[arg(long, default_value_t = 3)]
    seconds: u64,
    /// Only one side: `metronome` or `corosync`.
    #[arg(long)]
    only: Option<String>,
    /// More lines for `totem {}`, given to both sides: `key: value`.
    #[arg(long)]
    totem: Vec<String>,
    /// Be one member (used by the command itself, inside a namespace).
    #[arg(long, hide = true)]
    member: Option<PathBuf>,
    /// Send, instead of only receiving.
    #[arg(long, hide = true)]
    send: bool,
}

/// What one run measured.
struct Figures {
    messages: u64,
    seconds: f64,
    latency_us: f64,
}

/// `bench ring`.
pub(super) fn ring(args: &[String]) -> ExitCode {
    let arguments = match crate::shell::options::read(args) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("bench ring: {e}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    if let Some(directory) = &arguments.member {
        return member(directory, arguments);
    }
    if !rustix::process::geteuid().is_root() {
        println!("skipped: bench ring needs root for network namespaces");
        return Ok(());
    }
    println!("{:<10} {:>9} {:>12} {:>10} {:>12}", "side", "bytes", "messages/s", "MB/s", "latency us");
    for &size in &arguments.sizes {
        let mut seen = Vec::new();
        for side in ["metronome", "corosync"] {
            if arguments.only.as_deref().is_some_and(|only| only != side) {
                continue;
            }
            let trio = Trio::up(&arguments.totem)?;
            let figures = match side {
                "metronome" => trio.metronome(size, arguments.seconds)?,
                _ => trio.corosync(size, arguments.seconds)?,
            };
            let Some(f) = figures else { continue };
            let rate = f.messages as f64 / f.seconds;
            println!("{side:<10} {size:>9} {rate:>12.0} {:>10.1} {:>12.1}", rate * size as f64 / 1e6, f.latency_us);
            seen.push((rate, f.latency_us));
        }
        if let [(ours, soon), (theirs, late)] = seen[..] {
            println!("{:<10} {size:>9} {:>11.1}x {:>10} {:>11.2}x", "ratio", ours / theirs, "", soon / late);
        }
    }
    Ok(())
}

// ---- one member ------------------------------------------------------------------------------------------------

/// What a member saw so far.
#[derive(Default)]
struct Seen {
    me: u32,
    group: usize,
    own: u64,
}

impl Seen {
    fn tell(&mut self, output: Output) {
        match output {
            Output::Message { from, .. } if from.0 == self.me => self.own += 1,
            Output::Group(change) => self.group = change.members.len(),
            _ => {}
        }
    }
}

fn member(directory: &Path, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let text = std::fs::read_to_string(directory.join("corosync.conf"))?;
    let config = Config::read(&text, Mode::default(), &host())?;
    let id = config.local_node().id;
    let mut driver = RingDriver::start(&config, &directory.join(format!("state{id}")), &mut Vec::new())?;
    let group = GroupName::new("bench").map_err(|e| format!("{e:?}"))?;
    driver.member().join(group.clone()).map_err(|e| format!("{e:?}"))?;
    let mut seen = Seen { me: id, ..Seen::default() };
    while seen.group < NODES {
        driver.turn(Some(Duration::from_secs(1)), &[], &mut |o| seen.tell(o))?;
    }
    if !arguments.send {
        while seen.group == NODES {
            driver.turn(Some(Duration::from_secs(1)), &[], &mut |o| seen.tell(o))?;
        }
        return Ok(());
    }
    let figures = send(&mut driver, &group, &mut seen, arguments)?;
    println!("{} {:.3} {:.1}", figures.messages, figures.seconds, figures.latency_us);
    driver.shutdown(&mut |_| {})?;
    Ok(())
}

fn send(
    driver: &mut RingDriver,
    group: &GroupName,
    seen: &mut Seen,
    arguments: &Arguments,
) -> Result<Figures, Box<dyn Error>> {
    let payload = Bytes::from(vec![0u8; arguments.sizes[0]]);
    let start = Instant::now();
    let end = start + Duration::from_secs(arguments.seconds);
    let mut sent = 0;
    while Instant::now() < end {
        let mut wait = Duration::ZERO;
        for _ in 0..256 {
            if driver.member().send(group, payload.clone(), Guarantee::Agreed).is_err() {
                wait = Duration::from_secs(1);
                break;
            }
            sent += 1;
        }
        driver.turn(Some(wait), &[], &mut |o| seen.tell(o))?;
    }
    let (messages, seconds) = (seen.own, start.elapsed().as_secs_f64());
    let limit = Instant::now() + Duration::from_secs(20);
    while seen.own < sent && Instant::now() < limit {
        driver.turn(Some(Duration::from_millis(100)), &[], &mut |o| seen.tell(o))?;
    }
    let mut each = Vec::with_capacity(ROUNDS);
    let patience = Instant::now() + Duration::from_secs(60);
    for _ in 0..ROUNDS {
        let (before, begin) = (seen.own, Instant::now());
        while driver.member().send(group, payload.clone(), Guarantee::Agreed).is_err() {
            driver.turn(Some(Duration::from_millis(1)), &[], &mut |o| seen.tell(o))?;
        }
        while seen.own == before && Instant::now() < patience {
            driver.turn(Some(Duration::from_millis(100)), &[], &mut |o| seen.tell(o))?;
        }
        each.push(begin.elapsed());
    }
    each.sort();
    Ok(Figures { messages, seconds, latency_us: each[ROUNDS / 2].as_secs_f64() * 1e6 })
}

// ---- three namespaces ------------------------------------------------------------------------------------------

/// Three namespaces on one bridge, and everything that runs in them.
struct Trio {
    directory: PathBuf,
    children: Vec<Child>,
}

fn system(command: &str) -> Result<(), Box<dyn Error>> {
    let status = Command::new("sh").args(["-c", command]).stderr(Stdio::null()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { Err(format!("failed: {command}").into()) }
}

impl Trio {
    fn up(totem: &[String]) -> Result<Self, Box<dyn Error>> {
        let directory = std::env::temp_dir().join(format!("metronome-bench-{}", std::process::id()));
        std::fs::create_dir_all(&directory)?;
        let mut text = String::from("totem {\n version: 2\n cluster_name: bench\n transport: udpu\n token: 3000\n");
        for line in totem {
            writeln!(text, " {line}")?;
        }
        text.push_str("}\nsystem {\n state_dir: /var/lib/corosync\n sched_rr: no\n}\nnodelist {\n");
        for i in 1..=NODES {
            writeln!(text, "node {{\n ring0_addr: 10.97.0.{i}\n name: mb{i}\n nodeid: {i}\n}}")?;
        }
        text.push_str(
            "}\nlogging {\n to_stderr: no\n to_syslog: no\n to_logfile: yes\n logfile: /var/log/corosync.log\n}\n",
        );
        std::fs::write(directory.join("corosync.conf"), text)?;
        Self::remove_network();
        let trio = Self { directory, children: Vec::new() };
        system("ip link add mbbr type bridge && ip link set mbbr up")?;
        for i in 1..=NODES {
            system(&format!(
                "ip netns add mb{i} && ip -n mb{i} link set lo up && \
                 ip link add mbv{i} type veth peer name e0 netns mb{i} && ip link set mbv{i} master mbbr up && \
                 ip -n mb{i} addr add 10.97.0.{i}/24 dev e0 && ip -n mb{i} link set e0 up"
            ))?;
        }
        // a daemon that starts before its link is up ends at once
        std::thread::sleep(Duration::from_secs(1));
        Ok(trio)
    }

    fn remove_network() {
        for i in 1..=NODES {
            let _ = system(&format!("ip netns del mb{i}"));
        }
        let _ = system("ip link del mbbr");
    }

    /// Runs a command inside a node, with its own host name and state.
    fn inside(&self, node: usize, command: &str, output: Stdio) -> Result<Child, Box<dyn Error>> {
        let script = format!(
            "hostname mb{node}; for m in /dev/shm /run /var/log /var/lib/corosync; do mkdir -p $m; mount -t tmpfs none $m; done; {command}"
        );
        let mut c = Command::new("ip");
        c.args(["netns", "exec", &format!("mb{node}"), "unshare", "-m", "-u", "sh", "-c", &script]);
        Ok(c.stdin(Stdio::null()).stdout(output).stderr(Stdio::inherit()).spawn()?)
    }

    fn metronome(mut self, size: usize, seconds: u64) -> Result<Option<Figures>, Box<dyn Error>> {
        let program = std::env::current_exe()?;
        let base = format!(
            "exec {} bench ring --member {} --sizes {size} --seconds {seconds}",
            program.display(),
            self.directory.display()
        );
        for node in 2..=NODES {
            let child = self.inside(node, &base, Stdio::null())?;
            self.children.push(child);
        }
        let sender = self.inside(1, &format!("{base} --send"), Stdio::piped())?;
        parse(sender).map(Some)
    }

    fn corosync(mut self, size: usize, seconds: u64) -> Result<Option<Figures>, Box<dyn Error>> {
        let client = self.directory.join("cpg_bench");
        let source = self.directory.join("cpg_bench.c");
        std::fs::write(&source, CLIENT)?;
        let build =
            format!("command -v corosync && cc -O2 -o {} {} -l:libcpg.so.4", client.display(), source.display());
        if system(&build).is_err() {
            println!("skipped: corosync (needs the packages corosync, libcpg4 and a C compiler)");
            return Ok(None);
        }
        let conf = self.directory.join("corosync.conf");
        let daemon = format!("corosync -c {}", conf.display());
        for node in 2..=NODES {
            let script = format!("{daemon}; {} {size} {seconds} 0; kill $(cat /run/corosync.pid)", client.display());
            let child = self.inside(node, &script, Stdio::null())?;
            self.children.push(child);
        }
        let script = format!("{daemon}; {} {size} {seconds} {NODES}; kill $(cat /run/corosync.pid)", client.display());
        let sender = self.inside(1, &script, Stdio::piped())?;
        parse(sender).map(Some)
    }
}

fn parse(sender: Child) -> Result<Figures, Box<dyn Error>> {
    let text = String::from_utf8(sender.wait_with_output()?.stdout)?;
    let numbers: Vec<f64> = text.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
    match numbers[..] {
        [messages, seconds, latency_us] => Ok(Figures { messages: messages as u64, seconds, latency_us }),
        _ => Err(format!("a member ended without figures: {text:?}").into()),
    }
}

impl Drop for Trio {
    fn drop(&mut self) {
        // the others end by themselves when the sender leaves; what does not is ended with its namespace
        let end = Instant::now() + Duration::from_secs(3);
        while Instant::now() < end && self.children.iter_mut().any(|c| !matches!(c.try_wait(), Ok(Some(_)))) {
            std::thread::sleep(Duration::from_millis(20));
        }
        for i in 1..=NODES {
            let _ = system(&format!("for p in $(ip netns pids mb{i}); do kill -9 $p; done"));
        }
        for child in &mut self.children {
            let _ = child.wait();
        }
        Self::remove_network();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}
