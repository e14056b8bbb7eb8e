//! The control socket of a running node: one request per line, one answer per line, both JSON. Requests that watch get
//! further lines until the client goes.
//!
//! ```text
//! {"version":1,"request":{"get":{"map":"icmap","keys":["totem.version"]}}}
//! {"version":1,"answer":{"keys":[["totem.version",{"type":"u32","value":"2"}]]}}
//! ```

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::cluster;
use serde::{Deserialize, Serialize};

/// Version of the protocol; a node refuses others.
pub const VERSION: u32 = 1;
/// Longest line that either side reads.
pub(super) const LINE_LIMIT: usize = 64 * 1024 * 1024;

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
    /// Something of the cluster above the ring: answered by whole nodes.
    Cluster(cluster::Request),
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
    /// What a whole node says about the cluster.
    Cluster(cluster::Answer),
}

#[derive(Serialize, Deserialize)]
pub(super) struct Asked {
    pub(super) version: u32,
    pub(super) request: Request,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Answered {
    pub(super) version: u32,
    pub(super) answer: Answer,
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

    /// How long to wait for an answer at most; for ever by default.
    ///
    /// # Errors
    /// If the system refuses.
    pub fn set_patience(&mut self, patience: Duration) -> io::Result<()> {
        self.stream.get_ref().set_read_timeout(Some(patience))
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

/// One tool that is connected.
struct Tool {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    watching: bool,
    open: bool,
}

/// A node's side of the socket. It never blocks: the node's loop waits for [`fds`](Server::fds) among other things and
/// calls [`serve`](Server::serve) when one of them is ready.
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    tools: Vec<Tool>,
}

/// A socket at `path` for the owner only, which never blocks; what was left there by a node that is gone is replaced.
pub(super) fn listen(path: &Path) -> io::Result<UnixListener> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

impl Server {
    /// Listens at `path`, for the owner only; what was left there by a node that is gone is replaced.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn open(path: PathBuf) -> io::Result<Server> {
        Ok(Server { listener: listen(&path)?, path, tools: Vec::new() })
    }

    /// What to wait for.
    pub fn fds(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        std::iter::once(self.listener.as_fd()).chain(self.tools.iter().map(|tool| tool.stream.as_fd()))
    }

    /// Accepts tools, answers what they asked, and forgets those that are gone. A tool that sends nonsense loses its own
    /// connection, nothing else.
    pub fn serve(&mut self, mut answer: impl FnMut(Request) -> Answer) {
        while let Ok((stream, _)) = self.listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                let (input, output) = (Vec::new(), Vec::new());
                self.tools.push(Tool { stream, input, output, watching: false, open: true });
            }
        }
        for tool in &mut self.tools {
            tool.read();
            while let Some(end) = tool.input.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = tool.input.drain(..=end).collect();
                match serde_json::from_slice::<Asked>(&line) {
                    Ok(asked) if asked.version != VERSION => tool.write(Answer::Error(3)),
                    Ok(Asked { request: Request::Watch, .. }) => {
                        tool.watching = true;
                        tool.write(Answer::Ok);
                    }
                    Ok(asked) => tool.write(answer(asked.request)),
                    Err(_) => tool.open = false,
                }
            }
            tool.flush();
        }
        self.tools.retain(|tool| tool.open);
    }

    /// Tells every tool that watches.
    pub fn publish(&mut self, event: &Event) {
        for tool in self.tools.iter_mut().filter(|tool| tool.watching) {
            tool.write(Answer::Event(event.clone()));
            tool.flush();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Another node may already have put its own socket there; then this fails or removes a name that tools retry.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl Tool {
    fn read(&mut self) {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) => {
                    self.open = false;
                    return;
                }
                Ok(n) => self.input.extend_from_slice(&chunk[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.open &= error.kind() == io::ErrorKind::WouldBlock;
                    return;
                }
            }
            if self.input.len() > LINE_LIMIT {
                self.open = false;
                return;
            }
        }
    }

    fn write(&mut self, answer: Answer) {
        match serde_json::to_vec(&Answered { version: VERSION, answer }) {
            Ok(line) => {
                self.output.extend_from_slice(&line);
                self.output.push(b'\n');
            }
            Err(_) => self.open = false,
        }
        // Who does not read what it asked for is let go.
        self.open &= self.output.len() <= LINE_LIMIT;
    }

    fn flush(&mut self) {
        while !self.output.is_empty() {
            match self.stream.write(&self.output) {
                Ok(n) => drop(self.output.drain(..n)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.open &= error.kind() == io::ErrorKind::WouldBlock;
                    return;
                }
            }
        }
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

    #[test]
    fn a_tool_asks_and_watches() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node/control.sock");
        let mut server = Server::open(path.clone()).unwrap();
        let tool = std::thread::spawn(move || {
            let mut client = Client::connect(&path).unwrap();
            assert_eq!(client.ask(Request::Reload).unwrap(), Answer::Ok);
            assert_eq!(client.ask(Request::Kill { node: 9 }).unwrap(), Answer::Error(12));
            assert_eq!(client.ask(Request::Watch).unwrap(), Answer::Ok);
            client.next_answer().unwrap()
        });
        let mut told = false;
        while !tool.is_finished() {
            let answer = |request| if request == Request::Reload { Answer::Ok } else { Answer::Error(12) };
            server.serve(answer);
            if !told && server.tools.iter().any(|tool| tool.watching) {
                told = true;
                server.publish(&Event::Quorum { quorate: true });
            }
            std::thread::yield_now();
        }
        assert_eq!(tool.join().unwrap(), Answer::Event(Event::Quorum { quorate: true }));
    }
}
