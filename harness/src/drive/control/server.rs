//! A node's side of the control socket.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use super::{Answer, Answered, Asked, Event, LINE_LIMIT, Request, VERSION};

/// One tool that is connected.
pub(super) struct Tool {
    stream: UnixStream,
    input: Vec<u8>,
    output: Vec<u8>,
    pub(super) watching: bool,
    open: bool,
}

/// A node's side of the socket. It never blocks: the node's loop waits for [`fds`](Server::fds) among other things and
/// calls [`serve`](Server::serve) when one of them is ready.
pub struct Server {
    listener: UnixListener,
    path: PathBuf,
    pub(super) tools: Vec<Tool>,
}

/// A socket at `path` for the owner only, which never blocks; what was left there by a node that is gone is replaced.
pub(in crate::drive) fn listen(path: &Path) -> io::Result<UnixListener> {
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
