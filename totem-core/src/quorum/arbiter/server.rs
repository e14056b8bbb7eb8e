//! The arbiter: one per site, for many clusters. It never sees a ring, it knows what clients report [QG-4.4 to QG-4.7].

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;

use super::decision::{LmsResult, Report, ffsplit, is_stable, lms};
use super::wire::{Algorithm, ArbiterError, Framing, Heuristics, Kind, ListType, Message, Preference, Vote};
use crate::wire::NodeId;

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
struct Client {
    framing: Framing,
    cluster: Option<String>,
    /// Set by init.
    session: Option<Session>,
    heartbeat: Duration,
    silent_until: Duration,
}

struct Session {
    algorithm: Algorithm,
    preference: Preference,
    report: Report,
    /// Last stored result of the last-man-standing algorithms.
    stored: Option<Vote>,
    retry: Option<Duration>,
    /// Sequence number of the vote information that was sent last.
    sequence: u32,
    unacknowledged: bool,
}

/// State of the even-split algorithm for one cluster.
#[derive(Default)]
struct Split {
    winner: Vec<NodeId>,
    /// Acks wait until all losers know that they lost.
    acks_pending: bool,
}

/// The arbiter of many clusters.
#[derive(Default)]
pub struct Arbiter {
    /// In the order in which they connected.
    clients: Vec<(ClientId, Client)>,
    splits: BTreeMap<String, Split>,
    outputs: VecDeque<ArbiterOutput>,
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

    fn client(&mut self, id: ClientId) -> Option<&mut Client> {
        self.clients.iter_mut().find(|(other, _)| *other == id).map(|(_, client)| client)
    }

    fn send(&mut self, to: ClientId, message: &Message) {
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
        let (Some(node), Some(_), Some(heartbeat), Some(preference), Some(algorithm)) =
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

    fn session(&mut self, id: ClientId) -> Result<&mut Session, ArbiterError> {
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
                session.report.membership = Some((message.ring.ok_or(ArbiterError::MissingOption)?, nodes));
                session.report.heuristics = message.heuristics;
            }
            ListType::Quorum => {}
        }
        let ring = session.report.membership.as_ref().map(|(ring, _)| *ring);
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
        let ring = message.ring.or(ring);
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
        let ring = self.session(id)?.report.membership.as_ref().map(|(ring, _)| *ring);
        let sequence = message.sequence;
        self.send(id, &Message { sequence, vote: Some(vote), ring, ..Message::new(Kind::AskForVoteReply) });
        Ok(())
    }

    fn heuristics_change(&mut self, id: ClientId, message: Message) -> Result<(), ArbiterError> {
        let session = self.session(id)?;
        session.report.heuristics = message.heuristics;
        let ready = session.report.configured.is_some() && session.report.membership.is_some();
        let vote = if session.algorithm == Algorithm::FfSplit && ready { self.split_after(id) } else { Vote::NoChange };
        let ring = self.session(id)?.report.membership.as_ref().map(|(ring, _)| *ring);
        let reply = Message { kind: Kind::HeuristicsChangeReply, vote: Some(vote), ring, ..message };
        self.send(id, &reply);
        self.flush_split(id);
        Ok(())
    }

    // ---- last man standing ---------------------------------------------------------------------------------

    fn decide_lms(&mut self, now: Duration, id: ClientId) -> Vote {
        let Some((cluster, preference, algorithm)) =
            self.clients.iter().find(|(other, _)| *other == id).and_then(|(_, c)| {
                Some((c.cluster.clone()?, c.session.as_ref()?.preference, c.session.as_ref()?.algorithm))
            })
        else {
            return Vote::NoChange;
        };
        let together: Vec<(ClientId, &Session)> = self
            .clients
            .iter()
            .filter(|(_, c)| c.cluster.as_ref() == Some(&cluster))
            .filter_map(|(other, c)| Some((*other, c.session.as_ref()?)))
            .collect();
        let reports: Vec<Report> = together.iter().map(|(_, s)| s.report.clone()).collect();
        let stored: Vec<Option<Vote>> = together.iter().map(|(_, s)| s.stored).collect();
        let asking = together.iter().position(|(other, _)| *other == id).unwrap_or(usize::MAX);
        let two = |r: &Report| r.configured.as_ref().is_some_and(|c| c.len() == 2);
        if algorithm == Algorithm::TwoNodeLms && !reports.get(asking).is_some_and(two) {
            return Vote::Nack;
        }
        let mut result = lms(&reports, &stored, asking, preference);
        if result.vote == Vote::Ack && self.revoke_elsewhere(id, &cluster) {
            result = LmsResult { vote: Vote::WaitForReply, stored: false };
        }
        if let Some(client) = self.client(id) {
            let quarter = client.heartbeat / 4;
            if let Some(session) = client.session.as_mut() {
                if result.stored {
                    session.stored = Some(result.vote);
                }
                if result.vote == Vote::WaitForReply {
                    session.retry = Some(now + quarter);
                }
            }
        }
        result.vote
    }

    /// Takes the vote back from clients of other rings, and says whether some of them have not confirmed that yet. The
    /// decision alone leaves them what they had until they ask again: two partitions could hold the vote meanwhile.
    fn revoke_elsewhere(&mut self, id: ClientId, cluster: &str) -> bool {
        let ring = |s: &Session| s.report.membership.as_ref().map(|(ring, _)| *ring);
        let mine = self.sessions_of(cluster).find(|(other, _)| *other == id).and_then(|(_, s)| ring(s));
        let elsewhere: Vec<(ClientId, bool, bool)> = self
            .sessions_of(cluster)
            .filter(|(_, s)| ring(s) != mine)
            .map(|(other, s)| (other, s.stored == Some(Vote::Ack), s.unacknowledged))
            .collect();
        for (other, holds, _) in &elsewhere {
            if *holds {
                if let Ok(session) = self.session(*other) {
                    session.stored = Some(Vote::Nack);
                }
                self.send_vote(*other, Vote::Nack);
            }
        }
        elsewhere.iter().any(|(_, holds, unconfirmed)| *holds || *unconfirmed)
    }

    // ---- even splits ---------------------------------------------------------------------------------------

    fn cluster_of(&self, id: ClientId) -> Option<String> {
        self.clients.iter().find(|(other, _)| *other == id).and_then(|(_, c)| c.cluster.clone())
    }

    /// Decides after a message; the answer to the message itself says nothing yet, votes follow on their own.
    fn split_after(&mut self, id: ClientId) -> Vote {
        let Some(cluster) = self.cluster_of(id) else { return Vote::NoChange };
        if self.stable(&cluster) { Vote::NoChange } else { Vote::WaitForReply }
    }

    fn flush_split(&mut self, id: ClientId) {
        if let (Some(cluster), Ok(session)) = (self.cluster_of(id), self.session(id))
            && session.algorithm == Algorithm::FfSplit
        {
            self.run_split(&cluster);
        }
    }

    fn sessions_of<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = (ClientId, &'a Session)> {
        self.clients
            .iter()
            .filter(move |(_, c)| c.cluster.as_deref() == Some(cluster))
            .filter_map(|(id, c)| Some((*id, c.session.as_ref()?)))
    }

    fn stable(&self, cluster: &str) -> bool {
        is_stable(&self.sessions_of(cluster).map(|(_, s)| s.report.clone()).collect::<Vec<_>>())
    }

    /// Chooses the winner and begins to tell: losers first, winners when every loser has confirmed.
    fn run_split(&mut self, cluster: &str) {
        let reports: Vec<Report> = self.sessions_of(cluster).map(|(_, s)| s.report.clone()).collect();
        let ready = reports.iter().all(|r| r.configured.is_some() && r.membership.is_some());
        let Some(preference) = self.sessions_of(cluster).next().map(|(_, s)| s.preference) else { return };
        if !ready || !is_stable(&reports) {
            // Whoever still had a vote to come waits for the next decision.
            self.splits.entry(cluster.to_owned()).or_default().acks_pending = false;
            return;
        }
        let last = self.splits.get(cluster).map(|s| s.winner.clone()).unwrap_or_default();
        let winner = ffsplit(&reports, preference, &last).unwrap_or_default();
        let losers: Vec<ClientId> =
            self.sessions_of(cluster).filter(|(_, s)| !winner.contains(&s.report.node)).map(|(id, _)| id).collect();
        self.splits.insert(cluster.to_owned(), Split { winner, acks_pending: true });
        for id in losers {
            self.send_vote(id, Vote::Nack);
        }
        self.send_acks(cluster);
    }

    fn send_acks(&mut self, cluster: &str) {
        let Some(split) = self.splits.get(cluster) else { return };
        let winner = split.winner.clone();
        let waits = self.sessions_of(cluster).any(|(_, s)| s.unacknowledged && !winner.contains(&s.report.node));
        if !split.acks_pending || waits {
            return;
        }
        let winners: Vec<ClientId> =
            self.sessions_of(cluster).filter(|(_, s)| winner.contains(&s.report.node)).map(|(id, _)| id).collect();
        if let Some(split) = self.splits.get_mut(cluster) {
            split.acks_pending = false;
        }
        for id in winners {
            self.send_vote(id, Vote::Ack);
        }
    }

    fn send_vote(&mut self, id: ClientId, vote: Vote) {
        let Ok(session) = self.session(id) else { return };
        session.sequence = session.sequence.wrapping_add(1);
        session.unacknowledged = true;
        let ring = session.report.membership.as_ref().map(|(ring, _)| *ring);
        let message = Message { vote: Some(vote), ring, ..Message::numbered(Kind::VoteInfo, session.sequence) };
        self.send(id, &message);
    }

    fn vote_acknowledged(&mut self, id: ClientId, sequence: Option<u32>) {
        let Some(cluster) = self.cluster_of(id) else { return };
        let Ok(session) = self.session(id) else { return };
        if sequence != Some(session.sequence) {
            return;
        }
        session.unacknowledged = false;
        if session.algorithm == Algorithm::FfSplit {
            self.send_acks(&cluster);
            return;
        }
        // Whoever waits for this is decided at once.
        for (_, client) in self.clients.iter_mut().filter(|(_, c)| c.cluster.as_ref() == Some(&cluster)) {
            if let Some(session) = client.session.as_mut()
                && session.retry.is_some()
            {
                session.retry = Some(Duration::ZERO);
            }
        }
    }
}
