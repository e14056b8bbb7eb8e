//! Units, over the service manager's D-Bus interface [RA-5.2].

mod bus;
mod overrides;

use super::listing::unit_names;
use crate::standard::templates::unit_name;
use crate::standard::{Answer, Call, ExecutionStatus, Exit, ExitStatus};
use bus::{Bus, BusError, Jobs};
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::Mutex;
use zbus::{Connection, connection};

/// What an operation may take beyond its timeout until its job is given up [RA-5.3].
const GRACE: Duration = Duration::from_secs(5);
/// For questions that belong to no operation.
const LOOK_UP: Duration = Duration::from_secs(20);

/// The connection to the service manager, made when it is first needed and made again after it broke.
#[derive(Debug)]
pub struct Units {
    address: Option<String>,
    overrides: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl Units {
    /// The service manager on the bus at `address` (`None` = the system's bus), whose override files are below `overrides`.
    pub fn new(address: Option<String>, overrides: PathBuf) -> Self {
        Self { address, overrides, connection: Mutex::default() }
    }

    /// Runs a unit's action to its end; without a bus, says so.
    pub async fn perform(&self, call: &Call) -> Exit {
        let limit = (call.timeout_ms > 0).then(|| Duration::from_millis(call.timeout_ms));
        Exit::Answered(match self.connect(limit).await {
            Err(_) => Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Error, "No DBus connection"),
            Ok(bus) => self.act(&bus, call).await,
        })
    }

    /// Does the service manager know a unit of this name, even a masked one? `false` also without a bus.
    pub async fn exists(&self, name: &str) -> bool {
        let Ok(bus) = self.connect(Some(LOOK_UP)).await else { return false };
        let Ok(path) = bus.load(&unit_name(name, true)).await else { return false };
        bus.property(&path, "LoadState").await.is_ok_and(|state| state == "loaded" || state == "masked")
    }

    /// The names of all unit files that can be resources, in the order of [`super::Listing`]; nothing without a bus.
    pub async fn list(&self) -> Vec<String> {
        let Ok(bus) = self.connect(Some(LOOK_UP)).await else { return Vec::new() };
        unit_names(bus.unit_files().await.unwrap_or_default())
    }

    async fn connect(&self, limit: Option<Duration>) -> Result<Bus, BusError> {
        let mut held = self.connection.lock().await;
        if let Some(connection) = held.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Bus::new(connection.clone(), limit));
        }
        let builder = match &self.address {
            Some(address) => connection::Builder::address(address.as_str()),
            None => connection::Builder::system(),
        };
        let bus = Bus::new(bus::within(limit, builder.build()).await?, limit);
        bus.subscribe().await?;
        *held = Some(bus.connection());
        Ok(bus)
    }

    async fn act(&self, bus: &Bus, call: &Call) -> Answer {
        let (action, name) = (call.action.as_str(), call.agent.type_name.as_str());
        if !matches!(action, "start" | "stop" | "restart" | "monitor" | "status") {
            let reason = format!("Action {action} not implemented for systemd resources");
            return Answer::failed(ExitStatus::UNIMPLEMENTED, ExecutionStatus::Error, reason);
        }
        let unit = unit_name(name, false);
        let path = match bus.load(&unit).await {
            Ok(path) => path,
            Err(error) => {
                let answer = of_error(action, name, &error);
                if answer.status == ExecutionStatus::Pending {
                    return answer;
                }
                // Whatever was wrong with the unit: an operation that has none to act on fails in this way.
                let reason = format!("No DBus object found for systemd unit {name}");
                return Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Error, reason);
            }
        };
        let result = match action {
            "monitor" | "status" => bus.property(&path, "ActiveState").await.map(|state| of_state(name, &state)),
            "restart" => bus.job("RestartUnit", &unit).await.map(|_| Answer::done(ExitStatus::OK)),
            "start" => match overrides::write(&self.overrides, &unit) {
                Ok(()) => {
                    bus.reload().await;
                    self.job(bus, call, "StartUnit", &unit).await
                }
                Err(error) => Ok(overrides::failure(name, &error)),
            },
            _ => {
                if overrides::remove(&self.overrides, &unit) {
                    bus.reload().await;
                }
                self.job(bus, call, "StopUnit", &unit).await
            }
        };
        result.unwrap_or_else(|error| of_error(action, name, &error))
    }

    /// Starts a job and waits for its end; the signal is awaited from before the call, so that it cannot be missed.
    async fn job(&self, bus: &Bus, call: &Call, method: &str, unit: &str) -> Result<Answer, BusError> {
        let mut jobs = Jobs::listen(bus).await?;
        let job = bus.job(method, unit).await?;
        let limit = (call.timeout_ms > 0).then(|| Duration::from_millis(call.timeout_ms).saturating_add(GRACE));
        let action = call.action.as_str();
        Ok(match bus::within(limit, jobs.end_of(&job)).await {
            Ok(result) => of_job(action, unit, &result),
            Err(BusError::Silent) => {
                let name = &call.agent.type_name;
                let reason = format!("{action} action for systemd unit {name} did not complete in time");
                Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Timeout, reason)
            }
            Err(error) => return Err(error),
        })
    }
}

fn pending() -> Answer {
    Answer { rc: ExitStatus::UNKNOWN, status: ExecutionStatus::Pending, reason: None, output: String::new() }
}

/// What a unit's state means for a monitor.
fn of_state(name: &str, state: &str) -> Answer {
    match state {
        "active" | "reloading" => Answer::done(ExitStatus::OK),
        "activating" | "deactivating" => pending(),
        "" => {
            let reason = format!("Could not get state for unit {name} from DBus");
            Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Error, reason)
        }
        other => Answer::done(ExitStatus::NOT_RUNNING).because(other),
    }
}

fn of_job(action: &str, unit: &str, result: &str) -> Answer {
    match result {
        "done" => Answer::done(ExitStatus::OK),
        "timeout" => {
            let reason = format!("systemd {action} job for {unit} timed out");
            Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Timeout, reason)
        }
        result => {
            let reason = format!("systemd {action} job for {unit} failed with result '{result}'");
            Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Error, reason)
        }
    }
}

/// An error of a call: an unknown unit is stopped, but cannot be started.
fn of_error(action: &str, name: &str, error: &BusError) -> Answer {
    let (error, text) = error.name_and_text();
    let unknown = ["InvalidName", "LoadFailed", "NoSuchUnit"].iter().any(|end| error.ends_with(end));
    if unknown && action == "stop" {
        return Answer::done(ExitStatus::OK);
    }
    if unknown {
        let reason = format!("systemd unit {name} not found");
        return Answer::failed(ExitStatus::INSTALLED, ExecutionStatus::NotInstalled, reason);
    }
    let monitor = matches!(action, "monitor" | "status");
    if monitor && error == "org.freedesktop.DBus.Error.NoReply" && text.contains("disconnected") {
        // The manager executes itself anew; it will answer the next time.
        return pending();
    }
    Answer::failed(ExitStatus::GENERIC, ExecutionStatus::Error, "Unable to invoke systemd DBus method")
}
