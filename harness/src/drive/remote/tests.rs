//! Connections over loopback.

use super::*;
use crate::drive::cluster::{Answer, Request};
use crate::drive::control;
use crate::drive::node::{Ask, Clock};
use crate::node::{RemoteEvent, RemoteOutput};
use agents::process::Places;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

async fn pair(
    one: Key,
    other: Key,
) -> (Result<Halves, channel::HandshakeError>, Result<Halves, channel::HandshakeError>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let accept = async { channel::accept(listener.accept().await.unwrap().0, &other).await };
    let connect = async { channel::connect(TcpStream::connect(address).await.unwrap(), &one).await };
    tokio::join!(connect, accept)
}

type Halves = (channel::Sender, channel::Receiver);

#[test]
fn messages_of_all_sizes_arrive_whole_and_in_order() {
    runtime().block_on(async {
        let (one, other) = pair(Key::new(b"a secret"), Key::new(b"a secret")).await;
        let ((mut to, _keep), (_keep_too, mut from)) = (one.unwrap(), other.unwrap());
        let sizes = [0, 1, 65_000, 65_518, 65_519, 1_000_000];
        let send = async {
            for size in sizes {
                to.send(&vec![size as u8; size]).await.unwrap();
            }
            assert!(to.send(&vec![0; channel::MESSAGE_LIMIT + 1]).await.is_err());
        };
        let receive = async {
            for size in sizes {
                assert_eq!(from.receive().await.unwrap(), vec![size as u8; size]);
            }
        };
        tokio::join!(send, receive);
    });
}

#[test]
fn another_key_is_told_apart_from_silence() {
    runtime().block_on(async {
        let (one, other) = pair(Key::new(b"a secret"), Key::new(b"another")).await;
        assert!(matches!(one, Err(channel::HandshakeError::OtherKey)));
        assert!(matches!(other, Err(channel::HandshakeError::OtherKey)));
    });
}

#[test]
fn a_key_file_has_a_length() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("authkey");
    assert!(Key::read(&path).unwrap_err().to_string().contains("authkey"));
    std::fs::write(&path, [7; 15]).unwrap();
    assert!(Key::read(&path).unwrap_err().to_string().ends_with("a key has 16 to 65536 bytes, not 15"));
    std::fs::write(&path, [7; 16]).unwrap();
    assert_eq!(Key::read(&path).unwrap(), Key::new(&[7; 16]));
}

/// A host with nothing on it, and how to end it.
fn host(key: &Key) -> (SocketAddr, tokio::sync::oneshot::Sender<()>) {
    let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let io = HostAdapters {
        clock: Clock::default(),
        listener,
        key: key.clone(),
        places: Places::default(),
        control: None,
        log: Box::new(|_| {}),
        stop: Box::pin(async {
            let _ = ended.await;
        }),
        abandon: Box::pin(std::future::pending()),
    };
    tokio::task::spawn_local(async { serve(io).await.unwrap() });
    (address, end)
}

async fn event(connections: &mut Connections) -> RemoteEvent {
    tokio::time::timeout(Duration::from_secs(20), connections.next()).await.unwrap().1
}

fn to(address: SocketAddr) -> RemoteOutput {
    RemoteOutput::Connect { address: address.ip().to_string(), port: address.port() }
}

#[test]
fn a_node_connects_and_a_host_that_leaves_asks_to_shut_down() {
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime(), async {
        let key = Key::new(b"a secret of some length");
        let (asks, mut asked) = tokio::sync::mpsc::channel(8);
        let mut connections = Connections::new(Some(key.clone()), asks);
        let (address, end) = host(&key);
        connections.carry_out("r1", to(address));
        assert_eq!(event(&mut connections).await, RemoteEvent::Connected);
        connections.carry_out("r1", RemoteOutput::Send(crate::node::remote_hello()));
        assert!(matches!(event(&mut connections).await, RemoteEvent::Message(_)));
        end.send(()).unwrap();
        let Ask { request, answer } = asked.recv().await.unwrap();
        let control::Request::Cluster(Request::SetAttribute { node, name, value, .. }) = request else { panic!() };
        assert_eq!((node.as_deref(), name.as_str()), (Some("r1"), "shutdown"));
        assert!(value.unwrap().parse::<u64>().unwrap() > 1_000_000_000);
        answer.send(control::Answer::Cluster(Answer::Accepted)).unwrap();
        // The cluster stops the connection; the host has nothing left to wait for.
        connections.carry_out("r1", RemoteOutput::Disconnect);
        connections.carry_out("r2", to(address));
        loop {
            match event(&mut connections).await {
                RemoteEvent::Refused { bad_key } => break assert!(!bad_key),
                // It had not ended yet.
                RemoteEvent::Connected | RemoteEvent::Closed => connections.carry_out("r2", to(address)),
                RemoteEvent::Message(_) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn a_node_without_the_key_is_refused() {
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime(), async {
        let (asks, _asked) = tokio::sync::mpsc::channel(8);
        let (address, _end) = host(&Key::new(b"a secret of some length"));
        for key in [None, Some(Key::new(b"another of some length"))] {
            let mut connections = Connections::new(key, asks.clone());
            connections.carry_out("r1", to(address));
            assert_eq!(event(&mut connections).await, RemoteEvent::Refused { bad_key: true });
        }
    });
}
