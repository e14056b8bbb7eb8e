//! The `crm` shell and the status display.
//!
//! The shell works on a CIB in a file, named by `-c FILE`, `--cib FILE` or the environment variable `CIB_file`; without one, on the node that
//! runs here (`metronome node`), behind `--socket PATH` or the environment variable `METRONOME_SOCKET`. Its words, messages and exit statuses are
//! those of the `crm` that administrators know.

mod agents;
mod attributes;
mod cibstatus;
mod commit;
mod complete;
mod configure;
mod graph;
mod help;
mod invocation;
mod levels;
mod live;
mod load;
mod migrate;
mod monitor;
mod node;
mod options;
mod others;
mod resource;
mod session;
mod shadow;
mod status;
mod store;
mod trace;

use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;

use invocation::Invocation;
use session::Session;
use store::Store;

/// `crm`: the cluster shell.
pub fn crm(args: &[String]) -> ExitCode {
    let invocation = match Invocation::parse(args) {
        Ok(invocation) => invocation,
        Err(text) => {
            eprintln!("{text}");
            return ExitCode::from(2);
        }
    };
    if let Some(answer) = &invocation.answer {
        print!("{answer}");
        return ExitCode::SUCCESS;
    }
    // `-c` names a shadow or, where there is no such one, a file.
    let named = invocation.cib.clone();
    let shadow = named.clone().filter(|name| !name.contains('/') && shadow::file(name).is_file());
    let path =
        named.filter(|_| shadow.is_none()).or_else(|| std::env::var("CIB_file").ok().filter(|path| !path.is_empty()));
    let store = Store::new(path, invocation.socket.as_deref());
    let mut session = Session::new(store, invocation.force, invocation.no);
    let shadow = shadow.or_else(|| std::env::var("CIB_shadow").ok().filter(|name| !name.is_empty()));
    session.store.use_shadow(shadow, None);
    if invocation.wait {
        session.set_option("core.wait", "yes");
    }
    for (name, value) in &invocation.options {
        session.set_option(name, value);
    }
    if let Some(line) = &invocation.complete {
        session.completion().complete(line).1.iter().for_each(|word| println!("{word}"));
        return ExitCode::SUCCESS;
    }
    if !invocation.words.is_empty() {
        let line: Vec<String> = invocation.words.iter().map(|word| requoted(word)).collect();
        session.run_one_shot(&line.join(" "));
        if session.is_at_root() {
            return session.finish();
        }
    }
    match invocation.file.as_deref() {
        Some("-") => batch_from_stdin(&mut session),
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => session.run_batch(&text),
            Err(error) => {
                eprintln!("ERROR: could not open {path}: {error}");
                return ExitCode::from(2);
            }
        },
        None if std::io::stdin().is_terminal() => return interactive(session),
        None => batch_from_stdin(&mut session),
    }
    session.finish()
}

/// A word of the command line as part of a line: quoted again where it holds a blank.
fn requoted(word: &str) -> String {
    match (word.contains(' '), word.contains('"'), word.contains('\'')) {
        (true, false, _) => format!("\"{word}\""),
        (true, true, false) => format!("'{word}'"),
        _ => word.to_owned(),
    }
}

fn batch_from_stdin(session: &mut Session) {
    let mut text = String::new();
    if std::io::stdin().lock().read_to_string(&mut text).is_ok() {
        session.run_batch(&text);
    }
}

/// A session at a terminal.
fn interactive(mut session: Session) -> ExitCode {
    session.interactive = true;
    let Ok(config) = rustyline::Config::builder().max_history_size(100) else { return ExitCode::FAILURE };
    let config = config.completion_type(rustyline::CompletionType::List).build();
    let Ok(mut editor) =
        rustyline::Editor::<complete::Completion, rustyline::history::DefaultHistory>::with_config(config)
    else {
        return ExitCode::FAILURE;
    };
    let mut line = String::new();
    while !session.is_over() {
        editor.set_helper(Some(session.completion()));
        let prompt = if line.is_empty() { session.prompt() } else { "   > ".to_owned() };
        match editor.readline(&prompt) {
            Ok(text) => {
                let text = text.trim();
                let kept = text.trim_end_matches('\\');
                line.push_str(kept);
                if kept.len() == text.len() {
                    let _ = editor.add_history_entry(&line);
                    session.run_line(&core::mem::take(&mut line));
                }
            }
            Err(rustyline::error::ReadlineError::Interrupted) => {
                println!("Ctrl-C, leaving");
                return ExitCode::FAILURE;
            }
            Err(_) => break,
        }
    }
    session.leave_all();
    println!("bye");
    ExitCode::SUCCESS
}

/// `crm_mon`: show the status of a cluster.
pub fn crm_mon(args: &[String]) -> ExitCode {
    monitor::crm_mon(args)
}

/// Reads an answer to a question from the terminal.
fn read_answer(question: &str) -> bool {
    loop {
        eprint!("{question} (y/n)? ");
        let mut answer = String::new();
        match std::io::stdin().lock().read_line(&mut answer) {
            Ok(0) | Err(_) => return false,
            Ok(_) => match answer.trim_start().chars().next() {
                Some('y' | 'Y') => return true,
                Some('n' | 'N') => return false,
                _ => {}
            },
        }
    }
}
