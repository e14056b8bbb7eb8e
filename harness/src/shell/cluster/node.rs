//! `metronome node`: a whole cluster node on this machine.

use super::tools;
use crate::drive::control::socket_path;
use crate::drive::desk::Desk;
use crate::drive::node::{Adapters, Clock, Disk, DriveError, Listener, OnReset, drive};
use crate::drive::remote::Key;
use crate::drive::transport::{Transport, host, host_called, random};
use crate::node::timeline::{Kind, Line};
use crate::node::{Node, NodeConfig, empty_cib};
use agents::process::Places;
use clap::{Parser, ValueEnum};
use std::future::Future;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};
use totem_core::config::{Config, Host, Mode};

/// Run a node of a high-availability cluster on this machine: ring, quorum, configuration, scheduler, resource agents and
/// fencing in one process.
///
/// The cluster is described by corosync.conf, the resources by the configuration that all nodes share: see it and change it
/// with `metronome crm` while the node runs. SIGTERM or SIGINT makes the node leave: its resources move away first. The exit
/// status is 0 then, 1 after an error, 100 if the node must stay down.
#[derive(Parser)]
#[command(name = "metronome node")]
struct Arguments {
    /// The cluster's configuration.
    #[arg(long, value_name = "FILE", default_value = "/etc/corosync/corosync.conf")]
    config: PathBuf,
    /// What the node remembers: its copy of the shared configuration, ring and vote numbers.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/metronome")]
    state_dir: PathBuf,
    /// The node's name; the host's if not given.
    #[arg(long)]
    name: Option<String>,
    /// Where OCF agents are, in resource.d/PROVIDER/AGENT.
    #[arg(long, value_name = "DIR", default_value = "/usr/lib/ocf")]
    agents_root: PathBuf,
    /// Where fence agents are.
    #[arg(long, value_name = "DIR", default_value = "/usr/sbin")]
    fence_dir: PathBuf,
    /// The secret that it shares with remote hosts (`metronome remote`); not needed where there are none.
    #[arg(long, value_name = "FILE", default_value = super::REMOTE_KEY)]
    remote_key: PathBuf,
    /// Where tools reach the node; $METRONOME_SOCKET or /run/metronome/control.sock if not given.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// What to do when the cluster wants this machine reset at once.
    #[arg(long, value_enum, default_value_t = Reset::End)]
    on_reset: Reset,
    /// Log everything, not only what an administrator wants to know.
    #[arg(short, long)]
    verbose: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Reset {
    /// End the node with status 100 and leave the machine alone: fencing by the others must do the rest.
    End,
    /// Restart the machine without synchronising disks.
    Reboot,
}

/// `node`: run a whole cluster node.
pub fn node(args: &[String]) -> ExitCode {
    let arguments: Arguments = match crate::shell::options::read(args) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match run(&arguments) {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(end)) => {
            eprintln!("node: {end}");
            ExitCode::from(end.exit_code())
        }
        Err(error) => {
            eprintln!("node: {error}");
            ExitCode::FAILURE
        }
    }
}

pub(super) type Problem = Box<dyn std::error::Error>;

fn read(path: &Path, host: &Host) -> Result<Config, Problem> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    Config::read(&text, Mode::default(), host).map_err(|e| format!("{}: {e}", path.display()).into())
}

/// An error is about starting; the inner result is how the node ended.
fn run(arguments: &Arguments) -> Result<Result<(), DriveError>, Problem> {
    let host = arguments.name.as_ref().map_or_else(host, host_called);
    let config = read(&arguments.config, &host)?;
    config.warnings.iter().for_each(|warning| eprintln!("node: {warning}"));
    let mut disk = Disk::open(&arguments.state_dir)?;
    let (transport, links) = Transport::open(&config)?;
    let clock = Clock::default();
    let life = disk.begin_life()?;
    let name = arguments.name.clone().or_else(|| nix::unistd::gethostname().ok()?.into_string().ok());
    let node_config = NodeConfig {
        seed: u64::from_le_bytes(random()?[..8].try_into().expect("eight bytes")),
        life,
        initial_cib: Some(empty_cib().write()),
        links,
        receive_room: Some(transport.receive_room()),
        process_id: std::process::id(),
        ..NodeConfig::of(config.clone(), name.as_deref().unwrap_or("localhost"), clock.epoch())
    };
    let node = Node::new(node_config, disk.stored()?, clock.now())?;
    let socket = arguments.socket.clone().unwrap_or_else(socket_path);
    let mut places = Places {
        ocf_root: arguments.agents_root.clone(),
        ocf_path: vec![arguments.agents_root.join("resource.d")],
        fence_dir: arguments.fence_dir.clone(),
        ..Places::default()
    };
    tools::offer(&mut places, &arguments.state_dir.join("tools"), &socket)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let again = arguments.config.clone();
    let adapters = Adapters {
        clock,
        transport,
        disk,
        places,
        desk: Desk::new(config),
        control: Some(listener(socket)?),
        remote_key: remote_key(&arguments.remote_key)?,
        log: log(arguments.verbose),
        reread: Box::new(move || read(&again, &host).map_err(|error| error.to_string())),
        stop: signals(1)?,
        on_reset: match arguments.on_reset {
            Reset::End => OnReset::End,
            Reset::Reboot => OnReset::Reboot,
        },
    };
    Ok(runtime.block_on(drive(node, adapters)))
}

/// The key for remote hosts; without its file no remote host can be connected, which is no error before one is wanted.
fn remote_key(path: &Path) -> Result<Option<Key>, Problem> {
    if !path.exists() {
        return Ok(None);
    }
    Ok(Some(Key::read(path)?))
}

pub(super) fn listener(path: PathBuf) -> Result<Listener, Problem> {
    Listener::open(&path).map_err(|e| format!("{}: {e}", path.display()).into())
}

/// Prints lines with the time of day; nobody may be reading, which must not end a node.
pub(super) fn log(verbose: bool) -> Box<dyn FnMut(&Line)> {
    Box::new(move |line| {
        if line.kind != Kind::Detail || verbose {
            let now = jiff::Zoned::now().strftime("%F %T%.3f");
            let node = line.node.as_deref().unwrap_or("-");
            let _ = writeln!(io::stdout(), "{now}  {:<10} {node:<10} {}", line.kind.name(), line.text);
        }
    })
}

/// Done at the `count`th SIGTERM or SIGINT. To be called inside a runtime.
pub(super) fn signals(count: usize) -> io::Result<Pin<Box<dyn Future<Output = ()>>>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(Box::pin(async move {
        for _ in 0..count {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    }))
}
