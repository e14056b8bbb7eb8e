//! The quorum device of a node on the runtime: when it has something to do, and what wakes it.

use super::{readable, watch};
use crate::drive::device::DeviceDriver;
use std::io;
use std::time::Duration;
use tokio::net::UdpSocket;
use totem_core::config::Config;
use totem_core::member::{Member, Output};

/// A node's device, if its configuration names one.
pub(super) struct DeviceSlot {
    driver: Option<DeviceDriver>,
    /// Its sockets, for waiting alone.
    watched: Vec<UdpSocket>,
    /// For which of its connections they are.
    connection: u64,
    /// The ring told it something.
    told: bool,
}

impl DeviceSlot {
    /// The device of a configuration. To be used inside a tokio runtime.
    ///
    /// # Errors
    /// If its keys do not fit, or the system refuses what it needs.
    pub(super) fn open(config: &Config) -> io::Result<DeviceSlot> {
        let driver = DeviceDriver::start(config)?;
        let mut slot = DeviceSlot { driver, watched: Vec::new(), connection: 0, told: false };
        slot.watch()?;
        Ok(slot)
    }

    fn watch(&mut self) -> io::Result<()> {
        if let Some(driver) = &self.driver {
            self.connection = driver.connection();
            self.watched = driver.fds().map(watch).collect::<io::Result<_>>()?;
        }
        Ok(())
    }

    /// When it has something to do at the latest.
    pub(super) fn poll_timeout(&self) -> Option<Duration> {
        self.driver.as_ref()?.poll_timeout()
    }

    /// Whether it has something to do now.
    pub(super) fn is_due(&self, now: Duration) -> bool {
        self.told || self.poll_timeout().is_some_and(|at| at <= now)
    }

    /// Waits until something came for it; for ever without a device.
    pub(super) async fn ready(&self) {
        // A socket that cannot be waited for wakes it as well: its own time limits make it act.
        let _ = readable(&self.watched).await;
    }

    /// Takes in what the ring told.
    pub(super) fn note(&mut self, now: Duration, output: &Output) {
        if let Some(driver) = &mut self.driver {
            driver.note(now, output);
            self.told = true;
        }
    }

    /// Does what is due; returns what there is to log.
    pub(super) fn work(&mut self, now: Duration, member: &mut Member) -> Vec<String> {
        self.told = false;
        let Some(driver) = &mut self.driver else { return Vec::new() };
        driver.work(now, member);
        let mut said = driver.take_log();
        if driver.connection() != self.connection
            && let Err(error) = self.watch()
        {
            said.push(error.to_string());
        }
        said
    }
}
