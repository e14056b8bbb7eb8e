//! Carrying outputs of the parts to each other until all are quiet.

use super::event::Order;
use super::mutation::Ordered;
use super::remote::ToRemote;
use super::wire::{Envelope, Stamp};
use super::{Event, Node, Output, Reply, Writer, stored, translate};
use bytes::Bytes;
use cib_core::cib::Code;
use cib_core::patch;
use cib_core::replica::{self, MemberId, Phase, RequestId};
use policy_core::attributes;
use policy_core::controller::{self, ChangeKind, CibChange, CibWrite, NodeId, Receiver, Report, View, op_status};
use std::net::SocketAddr;
use std::time::Duration;
use totem_core::groups::GroupName;
use totem_core::member::{self, Busy, LinkIx};
use totem_core::ring::{ConfigurationChange, ConfigurationKind, Guarantee};

/// The process group that all nodes of a cluster are in.
const GROUP: &str = "metronome";

impl Node {
    pub(super) fn join_group(&mut self) {
        self.member.join(GroupName::new(GROUP).expect("short enough")).expect("a member joins once");
    }

    /// After an input to the ring alone: most of its datagrams are tokens that pass, and move nothing above it.
    pub(super) fn pump_ring(&mut self, now: Duration) {
        while let Some(output) = self.member.poll_output() {
            match output {
                member::Output::Transmit { link, to, datagram } => self.transmit(link, to, datagram),
                other => {
                    self.on_member(now, other);
                    return self.pump(now);
                }
            }
        }
    }

    /// Until nobody has anything to say any more.
    pub(super) fn pump(&mut self, now: Duration) {
        self.turns += 1;
        loop {
            let mut quiet = true;
            while let Some(output) = self.member.poll_output() {
                quiet = false;
                self.on_member(now, output);
            }
            while let Some(output) = self.replica.poll_output() {
                quiet = false;
                self.on_replica(now, output);
            }
            while let Some(output) = self.controller.poll_output() {
                quiet = false;
                self.on_controller(now, output);
            }
            while let Some(output) = self.attributes.poll_output() {
                quiet = false;
                self.on_attributes(now, output);
            }
            while let Some(output) = self.executor.poll_output() {
                quiet = false;
                self.on_executor(now, output);
            }
            while let Some(output) = self.fencer.poll_output() {
                quiet = false;
                self.on_fencer(now, output);
            }
            if quiet {
                break;
            }
        }
        if let Some(code) = self.ending.take() {
            self.leave(now);
            self.outputs.push_back(Output::Exit { code });
        }
        self.services_wake = self.next_service();
    }

    fn transmit(&mut self, link: LinkIx, to: SocketAddr, datagram: Bytes) {
        self.outputs.push_back(Output::Transmit { link: usize::from(link.0), to, datagram });
    }

    /// Says goodbye to the ring; what that sends goes out before the end.
    fn leave(&mut self, now: Duration) {
        self.member.shutdown(now);
        while let Some(output) = self.member.poll_output() {
            if let member::Output::Transmit { link, to, datagram } = output {
                self.transmit(link, to, datagram);
            }
        }
    }

    fn name_of(&self, id: NodeId) -> String {
        self.names.get(&id).cloned().unwrap_or_else(|| format!("node{id}"))
    }

    /// Changes of the CIB are delivered when every member has them: nobody acknowledges one that could be lost with him.
    pub(super) fn broadcast(&mut self, envelope: &Envelope) {
        let safe = matches!(envelope, Envelope::Cib(_));
        let stamp = Stamp { life: self.config.life, count: self.sent, safe };
        self.sent += 1;
        self.unsent.push_back((stamp, Bytes::from(envelope.encode(stamp))));
        self.flush();
    }

    /// Sends what waits, in order, as far as the ring takes it.
    fn flush(&mut self) {
        let group = GroupName::new(GROUP).expect("short enough");
        while let Some((stamp, payload)) = self.unsent.front() {
            let guarantee = if stamp.safe { Guarantee::Safe } else { Guarantee::Agreed };
            match self.member.send(&group, payload.clone(), guarantee) {
                Ok(()) => {
                    if self.config.observed {
                        let submitted = Order::Submitted { life: stamp.life, count: stamp.count };
                        self.outputs.push_back(Output::Event(Event::Order(submitted)));
                    }
                    self.unsent.pop_front();
                }
                Err(Busy::Synchronising | Busy::Queue { .. }) => return,
                Err(error) => {
                    self.unsent.pop_front();
                    self.tell(Event::Warning(format!("message not sent: {error}")));
                }
            }
        }
    }

    pub(super) fn tell_controller(&mut self, to: NodeId, message: controller::Message) {
        self.broadcast(&Envelope::Controller(Receiver::Node(to), message));
    }

    // --- the ring ----------------------------------------------------------------------------------------------------

    fn on_member(&mut self, now: Duration, output: member::Output) {
        match output {
            member::Output::PersistRingSequence(sequence) => {
                self.outputs.extend(stored::ring_steps(sequence).map(Output::Persist));
            }
            member::Output::Transmit { link, to, datagram } => self.transmit(link, to, datagram),
            member::Output::Configuration(change) => self.configuration(now, &change),
            member::Output::Synchronized(_) => {
                self.coming = None;
                self.returned(now);
                self.quorum_of_cib(now);
                self.show_view(now);
                self.flush();
            }
            member::Output::PersistTracking(votes) => {
                self.outputs.extend(stored::tracking_steps(votes).map(Output::Persist));
            }
            member::Output::Stop => self.ending = Some(1),
            member::Output::Quorum(change) => {
                self.coming = self.coming.filter(|ring| *ring != change.ring);
                self.quorum(now, change.quorate);
            }
            member::Output::Message { from, ring, seq, payload, .. } => {
                for message in self.in_order(Ordered { from: from.0, ring, seq, payload }).into_iter().flatten() {
                    self.ordered(now, message);
                }
            }
            member::Output::Group(change) => self.group_changed(now, &change),
            other => self.outputs.push_back(Output::Member(other)),
        }
    }

    fn ordered(&mut self, now: Duration, message: Ordered) {
        let Ordered { from, ring, seq, payload } = message;
        let Some((stamp, envelope)) = Envelope::decode(&payload) else { return };
        if self.config.observed {
            let Stamp { life, count, safe } = stamp;
            self.tell(Event::Order(Order::Delivered { from, life, count, ring, seq, safe }));
        }
        let invented = self.invented_confirmation(from, &envelope);
        if let Some(envelope) = self.hears(from, envelope) {
            self.receive(now, from, envelope);
        }
        if let Some((from, message)) = invented {
            self.controller.handle_message(now, from, Receiver::Node(self.config.id), message);
        }
    }

    fn receive(&mut self, now: Duration, from: NodeId, envelope: Envelope) {
        match envelope {
            Envelope::Controller(to, message) => self.controller.handle_message(now, from, to, message),
            Envelope::Attributes(message) => self.attributes.handle_message(now, from, message),
            Envelope::Fencer(to, message) => {
                if to.is_none_or(|to| to == self.config.name) {
                    let name = self.name_of(from);
                    self.fencer.handle_message(now, &name, message);
                }
            }
            Envelope::Cib(bytes) => {
                if let Err(error) = self.replica.handle_message(now, MemberId(from), &bytes) {
                    self.tell(Event::Warning(error.to_string()));
                }
            }
        }
    }

    fn configuration(&mut self, now: Duration, change: &ConfigurationChange) {
        if self.config.observed {
            self.tell(Event::Order(Order::Changed(change.clone())));
        }
        if change.kind != ConfigurationKind::Regular {
            self.departed.extend(change.left.iter().map(|node| node.0));
            // what is still delivered of the old ring reaches only those who come along
            self.coming = Some(change.ring);
            return self.quorum_of_cib(now);
        }
        self.ring = Some(change.ring);
        self.ring_text = change.ring.to_string();
        self.members = change.members.iter().map(|n| n.0).collect();
        let members = self.members.iter().map(|&id| self.name_of(id)).collect();
        self.tell(Event::Ring { id: self.ring_text.clone(), members });
    }

    /// Shows the controller the view of this ring, once.
    fn show_view(&mut self, now: Duration) {
        let Some(ring) = self.ring.filter(|_| self.shown != self.ring) else { return };
        self.shown = Some(ring);
        let known = self.members.iter().filter(|&&id| self.knows(id));
        let members = known.map(|&id| (id, self.name_of(id))).collect();
        self.controller.handle_view(now, View { sequence: ring.seq, members, quorate: self.quorate });
    }

    fn quorum(&mut self, now: Duration, quorate: bool) {
        if quorate != self.quorate {
            self.tell(Event::Quorum(quorate));
        }
        self.quorate = quorate;
        self.quorum_of_cib(now);
        if self.shown == self.ring {
            // The verdict on the same ring has changed: votes, devices.
            self.shown = None;
        }
        self.show_view(now);
    }

    /// Where quorum does not matter, changes of the configuration do not wait for it.
    pub(super) fn quorum_of_cib(&mut self, now: Duration) {
        let ignored = self.controller.options().ignores_quorum;
        match self.coming {
            Some(_) => self.replica.handle_parting(now, ignored),
            None => self.replica.handle_quorum(now, self.quorate || ignored),
        }
    }

    /// A number for the present membership of the group: all its members find the same, other memberships have others.
    fn view_number(&self) -> u32 {
        let ring = self.ring.map_or([0, 0], |r| [u64::from(r.rep.0), r.seq]);
        let numbers = ring.into_iter().chain(self.in_group.iter().map(|&id| u64::from(id)));
        // FNV-1a over the numbers.
        let hash = numbers
            .flat_map(u64::to_be_bytes)
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (hash ^ (hash >> 32)) as u32
    }

    /// A node that left and came back in one change has missed what happened in between: it leaves first.
    fn group_changed(&mut self, now: Duration, change: &member::GroupChange) {
        let ids = |of: &[totem_core::groups::Address]| of.iter().map(|m| m.node.0).collect::<Vec<NodeId>>();
        let (members, away, back) = (ids(&change.members), ids(&change.left), ids(&change.joined));
        let left: Vec<NodeId> = self
            .in_group
            .iter()
            .copied()
            .filter(|m| away.contains(m) || back.contains(m) || !members.contains(m))
            .collect();
        self.tell(Event::Group { members: members.clone(), left: away, joined: back });
        self.departed.retain(|m| !left.contains(m));
        if !left.is_empty() {
            let rest = self.in_group.iter().copied().filter(|m| !left.contains(m)).collect();
            self.regroup(now, rest, &[], &left);
        }
        let joined: Vec<NodeId> = members.iter().copied().filter(|m| !self.in_group.contains(m)).collect();
        if !joined.is_empty() {
            self.regroup(now, members, &joined, &[]);
        }
    }

    /// Who left the ring and came back before the services had synchronised without it is in the group as if nothing had happened;
    /// but the two sides have heard different messages in between, and the other one may have seen us leave: it leaves and joins.
    fn returned(&mut self, now: Duration) {
        let departed = std::mem::take(&mut self.departed);
        let all = self.in_group.clone();
        let (back, rest): (Vec<NodeId>, Vec<NodeId>) = all.iter().partition(|m| departed.contains(m));
        if !back.is_empty() {
            self.regroup(now, rest, &[], &back);
            self.regroup(now, all, &back, &[]);
        } else if self.compared != self.ring && !self.in_group.is_empty() {
            // Others may have lost each other where this node lost nobody: in a new ring all compare their copies.
            self.compare_copies(now);
        }
    }

    fn compare_copies(&mut self, now: Duration) {
        self.compared = self.ring;
        let peers: Vec<MemberId> = self.in_group.iter().map(|&m| MemberId(m)).collect();
        let view = replica::View { number: self.view_number(), sequence: self.ring.map_or(1, |r| r.seq) };
        self.replica.handle_view(now, view, &peers);
    }

    fn regroup(&mut self, now: Duration, members: Vec<NodeId>, joined: &[NodeId], left: &[NodeId]) {
        self.in_group = members;
        self.in_group.sort_unstable();
        self.compare_copies(now);
        let named: Vec<(NodeId, String)> = joined.iter().map(|&id| (id, self.name_of(id))).collect();
        self.attributes.handle_group(now, &named, left);
        let names: Vec<String> = self.in_group.iter().map(|&id| self.name_of(id)).collect();
        self.fencer.handle_peers(now, names.iter().map(String::as_str));
        let known = |ids: &[NodeId]| ids.iter().copied().filter(|&id| self.knows(id)).collect::<Vec<_>>();
        let (joined, left) = (known(joined), known(left));
        self.controller.handle_group(now, &joined, &left);
    }

    // --- the CIB -----------------------------------------------------------------------------------------------------

    pub(super) fn write_cib(&mut self, now: Duration, writer: Writer, writes: &[CibWrite]) {
        let Some(request) = CibWrite::to_request(writes) else { return self.written(now, writer, true) };
        self.next_request += 1;
        let id = RequestId(self.next_request);
        self.writing.insert(id.0, writer);
        let client = if matches!(writer, Writer::Client(_)) { "crm" } else { super::OWN_CLIENT };
        self.replica.handle_request(now, id, request.from(&self.config.name, client));
    }

    fn written(&mut self, now: Duration, writer: Writer, ok: bool) {
        match writer {
            Writer::Controller(call) => self.controller.handle_written(now, call, ok),
            Writer::Attributes(call) => self.attributes.handle_written(now, call, ok),
            Writer::Client(0) => {}
            Writer::Client(number) => self.tell(Event::Acknowledged { number, ok }),
            Writer::Tool(number) => {
                let result = if ok { Ok(()) } else { Err(Code::Error) };
                self.outputs.push_back(Output::Reply { number, reply: Reply::Cib { result, output: None } });
            }
        }
    }

    fn on_replica(&mut self, now: Duration, output: replica::Output) {
        match output {
            replica::Output::Broadcast(bytes) => self.broadcast(&Envelope::Cib(bytes)),
            replica::Output::Persist(step) => self.outputs.push_back(Output::Persist(step)),
            replica::Output::Changed(changed) => self.cib_changed(now, &changed),
            replica::Output::Reply { id, result, output } => {
                if let Some(&Writer::Tool(number)) = self.writing.get(&id.0) {
                    self.writing.remove(&id.0);
                    let reply = Reply::Cib { result, output };
                    return self.outputs.push_back(Output::Reply { number, reply });
                }
                if let Err(code) = &result {
                    self.tell(Event::Warning(format!("CIB write refused: {}", code.text())));
                }
                if let Some(writer) = self.writing.remove(&id.0) {
                    self.written(now, writer, result.is_ok());
                }
            }
            replica::Output::Synchronized { version, owner } => {
                self.tell(Event::Synchronized {
                    version: version.to_string(),
                    owner: owner.map(|m| self.name_of(m.0)),
                });
                self.synchronized(now);
            }
            replica::Output::Diverged { member, version } => {
                self.tell(Event::Warning(format!(
                    "the CIB of {} differs at version {version}",
                    self.name_of(member.0)
                )));
            }
            _ => {}
        }
    }

    fn cib_changed(&mut self, now: Duration, changed: &replica::Changed) {
        self.cib_changes += 1;
        let doc = self.replica.cib().document();
        match &changed.patch {
            Some(patch) => {
                let changes: Vec<CibChange> = patch.changes().filter_map(|c| change_of(patch, &c)).collect();
                self.controller.handle_cib(now, doc, &changes, Some(patch.document()));
            }
            None => self.controller.handle_cib(now, doc, &[], None),
        }
        if changed.configuration {
            self.configure_fencer(now);
            self.quorum_of_cib(now);
        }
    }

    /// Copies are equal: who waited for that goes on.
    fn synchronized(&mut self, now: Duration) {
        if let Some(call) = self.syncing.take() {
            self.controller.handle_synced(now, call, true);
        }
    }

    // --- controller and attributes -----------------------------------------------------------------------------------

    fn on_controller(&mut self, now: Duration, output: controller::Output) {
        match output {
            controller::Output::Send { to, message } => self.broadcast(&Envelope::Controller(to, message)),
            controller::Output::Write { call, writes } => self.write_cib(now, Writer::Controller(call), &writes),
            controller::Output::SyncCib { call, .. } => {
                // The replicas bring themselves to the newest copy after each membership change.
                if self.replica.phase() == Phase::Synchronized {
                    self.controller.handle_synced(now, call, true);
                } else {
                    self.syncing = Some(call);
                }
            }
            controller::Output::Schedule(request) => self.schedule(now, &request),
            controller::Output::Execute(operation) => self.execute(now, &operation),
            controller::Output::Cancel { remote: Some(remote), resource, task, interval_ms, .. } => {
                self.tell_remote(&remote, &ToRemote::Cancel { resource, task, interval_ms });
            }
            controller::Output::Cancel { remote: None, call, resource, task, interval_ms } => {
                if self.executor.cancel(now, &resource, &task, interval_ms).is_err() {
                    // It has nothing to cancel, and will say no more.
                    let report = Report { op_status: op_status::CANCELLED, ..Report::default() };
                    self.controller.handle_report(now, call, report);
                }
            }
            controller::Output::Unregister { remote: Some(remote), resource } => {
                self.tell_remote(&remote, &ToRemote::Unregister { resource });
            }
            controller::Output::Unregister { remote: None, resource } => {
                self.executor.unregister(now, &resource);
            }
            controller::Output::AskAgent { agent, remote } => self.ask_agent(now, agent, remote),
            controller::Output::Remote { remote, command } => self.command_remote(now, &remote, command),
            controller::Output::SyncFencing => self.fencer.synchronize(now),
            controller::Output::Attribute(request) => {
                // Requests of the controller name existing or new attributes, so they are never refused.
                let _ = self.attributes.request(request);
            }
            controller::Output::Fence(request) if self.recovers_unfenced(now, &request) => {}
            controller::Output::Fence(request) => {
                let request = translate::fencing(&request, &self.config.name);
                self.fencer.request(now, request);
            }
            controller::Output::Alert { to, alert } => {
                let moment = translate::moment(self.config.epoch + now);
                self.executor.alert(now, &translate::alert_target(&to), &translate::alert_event(&alert), moment);
                self.tell(Event::Alert { path: to.path, recipient: to.recipient });
            }
            controller::Output::Log(event) => self.tell(Event::Controller(event)),
            controller::Output::Exit { code } => self.ending = Some(code),
            controller::Output::Panic => self.outputs.push_back(Output::Reset),
        }
    }

    fn on_attributes(&mut self, now: Duration, output: attributes::Output) {
        match output {
            attributes::Output::Broadcast(message) => self.broadcast(&Envelope::Attributes(message)),
            attributes::Output::Write { call, writes } => self.write_cib(now, Writer::Attributes(call), &writes),
            attributes::Output::Written { name, node, value } => {
                self.controller.handle_attribute_written(&node, &name, value.as_deref());
            }
            attributes::Output::Answered { ticket, in_time } => {
                self.tell(Event::Acknowledged { number: ticket, ok: in_time });
            }
            attributes::Output::Changed { name, node, old, new } => {
                self.tell(Event::Attribute { name, node, old, new })
            }
        }
    }
}

fn change_of(patch: &patch::Patch, change: &patch::Change<'_>) -> Option<CibChange> {
    let doc = patch.document();
    let (kind, object) = match change.operation? {
        patch::Operation::Create => (ChangeKind::Create, doc.children(change.node).next()),
        patch::Operation::Modify => {
            (ChangeKind::Modify, doc.child(change.node, "change-result").and_then(|r| doc.children(r).next()))
        }
        patch::Operation::Delete => (ChangeKind::Delete, None),
        patch::Operation::Move => (ChangeKind::Move, None),
    };
    Some(CibChange { kind, path: change.path.to_owned(), object })
}
