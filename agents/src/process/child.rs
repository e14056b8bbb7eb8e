//! One process from its start to its end [RA-2.2], [RA-2.5].

use super::capture::Kept;
use super::{Living, Places, born, lock};
use crate::standard::call::{OsError, OsErrorKind};
use crate::standard::invocation::Invocation;
use crate::standard::outcome::EXIT_REASON_PREFIX;
use crate::standard::{Answer, Call, ExecutionStatus, Exit, ExitStatus, Standard};
use nix::unistd::{Uid, User};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

/// How long output may trail behind the end of its process: a child that was left behind may hold the pipes open for ever.
const TRAIL: Duration = Duration::from_millis(200);
const ENOEXEC: i32 = 8;

pub(super) async fn run(call: &Call, program: &Path, it: Invocation, places: &Places, living: &Living) -> Exit {
    let user = match user_of(call, places) {
        Ok(user) => user,
        Err(exit) => return exit,
    };
    let mut child = match start(program, &it, places, user.as_ref()) {
        Ok(child) => child,
        Err(error) => return not_started(call, program, &error),
    };
    // The entry goes before the process is reaped only in the order of this task: a kill always meets this run's own group.
    if let Some(pid) = child.id().and_then(|pid| i32::try_from(pid).ok()) {
        born(living, call.run, pid);
    }
    if let (Some(mut stdin), Some(text)) = (child.stdin.take(), it.stdin) {
        tokio::spawn(async move {
            // An agent that does not read its parameters will say so itself.
            let _ = stdin.write_all(text.as_bytes()).await;
        });
    }
    let (stdout, stderr) = (Kept::default(), Kept::default());
    let out = child.stdout.take().map(|pipe| tokio::spawn(stdout.clone().fill(pipe)));
    let err = child.stderr.take().map(|pipe| tokio::spawn(stderr.clone().fill(pipe)));
    let status = child.wait().await;
    lock(living).remove(&call.run);
    for mut task in [out, err].into_iter().flatten() {
        if tokio::time::timeout(TRAIL, &mut task).await.is_err() {
            task.abort();
        }
    }
    let (stdout, stderr) = (stdout.text(), stderr.text());
    match status {
        Err(error) => not_started(call, program, &error),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(code), _) => Exit::Exited { code: u8::try_from(code & 0xff).unwrap_or(1), stdout, stderr },
            (None, signal) => Exit::Signalled { signal: signal.unwrap_or(9), stdout, stderr },
        },
    }
}

/// Alert agents run as the cluster's user, if this process may choose [RA-7], [RA-2.5]; everything else runs as this process.
fn user_of(call: &Call, places: &Places) -> Result<Option<User>, Exit> {
    let name =
        places.alert_user.as_deref().filter(|_| call.agent.standard == Standard::Alert && Uid::effective().is_root());
    let Some(name) = name else { return Ok(None) };
    match User::from_name(name) {
        Ok(Some(user)) => Ok(Some(user)),
        _ => {
            let reason = "Could not set user for child process";
            Err(Exit::Answered(Answer::failed(ExitStatus::PERM, ExecutionStatus::Done, reason)))
        }
    }
}

fn start(program: &Path, it: &Invocation, places: &Places, user: Option<&User>) -> io::Result<Child> {
    let prepare = |mut command: Command| {
        command
            .args(&it.arguments)
            .env_clear()
            .envs(&places.environment)
            .envs(&it.environment)
            .stdin(if it.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if let Some(user) = user {
            // Supplementary groups go with it.
            command.gid(user.gid.as_raw()).uid(user.uid.as_raw());
        }
        command
    };
    match prepare(Command::new(program)).spawn() {
        // A text without an interpreter line is for /bin/sh, as the C library has it.
        Err(error) if error.raw_os_error() == Some(ENOEXEC) => {
            let mut command = Command::new("/bin/sh");
            command.arg(program);
            prepare(command).spawn()
        }
        result => result,
    }
}

/// A file that is there but cannot be run is found out in the child, which exits by the standard's own numbers [RA-1.6].
fn not_started(call: &Call, program: &Path, error: &io::Error) -> Exit {
    let lsb = matches!(call.agent.standard, Standard::Lsb | Standard::Service);
    let init_status = lsb && matches!(call.action.as_str(), "monitor" | "status");
    let denied = error.kind() == io::ErrorKind::PermissionDenied;
    let missing = matches!(
        error.kind(),
        io::ErrorKind::NotFound
            | io::ErrorKind::IsADirectory
            | io::ErrorKind::NotADirectory
            | io::ErrorKind::InvalidInput
    ) || error.raw_os_error() == Some(ENOEXEC);
    if !denied && !missing {
        let text = error.to_string();
        let text = text.split(" (os error").next().unwrap_or_default().to_owned();
        return Exit::NotStarted(OsError { kind: OsErrorKind::Other, file: program.display().to_string(), text });
    }
    let code = match (denied, init_status) {
        (true, false) => 4,
        (true, true) => 151,
        (false, false) => 5,
        (false, true) => 150,
    };
    let marker = if call.agent.standard == Standard::Ocf {
        format!("{EXIT_REASON_PREFIX}Child process was unable to execute file\n")
    } else {
        String::new()
    };
    Exit::Exited { code, stdout: String::new(), stderr: marker }
}
