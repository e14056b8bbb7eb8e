//! The arbiter: one per site, for many clusters. It never sees a ring, it knows what clients report [QG-4.4 to QG-4.7].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::{Algorithm, ArbiterError, Framing, Heuristics, Kind, ListType, Message, Preference, Report, Vote};
use crate::wire::{NodeId, RingId};

/// Names one connection; the driver chooses it and never uses it twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientId(pub u64);

/// What the arbiter wants done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ArbiterOutput {
    /// Send these bytes to a client.
    Send {
        /// The client.
        to: ClientId,
        /// The bytes.
        bytes: Bytes,
    },
    /// End a connection.
    Close(ClientId),
}

/// A client and how far it has come.
pub(super) struct Client {
    pub(super) framing: Framing,
    pub(super) cluster: Option<String>,
    /// Set by init.
    pub(super) session: Option<Session>,
    pub(super) heartbeat: Duration,
    pub(super) silent_until: Duration,
}

pub(super) struct Session {
    pub(super) algorithm: Algorithm,
    pub(super) preference: Preference,
    pub(super) report: Report,
    /// The last ring that the client named, in its init or a membership list: every reply carries one, or real clients
    /// hang up.
    pub(super) ring: RingId,
    /// Last stored result of the last-man-standing algorithms.
    pub(super) stored: Option<Vote>,
    pub(super) retry: Option<Duration>,
    /// Sequence number of the vote information that was sent last.
    pub(super) sequence: u32,
    pub(super) unacknowledged: bool,
}

/// State of the even-split algorithm for one cluster.
#[derive(Default)]
pub(super) struct Split {
    pub(super) winner: Vec<NodeId>,
    /// Acks wait until all losers know that they lost.
    pub(super) acks_pending: bool,
}

/// The arbiter of many clusters.
#[derive(Default)]
pub struct Arbiter {
    /// In the order in which they connected.
    pub(super) clients: Vec<(ClientId, Client)>,
    pub(super) splits: BTreeMap<String, Split>,
    pub(super) outputs: VecDeque<ArbiterOutput>,
}

const HEARTBEAT: std::ops::RangeInclusive<u32> = 1000..=120_000;
const ALGORITHMS: [u16; 4] = [0, 1, 2, 3];

impl Arbiter {
    /// An arbiter without clients.
    pub fn new() -> Self {
        Arbiter::default()
    }

    /// A client connected.
    pub fn handle_connect(&mut self, now: Duration, id: ClientId) {
        let heartbeat = Duration::from_millis((*HEARTBEAT.end()).into());
        let silent_until = now + heartbeat;
        let client = Client { framing: Framing::default(), cluster: None, session: None, heartbeat, silent_until };
        self.clients.push((id, client));
    }

    /// A client is gone.
    pub fn handle_disconnect(&mut self, now: Duration, id: ClientId) {
        let Some(at) = self.clients.iter().position(|(other, _)| *other == id) else { return };
        let (_, client) = self.clients.remove(at);
        if let (Some(cluster), Some(session)) = (client.cluster, client.session)
            && session.algorithm == Algorithm::FfSplit
        {
            self.run_split(&cluster);
        }
        let _ = now;
    }

    /// A client sent something.
    pub fn handle_bytes(&mut self, now: Duration, id: ClientId, bytes: &[u8]) {
        let Some(client) = self.client(id) else { return };
        client.framing.push(bytes);
        client.silent_until = now + client.heartbeat.mul_f64(1.5);
        loop {
            let Some(client) = self.client(id) else { return };
            match client.framing.next_message() {
                Ok(None) => return,
                Ok(Some(message)) => {
                    let sequence = message.sequence;
                    if let Err(error) = self.handle_message(now, id, message) {
                        let refusal =
                            Message { sequence, error: Some(error as u16), ..Message::new(Kind::ServerError) };
                        self.send(id, &refusal);
                    }
                }
                Err(error) => {
                    self.send(id, &Message { error: Some(error as u16), ..Message::new(Kind::ServerError) });
                    self.close(now, id);
                    return;
                }
            }
        }
    }

    /// Time has passed: silent clients go, undecided ones are decided again.
    pub fn handle_timeout(&mut self, now: Duration) {
        let silent: Vec<ClientId> =
            self.clients.iter().filter(|(_, c)| c.silent_until <= now).map(|(id, _)| *id).collect();
        for id in silent {
            self.close(now, id);
        }
        let due: Vec<ClientId> = self
            .clients
            .iter()
            .filter(|(_, c)| c.session.as_ref().and_then(|s| s.retry).is_some_and(|at| at <= now))
            .map(|(id, _)| *id)
            .collect();
        for id in due {
            if let Some(session) = self.client(id).and_then(|c| c.session.as_mut()) {
                session.retry = None;
            }
            let vote = self.decide_lms(now, id);
            if matches!(vote, Vote::Ack | Vote::Nack) {
                self.send_vote(id, vote);
            }
        }
    }

    /// When to call [`handle_timeout`](Arbiter::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let retry = |c: &Client| c.session.as_ref().and_then(|s| s.retry);
        self.clients.iter().flat_map(|(_, c)| [Some(c.silent_until), retry(c)]).flatten().min()
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<ArbiterOutput> {
        self.outputs.pop_front()
    }

    pub(super) fn client(&mut self, id: ClientId) -> Option<&mut Client> {
        self.clients.iter_mut().find(|(other, _)| *other == id).map(|(_, client)| client)
    }

    pub(super) fn send(&mut self, to: ClientId, message: &Message) {
        self.outputs.push_back(ArbiterOutput::Send { to, bytes: message.encode() });
    }

    fn close(&mut self, now: Duration, id: ClientId) {
        self.outputs.push_back(ArbiterOutput::Close(id));
        self.handle_disconnect(now, id);
    }

    fn handle_message(&mut self, now: Duration, id: ClientId, message: Message) -> Result<(), ArbiterError> {
        let client = self.client(id).ok_or(ArbiterError::Internal)?;
        match message.kind {
            Kind::Preinit => {
                client.cluster = Some(message.cluster.ok_or(ArbiterError::MissingOption)?);
                let sequence = message.sequence;
                let reply =
                    Message { sequence, tls: Some(0), certificate: Some(0), ..Message::new(Kind::PreinitReply) };
                self.send(id, &reply);
                Ok(())
            }
            Kind::Init => self.init(id, message),
            _ if client.cluster.is_none() => Err(ArbiterError::PreinitRequired),
            _ if client.session.is_none() => Err(ArbiterError::InitRequired),
            Kind::EchoRequest => {
                self.send(id, &Message { kind: Kind::EchoReply, ..message });
                Ok(())
            }
            Kind::SetOption => self.set_option(id, message),
            Kind::NodeList => self.node_list(now, id, message),
            Kind::AskForVote => self.ask_for_vote(now, id, message),
            Kind::VoteInfoReply => {
                self.vote_acknowledged(id, message.sequence);
                Ok(())
            }
            Kind::HeuristicsChange => self.heuristics_change(id, message),
            _ => Err(ArbiterError::UnexpectedMessage),
        }
    }

    fn init(&mut self, id: ClientId, message: Message) -> Result<(), ArbiterError> {
        let cluster = self.client(id).and_then(|c| c.cluster.clone()).ok_or(ArbiterError::PreinitRequired)?;
        let (Some(node), Some(ring), Some(heartbeat), Some(preference), Some(algorithm)) =
            (message.node, message.ring, message.heartbeat, message.preference, message.algorithm)
        else {
            return Err(ArbiterError::MissingOption);
        };
        let algorithm = match algorithm {
            0 => Some(Algorithm::Test),
            1 => Some(Algorithm::FfSplit),
            2 => Some(Algorithm::TwoNodeLms),
            3 => Some(Algorithm::Lms),
            _ => None,
        };
        let others = || self.clients.iter().filter(|(other, c)| *other != id && c.cluster.as_ref() == Some(&cluster));
        let sessions = || others().filter_map(|(_, c)| c.session.as_ref());
        let refused = if algorithm.is_none() {
            Some(ArbiterError::UnsupportedAlgorithm)
        } else if !HEARTBEAT.contains(&heartbeat) {
            Some(ArbiterError::InvalidHeartbeat)
        } else if sessions().any(|s| s.preference != preference) {
            Some(ArbiterError::TieBreakerDiffers)
        } else if sessions().any(|s| Some(s.algorithm) != algorithm) {
            Some(ArbiterError::AlgorithmDiffers)
        } else if sessions().any(|s| s.report.node == node) {
            Some(ArbiterError::DuplicateNode)
        } else {
            None
        };
        if let Some(client) = self.client(id)
            && let (None, Some(algorithm)) = (refused, algorithm)
        {
            client.heartbeat = Duration::from_millis(heartbeat.into());
            client.session = Some(Session {
                algorithm,
                preference,
                report: Report {
                    node,
                    configured: None,
                    membership: None,
                    heuristics: Heuristics::Undefined,
                    keep_active: false,
                },
                ring,
                stored: None,
                retry: None,
                sequence: 0,
                unacknowledged: false,
            });
        }
        let known: Vec<u16> = (0..=17).collect();
        let reply = Message {
            error: Some(refused.map_or(0, |e| e as u16)),
            messages: message.messages.as_ref().map(|_| known),
            options: message.options.as_ref().map(|_| (0..=23).collect()),
            sequence: message.sequence,
            max_request: Some(super::MAX_MESSAGE as u32),
            max_reply: Some(super::MAX_MESSAGE as u32),
            algorithms: Some(ALGORITHMS.to_vec()),
            ..Message::new(Kind::InitReply)
        };
        self.send(id, &reply);
        Ok(())
    }

    pub(super) fn session(&mut self, id: ClientId) -> Result<&mut Session, ArbiterError> {
        self.client(id).and_then(|c| c.session.as_mut()).ok_or(ArbiterError::InitRequired)
    }

    fn set_option(&mut self, id: ClientId, message: Message) -> Result<(), ArbiterError> {
        if let Some(ms) = message.heartbeat {
            if !HEARTBEAT.contains(&ms) {
                return Err(ArbiterError::InvalidHeartbeat);
            }
            if let Some(client) = self.client(id) {
                client.heartbeat = Duration::from_millis(ms.into());
            }
        }
        if let Some(keep) = message.keep_active {
            self.session(id)?.report.keep_active = keep;
        }
        self.send(id, &Message { kind: Kind::SetOptionReply, ..message });
        Ok(())
    }

    fn node_list(&mut self, now: Duration, id: ClientId, message: Message) -> Result<(), ArbiterError> {
        let (Some(list), Some(sequence)) = (message.list, message.sequence) else {
            return Err(ArbiterError::MissingOption);
        };
        let nodes: Vec<NodeId> = message.nodes.iter().map(|n| n.node).collect();
        let session = self.session(id)?;
        let wrong = nodes.is_empty() || !nodes.contains(&session.report.node);
        match list {
            ListType::InitialConfig | ListType::ChangedConfig => {
                if wrong {
                    return Err(ArbiterError::InvalidConfigList);
                }
                session.report.configured = Some(nodes);
            }
            ListType::Membership => {
                if wrong {
                    return Err(ArbiterError::InvalidMembershipList);
                }
                session.ring = message.ring.ok_or(ArbiterError::MissingOption)?;
                session.report.membership = Some((session.ring, nodes));
                session.report.heuristics = message.heuristics;
            }
            ListType::Quorum => {}
        }
        let ring = Some(session.ring);
        let ready = session.report.configured.is_some() && session.report.membership.is_some();
        let vote = match (session.algorithm, list) {
            (Algorithm::Test, _) => Vote::Ack,
            (Algorithm::FfSplit, ListType::InitialConfig) => Vote::AskLater,
            (Algorithm::FfSplit, ListType::Quorum) => Vote::NoChange,
            (Algorithm::FfSplit, _) if !ready => Vote::AskLater,
            (Algorithm::FfSplit, _) => self.split_after(id),
            (_, ListType::Membership | ListType::Quorum) => self.decide_lms(now, id),
            _ => Vote::NoChange,
        };
        let reply =
            Message { list: Some(list), ring, vote: Some(vote), ..Message::numbered(Kind::NodeListReply, sequence) };
        self.send(id, &reply);
        self.flush_split(id);
        Ok(())
    }

    fn ask_for_vote(&mut self, now: Duration, id: ClientId, message: Message) -> Result<(), ArbiterError> {
        let session = self.session(id)?;
        let vote = match session.algorithm {
            Algorithm::FfSplit => return Err(ArbiterError::UnsupportedByAlgorithm),
            Algorithm::Test => Vote::Ack,
            _ => self.decide_lms(now, id),
        };
        let ring = Some(self.session(id)?.ring);
        let sequence = message.sequence;
        self.send(id, &Message { sequence, vote: Some(vote), ring, ..Message::new(Kind::AskForVoteReply) });
        Ok(())
    }

    fn heuristics_change(&mut self, id: ClientId, message: Message) -> Result<(), ArbiterError> {
        let session = self.session(id)?;
        session.report.heuristics = message.heuristics;
        let ready = session.report.configured.is_some() && session.report.membership.is_some();
        let vote = if session.algorithm == Algorithm::FfSplit && ready { self.split_after(id) } else { Vote::NoChange };
        let ring = Some(self.session(id)?.ring);
        let reply = Message { kind: Kind::HeuristicsChangeReply, vote: Some(vote), ring, ..message };
        self.send(id, &reply);
        self.flush_split(id);
        Ok(())
    }
}
