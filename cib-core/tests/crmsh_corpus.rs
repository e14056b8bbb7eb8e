//! The corpus of the crm language: text to CIB, and CIB to text.
//!
//! The cases are looked for in `$METRONOME_CORPUS/crmsh` or `../shared/corpus/crmsh`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use cib_core::crmsh::{AgentAction, AgentMetaData, AgentParameter, Agents, Configuration, Method, Preferences};
use cib_core::xml::{Document, NodeIx};

/// The agents that the cases use.
struct CorpusAgents;

impl Agents for CorpusAgents {
    fn providers(&self, agent: &str) -> Vec<String> {
        let providers: &[&str] = match agent {
            "Dummy" | "Stateful" | "SysInfo" | "ClusterMon" => &["heartbeat", "pacemaker"],
            "remote" => &["pacemaker"],
            _ => &["heartbeat"],
        };
        providers.iter().map(|name| (*name).to_owned()).collect()
    }

    fn meta_data(&self, class: &str, provider: Option<&str>, agent: &str) -> Option<AgentMetaData> {
        let names: &[&str] = match (class, provider, agent) {
            ("ocf", Some("heartbeat"), "IPaddr2") => &["ip", "nic", "cidr_netmask", "run_arping"],
            ("ocf", Some(_), "Dummy") => &["state", "fake"],
            _ => return None,
        };
        let parameters =
            names.iter().map(|name| AgentParameter { name: (*name).to_owned(), ..AgentParameter::default() }).collect();
        let action =
            |name: &str| AgentAction { name: name.to_owned(), advised: vec![("timeout".to_owned(), "20s".to_owned())] };
        Some(AgentMetaData { parameters, actions: vec![action("start"), action("stop"), action("monitor")] })
    }
}

fn corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let corpus = std::env::var_os("METRONOME_CORPUS").map_or_else(|| root.join("../shared/corpus"), PathBuf::from);
    let corpus = corpus.join("crmsh");
    if corpus.join("cases.tsv").is_file() {
        return Some(corpus);
    }
    println!("skipped: no corpus at {}", corpus.display());
    None
}

struct Case {
    name: String,
    mode: String,
    base: String,
    exit: i32,
}

fn cases(corpus: &Path, modes: &[&str]) -> Vec<Case> {
    let table = fs::read_to_string(corpus.join("cases.tsv")).expect("cases.tsv");
    let lines = table.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, mode, base, exit, ..] = fields[..] else { panic!("a short line: {line}") };
        Case { name: name.into(), mode: mode.into(), base: base.into(), exit: exit.parse().expect("exit status") }
    });
    lines.filter(|case| modes.contains(&case.mode.as_str())).collect()
}

fn read(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn equal(a: &Document, x: NodeIx, b: &Document, y: NodeIx) -> bool {
    let attributes = |doc: &Document, node| -> BTreeMap<String, String> {
        doc.attrs(node).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    };
    let (left, right): (Vec<_>, Vec<_>) = (a.children(x).collect(), b.children(y).collect());
    a.name(x) == b.name(y)
        && attributes(a, x) == attributes(b, y)
        && left.len() == right.len()
        && left.into_iter().zip(right).all(|(x, y)| equal(a, x, b, y))
}

fn open(doc: &Document) -> Configuration<'static> {
    let preferences = Preferences { ascii: true, ..Preferences::default() };
    Configuration::with_agents(doc, &CorpusAgents, preferences)
}

/// Text to CIB: the configuration after loading the text; the exit status; for what the text of the session shows.
#[test]
fn text_to_cib() {
    let Some(corpus) = corpus() else { return };
    let cases = cases(&corpus, &["load", "parse"]);
    let mut failed = Vec::new();
    for case in &cases {
        let base = Document::parse(&read(corpus.join("base").join(format!("{}.xml", case.base)))).expect("base");
        let mut copy = open(&base);
        copy.take_messages();
        let done = copy.load(&read(corpus.join(format!("{}.crm", case.name))), Method::Update);
        let mut result = base.clone();
        if done {
            copy.commit(&mut result);
        }
        let expected = Document::parse(&read(corpus.join(format!("{}.cib.xml", case.name)))).expect("cib.xml");
        let own = result.child(result.root(), "configuration").expect("configuration");
        // In mode `parse` only the commands after the load decide the status.
        let status = case.mode == "parse" || done == (case.exit == 0);
        if !equal(&result, own, &expected, expected.root()) || !status {
            failed.push(case.name.clone());
            if std::env::var_os("SHOW_DIFFERENCES").is_some() {
                println!("== {} done {done}\n{}", case.name, result.write_node(own, cib_core::xml::Style::Pretty));
                copy.take_messages().iter().for_each(|message| println!("{message}"));
            }
        }
    }
    println!("text to CIB: {}/{} equal", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty(), "not equal: {failed:?}");
}

/// The text with quoted times replaced by the mark that stands for them in the stored configuration.
fn with_end_mark(text: &str) -> String {
    let parts: Vec<&str> = text.split('"').collect();
    let marked = parts.iter().map(|part| if part.len() == 20 && part.ends_with('Z') { "@END@" } else { part });
    marked.collect::<Vec<_>>().join("\"")
}

/// CIB to text: what `show` prints of the configuration of every case, whatever made it.
#[test]
fn cib_to_text() {
    let Some(corpus) = corpus() else { return };
    let cases = cases(&corpus, &["load", "parse", "script", "script-ask"]);
    let mut failed = Vec::new();
    for case in &cases {
        let base = read(corpus.join("base").join(format!("{}.xml", case.base)));
        let configuration = read(corpus.join(format!("{}.cib.xml", case.name)));
        let base = Document::parse(&base).expect("base");
        let schema = base.attr(base.root(), "validate-with").unwrap_or_default();
        // The corpus keeps the configuration alone; the schema is in the base.
        let text = format!("<cib validate-with='{schema}'>{configuration}</cib>");
        let doc = Document::parse(&text).expect("cib.xml");
        let mut copy = open(&doc);
        if case.mode == "parse" {
            // Shown in the session that loaded the text.
            copy = open(&base);
            copy.load(&read(corpus.join(format!("{}.crm", case.name))), Method::Update);
        }
        let shown = copy.show();
        let mut expected = read(corpus.join(format!("{}.show", case.name)));
        if configuration.contains("@END@") {
            expected = with_end_mark(&expected);
        }
        if shown != expected {
            failed.push(case.name.clone());
            if std::env::var_os("SHOW_DIFFERENCES").is_some() {
                println!("== {}\n{shown}-- expected\n{expected}", case.name);
            }
        }
    }
    println!("CIB to text: {}/{} equal", cases.len() - failed.len(), cases.len());
    assert!(failed.is_empty(), "not equal: {failed:?}");
}
