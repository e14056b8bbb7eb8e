//! What replicas send each other: elements in compact form.

use thiserror::Error;

use super::MemberId;
use super::progress::{Numbers, Progress};
use crate::cib::{Code, Request, Version};
use crate::xml::{Document, Limits, NodeIx, Style, XmlError};

/// A message of the ordered stream.
#[derive(Clone, Debug)]
pub enum Message {
    /// A request to apply.
    Request {
        /// The member whose request it is, where it is not the sender's: another one passes on what it kept.
        origin: Option<MemberId>,
        /// The number that this member gave it: growing by one, never used twice.
        number: u64,
        /// The request.
        request: Box<Request>,
    },
    /// What a member has, in a round of comparison.
    Offer(Offer),
    /// A member's whole document, for all to take.
    Sync {
        /// The round it belongs to.
        round: u64,
        /// The document.
        document: Box<Document>,
        /// The requests that the document contains.
        applied: Progress,
    },
    /// What the primary has, when things are quiet.
    Check {
        /// Version of its document.
        version: Version,
        /// Versioned digest of its document.
        digest: String,
    },
    /// The sender's document differs from the primary's although the version is the same.
    Diverged {
        /// The version.
        version: Version,
        /// Versioned digest of the sender's document.
        digest: String,
    },
}

/// What a member has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The round it belongs to: counted from each membership change.
    pub round: u64,
    /// Version of its document.
    pub version: Version,
    /// Versioned digest of its document.
    pub digest: String,
    /// The sequence of the last membership with quorum in which the copy changed; 0 if none since it was read from disk.
    pub authority: u64,
    /// The requests that the document contains.
    pub applied: Progress,
}

/// Why a message was refused.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum MessageError {
    /// Not XML.
    #[error("message is not XML: {0}")]
    Xml(#[from] XmlError),
    /// XML, but no message.
    #[error("element '{0}' is no message")]
    Unknown(String),
    /// A message without something it needs.
    #[error("message '{message}' has no usable '{part}'")]
    Malformed {
        /// Which message.
        message: &'static str,
        /// What is missing.
        part: &'static str,
    },
    /// A request that cannot be understood.
    #[error("request cannot be understood: {0}")]
    Request(Code),
}

impl Message {
    /// The bytes to send.
    pub fn encode(&self) -> Vec<u8> {
        let doc = match self {
            Message::Request { origin, number, request } => {
                let mut doc = request.to_message();
                doc.set_attr(doc.root(), "number", &number.to_string());
                if let Some(origin) = origin {
                    doc.set_attr(doc.root(), "member", &origin.to_string());
                }
                doc
            }
            Message::Offer(offer) => {
                let mut doc = state("cib_offer", offer.version, &offer.digest);
                let root = doc.root();
                doc.set_attr(root, "round", &offer.round.to_string());
                doc.set_attr(root, "authority", &offer.authority.to_string());
                write_progress(&mut doc, root, &offer.applied);
                doc
            }
            Message::Sync { round, document, applied } => {
                let mut doc = Document::new("cib_sync");
                let root = doc.root();
                doc.set_attr(root, "round", &round.to_string());
                write_progress(&mut doc, root, applied);
                let data = doc.append(root, "cib_calldata");
                doc.copy(data, document, document.root());
                doc
            }
            Message::Check { version, digest } => state("cib_check", *version, digest),
            Message::Diverged { version, digest } => state("cib_diverged", *version, digest),
        };
        doc.write_node(doc.root(), Style::Compact).into_bytes()
    }

    /// Reads a message of at most `max` bytes.
    pub fn decode(bytes: &[u8], max: usize) -> Result<Message, MessageError> {
        let doc = Document::parse_bytes(bytes, &Limits::file().with_bytes(max).with_depth(512))?;
        let root = doc.root();
        match doc.name(root) {
            "cib_command" => Ok(Message::Request {
                origin: match doc.attr(root, "member") {
                    Some(_) => Some(member(&doc, root, "cib_command")?),
                    None => None,
                },
                number: number(&doc, root, "cib_command", "number")?,
                request: Box::new(Request::from_message(&doc, root).map_err(MessageError::Request)?),
            }),
            "cib_offer" => {
                let (version, digest) = read_state(&doc, "cib_offer")?;
                let round = number(&doc, root, "cib_offer", "round")?;
                let authority = number(&doc, root, "cib_offer", "authority")?;
                let applied = read_progress(&doc, "cib_offer")?;
                Ok(Message::Offer(Offer { round, version, digest, authority, applied }))
            }
            "cib_sync" => {
                let missing = MessageError::Malformed { message: "cib_sync", part: "cib_calldata" };
                let data = doc.child(root, "cib_calldata").and_then(|data| doc.children(data).next()).ok_or(missing)?;
                let applied = read_progress(&doc, "cib_sync")?;
                let round = number(&doc, root, "cib_sync", "round")?;
                Ok(Message::Sync { round, document: Box::new(doc.fragment(data)), applied })
            }
            "cib_check" => read_state(&doc, "cib_check").map(|(version, digest)| Message::Check { version, digest }),
            "cib_diverged" => {
                read_state(&doc, "cib_diverged").map(|(version, digest)| Message::Diverged { version, digest })
            }
            other => Err(MessageError::Unknown(other.into())),
        }
    }
}

fn state(name: &str, version: Version, digest: &str) -> Document {
    let mut doc = Document::new(name);
    let root = doc.root();
    for (name, value) in crate::cib::VERSION_ATTRIBUTES.iter().zip(version.fields()) {
        doc.set_attr(root, name, &value.to_string());
    }
    doc.set_attr(root, "digest", digest);
    doc
}

fn read_state(doc: &Document, message: &'static str) -> Result<(Version, String), MessageError> {
    let root = doc.root();
    let digest = doc.attr(root, "digest").ok_or(MessageError::Malformed { message, part: "digest" })?;
    Ok((Version::of(doc, root, 0), digest.to_owned()))
}

fn write_progress(doc: &mut Document, parent: NodeIx, progress: &Progress) {
    for (member, numbers) in progress.iter() {
        let n = doc.append(parent, "applied");
        doc.set_attr(n, "member", &member.to_string());
        doc.set_attr(n, "number", &numbers.last.to_string());
        if !numbers.missing.is_empty() {
            let missing: Vec<String> = numbers.missing.iter().map(u64::to_string).collect();
            doc.set_attr(n, "missing", &missing.join(" "));
        }
    }
}

fn read_progress(doc: &Document, message: &'static str) -> Result<Progress, MessageError> {
    let mut progress = Progress::default();
    for n in doc.children_named(doc.root(), "applied") {
        let words = doc.attr(n, "missing").unwrap_or_default().split_whitespace();
        let missing = words.map(str::parse).collect::<Result<_, _>>();
        let missing = missing.map_err(|_| MessageError::Malformed { message, part: "missing" })?;
        progress.insert(member(doc, n, message)?, Numbers { last: number(doc, n, message, "number")?, missing });
    }
    Ok(progress)
}

fn member(doc: &Document, n: NodeIx, message: &'static str) -> Result<MemberId, MessageError> {
    let id = number(doc, n, message, "member")?;
    u32::try_from(id).map(MemberId).map_err(|_| MessageError::Malformed { message, part: "member" })
}

fn number(doc: &Document, n: NodeIx, message: &'static str, part: &'static str) -> Result<u64, MessageError> {
    doc.attr(n, part).and_then(|text| text.parse().ok()).ok_or(MessageError::Malformed { message, part })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cib::Operation;

    #[test]
    fn messages_come_back() {
        let version = Version::new(1, 2, 3);
        let mut applied = Progress::default();
        applied.take(MemberId(1), 7);
        applied.take(MemberId(1), 10);
        applied.see(MemberId(2), 1);
        let messages = [
            Message::Request { origin: None, number: 1 << 40, request: Box::new(Request::new(Operation::Erase)) },
            Message::Request {
                origin: Some(MemberId(4)),
                number: 7,
                request: Box::new(Request::new(Operation::Erase)),
            },
            Message::Offer(Offer { round: 3, version, digest: "d".into(), authority: 9, applied: applied.clone() }),
            Message::Sync {
                round: 1,
                document: Box::new(Document::parse("<cib epoch='1'><configuration/></cib>").unwrap()),
                applied,
            },
            Message::Check { version, digest: "d".into() },
            Message::Diverged { version, digest: "e".into() },
        ];
        for message in messages {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes, 1 << 20).unwrap().encode(), bytes);
        }
        assert!(matches!(Message::decode(b"<x/>", 100), Err(MessageError::Unknown(_))));
        assert!(matches!(Message::decode(b"<cib_offer/>", 100), Err(MessageError::Malformed { .. })));
        assert!(Message::decode(b"nonsense", 100).is_err());
        assert!(Message::decode(&[b' '; 200], 100).is_err());
    }
}
