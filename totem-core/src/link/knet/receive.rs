//! Datagrams as they come in: who sent them, whether they may, and what they say [LK-5].

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;

use super::{Knet, Output, Path, TARGET};
use crate::link::crypto::{Opened, Refused};
use crate::link::heartbeat::Change;
use crate::link::packet::{self, Body, Data, Heartbeat, Packet};
use crate::link::sealed::{CHALLENGE, Envelope, Kind};
use crate::link::sentry::Verdict;
use crate::quorum::Level;
use crate::wire::NodeId;

impl Knet {
    /// One datagram from the socket of some link. Whatever is wrong with it, nothing but a counter changes.
    pub fn handle_datagram(&mut self, now: Duration, from: SocketAddr, datagram: &Bytes) {
        let (envelope, clear, slot) = match self.slots.open(datagram) {
            Ok((Opened::Stock(clear), slot)) => (None, clear, slot),
            Ok((Opened::Own(envelope, clear), slot)) => (Some(envelope), clear, slot),
            Err(Refused::Altered) => return self.refusals.unauthenticated += 1,
            Err(Refused::OtherKey) => return self.refusals.other_key += 1,
        };
        if let Some(envelope) = &envelope
            && !self.admit(now, from.ip(), envelope, &clear)
        {
            return;
        }
        let packet = match Packet::decode(&clear) {
            Ok(packet) if envelope.is_none_or(|e| e.from == packet.from) => packet,
            _ => return self.refusals.malformed += 1,
        };
        let id = packet.from;
        let Some(link) = self.link_of(&packet, from.ip()).filter(|link| envelope.is_none_or(|e| e.link == *link))
        else {
            return self.refusals.unlisted += 1;
        };
        self.heard_under(id, slot);
        match packet.body {
            Body::Ping(beat) => {
                let Some(host) = self.hosts.get_mut(&id) else { return };
                host.window.ping(beat.sequence, beat.timed);
                let pong = packet::pong_to(&clear, self.me);
                self.transmit(id, link, &pong);
            }
            Body::Pong(beat) => self.handle_pong(now, id, link, &beat),
            Body::Probe { .. } => {
                let reply = packet::reply_to(&clear, self.me);
                self.transmit(id, link, &reply);
            }
            Body::ProbeReply { size, .. } => self.handle_reply(now, id, link, u16::from_le_bytes(size).into()),
            Body::Data(data) => self.handle_data(id, &data),
        }
    }

    /// Judges a packet that was sealed in the own way: true if it is for this node, from where its sender may send, and
    /// news. Challenges and answers end here [LK-25].
    fn admit(&mut self, now: Duration, source: IpAddr, envelope: &Envelope, clear: &Bytes) -> bool {
        if envelope.to.0 != 0 && envelope.to != self.me {
            self.refusals.misdirected += 1;
            return false;
        }
        let (id, link) = (envelope.from, envelope.link);
        let path = self.hosts.get(&id).and_then(|host| host.paths.get(&link));
        if !path.is_some_and(|path| path.remote.ip() == source || !self.block_unlisted) {
            self.refusals.unlisted += 1;
            return false;
        }
        let value = <[u8; CHALLENGE]>::try_from(&clear[..]);
        match (envelope.kind, value) {
            (Kind::Packet, _) => match self.sentry.admit(now, envelope, &mut self.random) {
                Verdict::Fresh => return true,
                Verdict::Replayed => self.refusals.replayed += 1,
                Verdict::Unproven(challenge) => {
                    self.refusals.unproven += 1;
                    if let Some(value) = challenge {
                        self.transmit_proof(id, link, Kind::Challenge, &value);
                    }
                }
            },
            (Kind::Challenge, Ok(_)) if self.sentry.is_over(id, envelope.boot) => self.refusals.replayed += 1,
            (Kind::Challenge, Ok(value)) => {
                self.transmit_proof(id, link, Kind::Answer, &value);
                if let Some(own) = self.sentry.challenge_of(now, id, envelope.boot, &mut self.random) {
                    self.transmit_proof(id, link, Kind::Challenge, &own);
                }
            }
            (Kind::Answer, Ok(value)) if self.sentry.answered(now, envelope, &value) => {
                if let Some(host) = self.hosts.get_mut(&id) {
                    host.window.reset(0);
                }
                self.log(Level::Info, format!("host: {id} has proven its start {:016x}", envelope.boot));
            }
            // An answer that nobody waits for any longer.
            (Kind::Answer, Ok(_)) => self.refusals.replayed += 1,
            (Kind::Challenge | Kind::Answer, Err(_)) => self.refusals.malformed += 1,
        }
        false
    }

    /// The link that a packet belongs to: by the number it carries and its source, or by its source alone [LK-5].
    fn link_of(&self, packet: &Packet, source: IpAddr) -> Option<u8> {
        let host = self.hosts.get(&packet.from)?;
        let listed = |path: &Path| path.remote.ip() == source || !self.block_unlisted;
        match &packet.body {
            Body::Ping(Heartbeat { link, .. })
            | Body::Pong(Heartbeat { link, .. })
            | Body::Probe { link, .. }
            | Body::ProbeReply { link, .. } => host.paths.get(link).filter(|path| listed(path)).map(|_| *link),
            Body::Data(_) => host.paths.iter().find(|(_, path)| path.remote.ip() == source).map(|(link, _)| *link),
        }
    }

    fn handle_pong(&mut self, now: Duration, id: NodeId, link: u8, beat: &Heartbeat) {
        let half = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&beat.time[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let stamp = Duration::from_secs(half(0)).saturating_add(Duration::from_nanos(half(8)));
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        // Only a stamp that was sent on this link counts: a recorded pong cannot keep a dead link up for long.
        if !path.stamps.contains(&stamp) {
            self.refusals.forged_pongs += 1;
            return;
        }
        if path.beats.pong(now, now.saturating_sub(stamp)) == Change::Up {
            path.discovered = false;
            path.doubted = false;
            path.mtu_valid = true;
            path.search = None;
            path.search_at = now;
            self.link_changed(id, link, true);
        }
    }

    fn handle_data(&mut self, id: NodeId, data: &Data) {
        let Some(host) = self.hosts.get_mut(&id) else { return };
        if !host.reachable {
            self.refusals.early += 1;
            return;
        }
        let Some(whole) = host.window.take(data) else { return };
        if whole.compress != 0 {
            self.refusals.compressed += 1;
            // Said ever more rarely: a peer that compresses does so with every message.
            if self.refusals.compressed.is_power_of_two() {
                let text = format!("Received packet with unknown compress model {}", whole.compress);
                self.log(Level::Error, text);
            }
            return;
        }
        let target = whole.message.get(TARGET).map_or(0, |b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]));
        if whole.channel != 0 || (target != 0 && target != self.me.0) {
            self.refusals.misdirected += 1;
            return;
        }
        host.window.mark_delivered(data.sequence);
        self.outputs.push_back(Output::Deliver(whole.message));
    }
}
