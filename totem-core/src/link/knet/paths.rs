//! The state of links and hosts as time passes: silence, the size that passes, reachability [LK-9 to LK-11].

use std::net::SocketAddr;
use std::time::Duration;

use super::{Knet, Output, PATIENCE, Path};
use crate::config::LinkMode;
use crate::link::heartbeat::Change;
use crate::link::mtu::{self, Search, Step};
use crate::link::packet::{self, Body, Packet};
use crate::quorum::Level;
use crate::wire::NodeId;

impl Knet {
    /// Time has passed.
    pub fn handle_timeout(&mut self, now: Duration) {
        let all: Vec<(NodeId, u8)> =
            self.hosts.iter().flat_map(|(id, host)| host.paths.keys().map(|link| (*id, *link))).collect();
        for (id, link) in all {
            let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { continue };
            if path.beats.tick(now) == Change::Down {
                path.search = None;
                self.link_changed(id, link, false);
            }
            let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { continue };
            if path.beats.ping_due(now) {
                self.ping(now, id, link, true);
            }
            self.search_timers(now, id, link);
        }
        self.choose_again();
        self.rekeying_timeout(now);
    }

    /// A link that has been up for long enough is preferred again.
    fn choose_again(&mut self) {
        if self.mode == LinkMode::Passive {
            let other: Vec<NodeId> =
                self.hosts.iter().filter(|(_, h)| h.chosen != h.best()).map(|(id, _)| *id).collect();
            other.into_iter().for_each(|id| self.recompute(id));
        }
    }

    /// When to call [`handle_timeout`](Knet::handle_timeout) at the latest.
    pub fn poll_timeout(&self) -> Option<Duration> {
        let search = |path: &Path| match &path.search {
            Some((_, at)) => *at,
            None if path.beats.connected => path.search_at,
            None => Duration::MAX,
        };
        let paths = self.hosts.values().flat_map(|h| h.paths.values());
        paths.map(|p| p.beats.next().min(search(p))).chain(self.rekeying_deadline()).min()
    }

    /// The next thing to do, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    fn search_timers(&mut self, now: Duration, id: NodeId, link: u8) {
        let overhead = self.slots.overhead();
        let encrypted = self.slots.sending().is_some();
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        if !path.beats.connected || !path.beats.has_pinged() {
            return;
        }
        let step = match &mut path.search {
            None if now >= path.search_at && self.manual_mtu > 0 => {
                Step::Found(overhead.data(self.manual_mtu.saturating_sub(mtu::path_overhead(path.remote.ip()))))
            }
            None if now >= path.search_at => {
                let (search, step) = Search::begin(overhead, path.remote.ip(), path.largest);
                path.search = Some((search, Duration::MAX));
                step
            }
            Some((search, at)) if *at <= now => {
                if encrypted && path.patience < *PATIENCE.end() {
                    path.patience *= 2;
                    search.again()
                } else {
                    search.unanswered()
                }
            }
            _ => return,
        };
        self.search_step(now, id, link, step);
    }

    pub(super) fn handle_reply(&mut self, now: Duration, id: NodeId, link: u8, size: u32) {
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        let Some((search, _)) = path.search.as_mut() else { return };
        let step = if search.size() == size { search.answered() } else { search.unanswered() };
        if path.patience > *PATIENCE.start() {
            path.patience /= 2;
        }
        self.search_step(now, id, link, step);
    }

    fn search_step(&mut self, now: Duration, id: NodeId, link: u8, step: Step) {
        let overhead = self.slots.overhead();
        let encrypted = self.slots.sending().is_some();
        let interval = self.search_interval;
        let manual = self.manual_mtu > 0;
        let Some(path) = self.hosts.get_mut(&id).and_then(|h| h.paths.get_mut(&link)) else { return };
        match step {
            Step::Probe { size, clear } => {
                let patience = if encrypted { path.patience } else { 1 };
                if let Some((_, at)) = path.search.as_mut() {
                    *at = now + path.beats.effective_timeout() * patience;
                }
                let fill = (clear as usize).saturating_sub(packet::PROBE_LEN);
                let body = Body::Probe { link, size: (size as u16).to_le_bytes(), fill };
                let clear = Packet { from: self.me, max_version: packet::VERSION, body }.encode();
                self.transmit(id, link, &clear);
            }
            Step::Found(found) => {
                let valid = found >= overhead.minimum();
                path.search = None;
                // Lost probes look like a path that carries less: it is searched again before that is believed.
                let less = !valid || (path.discovered && found < path.mtu);
                if less && !manual && !std::mem::replace(&mut path.doubted, true) {
                    path.search_at = now + path.beats.effective_timeout();
                    return;
                }
                let old = std::mem::replace(&mut path.mtu, found);
                path.mtu_valid = valid;
                path.discovered = true;
                path.doubted = false;
                path.search_at = now + if valid || manual { interval } else { path.beats.effective_timeout() };
                if old != found {
                    let text = format!("PMTUD link change for host: {id} link: {link} from {old} to {found}");
                    self.log(Level::Info, text);
                }
                self.recompute(id);
            }
            Step::Failed => {
                path.search = None;
                path.search_at = now + interval;
                self.log(
                    Level::Error,
                    "Aborting PMTUD process: Too many attempts. MTU might have changed during discovery.",
                );
                self.recompute(id);
            }
        }
    }

    /// The system reports that packets to this address cannot arrive.
    pub fn handle_transport_error(&mut self, link: u8, remote: SocketAddr) {
        for path in self.hosts.values_mut().filter_map(|h| h.paths.get_mut(&link)) {
            if path.remote.ip() == remote.ip() {
                path.beats.transport_error();
            }
        }
    }

    /// The system refused a datagram as too long; it may have said what would pass.
    pub fn handle_too_long(&mut self, now: Duration, link: u8, remote: SocketAddr, system_mtu: Option<u32>) {
        let found = self.hosts.iter_mut().find_map(|(id, host)| {
            let path = host.paths.get_mut(&link).filter(|p| p.remote == remote)?;
            path.search.as_mut().map(|(search, _)| (*id, search.refused(system_mtu)))
        });
        if let Some((id, step)) = found {
            self.search_step(now, id, link, step);
        }
    }

    pub(super) fn link_changed(&mut self, id: NodeId, link: u8, up: bool) {
        self.outputs.push_back(Output::Link { host: id, link, up });
        let word = if up { "up" } else { "down" };
        self.log(Level::Info, format!("host: {id} link: {link} is {word}"));
        self.recompute(id);
    }

    /// [LK-10.2] for one host, and the fragment size of the node [LK-11.5].
    pub(super) fn recompute(&mut self, id: NodeId) {
        let mode = self.mode;
        let Some(host) = self.hosts.get_mut(&id) else { return };
        host.rotation = host.paths.iter().filter(|(_, path)| path.usable()).map(|(link, _)| *link).collect();
        host.chosen = host.best();
        let reachable = !host.rotation.is_empty();
        let changed = std::mem::replace(&mut host.reachable, reachable) != reachable;
        if !reachable {
            host.window.reset(0);
        }
        let usable = host.rotation.len();
        if changed {
            self.outputs.push_back(Output::Host { host: id, reachable });
            if !reachable {
                self.log(Level::Warning, format!("host: {id} has no active links"));
            }
            self.follow_rekeying();
        }
        if mode != LinkMode::Passive {
            self.log(Level::Info, format!("host: {id} has {usable} active links"));
        } else if let Some(link) = self.hosts.get(&id).and_then(|h| h.chosen) {
            let priority = self.hosts.get(&id).and_then(|h| h.paths.get(&link)).map_or(0, |p| p.priority);
            self.log(Level::Info, format!("host: {id} (passive) best link: {link} (pri: {priority})"));
        }
        let minimum = self.slots.overhead().minimum();
        let of_path = |path: &Path| if path.discovered { path.mtu } else { minimum };
        let paths = self.hosts.values().flat_map(|h| h.paths.values());
        let data_mtu = paths.filter(|p| p.usable()).map(of_path).min().unwrap_or(minimum);
        if data_mtu != self.data_mtu {
            self.data_mtu = data_mtu;
            self.outputs.push_back(Output::DataMtu(data_mtu));
            self.log(Level::Info, format!("Global data MTU changed to: {data_mtu}"));
        }
    }
}
