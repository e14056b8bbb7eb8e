//! The control socket of a node, on the runtime: every tool has a task of its own that reads its requests and waits for
//! their answers, so that a slow tool or a slow answer delays nobody else.

use crate::drive::control::{self, Answer, Answered, Asked, Event, LINE_LIMIT, Request, VERSION};
use std::io;
use std::os::unix::net::UnixListener as StdListener;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot};

/// Tools that may be connected at once.
const TOOLS: usize = 64;
/// Requests that may wait for the node.
const WAITING: usize = 64;
/// Events that a watcher may lag behind before it is let go.
const LAG: usize = 1024;

/// A socket that tools connect to; it goes when this is dropped.
#[derive(Debug)]
pub struct Listener {
    listener: StdListener,
    path: PathBuf,
}

impl Listener {
    /// Listens at `path`, for the owner only; what was left there by a node that is gone is replaced.
    ///
    /// # Errors
    /// If the socket cannot be made.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Listener> {
        let path = path.into();
        Ok(Listener { listener: control::listen(&path)?, path })
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Another node may already have put its own socket there; then this fails or removes a name that tools retry.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A request of a tool, and where its answer goes.
pub(in crate::drive) struct Ask {
    pub(in crate::drive) request: Request,
    pub(in crate::drive) answer: oneshot::Sender<Answer>,
}

/// The node's end of all tools.
pub(in crate::drive) struct Counter {
    asks: mpsc::Receiver<Ask>,
    sender: mpsc::Sender<Ask>,
    events: broadcast::Sender<Event>,
    _listener: Option<Listener>,
}

impl Counter {
    /// Opens for tools; without a listener none ever comes. To be used inside a tokio runtime.
    ///
    /// # Errors
    /// If the runtime does not take the socket.
    pub(in crate::drive) fn open(listener: Option<Listener>) -> io::Result<Counter> {
        let (asks, received) = mpsc::channel(WAITING);
        let (events, _) = broadcast::channel(LAG);
        if let Some(listener) = &listener {
            let socket = UnixListener::from_std(listener.listener.try_clone()?)?;
            tokio::spawn(accept(socket, asks.clone(), events.clone()));
        }
        Ok(Counter { asks: received, sender: asks, events, _listener: listener })
    }

    /// Where others may ask, too.
    pub(in crate::drive) fn asks(&self) -> mpsc::Sender<Ask> {
        self.sender.clone()
    }

    /// The next request.
    pub(in crate::drive) async fn next(&mut self) -> Option<Ask> {
        self.asks.recv().await
    }

    /// Tells every tool that watches.
    pub(super) fn publish(&self, event: Event) {
        // An error says that nobody watches.
        let _ = self.events.send(event);
    }
}

async fn accept(socket: UnixListener, asks: mpsc::Sender<Ask>, events: broadcast::Sender<Event>) {
    let places = Arc::new(Semaphore::new(TOOLS));
    while let Ok(place) = places.clone().acquire_owned().await {
        match socket.accept().await {
            Ok((stream, _)) => {
                let (asks, events) = (asks.clone(), events.clone());
                tokio::spawn(async move {
                    // A tool that sends nonsense, or goes, loses its own connection, nothing else.
                    let _ = Tool::new(stream, asks, events).serve().await;
                    drop(place);
                });
            }
            // Out of descriptors, perhaps: others will be closed.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
        }
    }
}

struct Tool {
    input: BufReader<OwnedReadHalf>,
    output: OwnedWriteHalf,
    asks: mpsc::Sender<Ask>,
    events: broadcast::Sender<Event>,
    watch: Option<broadcast::Receiver<Event>>,
}

/// What a tool's task wakes up for.
enum Wake {
    Line(usize),
    Event(Event),
}

impl Tool {
    fn new(stream: UnixStream, asks: mpsc::Sender<Ask>, events: broadcast::Sender<Event>) -> Tool {
        let (input, output) = stream.into_split();
        Tool { input: BufReader::new(input), output, asks, events, watch: None }
    }

    async fn serve(mut self) -> io::Result<()> {
        let mut line = Vec::new();
        loop {
            match self.wake(&mut line).await? {
                Wake::Event(event) => self.write(Answer::Event(event)).await?,
                Wake::Line(0) => return Ok(()),
                Wake::Line(_) if line.last() != Some(&b'\n') => return Err(io::ErrorKind::InvalidData.into()),
                Wake::Line(_) => {
                    let asked: Asked = serde_json::from_slice(&line)?;
                    line.clear();
                    let answer =
                        if asked.version == VERSION { self.ask(asked.request).await } else { Answer::Error(3) };
                    self.write(answer).await?;
                }
            }
        }
    }

    /// Waits for a whole line, or for something to tell. What was read of a line stays in `line`.
    async fn wake(&mut self, line: &mut Vec<u8>) -> io::Result<Wake> {
        let room = LINE_LIMIT.saturating_sub(line.len()) as u64;
        let mut limited = (&mut self.input).take(room);
        let watch = async {
            match &mut self.watch {
                Some(events) => events.recv().await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe)),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            read = limited.read_until(b'\n', line) => read.map(Wake::Line),
            event = watch => event.map(Wake::Event),
        }
    }

    async fn ask(&mut self, request: Request) -> Answer {
        if request == Request::Watch {
            self.watch = Some(self.events.subscribe());
            return Answer::Ok;
        }
        let (answer, answered) = oneshot::channel();
        // Where the node is gone nobody answers: "the library is not connected" in the words of the original.
        const GONE: Answer = Answer::Error(2);
        match self.asks.send(Ask { request, answer }).await {
            Ok(()) => answered.await.unwrap_or(GONE),
            Err(_) => GONE,
        }
    }

    async fn write(&mut self, answer: Answer) -> io::Result<()> {
        let mut text = serde_json::to_vec(&Answered { version: VERSION, answer })?;
        text.push(b'\n');
        self.output.write_all(&text).await
    }
}
