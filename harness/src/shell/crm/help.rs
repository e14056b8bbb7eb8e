//! What the commands are for: a line for each, and the forms of those that take a language of their own.

use super::levels::{LEVELS, level};
use super::session::Session;

/// Level, command, what follows it, what it does.
const TEXTS: &[(&str, &str, &str, &str)] = &[
    (
        "",
        "status",
        "[bynode|inactive|ops|timing|failcounts|tickets|noheaders|detail|brief|full]",
        "show nodes and resources",
    ),
    ("", "verify", "", "check the configuration"),
    ("", "report", "", "collect logs of the cluster"),
    ("", "cib", "", "level: copies of the CIB to try changes on"),
    ("", "cibstatus", "", "level: a status to try changes with"),
    ("", "cluster", "", "level: start and stop the cluster's services"),
    ("", "configure", "", "level: the configuration"),
    ("", "corosync", "", "level: the messaging layer"),
    ("", "history", "", "level: what happened before"),
    ("", "maintenance", "", "level: take the cluster or a resource out of control"),
    ("", "node", "", "level: nodes"),
    ("", "options", "", "level: settings of the shell"),
    ("", "ra", "", "level: resource agents"),
    ("", "resource", "", "level: resources"),
    ("", "script", "", "level: scripts for many nodes"),
    ("", "site", "", "level: tickets of several sites"),
    ("common", "cd", "[LEVEL|..]", "go to another level"),
    ("common", "help", "[COMMAND|LEVEL]", "this text"),
    ("common", "ls", "", "the names that can be used here"),
    ("common", "quit", "", "leave the shell"),
    ("common", "up", "", "leave this level"),
    ("configure", "acl_group", "GROUP [ROLE...]", "roles of the users in a group"),
    ("configure", "acl_target", "USER [ROLE...]", "roles of a user"),
    (
        "configure",
        "alert",
        "ID PATH [attributes ...] [meta ...] [select ...] [to { RECIPIENT }]",
        "a program that is told what happens",
    ),
    (
        "configure",
        "bundle",
        "ID docker NAME=VALUE... [network ...] [storage ...] [primitive RESOURCE] [meta ...]",
        "a resource in containers",
    ),
    (
        "configure",
        "clone",
        "ID RESOURCE [params ...] [meta ...]",
        "a resource that runs on several nodes; meta promotable=true for one with roles",
    ),
    (
        "configure",
        "colocation",
        "ID SCORE: RESOURCE[:ROLE] WITH-RESOURCE[:ROLE]... [node-attribute=NAME]",
        "resources that run on the same node, or never do",
    ),
    ("configure", "fencing_topology", "[NODE:] DEVICE[,DEVICE...]...", "which fence devices are tried, in which order"),
    ("configure", "group", "ID RESOURCE... [params ...] [meta ...]", "resources that run together, started in order"),
    (
        "configure",
        "location",
        "ID RESOURCE SCORE: NODE | ID RESOURCE rule [SCORE:] EXPRESSION",
        "where a resource likes to run",
    ),
    ("configure", "monitor", "RESOURCE[:ROLE] INTERVAL[:TIMEOUT]", "add a recurring monitor to a resource"),
    ("configure", "ms", "ID RESOURCE [params ...] [meta ...]", "the old form of a promotable clone"),
    ("configure", "node", "[ID:] NAME[:TYPE] [attributes NAME=VALUE...] [utilization NAME=VALUE...]", "a node"),
    ("configure", "op_defaults", "NAME=VALUE...", "defaults of operations"),
    (
        "configure",
        "order",
        "ID [KIND:] FIRST[:ACTION] THEN[:ACTION]... [symmetrical=BOOL]",
        "which resource is started first",
    ),
    (
        "configure",
        "primitive",
        "ID [CLASS:[PROVIDER:]]TYPE|@TEMPLATE [params NAME=VALUE...] [meta NAME=VALUE...] [utilization NAME=VALUE...] [op NAME [interval=TIME] [timeout=TIME]...]...",
        "a resource",
    ),
    ("configure", "property", "[$id=SET] NAME=VALUE...", "options of the cluster"),
    ("configure", "role", "ID read|write|deny SPECIFICATION...", "rights for access control"),
    ("configure", "rsc_defaults", "NAME=VALUE...", "defaults of the meta attributes of resources"),
    ("configure", "rsc_template", "ID [CLASS:[PROVIDER:]]TYPE ...", "what several resources have in common"),
    (
        "configure",
        "rsc_ticket",
        "ID TICKET: RESOURCE[:ROLE]... [loss-policy=stop|demote|fence|freeze]",
        "a resource that needs a ticket",
    ),
    ("configure", "tag", "ID RESOURCE...", "a name for several resources"),
    ("configure", "user", "ID RIGHT...", "rights of a user, before schema 2.0"),
    ("configure", "xml", "'<ELEMENT .../>'", "an object as XML"),
    ("configure", "commit", "[force] [replace]", "write the changes to the CIB"),
    ("configure", "default-timeouts", "RESOURCE...", "set timeouts as the agents advise"),
    ("configure", "delete", "[--force] ID...", "remove objects"),
    ("configure", "edit", "[xml] [FILTER...]", "change objects in an editor"),
    ("configure", "erase", "[nodes]", "remove everything but the nodes, or the nodes"),
    ("configure", "filter", "PROGRAM [xml] [FILTER...]", "change objects with a program"),
    ("configure", "get_property", "[-t] NAME...", "values of cluster options"),
    ("configure", "graph", "[dot [FILE [FORMAT]]]", "a picture of the configuration"),
    ("configure", "load", "[xml] replace|update|push FILE|-", "read objects from a file"),
    (
        "configure",
        "modgroup",
        "GROUP add RESOURCE [after|before MEMBER] | GROUP remove RESOURCE",
        "change the members of a group",
    ),
    (
        "configure",
        "ptest",
        "[nograph] [v...] [scores] [utilization] [actions]",
        "show what the cluster would do with the changes",
    ),
    ("configure", "refresh", "", "read the CIB again, dropping changes"),
    ("configure", "rename", "OLD NEW", "give an object another id"),
    ("configure", "rsctest", "RESOURCE... [NODE...]", "try the agents by hand"),
    ("configure", "save", "[xml] [FILTER...] FILE", "write objects to a file"),
    ("configure", "schema", "[NAME]", "show or change the schema"),
    ("configure", "set", "ID.[OP.][INTERVAL.]NAME VALUE", "change one value"),
    ("configure", "show", "[xml] [ID|type:KIND|tag:TAG|related:ID|changed...]", "show objects"),
    ("configure", "upgrade", "[force]", "raise the schema to the newest"),
    ("configure", "validate-all", "RESOURCE", "let the agent check its parameters"),
    ("configure", "verify", "", "check the configuration"),
    ("configure", "assist", "", "level: help with common changes"),
    ("configure", "template", "", "level: configurations made from templates"),
    ("resource", "ban", "RESOURCE [NODE] [LIFETIME] [force]", "keep a resource away from a node"),
    ("resource", "cleanup", "[RESOURCE] [NODE]", "forget failures"),
    ("resource", "clear", "RESOURCE", "undo move and ban"),
    ("resource", "constraints", "RESOURCE", "which constraints tie a resource"),
    ("resource", "demote", "RESOURCE", "demote a promotable clone"),
    ("resource", "failcount", "RESOURCE set|delete|show NODE [VALUE]", "fail counts"),
    ("resource", "locate", "RESOURCE...", "where a resource runs"),
    ("resource", "maintenance", "RESOURCE [on|off]", "leave a resource alone, or no longer"),
    ("resource", "manage", "RESOURCE", "let the cluster manage a resource"),
    ("resource", "meta", "RESOURCE set|delete|show NAME [VALUE]", "meta attributes"),
    ("resource", "move", "RESOURCE [NODE] [LIFETIME] [force]", "move a resource to a node"),
    ("resource", "operations", "[RESOURCE] [NODE]", "what was done"),
    ("resource", "param", "RESOURCE set|delete|show NAME [VALUE]", "parameters"),
    ("resource", "promote", "RESOURCE", "promote a promotable clone"),
    ("resource", "refresh", "[RESOURCE] [NODE]", "forget the history and look again"),
    ("resource", "restart", "RESOURCE...", "stop and start resources"),
    ("resource", "scores", "", "why resources are placed where they are"),
    ("resource", "secret", "RESOURCE set|stash|unstash|delete|show|check NAME [VALUE]", "values kept outside the CIB"),
    ("resource", "start", "RESOURCE...", "start resources"),
    ("resource", "status", "[RESOURCE...]", "show resources"),
    ("resource", "stop", "RESOURCE...", "stop resources"),
    ("resource", "trace", "RESOURCE [OPERATION] [INTERVAL] [DIRECTORY]", "let the agent write a trace"),
    ("resource", "unmanage", "RESOURCE", "take a resource out of control"),
    ("resource", "untrace", "RESOURCE [OPERATION] [INTERVAL]", "no trace any more"),
    ("resource", "utilization", "RESOURCE set|delete|show NAME [VALUE]", "what a resource needs"),
    ("node", "attribute", "NODE set|delete|show NAME [VALUE]", "permanent attributes"),
    ("node", "clearstate", "[NODE]", "tell that a node is down"),
    ("node", "delete", "NODE", "remove a node"),
    ("node", "fence", "NODE", "power-cycle a node"),
    ("node", "maintenance", "[NODE]", "leave the resources of a node alone"),
    ("node", "online", "[NODE...|--all]", "end standby"),
    ("node", "ready", "[NODE]", "end maintenance"),
    ("node", "server", "[NODE...]", "names of the machines"),
    ("node", "show", "[NODE]", "show nodes with their attributes"),
    ("node", "standby", "[NODE...|--all] [reboot|forever]", "run nothing on a node"),
    ("node", "status-attr", "NODE set|delete|show NAME [VALUE]", "attributes until reboot"),
    ("node", "utilization", "NODE set|delete|show NAME [VALUE]", "what a node offers"),
    ("options", "reset", "", "back to the defaults"),
    ("options", "save", "", "keep the settings"),
    ("options", "set", "SECTION.NAME VALUE", "change a setting"),
    ("options", "show", "[all|NAME]", "show settings"),
    ("ra", "classes", "", "classes and providers of agents"),
    ("ra", "info", "[CLASS:[PROVIDER:]]AGENT", "parameters and operations of an agent"),
    ("ra", "list", "CLASS [PROVIDER]", "agents of a class"),
    ("ra", "providers", "AGENT [CLASS]", "providers that have an agent"),
    ("ra", "validate", "AGENT [NAME=VALUE...]", "let an agent check parameters"),
    ("cib", "commit", "[NAME]", "write a shadow to the CIB"),
    ("cib", "delete", "NAME", "remove a shadow"),
    ("cib", "diff", "", "how the shadow differs"),
    ("cib", "import", "FILE|NUMBER [NAME]", "make a shadow of a transition's input"),
    ("cib", "list", "", "the shadows"),
    ("cib", "new", "[NAME] [withstatus] [force] [empty]", "make a shadow and use it"),
    ("cib", "reset", "NAME", "copy the CIB to a shadow again"),
    ("cib", "use", "[NAME|live] [withstatus]", "work on a shadow, or on the CIB"),
    ("cibstatus", "load", "FILE|shadow:NAME|live", "take the status of another CIB"),
    ("cibstatus", "node", "NODE online|offline|unclean", "let a node come or go"),
    ("cibstatus", "op", "OPERATION[:INTERVAL] RESOURCE EXIT_CODE [STATUS] [NODE]", "let an operation end in some way"),
    ("cibstatus", "origin", "", "where the status came from"),
    ("cibstatus", "quorum", "BOOL", "let the partition have quorum or not"),
    ("cibstatus", "run", "[nograph] [v...] [scores] [utilization] [actions]", "what the cluster would do"),
    ("cibstatus", "save", "[FILE]", "write the CIB with this status"),
    ("cibstatus", "show", "[changed]", "nodes and resources, or what was changed"),
    ("cibstatus", "simulate", "[nograph] [v...] [scores] [utilization] [actions]", "what the cluster would do"),
    ("cibstatus", "ticket", "TICKET grant|revoke|activate|standby", "let a ticket come or go"),
    ("site", "ticket", "grant|revoke|delete|standby|activate|show|time TICKET", "tickets"),
    ("maintenance", "action", "RESOURCE ACTION [ssh]", "run an agent by hand"),
    ("maintenance", "off", "[RESOURCE]", "end maintenance of everything, or of a resource"),
    ("maintenance", "on", "[RESOURCE]", "leave everything alone, or a resource"),
    ("assist", "template", "RESOURCE...", "a template of what resources have in common"),
    ("assist", "weak-bond", "RESOURCE RESOURCE...", "resources that run on one node without depending on each other"),
];

/// The text of a command or level in a level.
fn text(place: &str, name: &str) -> Option<(&'static str, &'static str)> {
    let of = |place: &str| {
        TEXTS
            .iter()
            .find(|(level, command, ..)| *level == place && *command == name)
            .map(|&(_, _, args, about)| (args, about))
    };
    of(place).or_else(|| of("common")).or_else(|| of(""))
}

/// Every command and level of a level, a line each.
fn overview(place: &str) {
    let here = level(place);
    println!("{}", if place.is_empty() { "Commands:".to_owned() } else { format!("Commands of {place}:") });
    let own = here.commands().filter(|command| !super::levels::COMMON.iter().any(|c| c.name == command.name));
    let names: Vec<&str> = own.map(|command| command.name).chain(here.levels.iter().copied()).collect();
    let common = here.commands().map(|command| command.name).filter(|name| !names.contains(name));
    let width = names.iter().map(|name| name.len()).max().unwrap_or(0).max(10) + 2;
    for name in names.iter().copied().chain(common) {
        println!("  {name:width$}{}", text(place, name).map_or("", |(_, about)| about));
    }
    println!("\n'help NAME' tells more of each.");
}

/// `help`: of this level, of a command in it or a level anywhere, of a command in a level.
pub(super) fn help(session: &mut Session, arguments: &[String]) -> bool {
    let here = session.levels.last().copied().unwrap_or_default();
    let (place, topic) = match arguments {
        [] => {
            overview(here);
            return true;
        }
        [topic] => (here, topic.as_str()),
        [place, topic, ..] => (place.as_str(), topic.as_str()),
    };
    let found = level(place).commands().find(|command| command.name == topic || command.aliases.contains(&topic));
    if let Some(command) = found.filter(|_| level(place).name == place) {
        let (form, about) = text(place, command.name).unwrap_or((command.arguments, ""));
        println!("{about}\n\nUsage: {} {form}", command.name);
        return true;
    }
    match LEVELS.iter().find(|level| level.name == topic && !topic.is_empty()) {
        Some(level) => {
            overview(level.name);
            true
        }
        None => session.fail(&format!("no help for {topic}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_explained() {
        let unused = ["cluster", "corosync", "history", "script", "template"];
        for level in LEVELS.iter().filter(|level| !unused.contains(&level.name)) {
            for name in level.commands().map(|command| command.name).chain(level.levels.iter().copied()) {
                assert!(text(level.name, name).is_some(), "{} {name}", level.name);
            }
        }
    }

    #[test]
    fn nothing_else_is() {
        for (place, name, ..) in TEXTS.iter().filter(|(place, ..)| *place != "common") {
            let level = level(place);
            assert_eq!(level.name, *place);
            assert!(level.commands().any(|c| c.name == *name) || level.levels.contains(name), "{place} {name}");
        }
    }
}
