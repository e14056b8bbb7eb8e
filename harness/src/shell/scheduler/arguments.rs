//! The options of `crm_simulate` [SM-2.1].

use policy_core::simulate::Injections;

/// What to do, as the command line says.
#[derive(Clone, Debug, Default)]
#[allow(clippy::struct_excessive_bools)]
pub struct Arguments {
    /// Input file; `-` or none is standard input.
    pub xml_file: Option<String>,
    /// The CIB of the node that runs here is the input.
    pub live: bool,
    /// Schedule and show the transition summary.
    pub run: bool,
    /// Schedule and carry out.
    pub simulate: bool,
    /// Write results into the input file.
    pub in_place: bool,
    /// Show node attributes.
    pub attributes: bool,
    /// Show fail counts and failures.
    pub failcounts: bool,
    /// Show scores.
    pub scores: bool,
    /// Show utilization.
    pub utilization: bool,
    /// Time the scheduling of all files of a folder.
    pub profile: Option<String>,
    /// How often each file is scheduled for that.
    pub repeat: u32,
    /// The effective time, as typed.
    pub datetime: Option<String>,
    /// What to change before.
    pub injections: Injections,
    /// Operations that shall fail.
    pub failures: Vec<String>,
    /// Where to write the input after injections.
    pub save_input: Option<String>,
    /// Where to write the result.
    pub save_output: Option<String>,
    /// Where to write the graph.
    pub save_graph: Option<String>,
    /// Where to write the DOT file.
    pub save_dot: Option<String>,
    /// Where to write a picture of the graph.
    pub save_svg: Option<String>,
    /// Optional actions in the DOT file, too.
    pub all_actions: bool,
    /// Less output.
    pub quiet: bool,
    /// More messages.
    pub verbose: u32,
    /// Only `--help` or `--version` was asked for.
    pub answer: Option<String>,
}

/// The text of `--help`.
const HELP: &str = "\
crm_simulate - show what the scheduler would do

Usage: crm_simulate [OPTIONS]

Input:
  -x, --xml-file FILE        read the CIB from FILE ('-': standard input)
  -p, --xml-pipe             read the CIB from standard input
  -L, --live-check           read the CIB of the node that runs here
Operation:
  -R, --run                  schedule and show the transition summary
  -S, --simulate             schedule, carry out and show the resulting status
  -X, --in-place             like -S, and write the result to the input file
  -A, --show-attrs           show node attributes
  -c, --show-failcounts      show fail counts and failures
  -s, --show-scores          show assignment scores
  -U, --show-utilization     show utilization
  -P, --profile DIR          time the scheduling of every CIB in DIR
  -N, --repeat N             how often, with --profile
Injections:
  -u, --node-up NODE         bring a node online
  -d, --node-down NODE       take a node offline
  -f, --node-fail NODE       mark a node as failed
  -i, --op-inject SPEC       record a result: RESOURCE_TASK_INTERVAL_MS@NODE=RC
  -F, --op-fail SPEC         let an operation fail while carrying out
  -t, --set-datetime TIME    effective time (ISO 8601)
  -q, --quorum VALUE         set quorum
  -w, --watchdog VALUE       set have-watchdog
  -g, --ticket-grant TICKET  -r, --ticket-revoke TICKET
  -b, --ticket-standby TICKET  -e, --ticket-activate TICKET
Output:
  -I, --save-input FILE      write the CIB after injections
  -O, --save-output FILE     write the resulting CIB
  -G, --save-graph FILE      write the transition graph as XML
  -D, --save-dotfile FILE    write the transition graph as DOT
      --save-svg FILE        write the transition graph as a picture
  -a, --all-actions          optional actions in the DOT file, too
  -Q, --quiet                less output
  -V, --verbose              more messages
";

const LONG: &[(&str, char)] = &[
    ("xml-file", 'x'),
    ("xml-pipe", 'p'),
    ("run", 'R'),
    ("simulate", 'S'),
    ("in-place", 'X'),
    ("show-attrs", 'A'),
    ("show-failcounts", 'c'),
    ("show-scores", 's'),
    ("show-utilization", 'U'),
    ("profile", 'P'),
    ("repeat", 'N'),
    ("pending", 'j'),
    ("node-up", 'u'),
    ("node-down", 'd'),
    ("node-fail", 'f'),
    ("op-inject", 'i'),
    ("op-fail", 'F'),
    ("set-datetime", 't'),
    ("quorum", 'q'),
    ("watchdog", 'w'),
    ("ticket-grant", 'g'),
    ("ticket-revoke", 'r'),
    ("ticket-standby", 'b'),
    ("ticket-activate", 'e'),
    ("save-input", 'I'),
    ("save-output", 'O'),
    ("save-graph", 'G'),
    ("save-dotfile", 'D'),
    ("dot", 'D'),
    ("save-svg", '\u{1}'),
    ("svg", '\u{1}'),
    ("all-actions", 'a'),
    ("quiet", 'Q'),
    ("verbose", 'V'),
    ("live-check", 'L'),
    ("help", '?'),
    ("version", '$'),
];

const WITH_VALUE: &str = "xPNudfiFtqwgrbeIOGD\u{1}";

/// Reads the command line.
///
/// # Errors
/// What is wrong with it.
pub fn parse(args: &[String]) -> Result<Arguments, String> {
    let mut arguments = Arguments { repeat: 1, ..Arguments::default() };
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if let Some(long) = arg.strip_prefix("--") {
            let (name, mut value) = match long.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (long, None),
            };
            let Some(&(_, option)) = LONG.iter().find(|(n, _)| *n == name) else {
                return Err(format!("Unknown option --{name}"));
            };
            if WITH_VALUE.contains(option) && value.is_none() {
                value = Some(args.next().ok_or_else(|| format!("Missing argument for --{name}"))?.clone());
            }
            arguments.set(option, value)?;
        } else if let Some(bundle) = arg.strip_prefix('-').filter(|b| !b.is_empty()) {
            for (at, option) in bundle.char_indices() {
                if !LONG.iter().any(|&(_, c)| c == option) || option == '\u{1}' {
                    return Err(format!("Unknown option -{option}"));
                }
                if !WITH_VALUE.contains(option) {
                    arguments.set(option, None)?;
                    continue;
                }
                let rest = &bundle[at + option.len_utf8()..];
                let value = if rest.is_empty() {
                    args.next().ok_or_else(|| format!("Missing argument for -{option}"))?.clone()
                } else {
                    rest.to_owned()
                };
                arguments.set(option, Some(value))?;
                break;
            }
        }
    }
    Ok(arguments)
}

impl Arguments {
    fn set(&mut self, option: char, value: Option<String>) -> Result<(), String> {
        let text = value.clone().unwrap_or_default();
        let injections = &mut self.injections;
        match option {
            'x' => self.xml_file = value,
            'p' => self.xml_file = None,
            'R' => self.run = true,
            'S' => self.simulate = true,
            'X' => {
                self.in_place = true;
                self.simulate = true;
            }
            'A' => self.attributes = true,
            'c' => self.failcounts = true,
            's' => self.scores = true,
            'U' => self.utilization = true,
            'P' => self.profile = value,
            'N' => {
                self.repeat =
                    text.parse().map_err(|_| format!("Cannot parse integer value \u{2018}{text}\u{2019} for -N"))?;
            }
            'u' => injections.node_up.push(text),
            'd' => injections.node_down.push(text),
            'f' => injections.node_fail.push(text),
            'i' => injections.operations.push(text),
            'F' => {
                self.failures.push(text);
                self.simulate = true;
            }
            't' => self.datetime = value,
            'q' => injections.quorum = value,
            'w' => injections.watchdog = value,
            'g' => injections.ticket_grant.push(text),
            'r' => injections.ticket_revoke.push(text),
            'b' => injections.ticket_standby.push(text),
            'e' => injections.ticket_activate.push(text),
            'I' => self.save_input = value,
            'O' => self.save_output = value,
            'G' => self.save_graph = value,
            'D' => self.save_dot = value,
            '\u{1}' => self.save_svg = value,
            'a' => self.all_actions = true,
            'Q' => self.quiet = true,
            'V' => self.verbose += 1,
            'L' => self.live = true,
            '?' => self.answer = Some(HELP.to_owned()),
            '$' => {
                self.answer =
                    Some(format!("Metronome {}\nWritten by the Metronome authors\n", env!("CARGO_PKG_VERSION")));
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the graph is to be made.
    #[must_use]
    pub fn process(&self) -> bool {
        self.run
            || self.simulate
            || self.scores
            || self.utilization
            || self.save_graph.is_some()
            || self.save_dot.is_some()
            || self.save_svg.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(args: &[&str]) -> Result<Arguments, String> {
        parse(&args.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn bundles_and_values() {
        let a = parsed(&["-x", "cib.xml", "-sSQ", "-Ggraph", "--save-dotfile=dot", "-F", "r_start_0@n=1"]).unwrap();
        assert!(a.scores && a.simulate && a.quiet && a.process());
        assert_eq!(a.xml_file.as_deref(), Some("cib.xml"));
        assert_eq!((a.save_graph.as_deref(), a.save_dot.as_deref()), (Some("graph"), Some("dot")));
        assert_eq!(a.failures, ["r_start_0@n=1"]);
        assert!(parsed(&["-x"]).is_err() && parsed(&["--nonsense"]).is_err() && parsed(&["-K"]).is_err());
    }
}
