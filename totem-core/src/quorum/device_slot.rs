//! The place of a quorum device in the vote quorum service: registration, polls, timeouts [QG-4.2, QG-2.14].

use std::time::Duration;

use super::log::Level;
use super::{Flags, Message, Output, VoteQuorum};
use crate::config::{CsError, Value};
use crate::wire::{NodeId, RingId};

/// Longest name of a device in bytes.
const NAME_LENGTH: std::ops::RangeInclusive<usize> = 1..=254;

/// What the service knows of the device.
#[derive(Clone, Debug, Default)]
pub(super) struct DeviceSlot {
    pub(super) votes: u32,
    pub(super) name: Option<String>,
    pub(super) master_wins: bool,
    pub(super) expires: Option<Duration>,
    pub(super) awaits_poll: bool,
    registering: bool,
}

impl DeviceSlot {
    pub(super) fn new(votes: u32) -> Self {
        DeviceSlot { votes, ..DeviceSlot::default() }
    }
}

/// The device's requests. A device is a local client that decides, per partition, who gets its votes.
impl VoteQuorum {
    fn check_device(&self, name: &str) -> Result<(), CsError> {
        if !NAME_LENGTH.contains(&name.len()) {
            return Err(CsError::InvalidParam);
        }
        if self.options.device.is_none() || !self.options.device_can_operate {
            return Err(CsError::Access);
        }
        Ok(())
    }

    fn check_registered(&self) -> Result<(), CsError> {
        if self.own_flags().has(Flags::REGISTERED) { Ok(()) } else { Err(CsError::NotExist) }
    }

    fn check_name(&self, name: &str) -> Result<(), CsError> {
        if self.device.name.as_deref() == Some(name) { Ok(()) } else { Err(CsError::InvalidParam) }
    }

    /// Registers a device. `Ok(true)` answers at once; `Ok(false)` means that [`Output::Registered`] will.
    ///
    /// # Errors
    /// [`CsError::Access`] without a device in the configuration, [`CsError::Exist`] under another name,
    /// [`CsError::TryAgain`] while a registration is on its way.
    pub fn device_register(&mut self, name: &str) -> Result<bool, CsError> {
        let checked = self.check_device(name);
        if checked == Err(CsError::Access) {
            self.log(
                Level::Info,
                "Registration of quorum device is disabled by incorrect corosync.conf. See logs for more information",
            );
        }
        checked?;
        if self.own_flags().has(Flags::REGISTERED) {
            let old = self.device.name.clone().unwrap_or_default();
            if old == name {
                return Ok(true);
            }
            let text = format!("A new qdevice with different name (new: {name} old: {old}) is trying to re-register!");
            self.log(Level::Warning, text);
            return Err(CsError::Exist);
        }
        if self.device.registering {
            self.log(Level::Warning, "Registration request already in progress");
            return Err(CsError::TryAgain);
        }
        self.device.registering = true;
        self.send(Message::Device { register: true, name: name.to_owned() });
        Ok(false)
    }

    /// The device's decision for the ring it names.
    ///
    /// # Errors
    /// [`CsError::MessageError`] for another ring than the last one, and as all requests.
    pub fn device_poll(&mut self, now: Duration, name: &str, vote: bool, ring: RingId) -> Result<(), CsError> {
        self.check_device(name)?;
        self.check_registered()?;
        if ring != self.ring {
            let text =
                format!("Received poll ring id ({ring}) != last sync ring id ({}). Ignoring poll call.", self.ring);
            self.log(Level::Debug, text);
            return Err(CsError::MessageError);
        }
        self.check_name(name)?;
        let before = self.own_flags();
        let own = self.own();
        own.flags.put(Flags::ALIVE, true);
        own.flags.put(Flags::CAST_VOTE, vote);
        if self.own_flags() != before {
            self.send_own_info();
        }
        self.device.expires = self.options.device.map(|d| now + d.timeout);
        self.device.awaits_poll = false;
        Ok(())
    }

    /// Whether the device's vote alone makes a partition quorate.
    ///
    /// # Errors
    /// As all requests.
    pub fn device_master_wins(&mut self, name: &str, on: bool) -> Result<(), CsError> {
        self.check_device(name)?;
        self.check_registered()?;
        self.check_name(name)?;
        let before = self.own_flags();
        self.own().flags.put(Flags::MASTER_WINS, on);
        if self.own_flags() != before {
            self.send_own_info();
        }
        self.device.master_wins = on;
        self.key("runtime.votequorum.qdevice_master_wins", Value::U8(on.into()));
        Ok(())
    }

    /// Gives the device another name on all nodes.
    ///
    /// # Errors
    /// [`CsError::NotExist`] without a registered device, [`CsError::InvalidParam`] for a wrong name.
    pub fn device_rename(&mut self, old: &str, new: &str) -> Result<(), CsError> {
        self.check_registered()?;
        self.check_name(old)?;
        if !NAME_LENGTH.contains(&new.len()) {
            return Err(CsError::InvalidParam);
        }
        self.send(Message::DeviceRename { old: old.to_owned(), new: new.to_owned() });
        Ok(())
    }

    /// The device leaves this node.
    ///
    /// # Errors
    /// [`CsError::NotExist`] without a registered device, [`CsError::InvalidParam`] for a wrong name.
    pub fn device_unregister(&mut self, name: &str) -> Result<(), CsError> {
        self.check_registered()?;
        self.check_name(name)?;
        self.device.expires = None;
        self.device.awaits_poll = false;
        let own = self.own();
        own.flags.put(Flags::REGISTERED | Flags::ALIVE | Flags::CAST_VOTE | Flags::MASTER_WINS, false);
        self.send_own_info();
        self.send(Message::Device { register: false, name: name.to_owned() });
        Ok(())
    }

    /// [QG-2.9], "init": a live device must speak again before the round ends, within the sync timeout.
    pub(super) fn device_enters_round(&mut self, now: Duration) {
        let Some(options) = self.options.device else { return };
        if !self.own_flags().has(Flags::REGISTERED | Flags::ALIVE) {
            return;
        }
        self.device.expires = Some(now + options.sync_timeout);
        self.device.awaits_poll = true;
        let name = self.device.name.clone().unwrap_or_default();
        let ms = options.sync_timeout.as_millis();
        self.log(Level::Info, format!("waiting for quorum device {name} poll (but maximum for {ms} ms)"));
    }

    pub(super) fn device_timeout(&mut self, now: Duration) {
        if self.device.expires.is_none_or(|at| at > now) {
            return;
        }
        self.device.expires = None;
        self.device.awaits_poll = false;
        if self.own_flags().has(Flags::ALIVE) {
            self.own().flags.put(Flags::ALIVE | Flags::CAST_VOTE, false);
            let name = self.device.name.clone().unwrap_or_default();
            self.log(Level::Info, format!("lost contact with quorum device {name}"));
            self.send_own_info();
        }
    }

    pub(super) fn handle_registration(&mut self, from: NodeId, name: String) {
        if from != self.me {
            if self.device.name.is_none() {
                self.device.name = Some(name);
            }
            return;
        }
        if self.own_flags().has(Flags::REGISTERED) {
            return;
        }
        if !std::mem::take(&mut self.device.registering) {
            self.log(Level::Warning, "Unable to determine origin of the qdevice register call!");
            return;
        }
        let known = self.device.name.get_or_insert_with(|| name.clone()).clone();
        if known == name {
            self.own().flags.put(Flags::REGISTERED, true);
            self.send_device_info();
            self.send_own_info();
            self.tell(Output::Registered(Ok(())));
        } else {
            let text = format!("A new qdevice with different name (new: {name} old: {known}) is trying to register!");
            self.log(Level::Warning, text);
            self.tell(Output::Registered(Err(CsError::Exist)));
        }
    }

    pub(super) fn handle_unregistration(&mut self) {
        if !self.records.members().any(|r| r.flags.has(Flags::REGISTERED)) {
            self.device.name = None;
        }
    }
}
