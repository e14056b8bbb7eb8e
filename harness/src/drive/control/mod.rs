//! The control socket of a running node: one request per line, one answer per line, both JSON. Requests that watch get
//! further lines until the client goes.
//!
//! ```text
//! {"version":1,"request":{"get":{"map":"icmap","keys":["totem.version"]}}}
//! {"version":1,"answer":{"keys":[["totem.version",{"type":"u32","value":"2"}]]}}
//! ```

mod client;
mod server;
mod words;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

pub use client::Client;
pub use server::Server;
pub(super) use server::listen;
pub use words::{
    Answer, Event, GroupRow, LinkReport, LinkRow, MapName, NodeRow, QuorumReport, QuorumRow, Request, TypedValue,
    VoteReport,
};

/// Version of the protocol; a node refuses others.
pub const VERSION: u32 = 1;
/// Longest line that either side reads.
pub(super) const LINE_LIMIT: usize = 64 * 1024 * 1024;

/// Where a node listens: `$METRONOME_SOCKET`, or a path below `/run`.
pub fn socket_path() -> PathBuf {
    std::env::var_os("METRONOME_SOCKET").map_or_else(|| PathBuf::from("/run/metronome/control.sock"), PathBuf::from)
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
