//! A node's end of its connections to remote hosts. Every connection has a task of its own; what it has to tell waits until
//! the node takes it, and a host that does not read what it is sent loses its connection.

use super::channel::{self, HandshakeError, Key, Receiver};
use super::{Frame, send_all};
use crate::drive::cluster::{Answer, Request};
use crate::drive::control;
use crate::drive::node::Ask;
use crate::node::{RemoteEvent, RemoteOutput};
use bytes::Bytes;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::AbortHandle;

/// Messages that may wait for a host, and events that may wait for the node.
const WAITING: usize = 256;
/// An attempt takes no longer than this; the controller gives up at the same time [CT-7.8].
const ATTEMPT: Duration = Duration::from_secs(10);
/// Questions of one host's tools that are answered at a time.
const QUESTIONS: usize = 16;

/// All connections of a node.
pub(in crate::drive) struct Connections {
    key: Option<Key>,
    asks: mpsc::Sender<Ask>,
    open: BTreeMap<String, Open>,
    events: mpsc::Receiver<Told>,
    tell: mpsc::Sender<Told>,
    next: u64,
    /// Connections that were given up, of which the node does not know yet.
    broken: VecDeque<String>,
}

struct Open {
    number: u64,
    messages: mpsc::Sender<Frame>,
    task: AbortHandle,
}

struct Told {
    remote: String,
    number: u64,
    event: RemoteEvent,
}

impl Connections {
    /// No connection yet. Without a key none can be made. Tools on the hosts ask through `asks`.
    pub(in crate::drive) fn new(key: Option<Key>, asks: mpsc::Sender<Ask>) -> Connections {
        let (tell, events) = mpsc::channel(WAITING);
        Connections { key, asks, open: BTreeMap::new(), events, tell, next: 1, broken: VecDeque::new() }
    }

    /// Carries out what the node wants of a connection. To be used inside a tokio runtime.
    pub(in crate::drive) fn carry_out(&mut self, remote: &str, output: RemoteOutput) {
        match output {
            RemoteOutput::Connect { address, port } => self.connect(remote, address, port),
            // What was sent before still goes out.
            RemoteOutput::Disconnect => drop(self.open.remove(remote)),
            RemoteOutput::Send(message) => {
                let Some(open) = self.open.get(remote) else { return };
                if open.messages.try_send(Frame::Message(message.to_vec())).is_err() {
                    // It does not read.
                    open.task.abort();
                    self.open.remove(remote);
                    self.broken.push_back(remote.to_owned());
                }
            }
        }
    }

    fn connect(&mut self, remote: &str, address: String, port: u16) {
        let number = self.next;
        self.next += 1;
        let (messages, to_send) = mpsc::channel(WAITING);
        let line = Line { remote: remote.to_owned(), number, tell: self.tell.clone() };
        let task = tokio::spawn(life(
            line,
            address,
            port,
            self.key.clone(),
            self.asks.clone(),
            messages.clone().downgrade(),
            to_send,
        ));
        self.open.insert(remote.to_owned(), Open { number, messages, task: task.abort_handle() });
    }

    /// What happens next on a connection that the node still wants.
    pub(in crate::drive) async fn next(&mut self) -> (String, RemoteEvent) {
        if let Some(remote) = self.broken.pop_front() {
            return (remote, RemoteEvent::Closed);
        }
        loop {
            let told = self.events.recv().await.expect("a sender is kept");
            let current = self.open.get(&told.remote).is_some_and(|open| open.number == told.number);
            if current {
                if matches!(told.event, RemoteEvent::Closed | RemoteEvent::Refused { .. }) {
                    self.open.remove(&told.remote);
                }
                return (told.remote, told.event);
            }
        }
    }
}

/// Where the task of a connection tells what happens on it.
struct Line {
    remote: String,
    number: u64,
    tell: mpsc::Sender<Told>,
}

impl Line {
    async fn tell(&self, event: RemoteEvent) {
        let told = Told { remote: self.remote.clone(), number: self.number, event };
        // The node has ended otherwise.
        let _ = self.tell.send(told).await;
    }
}

/// A connection from the attempt to its end.
async fn life(
    line: Line,
    address: String,
    port: u16,
    key: Option<Key>,
    asks: mpsc::Sender<Ask>,
    answers: mpsc::WeakSender<Frame>,
    to_send: mpsc::Receiver<Frame>,
) {
    let Some(key) = key else { return line.tell(RemoteEvent::Refused { bad_key: true }).await };
    let attempt = async { channel::connect(TcpStream::connect((address, port)).await?, &key).await };
    let (sender, receiver) = match tokio::time::timeout(ATTEMPT, attempt).await {
        Ok(Ok(halves)) => halves,
        Ok(Err(HandshakeError::OtherKey)) => return line.tell(RemoteEvent::Refused { bad_key: true }).await,
        Ok(Err(HandshakeError::Io(_))) | Err(_) => return line.tell(RemoteEvent::Refused { bad_key: false }).await,
    };
    line.tell(RemoteEvent::Connected).await;
    tokio::select! {
        () = send_all(sender, to_send) => {}
        () = receive_all(&line, receiver, asks, answers) => {}
    }
    line.tell(RemoteEvent::Closed).await;
}

async fn receive_all(line: &Line, mut receiver: Receiver, asks: mpsc::Sender<Ask>, answers: mpsc::WeakSender<Frame>) {
    let places = Arc::new(Semaphore::new(QUESTIONS));
    while let Ok(bytes) = receiver.receive().await {
        match Frame::decode(&bytes) {
            Some(Frame::Message(message)) => line.tell(RemoteEvent::Message(Bytes::from(message))).await,
            Some(Frame::Ask(number, question)) => {
                let Ok(place) = places.clone().acquire_owned().await else { return };
                let (remote, asks, answers) = (line.remote.clone(), asks.clone(), answers.clone());
                tokio::spawn(async move {
                    let answer = answer(&remote, &question, &asks).await;
                    let text = serde_json::to_string(&answer).expect("answers are text");
                    if let Some(answers) = answers.upgrade() {
                        let _ = answers.send(Frame::Answer(number, text)).await;
                    }
                    drop(place);
                });
            }
            Some(Frame::Answer(..)) | None => return,
        }
    }
}

/// What the node answers to a tool that runs on a remote host: as if it ran on a node of that name.
async fn answer(remote: &str, question: &str, asks: &mpsc::Sender<Ask>) -> Answer {
    let refused = |reason: &str| Answer::Refused { reason: reason.to_owned() };
    let mut request = match serde_json::from_str(question) {
        Ok(Request::Leave) => return refused("a remote host does not leave by itself"),
        Ok(request) => request,
        Err(_) => return refused("not understood"),
    };
    if let Request::SetAttribute { node: node @ None, .. } = &mut request {
        *node = Some(remote.to_owned());
    }
    let (answer, answered) = oneshot::channel();
    if asks.send(Ask { request: control::Request::Cluster(request), answer }).await.is_err() {
        return refused("the node has ended");
    }
    match answered.await {
        Ok(control::Answer::Cluster(Answer::Status(mut report))) => {
            report.name = remote.to_owned();
            Answer::Status(report)
        }
        Ok(control::Answer::Cluster(answer)) => answer,
        _ => refused("try again"),
    }
}
