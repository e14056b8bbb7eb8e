//! A node's side of its connections to remote hosts: the controller's wishes as messages, and back.

use super::remote::{FromRemote, RemoteEvent, RemoteOutput, ToRemote, encode};
use super::{Node, Output};
use policy_core::controller::{AgentKey, RemoteCommand, RemoteInput};
use std::time::Duration;

impl Node {
    /// Something about a connection to a remote host has happened.
    pub fn handle_remote(&mut self, now: Duration, remote: &str, event: RemoteEvent) {
        let input = match event {
            RemoteEvent::Connected => {
                let take_over = self.taking_over.contains(remote);
                self.tell_remote(remote, &ToRemote::Hello { take_over });
                None
            }
            RemoteEvent::Refused { bad_key } => Some(RemoteInput::Refused { bad_key }),
            RemoteEvent::Closed => {
                self.forget_descriptions(now, remote);
                Some(RemoteInput::Lost)
            }
            RemoteEvent::Message(bytes) => match postcard::from_bytes::<FromRemote>(&bytes) {
                Ok(FromRemote::Welcome { uptime, next_call }) => Some(RemoteInput::Connected { uptime, next_call }),
                Ok(FromRemote::Pong) => Some(RemoteInput::Pong),
                Ok(FromRemote::TakenOver) => Some(RemoteInput::TakenOver),
                Ok(FromRemote::Report { operation, report }) => Some(RemoteInput::Report { operation, report }),
                Ok(FromRemote::Agent(agent, meta)) => {
                    self.described_by.retain(|(_, asked)| *asked != agent);
                    self.controller.handle_agent(now, agent, meta);
                    None
                }
                Err(_) => None,
            },
        };
        if let Some(input) = input {
            self.controller.handle_remote(now, remote, input);
        }
        self.pump(now);
    }

    pub(super) fn tell_remote(&mut self, remote: &str, message: &ToRemote) {
        self.remote_output(remote, RemoteOutput::Send(encode(message)));
    }

    fn remote_output(&mut self, remote: &str, output: RemoteOutput) {
        self.outputs.push_back(Output::Remote { remote: remote.to_owned(), output });
    }

    pub(super) fn command_remote(&mut self, now: Duration, remote: &str, command: RemoteCommand) {
        match command {
            RemoteCommand::Connect { address, port, take_over } => {
                if take_over {
                    self.taking_over.insert(remote.to_owned());
                } else {
                    self.taking_over.remove(remote);
                }
                self.remote_output(remote, RemoteOutput::Connect { address, port });
            }
            RemoteCommand::Ping => self.tell_remote(remote, &ToRemote::Ping),
            RemoteCommand::Disconnect => {
                self.forget_descriptions(now, remote);
                self.remote_output(remote, RemoteOutput::Disconnect);
            }
        }
    }

    /// Has an agent describe itself, where its resource is to run.
    pub(super) fn ask_agent(&mut self, now: Duration, agent: AgentKey, remote: Option<String>) {
        match remote {
            Some(remote) => {
                self.tell_remote(&remote, &ToRemote::Describe(agent.clone()));
                self.described_by.push((remote, agent));
            }
            None => {
                let call = self.runs.describe(now, &agent);
                self.outputs.push_back(Output::Run(call));
            }
        }
    }

    /// What was asked over a connection that is gone will not be answered.
    fn forget_descriptions(&mut self, now: Duration, remote: &str) {
        let asked = std::mem::take(&mut self.described_by);
        let (lost, kept): (Vec<_>, Vec<_>) = asked.into_iter().partition(|(by, _)| by == remote);
        self.described_by = kept;
        for (_, agent) in lost {
            self.controller.handle_agent(now, agent, None);
        }
    }
}
