//! Units, over the service manager's D-Bus interface [RA-5.2].

use crate::standard::templates::unit_name;
use crate::standard::{Answer, Call, ExecutionStatus, Exit, ExitStatus};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::Mutex;
use zbus::export::ordered_stream::OrderedStreamExt;

use zbus::{Connection, MatchRule, MessageStream, OwnedObjectPath, OwnedVariant, message};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";
const OVERRIDES: &str = "/run/systemd/system";

/// The connection to the service manager, made when it is first needed.
#[derive(Debug, Default)]
pub struct Units {
    connection: Mutex<Option<Connection>>,
}

impl Units {
    /// Runs a unit's action to its end; without a bus, says so.
    pub async fn perform(&self, call: &Call) -> Exit {
        let answer = match self.connect().await {
            Err(_) => Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Error, "No DBus connection"),
            Ok(connection) => act(&connection, call).await.unwrap_or_else(|error| failed(call, &error)),
        };
        Exit::Answered(answer)
    }

    async fn connect(&self) -> zbus::Result<Connection> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = &*held {
            return Ok(connection.clone());
        }
        let connection = Connection::system().await?;
        connection.call_method(Some(SYSTEMD), MANAGER_PATH, Some(MANAGER), "Subscribe", &()).await?;
        *held = Some(connection.clone());
        Ok(connection)
    }
}

async fn act(connection: &Connection, call: &Call) -> zbus::Result<Answer> {
    let unit = unit_name(&call.agent.type_name, matches!(call.action.as_str(), "monitor" | "status" | "meta-data"));
    let reply = manager(connection, "LoadUnit", &(&*unit,)).await?;
    let path: OwnedObjectPath = reply.body().deserialize()?;
    match call.action.as_str() {
        "monitor" | "status" => Ok(state(&active_state(connection, &path).await?)),
        "start" => {
            if let Err(error) = write_override(Path::new(OVERRIDES), &unit) {
                let rc = if error.kind() == std::io::ErrorKind::PermissionDenied {
                    ExitStatus::PERM
                } else {
                    ExitStatus::GENERIC
                };
                let reason = format!("Failed to create systemd override file for {}", call.agent.type_name);
                return Ok(Answer::failed(rc, ExecutionStatus::Error, reason));
            }
            reload(connection);
            job(connection, call, &unit, "StartUnit").await
        }
        "stop" => {
            if std::fs::remove_file(override_file(Path::new(OVERRIDES), &unit)).is_ok() {
                reload(connection);
            }
            job(connection, call, &unit, "StopUnit").await
        }
        "restart" => {
            manager(connection, "RestartUnit", &(&*unit, "replace")).await?;
            Ok(Answer::done(ExitStatus::OK))
        }
        action => {
            let reason = format!("Action {action} not implemented for systemd resources");
            Ok(Answer::failed(ExitStatus::UNIMPLEMENTED, ExecutionStatus::Error, reason))
        }
    }
}

async fn manager<B>(connection: &Connection, method: &str, body: &B) -> zbus::Result<zbus::Message>
where
    B: serde::Serialize + zbus::zvariant::DynamicType,
{
    connection.call_method(Some(SYSTEMD), MANAGER_PATH, Some(MANAGER), method, body).await
}

/// Sent and not waited for: its result is of no consequence.
fn reload(connection: &Connection) {
    let connection = connection.clone();
    tokio::spawn(async move {
        let _ = manager(&connection, "Reload", &()).await;
    });
}

async fn active_state(connection: &Connection, path: &OwnedObjectPath) -> zbus::Result<String> {
    let properties = Some("org.freedesktop.DBus.Properties");
    let reply = connection.call_method(Some(SYSTEMD), path, properties, "Get", &(UNIT, "ActiveState")).await?;
    let value: OwnedVariant = reply.body().deserialize()?;
    String::try_from(value)
}

/// What a unit's state means for a monitor.
fn state(state: &str) -> Answer {
    match state {
        "active" | "reloading" => Answer::done(ExitStatus::OK),
        "activating" | "deactivating" => {
            Answer { rc: ExitStatus::UNKNOWN, status: ExecutionStatus::Pending, reason: None, output: String::new() }
        }
        other => Answer::done(ExitStatus::NOT_RUNNING).because(other),
    }
}

/// Starts a job and waits for its end; the signal is awaited from before the call, so that it cannot be missed.
async fn job(connection: &Connection, call: &Call, unit: &str, method: &str) -> zbus::Result<Answer> {
    let rule = MatchRule::builder()
        .msg_type(message::Type::Signal)
        .sender(SYSTEMD)
        .interface(MANAGER)
        .member("JobRemoved")
        .build()?;
    let mut removed = MessageStream::for_match_rule(rule, connection, None).await?;
    let reply = manager(connection, method, &(unit, "replace")).await?;
    let job: OwnedObjectPath = reply.body().deserialize()?;
    let limit = if call.timeout_ms == 0 { u64::MAX / 1000 } else { call.timeout_ms.saturating_add(5000) };
    let wait = async {
        while let Some(signal) = removed.next().await {
            let (_, path, _, result): (u32, OwnedObjectPath, String, String) = signal?.body().deserialize()?;
            if path == job {
                return Ok(result);
            }
        }
        Err(zbus::Error::Failure("the bus went away".to_owned()))
    };
    let result = tokio::time::timeout(Duration::from_millis(limit), wait).await.unwrap_or(Ok("timeout".to_owned()))?;
    Ok(job_answer(&call.action, &call.agent.type_name, &result))
}

fn job_answer(action: &str, name: &str, result: &str) -> Answer {
    match result {
        "done" => Answer::done(ExitStatus::OK),
        "timeout" => {
            let reason = format!("systemd {action} job for {name} timed out");
            Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Timeout, reason)
        }
        result => {
            let reason = format!("systemd {action} job for {name} failed with result '{result}'");
            Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Error, reason)
        }
    }
}

/// An error of a call: an unknown unit is stopped, but cannot be started.
fn failed(call: &Call, error: &zbus::Error) -> Answer {
    let (name, text) = match error {
        zbus::Error::MethodError(name, text, _) => (name.as_str(), text.clone().unwrap_or_default()),
        _ => ("", String::new()),
    };
    answer_error(&call.action, &call.agent.type_name, name, &text)
}

fn answer_error(action: &str, unit: &str, name: &str, text: &str) -> Answer {
    let unknown = ["InvalidName", "LoadFailed", "NoSuchUnit"].iter().any(|end| name.ends_with(end));
    if unknown && action == "stop" {
        return Answer::done(ExitStatus::OK);
    }
    if unknown {
        let reason = format!("systemd unit {unit} not found");
        return Answer::failed(ExitStatus::INSTALLED, ExecutionStatus::NotInstalled, reason);
    }
    let monitor = matches!(action, "monitor" | "status");
    if monitor && name == "org.freedesktop.DBus.Error.NoReply" && text.contains("disconnected") {
        // The manager executes itself anew; it will answer the next time.
        return state("activating");
    }
    Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Error, "Unable to invoke systemd DBus method")
}

fn override_file(dir: &Path, unit: &str) -> PathBuf {
    dir.join(format!("{unit}.d")).join("50-pacemaker.conf")
}

/// Makes the manager stop the cluster before the unit at shutdown, and forbids restarts of its own [RA-5.4].
fn write_override(dir: &Path, unit: &str) -> std::io::Result<()> {
    let file = override_file(dir, unit);
    if unit.contains('/') {
        return Err(std::io::ErrorKind::InvalidInput.into());
    }
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(file, override_text(unit))
}

fn override_text(unit: &str) -> String {
    let service = if unit.ends_with(".service") { "\n[Service]\nRestart=no\n" } else { "" };
    format!(
        "[Unit]\nDescription=Cluster Controlled {unit}\nBefore=pacemaker.service pacemaker_remote.service\n{service}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::standard::{AgentName, RunId, Standard};

    #[test]
    fn states_and_jobs_by_the_table() {
        assert_eq!(state("reloading"), Answer::done(ExitStatus::OK));
        assert_eq!(state("deactivating").status, ExecutionStatus::Pending);
        assert_eq!(state("failed"), Answer::done(ExitStatus::NOT_RUNNING).because("failed"));
        assert_eq!(job_answer("start", "httpd", "done").rc.0, 0);
        let failed = job_answer("start", "httpd", "failed").reason.unwrap();
        assert_eq!(failed, "systemd start job for httpd failed with result 'failed'");
        assert_eq!(job_answer("start", "httpd", "timeout").status, ExecutionStatus::Timeout);
    }

    #[test]
    fn an_unknown_unit_is_stopped_but_cannot_be_started() {
        let name = "org.freedesktop.systemd1.NoSuchUnit";
        assert_eq!(answer_error("stop", "x", name, ""), Answer::done(ExitStatus::OK));
        let start = answer_error("start", "x", name, "");
        assert_eq!((start.rc.0, start.status), (5, ExecutionStatus::NotInstalled));
        assert_eq!(start.reason.as_deref(), Some("systemd unit x not found"));
        let again = answer_error("monitor", "x", "org.freedesktop.DBus.Error.NoReply", "it disconnected");
        assert_eq!(again.status, ExecutionStatus::Pending);
    }

    #[test]
    fn the_override_is_written_whole() {
        let dir = tempfile::TempDir::new().unwrap();
        write_override(dir.path(), "a.service").unwrap();
        let text = std::fs::read_to_string(dir.path().join("a.service.d/50-pacemaker.conf")).unwrap();
        let expected = "[Unit]\nDescription=Cluster Controlled a.service\nBefore=pacemaker.service pacemaker_remote.service\n\n[Service]\nRestart=no\n";
        assert_eq!(text, expected);
        assert!(!override_text("a.timer").contains("Restart"));
        assert!(write_override(dir.path(), "../x").is_err());
    }

    #[tokio::test]
    async fn without_a_bus_it_says_so() {
        if Path::new("/run/dbus/system_bus_socket").exists() || std::env::var_os("DBUS_SYSTEM_BUS_ADDRESS").is_some() {
            println!("skipped: there is a system bus here");
            return;
        }
        let call = Call {
            run: RunId(1),
            resource: "u".into(),
            agent: AgentName::plain(Standard::Systemd, "x"),
            action: "start".into(),
            interval_ms: 0,
            timeout_ms: 1000,
            parameters: Default::default(),
        };
        let Exit::Answered(answer) = Units::default().perform(&call).await else { panic!("an answer") };
        assert_eq!(answer.reason.as_deref(), Some("No DBus connection"));
    }
}
