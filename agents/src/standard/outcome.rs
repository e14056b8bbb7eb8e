//! What the end of a run means, by standard.

use super::call::{OsError, OsErrorKind};
use super::{Call, ExecutionStatus, Exit, ExitStatus, Standard};

/// The marker before an exit reason in an agent's standard error [RA-2.8].
pub const EXIT_REASON_PREFIX: &str = "ocf-exit-reason:";

/// A result in the cluster's terms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What the agent itself said, before mapping: decides whether "rc changed" [RA-8.5].
    pub unmapped: u8,
    /// In OCF numbering.
    pub rc: ExitStatus,
    /// How far it got.
    pub status: ExecutionStatus,
    /// One line that explains it.
    pub reason: Option<String>,
    /// Standard error if there is any, else standard output.
    pub output: String,
}

impl Outcome {
    /// Done and 0.
    pub fn is_ok(&self) -> bool {
        self.status == ExecutionStatus::Done && self.rc == ExitStatus::OK
    }
}

/// The result of `exit` for `call` [RA-1.6], [RA-2.7], [RA-2.8], [RA-4.3].
pub fn outcome(call: &Call, exit: Exit) -> Outcome {
    let standard = &call.agent.standard;
    match exit {
        Exit::Exited { code, stdout, stderr } => {
            let reason = if *standard == Standard::Ocf { exit_reason(&stderr) } else { None };
            let rc = map_exit(standard, &call.action, code);
            Outcome { unmapped: code, rc, status: ExecutionStatus::Done, reason, output: kept(stdout, stderr) }
        }
        Exit::Signalled { signal, stdout, stderr } => {
            let who = if *standard == Standard::Stonith { "Fence agent" } else { "Resource agent" };
            Outcome {
                unmapped: 1,
                rc: ExitStatus::GENERIC,
                status: ExecutionStatus::Error,
                reason: Some(format!("{who} interrupted by {} signal", signal_text(signal))),
                output: kept(stdout, stderr),
            }
        }
        Exit::NotStarted(error) => not_started(call, &error),
        Exit::Answered(answer) => Outcome {
            unmapped: answer.rc.0,
            rc: answer.rc,
            status: answer.status,
            reason: answer.reason,
            output: answer.output,
        },
    }
}

/// The result of a run whose timeout passed, once it is reaped [RA-8.6].
pub fn timed_out(call: &Call) -> Outcome {
    let who = match call.agent.standard {
        Standard::Stonith => "Fence agent",
        Standard::Alert => "Alert agent",
        _ => "Resource agent",
    };
    let reason = format!("{who} did not complete within {}", super::readable_interval(call.timeout_ms));
    Outcome {
        unmapped: 1,
        rc: ExitStatus::GENERIC,
        status: ExecutionStatus::Timeout,
        reason: Some(reason),
        output: String::new(),
    }
}

fn kept(stdout: String, stderr: String) -> String {
    if stderr.is_empty() { stdout } else { stderr }
}

fn is_status(action: &str) -> bool {
    action == "status" || action == "monitor"
}

fn map_exit(standard: &Standard, action: &str, code: u8) -> ExitStatus {
    match standard {
        Standard::Lsb | Standard::Service => map_init_script(action, code),
        Standard::Ocf => ExitStatus(match code {
            0..=9 | 190 | 191 => code,
            _ => 1,
        }),
        _ => ExitStatus(code),
    }
}

/// [RA-4.3]
fn map_init_script(action: &str, code: u8) -> ExitStatus {
    ExitStatus(if is_status(action) {
        match code {
            0 => 0,
            1..=3 => 7,
            150 => 5,
            151 => 4,
            _ => 1,
        }
    } else {
        match code {
            0..=7 => code,
            _ => 1,
        }
    })
}

fn not_started(call: &Call, error: &OsError) -> Outcome {
    let init_status = matches!(call.agent.standard, Standard::Lsb | Standard::Service) && is_status(&call.action);
    let (code, status, reason) = match error.kind {
        OsErrorKind::Missing => (
            if init_status { 150 } else { 5 },
            ExecutionStatus::NotInstalled,
            format!("{}: {}", error.file, error.text),
        ),
        OsErrorKind::Denied => {
            (if init_status { 151 } else { 4 }, ExecutionStatus::Error, format!("{}: {}", error.file, error.text))
        }
        OsErrorKind::Other => (if init_status { 4 } else { 1 }, ExecutionStatus::Error, error.text.clone()),
    };
    let rc = map_exit(&call.agent.standard, &call.action, code);
    Outcome { unmapped: code, rc, status, reason: Some(reason), output: String::new() }
}

/// What follows the last marker, up to the end of its line; an empty last one means none [RA-2.8].
pub fn exit_reason(stderr: &str) -> Option<String> {
    let at = stderr.rfind(EXIT_REASON_PREFIX)? + EXIT_REASON_PREFIX.len();
    let reason = stderr[at..].split('\n').next().unwrap_or_default();
    (!reason.is_empty()).then(|| reason.to_owned())
}

/// The C library's description of a signal.
pub fn signal_text(signal: i32) -> String {
    let text = match signal {
        1 => "Hangup",
        2 => "Interrupt",
        3 => "Quit",
        4 => "Illegal instruction",
        5 => "Trace/breakpoint trap",
        6 => "Aborted",
        7 => "Bus error",
        8 => "Floating point exception",
        9 => "Killed",
        10 => "User defined signal 1",
        11 => "Segmentation fault",
        12 => "User defined signal 2",
        13 => "Broken pipe",
        14 => "Alarm clock",
        15 => "Terminated",
        16 => "Stack fault",
        17 => "Child exited",
        18 => "Continued",
        19 => "Stopped (signal)",
        20 => "Stopped",
        21 => "Stopped (tty input)",
        22 => "Stopped (tty output)",
        23 => "Urgent I/O condition",
        24 => "CPU time limit exceeded",
        25 => "File size limit exceeded",
        26 => "Virtual timer expired",
        27 => "Profiling timer expired",
        28 => "Window changed",
        29 => "I/O possible",
        30 => "Power failure",
        31 => "Bad system call",
        34..=64 => return format!("Real-time signal {}", signal - 34),
        _ => return format!("Unknown signal {signal}"),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::{AgentName, RunId};
    use std::sync::Arc;

    fn call(agent: AgentName, action: &str) -> Call {
        Call {
            run: RunId(1),
            resource: "r".to_owned(),
            agent,
            action: action.to_owned(),
            interval_ms: 0,
            timeout_ms: 5000,
            parameters: Arc::default(),
        }
    }

    #[test]
    fn ocf_passes_its_own_codes_and_no_others() {
        let call = call(AgentName::ocf("p", "A"), "monitor");
        for code in 0..=255_u8 {
            let rc = outcome(&call, Exit::code(code)).rc.0;
            let expected = if code <= 9 || code == 190 || code == 191 { code } else { 1 };
            assert_eq!(rc, expected, "exit {code}");
        }
    }

    #[test]
    fn init_scripts_by_the_recorded_table() {
        let codes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 150, 151, 152];
        let lsb = || AgentName::plain(Standard::Lsb, "s");
        let start = codes.map(|c| outcome(&call(lsb(), "start"), Exit::code(c)).rc.0);
        let status = codes.map(|c| outcome(&call(lsb(), "monitor"), Exit::code(c)).rc.0);
        assert_eq!(start, [0, 1, 2, 3, 4, 5, 6, 7, 1, 1, 1, 1]);
        assert_eq!(status, [0, 7, 7, 7, 1, 1, 1, 1, 1, 5, 4, 1]);
    }

    #[test]
    fn the_last_marker_counts_even_when_empty() {
        assert_eq!(
            exit_reason("noise\nocf-exit-reason:first\nocf-exit-reason:second\t&\nafter\n"),
            Some("second\t&".into())
        );
        assert_eq!(exit_reason("ocf-exit-reason:real\nocf-exit-reason:\n"), None);
        assert_eq!(exit_reason("x ocf-exit-reason:in a line"), Some("in a line".into()));
        assert_eq!(exit_reason("nothing"), None);
    }

    #[test]
    fn a_missing_init_script_is_not_installed_for_every_action() {
        for action in ["start", "monitor"] {
            let it = outcome(&call(AgentName::plain(Standard::Lsb, "nope"), action), Exit::missing("/etc/init.d/nope"));
            assert_eq!((it.rc.0, it.status), (5, ExecutionStatus::NotInstalled));
            assert_eq!(it.reason.as_deref(), Some("/etc/init.d/nope: No such file or directory"));
        }
    }

    #[test]
    fn a_signal_is_an_error_with_its_description() {
        let it = outcome(
            &call(AgentName::ocf("p", "A"), "monitor"),
            Exit::Signalled { signal: 15, stdout: String::new(), stderr: "ocf-exit-reason:x\n".into() },
        );
        assert_eq!((it.rc.0, it.status), (1, ExecutionStatus::Error));
        assert_eq!(it.reason.as_deref(), Some("Resource agent interrupted by Terminated signal"));
    }
}
