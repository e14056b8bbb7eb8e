//! Commands of every level, and the small levels [SH-14, SH-15, SH-16.3].

use cib_core::crmsh::{Agents, Keyword};

use super::attributes::change_resource;
use super::levels::level;
use super::session::Session;
use super::{agents, configure};

/// A command that a running cluster is needed for.
pub(super) fn no_cluster(session: &mut Session, _arguments: &[String]) -> bool {
    session.fail("this needs a running cluster")
}

/// A list with nothing in it.
pub(super) fn nothing(_session: &mut Session, _arguments: &[String]) -> bool {
    true
}

pub(super) fn up(session: &mut Session, _arguments: &[String]) -> bool {
    let depth = session.levels.len().saturating_sub(1);
    session.leave_to(depth)
}

pub(super) fn quit(session: &mut Session, _arguments: &[String]) -> bool {
    let done = session.leave_to(0);
    session.end();
    done
}

pub(super) fn cd(session: &mut Session, arguments: &[String]) -> bool {
    let path = arguments.first().map_or("..", String::as_str);
    let mut done = true;
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => done &= up(session, &[]),
            name => {
                let here = level(session.levels.last().copied().unwrap_or_default());
                match here.levels.iter().find(|known| **known == name) {
                    Some(found) => done &= session.enter(found),
                    None => {
                        let place = if here.name.is_empty() { "root" } else { here.name };
                        return session.fail(&format!("{path} not found in {place}"));
                    }
                }
            }
        }
    }
    done
}

/// Names of commands and levels in three columns filled by column.
pub(super) fn ls(session: &mut Session, _arguments: &[String]) -> bool {
    let here = level(session.levels.last().copied().unwrap_or_default());
    let mut names: Vec<&str> = here.commands().map(|command| command.name).chain(here.levels.iter().copied()).collect();
    // The released program takes this word without listing it.
    names.retain(|name| *name != "acl_group");
    names.sort_unstable();
    if !here.name.is_empty() {
        names.insert(0, "..");
    }
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0).max(16) + 2;
    let rows = (names.len() / 3).max(1);
    for row in 0..rows {
        let line: Vec<String> = names.iter().skip(row).step_by(rows).map(|name| format!("{name:width$} ")).collect();
        println!("{}", line.concat());
    }
    true
}

pub(super) fn verify(session: &mut Session, _arguments: &[String]) -> bool {
    session.open_copy().is_some() && configure::verify(session, &[])
}

pub(super) fn ra_classes(_session: &mut Session, _arguments: &[String]) -> bool {
    println!("lsb");
    println!("ocf / {}", agents::providers().join(" "));
    println!("service");
    println!("stonith");
    if std::path::Path::new("/run/systemd/system").is_dir() {
        println!("systemd");
    }
    true
}

pub(super) fn ra_list(session: &mut Session, arguments: &[String]) -> bool {
    let class = arguments[0].as_str();
    let provider = arguments.get(1).map(String::as_str);
    let names = match class {
        "ocf" => match provider {
            Some(provider) if !agents::providers().iter().any(|known| known == provider) => {
                return session.fail(&format!("there is no provider {provider} for class {class}"));
            }
            Some(provider) => agents::of_provider(provider),
            None => {
                let mut all: Vec<String> = agents::providers().iter().flat_map(|p| agents::of_provider(p)).collect();
                all.sort_unstable();
                all.dedup();
                all
            }
        },
        "lsb" | "service" => agents::executables(std::path::Path::new("/etc/init.d")),
        "stonith" => {
            let mut names = agents::executables(std::path::Path::new("/usr/sbin"));
            names.retain(|name| name.starts_with("fence_"));
            names
        }
        "systemd" => Vec::new(),
        other => return session.fail(&format!("class {other} does not exist")),
    };
    columns(&names);
    true
}

/// Columns of a screen 80 wide [SH-16.7].
fn columns(names: &[String]) {
    let longest = names.iter().map(String::len).max().unwrap_or(0).max(8) + 2;
    let count = (80 / longest).max(1);
    let width = 80 / count;
    for row in names.chunks(count) {
        let mut line = String::new();
        for (at, name) in row.iter().enumerate() {
            if at + 1 == count { line.push_str(name) } else { line.push_str(&format!("{name:width$}")) }
        }
        println!("{line}");
    }
}

pub(super) fn ra_providers(session: &mut Session, arguments: &[String]) -> bool {
    if let Some(class) = arguments.get(1).filter(|class| *class != "ocf") {
        session.error(&format!("no providers for class {class}"));
        return false;
    }
    let found = session.agents().providers(&arguments[0]);
    println!("{}", found.join(" "));
    true
}

pub(super) fn ra_info(session: &mut Session, arguments: &[String]) -> bool {
    let parts: Vec<&str> = arguments[0].split(':').collect();
    let (class, provider, name) = match parts[..] {
        [class, provider, name] => (class, Some(provider.to_owned()), name),
        [class, name] => (class, None, name),
        _ => ("ocf", None, arguments[0].as_str()),
    };
    let provider = provider.or_else(|| {
        let known = session.agents().providers(name);
        let preferred = known.iter().find(|provider| *provider == "heartbeat").or(known.first()).cloned();
        (class == "ocf").then(|| preferred.unwrap_or_else(|| "heartbeat".to_owned()))
    });
    let label = [Some(class), provider.as_deref(), Some(name)].into_iter().flatten().collect::<Vec<_>>().join(":");
    match agents::describe(class, provider.as_deref(), name, &label) {
        Some(text) => {
            println!("{text}");
            true
        }
        None => {
            session.error(&format!("{label}: got no meta-data, does this RA exist?"));
            false
        }
    }
}

pub(super) fn site_ticket(session: &mut Session, arguments: &[String]) -> bool {
    let known = ["grant", "revoke", "delete", "standby", "activate", "show", "time"];
    if !known.contains(&arguments[0].as_str()) {
        return session.fail(&format!("Expected one of {}", known.join("|")));
    }
    no_cluster(session, arguments)
}

pub(super) fn maintenance_on(session: &mut Session, arguments: &[String]) -> bool {
    set_maintenance(session, arguments, "true")
}

pub(super) fn maintenance_off(session: &mut Session, arguments: &[String]) -> bool {
    set_maintenance(session, arguments, "false")
}

fn set_maintenance(session: &mut Session, arguments: &[String], value: &str) -> bool {
    if let Some(resource) = arguments.first() {
        return change_resource(session, resource, "meta_attributes", "set", "maintenance", Some(value));
    }
    let Some(copy) = session.open_copy() else { return false };
    let done = copy.execute_words(&["property".to_owned(), format!("maintenance-mode={value}")]);
    session.flush();
    done && session.write_copy()
}

pub(super) fn maintenance_action(session: &mut Session, arguments: &[String]) -> bool {
    let Some(copy) = session.open_copy() else { return false };
    if copy.find_resource(&arguments[0]).is_none() {
        return session.fail(&format!("Resource not found: {}", arguments[0]));
    }
    no_cluster(session, arguments)
}

/// The first of `NAME-1`, `NAME-2`, … that is no object yet.
fn numbered(session: &mut Session, name: &str) -> String {
    let copy = session.copy();
    (1..).map(|n| format!("{name}-{n}")).find(|id| copy.find(id).is_none()).unwrap_or_default()
}

pub(super) fn assist_template(session: &mut Session, arguments: &[String]) -> bool {
    let copy = session.copy();
    let mut primitives = Vec::new();
    for id in arguments {
        match copy.find(id) {
            Some(object) if object.keyword == Keyword::Primitive => primitives.push(object),
            _ => return session.fail(&format!("Primitive not found: {id}")),
        }
    }
    let Some(first) = primitives.first() else { return session.fail("Expected primitive") };
    let doc = copy.document();
    let attr = |name: &str| doc.attr(first.node, name).unwrap_or_default().to_owned();
    let (class, provider, kind) = (attr("class"), attr("provider"), attr("type"));
    let id = numbered(session, &format!("template-{}", kind.to_lowercase()));
    let agent = [class, provider, kind].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(":");
    let made = session.with_copy(|copy| {
        let made = copy.execute_words(&["rsc_template".to_owned(), id.clone(), agent]);
        copy.with_document(|doc| {
            for object in &primitives {
                for name in ["class", "provider", "type"] {
                    doc.remove_attr(object.node, name);
                }
                doc.set_attr(object.node, "template", &id);
            }
        });
        made
    });
    if made {
        let path = session.path().to_owned();
        session.inform(&format!("{path}: Template created: {id}"));
    }
    made
}

pub(super) fn weak_bond(session: &mut Session, arguments: &[String]) -> bool {
    if arguments.len() < 2 {
        return session.fail("Need at least two arguments");
    }
    if let Some(missing) = arguments.iter().find(|id| session.copy().find_resource(id).is_none()) {
        return session.fail(&format!("Object not found: {missing}"));
    }
    let constraint = numbered(session, "place-constraint");
    let dummy = numbered(session, "place-dummy");
    println!("Create weak bond / independent colocation");
    println!("The following elements will be created:");
    println!("   * Colocation constraint, ID: {constraint}");
    println!("   * Dummy resource, ID: {dummy}");
    let words = |text: String| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    session.with_copy(|copy| {
        copy.execute_words(&words(format!("primitive {dummy} ocf:heartbeat:Dummy")))
            && copy.execute_words(&words(format!("colocation {constraint} inf: ( {} ) {dummy}", arguments.join(" "))))
    })
}
