//! The arbiter on TCP: one thread, one loop, many clusters [QG-4.4].

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::{Domain, Protocol, Socket, Type};
use totem_core::quorum::arbiter::{Arbiter, ArbiterOutput, ClientId};

/// Bytes that may wait for a client that does not read.
const UNSENT: usize = 1 << 20;
/// Longest wait, so that a request to stop is seen.
const LOOK: Duration = Duration::from_millis(200);

/// Where and for how many an arbiter listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArbiterServerOptions {
    /// Addresses; port 0 lets the system choose.
    pub listen: Vec<SocketAddr>,
    /// Most clients at one time; 0 sets no limit.
    pub max_clients: usize,
}

struct Connection {
    stream: TcpStream,
    unsent: Vec<u8>,
    lost: bool,
}

/// An arbiter with its sockets and clock.
pub struct ArbiterServer {
    arbiter: Arbiter,
    listeners: Vec<TcpListener>,
    clients: BTreeMap<ClientId, Connection>,
    max_clients: usize,
    next: u64,
    origin: Instant,
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(128)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

impl ArbiterServer {
    /// Listens; of several addresses one must work.
    ///
    /// # Errors
    /// If none does.
    pub fn open(options: &ArbiterServerOptions) -> io::Result<ArbiterServer> {
        let (mut listeners, mut last) = (Vec::new(), io::Error::from(io::ErrorKind::AddrNotAvailable));
        for address in &options.listen {
            match listen(*address) {
                Ok(listener) => listeners.push(listener),
                Err(error) => last = error,
            }
        }
        if listeners.is_empty() {
            return Err(last);
        }
        Ok(ArbiterServer {
            arbiter: Arbiter::new(),
            listeners,
            clients: BTreeMap::new(),
            max_clients: options.max_clients,
            next: 0,
            origin: Instant::now(),
        })
    }

    /// Where it listens.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|l| l.local_addr().ok()).collect()
    }

    /// Serves until `stop` says so.
    ///
    /// # Errors
    /// If waiting fails.
    pub fn run(&mut self, mut stop: impl FnMut() -> bool) -> io::Result<()> {
        while !stop() {
            self.wait()?;
            let now = self.origin.elapsed();
            self.accept(now);
            self.read(now);
            if self.arbiter.poll_timeout().is_some_and(|at| at <= now) {
                self.arbiter.handle_timeout(now);
            }
            self.answer(now);
        }
        Ok(())
    }

    fn wait(&self) -> io::Result<()> {
        let due = self.arbiter.poll_timeout().map(|at| at.saturating_sub(self.origin.elapsed()));
        let wait = due.map_or(LOOK, |due| due.min(LOOK));
        let timeout = PollTimeout::try_from(wait.as_millis() as i32 + 1).unwrap_or(PollTimeout::MAX);
        let clients = self.clients.values().map(|c| {
            let writes = if c.unsent.is_empty() { PollFlags::empty() } else { PollFlags::POLLOUT };
            PollFd::new(c.stream.as_fd(), PollFlags::POLLIN | writes)
        });
        let listeners = self.listeners.iter().map(|l| PollFd::new(l.as_fd(), PollFlags::POLLIN));
        let mut all: Vec<PollFd<'_>> = listeners.chain(clients).collect();
        match poll(&mut all, timeout) {
            Ok(_) | Err(nix::Error::EINTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn accept(&mut self, now: Duration) {
        for listener in &self.listeners {
            while let Ok((stream, _)) = listener.accept() {
                let full = self.max_clients > 0 && self.clients.len() >= self.max_clients;
                if full || stream.set_nonblocking(true).is_err() {
                    continue;
                }
                let _ = stream.set_nodelay(true);
                self.next += 1;
                let id = ClientId(self.next);
                self.clients.insert(id, Connection { stream, unsent: Vec::new(), lost: false });
                self.arbiter.handle_connect(now, id);
            }
        }
    }

    fn read(&mut self, now: Duration) {
        let mut buffer = [0; 16384];
        for (id, client) in &mut self.clients {
            // One buffer a turn: nobody keeps the others waiting.
            match client.stream.read(&mut buffer) {
                Ok(0) => client.lost = true,
                Ok(n) => self.arbiter.handle_bytes(now, *id, &buffer[..n]),
                Err(e) if matches!(e.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock) => {}
                Err(_) => client.lost = true,
            }
        }
    }

    fn answer(&mut self, now: Duration) {
        loop {
            while let Some(output) = self.arbiter.poll_output() {
                match output {
                    ArbiterOutput::Send { to, bytes } => {
                        if let Some(client) = self.clients.get_mut(&to) {
                            client.unsent.extend_from_slice(&bytes);
                            client.flush();
                        }
                    }
                    ArbiterOutput::Close(id) => drop(self.clients.remove(&id)),
                }
            }
            self.clients.values_mut().for_each(Connection::flush);
            let lost: Vec<ClientId> = self.clients.iter().filter(|(_, c)| c.lost).map(|(id, _)| *id).collect();
            if lost.is_empty() {
                return;
            }
            for id in lost {
                self.clients.remove(&id);
                self.arbiter.handle_disconnect(now, id);
            }
        }
    }
}

impl Connection {
    fn flush(&mut self) {
        while !self.unsent.is_empty() && !self.lost {
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    self.lost = self.unsent.len() > UNSENT;
                    return;
                }
                Err(_) => self.lost = true,
            }
        }
    }
}
