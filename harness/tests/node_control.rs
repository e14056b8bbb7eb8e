//! A whole node on a real socket, with real files, an agent of the test's own, and tools at its control socket.

#![cfg(all(feature = "drive", feature = "shell"))]

use cib_core::cib::{Operation, Request as CibRequest};
use cib_core::xml::Document;
use harness::drive::cluster::{Answer as Said, Request as Ask};
use harness::drive::control::{Answer, Client, Event, MapName, Request, TypedValue};
use harness::drive::desk::Desk;
use harness::drive::node::{Adapters, Clock, Disk, DriveError, Listener, OnReset, drive};
use harness::drive::transport::{Transport, host_called};
use harness::node::{Node, NodeConfig, empty_cib};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use totem_core::config::{Config, Mode};

/// An agent that remembers in a file whether it runs.
const AGENT: &str = "#!/bin/sh\nfile=$OCF_RESKEY_file\ncase $1 in\n start) touch \"$file\";;\n stop) rm -f \"$file\";;\n \
    monitor) [ -e \"$file\" ] || exit 7;;\n *) exit 3;;\nesac\n";

struct Running {
    folder: PathBuf,
    thread: JoinHandle<Result<(), DriveError>>,
}

impl Running {
    /// Starts the node that lives in a folder.
    fn start(folder: &Path) -> Running {
        let provider = folder.join("ocf/resource.d/demo");
        std::fs::create_dir_all(&provider).unwrap();
        std::fs::write(provider.join("Thing"), AGENT).unwrap();
        std::fs::set_permissions(provider.join("Thing"), PermissionsExt::from_mode(0o755)).unwrap();
        let place = folder.to_owned();
        let thread = thread::spawn(move || run(&place));
        let running = Running { folder: folder.to_owned(), thread };
        wait("the socket", || running.socket().exists());
        running
    }

    fn socket(&self) -> PathBuf {
        self.folder.join("socket")
    }

    fn client(&self) -> Client {
        let mut client = Client::connect(&self.socket()).unwrap();
        client.set_patience(Duration::from_secs(30)).unwrap();
        client
    }

    fn ask(&self, ask: Ask) -> Said {
        match self.client().ask(Request::Cluster(ask)).unwrap() {
            Answer::Cluster(said) => said,
            other => panic!("{other:?}"),
        }
    }

    fn cib(&self, request: CibRequest) -> (i32, Option<Document>) {
        match self.ask(Ask::Cib { command: request.to_message().write() }) {
            Said::Cib { code, output } => (code, output.map(|text| Document::parse(&text).unwrap())),
            other => panic!("{other:?}"),
        }
    }

    /// Merges into a section of the configuration.
    fn merge(&self, section: &str, xml: &str) -> i32 {
        let request = CibRequest::new(Operation::Modify)
            .section(section)
            .options(cib_core::cib::CallOptions::MAY_CREATE)
            .input(Document::parse(xml).unwrap());
        self.cib(request).0
    }

    fn status(&self) -> harness::drive::cluster::NodeReport {
        match self.ask(Ask::Status) {
            Said::Status(report) => report,
            other => panic!("{other:?}"),
        }
    }

    fn leave(self) -> Result<(), DriveError> {
        assert_eq!(self.ask(Ask::Leave), Said::Accepted);
        self.thread.join().unwrap()
    }
}

fn run(folder: &Path) -> Result<(), DriveError> {
    let port = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let conf = format!(
        "totem {{\n version: 2\n transport: udpu\n interface {{\n  linknumber: 0\n  mcastport: {port}\n }}\n}}\n\
         quorum {{\n provider: corosync_votequorum\n}}\nnodelist {{\n node {{\n  ring0_addr: 127.0.0.1\n  name: only\n  nodeid: 1\n }}\n}}\n"
    );
    let host = host_called("only");
    let config = Config::read(&conf, Mode::default(), &host).unwrap();
    let mut cib = empty_cib();
    cib_core::crmsh::configure(&mut cib, "property stonith-enabled=false dc-deadtime=1s\n").unwrap();
    let mut disk = Disk::open(folder.join("state")).unwrap();
    let (transport, links) = Transport::open(&config).unwrap();
    let clock = Clock::default();
    let life = disk.begin_life().unwrap();
    let node_config = NodeConfig {
        life,
        seed: life.into(),
        initial_cib: Some(cib.write()),
        links,
        ..NodeConfig::of(config.clone(), "only", clock.epoch())
    };
    let node = Node::new(node_config, disk.stored().unwrap(), clock.now()).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let places = agents::process::Places { ocf_path: vec![folder.join("ocf/resource.d")], ..Default::default() };
    runtime.block_on(drive(
        node,
        Adapters {
            clock,
            transport,
            disk,
            places,
            desk: Desk::new(config),
            control: Some(Listener::open(folder.join("socket")).unwrap()),
            remote_key: None,
            log: Box::new(|line| println!("{line}")),
            reread: Box::new(|| Err("there is only one".to_owned())),
            stop: Box::pin(std::future::pending()),
            on_reset: OnReset::End,
        },
    ))
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !done() {
        assert!(Instant::now() < end, "{what}: not within a minute");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_node_runs_resources_answers_tools_remembers_and_leaves_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let thing = folder.path().join("thing");
    let running = Running::start(folder.path());
    wait("a ring with a CIB", || running.status().synchronized);

    // the ring's tools
    let Answer::Quorum(report) = running.client().ask(Request::Quorum).unwrap() else { panic!("no report") };
    assert!(report.quorate);
    let mut watcher = running.client();
    assert_eq!(watcher.ask(Request::Watch).unwrap(), Answer::Ok);
    let value = TypedValue { kind: "str".into(), value: "here".into() };
    let set = Request::Set { key: "my.key".into(), value: value.clone() };
    assert_eq!(running.client().ask(set).unwrap(), Answer::Ok);
    loop {
        match watcher.next_answer().unwrap() {
            Answer::Event(Event::Key { key, new, .. }) if key == "my.key" => break assert_eq!(new, Some(value)),
            Answer::Event(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let get = Request::Get { map: MapName::Icmap, keys: vec!["my.key".into()] };
    assert!(matches!(running.client().ask(get).unwrap(), Answer::Keys(keys) if keys.len() == 1));

    // a change is durable when it is answered
    let xml = format!(
        "<resources><primitive id='t' class='ocf' provider='demo' type='Thing'><instance_attributes id='t-i'><nvpair id='t-f' name='file' value='{}'/></instance_attributes></primitive></resources>",
        thing.display()
    );
    assert_eq!(running.merge("resources", &xml), 0);
    assert!(std::fs::read_to_string(folder.path().join("state/cib.xml")).unwrap().contains("demo"));
    wait("the agent's start", || thing.exists());

    // refusals
    assert_ne!(running.merge("resources", "<resources><nonsense id='x'/></resources>"), 0);
    assert!(matches!(running.ask(Ask::Cib { command: "no xml".into() }), Said::Refused { .. }));
    assert!(matches!(running.ask(Ask::Standby { node: "who".into(), on: true }), Said::Refused { .. }));
    assert!(matches!(running.ask(Ask::Fence { target: "only".into(), action: "dance".into() }), Said::Refused { .. }));
    let mut rude = UnixStream::connect(running.socket()).unwrap();
    rude.write_all(b"{\"version\":\n").unwrap();
    assert_eq!(rude.read(&mut [0; 8]).unwrap(), 0, "who sends nonsense is let go");
    assert!(running.status().quorate, "and nobody else is");

    // attributes, standby
    let attribute = |value: Option<&str>| Ask::SetAttribute {
        node: None,
        name: "colour".into(),
        value: value.map(str::to_owned),
        delay_ms: None,
        permanent: false,
    };
    assert_eq!(running.ask(attribute(Some("red"))), Said::Accepted);
    wait("the attribute", || match running.ask(Ask::Attributes { name: Some("colour".into()), node: None }) {
        Said::Attributes(rows) => rows.iter().any(|row| row.node == "only" && row.value.as_deref() == Some("red")),
        other => panic!("{other:?}"),
    });
    assert_eq!(running.ask(Ask::Standby { node: "only".into(), on: true }), Said::Accepted);
    wait("the agent's stop", || !thing.exists());
    assert_eq!(running.ask(Ask::Standby { node: "only".into(), on: false }), Said::Accepted);
    wait("the agent's start", || thing.exists());
    wait("rest", || running.status().idle);
    assert_eq!(running.status().dc.as_deref(), Some("only"));

    // leaving, and coming back with what was configured
    running.leave().unwrap();
    assert!(!thing.exists(), "resources stop before the node leaves");
    assert!(!folder.path().join("socket").exists());
    let running = Running::start(folder.path());
    wait("the agent's start after a restart", || thing.exists());
    running.leave().unwrap();
}

#[test]
fn a_node_that_cannot_write_ends_instead_of_saying_what_it_cannot_remember() {
    let folder = tempfile::tempdir().unwrap();
    let running = Running::start(folder.path());
    wait("a ring with a CIB", || running.status().synchronized);
    // In the way of the next document: a directory cannot be opened for writing, whoever asks.
    std::fs::create_dir(folder.path().join("state/cib.new")).unwrap();
    let xml = "<crm_config><cluster_property_set id='s'><nvpair id='s-v' name='v' value='1'/></cluster_property_set></crm_config>";
    let request = CibRequest::new(Operation::Modify)
        .section("crm_config")
        .options(cib_core::cib::CallOptions::MAY_CREATE)
        .input(Document::parse(xml).unwrap());
    let command = request.to_message().write();
    let answer = running.client().ask(Request::Cluster(Ask::Cib { command }));
    assert!(!matches!(answer, Ok(Answer::Cluster(Said::Cib { code: 0, .. }))), "acknowledged: {answer:?}");
    let end = running.thread.join().unwrap();
    assert!(matches!(end, Err(DriveError::Disk(_))), "{end:?}");
    assert_eq!(end.unwrap_err().exit_code(), 1);
}
