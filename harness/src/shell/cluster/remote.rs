//! `metronome remote`: a host that runs agents for a cluster without being a member of it.

use super::node::{Problem, listener, log, signals};
use super::tools;
use crate::drive::control::socket_path;
use crate::drive::node::Clock;
use crate::drive::remote::{HostAdapters, Key, PORT, listen, serve};
use agents::process::Places;
use clap::Parser;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;

/// Run resource agents on this machine for a cluster that it is no member of.
///
/// The cluster knows it by a resource of the agent ocf:pacemaker:remote, or by the meta attribute remote-node of the resource
/// that it is a guest of. Its nodes (`metronome node`) must hold the same key file. SIGTERM or SIGINT makes it give its
/// resources away before it ends; the second one ends it at once.
#[derive(Parser)]
#[command(name = "metronome remote")]
struct Arguments {
    /// Where nodes connect: all addresses of the machine if not given.
    #[arg(long, value_name = "ADDRESS")]
    address: Option<IpAddr>,
    /// The port there.
    #[arg(long, default_value_t = PORT)]
    port: u16,
    /// The secret that the cluster's nodes hold, too.
    #[arg(long, value_name = "FILE", default_value = super::REMOTE_KEY)]
    key: PathBuf,
    /// Where links to the tools for agents are put.
    #[arg(long, value_name = "DIR", default_value = "/var/lib/metronome")]
    state_dir: PathBuf,
    /// Where OCF agents are, in resource.d/PROVIDER/AGENT.
    #[arg(long, value_name = "DIR", default_value = "/usr/lib/ocf")]
    agents_root: PathBuf,
    /// Where tools reach the cluster; $METRONOME_SOCKET or /run/metronome/control.sock if not given.
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
}

/// `remote`: run agents for a cluster.
pub fn remote(args: &[String]) -> ExitCode {
    let arguments: Arguments = match crate::shell::options::read(args) {
        Ok(arguments) => arguments,
        Err(code) => return code,
    };
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("remote: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Problem> {
    let key = Key::read(&arguments.key)?;
    let address = SocketAddr::new(arguments.address.unwrap_or(Ipv6Addr::UNSPECIFIED.into()), arguments.port);
    // Where there is no IPv6 at all, everything is IPv4.
    let socket = match listen(address) {
        Err(_) if arguments.address.is_none() => listen(SocketAddr::new([0, 0, 0, 0].into(), arguments.port)),
        socket => socket,
    };
    let socket = socket.map_err(|error| format!("{address}: {error}"))?;
    let control = arguments.socket.clone().unwrap_or_else(socket_path);
    let mut places = Places {
        ocf_root: arguments.agents_root.clone(),
        ocf_path: vec![arguments.agents_root.join("resource.d")],
        ..Places::default()
    };
    tools::offer(&mut places, &arguments.state_dir.join("tools"), &control)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let _inside = runtime.enter();
    let host = HostAdapters {
        clock: Clock::default(),
        listener: socket,
        key,
        places,
        control: Some(listener(control)?),
        log: log(false),
        stop: signals(1)?,
        abandon: signals(2)?,
    };
    Ok(runtime.block_on(serve(host))?)
}
