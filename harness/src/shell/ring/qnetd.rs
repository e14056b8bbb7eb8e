//! `corosync-qnetd`: the arbiter of quorum devices, with the options of the original. It stays in the foreground and has no
//! TLS; clients that do not insist on it go on without.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::process::ExitCode;

use super::getopt::{self, Word};
use crate::drive::device::{ArbiterServer, ArbiterServerOptions};

const TOOL: &str = "corosync-qnetd";
const USAGE: &str = "usage: corosync-qnetd [-46dfhv] [-l listen_addr] [-p listen_port] [-s tls]
              [-c client_cert_required] [-m max_clients] [-S option=value[,option2=value2,...]]
";
const VERSION: &str = "Corosync Qdevice Network Daemon, version '3.0.3'

Supported algorithms: Test (0), Fifty-Fifty split (1), 2 Node LMS (2), LMS (3)
Supported message types: Preinit (0), Preinit reply (1), StartTLS (2), Init (3), Init reply (4), Server error (5), Set option (6), Set option reply (7), Echo request (8), Echo reply (9), Node list (10), Node list reply (11), Ask for vote (12), Ask for vote reply (13), Vote info (14), Vote info reply (15), Heuristics change (16), Heuristics change reply (17)
";

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    Serve(ArbiterServerOptions),
    Say(&'static str),
}

/// Reads the options; an error is what goes to stderr.
fn read(args: &[String]) -> Result<Asked, String> {
    let words = getopt::words(TOOL, "46dfhvl:p:s:c:m:S:", &[], args).map_err(|w| format!("{}\n{USAGE}", w.0))?;
    let (mut v4, mut v6, mut host, mut port, mut max_clients) = (true, true, None, 5403u16, 0);
    for word in words {
        match word {
            Word::Option('4') => v6 = false,
            Word::Option('6') => v4 = false,
            Word::Option('h') => return Ok(Asked::Say(USAGE)),
            Word::Option('v') => return Ok(Asked::Say(VERSION)),
            Word::Valued('l', text) => host = Some(text),
            Word::Valued('p', text) => {
                port = text
                    .parse()
                    .ok()
                    .filter(|p| *p != 0)
                    .ok_or(format!("{TOOL}: host port must be in range 1-65535\n"))?;
            }
            Word::Valued('s', text) => match text.as_str() {
                "on" | "off" => {}
                "req" | "required" => return Err(format!("{TOOL}: tls {text}: there is no TLS here\n")),
                _ => return Err(format!("{TOOL}: tls must be one of on, off, req\n")),
            },
            Word::Valued('c', text) if !matches!(text.as_str(), "on" | "yes" | "1" | "off" | "no" | "0") => {
                return Err(format!("{TOOL}: client_cert_required should be on/yes/1, off/no/0\n"));
            }
            Word::Valued('m', text) => {
                max_clients = text.parse().map_err(|_| format!("{TOOL}: max clients value {text} is invalid\n"))?;
            }
            Word::Valued('S', text) => return Err(format!("{TOOL}: Unknown option '{text}'\n")),
            _ => {}
        }
    }
    let listen = match host {
        Some(host) => {
            let found = (host.as_str(), port).to_socket_addrs().map_err(|e| format!("{TOOL}: {host}: {e}\n"))?;
            found.filter(|a| if a.is_ipv4() { v4 } else { v6 }).collect()
        }
        None => {
            let six = SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
            let four = SocketAddr::from((Ipv4Addr::UNSPECIFIED, port));
            [(v6, six), (v4, four)].into_iter().filter_map(|(on, address)| on.then_some(address)).collect()
        }
    };
    Ok(Asked::Serve(ArbiterServerOptions { listen, max_clients }))
}

/// `corosync-qnetd`: run an arbiter for quorum devices.
pub fn corosync_qnetd(args: &[String]) -> ExitCode {
    let options = match read(args) {
        Ok(Asked::Serve(options)) => options,
        Ok(Asked::Say(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(text) => {
            eprint!("{text}");
            return ExitCode::FAILURE;
        }
    };
    let run = |server: &mut ArbiterServer| {
        for address in server.addresses() {
            println!("listening on {address}");
        }
        server.run(|| false)
    };
    match ArbiterServer::open(&options).and_then(|mut server| run(&mut server)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{TOOL}: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(line: &str) -> Result<Asked, String> {
        read(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn options_and_refusals_are_those_of_the_original() {
        let Ok(Asked::Serve(options)) = ask("-f -p 5500 -4 -s off -m 7") else { panic!() };
        assert_eq!(options, ArbiterServerOptions { listen: vec!["0.0.0.0:5500".parse().unwrap()], max_clients: 7 });
        let Ok(Asked::Serve(options)) = ask("-l 127.0.0.1") else { panic!() };
        assert_eq!(options.listen, ["127.0.0.1:5403".parse().unwrap()]);
        for (line, text) in [
            ("-p 0", "corosync-qnetd: host port must be in range 1-65535\n"),
            ("-p abc", "corosync-qnetd: host port must be in range 1-65535\n"),
            ("-s maybe", "corosync-qnetd: tls must be one of on, off, req\n"),
            ("-m -1", "corosync-qnetd: max clients value -1 is invalid\n"),
            ("-c x", "corosync-qnetd: client_cert_required should be on/yes/1, off/no/0\n"),
            ("-S a", "corosync-qnetd: Unknown option 'a'\n"),
        ] {
            assert_eq!(ask(line), Err(text.to_owned()));
        }
        assert!(
            ask("-x")
                .unwrap_err()
                .starts_with("corosync-qnetd: invalid option -- 'x'\nusage: corosync-qnetd [-46dfhv]")
        );
        assert_eq!(ask("-h"), Ok(Asked::Say(USAGE)));
    }
}
