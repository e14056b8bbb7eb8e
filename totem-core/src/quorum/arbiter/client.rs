//! The quorum device at one node that asks the network arbiter [QG-4.5].

use std::collections::VecDeque;
use std::time::Duration;

use super::{Algorithm, Framing, Heuristics, Kind, ListType, ListedNode, Message, Preference, Vote};
use crate::quorum::device::{Device, DeviceInput, DeviceOutput};
use crate::wire::{NodeId, RingId};

/// How a node takes part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientOptions {
    /// This node.
    pub node: NodeId,
    /// The cluster's name.
    pub cluster: String,
    /// The node list.
    pub nodes: Vec<NodeId>,
    /// How the arbiter decides.
    pub algorithm: Algorithm,
    /// Which partition it prefers.
    pub preference: Preference,
    /// `device.timeout`.
    pub timeout: Duration,
    /// `keep_active_partition_tie_breaker`.
    pub keep_active: bool,
    /// `wait_for_all` is on: with the last-man-standing algorithm a quorate node then outlives the arbiter.
    pub wait_for_all: bool,
    /// Whether own checks run at every change of the ring.
    pub heuristics: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Disconnected,
    Preinit,
    Init,
    Running,
}

/// The device. It asks the driver to connect, to send and to check, and gives its vote to the quorum service.
pub struct ArbiterClient {
    options: ClientOptions,
    stage: Stage,
    framing: Framing,
    sequence: u32,
    ring: Option<RingId>,
    members: Vec<NodeId>,
    quorate: bool,
    vote: Vote,
    heuristics: Heuristics,
    checking: bool,
    cast_at: Option<Duration>,
    echo_at: Option<Duration>,
    echo_missing: bool,
    reconnect_at: Option<Duration>,
    attempts: u64,
    outputs: VecDeque<DeviceOutput>,
}

impl ArbiterClient {
    /// A device that connects at once.
    pub fn new(options: ClientOptions) -> Self {
        ArbiterClient {
            options,
            stage: Stage::Disconnected,
            framing: Framing::default(),
            sequence: 0,
            ring: None,
            members: Vec::new(),
            quorate: false,
            vote: Vote::WaitForReply,
            heuristics: Heuristics::Undefined,
            checking: false,
            cast_at: None,
            echo_at: None,
            echo_missing: false,
            reconnect_at: None,
            attempts: 0,
            outputs: VecDeque::from([DeviceOutput::Connect]),
        }
    }

    fn cast_interval(&self) -> Duration {
        self.options.timeout / 2
    }

    fn heartbeat(&self) -> Duration {
        crate::config::heartbeat(self.options.timeout)
    }

    fn next(&mut self) -> u32 {
        self.sequence = self.sequence.wrapping_add(1);
        self.sequence
    }

    fn send(&mut self, message: &Message) {
        self.outputs.push_back(DeviceOutput::Send(message.encode()));
    }

    /// The vote as it stands goes to the quorum service, and again every interval.
    fn poll_vote(&mut self, now: Duration) {
        let (Some(ring), yes) = (self.ring, self.vote == Vote::Ack) else { return };
        if matches!(self.vote, Vote::Ack | Vote::Nack) {
            self.outputs.push_back(DeviceOutput::Vote { yes, ring });
            self.cast_at = Some(now + self.cast_interval());
        }
    }

    fn take_vote(&mut self, now: Duration, vote: Option<Vote>, ring: Option<RingId>) {
        let Some(vote) = vote else { return };
        if ring != self.ring {
            return;
        }
        match vote {
            Vote::Ack | Vote::Nack => {
                self.vote = vote;
                if !self.checking {
                    self.poll_vote(now);
                }
            }
            Vote::AskLater | Vote::WaitForReply => {
                self.vote = vote;
                self.cast_at = None;
            }
            Vote::NoChange => {}
        }
    }

    fn send_config(&mut self) {
        let nodes = self.options.nodes.iter().map(|n| ListedNode { node: *n, state: 0 }).collect();
        let sequence = self.next();
        let list = Some(ListType::InitialConfig);
        self.send(&Message { list, nodes, ..Message::numbered(Kind::NodeList, sequence) });
    }

    fn send_membership(&mut self) {
        let Some(ring) = self.ring else { return };
        if self.stage != Stage::Running {
            return;
        }
        let nodes = self.members.iter().map(|n| ListedNode { node: *n, state: 0 }).collect();
        let sequence = self.next();
        let (list, heuristics) = (Some(ListType::Membership), self.heuristics);
        self.send(&Message {
            list,
            nodes,
            heuristics,
            ring: Some(ring),
            ..Message::numbered(Kind::NodeList, sequence)
        });
    }

    fn send_quorum(&mut self) {
        if self.stage != Stage::Running {
            return;
        }
        let state = |n: &NodeId| if self.members.contains(n) { 1 } else { 2 };
        let nodes = self.options.nodes.iter().map(|n| ListedNode { node: *n, state: state(n) }).collect();
        let quorate = Some(self.quorate);
        let sequence = self.next();
        let list = Some(ListType::Quorum);
        self.send(&Message { list, nodes, quorate, ..Message::numbered(Kind::NodeList, sequence) });
    }

    fn outlives_arbiter(&self) -> bool {
        let lms = matches!(self.options.algorithm, Algorithm::Lms | Algorithm::TwoNodeLms);
        lms && self.quorate && self.options.wait_for_all
    }

    fn handle_message(&mut self, now: Duration, message: Message) {
        match (self.stage, message.kind) {
            (Stage::Preinit, Kind::PreinitReply) if message.tls != Some(2) => {
                self.stage = Stage::Init;
                let sequence = self.next();
                let heartbeat = u32::try_from(self.heartbeat().as_millis()).ok();
                let init = Message {
                    messages: Some((0..=17).collect()),
                    options: Some((0..=23).collect()),
                    node: Some(self.options.node),
                    algorithm: Some(self.options.algorithm as u16),
                    heartbeat,
                    preference: Some(self.options.preference),
                    ring: Some(self.ring.unwrap_or_default()),
                    ..Message::numbered(Kind::Init, sequence)
                };
                self.send(&init);
            }
            (Stage::Init, Kind::InitReply) if message.error == Some(0) => {
                self.stage = Stage::Running;
                self.echo_at = Some(now + self.heartbeat());
                self.echo_missing = false;
                let sequence = self.next();
                let keep_active = Some(self.options.keep_active);
                self.send(&Message { keep_active, ..Message::numbered(Kind::SetOption, sequence) });
                self.send_config();
                if self.ring.is_some() && !self.checking {
                    self.vote = Vote::WaitForReply;
                    self.send_membership();
                    self.send_quorum();
                }
            }
            (_, Kind::EchoReply) => self.echo_missing = false,
            (Stage::Running, Kind::NodeListReply | Kind::AskForVoteReply | Kind::HeuristicsChangeReply) => {
                self.take_vote(now, message.vote, message.ring);
            }
            (Stage::Running, Kind::VoteInfo) => {
                self.take_vote(now, message.vote, message.ring);
                let sequence = message.sequence;
                self.send(&Message { sequence, ..Message::new(Kind::VoteInfoReply) });
            }
            (_, Kind::SetOptionReply) => {}
            (Stage::Preinit, Kind::PreinitReply) => {
                self.outputs
                    .push_back(DeviceOutput::Log("the arbiter demands TLS, which there is not here".to_owned()));
                self.drop_connection(now);
            }
            // A refusal, or nonsense: begin again.
            _ => self.drop_connection(now),
        }
    }

    fn drop_connection(&mut self, now: Duration) {
        self.outputs.push_back(DeviceOutput::Disconnect);
        self.disconnected(now);
    }

    fn disconnected(&mut self, now: Duration) {
        self.stage = Stage::Disconnected;
        self.framing = Framing::default();
        self.echo_at = None;
        if !self.outlives_arbiter() {
            self.vote = Vote::Nack;
        }
        self.poll_vote(now);
        // The reference waits a random part of 0.9 intervals; nodes differ here by what they are and how often they tried.
        self.attempts += 1;
        let spread =
            (u64::from(self.options.node.0).wrapping_mul(2_654_435_761) ^ self.attempts.wrapping_mul(40_503)) % 900;
        let delay = self.cast_interval().mul_f64((spread as f64 + 1.0) / 1000.0);
        self.reconnect_at = Some(now + delay);
    }

    fn ring_changed(&mut self, now: Duration, ring: RingId, members: Vec<NodeId>) {
        self.ring = Some(ring);
        self.members = members;
        self.cast_at = None;
        if self.stage != Stage::Running && self.vote == Vote::Ack && !self.outlives_arbiter() {
            self.vote = Vote::Nack;
        }
        if self.options.heuristics {
            self.checking = true;
            self.outputs.push_back(DeviceOutput::Check);
        } else {
            self.checked(now, Heuristics::Undefined);
        }
    }

    fn checked(&mut self, now: Duration, result: Heuristics) {
        self.checking = false;
        self.heuristics = result;
        if self.stage == Stage::Running {
            self.vote = Vote::WaitForReply;
            self.send_membership();
            self.send_quorum();
        } else {
            self.poll_vote(now);
        }
    }
}

impl Device for ArbiterClient {
    fn handle_input(&mut self, now: Duration, input: DeviceInput) {
        match input {
            DeviceInput::Ring { ring, members } => self.ring_changed(now, ring, members),
            DeviceInput::Quorate(quorate) => {
                if self.quorate != quorate {
                    self.quorate = quorate;
                    self.send_quorum();
                }
            }
            DeviceInput::Connected => {
                self.stage = Stage::Preinit;
                self.reconnect_at = None;
                let sequence = self.next();
                let cluster = Some(self.options.cluster.clone());
                self.send(&Message { cluster, ..Message::numbered(Kind::Preinit, sequence) });
            }
            DeviceInput::Disconnected => self.disconnected(now),
            DeviceInput::Received(bytes) => {
                self.framing.push(&bytes);
                loop {
                    match self.framing.next_message() {
                        Ok(Some(message)) => self.handle_message(now, message),
                        Ok(None) => break,
                        Err(_) => {
                            self.drop_connection(now);
                            break;
                        }
                    }
                }
            }
            DeviceInput::Checked(passed) => {
                let result = if passed { Heuristics::Pass } else { Heuristics::Fail };
                if self.checking {
                    self.checked(now, result);
                } else if self.heuristics != result {
                    self.heuristics = result;
                    if self.stage == Stage::Running {
                        let sequence = self.next();
                        let change =
                            Message { heuristics: result, ..Message::numbered(Kind::HeuristicsChange, sequence) };
                        self.send(&change);
                    }
                }
            }
            DeviceInput::Reachable(_) | DeviceInput::Slots(_) => {}
        }
    }

    fn handle_timeout(&mut self, now: Duration) {
        if self.cast_at.is_some_and(|at| at <= now) {
            self.cast_at = None;
            if !self.checking {
                self.poll_vote(now);
            }
        }
        if self.echo_at.is_some_and(|at| at <= now) {
            self.echo_at = Some(now + self.heartbeat());
            if self.echo_missing {
                self.outputs.push_back(DeviceOutput::Log("Server didn't send echo reply message on time".into()));
                if !self.outlives_arbiter() {
                    self.drop_connection(now);
                    return;
                }
            }
            self.echo_missing = true;
            let sequence = self.next();
            self.send(&Message::numbered(Kind::EchoRequest, sequence));
        }
        if self.reconnect_at.is_some_and(|at| at <= now) {
            self.reconnect_at = None;
            self.outputs.push_back(DeviceOutput::Connect);
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        [self.cast_at, self.echo_at, self.reconnect_at].into_iter().flatten().min()
    }

    fn poll_output(&mut self) -> Option<DeviceOutput> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An arbiter that demands TLS gets no word in clear, and the administrator learns why there is no vote.
    #[test]
    fn an_arbiter_that_demands_tls_is_left() {
        let mut client = ArbiterClient::new(ClientOptions {
            node: NodeId(1),
            cluster: "c".to_owned(),
            nodes: vec![NodeId(1), NodeId(2)],
            algorithm: Algorithm::FfSplit,
            preference: Preference::Lowest,
            timeout: Duration::from_secs(10),
            keep_active: false,
            wait_for_all: false,
            heuristics: false,
        });
        client.handle_timeout(Duration::ZERO);
        client.handle_input(Duration::ZERO, DeviceInput::Connected);
        while client.poll_output().is_some() {}
        let reply = Message { tls: Some(2), certificate: Some(0), ..Message::numbered(Kind::PreinitReply, 1) };
        client.handle_input(Duration::ZERO, DeviceInput::Received(reply.encode()));
        let said: Vec<DeviceOutput> = std::iter::from_fn(|| client.poll_output()).collect();
        assert!(said.iter().any(|o| matches!(o, DeviceOutput::Log(text) if text.contains("TLS"))), "{said:?}");
        assert!(said.contains(&DeviceOutput::Disconnect));
        assert!(!said.iter().any(|o| matches!(o, DeviceOutput::Send(_))));
    }
}
