//! Group communication without I/O: ring membership, total order, quorum, process groups, links.
//!
//! The Totem single-ring protocol as Corosync 3.1 speaks it, byte for byte, as state machines: a [`member::Member`] is
//! one node of a cluster and a full peer of real daemons; [`ring::Ring`] is the total order and membership alone. Nothing
//! here opens a socket, reads a clock or starts a thread. You bring datagrams, the time, and a place to keep one number;
//! you get ordered messages, configuration changes and quorum, the same on every member. Equal inputs give equal outputs.
//!
//! ```
//! use bytes::Bytes;
//! use std::time::Duration;
//! use totem_core::groups::GroupName;
//! use totem_core::member::{Config, Identity, LinkIx, Member, Output};
//! use totem_core::ring::Guarantee;
//! use totem_core::wire::NodeId;
//!
//! // two nodes, and a "network" that hands every datagram over at once
//! let nodes = [NodeId(1), NodeId(2)];
//! let config = Config::for_nodes(&nodes);
//! let mut now = Duration::ZERO;
//! let mut members: Vec<Member> =
//!     nodes.iter().map(|&n| Member::new(config.clone(), Identity::new(n, 7), now).unwrap()).collect();
//! let group = GroupName::new("greetings").unwrap();
//! for member in &mut members {
//!     member.join(group.clone()).unwrap();
//! }
//!
//! let (mut heard, mut sent) = (Vec::new(), false);
//! while heard.len() < 2 {
//!     for i in 0..2 {
//!         while let Some(output) = members[i].poll_output() {
//!             match output {
//!                 Output::Transmit { to, datagram, .. } => {
//!                     let to = config.peers.iter().position(|p| p.addresses[0] == to).unwrap();
//!                     members[to].handle_datagram(now, LinkIx(0), config.peers[i].addresses[0], datagram);
//!                 }
//!                 // both are in the group, at the same place in the order of messages
//!                 Output::Group(change) if change.members.len() == 2 && !sent => {
//!                     members[i].send(&group, Bytes::from("hello"), Guarantee::Agreed).unwrap();
//!                     sent = true;
//!                 }
//!                 Output::Message { from, payload, .. } => heard.push((from, payload)),
//!                 _ => {}
//!             }
//!         }
//!     }
//!     now = members.iter().filter_map(Member::poll_timeout).min().unwrap().max(now);
//!     for member in &mut members {
//!         if member.poll_timeout().is_some_and(|at| at <= now) {
//!             member.handle_timeout(now);
//!         }
//!     }
//! }
//! assert_eq!(heard[0], heard[1]);
//! ```
//!
//! # The drain rule
//!
//! After every `handle_*` (and every request): take [`poll_output`](member::Member::poll_output) until `None`, in order, then
//! read [`poll_timeout`](member::Member::poll_timeout) anew. An output that must be durable stands before what relies on it.
//!
//! # What differs from Corosync, and why
//!
//! Nothing of this shows on the wire as anything but a legal message.
//!
//! | What | Corosync | Here | Why |
//! |---|---|---|---|
//! | own multicasts and tokens to oneself | travel through a socket | are handed back inside | no system calls, no loss |
//! | token of another ring | may move counters and the release point before it is dropped | is dropped first | a late token must not disturb a ring |
//! | copy of a token already seen | may free messages | does not | a message is freed only when two different tokens showed it everywhere |
//! | join that brings nothing new in the lists | GATHER starts anew | it does not | two nodes that doubt each other's failed lists would answer each other for ever |
//! | join outside GATHER that equals the own lists | may create a commit token at once | waits for GATHER | the agreement was an earlier attempt's |
//! | late message or merge detect of an older ring, by a member of this one | GATHER | ignored | a member cannot be in an older ring any more |
//! | ordinary messages under the id of a ring that was never installed | stored | dropped | they would mix with what is kept of the old ring |
//! | datagrams naming nodes outside the node list, absurd ring sequences | processed | refused and counted | strangers must not disturb a ring |
//! | recovery counters after a failed recovery | keep their values | start at 0 | the next recovery must not be cut short |
//! | messages of synchronisation left in the queue | wait for the next ring change | go first afterwards | nobody can tell, and they arrive |
//! | fragments of both queues | share one numbering | one each | a split message is never continued before its start |
//! | a message half sent when nodes join | is lost to them, with whole messages beside it | is sent again from its start | every member of a configuration delivers the same |
//! | interface change during recovery | old counters are lost | are restored first | as for every other way out of recovery |
//! | pause of the process | waiting datagrams are read and thrown away | joins handed in with the time of waking are dropped | the core has no sockets |
//! | messages marked safe | delivered like agreed ones | delivered when two tokens showed that every member has them, or after the transitional change | what a safe message causes is not lost with a node; nothing of it shows on the wire |
//! | limits of flow control | `window_size` and `max_messages` on every ring | up to 16 times as much where every member's last join was this engine's (four bytes behind its lists, which daemons ignore, say how much the sender takes) and the administrator set neither: what receive buffers hold, and a line carries in a small part of the token timeout | fewer rotations for the same bytes |
//! | sync messages in the other byte order | not understood | understood | nothing lost by it |
//! | change of keys with a full send queue | who is quick forgets the old keys while who is slow still sends with them: a change of membership | a node sends with the new keys once all it reaches do; the old ones go when nobody it reaches uses them | an administrator's reload must not break the ring |
//! | change of keys with `crypto_model: metronome` | (is not known there) | a node changes when all it reaches have announced the same key; the old one stays if one has another, or after 10 s of silence, and ends 10 s after the change | a key file that did not reach one node must not cut it off |
//! | a preferred link that comes back, in passive mode | takes over at once, though its next silence is noticed only after up to ten times the timeout: a link that goes up and down costs rings | takes over when its patience is back to the timeout, 9 s after it went down, unless the others are no better | a second link is there so that one link's faults cost nothing |
//! | a search for the path's MTU that finds less than before | is believed; what is too little for a link makes it unusable until the next search, 30 s later | is made again before it is believed, and again soon while the link is unusable | lost probes look like a path that carries less; a link that answers must not be given up for them |
//! | commit tokens with too many members, or not this node's turn | processed | refused | bad input |
//! | highest expected votes with `expected_votes_tracking` | the file keeps 0, for an error of the daemons | is kept across restarts | as documented |
//! | a quorum device's arbiter | with TLS where the arbiter has it; `tls: required` insists | never with TLS: an arbiter that insists is told so in the log and not used, `tls: required` is refused when the configuration is read | certificates of NSS data bases are not read |
//! | `corosync-notifyd` | names of members by reverse look-up; programs that connect; SNMP and D-Bus | addresses, as with `-n`; the nodes, quorum and links only; `-s`, `-m`, `-d` are refused | no other subsystem is needed |

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

pub mod config;
pub mod groups;
pub mod link;
pub mod member;
pub mod packing;
pub mod quorum;
pub mod ring;
pub mod sync;
pub mod wire;
