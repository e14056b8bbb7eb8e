//! The calls of the service manager's interface, each within the time of its operation.

use std::time::Duration;
use zbus::export::ordered_stream::OrderedStreamExt;
use zbus::{Connection, DBusError, MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant, message};

const SYSTEMD: &str = "org.freedesktop.systemd1";
const MANAGER_PATH: &str = "/org/freedesktop/systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const UNIT: &str = "org.freedesktop.systemd1.Unit";

/// Why a call gave nothing.
#[derive(Debug)]
pub(super) enum BusError {
    /// The bus, or whoever was called, said no.
    Call(zbus::Error),
    /// Nothing was said in time.
    Silent,
}

impl BusError {
    /// The error's D-Bus name and text; empty where it never came from the bus.
    pub(super) fn name_and_text(&self) -> (String, String) {
        match self {
            Self::Call(zbus::Error::MethodError(name, text, _)) => (name.to_string(), text.clone().unwrap_or_default()),
            // The errors that the bus's own specification names come in another shape.
            Self::Call(zbus::Error::FDO(error)) => {
                (error.name().to_string(), error.description().unwrap_or_default().to_owned())
            }
            _ => (String::new(), String::new()),
        }
    }
}

impl From<zbus::Error> for BusError {
    fn from(error: zbus::Error) -> Self {
        Self::Call(error)
    }
}

/// What comes of a future within a time; `None` = however long it takes.
pub(super) async fn within<T, E: Into<BusError>>(
    limit: Option<Duration>,
    it: impl Future<Output = Result<T, E>>,
) -> Result<T, BusError> {
    match limit {
        Some(limit) => tokio::time::timeout(limit, it).await.map_err(|_| BusError::Silent)?.map_err(Into::into),
        None => it.await.map_err(Into::into),
    }
}

/// A connection, as one operation uses it.
#[derive(Debug)]
pub(super) struct Bus {
    connection: Connection,
    limit: Option<Duration>,
}

impl Bus {
    pub(super) fn new(connection: Connection, limit: Option<Duration>) -> Self {
        Self { connection, limit }
    }

    pub(super) fn connection(&self) -> Connection {
        self.connection.clone()
    }

    async fn manager<B>(&self, method: &str, body: &B) -> Result<Message, BusError>
    where
        B: serde::Serialize + zbus::zvariant::DynamicType,
    {
        within(self.limit, self.connection.call_method(Some(SYSTEMD), MANAGER_PATH, Some(MANAGER), method, body)).await
    }

    /// Asks for the manager's signals.
    pub(super) async fn subscribe(&self) -> Result<(), BusError> {
        self.manager("Subscribe", &()).await.map(|_| ())
    }

    /// The object of a unit, which need not exist for that.
    pub(super) async fn load(&self, unit: &str) -> Result<OwnedObjectPath, BusError> {
        Ok(self.manager("LoadUnit", &(unit,)).await?.body().deserialize()?)
    }

    /// A unit's property; empty if it is no text.
    pub(super) async fn property(&self, unit: &OwnedObjectPath, name: &str) -> Result<String, BusError> {
        let properties = Some("org.freedesktop.DBus.Properties");
        let wanted = (UNIT, name);
        let call = self.connection.call_method(Some(SYSTEMD), unit, properties, "Get", &wanted);
        let value: OwnedVariant = within(self.limit, call).await?.body().deserialize()?;
        Ok(String::try_from(value).unwrap_or_default())
    }

    /// `StartUnit`, `StopUnit` or `RestartUnit`: the object of the job.
    pub(super) async fn job(&self, method: &str, unit: &str) -> Result<OwnedObjectPath, BusError> {
        Ok(self.manager(method, &(unit, "replace")).await?.body().deserialize()?)
    }

    /// Sent in order before what follows, and not waited for: its result is of no consequence.
    pub(super) async fn reload(&self) {
        let message = Message::method_call(MANAGER_PATH, "Reload").destination(SYSTEMD).interface(MANAGER).build(&());
        if let Ok(message) = message {
            // A bus that is gone shows in the call that follows.
            let _ = within(self.limit, self.connection.send(&message)).await;
        }
    }

    /// The base names of all unit files.
    pub(super) async fn unit_files(&self) -> Result<Vec<String>, BusError> {
        let files: Vec<(String, String)> = self.manager("ListUnitFiles", &()).await?.body().deserialize()?;
        Ok(files.into_iter().filter_map(|(path, _)| path.rsplit('/').next().map(str::to_owned)).collect())
    }
}

/// The ends of jobs.
pub(super) struct Jobs(MessageStream);

impl Jobs {
    /// Hears of every job that ends from now on.
    pub(super) async fn listen(bus: &Bus) -> Result<Self, BusError> {
        let rule = MatchRule::builder()
            .msg_type(message::Type::Signal)
            .sender(SYSTEMD)
            .interface(MANAGER)
            .member("JobRemoved")
            .build()?;
        Ok(Self(within(bus.limit, MessageStream::for_match_rule(rule, &bus.connection, None)).await?))
    }

    /// The result of a job, once it ends.
    pub(super) async fn end_of(&mut self, job: &OwnedObjectPath) -> Result<String, BusError> {
        while let Some(signal) = self.0.next().await {
            let (_, path, _, result): (u32, OwnedObjectPath, String, String) = signal?.body().deserialize()?;
            if path == *job {
                return Ok(result);
            }
        }
        Err(zbus::Error::Failure("the bus went away".to_owned()).into())
    }
}
