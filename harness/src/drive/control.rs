//! The control socket of a running node: one request per line, one answer per line, both JSON. Requests that watch get
//! further lines until the client goes.
//!
//! ```text
//! {"version":1,"request":{"get":{"map":"icmap","keys":["totem.version"]}}}
//! {"version":1,"answer":{"keys":[["totem.version",{"type":"u32","value":"2"}]]}}
//! ```

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::{broadcast, mpsc, oneshot};

/// Version of the protocol; a node refuses others.
pub const VERSION: u32 = 1;
/// Longest line that either side reads.
const LINE_LIMIT: usize = 16 * 1024 * 1024;

/// Where a node listens: `$METRONOME_SOCKET`, or a path below `/run`.
pub fn socket_path() -> PathBuf {
    std::env::var_os("METRONOME_SOCKET").map_or_else(|| PathBuf::from("/run/metronome/control.sock"), PathBuf::from)
}

/// Which key store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MapName {
    /// Configuration and run-time keys.
    #[default]
    Icmap,
    /// Counters.
    Stats,
}

/// A value with the name of its type; bytes are written as hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypedValue {
    /// `u32`, `str`, and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// As tools print it.
    pub value: String,
}

/// What a tool asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Votes and membership.
    Quorum,
    /// A new expectation.
    SetExpected {
        /// The votes.
        votes: u32,
    },
    /// New votes of a node.
    SetVotes {
        /// The node; 0 is the asked one.
        node: u32,
        /// The votes.
        votes: u32,
    },
    /// The quorum device leaves this node.
    UnregisterDevice,
    /// Process groups.
    Groups,
    /// Links and their states.
    Links,
    /// Addresses of a node.
    Addresses {
        /// The node.
        node: u32,
    },
    /// Everybody reads the configuration again.
    Reload,
    /// Log files are closed and opened.
    ReopenLogs,
    /// Ends a node.
    Kill {
        /// The node.
        node: u32,
    },
    /// Stops the asked node.
    Shutdown {
        /// Whatever its clients say.
        force: bool,
    },
    /// Keys by name.
    Get {
        /// The store.
        map: MapName,
        /// The keys.
        keys: Vec<String>,
    },
    /// Keys by prefix; an empty list means all.
    List {
        /// The store.
        map: MapName,
        /// The prefixes.
        prefixes: Vec<String>,
    },
    /// Writes a key.
    Set {
        /// The key.
        key: String,
        /// The value.
        value: TypedValue,
    },
    /// Deletes a key.
    Delete {
        /// The key.
        key: String,
    },
    /// Resets counters.
    ClearStats {
        /// `knet`, `ipc`, `totem`, `schedmiss` or `all`.
        what: String,
    },
    /// Tells of every change from now on.
    Watch,
}

/// Whether a node is in the ring, as the quorum table shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumRow {
    /// Node id.
    pub node: u32,
    /// Its votes.
    pub votes: u32,
    /// Its name in the node list.
    pub name: Option<String>,
    /// Its addresses, in the order of links.
    pub addresses: Vec<String>,
    /// A device is registered there.
    pub registered: bool,
    /// The device polled in time.
    pub alive: bool,
    /// The device votes for it.
    pub casts: bool,
    /// The device's vote claims the partition.
    pub master_wins: bool,
}

/// What the vote quorum service of the asked node knows of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteReport {
    /// Own expected votes.
    pub expected: u32,
    /// Highest expected votes.
    pub highest: u32,
    /// Total votes.
    pub total: u32,
    /// Threshold.
    pub quorum: u32,
    /// Flags as the tools name them, in their order.
    pub flags: Vec<String>,
    /// Name of the device where it is registered here.
    pub device: Option<String>,
    /// Its votes.
    pub device_votes: u32,
    /// Whether it votes for the asked node.
    pub device_casts: bool,
}

/// Votes and membership.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct QuorumReport {
    /// The provider, if there is one.
    pub provider: Option<String>,
    /// Node id of the asked node.
    pub node: u32,
    /// Ring id as tools print it.
    pub ring: String,
    /// Whether the partition may act.
    pub quorate: bool,
    /// Members, in the order of the view.
    pub members: Vec<QuorumRow>,
    /// The vote quorum service, if it is the provider.
    pub votes: Option<VoteReport>,
}

/// One process in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupRow {
    /// Name of the group in hexadecimal digits: it may hold any byte.
    pub group: String,
    /// Process id.
    pub pid: u32,
    /// Node id.
    pub node: u32,
    /// Addresses of the node.
    pub addresses: Vec<String>,
}

/// One link to one node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkRow {
    /// Link number.
    pub link: u8,
    /// Set up by the administrator.
    pub enabled: bool,
    /// Judged alive.
    pub connected: bool,
    /// Largest payload.
    pub mtu: u32,
    /// Own address.
    pub from: String,
    /// Address of the node; empty where there is no such thing.
    pub to: String,
}

/// One node as the links see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRow {
    /// Node id.
    pub node: u32,
    /// Whether messages reach it.
    pub reachable: bool,
    /// Its links.
    pub links: Vec<LinkRow>,
}

/// Links and their states.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkReport {
    /// Node id of the asked node.
    pub node: u32,
    /// `udpu`, `udp` or `knet`.
    pub transport: String,
    /// All configured nodes, ascending.
    pub nodes: Vec<NodeRow>,
    /// Own links by number, with the word behind the number (`udp` for knet, nothing otherwise).
    pub links: Vec<(u8, String)>,
}

/// What happened, for watchers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A key was written.
    Key {
        /// The key.
        key: String,
        /// The value before.
        old: Option<TypedValue>,
        /// The value after; absent if the key was deleted.
        new: Option<TypedValue>,
    },
    /// A quorum notification.
    Quorum {
        /// Whether the partition may act.
        quorate: bool,
    },
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Done.
    Ok,
    /// Refused, with the number of the original's answer.
    Error(u8),
    /// Votes and membership.
    Quorum(QuorumReport),
    /// Processes in the order in which tools list them.
    Groups(Vec<GroupRow>),
    /// Links.
    Links(LinkReport),
    /// Addresses.
    Addresses(Vec<String>),
    /// Keys with values, in order.
    Keys(Vec<(String, TypedValue)>),
    /// Something happened.
    Event(Event),
}

#[derive(Serialize, Deserialize)]
struct Asked {
    version: u32,
    request: Request,
}

#[derive(Serialize, Deserialize)]
struct Answered {
    version: u32,
    answer: Answer,
}

/// Bytes as hexadecimal digits.
pub fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Bytes from hexadecimal digits.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).ok()).collect()
}

/// A tool's side of the socket.
pub struct Client {
    stream: BufReader<UnixStream>,
}

impl Client {
    /// Connects to the node that listens at `path`.
    ///
    /// # Errors
    /// If nobody does.
    pub fn connect(path: &Path) -> io::Result<Client> {
        Ok(Client { stream: BufReader::new(UnixStream::connect(path)?) })
    }

    /// Asks one thing and waits for the answer.
    ///
    /// # Errors
    /// If the connection ends or the other side speaks another protocol.
    pub fn ask(&mut self, request: Request) -> io::Result<Answer> {
        let mut line = serde_json::to_string(&Asked { version: VERSION, request })?;
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes())?;
        self.next_answer()
    }

    /// The next line, for watchers.
    ///
    /// # Errors
    /// As [`ask`](Client::ask).
    pub fn next_answer(&mut self) -> io::Result<Answer> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let answered: Answered = serde_json::from_str(&line)?;
        if answered.version != VERSION {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "another version of the control protocol"));
        }
        Ok(answered.answer)
    }
}

/// A request on its way to the node, and where its answer goes.
#[derive(Debug)]
pub struct Call {
    /// What is asked.
    pub request: Request,
    /// Who waits.
    pub reply: oneshot::Sender<Answer>,
}

/// Accepts tools at `path` until the node stops. Requests go to `calls`, one at a time per tool; watchers hear what is
/// sent to `events`.
///
/// # Errors
/// If the socket cannot be made.
pub async fn listen(path: PathBuf, calls: mpsc::Sender<Call>, events: broadcast::Sender<Event>) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        tokio::fs::create_dir_all(folder).await?;
    }
    match tokio::fs::remove_file(&path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&path)?;
    use std::os::unix::fs::PermissionsExt;
    tokio::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        let (calls, events) = (calls.clone(), events.subscribe());
        tokio::spawn(async move {
            // A tool that goes away or sends nonsense ends its own connection, nothing else.
            let _ = serve(stream, calls, events).await;
        });
    }
}

async fn serve(
    stream: tokio::net::UnixStream,
    calls: mpsc::Sender<Call>,
    mut events: broadcast::Receiver<Event>,
) -> io::Result<()> {
    let (read, mut write) = stream.into_split();
    let mut lines = tokio::io::BufReader::new(read).lines();
    let mut watching = false;
    loop {
        let answer = tokio::select! {
            line = lines.next_line() => {
                let Some(line) = line? else { return Ok(()) };
                if line.len() > LINE_LIMIT {
                    return Ok(());
                }
                let asked: Asked = serde_json::from_str(&line)?;
                if asked.version != VERSION {
                    Answer::Error(3)
                } else if asked.request == Request::Watch {
                    watching = true;
                    Answer::Ok
                } else {
                    let (reply, answer) = oneshot::channel();
                    let call = Call { request: asked.request, reply };
                    match calls.send(call).await {
                        Ok(()) => answer.await.unwrap_or(Answer::Error(2)),
                        Err(_) => Answer::Error(2),
                    }
                }
            }
            event = events.recv() => match event {
                Ok(event) if watching => Answer::Event(event),
                Ok(_) | Err(broadcast::error::RecvError::Lagged(_)) => continue,
                Err(broadcast::error::RecvError::Closed) => return Ok(()),
            },
        };
        let mut line = serde_json::to_string(&Answered { version: VERSION, answer })?;
        line.push('\n');
        write.write_all(line.as_bytes()).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_answers_are_lines_of_json() {
        let asked = Asked { version: 1, request: Request::SetVotes { node: 2, votes: 3 } };
        let text = serde_json::to_string(&asked).unwrap();
        assert_eq!(text, r#"{"version":1,"request":{"set_votes":{"node":2,"votes":3}}}"#);
        let answered = Answered { version: 1, answer: Answer::Error(7) };
        assert_eq!(serde_json::to_string(&answered).unwrap(), r#"{"version":1,"answer":{"error":7}}"#);
        assert_eq!(from_hex(&to_hex(b"gr\\\t")).unwrap(), b"gr\\\t");
        assert_eq!(from_hex("0g"), None);
    }

    #[tokio::test]
    async fn a_tool_asks_and_watches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node/control.sock");
        let (calls, mut asked) = mpsc::channel(1);
        let (events, _) = broadcast::channel(8);
        let server = tokio::spawn(listen(path.clone(), calls, events.clone()));
        let node = tokio::spawn(async move {
            while let Some(Call { request, reply }) = asked.recv().await {
                let answer = if request == Request::Reload { Answer::Ok } else { Answer::Error(12) };
                let _ = reply.send(answer);
            }
        });
        while !path.exists() {
            tokio::task::yield_now().await;
        }
        let tool = tokio::task::spawn_blocking(move || {
            let mut client = Client::connect(&path).unwrap();
            assert_eq!(client.ask(Request::Reload).unwrap(), Answer::Ok);
            assert_eq!(client.ask(Request::Kill { node: 9 }).unwrap(), Answer::Error(12));
            assert_eq!(client.ask(Request::Watch).unwrap(), Answer::Ok);
            client
        });
        let mut client = tool.await.unwrap();
        events.send(Event::Quorum { quorate: true }).unwrap();
        let told = tokio::task::spawn_blocking(move || client.next_answer().unwrap()).await.unwrap();
        assert_eq!(told, Answer::Event(Event::Quorum { quorate: true }));
        server.abort();
        node.abort();
    }
}
