//! `crm_attribute`, `crm_master`, `attrd_updater`, `crm_node` on a running node: what resource agents call to tell the cluster
//! how they fare [RA-2.10], and what administrators set by hand. The words are those of the released programs.

use super::live::{Live, Silent};
use crate::drive::cluster::{Answer, AttributeRow, Request};
use crate::shell::cib_tools::tool::{Arguments, Finished, OptionSpec, Surroundings, Takes};
use cib_core::cib::{CallOptions, Operation, Request as CibRequest};
use cib_core::xml::{Document, NodeIx};
use std::process::ExitCode;

/// Something is not there.
const NO_SUCH: u8 = 105;
/// The command line is wrong.
const USAGE: u8 = 64;
/// No cluster.
const NO_CLUSTER: u8 = 102;

const CRM_ATTRIBUTE: &[OptionSpec] = &[
    ('n', "name", Takes::Value),
    ('p', "promotion", Takes::Optional),
    ('D', "delete", Takes::Nothing),
    ('G', "query", Takes::Nothing),
    ('v', "update", Takes::Value),
    ('d', "default", Takes::Value),
    ('l', "lifetime", Takes::Value),
    ('N', "node", Takes::Value),
    ('U', "uname", Takes::Value),
    ('t', "type", Takes::Value),
    ('q', "quiet", Takes::Nothing),
    ('Q', "quiet", Takes::Nothing),
    ('V', "verbose", Takes::Nothing),
    (' ', "socket", Takes::Value),
    ('h', "help", Takes::Nothing),
];

const CRM_ATTRIBUTE_HELP: &str = "\
Usage: crm_attribute [-N NODE] -n NAME [-l reboot|forever] -v VALUE|-G|-D
       crm_attribute --promotion[=RESOURCE] [-N NODE] -v SCORE|-G|-D
       crm_attribute -n OPTION -v VALUE|-G|-D

Sets, shows or deletes an attribute of a node, the wish of a resource to be promoted on a node, or a cluster option, on the node
that runs here.

  -n, --name=NAME            the attribute or option
  -p, --promotion[=RESOURCE] the promotion score of a resource; that of $OCF_RESOURCE_INSTANCE if none is named
  -v, --update=VALUE         set it
  -G, --query                show it
  -D, --delete               delete it
  -d, --default=VALUE        what to show if there is none
  -l, --lifetime=LIFETIME    reboot: until the node leaves; forever: part of the configuration
  -N, --node=NODE            an attribute of this node
  -q, --quiet                the value alone
      --socket=PATH          where the node listens; $METRONOME_SOCKET if not given
";

const ATTRD_UPDATER: &[OptionSpec] = &[
    ('n', "name", Takes::Value),
    ('U', "update", Takes::Value),
    ('v', "update", Takes::Value),
    ('B', "update-both", Takes::Value),
    ('Q', "query", Takes::Nothing),
    ('D', "delete", Takes::Nothing),
    ('d', "delay", Takes::Value),
    ('N', "node", Takes::Value),
    ('A', "all", Takes::Nothing),
    ('s', "set", Takes::Value),
    ('l', "lifetime", Takes::Value),
    ('q', "quiet", Takes::Nothing),
    ('V', "verbose", Takes::Nothing),
    (' ', "socket", Takes::Value),
    ('h', "help", Takes::Nothing),
];

const ATTRD_UPDATER_HELP: &str = "\
Usage: attrd_updater -n NAME -U VALUE|-B VALUE -d DELAY|-Q|-D [-N NODE|-A]

Sets, shows or unsets an attribute that lives until its node leaves, on the node that runs here.

  -n, --name=NAME          the attribute
  -U, --update=VALUE       set it
  -B, --update-both=VALUE  set it and its delay
  -Q, --query              show it
  -D, --delete             unset it
  -d, --delay=TIME         how long nothing must change before it is written
  -N, --node=NODE          of this node instead of the one that is asked
  -A, --all                of all nodes (with -Q)
      --socket=PATH        where the node listens; $METRONOME_SOCKET if not given
";

/// `crm_attribute`: attributes of nodes, promotion scores, cluster options.
pub fn crm_attribute(args: &[String]) -> ExitCode {
    Tool::run("crm_attribute", args, CRM_ATTRIBUTE, CRM_ATTRIBUTE_HELP, |tool| tool.attribute()).exit()
}

/// `crm_master`: the promotion score of the resource whose agent calls it; permanent unless `-l reboot` is given.
pub fn crm_master(args: &[String]) -> ExitCode {
    Tool::run("crm_master", args, CRM_ATTRIBUTE, CRM_ATTRIBUTE_HELP, |tool| {
        tool.args.options.push(("promotion", None));
        if !tool.args.has("lifetime") {
            tool.args.options.push(("lifetime", Some("forever".to_owned())));
        }
        tool.attribute()
    })
    .exit()
}

/// `attrd_updater`: attributes that live until their node leaves.
pub fn attrd_updater(args: &[String]) -> ExitCode {
    Tool::run("attrd_updater", args, ATTRD_UPDATER, ATTRD_UPDATER_HELP, |tool| tool.update()).exit()
}

/// Where an attribute is kept.
enum Place {
    /// Until the node leaves.
    Transient(String),
    /// In the node's entry of the configuration.
    Permanent(String),
    /// A cluster option.
    Option,
}

/// What is to be done with it.
enum Act {
    Query,
    Set(Option<String>),
}

struct Tool {
    name: &'static str,
    args: Arguments,
    around: Surroundings,
    live: Live,
}

/// A failure: what to say, and the exit status.
struct Failed(String, u8);

impl From<Silent> for Failed {
    fn from(silent: Silent) -> Failed {
        let code = if matches!(silent, Silent::Refused(_)) { NO_SUCH } else { NO_CLUSTER };
        Failed(silent.to_string(), code)
    }
}

type Outcome = Result<String, Failed>;

fn no_such_thing() -> Failed {
    Failed("Error performing operation: No such device or address".to_owned(), NO_SUCH)
}

impl Tool {
    fn run(
        name: &'static str,
        args: &[String],
        options: &[OptionSpec],
        help: &str,
        act: impl FnOnce(&mut Tool) -> Outcome,
    ) -> Finished {
        let args = match Arguments::parse(args, options) {
            Ok(args) => args,
            Err(text) => return Finished { stderr: format!("{name}: {text}\n"), code: USAGE, ..Finished::default() },
        };
        if args.has("help") {
            return Finished { stdout: help.to_owned(), ..Finished::default() };
        }
        let live = Live::at(args.value("socket"));
        let mut tool = Tool { name, args, around: Surroundings::of_process(), live };
        match act(&mut tool) {
            Ok(stdout) => Finished { stdout, ..Finished::default() },
            Err(Failed(text, code)) => Finished { stderr: format!("{name}: {text}\n"), code, ..Finished::default() },
        }
    }

    /// The node that is meant: as given, or as the agent's environment has it, or the one that is asked.
    fn node(&self) -> Result<String, Failed> {
        let given = self.args.value("node").or(self.args.value("uname")).filter(|name| *name != "localhost");
        let meta = |name: &str| self.around.variable(&format!("OCF_RESKEY_CRM_meta_{name}"));
        let host = meta("container_attribute_target").filter(|target| target.eq_ignore_ascii_case("host"));
        let host = host.and_then(|_| meta("physical_host")).or_else(|| meta("on_node"));
        match given.or(host) {
            Some(name) => Ok(name.to_owned()),
            None => Ok(self.live.status()?.name),
        }
    }

    fn act(&self) -> Act {
        match self
            .args
            .options
            .iter()
            .rev()
            .map(|(name, value)| (*name, value))
            .find(|(name, _)| matches!(*name, "update" | "update-both" | "delete" | "query"))
        {
            Some(("update" | "update-both", value)) => Act::Set(value.clone()),
            Some(("delete", _)) => Act::Set(None),
            _ => Act::Query,
        }
    }

    // --- crm_attribute -----------------------------------------------------------------------------------------------

    fn attribute(&mut self) -> Outcome {
        let name = self.attribute_name()?;
        let of_node = ["node", "uname", "promotion"].iter().any(|option| self.args.has(option));
        let lifetime = self.args.value("lifetime").or(self.args.has("promotion").then_some("reboot"));
        let place = match (lifetime, of_node) {
            (Some("reboot"), _) => Place::Transient(self.node()?),
            (_, true) | (Some("forever"), _) => Place::Permanent(self.node()?),
            _ if self.args.value("type") == Some("status") => Place::Transient(self.node()?),
            _ => Place::Option,
        };
        match self.act() {
            Act::Query => self.show(&name, &place),
            Act::Set(value) => self.set(&name, value, &place),
        }
    }

    fn attribute_name(&self) -> Result<String, Failed> {
        if self.args.has("promotion") {
            let resource = self.args.value("promotion").or(self.around.variable("OCF_RESOURCE_INSTANCE"));
            return resource.map(|resource| format!("master-{resource}")).ok_or_else(|| {
                let text = "-p/--promotion must be called from an OCF resource agent or with a resource ID specified";
                Failed(text.to_owned(), USAGE)
            });
        }
        let given = self.args.value("name");
        given.map(str::to_owned).ok_or_else(|| Failed("an attribute is needed: -n NAME".to_owned(), USAGE))
    }

    fn show(&self, name: &str, place: &Place) -> Outcome {
        let (scope, found) = match place {
            Place::Transient(node) => ("status", self.values(name, Some(node))?.into_iter().find_map(|row| row.value)),
            Place::Permanent(node) => ("nodes", self.permanent(node, name)?.map(|(_, value)| value)),
            Place::Option => ("crm_config", self.option(name)?.map(|(_, value)| value)),
        };
        let value = found.or_else(|| self.args.value("default").map(str::to_owned)).ok_or_else(no_such_thing)?;
        Ok(if self.args.has("quiet") {
            format!("{value}\n")
        } else {
            format!("scope={scope}  name={name} value={value}\n")
        })
    }

    fn set(&self, name: &str, value: Option<String>, place: &Place) -> Outcome {
        match place {
            Place::Transient(node) => self.order(node, name, value, None, false),
            Place::Permanent(node) => {
                let gone = if value.is_none() { self.permanent(node, name)?.map(|(id, _)| id) } else { None };
                if value.is_some() || gone.is_some() {
                    self.order(node, name, value, None, true)?;
                }
                Ok(gone.map(|id| format!("Deleted nodes attribute: id={id} name={name}\n")).unwrap_or_default())
            }
            Place::Option => self.set_option(name, value.as_deref()),
        }
    }

    fn order(&self, node: &str, name: &str, value: Option<String>, delay_ms: Option<u64>, permanent: bool) -> Outcome {
        let (node, name) = (Some(node.to_owned()), name.to_owned());
        self.live.order(Request::SetAttribute { node, name, value, delay_ms, permanent })?;
        Ok(String::new())
    }

    fn values(&self, name: &str, node: Option<&str>) -> Result<Vec<AttributeRow>, Failed> {
        let (name, node) = (Some(name.to_owned()), node.map(str::to_owned));
        match self.live.ask(Request::Attributes { name, node })? {
            Answer::Attributes(rows) => Ok(rows),
            _ => Err(no_such_thing()),
        }
    }

    /// Id and value of an attribute in a node's entry.
    fn permanent(&self, node: &str, name: &str) -> Result<Option<(String, String)>, Failed> {
        let cib = self.live.read()?;
        let nodes = cib.path(cib.root(), &["configuration", "nodes"]);
        let mut nodes = nodes.into_iter().flat_map(|section| cib.children_named(section, "node"));
        let Some(entry) = nodes.find(|&n| cib.attr(n, "uname") == Some(node)) else {
            return Err(Failed(format!("Could not map name={node} to a UUID"), NO_SUCH));
        };
        Ok(pair(&cib, entry, "instance_attributes", name))
    }

    fn option(&self, name: &str) -> Result<Option<(String, String)>, Failed> {
        let cib = self.live.read()?;
        let section = cib.path(cib.root(), &["configuration", "crm_config"]);
        Ok(section.and_then(|section| pair(&cib, section, "cluster_property_set", name)))
    }

    fn set_option(&self, name: &str, value: Option<&str>) -> Outcome {
        let found = self.option(name)?.map(|(id, _)| id);
        let request = match (value, &found) {
            (None, None) => return Ok(String::new()),
            (None, Some(id)) => CibRequest::new(Operation::Delete).xpath(format!("//crm_config//nvpair[@id='{id}']")),
            (Some(value), found) => {
                let mut doc = Document::new("crm_config");
                let root = doc.root();
                let set = doc.append(root, "cluster_property_set");
                doc.set_attr(set, "id", "cib-bootstrap-options");
                let pair = doc.append(set, "nvpair");
                let id = found.clone().unwrap_or_else(|| format!("cib-bootstrap-options-{name}"));
                for (n, v) in [("id", id.as_str()), ("name", name), ("value", value)] {
                    doc.set_attr(pair, n, v);
                }
                CibRequest::new(Operation::Modify).section("crm_config").options(CallOptions::MAY_CREATE).input(doc)
            }
        };
        let request = CibRequest { client: Some(self.name.to_owned()), ..request };
        self.live.perform(&request)?.result.map_err(|code| Failed(code.text().to_owned(), code.exit()))?;
        let gone = found.filter(|_| value.is_none());
        Ok(gone.map(|id| format!("Deleted crm_config option: id={id} name={name}\n")).unwrap_or_default())
    }

    // --- attrd_updater -----------------------------------------------------------------------------------------------

    fn update(&mut self) -> Outcome {
        let Some(name) = self.args.value("name").map(str::to_owned) else {
            return Err(Failed("Missing argument for --name".to_owned(), USAGE));
        };
        let delay_ms = match self.args.value("delay").map(delay) {
            Some(None) => return Err(Failed("the delay is no time".to_owned(), USAGE)),
            given => given.flatten(),
        };
        match self.act() {
            Act::Set(value) => self.order(&self.node()?, &name, value, delay_ms, false),
            Act::Query => {
                let node = if self.args.has("all") { None } else { Some(self.node()?) };
                let rows = self.values(&name, node.as_deref())?;
                let rows = rows.into_iter().filter_map(|row| Some((row.node, row.value?)));
                let lines: Vec<String> =
                    rows.map(|(node, value)| format!("name=\"{name}\" host=\"{node}\" value=\"{value}\"\n")).collect();
                if lines.is_empty() {
                    let text = format!("Could not query value of {name}: attribute does not exist");
                    return Err(Failed(text, NO_SUCH));
                }
                Ok(lines.concat())
            }
        }
    }
}

/// A delay in milliseconds: a number without a unit is seconds.
fn delay(text: &str) -> Option<u64> {
    cib_core::rules::parse_milliseconds(text).ok().and_then(|ms| u64::try_from(ms).ok())
}

/// Id and value of a pair in one of the sets of an element.
fn pair(doc: &Document, owner: NodeIx, set: &str, name: &str) -> Option<(String, String)> {
    let pairs = doc.children_named(owner, set).flat_map(|set| doc.children_named(set, "nvpair"));
    let pair = pairs.into_iter().find(|&pair| doc.attr(pair, "name") == Some(name))?;
    Some((doc.id(pair)?.to_owned(), doc.attr(pair, "value")?.to_owned()))
}

const CRM_NODE: &[OptionSpec] = &[
    ('n', "name", Takes::Nothing),
    ('i', "cluster-id", Takes::Nothing),
    ('l', "list", Takes::Nothing),
    ('p', "partition", Takes::Nothing),
    ('q', "quorum", Takes::Nothing),
    ('Q', "quiet", Takes::Nothing),
    ('V', "verbose", Takes::Nothing),
    (' ', "socket", Takes::Value),
    ('h', "help", Takes::Nothing),
];

const CRM_NODE_HELP: &str = "\
Usage: crm_node -n|-i|-p|-q

  -n, --name        the name of the node that runs here
  -i, --cluster-id  its id
  -p, --partition   the nodes of its partition
  -q, --quorum      1 if the partition has quorum, else 0
      --socket=PATH where the node listens; $METRONOME_SOCKET if not given
";

/// `crm_node`: the node that runs here, and its partition.
pub fn crm_node(args: &[String]) -> ExitCode {
    Tool::run("crm_node", args, CRM_NODE, CRM_NODE_HELP, |tool| {
        let report = tool.live.status()?;
        Ok(match tool.args.options.first().map(|(name, _)| *name) {
            Some("cluster-id") => format!("{}\n", report.id),
            Some("partition" | "list") => format!("{} \n", report.online.join(" ")),
            Some("quorum") => format!("{}\n", u8::from(report.quorate)),
            _ => format!("{}\n", report.name),
        })
    })
    .exit()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_in_any_set() {
        let text = "<node id='1'><instance_attributes id='a'/><instance_attributes id='b'><nvpair id='b-x' name='x' value='7'/></instance_attributes></node>";
        let doc = Document::parse(text).unwrap();
        assert_eq!(pair(&doc, doc.root(), "instance_attributes", "x"), Some(("b-x".into(), "7".into())));
        assert_eq!(pair(&doc, doc.root(), "instance_attributes", "y"), None);
    }

    #[test]
    fn delays_are_seconds_without_a_unit() {
        assert_eq!((delay("5"), delay("5s"), delay("200ms"), delay("soon")), (Some(5000), Some(5000), Some(200), None));
    }
}
