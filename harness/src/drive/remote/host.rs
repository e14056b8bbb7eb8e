//! A remote host: [`RemoteExecutor`] with a listening socket, agents, a clock and tools around it.

use super::channel::{self, Key, Receiver};
use super::{Frame, send_all};
use crate::drive::cluster::{Answer, Request};
use crate::drive::control;
use crate::drive::node::{Ask, Clock, Counter, Listener, Sink};
use crate::node::timeline::{Kind, Line};
use crate::node::{ConnectionId, RemoteExecutor, RemoteHostOutput};
use agents::process::{Places, Runner};
use agents::standard::{Exit, RunId};
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;

/// Connections at a time: one is served, others are about to take over.
const CONNECTIONS: usize = 32;
/// Who connects must say who he is within this time.
const PATIENCE: Duration = Duration::from_secs(10);
/// Messages that may wait, either way.
const WAITING: usize = 256;
/// Answers that tools may wait for.
const OUTSTANDING: usize = 1024;

/// Everything a remote host needs of its machine.
pub struct HostAdapters {
    /// Its time.
    pub clock: Clock,
    /// Where nodes connect, from [`listen`].
    pub listener: std::net::TcpListener,
    /// The secret it shares with them.
    pub key: Key,
    /// Where its agents are.
    pub places: Places,
    /// Where tools connect, if anywhere.
    pub control: Option<Listener>,
    /// Where its log goes.
    pub log: Sink,
    /// Done when the host is to give its resources away and end once no node is connected any more.
    pub stop: Pin<Box<dyn Future<Output = ()>>>,
    /// Done when it is to end at once.
    pub abandon: Pin<Box<dyn Future<Output = ()>>>,
}

/// Listens where nodes connect.
///
/// # Errors
/// If the address cannot be listened at.
pub fn listen(address: SocketAddr) -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

/// Runs a remote host until it is told to end. To be used inside a tokio runtime with I/O and time.
///
/// # Errors
/// If the runtime does not take its sockets.
pub async fn serve(io: HostAdapters) -> io::Result<()> {
    Host::new(io)?.run().await;
    Ok(())
}

/// What the task of a connection tells.
enum Heard {
    Open(SocketAddr, mpsc::Sender<Frame>),
    OtherKey(SocketAddr),
    Message(Vec<u8>),
    Answer(u64, String),
    Closed,
}

struct Host {
    executor: RemoteExecutor,
    clock: Clock,
    runner: Runner,
    ends: UnboundedReceiver<(RunId, Exit)>,
    counter: Counter,
    log: Sink,
    stop: Option<Pin<Box<dyn Future<Output = ()>>>>,
    abandon: Pin<Box<dyn Future<Output = ()>>>,
    accepting: AbortHandle,
    heard: mpsc::Receiver<(ConnectionId, Heard)>,
    connections: BTreeMap<ConnectionId, mpsc::Sender<Frame>>,
    asked: BTreeMap<u64, oneshot::Sender<control::Answer>>,
    next: u64,
    /// The host gives its resources away.
    leaving: bool,
}

impl Host {
    fn new(io: HostAdapters) -> io::Result<Host> {
        let (runner, ends) = Runner::new(io.places);
        let (tell, heard) = mpsc::channel(WAITING);
        let accepting = tokio::spawn(accept(TcpListener::from_std(io.listener)?, io.key, tell)).abort_handle();
        Ok(Host {
            executor: RemoteExecutor::new(io.clock.epoch(), io.clock.now()),
            clock: io.clock,
            runner,
            ends,
            counter: Counter::open(io.control)?,
            log: io.log,
            stop: Some(io.stop),
            abandon: io.abandon,
            accepting,
            heard,
            connections: BTreeMap::new(),
            asked: BTreeMap::new(),
            next: 1,
            leaving: false,
        })
    }

    async fn run(mut self) {
        self.note("waits for a node of the cluster");
        loop {
            let due = self.executor.poll_timeout().map(|at| self.clock.instant(at));
            tokio::select! {
                Some((connection, heard)) = self.heard.recv() => self.heard(connection, heard),
                Some((run, exit)) = self.ends.recv() => self.executor.handle_exit(self.clock.now(), run, exit),
                Some(ask) = self.counter.next() => self.ask(ask),
                () = async { tokio::time::sleep_until(due.expect("checked")).await }, if due.is_some() => {}
                () = async { self.stop.as_mut().expect("checked").await }, if self.stop.is_some() => {
                    self.stop = None;
                    self.leave();
                }
                () = &mut self.abandon => break,
            }
            let now = self.clock.now();
            if self.executor.poll_timeout().is_some_and(|at| at <= now) {
                self.executor.handle_timeout(now);
            }
            self.drain();
            if self.leaving && self.executor.serving().is_none() {
                break;
            }
        }
        self.accepting.abort();
        self.note("has ended");
    }

    /// Asks the cluster to stop what runs here, as the node's own request to shut down [CT-7.1].
    fn leave(&mut self) {
        self.note("gives its resources away");
        self.leaving = true;
        let since = self.clock.epoch() + self.clock.now();
        let request = Request::SetAttribute {
            node: None,
            name: "shutdown".to_owned(),
            value: Some(since.as_secs().to_string()),
            delay_ms: None,
            permanent: false,
        };
        self.forward(&request, None);
    }

    fn heard(&mut self, connection: ConnectionId, heard: Heard) {
        let now = self.clock.now();
        match heard {
            Heard::Open(from, messages) => {
                self.note(format!("a node is connected from {}", from.ip()));
                self.connections.insert(connection, messages);
            }
            Heard::OtherKey(from) => self.note(format!("refused {}: it holds another key", from.ip())),
            Heard::Message(message) => self.executor.handle_message(now, connection, &message),
            Heard::Answer(number, text) => {
                if let (Some(tool), Ok(answer)) = (self.asked.remove(&number), serde_json::from_str(&text)) {
                    // The tool may have gone.
                    let _ = tool.send(control::Answer::Cluster(answer));
                }
            }
            Heard::Closed => {
                if self.connections.remove(&connection).is_some() {
                    self.note("the connection has ended");
                }
                self.executor.handle_closed(connection);
                if self.executor.serving().is_none() {
                    self.asked.clear();
                }
            }
        }
    }

    /// A tool asks here; the node that is served knows.
    fn ask(&mut self, ask: Ask) {
        let refused = |reason: &str| control::Answer::Cluster(Answer::Refused { reason: reason.to_owned() });
        self.asked.retain(|_, answer| !answer.is_closed());
        let answer = match ask.request {
            control::Request::Cluster(request) if self.asked.len() < OUTSTANDING => {
                return self.forward(&request, Some(ask.answer));
            }
            control::Request::Cluster(_) => refused("too many questions at once"),
            _ => refused("a remote host is no member of the ring"),
        };
        // The tool may have gone.
        let _ = ask.answer.send(answer);
    }

    fn forward(&mut self, request: &Request, tool: Option<oneshot::Sender<control::Answer>>) {
        let number = self.next;
        self.next += 1;
        let text = serde_json::to_string(request).expect("requests are text");
        let serving = self.executor.serving().and_then(|connection| self.connections.get(&connection));
        let sent = serving.is_some_and(|to| to.try_send(Frame::Ask(number, text)).is_ok());
        if let Some(tool) = tool {
            if sent {
                self.asked.insert(number, tool);
            } else {
                let reason = "no node of the cluster is connected".to_owned();
                let _ = tool.send(control::Answer::Cluster(Answer::Refused { reason }));
            }
        }
    }

    fn drain(&mut self) {
        while let Some(output) = self.executor.poll_output() {
            match output {
                RemoteHostOutput::Send { connection, message } => {
                    let Some(to) = self.connections.get(&connection) else { continue };
                    if to.try_send(Frame::Message(message.to_vec())).is_err() {
                        // It does not read.
                        self.connections.remove(&connection);
                        self.executor.handle_closed(connection);
                    }
                }
                RemoteHostOutput::Close { connection } => drop(self.connections.remove(&connection)),
                RemoteHostOutput::Run(call) => self.runner.start(&call),
                RemoteHostOutput::Kill { run, scope } => self.runner.kill(run, scope),
            }
        }
    }

    fn note(&mut self, text: impl Into<String>) {
        let line = Line { time: self.clock.now(), node: None, kind: Kind::Fault, text: text.into() };
        (self.log)(&line);
    }
}

async fn accept(listener: TcpListener, key: Key, tell: mpsc::Sender<(ConnectionId, Heard)>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut next: ConnectionId = 1;
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, from)) => {
                let (connection, key, tell) = (next, key.clone(), tell.clone());
                next += 1;
                tokio::spawn(async move {
                    life(stream, from, connection, &key, &tell).await;
                    drop(place);
                });
            }
            // Out of descriptors, perhaps: others will be closed.
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// A connection from its first byte to its end.
async fn life(
    stream: TcpStream,
    from: SocketAddr,
    connection: ConnectionId,
    key: &Key,
    tell: &mpsc::Sender<(ConnectionId, Heard)>,
) {
    let (sender, receiver) = match tokio::time::timeout(PATIENCE, channel::accept(stream, key)).await {
        Ok(Ok(halves)) => halves,
        Ok(Err(channel::HandshakeError::OtherKey)) => {
            let _ = tell.send((connection, Heard::OtherKey(from))).await;
            return;
        }
        _ => return,
    };
    let (messages, to_send) = mpsc::channel(WAITING);
    let _ = tell.send((connection, Heard::Open(from, messages))).await;
    tokio::select! {
        () = send_all(sender, to_send) => {}
        () = receive_all(connection, receiver, tell) => {}
    }
    let _ = tell.send((connection, Heard::Closed)).await;
}

async fn receive_all(connection: ConnectionId, mut receiver: Receiver, tell: &mpsc::Sender<(ConnectionId, Heard)>) {
    while let Ok(bytes) = receiver.receive().await {
        let heard = match Frame::decode(&bytes) {
            Some(Frame::Message(message)) => Heard::Message(message),
            Some(Frame::Answer(number, text)) => Heard::Answer(number, text),
            Some(Frame::Ask(..)) | None => return,
        };
        if tell.send((connection, heard)).await.is_err() {
            return;
        }
    }
}
