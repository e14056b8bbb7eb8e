//! How the arbiter's decisions reach its clients: losers first, winners when every loser has confirmed [QG-4.6, QG-4.7].

use std::time::Duration;

use super::server::{Session, Split};
use super::{Algorithm, Arbiter, ClientId, Kind, LmsResult, Message, Report, Vote, ffsplit, is_stable, lms};

/// Last man standing.
impl Arbiter {
    pub(super) fn decide_lms(&mut self, now: Duration, id: ClientId) -> Vote {
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
    pub(super) fn revoke_elsewhere(&mut self, id: ClientId, cluster: &str) -> bool {
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
}

/// Even splits, and what both share.
impl Arbiter {
    pub(super) fn cluster_of(&self, id: ClientId) -> Option<String> {
        self.clients.iter().find(|(other, _)| *other == id).and_then(|(_, c)| c.cluster.clone())
    }

    /// Decides after a message; the answer to the message itself says nothing yet, votes follow on their own.
    pub(super) fn split_after(&mut self, id: ClientId) -> Vote {
        let Some(cluster) = self.cluster_of(id) else { return Vote::NoChange };
        if self.stable(&cluster) { Vote::NoChange } else { Vote::WaitForReply }
    }

    pub(super) fn flush_split(&mut self, id: ClientId) {
        if let (Some(cluster), Ok(session)) = (self.cluster_of(id), self.session(id))
            && session.algorithm == Algorithm::FfSplit
        {
            self.run_split(&cluster);
        }
    }

    pub(super) fn sessions_of<'a>(&'a self, cluster: &'a str) -> impl Iterator<Item = (ClientId, &'a Session)> {
        self.clients
            .iter()
            .filter(move |(_, c)| c.cluster.as_deref() == Some(cluster))
            .filter_map(|(id, c)| Some((*id, c.session.as_ref()?)))
    }

    pub(super) fn stable(&self, cluster: &str) -> bool {
        is_stable(&self.sessions_of(cluster).map(|(_, s)| s.report.clone()).collect::<Vec<_>>())
    }

    /// Chooses the winner and begins to tell: losers first, winners when every loser has confirmed.
    pub(super) fn run_split(&mut self, cluster: &str) {
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

    pub(super) fn send_acks(&mut self, cluster: &str) {
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

    pub(super) fn send_vote(&mut self, id: ClientId, vote: Vote) {
        let Ok(session) = self.session(id) else { return };
        session.sequence = session.sequence.wrapping_add(1);
        session.unacknowledged = true;
        let ring = session.report.membership.as_ref().map(|(ring, _)| *ring);
        let message = Message { vote: Some(vote), ring, ..Message::numbered(Kind::VoteInfo, session.sequence) };
        self.send(id, &message);
    }

    pub(super) fn vote_acknowledged(&mut self, id: ClientId, sequence: Option<u32>) {
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
