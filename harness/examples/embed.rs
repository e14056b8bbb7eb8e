//! A cluster of two inside one program: two threads, an in-memory network, and a service managed by a native agent.
//!
//! `cargo run -p harness --example embed`: both nodes form a ring, elect a coordinator and start the service once.

use agents::native::{Agent, Context, Progress, Registry};
use agents::standard::ExitStatus;
use harness::node::{Node, NodeConfig, Output, Stored, empty_cib};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const CONF: &str = "totem {\n version: 2\n transport: udpu\n token: 500\n}\n\
    quorum {\n provider: corosync_votequorum\n two_node: 1\n wait_for_all: 0\n}\n\
    nodelist {\n node {\n ring0_addr: 10.0.0.1\n name: left\n nodeid: 1\n }\n node {\n ring0_addr: 10.0.0.2\n name: right\n nodeid: 2\n }\n}\n";
const CRM: &str =
    "primitive counter ocf:demo:Counter op monitor interval=1s\nproperty stonith-enabled=false dc-deadtime=1s\n";

/// The service: while it runs, it counts once in the whole cluster.
struct Counter(Arc<AtomicUsize>, bool);

impl Agent for Counter {
    fn start(&mut self, _: &Context<'_>) -> Progress {
        if !std::mem::replace(&mut self.1, true) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
        ExitStatus::OK.into()
    }

    fn stop(&mut self, _: &Context<'_>) -> Progress {
        if std::mem::replace(&mut self.1, false) {
            self.0.fetch_sub(1, Ordering::SeqCst);
        }
        ExitStatus::OK.into()
    }

    fn monitor(&mut self, _: &Context<'_>) -> Progress {
        if self.1 { ExitStatus::OK } else { ExitStatus::NOT_RUNNING }.into()
    }
}

type Datagram = (SocketAddr, bytes::Bytes);

/// Drives one node until its deadline: every input is followed by carrying out all outputs, in order.
fn drive(
    name: &str,
    address: IpAddr,
    inbox: &Receiver<Datagram>,
    peer: &Sender<Datagram>,
    running: Arc<AtomicUsize>,
) -> String {
    let epoch = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let begin = Instant::now();
    let mut config = NodeConfig::new(name, &[address], CONF, epoch).expect("a valid configuration");
    let mut cib = empty_cib();
    cib_core::crmsh::configure(&mut cib, CRM).expect("valid text");
    config.initial_cib = Some(cib.write());
    let mut agents = Registry::default();
    agents.register("demo", "Counter", move |_| Box::new(Counter(running.clone(), false)));
    let mut node = Node::new(config, Stored::default(), begin.elapsed()).expect("a node");
    while begin.elapsed() < Duration::from_secs(6) {
        while let Some(output) = node.poll_output() {
            match output {
                Output::Transmit { datagram, .. } => {
                    let _ = peer.send((SocketAddr::new(address, 5405), datagram)); // the peer may have ended
                }
                Output::Run(call) => {
                    agents.begin(begin.elapsed(), &call);
                }
                Output::Kill { run, .. } => agents.kill(begin.elapsed(), run),
                Output::Remote { .. } => {}                    // no remote hosts
                Output::Persist(_) => {}                       // a node that must remember writes and syncs a file here
                Output::Member(_) | Output::Reply { .. } => {} // for tools, of which there are none here
                Output::Event(event) => println!("{:7.3}s {name}: {event}", begin.elapsed().as_secs_f64()),
                Output::Exit { .. } | Output::Reset => return node.status_text(begin.elapsed()),
            }
        }
        while let Some((run, exit)) = agents.poll(begin.elapsed()) {
            node.handle_exit(begin.elapsed(), run, exit);
        }
        let wait = node.poll_timeout().map_or(Duration::from_millis(50), |at| at.saturating_sub(begin.elapsed()));
        match inbox.recv_timeout(wait.min(Duration::from_millis(50))) {
            Ok((from, datagram)) => node.handle_datagram(begin.elapsed(), 0, from, datagram),
            Err(_) => node.handle_timeout(begin.elapsed()),
        }
    }
    node.status_text(begin.elapsed())
}

fn main() {
    let (to_left, left) = channel();
    let (to_right, right) = channel();
    let running = Arc::new(AtomicUsize::new(0));
    let (a, b) = (running.clone(), running.clone());
    let one = thread::spawn(move || drive("left", [10, 0, 0, 1].into(), &left, &to_right, a));
    let two = thread::spawn(move || drive("right", [10, 0, 0, 2].into(), &right, &to_left, b));
    let status = one.join().expect("the left node's thread");
    two.join().expect("the right node's thread");
    println!("\n{status}");
    assert_eq!(running.load(Ordering::SeqCst), 1, "the service runs exactly once");
}
