//! The levels of the shell: which commands each has, and how a word is taken for one [SH-16.2].

use super::session::Session;
use super::{
    attributes, cibstatus, configure, help, live, load, migrate, monitor, node, options, others, resource, shadow,
    status, trace,
};

/// What runs a command; whether it succeeded.
pub(super) type Run = fn(&mut Session, &[String]) -> bool;

/// A command of a level.
pub(super) struct Command {
    pub(super) name: &'static str,
    pub(super) aliases: &'static [&'static str],
    /// Names of the arguments, for the message about their number.
    pub(super) arguments: &'static str,
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) run: Run,
}

/// A level.
pub(super) struct Level {
    pub(super) name: &'static str,
    pub(super) commands: &'static [Command],
    pub(super) levels: &'static [&'static str],
}

const ANY: usize = usize::MAX;

const fn command(
    name: &'static str,
    aliases: &'static [&'static str],
    arguments: &'static str,
    least: usize,
    most: usize,
    run: Run,
) -> Command {
    Command { name, aliases, arguments, least, most, run }
}

/// A command that makes an object: its arguments are read by the language.
const fn object(name: &'static str, aliases: &'static [&'static str]) -> Command {
    command(name, aliases, "[args ...]", 0, ANY, configure::object)
}

/// Commands of every level.
pub(super) const COMMON: &[Command] = &[
    command("cd", &[], "[optarg]", 0, 1, others::cd),
    command("help", &["?", "-h", "--help"], "[topic] [subtopic]", 0, ANY, help::help),
    command("ls", &[], "", 0, 0, others::ls),
    command("quit", &["bye", "exit"], "", 0, 0, others::quit),
    command("up", &["end", "back"], "", 0, 0, others::up),
];

pub(super) const LEVELS: &[Level] = &[
    Level {
        name: "",
        commands: &[
            command("report", &[], "[args ...]", 0, ANY, others::no_cluster),
            command("status", &[], "[args ...]", 0, ANY, monitor::status),
            command("verify", &[], "[args ...]", 0, ANY, others::verify),
        ],
        levels: &[
            "cib",
            "cibstatus",
            "cluster",
            "configure",
            "corosync",
            "history",
            "maintenance",
            "node",
            "options",
            "ra",
            "resource",
            "script",
            "site",
        ],
    },
    Level {
        name: "configure",
        commands: &[
            object("acl_group", &[]),
            object("acl_target", &[]),
            object("alert", &[]),
            object("bundle", &[]),
            object("clone", &[]),
            object("colocation", &["collocation"]),
            object("fencing_topology", &[]),
            object("group", &[]),
            object("location", &[]),
            object("monitor", &[]),
            object("ms", &["master"]),
            object("node", &[]),
            object("op_defaults", &[]),
            object("order", &[]),
            object("primitive", &["resource"]),
            object("property", &[]),
            object("role", &[]),
            object("rsc_defaults", &[]),
            object("rsc_template", &[]),
            object("rsc_ticket", &[]),
            object("tag", &[]),
            object("user", &[]),
            object("xml", &[]),
            command("commit", &[], "[args ...]", 0, ANY, configure::commit),
            command("default-timeouts", &["default_timeouts"], "id [args ...]", 1, ANY, configure::default_timeouts),
            command("delete", &["rm"], "[args ...]", 0, ANY, configure::delete),
            command("edit", &[], "[args ...]", 0, ANY, load::edit),
            command("erase", &[], "[nodes]", 0, 1, configure::erase),
            command("filter", &[], "filterprog [args ...]", 1, ANY, load::filter),
            command("get_property", &["get-property"], "[args ...]", 0, ANY, configure::get_property),
            command("graph", &[], "[args ...]", 0, ANY, configure::graph),
            command("load", &[], "[args ...]", 0, ANY, load::load),
            command("modgroup", &[], "group_id subcmd prim_id [args ...]", 3, ANY, configure::modgroup),
            command("ptest", &["simulate"], "[args ...]", 0, ANY, status::ptest),
            command("refresh", &[], "", 0, 0, configure::refresh),
            command("rename", &[], "old_id new_id", 2, 2, configure::rename),
            command("rsctest", &[], "[args ...]", 0, ANY, others::no_cluster),
            command("save", &[], "[args ...]", 0, ANY, load::save),
            command("schema", &[], "[schema_st]", 0, 1, configure::schema),
            command("set", &[], "path value", 2, 2, configure::set),
            command("show", &[], "[args ...]", 0, ANY, configure::show),
            command("upgrade", &[], "[force]", 0, 1, configure::upgrade),
            command("validate-all", &["validate_all"], "rsc", 1, 1, others::no_cluster),
            command("verify", &[], "", 0, 0, configure::verify),
        ],
        levels: &["assist", "cib", "cibstatus", "history", "ra", "template"],
    },
    Level {
        name: "resource",
        commands: &[
            command("ban", &[], "rsc [args ...]", 1, ANY, migrate::ban),
            command("cleanup", &[], "[args ...]", 0, ANY, live::cleanup),
            command("clear", &["unmove", "unban", "unmigrate"], "rsc", 1, 1, migrate::clear),
            command("constraints", &[], "rsc", 1, 1, resource::constraints),
            command("demote", &[], "rsc", 1, 1, resource::demote),
            command("failcount", &[], "rsc cmd node [value] [operation] [interval]", 3, 6, resource::failcount),
            command("locate", &[], "[args ...]", 0, ANY, resource::locate),
            command("maintenance", &[], "rsc [on_off]", 1, 2, resource::maintenance),
            command("manage", &[], "rsc", 1, 1, resource::manage),
            command("meta", &[], "rsc cmd attr [value]", 3, 4, attributes::meta),
            command("move", &["migrate"], "rsc [args ...]", 1, ANY, migrate::relocate),
            command("operations", &[], "[resource] [node]", 0, 2, resource::operations),
            command("param", &[], "rsc cmd attr [value]", 3, 4, attributes::param),
            command("promote", &[], "rsc", 1, 1, resource::promote),
            command("refresh", &["reprobe"], "[args ...]", 0, ANY, live::cleanup),
            command("restart", &[], "[args ...]", 0, ANY, resource::restart),
            command("scores", &[], "", 0, 0, status::scores),
            command("secret", &[], "rsc cmd attr [value]", 3, 4, others::no_cluster),
            command("start", &[], "[args ...]", 0, ANY, resource::start),
            command("status", &["show", "list"], "[args ...]", 0, ANY, resource::status),
            command("stop", &[], "[args ...]", 0, ANY, resource::stop),
            command("trace", &[], "rsc_id [op] [interval] [log_dir]", 1, 4, trace::trace),
            command("unmanage", &[], "rsc", 1, 1, resource::unmanage),
            command("untrace", &[], "rsc_id [op] [interval]", 1, 3, trace::untrace),
            command("utilization", &[], "rsc cmd attr [value]", 3, 4, attributes::utilization),
        ],
        levels: &[],
    },
    Level {
        name: "node",
        commands: &[
            command("attribute", &[], "node cmd attr [value]", 3, 4, node::attribute),
            command("clearstate", &[], "[node]", 0, 1, live::clear_state),
            command("delete", &[], "node", 1, 1, node::delete),
            command("fence", &[], "node", 1, 1, live::fence),
            command("maintenance", &[], "[node]", 0, 1, node::maintenance),
            command("online", &[], "[args ...]", 0, ANY, node::online),
            command("ready", &[], "[node]", 0, 1, node::ready),
            command("server", &[], "[args ...]", 0, ANY, node::server),
            command("show", &["list"], "[node]", 0, 1, node::show),
            command("standby", &[], "[args ...]", 0, ANY, node::standby),
            command("status-attr", &["status_attr"], "node cmd attr [value]", 3, 4, node::status_attribute),
            command("utilization", &[], "node cmd attr [value]", 3, 4, node::utilization),
        ],
        levels: &[],
    },
    Level {
        name: "options",
        commands: &[
            command("reset", &[], "", 0, 0, options::reset),
            command("save", &[], "", 0, 0, options::save),
            command("set", &[], "option value", 2, 2, options::set),
            command("show", &[], "[option]", 0, 1, options::show),
        ],
        levels: &[],
    },
    Level {
        name: "ra",
        commands: &[
            command("classes", &[], "", 0, 0, others::ra_classes),
            command("info", &["meta"], "[args ...]", 1, ANY, others::ra_info),
            command("list", &[], "class_ [provider_]", 1, 2, others::ra_list),
            command("providers", &[], "ra_type [ra_class]", 1, 2, others::ra_providers),
            command("validate", &[], "agentname [args ...]", 1, ANY, others::no_cluster),
        ],
        levels: &[],
    },
    Level {
        name: "cib",
        commands: &[
            command("commit", &[], "[name]", 0, 1, shadow::commit),
            command("delete", &[], "name", 1, 1, shadow::delete),
            command("diff", &[], "", 0, 0, shadow::show_diff),
            command("import", &[], "infile [name]", 1, 2, shadow::import),
            command("list", &[], "", 0, 0, shadow::list),
            command("new", &[], "[args ...]", 0, ANY, shadow::new),
            command("reset", &[], "name", 1, 1, shadow::reset),
            command("use", &[], "[name] [withstatus]", 0, 2, shadow::use_shadow),
        ],
        levels: &[],
    },
    Level {
        name: "site",
        commands: &[command("ticket", &[], "subcmd ticket", 2, 2, others::site_ticket)],
        levels: &[],
    },
    Level {
        name: "maintenance",
        commands: &[
            command("action", &[], "rsc action [ssh]", 2, 3, others::maintenance_action),
            command("off", &[], "[rsc]", 0, 1, others::maintenance_off),
            command("on", &[], "[rsc]", 0, 1, others::maintenance_on),
        ],
        levels: &[],
    },
    Level {
        name: "assist",
        commands: &[
            command("template", &[], "[args ...]", 0, ANY, others::assist_template),
            command("weak-bond", &["weak_bond"], "[args ...]", 0, ANY, others::weak_bond),
        ],
        levels: &[],
    },
    Level { name: "template", commands: &[command("list", &[], "[what]", 0, 1, others::nothing)], levels: &[] },
    Level {
        name: "cibstatus",
        commands: &[
            command("load", &[], "org", 1, 1, cibstatus::load),
            command("node", &[], "node state", 2, 2, cibstatus::node),
            command("op", &[], "op rsc rc [op_status] [node]", 3, 5, cibstatus::op),
            command("origin", &[], "", 0, 0, cibstatus::origin),
            command("quorum", &[], "opt", 1, 1, cibstatus::quorum),
            command("run", &[], "[args ...]", 0, ANY, cibstatus::simulate),
            command("save", &[], "[dest]", 0, 1, cibstatus::save),
            command("show", &[], "[changed]", 0, 1, cibstatus::show),
            command("simulate", &[], "[args ...]", 0, ANY, cibstatus::simulate),
            command("ticket", &[], "ticket subcmd", 2, 2, cibstatus::ticket),
        ],
        levels: &[],
    },
    Level {
        name: "cluster",
        commands: &[command("health", &[], "[args ...]", 0, ANY, others::no_cluster)],
        levels: &[],
    },
    Level {
        name: "corosync",
        commands: &[command("status", &[], "[args ...]", 0, ANY, others::no_cluster)],
        levels: &[],
    },
    Level { name: "history", commands: &[command("info", &[], "", 0, 0, others::no_cluster)], levels: &[] },
    Level { name: "script", commands: &[command("list", &[], "[args ...]", 0, ANY, others::nothing)], levels: &[] },
];

/// The level with this name.
pub(super) fn level(name: &str) -> &'static Level {
    LEVELS.iter().find(|level| level.name == name).unwrap_or(&LEVELS[0])
}

/// What a word is taken for.
pub(super) enum Child {
    Command { command: &'static Command, exact_alias: bool },
    Level(&'static str),
}

impl Child {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Child::Command { command, .. } => command.name,
            Child::Level(name) => name,
        }
    }
}

impl Level {
    /// The commands of the level, those of every level included.
    pub(super) fn commands(&self) -> impl Iterator<Item = &'static Command> {
        let root = self.name.is_empty();
        let own: &'static [Command] = self.commands;
        own.iter().chain(COMMON.iter().filter(move |command| !(root && command.name == "up")))
    }

    /// Exact name or alias; else the only one that the word is a prefix of; else the only one that it is scattered in.
    pub(super) fn find(&self, word: &str) -> Option<Child> {
        let word = word.to_ascii_lowercase();
        for command in self.commands() {
            let alias = command.aliases.contains(&word.as_str());
            if command.name == word || alias {
                return Some(Child::Command { command, exact_alias: alias });
            }
        }
        if let Some(name) = self.levels.iter().find(|name| **name == word) {
            return Some(Child::Level(name));
        }
        self.only(|name| name.starts_with(&word)).or_else(|| self.only(|name| scattered(&word, name)))
    }

    fn only(&self, test: impl Fn(&str) -> bool) -> Option<Child> {
        let mut found = Vec::new();
        for command in self.commands() {
            let names = core::iter::once(&command.name).chain(command.aliases).filter(|name| test(name));
            found.extend(names.map(|_| Child::Command { command, exact_alias: false }));
        }
        found.extend(self.levels.iter().filter(|name| test(name)).map(|name| Child::Level(name)));
        if found.len() == 1 { found.pop() } else { None }
    }
}

/// The first letter first, the others somewhere behind in order.
fn scattered(word: &str, name: &str) -> bool {
    let (mut letters, mut name) = (word.chars(), name.chars());
    letters.next() == name.next() && word.len() > 1 && letters.all(|letter| name.any(|c| c == letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(in_level: &str, word: &str) -> Option<&'static str> {
        level(in_level).find(word).map(|child| child.name())
    }

    #[test]
    fn words_may_be_cut_short() {
        assert_eq!(name("", "cfg"), Some("configure"));
        assert_eq!(name("", "CONF"), Some("configure"));
        assert_eq!(name("", "res"), Some("resource"));
        assert_eq!(name("resource", "sta"), None);
        assert_eq!(name("resource", "li"), Some("status"));
        assert_eq!(name("resource", "res"), Some("restart"));
        assert_eq!(name("configure", "prim"), Some("primitive"));
        assert_eq!(name("configure", "rm"), Some("delete"));
        assert_eq!(name("", "up"), None);
    }

    #[test]
    fn every_level_named_is_there() {
        for level in LEVELS {
            for name in level.levels {
                assert!(LEVELS.iter().any(|level| level.name == *name), "{name}");
            }
        }
    }
}
