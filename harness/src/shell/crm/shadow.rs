//! Shadows: copies of the CIB to try changes on, each in a file of its own [SH-15.1, CB-15.4].

use std::path::PathBuf;

use cib_core::patch::{Ordered, Patch, diff};
use cib_core::xml::Document;

use super::session::Session;
use super::store::{empty, read_file, write_file};

/// What the prompt shows for a shadow without a name.
const TEMPORARY: &str = "@tmp@";
/// Characters that no name may have.
const FORBIDDEN: &str = "'/#*?$[];";

/// The folder of the shadows: `CIB_shadow_dir`, or one of the user.
fn folder() -> PathBuf {
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    variable("CIB_shadow_dir").unwrap_or_else(|| {
        let state = variable("XDG_STATE_HOME").or_else(|| Some(variable("HOME")?.join(".local/state")));
        state.unwrap_or_else(|| PathBuf::from(".")).join("metronome")
    })
}

/// The file of a shadow.
pub(super) fn file(name: &str) -> PathBuf {
    folder().join(format!("shadow.{name}"))
}

fn exists(name: &str) -> bool {
    file(name).is_file()
}

/// Tells something with the path of the command.
fn tell(session: &mut Session, text: &str) -> bool {
    let path = session.path().to_owned();
    session.inform(&format!("{path}: {text}"));
    true
}

/// Whether `name` can be the name of a file.
fn is_sound(session: &mut Session, name: &str) -> bool {
    if name.is_empty() || name.starts_with('.') || name.chars().any(|c| FORBIDDEN.contains(c)) {
        session.error(&format!("{name}: bad filename"));
        return session.fail(&format!("Bad filename: {name}"));
    }
    true
}

fn must_exist(session: &mut Session, name: &str) -> bool {
    exists(name) || session.fail(&format!("{name}: no such shadow CIB"))
}

fn store(session: &mut Session, name: &str, cib: &Document) -> bool {
    let written = std::fs::create_dir_all(folder()).map_err(|error| error.to_string());
    match written.and_then(|()| write_file(&file(name), cib)) {
        Ok(()) => true,
        Err(text) => session.fail(&format!("failed to write shadow CIB {name}: {text}")),
    }
}

fn read(session: &mut Session, name: &str) -> Option<Document> {
    match read_file(&file(name)) {
        Ok(cib) => Some(cib),
        Err(text) => {
            session.fail(&format!("failed to read shadow CIB {name}: {text}"));
            None
        }
    }
}

fn live(session: &mut Session) -> Option<Document> {
    match session.store.read_live() {
        Ok(cib) => Some(cib),
        Err(text) => {
            session.error(&text);
            None
        }
    }
}

/// Changes to a shadow, or back.
fn change_to(session: &mut Session, name: Option<String>, shown: Option<&str>) -> bool {
    session.store.use_shadow(name, shown);
    session.forget_copy();
    true
}

/// `new [NAME] [withstatus] [force] [empty]`.
pub(super) fn new(session: &mut Session, arguments: &[String]) -> bool {
    const WORDS: [&str; 3] = ["withstatus", "force", "--force"];
    let is_word = |word: &&String| WORDS.contains(&word.as_str()) || *word == "empty";
    let mut names = arguments.iter().filter(|word| !is_word(word));
    let name = names.next().cloned();
    if names.next().is_some() {
        return session.fail("Expected [<cib>] [withstatus] [force] [empty]");
    }
    let has = |wanted: &str| arguments.iter().any(|word| word.trim_start_matches('-') == wanted);
    let shown = name.is_none().then_some(TEMPORARY);
    let name = name.unwrap_or_else(|| format!("__crmshell.{}", std::process::id()));
    if name == "live" {
        return session.fail("Shadow name 'live' is not allowed");
    }
    if !is_sound(session, &name) {
        return false;
    }
    if exists(&name) && !(has("force") || session.force()) {
        return session.fail(&format!("failed to create {name}: there is such a shadow CIB already (use force)"));
    }
    let cib = if has("empty") { Some(empty()) } else { live(session) };
    cib.is_some_and(|cib| store(session, &name, &cib))
        && tell(session, &format!("{} shadow CIB created", shown.unwrap_or(&name)))
        && change_to(session, Some(name), shown)
}

/// `delete NAME`.
pub(super) fn delete(session: &mut Session, arguments: &[String]) -> bool {
    let name = &arguments[0];
    if !is_sound(session, name) {
        return false;
    }
    if session.store.shadow() == Some(name) {
        return session.fail(&format!("{name} shadow CIB is in use"));
    }
    if !must_exist(session, name) {
        return false;
    }
    match std::fs::remove_file(file(name)) {
        Ok(()) => tell(session, &format!("{name} shadow CIB deleted")),
        Err(error) => session.fail(&format!("failed to delete {name} shadow CIB: {error}")),
    }
}

/// `reset NAME`: the live CIB again.
pub(super) fn reset(session: &mut Session, arguments: &[String]) -> bool {
    let name = &arguments[0];
    if !is_sound(session, name) || !must_exist(session, name) {
        return false;
    }
    let Some(cib) = live(session) else { return false };
    let done = store(session, name, &cib) && tell(session, &format!("copied live CIB to {name}"));
    session.forget_copy();
    done
}

/// `use [NAME|live] [withstatus]`.
pub(super) fn use_shadow(session: &mut Session, arguments: &[String]) -> bool {
    match arguments.first().filter(|name| *name != "live") {
        None => change_to(session, None, None),
        Some(name) => {
            is_sound(session, name) && must_exist(session, name) && change_to(session, Some(name.clone()), None)
        }
    }
}

/// `commit [NAME]`: the configuration of the shadow becomes that of the live CIB.
pub(super) fn commit(session: &mut Session, arguments: &[String]) -> bool {
    let Some(name) = arguments.first().cloned().or_else(|| session.store.shadow().cloned()) else {
        return session.fail("There is nothing to commit");
    };
    if !is_sound(session, &name) || !must_exist(session, &name) {
        return false;
    }
    let (Some(shadow), Some(mut cib)) = (read(session, &name), live(session)) else { return false };
    let (root, from) = (cib.root(), shadow.child(shadow.root(), "configuration"));
    if let (Some(old), Some(from)) = (cib.child(root, "configuration"), from) {
        let next = cib.next_node(old);
        cib.remove(old);
        let new = cib.copy(root, &shadow, from);
        cib.relocate(new, root, next);
    }
    if let Some(schema) = shadow.attr(shadow.root(), "validate-with") {
        cib.set_attr(root, "validate-with", schema);
    }
    if let Err(text) = session.store.write_live(&mut cib) {
        return session.fail(&format!("failed to commit the {name} shadow CIB: {text}"));
    }
    let temporary = session.store.shadow() == Some(&name) && session.store.name() == TEMPORARY;
    tell(session, &format!("committed '{name}' shadow CIB to the cluster"));
    if temporary {
        // It was for this one change.
        let _ = std::fs::remove_file(file(&name));
        change_to(session, None, None);
    }
    session.forget_copy();
    true
}

/// `diff`: from the live CIB to the shadow.
pub(super) fn show_diff(session: &mut Session, _arguments: &[String]) -> bool {
    let Some(name) = session.store.shadow().cloned() else { return session.fail("no shadow CIB is in use") };
    let (Some(cib), Some(shadow)) = (live(session), read(session, &name)) else { return false };
    print!("{}", diff(&cib, &shadow, Ordered::Yes).as_ref().map(Patch::display).unwrap_or_default());
    true
}

/// `list`.
pub(super) fn list(_session: &mut Session, _arguments: &[String]) -> bool {
    let entries = std::fs::read_dir(folder()).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter_map(|name| name.strip_prefix("shadow.").map(str::to_owned)).collect();
    names.sort_unstable();
    names.iter().for_each(|name| println!("{name}"));
    true
}

/// `import FILE [NAME]`.
pub(super) fn import(session: &mut Session, arguments: &[String]) -> bool {
    let path = PathBuf::from(&arguments[0]);
    let stem = path.file_name().map(|name| name.to_string_lossy().trim_end_matches(".xml").to_owned());
    let name = arguments.get(1).cloned().or(stem).unwrap_or_default();
    if !is_sound(session, &name) {
        return false;
    }
    match read_file(&path) {
        Ok(cib) => {
            store(session, &name, &cib)
                && tell(session, &format!("{name} shadow CIB created"))
                && change_to(session, Some(name), None)
        }
        Err(text) => session.fail(&text),
    }
}
