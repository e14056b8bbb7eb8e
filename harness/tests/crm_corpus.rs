//! The corpus of the `crm` shell: every case that runs commands, as a whole program on a CIB in a file.
//!
//! The cases are looked for in `$METRONOME_CORPUS/crmsh` or `../shared/corpus/crmsh`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cib_core::xml::{Document, NodeIx};

fn corpus() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let corpus = std::env::var_os("METRONOME_CORPUS").map_or_else(|| root.join("../shared/corpus"), PathBuf::from);
    let corpus = corpus.join("crmsh");
    if !corpus.join("cases.tsv").is_file() {
        println!("skipped: no corpus at {}", corpus.display());
        return None;
    }
    if !Path::new("/usr/lib/ocf/resource.d/heartbeat/Dummy").is_file() {
        println!("skipped: the resource agents that the cases use are not installed");
        return None;
    }
    Some(corpus)
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

/// The text without what the configuration checker says, which is not the shell's own.
fn own_lines(text: &str) -> Vec<&str> {
    let checker = |line: &str| {
        ["WARNING: (", "ERROR: (", "ERROR: INFO: ", "ERROR: DEBUG: "].iter().any(|start| line.starts_with(start))
            || ["crm_verify", "Relax-NG", "Element ", "Invalid ", "got no meta-data, does this RA exist?"]
                .iter()
                .any(|part| line.contains(part))
    };
    text.lines().filter(|line| !checker(line)).collect()
}

/// Which of the outputs of a case are not equal.
fn differences(corpus: &Path, name: &str, mode: &str, base: &str, exit: &str) -> Vec<&'static str> {
    let folder = tempfile::tempdir().expect("a folder");
    let cib = folder.path().join("cib.xml");
    let copy = |from: PathBuf, to: &str| fs::copy(from, folder.path().join(to)).expect("a copy");
    copy(corpus.join("base").join(format!("{base}.xml")), "cib.xml");
    copy(corpus.join(format!("{name}.crm")), "in.crm");
    for text in ["more.crm", "other.crm", "props.crm"] {
        copy(corpus.join("base").join(text), text);
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_metronome"));
    command.arg("crm").current_dir(folder.path()).env("CIB_file", &cib).env("LC_ALL", "C.UTF-8").stdin(Stdio::null());
    match mode {
        "load" => command.args(["-F", "-D", "plain", "configure", "load", "update", "in.crm"]),
        "script" => command.args(["-F", "-D", "plain", "-f", "in.crm"]),
        _ => command.args(["-D", "plain", "-f", "in.crm"]),
    };
    let output = command.output().expect("the program runs");
    let expected = |kind: &str| fs::read_to_string(corpus.join(format!("{name}.{kind}"))).expect("an expected output");
    let mut different = Vec::new();
    let result = Document::parse(&fs::read_to_string(&cib).expect("the CIB")).expect("the CIB is XML");
    let wanted = expected("cib.xml");
    // A time that depends on the clock is marked in the expected document.
    let wanted = Document::parse(&wanted).expect("expected XML");
    let clock = wanted.descendants(wanted.root()).any(|node| wanted.attrs(node).any(|(_, value)| value == "@END@"));
    let own = result.child(result.root(), "configuration").expect("a configuration");
    if !clock && !equal(&result, own, &wanted, wanted.root()) {
        different.push("cib");
    }
    if output.status.code() != exit.parse().ok() {
        different.push("exit");
    }
    for (kind, bytes) in [("out", &output.stdout), ("err", &output.stderr)] {
        if own_lines(&String::from_utf8_lossy(bytes)) != own_lines(&expected(kind)) {
            different.push(if kind == "out" { "out" } else { "err" });
        }
    }
    different
}

#[test]
fn the_shell_leaves_the_same_configuration_and_status() {
    let Some(corpus) = corpus() else { return };
    let table = fs::read_to_string(corpus.join("cases.tsv")).expect("cases.tsv");
    let mut count = 0;
    let mut unequal: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let [name, mode, base, exit, ..] = fields[..] else { panic!("a short line: {line}") };
        if mode == "parse" {
            continue;
        }
        count += 1;
        for kind in differences(&corpus, name, mode, base, exit) {
            unequal.entry(kind).or_default().push(name.to_owned());
        }
    }
    for kind in ["cib", "exit", "out", "err"] {
        let names = unequal.get(kind).cloned().unwrap_or_default();
        println!("{kind}: {}/{count} equal; not: {}", count - names.len(), names.join(" "));
    }
    assert!(!unequal.contains_key("cib"), "configurations differ: {:?}", unequal["cib"]);
    assert!(!unequal.contains_key("exit"), "exit statuses differ: {:?}", unequal["exit"]);
}
