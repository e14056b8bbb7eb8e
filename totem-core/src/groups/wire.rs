//! The messages of process groups [QG-5.4].

use bytes::Bytes;
use smallvec::SmallVec;

use super::GroupName;
use super::name::MAX_NAME;
use crate::sync::{Outgoing, ServiceId};
use crate::wire::{ByteOrder, MAX_NODES, NodeId, Reader, WireError};

/// Bytes of a group name on the wire.
const NAME_LEN: usize = 136;
/// Bytes of one entry of a join list.
const ENTRY_LEN: usize = 144;
/// Where the entries of a join list begin: its header is longer than that of all others.
const ENTRIES: usize = 24;
/// Where the bytes of a message begin.
const MULTICAST_LEN: usize = 184;
/// Where the bytes of a part begin.
const PART_LEN: usize = 200;
/// What stands behind the executive header; that of a user's message needs no allocation.
type Body = SmallVec<[u8; 256]>;
/// Bytes of a down list.
const DOWN_LIST_LEN: usize = 32 + 4 * MAX_NODES;

/// Why a process is in a list of a configuration change [QG-5.1].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    /// In a list of members.
    None,
    /// By its own request.
    Join,
    /// By its own request.
    Leave,
    /// Its node did not come along.
    NodeDown,
    /// Its node came into the ring with it.
    NodeUp,
    /// It ended without leaving.
    ProcessDown,
    /// A number that this version does not know, passed on.
    Unknown(u32),
}

impl Reason {
    /// The number on the wire and at clients.
    pub fn number(self) -> u32 {
        match self {
            Reason::None => 0,
            Reason::Join => 1,
            Reason::Leave => 2,
            Reason::NodeDown => 3,
            Reason::NodeUp => 4,
            Reason::ProcessDown => 5,
            Reason::Unknown(number) => number,
        }
    }

    fn from_number(number: u32) -> Reason {
        match number {
            0 => Reason::None,
            1 => Reason::Join,
            2 => Reason::Leave,
            3 => Reason::NodeDown,
            4 => Reason::NodeUp,
            5 => Reason::ProcessDown,
            other => Reason::Unknown(other),
        }
    }
}

/// Which part of a large message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Drops whatever was unfinished.
    First,
    /// Appended.
    Continued,
    /// Appended, and the message is complete.
    Last,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Function 0.
    Join {
        /// The group.
        group: GroupName,
        /// Process id on the sender's node.
        pid: u32,
    },
    /// Function 1.
    Leave {
        /// The group.
        group: GroupName,
        /// Process id on the sender's node.
        pid: u32,
        /// By request, or because the process ended.
        reason: Reason,
    },
    /// Function 2: all processes of the sender's node.
    JoinList(Vec<(u32, GroupName)>),
    /// Function 3.
    Multicast {
        /// The group.
        group: GroupName,
        /// Process id of the sender.
        pid: u32,
        /// Node id and token of the sender's connection; the token means nothing to anybody else.
        source: (NodeId, u64),
        /// What was sent.
        payload: Bytes,
    },
    /// Function 4: ignored.
    OldDownList,
    /// Function 5: who is missing, as the sender sees it. Nobody acts on it.
    DownList {
        /// Members of the last completed round.
        old_members: u32,
        /// Those of them that did not come along.
        left: Vec<NodeId>,
    },
    /// Function 6.
    Partial {
        /// The group.
        group: GroupName,
        /// Process id of the sender.
        pid: u32,
        /// As in a whole message.
        source: (NodeId, u64),
        /// Bytes of the whole message.
        total: u32,
        /// Which part this is.
        part: Part,
        /// Bytes of the part.
        payload: Bytes,
    },
}

fn group_name(r: &Reader<'_>, data: &[u8], at: usize) -> Result<GroupName, WireError> {
    r.need(at + NAME_LEN)?;
    let len = r.count(at, MAX_NAME)?;
    let wrong = WireError::TooMany { kind: "cpg group name", found: len as u32 };
    GroupName::new(&data[at + 8..at + 8 + len]).map_err(|_| wrong)
}

fn source(r: &Reader<'_>, at: usize) -> Result<(NodeId, u64), WireError> {
    Ok((r.node(at)?, r.u64(at + 8)?))
}

fn tail(r: &Reader<'_>, data: &Bytes, at: usize, len: usize) -> Result<Bytes, WireError> {
    r.need(at.saturating_add(len))?;
    Ok(data.slice(at..at + len))
}

impl Message {
    /// Reads the structure of function `function`; offsets count from the executive header.
    ///
    /// # Errors
    /// If it is cut off, a count is above its limit, or the function is unknown.
    pub fn decode(function: u16, data: &Bytes, order: ByteOrder) -> Result<Message, WireError> {
        match function {
            0 | 1 => {
                let r = Reader::new(data, order, "cpg process", 164)?;
                let (group, pid) = (group_name(&r, data, 16)?, r.u32(152)?);
                if function == 0 {
                    return Ok(Message::Join { group, pid });
                }
                Ok(Message::Leave { group, pid, reason: Reason::from_number(r.u32(160)?) })
            }
            2 => decode_join_list(data, order),
            3 => {
                let r = Reader::new(data, order, "cpg multicast", MULTICAST_LEN)?;
                let payload = tail(&r, data, MULTICAST_LEN, r.u32(152)? as usize)?;
                let (group, pid) = (group_name(&r, data, 16)?, r.u32(160)?);
                Ok(Message::Multicast { group, pid, source: source(&r, 168)?, payload })
            }
            4 => Ok(Message::OldDownList),
            5 => {
                let r = Reader::new(data, order, "cpg downlist", 32)?;
                let count = r.count(24, MAX_NODES)?;
                r.need(32 + 4 * count)?;
                Ok(Message::DownList { old_members: r.u32(16)?, left: r.nodes(32, count)? })
            }
            6 => {
                let r = Reader::new(data, order, "cpg partial multicast", PART_LEN)?;
                let part = match r.u32(176)? {
                    1 => Part::First,
                    2 => Part::Continued,
                    3 => Part::Last,
                    found => return Err(WireError::TooMany { kind: "cpg partial multicast", found }),
                };
                let payload = tail(&r, data, PART_LEN, r.u32(160)? as usize)?;
                let (group, pid, total) = (group_name(&r, data, 16)?, r.u32(168)?, r.u32(152)?);
                Ok(Message::Partial { group, pid, source: source(&r, 184)?, total, part, payload })
            }
            found => Err(WireError::Function { service: ServiceId::CPG.0, found, count: 7 }),
        }
    }

    /// The function number.
    pub fn function(&self) -> u16 {
        match self {
            Message::Join { .. } => 0,
            Message::Leave { .. } => 1,
            Message::JoinList(_) => 2,
            Message::Multicast { .. } => 3,
            Message::OldDownList => 4,
            Message::DownList { .. } => 5,
            Message::Partial { .. } => 6,
        }
    }

    /// The structure, ready to be multicast; what a user sent is not copied. Down lists and join lists go out while
    /// services synchronise, everything else waits for the end of it.
    pub fn encode(&self) -> Outgoing {
        let mut body = Body::new();
        let mut payload = Bytes::new();
        let mut in_sync = false;
        match self {
            Message::Join { group, pid } => put_process(&mut body, group, *pid, Reason::Join),
            Message::Leave { group, pid, reason } => put_process(&mut body, group, *pid, *reason),
            Message::JoinList(entries) => {
                in_sync = true;
                body.extend_from_slice(&[0; ENTRIES - 16]);
                for (pid, group) in entries {
                    put_padded(&mut body, *pid);
                    put_name(&mut body, group);
                }
            }
            Message::Multicast { group, pid, source, payload: bytes } => {
                put_name(&mut body, group);
                put_padded(&mut body, bytes.len() as u32);
                put_padded(&mut body, *pid);
                put_source(&mut body, *source);
                payload = bytes.clone();
            }
            Message::OldDownList => {}
            Message::DownList { old_members, left } => {
                in_sync = true;
                debug_assert!(left.len() <= MAX_NODES);
                put_padded(&mut body, *old_members);
                put_padded(&mut body, left.len() as u32);
                for node in left {
                    body.extend_from_slice(&node.0.to_le_bytes());
                }
                body.resize(DOWN_LIST_LEN - 16, 0);
            }
            Message::Partial { group, pid, source, total, part, payload: bytes } => {
                put_name(&mut body, group);
                put_padded(&mut body, *total);
                put_padded(&mut body, bytes.len() as u32);
                put_padded(&mut body, *pid);
                put_padded(&mut body, *part as u32 + 1);
                put_source(&mut body, *source);
                payload = bytes.clone();
            }
        }
        let outgoing = Outgoing::new(ServiceId::CPG, self.function(), &body, payload);
        if in_sync { outgoing.in_sync() } else { outgoing }
    }
}

fn decode_join_list(data: &Bytes, order: ByteOrder) -> Result<Message, WireError> {
    let r = Reader::new(data, order, "cpg joinlist", ENTRIES)?;
    let size = (r.u32(8)? as usize).min(data.len());
    let count = size.saturating_sub(ENTRIES) / ENTRY_LEN;
    let entry = |i: usize| {
        let at = ENTRIES + i * ENTRY_LEN;
        Ok((r.u32(at)?, group_name(&r, data, at + 8)?))
    };
    Ok(Message::JoinList((0..count).map(entry).collect::<Result<_, WireError>>()?))
}

fn put_padded(body: &mut Body, value: u32) {
    body.extend_from_slice(&value.to_le_bytes());
    body.extend_from_slice(&[0; 4]);
}

fn put_name(body: &mut Body, group: &GroupName) {
    let bytes = group.as_bytes();
    put_padded(body, bytes.len() as u32);
    body.extend_from_slice(bytes);
    body.resize(body.len() + MAX_NAME - bytes.len(), 0);
}

fn put_process(body: &mut Body, group: &GroupName, pid: u32, reason: Reason) {
    put_name(body, group);
    put_padded(body, pid);
    put_padded(body, reason.number());
}

fn put_source(body: &mut Body, (node, token): (NodeId, u64)) {
    put_padded(body, node.0);
    body.extend_from_slice(&token.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_reads_back_and_no_cut_panics() {
        let group = GroupName::new("grpA").unwrap();
        let source = (NodeId(1), 7);
        let payload = Bytes::from_static(b"hello");
        let all = [
            (Message::Join { group: group.clone(), pid: 5 }, 168),
            (Message::Leave { group: group.clone(), pid: 5, reason: Reason::ProcessDown }, 168),
            (Message::JoinList(vec![(5, group.clone()), (6, group.clone())]), 24 + 288),
            (Message::Multicast { group: group.clone(), pid: 5, source, payload: payload.clone() }, 189),
            (Message::DownList { old_members: 3, left: vec![NodeId(2)] }, 1568),
            (Message::Partial { group, pid: 5, source, total: 9, part: Part::Last, payload }, 205),
        ];
        for (message, size) in all {
            let out = message.encode();
            let data = Bytes::from([&out.head[..], &out.payload[..]].concat());
            assert_eq!(data.len(), size, "{message:?}");
            assert_eq!(Message::decode(message.function(), &data, ByteOrder::Little).unwrap(), message);
            for cut in 0..data.len().min(330) {
                let _ = Message::decode(message.function(), &data.slice(..cut), ByteOrder::Little);
            }
        }
    }
}
