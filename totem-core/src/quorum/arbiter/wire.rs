//! Messages between a quorum device and the network arbiter: a type, a length and options in network byte order
//! [QG-4.4].

use bytes::{Buf, BufMut, Bytes, BytesMut};

use super::terms::{ArbiterError, Heuristics, Kind, ListType, Preference, Vote};
use crate::wire::{NodeId, RingId};

/// Longest message that is read, its header included.
pub const MAX_MESSAGE: usize = 32768;
/// Bytes of type and length.
pub(super) const HEADER: usize = 6;

/// A node in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ListedNode {
    /// Who.
    pub node: NodeId,
    /// 1 member, 2 dead, 3 leaving; 0 where it is not said.
    pub state: u8,
}

/// One message: its kind and whatever options it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the options' names are those of the table
pub struct Message {
    pub kind: Kind,
    pub sequence: Option<u32>,
    pub cluster: Option<String>,
    pub tls: Option<u8>,
    pub certificate: Option<u8>,
    pub messages: Option<Vec<u16>>,
    pub options: Option<Vec<u16>>,
    pub error: Option<u16>,
    pub max_request: Option<u32>,
    pub max_reply: Option<u32>,
    pub node: Option<NodeId>,
    pub algorithms: Option<Vec<u16>>,
    pub algorithm: Option<u16>,
    pub heartbeat: Option<u32>,
    pub ring: Option<RingId>,
    pub config_version: Option<u64>,
    pub nodes: Vec<ListedNode>,
    pub list: Option<ListType>,
    pub vote: Option<Vote>,
    pub quorate: Option<bool>,
    pub preference: Option<Preference>,
    pub heuristics: Heuristics,
    pub keep_active: Option<bool>,
}

impl Message {
    /// A message without options.
    pub fn new(kind: Kind) -> Message {
        Message {
            kind,
            sequence: None,
            cluster: None,
            tls: None,
            certificate: None,
            messages: None,
            options: None,
            error: None,
            max_request: None,
            max_reply: None,
            node: None,
            algorithms: None,
            algorithm: None,
            heartbeat: None,
            ring: None,
            config_version: None,
            nodes: Vec::new(),
            list: None,
            vote: None,
            quorate: None,
            preference: None,
            heuristics: Heuristics::Undefined,
            keep_active: None,
        }
    }

    /// The same with a sequence number.
    pub fn numbered(kind: Kind, sequence: u32) -> Message {
        Message { sequence: Some(sequence), ..Message::new(kind) }
    }

    /// The message in bytes. Options stand in the order that the original sends them for each kind.
    pub fn encode(&self) -> Bytes {
        let mut body = BytesMut::new();
        let tail: &[u16] = match self.kind {
            Kind::Init => &[0, 4, 5, 9, 11, 12, 21, 13],
            Kind::InitReply => &[6, 4, 5, 0, 7, 8, 10],
            Kind::NodeList => &[0, 18, 13, 14, 20, 17, 22],
            Kind::NodeListReply => &[0, 18, 13, 19],
            Kind::HeuristicsChangeReply => &[0, 19, 13, 22],
            _ => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 17, 18, 19, 13, 20, 21, 22, 23],
        };
        for option in tail {
            self.put_option(&mut body, *option);
        }
        let mut out = BytesMut::with_capacity(HEADER + body.len());
        out.put_u16(self.kind as u16);
        out.put_u32(body.len() as u32);
        out.put_slice(&body);
        out.freeze()
    }

    fn put_option(&self, out: &mut BytesMut, option: u16) {
        let mut put = |value: &[u8]| {
            out.put_u16(option);
            out.put_u16(value.len() as u16);
            out.put_slice(value);
        };
        let array = |list: &Vec<u16>| list.iter().flat_map(|v| v.to_be_bytes()).collect::<Vec<u8>>();
        match option {
            0 => self.sequence.iter().for_each(|v| put(&v.to_be_bytes())),
            1 => self.cluster.iter().for_each(|v| put(&v.as_bytes()[..v.len().min(255)])),
            2 => self.tls.iter().for_each(|v| put(&[*v])),
            3 => self.certificate.iter().for_each(|v| put(&[*v])),
            4 => self.messages.iter().for_each(|v| put(&array(v))),
            5 => self.options.iter().for_each(|v| put(&array(v))),
            6 => self.error.iter().for_each(|v| put(&v.to_be_bytes())),
            7 => self.max_request.iter().for_each(|v| put(&v.to_be_bytes())),
            8 => self.max_reply.iter().for_each(|v| put(&v.to_be_bytes())),
            9 => self.node.iter().for_each(|v| put(&v.0.to_be_bytes())),
            10 => self.algorithms.iter().for_each(|v| put(&array(v))),
            11 => self.algorithm.iter().for_each(|v| put(&v.to_be_bytes())),
            12 => self.heartbeat.iter().for_each(|v| put(&v.to_be_bytes())),
            13 => self.ring.iter().for_each(|v| put(&[&v.rep.0.to_be_bytes()[..], &v.seq.to_be_bytes()[..]].concat())),
            14 => self.config_version.iter().for_each(|v| put(&v.to_be_bytes())),
            17 => self.nodes.iter().for_each(|v| put(&node_info(v))),
            18 => self.list.iter().for_each(|v| put(&[*v as u8])),
            19 => self.vote.iter().for_each(|v| put(&[*v as u8])),
            20 => self.quorate.iter().for_each(|v| put(&[u8::from(*v)])),
            21 => self.preference.iter().for_each(|v| {
                let (mode, node) = match v {
                    Preference::Lowest => (1, 0),
                    Preference::Highest => (2, 0),
                    Preference::Node(node) => (3, node.0),
                };
                put(&[&[mode][..], &u32::to_be_bytes(node)[..]].concat());
            }),
            22 => match self.heuristics {
                Heuristics::Undefined => {}
                Heuristics::Pass => put(&[1]),
                Heuristics::Fail => put(&[2]),
            },
            23 => self.keep_active.iter().for_each(|v| put(&[u8::from(*v)])),
            _ => {}
        }
    }

    /// Reads the options of one complete message; those that this version does not know are skipped.
    pub(super) fn decode(kind: u16, mut body: Bytes) -> Result<Message, ArbiterError> {
        let mut message = Message::new(Kind::from_number(kind).ok_or(ArbiterError::UnsupportedMessage)?);
        while !body.is_empty() {
            if body.len() < 4 {
                return Err(ArbiterError::CannotDecode);
            }
            let (option, len) = (body.get_u16(), usize::from(body.get_u16()));
            if body.len() < len {
                return Err(ArbiterError::CannotDecode);
            }
            let value = body.split_to(len);
            message.take_option(option, &value)?;
        }
        Ok(message)
    }

    fn take_option(&mut self, option: u16, value: &[u8]) -> Result<(), ArbiterError> {
        let bad = ArbiterError::CannotDecode;
        match option {
            0 => self.sequence = Some(u32::from_be_bytes(exact(value)?)),
            1 => self.cluster = Some(String::from_utf8(value.to_vec()).map_err(|_| bad)?),
            2 => self.tls = Some(exact::<1>(value)?[0]),
            3 => self.certificate = Some(exact::<1>(value)?[0]),
            4 => self.messages = Some(numbers(value)?),
            5 => self.options = Some(numbers(value)?),
            6 => self.error = Some(u16::from_be_bytes(exact(value)?)),
            7 => self.max_request = Some(u32::from_be_bytes(exact(value)?)),
            8 => self.max_reply = Some(u32::from_be_bytes(exact(value)?)),
            9 => self.node = Some(NodeId(u32::from_be_bytes(exact(value)?))),
            10 => self.algorithms = Some(numbers(value)?),
            11 => self.algorithm = Some(u16::from_be_bytes(exact(value)?)),
            12 => self.heartbeat = Some(u32::from_be_bytes(exact(value)?)),
            13 => {
                let bytes = exact::<12>(value)?;
                let mut both = &bytes[..];
                self.ring = Some(RingId::new(NodeId(both.get_u32()), both.get_u64()));
            }
            14 => self.config_version = Some(u64::from_be_bytes(exact(value)?)),
            17 => self.nodes.push(read_node_info(value)?),
            18 => {
                self.list = Some(match exact::<1>(value)?[0] {
                    0 => ListType::InitialConfig,
                    1 => ListType::ChangedConfig,
                    2 => ListType::Membership,
                    3 => ListType::Quorum,
                    _ => return Err(bad),
                });
            }
            19 => {
                self.vote = Some(match exact::<1>(value)?[0] {
                    1 => Vote::Ack,
                    2 => Vote::Nack,
                    3 => Vote::AskLater,
                    4 => Vote::WaitForReply,
                    5 => Vote::NoChange,
                    _ => return Err(bad),
                });
            }
            20 => self.quorate = Some(exact::<1>(value)?[0] != 0),
            21 => {
                let bytes = exact::<5>(value)?;
                let node = NodeId(u32::from_be_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]));
                self.preference = Some(match bytes[0] {
                    1 => Preference::Lowest,
                    2 => Preference::Highest,
                    3 => Preference::Node(node),
                    _ => return Err(bad),
                });
            }
            22 => {
                self.heuristics = match exact::<1>(value)?[0] {
                    1 => Heuristics::Pass,
                    2 => Heuristics::Fail,
                    _ => Heuristics::Undefined,
                };
            }
            23 => self.keep_active = Some(exact::<1>(value)?[0] != 0),
            _ => {}
        }
        Ok(())
    }
}

fn exact<const N: usize>(value: &[u8]) -> Result<[u8; N], ArbiterError> {
    value.try_into().map_err(|_| ArbiterError::CannotDecode)
}

fn numbers(value: &[u8]) -> Result<Vec<u16>, ArbiterError> {
    if !value.len().is_multiple_of(2) {
        return Err(ArbiterError::CannotDecode);
    }
    Ok(value.chunks_exact(2).map(|b| u16::from_be_bytes([b[0], b[1]])).collect())
}

fn node_info(node: &ListedNode) -> Vec<u8> {
    let mut out = BytesMut::new();
    out.put_u16(9);
    out.put_u16(4);
    out.put_u32(node.node.0);
    if node.state != 0 {
        out.put_u16(16);
        out.put_u16(1);
        out.put_u8(node.state);
    }
    out.to_vec()
}

fn read_node_info(mut value: &[u8]) -> Result<ListedNode, ArbiterError> {
    let (mut node, mut state) = (None, 0);
    while value.len() >= 4 {
        let (option, len) = (value.get_u16(), usize::from(value.get_u16()));
        let bytes = value.get(..len).ok_or(ArbiterError::CannotDecode)?;
        match option {
            9 => node = Some(NodeId(u32::from_be_bytes(exact(bytes)?))),
            16 => state = exact::<1>(bytes)?[0],
            _ => {}
        }
        value = &value[len..];
    }
    Ok(ListedNode { node: node.ok_or(ArbiterError::MissingOption)?, state })
}
