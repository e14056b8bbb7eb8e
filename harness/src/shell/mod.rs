//! The one binary: a table of subcommands, found by the first argument or by the name the program was called by.

pub mod bench;
pub mod cib_tools;
pub mod cluster;
pub mod crm;
mod options;
pub mod resource_agents;
pub mod ring;
pub mod scheduler;
pub mod simulation;

use std::process::ExitCode;

/// One subcommand: its name, what it is for in a few words, and what runs it. `args` excludes the subcommand itself.
pub struct Command {
    /// The name typed after `metronome`, or the name of a link to the binary.
    pub name: &'static str,
    /// One line for `metronome --help`.
    pub about: &'static str,
    /// Runs it with the remaining arguments.
    pub run: fn(args: &[String]) -> ExitCode,
}

/// Every subcommand, in the order of `--help`.
pub const COMMANDS: &[Command] = &[
    Command { name: "simulate", about: "run a scenario", run: simulation::simulate },
    Command { name: "replay", about: "run what 'simulate' or 'sweep' recorded", run: simulation::replay },
    Command { name: "sweep", about: "run a scenario over many seeds", run: simulation::sweep },
    Command { name: "crm", about: "the cluster shell", run: crm::crm },
    Command { name: "crm_mon", about: "show the status of a cluster", run: crm::crm_mon },
    Command { name: "crm_simulate", about: "show what the scheduler would do", run: scheduler::crm_simulate },
    Command { name: "explain", about: "tell why a resource runs where it does", run: scheduler::explain },
    Command { name: "conformance", about: "run a scheduler corpus and report equality", run: scheduler::conformance },
    Command { name: "cibadmin", about: "query and change a CIB", run: cib_tools::cibadmin },
    Command { name: "crm_attribute", about: "set attributes of nodes, cluster options", run: cluster::crm_attribute },
    Command { name: "crm_master", about: "set a promotion score (for agents)", run: cluster::crm_master },
    Command {
        name: "attrd_updater",
        about: "set attributes that live until their node leaves",
        run: cluster::attrd_updater,
    },
    Command { name: "crm_node", about: "show the node that runs here", run: cluster::crm_node },
    Command { name: "stonith_admin", about: "show what was fenced, fence by hand", run: cluster::stonith_admin },
    Command { name: "crm_diff", about: "compare two CIBs, or apply a patch", run: cib_tools::crm_diff },
    Command { name: "crm_verify", about: "check a configuration", run: cib_tools::crm_verify },
    Command { name: "crm_rule", about: "evaluate rules of a CIB", run: cib_tools::crm_rule },
    Command { name: "iso8601", about: "parse and show dates, durations and intervals", run: cib_tools::iso8601 },
    Command { name: "ra", about: "list and describe resource agents", run: resource_agents::ra },
    Command { name: "node", about: "run a whole cluster node", run: cluster::node },
    Command { name: "remote", about: "run agents for a cluster, without being a member", run: cluster::remote },
    Command { name: "ring", about: "run a ring member on real sockets", run: ring::ring },
    Command { name: "corosync-cfgtool", about: "show ring and link state", run: ring::corosync_cfgtool },
    Command { name: "corosync-quorumtool", about: "show votes and quorum", run: ring::corosync_quorumtool },
    Command { name: "corosync-cpgtool", about: "show process groups", run: ring::corosync_cpgtool },
    Command { name: "corosync-cmapctl", about: "show configuration and run-time keys", run: ring::corosync_cmapctl },
    Command { name: "corosync-keygen", about: "make an authentication key", run: ring::corosync_keygen },
    Command { name: "corosync-notifyd", about: "print cluster events", run: ring::corosync_notifyd },
    Command { name: "corosync-qnetd", about: "run an arbiter for quorum devices", run: ring::corosync_qnetd },
    Command { name: "bench", about: "compare with the peers", run: bench::bench },
];

/// Runs the subcommand that `args` (with the program's name first) asks for.
pub fn run(args: &[String]) -> ExitCode {
    let called = args.first().map_or("", |a| a.rsplit('/').next().unwrap_or(a));
    if let Some(command) = COMMANDS.iter().find(|c| c.name == called) {
        return (command.run)(&args[1..]);
    }
    match args.get(1).map(String::as_str) {
        None | Some("--help" | "-h" | "help") => {
            print!("{}", usage());
            ExitCode::SUCCESS
        }
        Some("--version" | "-V") => {
            println!("metronome {}", env!("CARGO_PKG_VERSION"));
            ExitCode::SUCCESS
        }
        Some(name) => match COMMANDS.iter().find(|c| c.name == name) {
            Some(command) => (command.run)(&args[2..]),
            None => {
                eprintln!("metronome: unknown command '{name}'; 'metronome --help' lists them");
                ExitCode::from(2)
            }
        },
    }
}

fn usage() -> String {
    let mut out = String::from("metronome: a high-availability cluster engine\n\nUsage: metronome COMMAND [ARGS]\n\n");
    for c in COMMANDS {
        out.push_str(&format!("  {:<20} {}\n", c.name, c.about));
    }
    out.push_str(
        "\n'metronome COMMAND --help' tells more. A link to this program named like a command runs that command.\n",
    );
    out
}
