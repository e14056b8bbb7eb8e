//! Messages on their way out: fragments, protection, and the links they take [LK-12].

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use rand::Rng;

use super::{FORCED_PING, Knet, Output, STAMPS, TARGET};
use crate::config::LinkMode;
use crate::link::crypto::Guard;
use crate::link::packet::{self, Body, Data, Heartbeat, Packet};
use crate::link::sealed::{CHALLENGE, Envelope, Kind};
use crate::link::window::{MAX_FRAGMENTS, MAX_MESSAGE};
use crate::wire::NodeId;

/// Everybody, as a receiver.
const ALL: NodeId = NodeId(0);

impl Knet {
    /// Sends a message of the ring: to one host, or to all that can be reached. What goes to oneself is delivered.
    pub fn send(&mut self, now: Duration, to: Option<NodeId>, message: &Bytes) {
        let mut message = BytesMut::from(&message[..]);
        if message.len() >= TARGET.end {
            message[TARGET].copy_from_slice(&to.map_or(0, |node| node.0).to_le_bytes());
        }
        let message = message.freeze();
        if to == Some(self.me) {
            self.outputs.push_back(Output::Deliver(message));
            return;
        }
        let wanted = |id: &NodeId| to.is_none_or(|node| node == *id);
        let targets: Vec<NodeId> =
            self.hosts.iter().filter(|(id, host)| wanted(id) && host.reachable).map(|(id, _)| *id).collect();
        if targets.is_empty() || message.is_empty() || message.len() > MAX_MESSAGE {
            return;
        }
        self.sequence = self.sequence.checked_add(1).unwrap_or(1);
        if self.sequence.is_multiple_of(FORCED_PING) {
            self.ping_everywhere(now);
        }
        let packets = self.fragments(&message, to.is_none());
        // As the original protects packets, all hosts and links get the same bytes; in its own way each link has its own.
        let mut sealed: BTreeMap<u8, Vec<Bytes>> = BTreeMap::new();
        let by_link = matches!(self.slots.sending(), Some(Guard::Own(_)));
        for id in targets {
            for link in self.links_to(id) {
                let Some(remote) = self.hosts.get(&id).and_then(|h| h.paths.get(&link)).map(|p| p.remote) else {
                    continue;
                };
                let datagrams = sealed.entry(if by_link { link } else { 0 }).or_insert_with(|| {
                    packets.iter().map(|clear| self.seal(to.unwrap_or(ALL), link, Kind::Packet, clear)).collect()
                });
                for datagram in datagrams.iter() {
                    self.outputs.push_back(Output::Transmit { link, to: remote, datagram: datagram.clone() });
                }
            }
        }
    }

    fn fragments(&self, message: &Bytes, broadcast: bool) -> Vec<Bytes> {
        let unit = (self.data_mtu as usize).max(MAX_MESSAGE.div_ceil(MAX_FRAGMENTS.into()));
        let count = message.len().div_ceil(unit);
        (0..count)
            .map(|n| {
                let data = Data {
                    sequence: self.sequence,
                    compress: 0,
                    broadcast,
                    fragments: count as u8,
                    fragment: if count == 1 { 0 } else { n as u8 + 1 },
                    channel: 0,
                    payload: message.slice(n * unit..((n + 1) * unit).min(message.len())),
                };
                Packet { from: self.me, max_version: packet::VERSION, body: Body::Data(data) }.encode()
            })
            .collect()
    }

    /// Protects what goes over a link to one host, or to all.
    fn seal(&mut self, to: NodeId, link: u8, kind: Kind, clear: &Bytes) -> Bytes {
        match self.slots.sending() {
            None => clear.clone(),
            Some(Guard::Stock(protection)) => {
                let mut salt = [0; 16];
                self.random.fill_bytes(&mut salt);
                protection.seal(clear, &salt)
            }
            Some(Guard::Own(_)) => {
                let (boot, number) = self.sentry.number(link, &mut self.random);
                let envelope = Envelope { kind, from: self.me, to, link, boot, number };
                self.slots.seal_own(&envelope, clear).unwrap_or_default()
            }
        }
    }

    /// The links over which the next message to a host goes [LK-10.2].
    pub(super) fn links_to(&mut self, id: NodeId) -> Vec<u8> {
        let mode = self.mode;
        let Some(host) = self.hosts.get_mut(&id) else { return Vec::new() };
        match mode {
            LinkMode::Passive => host.chosen.into_iter().collect(),
            LinkMode::Active => host.paths.iter().filter(|(_, path)| path.usable()).map(|(link, _)| *link).collect(),
            LinkMode::RoundRobin => {
                let next = host.rotation.pop_front();
                host.rotation.extend(next);
                next.into_iter().collect()
            }
        }
    }

    /// A packet about one link goes over that link, whatever its state.
    pub(super) fn transmit(&mut self, id: NodeId, link: u8, clear: &Bytes) {
        self.transmit_kind(id, link, Kind::Packet, clear);
    }

    fn transmit_kind(&mut self, id: NodeId, link: u8, kind: Kind, clear: &Bytes) {
        let Some(to) = self.hosts.get(&id).and_then(|h| h.paths.get(&link)).map(|p| p.remote) else { return };
        let datagram = self.seal(id, link, kind, clear);
        self.outputs.push_back(Output::Transmit { link, to, datagram });
    }

    /// Asks a host to prove that it is there now, or proves it to the host. Only the own way of protection has these.
    pub(super) fn transmit_proof(&mut self, id: NodeId, link: u8, kind: Kind, value: &[u8; CHALLENGE]) {
        if matches!(self.slots.sending(), Some(Guard::Own(_))) {
            self.transmit_kind(id, link, kind, &Bytes::copy_from_slice(value));
        }
    }

    pub(super) fn ping(&mut self, now: Duration, id: NodeId, link: u8, timed: bool) {
        let sequence = self.sequence;
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        path.stamps.push_back(now);
        if path.stamps.len() > STAMPS {
            path.stamps.pop_front();
        }
        let mut time = [0; 16];
        time[..8].copy_from_slice(&now.as_secs().to_le_bytes());
        time[8..].copy_from_slice(&u64::from(now.subsec_nanos()).to_le_bytes());
        let body = Body::Ping(Heartbeat { link, time, sequence, timed });
        let clear = Packet { from: self.me, max_version: packet::VERSION, body }.encode();
        self.transmit(id, link, &clear);
    }

    fn ping_everywhere(&mut self, now: Duration) {
        let all: Vec<(NodeId, u8)> =
            self.hosts.iter().flat_map(|(id, host)| host.paths.keys().map(|link| (*id, *link))).collect();
        for (id, link) in all {
            self.ping(now, id, link, false);
        }
    }
}
