//! Meta-data of installed agents, read into types, against the tables of facts in the corpus.
//!
//! Agents that are not installed, or of another version than their table, are counted and printed, not compared.
#![cfg(feature = "process")]

use agents::process::{Found, Places};
use agents::standard::metadata::is_true;
use agents::standard::{AgentName, Metadata, Standard};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

fn corpus() -> Option<PathBuf> {
    let dir = std::env::var_os("METRONOME_CORPUS")
        .map_or_else(|| PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpus")), PathBuf::from);
    let dir = dir.join("agents");
    if dir.is_dir() {
        return Some(dir);
    }
    println!("skipped: no corpus at {}", dir.display());
    None
}

fn name_of(table: &Value) -> AgentName {
    let text = |field: &str| table[field].as_str();
    AgentName::new(text("class").expect("class"), text("provider"), text("type").expect("type"))
}

/// The facts about parameters and actions as the tables tell them.
fn facts(metadata: &Metadata) -> Value {
    let parameters: Vec<Value> = metadata
        .parameters
        .iter()
        .map(|p| {
            json!({
                "name": p.name, "type": p.content_type, "default": p.default, "required": p.required, "unique": p.unique,
                "deprecated": p.deprecated, "obsoletes": p.obsoletes, "reloadable": p.reloadable, "unique_group": p.unique_group,
            })
        })
        .collect();
    let actions: Vec<Value> = metadata
        .actions
        .iter()
        .map(|a| {
            json!({
                "name": a.name, "timeout": a.attribute("timeout"), "timeout_ms": a.milliseconds("timeout"),
                "interval": a.attribute("interval"), "interval_ms": a.milliseconds("interval"), "depth": a.attribute("depth"),
                "role": a.attribute("role"), "automatic": a.attribute("automatic").map(is_true),
                "on_target": a.attribute("on_target").map(is_true),
            })
        })
        .collect();
    json!({
        "api_version": metadata.api_version, "promotable": metadata.is_promotable(), "migratable": metadata.is_migratable(),
        "parameters": parameters, "actions": actions,
    })
}

/// The same facts from a table; what a table leaves out is false or null.
fn expected(table: &Value) -> Value {
    let flag = |entry: &Value, name: &str| entry[name].as_bool().unwrap_or(false);
    let list = |name: &str| table[name].as_array().cloned().unwrap_or_default();
    let parameters: Vec<Value> = list("parameters")
        .iter()
        .map(|p| {
            json!({
                "name": p["name"], "type": p["type"], "default": p["default"], "required": flag(p, "required"), "unique": flag(p, "unique"),
                "deprecated": flag(p, "deprecated"), "obsoletes": p["obsoletes"], "reloadable": flag(p, "reloadable"),
                "unique_group": p["unique_group"],
            })
        })
        .collect();
    let actions: Vec<Value> = list("actions")
        .iter()
        .map(|a| {
            json!({
                "name": a["name"], "timeout": a["timeout"], "timeout_ms": a["timeout_ms"], "interval": a["interval"],
                "interval_ms": a["interval_ms"], "depth": a["depth"], "role": a["role"], "automatic": a["automatic"],
                "on_target": a["on_target"],
            })
        })
        .collect();
    json!({
        "api_version": table["api_version"], "promotable": flag(table, "promotable"), "migratable": flag(table, "migratable"),
        "parameters": parameters, "actions": actions,
    })
}

/// Where two values differ, in words; defaults that hold the agent's name or the host's are compared by their presence only.
fn differences(at: &str, ours: &Value, theirs: &Value, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Value::Object(a), Value::Object(_)) => {
            for (key, value) in a {
                differences(&format!("{at}.{key}"), value, &theirs[key], found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (x, y)) in a.iter().zip(b).enumerate() {
                differences(&format!("{at}[{n}]"), x, y, found);
            }
        }
        _ if ours == theirs => {}
        _ if at.ends_with(".default") && ours.is_string() && theirs.is_string() => {}
        _ => found.push(format!("{at}: {ours} for {theirs}")),
    }
}

#[tokio::test]
async fn installed_agents_say_what_their_tables_say() {
    let Some(dir) = corpus() else { return };
    let places = Places::default();
    let (mut compared, mut absent, mut other_version) = (0, Vec::new(), Vec::new());
    let mut wrong = Vec::new();
    let mut files: Vec<PathBuf> = fs::read_dir(dir).expect("readable").flatten().map(|e| e.path()).collect();
    files.sort();
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "json")) {
        let table: Value = serde_json::from_str(&fs::read_to_string(file).expect("readable")).expect("a table");
        let agent = name_of(&table);
        // The installed ocf:pacemaker agents are of another generation than their tables; two fence_dummy agents share a name.
        let source = table["source"].as_str().unwrap_or_default();
        if source.starts_with("pacemaker") {
            other_version.push(agent.to_string());
            continue;
        }
        if !matches!(places.find(&agent), Found::Program(_)) {
            absent.push(agent.to_string());
            continue;
        }
        // Fence agents as they print it themselves, before the cluster's changes.
        let text = match places.metadata(&agent).await {
            Ok(text) => text,
            Err(error) => {
                println!("skipped: {error}");
                absent.push(agent.to_string());
                continue;
            }
        };
        let metadata = Metadata::parse(&text).expect("well formed");
        let (mut ours, mut theirs) = (facts(&metadata), expected(&table));
        if agent.standard == Standard::Stonith {
            let added = |a: &Value| matches!(a["name"].as_str(), Some("start" | "stop"));
            for side in [&mut ours, &mut theirs] {
                side["actions"].as_array_mut().expect("a list").retain(|a| !added(a));
                for p in side["parameters"].as_array_mut().expect("a list") {
                    if matches!(p["name"].as_str(), Some("action" | "plug" | "port")) {
                        p["required"] = json!(false);
                    }
                }
            }
        }
        let mut found = Vec::new();
        differences(&agent.to_string(), &ours, &theirs, &mut found);
        compared += 1;
        wrong.extend(found);
    }
    println!("compared: {compared}; another version: {}; not installed: {}", other_version.len(), absent.join(" "));
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
