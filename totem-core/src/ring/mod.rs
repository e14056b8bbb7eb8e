//! The single-ring protocol: one file per state, timers, flow control, retransmission, message store. [TM-7] to [TM-12]
//!
//! A [`Ring`] is useful alone, as a total-order broadcast with membership. It follows the five verbs of this crate:
//! push an input, then drain [`poll_output`](Ring::poll_output) to `None` and read
//! [`poll_timeout`](Ring::poll_timeout) anew.
//!
//! ```
//! use std::time::Duration;
//! use totem_core::ring::{Config, Guarantee, Identity, Output, Ring};
//! use totem_core::wire::NodeId;
//!
//! let identity = Identity { node: NodeId(1), ring_sequence: 0, seed: 0 };
//! let mut ring = Ring::new(Config::default(), identity, Duration::ZERO);
//! ring.handle_interface_up(Duration::ZERO);
//! ring.send(&[b"first words"], Guarantee::Agreed).unwrap();
//!
//! // A lone node forms a ring with itself, without sending a datagram.
//! let mut delivered = Vec::new();
//! let mut now = Duration::ZERO;
//! while delivered.is_empty() {
//!     ring.handle_timeout(now);
//!     while let Some(output) = ring.poll_output() {
//!         match output {
//!             Output::Message(message) => delivered.push(message),
//!             Output::Configuration(change) if change.joined.len() == 1 => ring.handle_synchronized(),
//!             _ => {}
//!         }
//!     }
//!     now = ring.poll_timeout().unwrap().max(now);
//! }
//! assert_eq!(&delivered[0].payload[..], b"first words");
//! ```
//!
//! # Contract of the driver
//!
//! - Outputs are carried out in order; a ring sequence is durable before what follows it leaves the machine.
//! - Multicasts and tokens to the node itself are handed back by the ring; the driver sends to the others only.
//! - Datagrams that waited together are handed in with one `now`, multicasts before tokens where they arrive on
//!   different sockets: that is how stale joins are recognised after a pause, and why a token does not overtake messages.
//! - After each regular [`ConfigurationChange`] the user calls [`Ring::handle_synchronized`] once it is ready for
//!   ordinary messages: until then only what is sent from then on goes out, and older messages wait. [TM-10.4]
//!
//! # What differs from Corosync
//!
//! See the table on the [crate's front page](crate).

mod commit;
mod config;
mod deliver;
mod flow;
mod gather;
mod join;
mod nodes;
mod outbox;
mod output;
mod recovery;
mod seq;
mod status;
mod store;
mod timers;
mod token;
mod transmit;

pub use config::{Config, ConfigError};
pub use output::{ConfigurationChange, ConfigurationKind, GatherReason, Guarantee, Message, Notice, Output};
pub use status::{Counters, Status};

use crate::packing::{Assembly, Packer};
use crate::wire::{Body, Datagram, Header, Kind, MulticastHeader, NodeId, RingId};
use bytes::Bytes;
use outbox::Outbox;
use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use store::Store;
use thiserror::Error;
use timers::{Timer, Timers};

/// Who this member is: what the configuration does not say.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The own node id, not 0.
    pub node: NodeId,
    /// The ring sequence that was last made durable, 0 if none. [TM-8.3]
    pub ring_sequence: u64,
    /// Seed of the random delay before joins.
    pub seed: u64,
}

/// Where the protocol is. [TM-8.1]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum State {
    /// The interface is not up yet, or the node has left.
    Stopped,
    /// A ring is installed and its token rotates.
    Operational,
    /// Nodes exchange lists until they agree.
    Gather,
    /// The commit token collects what each member has of its old ring.
    Commit,
    /// Old-ring messages are exchanged on the new ring.
    Recovery,
}

/// Why a message was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The queue is full: try again when the token has passed.
    #[error("the queue is full ({queued} frames wait for the token)")]
    Busy {
        /// Frames that wait.
        queued: usize,
    },
    /// The message can never be sent.
    #[error("a message of {size} bytes exceeds the limit of {limit} bytes")]
    TooLarge {
        /// Bytes of the message.
        size: usize,
        /// The configured limit.
        limit: usize,
    },
}

/// A member of a ring. [TM-7.2] names its variables.
#[derive(Debug)]
pub struct Ring {
    config: Config,
    me: NodeId,
    now: Duration,
    state: State,
    timers: Timers,
    outputs: Outbox,
    /// Own multicasts and tokens on their way back to this node.
    loopback: VecDeque<Bytes>,
    rng: ChaCha8Rng,
    counters: Counters,

    // membership
    ring: RingId,
    old_ring: RingId,
    old_saved: bool,
    old_aru: u32,
    old_high_seq: u32,
    /// Highest message of the old ring that one of those who come along delivered before it ended.
    old_delivered: u32,
    ring_seq_max: u64,
    proc: Vec<NodeId>,
    failed: Vec<NodeId>,
    memb: Vec<NodeId>,
    new_memb: Vec<NodeId>,
    trans_memb: Vec<NodeId>,
    deliver_memb: Vec<NodeId>,
    leavers: Vec<NodeId>,
    consensus: Vec<NodeId>,
    /// Nodes whose last join said that they run this engine, with the width they take.
    kin: BTreeMap<NodeId, u8>,
    failed_to_recv: bool,
    /// When the driver called last, and when it was last found to have paused.
    last_alive: Duration,
    paused_at: Option<Duration>,
    cannot_form_at: Option<Duration>,

    // message order
    my_aru: u32,
    my_high_seq: u32,
    my_high_delivered: u32,
    last_released: u32,
    my_last_aru: u32,
    my_last_seq: u32,
    my_aru_count: u32,
    my_seq_unchanged: u32,
    my_token_seq: u32,
    /// Every member has every message up to here: the least aru of two successive tokens.
    safe_to: u32,
    token_held: bool,
    discard_tokens: bool,
    originated_token: bool,
    received_flg: bool,
    this_seqno: u32,
    last_token: Option<Duration>,
    regular: Store,
    recovery: Store,
    saved_token: Option<(NodeId, Bytes)>,
    token_target: NodeId,

    // recovery
    install_seq: u32,
    retrans_flg_count: u32,
    rotation_count: u32,
    set_retrans_flg: bool,
    retrans: VecDeque<Bytes>,

    // flow control
    /// What the limits of flow control are multiplied with in this ring.
    width: u32,
    my_trc: u32,
    my_pbl: u32,
    my_cbl: u32,

    // packing
    waiting: bool,
    normal: Packer,
    sync: Packer,
}

impl Ring {
    /// A member that has not started yet: [`handle_interface_up`](Ring::handle_interface_up) starts it. The caller has
    /// [validated](Config::validate) the configuration.
    pub fn new(config: Config, identity: Identity, now: Duration) -> Self {
        let (room, queue) = (config.packet_room(), config.queue_len());
        let store = config.store_limit;
        let limit = config.message_limit;
        Self {
            me: identity.node,
            now,
            state: State::Stopped,
            timers: Timers::default(),
            outputs: Outbox::new(Assembly::new(limit)),
            loopback: VecDeque::new(),
            rng: ChaCha8Rng::seed_from_u64(identity.seed ^ u64::from(identity.node.0)),
            counters: Counters::default(),
            ring: RingId::new(identity.node, identity.ring_sequence),
            old_ring: RingId::default(),
            old_saved: false,
            old_aru: 0,
            old_high_seq: 0,
            old_delivered: 0,
            ring_seq_max: identity.ring_sequence,
            proc: Vec::new(),
            failed: Vec::new(),
            memb: Vec::new(),
            new_memb: Vec::new(),
            trans_memb: Vec::new(),
            deliver_memb: Vec::new(),
            leavers: Vec::new(),
            consensus: Vec::new(),
            kin: BTreeMap::new(),
            failed_to_recv: false,
            last_alive: now,
            paused_at: None,
            cannot_form_at: None,
            my_aru: 0,
            my_high_seq: 0,
            my_high_delivered: 0,
            last_released: 0,
            my_last_aru: 0,
            my_last_seq: 0,
            my_aru_count: 0,
            my_seq_unchanged: 0,
            my_token_seq: u32::MAX,
            safe_to: 0,
            token_held: false,
            discard_tokens: false,
            originated_token: false,
            received_flg: true,
            this_seqno: 0,
            last_token: None,
            regular: Store::new(store),
            recovery: Store::new(store),
            saved_token: None,
            token_target: identity.node,
            install_seq: 0,
            retrans_flg_count: 0,
            rotation_count: 0,
            set_retrans_flg: false,
            retrans: VecDeque::new(),
            width: 1,
            my_trc: 0,
            my_pbl: 0,
            my_cbl: 0,
            waiting: true,
            normal: Packer::new(room, queue),
            sync: Packer::new(room, queue),
            config,
        }
    }

    /// The values the ring runs with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Changes timers and constants of a running ring; running timers keep their old duration, frame size and bounds
    /// stay as they were at the start. [TM-16.3]
    pub fn reconfigure(&mut self, config: Config) {
        let old = std::mem::replace(&mut self.config, config);
        let c = &mut self.config;
        (c.net_mtu, c.store_limit, c.recovery_limit) = (old.net_mtu, old.store_limit, old.recovery_limit);
        (c.queue_bytes, c.message_limit) = (old.queue_bytes, old.message_limit);
    }

    /// The interface is up, or up again, or has changed. [TM-8.2]
    pub fn handle_interface_up(&mut self, now: Duration) {
        self.enter(now);
        if self.state == State::Stopped {
            // the identity of a restarted node never equals a ring it was in [TM-8.3]
            self.ring.seq = self.ring.seq.saturating_add(1);
            self.ring_seq_max = self.ring.seq;
            self.state = State::Operational;
        }
        self.gather(GatherReason::InterfaceChange);
    }

    /// One datagram from the network. Whatever it holds, the ring stays sound: a refusal is counted by its reason.
    pub fn handle_datagram(&mut self, now: Duration, datagram: Bytes) {
        self.enter(now);
        self.receive(datagram);
    }

    /// Time has passed: fires what is due, and hands the node its own messages.
    pub fn handle_timeout(&mut self, now: Duration) {
        self.enter(now);
        // only what is there now: what it causes comes back in the next call
        for _ in 0..self.loopback.len() {
            if let Some(datagram) = self.loopback.pop_front() {
                self.receive(datagram);
            }
        }
        while let Some(timer) = self.timers.expired(now) {
            self.expired(timer);
        }
    }

    /// The next output, in order.
    pub fn poll_output(&mut self) -> Option<Output> {
        self.outputs.pop_front()
    }

    /// When to call [`handle_timeout`](Ring::handle_timeout) at the latest; a time in the past means at once.
    pub fn poll_timeout(&self) -> Option<Duration> {
        if !self.loopback.is_empty() {
            return Some(self.now);
        }
        self.timers.next()
    }

    /// Submits a message, in parts that are laid back to back, to all members.
    ///
    /// # Errors
    /// If it is too large, or the queue has no room for it now.
    pub fn send(&mut self, parts: &[&[u8]], guarantee: Guarantee) -> Result<(), SendError> {
        let size = parts.iter().map(|p| p.len()).sum();
        if size > self.config.message_limit {
            return Err(SendError::TooLarge { size, limit: self.config.message_limit });
        }
        self.cancel_hold();
        let packer = if self.waiting { &mut self.sync } else { &mut self.normal };
        if !packer.has_room(size) {
            return Err(SendError::Busy { queued: packer.len() });
        }
        packer.submit(parts, guarantee);
        self.counters.mcast_tx += 1;
        Ok(())
    }

    /// Whether a message of `size` bytes would be taken now.
    pub fn has_room(&self, size: usize) -> bool {
        if self.waiting { self.sync.has_room(size) } else { self.normal.has_room(size) }
    }

    /// Asks for a token visit soon, although nothing is to be sent yet. [TM-13.3]
    pub fn request_token(&mut self) {
        self.cancel_hold();
    }

    /// Synchronisation after the last regular configuration has ended: ordinary messages flow again. [TM-14.3] step 5
    pub fn handle_synchronized(&mut self) {
        if self.outputs.synchronized() {
            self.waiting = false;
        }
        if !self.normal.is_idle() {
            self.cancel_hold();
        }
    }

    /// Acts as if the token had been lost. [TM-13.3]
    pub fn force_gather(&mut self, now: Duration) {
        self.enter(now);
        if self.state != State::Stopped {
            self.expired(Timer::Token);
        }
    }

    /// Leaves in order: one announcement, no answer is awaited. [TM-8.10]
    pub fn shutdown(&mut self, now: Duration) {
        self.enter(now);
        if self.state == State::Stopped {
            return;
        }
        self.leave();
        self.state = State::Stopped;
        self.timers.clear();
        self.loopback.clear();
    }

    fn enter(&mut self, now: Duration) {
        let now = now.max(self.now);
        if now - self.last_alive > self.config.timers.token / 2 && self.state != State::Stopped {
            self.paused_at = Some(now);
        }
        self.last_alive = now;
        self.now = now;
        if self.timers.is_running(Timer::Pause) {
            self.watch_pause();
        }
    }

    /// The driver is to call again in time for silence not to look like a pause; whatever it calls with counts.
    fn watch_pause(&mut self) {
        self.start(Timer::Pause, self.config.timers.token * 3 / 10);
    }

    fn receive(&mut self, datagram: Bytes) {
        if self.state == State::Stopped {
            return;
        }
        if let Err(e) = self.dispatch(datagram) {
            self.counters.rx_msg_dropped += 1;
            self.counters.refuse(status::reason(&e));
            self.outputs.push_back(Output::Notice(Notice::Refused(e)));
        }
    }

    fn dispatch(&mut self, datagram: Bytes) -> Result<(), crate::wire::WireError> {
        let header = Header::decode(&datagram)?;
        self.counters.received(header.kind);
        if datagram.len() > self.config.datagram_limit {
            return Err(crate::wire::WireError::Oversized { kind: "datagram", have: datagram.len() });
        }
        if header.kind == Kind::Multicast {
            let fields = MulticastHeader::read(&datagram, header.order)?;
            self.on_multicast(header.order, fields, datagram);
            return Ok(());
        }
        match Datagram::decode(datagram)?.body {
            Body::Token(token) => self.on_token(token),
            Body::Join(join) => self.on_join(join, header.nodeid.0 == 0),
            Body::MergeDetect(merge) => self.on_merge_detect(merge),
            Body::CommitToken(token) => self.on_commit_token(token),
            Body::HoldCancel(cancel) => self.on_hold_cancel(cancel),
            Body::Multicast(_) => {}
        }
        Ok(())
    }

    /// Whether a message of `node` is looked at: nodes that the transport does not know belong to another cluster.
    fn is_known(&mut self, node: NodeId) -> bool {
        let known = node == self.me || self.config.nodes.is_empty() || self.config.nodes.contains(&node);
        if !known {
            self.counters.rx_msg_dropped += 1;
            self.counters.refuse("sender is not in the node list");
        }
        known
    }

    fn expired(&mut self, timer: Timer) {
        match timer {
            Timer::Token | Timer::Heartbeat => self.token_lost(),
            Timer::TokenWarning => {
                let ms = self.now.saturating_sub(self.last_token.unwrap_or_default()).as_millis() as u64;
                self.notice(Notice::TokenLate { ms });
                self.start_token_warning();
            }
            Timer::TokenRetransmit => self.retransmit_token(),
            Timer::HoldRetransmit => {
                if matches!(self.state, State::Operational | State::Recovery) {
                    self.resend_token();
                }
            }
            Timer::MergeDetect => self.send_merge_detect(),
            Timer::Join => {
                if matches!(self.state, State::Gather | State::Commit) {
                    self.send_join();
                    self.start(Timer::Join, self.config.timers.join);
                }
            }
            Timer::Consensus => self.consensus_expired(),
            Timer::SendJoin => self.multicast_join(),
            Timer::Pause => self.watch_pause(),
        }
    }

    fn start(&mut self, timer: Timer, after: Duration) {
        self.timers.reset(timer, self.now + after);
    }

    fn notice(&mut self, notice: Notice) {
        self.outputs.push_back(Output::Notice(notice));
    }
}
