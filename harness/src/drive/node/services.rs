//! What the services of the ring tell a node's driver beside the cluster itself: the log, requests to stop or to read the
//! configuration again, and the vote of a quorum device.

use super::{DriveError, Driver};
use crate::drive::keys;
use crate::node::timeline::Kind;
use totem_core::config::ControlOutput;
use totem_core::member;

impl Driver {
    /// The quorum device does what is due, and votes.
    pub(super) fn work_device(&mut self) {
        let now = self.clock.now();
        let device = &mut self.device;
        let said = self.node.with_member(now, |member| device.work(now, member));
        for line in said {
            self.note(Kind::Detail, format!("quorum device: {line}"));
        }
        self.drain();
    }

    pub(super) fn member_said(&mut self, output: member::Output) {
        for event in self.desk.note(&output) {
            self.counter.publish(event);
        }
        self.device.note(self.clock.now(), &output);
        match output {
            member::Output::Log(line) => self.note(Kind::Detail, line.to_string()),
            member::Output::Notice(notice) => self.note(Kind::Detail, notice.to_string()),
            member::Output::Control(control) => self.control_said(control),
            _ => {}
        }
    }

    fn control_said(&mut self, output: ControlOutput) {
        match output {
            ControlOutput::Killed { by, reason } => {
                self.note(Kind::Fault, format!("killed by node {by}: {reason}"));
                self.end = Some(Err(DriveError::Ended { code: 1 }));
            }
            ControlOutput::Stop => {
                let now = self.clock.now();
                self.note(Kind::Fault, "leaves the cluster".to_owned());
                self.node.shutdown(now);
            }
            ControlOutput::Reload { .. } => self.reload(),
            ControlOutput::CryptoPhase { by, said } => {
                let now = self.clock.now();
                self.node.with_member(now, |member| keys::phase(member, now, by, said));
            }
            ControlOutput::Log(line) => self.note(Kind::Detail, line.to_string()),
            _ => {}
        }
    }

    /// Reads the configuration again; one that cannot be used leaves everything as it was.
    fn reload(&mut self) {
        let now = self.clock.now();
        let read = (self.reread)().and_then(|config| {
            let done = self.node.with_member(now, |member| keys::reload(member, now, &config));
            done.map(|()| config).map_err(|error| error.to_string())
        });
        match read {
            Err(error) => self.note(Kind::Fault, format!("cannot read the configuration again: {error}")),
            Ok(config) => {
                self.note(Kind::Fault, "has read the configuration again".to_owned());
                let desk = &mut self.desk;
                for event in self.node.with_member(now, |member| desk.replace_config(config, member)) {
                    self.counter.publish(event);
                }
            }
        }
    }
}
