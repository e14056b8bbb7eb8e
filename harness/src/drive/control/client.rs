//! A tool's side of the control socket.

use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::{Answer, Answered, Asked, Request, VERSION};

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
