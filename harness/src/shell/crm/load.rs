//! Texts from and to files: `load`, `save`, `edit`, `filter` [SH-11].

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use cib_core::crmsh::{Method, Selection};
use cib_core::xml::Document;

use super::configure::words;
use super::session::Session;

fn read_text(path: &str) -> Result<String, String> {
    let mut text = String::new();
    let read = match path {
        "-" => std::io::stdin().lock().read_to_string(&mut text).map(|_| ()),
        path => std::fs::read_to_string(path).map(|found| text = found),
    };
    read.map(|()| text).map_err(|error| {
        let reason = match error.raw_os_error() {
            Some(code) => {
                let full = error.to_string();
                let words = full.split(" (os error").next().unwrap_or_default();
                format!("[Errno {code}] {words}: '{path}'")
            }
            None => error.to_string(),
        };
        format!("could not open {path}: {reason}")
    })
}

pub(super) fn load(session: &mut Session, arguments: &[String]) -> bool {
    let xml = arguments.first().is_some_and(|word| word == "xml");
    let wanted = if xml { 3 } else { 2 };
    if arguments.len() != wanted {
        let given = if arguments.len() < wanted { arguments.len().saturating_sub(1) } else { arguments.len() };
        return session.fail(&format!("Expected {wanted} arguments ({given} given)"));
    }
    let (method, path) = (&arguments[wanted - 2], &arguments[wanted - 1]);
    let kind = match method.as_str() {
        "update" => Method::Update,
        "replace" => Method::Replace,
        "push" => Method::Push,
        other => return session.fail(&format!("Unknown method {other}")),
    };
    if kind == Method::Replace
        && session.interactive
        && session.has_changes()
        && !session.ask("This operation will erase all changes. Do you want to proceed")
    {
        return false;
    }
    let text = match read_text(path) {
        Ok(text) => text,
        Err(text) => {
            session.error(&text);
            return false;
        }
    };
    if xml {
        return load_xml(session, &text, kind);
    }
    let done = session.copy().load_file(&text, kind);
    session.flush();
    match done {
        Ok(done) => done,
        Err(error) => session.fail(&error.to_string()),
    }
}

/// A whole CIB or configuration in XML: its objects as the language has them.
fn load_xml(session: &mut Session, text: &str, method: Method) -> bool {
    let doc = match Document::parse(text) {
        Ok(doc) => doc,
        Err(error) => {
            session.error(&error.to_string());
            session.inform(&format!("offending string: {text}"));
            return false;
        }
    };
    let whole = match doc.name(doc.root()) {
        "cib" => doc,
        "configuration" => {
            let mut cib = Document::new("cib");
            let root = cib.root();
            cib.copy(root, &doc, doc.root());
            cib
        }
        other => {
            session.error(&format!("Element {other} not recognized"));
            return false;
        }
    };
    let text = cib_core::crmsh::show(&whole);
    session.with_copy(|copy| copy.load(&text, method))
}

/// `[xml] [filter…]` of a command; `None` where something is missing.
fn selection(session: &mut Session, arguments: &[&str]) -> Option<Selection> {
    let selection = session.copy().select(arguments);
    for word in &selection.missing {
        session.error(&format!("object {word} does not exist"));
    }
    selection.missing.is_empty().then_some(selection)
}

pub(super) fn save(session: &mut Session, arguments: &[String]) -> bool {
    let mut words = words(arguments);
    let Some(path) = words.pop() else { return session.fail("Expected 1 argument (0 given)") };
    let xml = words.first() == Some(&"xml");
    if xml {
        words.remove(0);
    }
    let Some(selection) = selection(session, &words) else { return false };
    let text = if xml { session.copy().show_xml(&selection, false) } else { session.copy().save_selection(&selection) };
    let text = format!("{}\n", text.trim_end_matches('\n'));
    match std::fs::write(path, text) {
        Ok(()) => true,
        Err(error) => {
            session.error(&format!("could not open {path}: {error}"));
            false
        }
    }
}

pub(super) fn filter(session: &mut Session, arguments: &[String]) -> bool {
    let words = words(&arguments[1..]);
    let Some(selection) = selection(session, &words) else { return false };
    let text = session.copy().save_selection(&selection).replace(" \\\n\t", " ");
    let child = Command::new("sh").args(["-c", &arguments[0]]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let filtered = child.and_then(|mut child| {
        let mut input = child.stdin.take();
        let given = text.clone();
        let writer = std::thread::spawn(move || input.as_mut().map(|input| input.write_all(given.as_bytes())));
        let output = child.wait_with_output();
        let _ = writer.join();
        output
    });
    match filtered {
        Ok(output) if output.status.success() => {
            let filtered = String::from_utf8_lossy(&output.stdout).into_owned();
            filtered == text || session.with_copy(|copy| copy.edit(&filtered, selection.objects))
        }
        Ok(_) => true,
        Err(error) => session.fail(&error.to_string()),
    }
}

pub(super) fn edit(session: &mut Session, arguments: &[String]) -> bool {
    if !session.interactive {
        session.inform("edit not allowed in batch mode");
        return false;
    }
    let words = words(arguments);
    let Some(selection) = selection(session, &words) else { return false };
    let before = session.copy().save_selection(&selection);
    let path = std::env::temp_dir().join(format!("crm-edit-{}.crm", std::process::id()));
    let editor = std::env::var("EDITOR").unwrap_or_else(|_| "vi".to_owned());
    let mut text = before.clone();
    loop {
        let edited = std::fs::write(&path, &text)
            .and_then(|()| Command::new("sh").arg("-c").arg(format!("{editor} \"$0\"")).arg(&path).status())
            .and_then(|_| std::fs::read_to_string(&path));
        let _ = std::fs::remove_file(&path);
        match edited {
            Ok(edited) => text = edited,
            Err(error) => return session.fail(&error.to_string()),
        }
        let objects = selection.objects.clone();
        if text == before || session.with_copy(|copy| copy.edit(&text, objects)) {
            return true;
        }
        if !session.ask("Edit or discard changes (yes to edit, no to discard)") {
            return false;
        }
    }
}
