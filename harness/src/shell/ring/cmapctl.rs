//! `corosync-cmapctl`: keys of a running node [QG-15.4].

use std::io::{BufRead, Read, Write};
use std::process::ExitCode;

use totem_core::config::{CsError, Value, ValueError};
use totem_core::groups::escape;

use super::getopt::{self, Word};
use crate::drive::control::{Answer, Client, Event, MapName, Request, TypedValue, from_hex, socket_path, to_hex};

const TOOL: &str = "corosync-cmapctl";
/// As the original prints it, blanks included.
const USAGE: &str = "
usage:  corosync-cmapctl [-b] [-DdghsqTCt] [-p filename] [-m map] [params...]

    -b show binary values

    -m select map to use
          The  default  map is 'icmap' which contains configuration information and some runtime variables used by corosync. 
          A 'stats' map is also available which displays network statistics - in great detail when knet is used as the transport.
Set key:
    corosync-cmapctl -s key_name type value

    where type is one of ([i|u][8|16|32|64] | flt | dbl | str | bin)
    for bin, value is file name (or - for stdin)

    map can be either 'icmap' (the default) which contains corosync
    configuration information, or 'stats' which contains statistics
    about the networking and IPC traffic in some detail.

Clear stats:
    corosync-cmapctl -C [knet|ipc|totem|schedmiss|all]
    The 'stats' map is implied

Load settings from a file:
    corosync-cmapctl -p filename

    the format of the file is:
    [^[^]]<key_name>[ <type> <value>]
    Keys prefixed with single caret ('^') are deleted (see -d).
    Keys (actually prefixes) prefixed with double caret ('^^') are deleted by prefix (see -D).
    <type> and <value> are optional (not checked) in above cases.
    Other keys are set (see -s) so both <type> and <value> are required.

Delete key:
    corosync-cmapctl -d key_name...

Delete multiple keys with prefix:
    corosync-cmapctl -D key_prefix...

Get key:
    corosync-cmapctl [-b] -g key_name...

Quiet mode:
    corosync-cmapctl [-b] -q -g key_name...

Display all keys:
    corosync-cmapctl [-b]

Display keys with prefix key_name:
    corosync-cmapctl [-b] key_name...

Track changes on keys with key_name:
    corosync-cmapctl [-b] -t key_name

Track changes on keys with key prefix:
    corosync-cmapctl [-b] -T key_prefix

";

#[derive(Clone, Copy, PartialEq)]
enum Action {
    List,
    Get,
    Set,
    Delete,
    DeletePrefix,
    TrackKey,
    TrackPrefix,
    Clear,
    Load,
}

/// One line per key, as `-g` and lists print it.
pub(super) fn key_line(key: &str, value: &TypedValue, binary: bool) -> String {
    if value.kind != "bin" {
        return format!("{key} ({}) = {}", value.kind, value.value);
    }
    if !binary {
        return format!("{key} (bin)");
    }
    let bytes = from_hex(&value.value).unwrap_or_default();
    let text = if bytes.is_empty() { "*empty*".to_owned() } else { escape(&bytes) };
    format!("{key} (bin) = {text}")
}

/// A value from the words of a command line, checked as the node would.
pub(super) fn typed(kind: &str, text: &str) -> Result<TypedValue, String> {
    match Value::parse(kind, text) {
        Ok(value) => {
            let value = if kind == "bin" { to_hex(text.as_bytes()) } else { value.to_string() };
            Ok(TypedValue { kind: kind.to_owned(), value })
        }
        Err(ValueError::UnknownType) => Err(format!("Unknown type {kind}")),
        Err(ValueError::NotA) => Err(format!("{text} is not valid {kind} type value")),
        Err(ValueError::OutOfRange) => Err(format!("{text} is not valid {kind} integer")),
    }
}

fn error_text(code: u8) -> String {
    CsError::from_code(code).map_or_else(|| code.to_string(), |e| e.to_string())
}

fn fail(text: impl AsRef<str>) -> ExitCode {
    eprintln!("{}", text.as_ref());
    ExitCode::from(1)
}

/// What the command line asked for.
struct Asked {
    action: Action,
    map: MapName,
    binary: bool,
    quiet: bool,
    words: Vec<String>,
    file: String,
}

/// `corosync-cmapctl`: show configuration and run-time keys.
pub fn corosync_cmapctl(args: &[String]) -> ExitCode {
    let words = match getopt::words(TOOL, "m:hgsdDtTbqC:p:", &[], args) {
        Ok(words) => words,
        Err(wrong) => return fail(wrong.0),
    };
    let mut asked = Asked {
        action: Action::List,
        map: MapName::Icmap,
        binary: false,
        quiet: false,
        words: Vec::new(),
        file: String::new(),
    };
    for word in words {
        match word {
            Word::Option('g') => asked.action = Action::Get,
            Word::Option('s') => asked.action = Action::Set,
            Word::Option('d') => asked.action = Action::Delete,
            Word::Option('D') => asked.action = Action::DeletePrefix,
            Word::Option('t') => asked.action = Action::TrackKey,
            Word::Option('T') => asked.action = Action::TrackPrefix,
            Word::Option('b') => asked.binary = true,
            Word::Option('q') => asked.quiet = true,
            Word::Valued('m', name) => match name.as_str() {
                "icmap" | "default" => asked.map = MapName::Icmap,
                "stats" => asked.map = MapName::Stats,
                _ => return fail("invalid map name, must be 'default', 'icmap' or 'stats'"),
            },
            Word::Valued('C', what) => {
                if !["knet", "totem", "ipc", "schedmiss", "all"].contains(&what.as_str()) {
                    return fail("argument to -C should be 'knet', 'totem', 'ipc', 'schedmiss' or 'all'");
                }
                asked.action = Action::Clear;
                asked.file = what;
            }
            Word::Valued('p', file) => {
                asked.action = Action::Load;
                asked.file = file;
            }
            Word::Plain(word) => asked.words.push(word),
            Word::Option('h') => {
                print!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            _ => {}
        }
    }
    let wants_words = !matches!(asked.action, Action::List | Action::Clear | Action::Load);
    if wants_words && asked.words.is_empty() {
        return fail("Expected key after options");
    }
    let Ok(mut client) = Client::connect(&socket_path()) else {
        return fail("Failed to initialize the cmap API. Error CS_ERR_LIBRARY");
    };
    run(&mut client, &asked).unwrap_or_else(|error| fail(format!("{TOOL}: {error}")))
}

fn run(client: &mut Client, asked: &Asked) -> std::io::Result<ExitCode> {
    match asked.action {
        Action::List => list(client, asked),
        Action::Get => get(client, asked),
        Action::Set => {
            let [key, kind, value] = asked.words.as_slice() else {
                return Ok(fail("At least 3 parameters are expected for set"));
            };
            set(client, key, kind, value)
        }
        Action::Delete => {
            let mut status = ExitCode::SUCCESS;
            for key in &asked.words {
                if !delete(client, key)? {
                    status = ExitCode::from(1);
                }
            }
            Ok(status)
        }
        Action::DeletePrefix => {
            for prefix in &asked.words {
                delete_prefix(client, prefix)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::TrackKey | Action::TrackPrefix => track(asked),
        Action::Clear => Ok(match client.ask(Request::ClearStats { what: asked.file.clone() })? {
            Answer::Error(code) => fail(format!("Failed to clear statistics. Error {}", error_text(code))),
            _ => ExitCode::SUCCESS,
        }),
        Action::Load => load(client, &asked.file),
    }
}

fn keys(answer: Answer) -> Vec<(String, TypedValue)> {
    if let Answer::Keys(keys) = answer { keys } else { Vec::new() }
}

fn list(client: &mut Client, asked: &Asked) -> std::io::Result<ExitCode> {
    let found = keys(client.ask(Request::List { map: asked.map, prefixes: asked.words.clone() })?);
    let mut out = std::io::stdout().lock();
    for (key, value) in &found {
        writeln!(out, "{}", key_line(key, value, asked.binary))?;
    }
    Ok(if found.is_empty() { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn get(client: &mut Client, asked: &Asked) -> std::io::Result<ExitCode> {
    for key in &asked.words {
        let found = keys(client.ask(Request::Get { map: asked.map, keys: vec![key.clone()] })?);
        let Some((_, value)) = found.first() else {
            return Ok(fail(format!("Can't get key {key}. Error CS_ERR_NOT_EXIST")));
        };
        if asked.quiet {
            println!("{}", value.value);
        } else {
            println!("{}", key_line(key, value, asked.binary));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn set(client: &mut Client, key: &str, kind: &str, text: &str) -> std::io::Result<ExitCode> {
    let value = if kind == "bin" {
        let mut bytes = Vec::new();
        let read = if text == "-" {
            std::io::stdin().read_to_end(&mut bytes).map(drop)
        } else {
            std::fs::read(text).map(|read| bytes = read)
        };
        if let Err(error) = read {
            return Ok(fail(format!("Can't open file {text}: {error}")));
        }
        TypedValue { kind: "bin".to_owned(), value: to_hex(&bytes) }
    } else {
        match typed(kind, text) {
            Ok(value) => value,
            Err(wrong) => return Ok(fail(wrong)),
        }
    };
    Ok(match client.ask(Request::Set { key: key.to_owned(), value })? {
        Answer::Error(code) => fail(format!("Failed to set key {key}. Error {}", error_text(code))),
        _ => ExitCode::SUCCESS,
    })
}

fn delete(client: &mut Client, key: &str) -> std::io::Result<bool> {
    if let Answer::Error(code) = client.ask(Request::Delete { key: key.to_owned() })? {
        eprintln!("Can't delete key {key}. Error {}", error_text(code));
        return Ok(false);
    }
    Ok(true)
}

fn delete_prefix(client: &mut Client, prefix: &str) -> std::io::Result<()> {
    let request = Request::List { map: MapName::Icmap, prefixes: vec![prefix.to_owned()] };
    for (key, _) in keys(client.ask(request)?) {
        delete(client, &key)?;
    }
    Ok(())
}

/// Lines of `KEY TYPE VALUE`, `^KEY` to delete, `^^PREFIX` to delete all.
fn load(client: &mut Client, file: &str) -> std::io::Result<ExitCode> {
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin().read_to_string(&mut text).map(drop)
    } else {
        std::fs::read_to_string(file).map(|read| text = read)
    };
    if let Err(error) = read {
        return Ok(fail(format!("Can't open file {file}: {error}")));
    }
    let mut status = ExitCode::SUCCESS;
    for line in text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        if let Some(prefix) = line.strip_prefix("^^") {
            delete_prefix(client, prefix.split_whitespace().next().unwrap_or(""))?;
        } else if let Some(key) = line.strip_prefix('^') {
            delete(client, key.split_whitespace().next().unwrap_or(""))?;
        } else {
            let mut words = line.splitn(3, char::is_whitespace);
            match (words.next(), words.next(), words.next()) {
                (Some(key), Some(kind), Some(value)) => {
                    if set(client, key, kind, value.trim_start())? != ExitCode::SUCCESS {
                        status = ExitCode::from(1);
                    }
                }
                _ => {
                    status = fail(format!("Can't parse line: {line}"));
                }
            }
        }
    }
    Ok(status)
}

/// Prints changes until a line that begins with `q`, or the end of input.
fn track(asked: &Asked) -> std::io::Result<ExitCode> {
    let mut watch = Client::connect(&socket_path())?;
    watch.ask(Request::Watch)?;
    println!("Type \"q\" to finish");
    let wanted = asked.words.clone();
    let (prefix, binary) = (asked.action == Action::TrackPrefix, asked.binary);
    std::thread::spawn(move || {
        while let Ok(answer) = watch.next_answer() {
            let Answer::Event(Event::Key { key, old, new }) = answer else { continue };
            if !wanted.iter().any(|w| if prefix { key.starts_with(w) } else { key == *w }) {
                continue;
            }
            let (word, value) = match (&old, &new) {
                (None, Some(value)) => ("create", value),
                (Some(_), Some(value)) => ("modify", value),
                (Some(value), None) => ("delete", value),
                (None, None) => continue,
            };
            println!("{word}> {}", key_line(&key, value, binary));
        }
    });
    for line in std::io::stdin().lock().lines() {
        if line?.starts_with('q') {
            break;
        }
    }
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_print_by_type() {
        let line = |kind: &str, text: &str, binary| key_line("a.b", &typed(kind, text).unwrap(), binary);
        assert_eq!(line("u32", "5", false), "a.b (u32) = 5");
        assert_eq!(line("flt", "1.5", false), "a.b (flt) = 1.500000");
        assert_eq!(line("bin", "vm\n", true), "a.b (bin) = vm\\x0A");
        assert_eq!(line("bin", "vm\n", false), "a.b (bin)");
        assert_eq!(line("bin", "", true), "a.b (bin) = *empty*");
    }

    #[test]
    fn wrong_values_are_named() {
        assert_eq!(typed("foo", "1"), Err("Unknown type foo".into()));
        assert_eq!(typed("u8", "300"), Err("300 is not valid u8 integer".into()));
        assert_eq!(typed("u8", "abc"), Err("abc is not valid u8 type value".into()));
    }
}
