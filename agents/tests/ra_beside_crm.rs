//! What is told of agents beside what the released `crm ra` tells, for agents that are installed here: lists, and each agent's own text.
//!
//! Without `crm` it prints that it is skipped. Starting `crm` takes a while, so only every 40th agent is asked for; `METRONOME_RA_EVERY=1` asks for all.
#![cfg(feature = "process")]

use agents::process::{Listing, Places};
use agents::standard::{AgentName, Metadata, Standard, info};
use std::process::Command;

/// The text of a program, without colours.
fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).env("COLUMNS", "80").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    let mut plain = String::new();
    let mut pieces = text.split('\u{1b}');
    plain.push_str(pieces.next().unwrap_or_default());
    for piece in pieces {
        plain.push_str(piece.split_once('m').map_or(piece, |(_, rest)| rest));
    }
    Some(plain)
}

fn crm(arguments: &[&str]) -> Option<String> {
    said("crm", arguments)
}

/// The text of this project.
async fn own(places: &Places, name: &str) -> String {
    let agent = AgentName::parse(name).expect("a name");
    match places.metadata(&agent).await {
        Ok(text) => info::info(&agent, &Metadata::parse(&text).expect("a document")),
        Err(_) => format!("ERROR: {name}: got no meta-data, does this RA exist?\n"),
    }
}

/// What must be equal: of the fencer's own parameters the heads, because each program describes them in its own words; times of init scripts and
/// older plugins without the unit that newer releases write.
fn comparable(text: &str, name: &str) -> String {
    let mut lines = Vec::new();
    let mut described = false;
    for line in text.lines() {
        if line.starts_with("pcmk_") {
            described = true;
            lines.push(line.split(": ").next().unwrap_or_default().to_owned());
        } else if !(described && (line.is_empty() || line.starts_with("    "))) {
            described = false;
            let made_up = name.starts_with("lsb:") || name.starts_with("stonith:") && !name.contains(":fence_");
            lines.push(if made_up { line.replace("0s", "0").replace("5s", "5") } else { line.to_owned() });
        }
    }
    lines.join("\n").trim().to_owned()
}

#[tokio::test]
async fn the_same_is_told_of_every_agent() {
    let Some(classes) = crm(&["ra", "classes"]) else {
        println!("skipped: no crm here");
        return;
    };
    let places = Places::default();
    let listing = Listing::new(&places);
    let providers: Vec<&str> =
        classes.lines().find_map(|line| line.strip_prefix("ocf / ")).unwrap_or_default().split_whitespace().collect();
    let lists = providers.iter().map(|p| vec!["ocf", p]).chain([vec!["lsb"], vec!["stonith"]]);
    let mut agents = Vec::new();
    for list in lists.filter(|list| classes.contains(list[0])) {
        let arguments: Vec<&str> = ["ra", "list"].into_iter().chain(list.iter().copied()).collect();
        let text = crm(&arguments).expect("it ran before");
        let mut names = listing.agents(&Standard::parse(list[0]), list.get(1).copied());
        names.sort();
        names.dedup();
        assert_eq!(info::columns(&names, 80), text, "{arguments:?}");
        agents.extend(names.iter().map(|name| format!("{}:{name}", list.join(":"))));
    }
    let every = std::env::var("METRONOME_RA_EVERY").ok().and_then(|n| n.parse().ok()).unwrap_or(40_usize).max(1);
    let (mut same, mut left_out) = (0, Vec::new());
    for name in agents.iter().step_by(every) {
        let text = crm(&["ra", "info", name]).expect("it ran before");
        let own = own(&places, name).await;
        // It cannot read documents that declare their encoding, and drops what looks like a variable of a shell.
        if text.contains("Cannot parse meta-data XML") || own.contains("${") {
            left_out.push(name.as_str());
            continue;
        }
        assert_eq!(comparable(&own, name), comparable(&text, name), "{name}");
        same += 1;
    }
    println!("{same} of {} agents, every {every}th: the same; left out: {left_out:?}", agents.len());
}
