//! What operators, tools and agents ask of a node.

use super::Node;
use agents::fencer;
use cib_core::cib::{Code, Operation, Request as CibRequest};
use cib_core::patch::Ordered;
use cib_core::replica::RequestId;
use cib_core::xml::Document;
use policy_core::attributes::{self, Update};
use policy_core::controller::{self, CibWrite};
use policy_core::graph::Place;
use std::time::Duration;

/// A request to a node.
#[derive(Clone, Debug)]
pub enum Request {
    /// Apply configuration text in the crm language.
    Configure(String),
    /// One command of the crm shell: `resource move R N`, `resource unmove R`, `node standby N`, `resource cleanup R`, ...
    Crm(String),
    /// Set or clear standby of a node.
    Standby {
        /// The node.
        node: String,
        /// On or off.
        standby: bool,
    },
    /// Set a node attribute.
    Attribute {
        /// The node.
        node: String,
        /// Name of the attribute.
        name: String,
        /// The value; `None` unsets it.
        value: Option<String>,
        /// Dampening, milliseconds.
        delay_ms: Option<u64>,
        /// Outlives a reboot: written to `nodes` instead of `status`.
        permanent: bool,
    },
    /// Set a transient attribute; [`super::Event::Acknowledged`] with this number tells when it is known here or everywhere, or that the wait
    /// was in vain.
    AttributeAndWait {
        /// The change.
        update: Update,
        /// What to wait for.
        until: attributes::SyncPoint,
        /// The asker's number.
        number: u64,
    },
    /// Set a cluster property.
    Property {
        /// Name of the property.
        name: String,
        /// The value; `None` unsets it.
        value: Option<String>,
    },
    /// Fence a node.
    Fence {
        /// The asker's number for [`super::Output::Reply`]; 0 if nobody waits.
        number: u64,
        /// The target.
        target: String,
        /// `off`, `reboot` or `on`.
        action: String,
    },
    /// Forget failures and histories, so that resources are looked at anew.
    CleanUp {
        /// Of this resource, or of all.
        resource: Option<String>,
        /// On this node, or on all.
        node: Option<String>,
    },
    /// Forget fail counts.
    ClearFailures {
        /// Of this resource, or of all.
        resource: Option<String>,
        /// Of this operation and interval in milliseconds, or of all.
        operation: Option<(String, u64)>,
        /// On this node, or on all.
        node: Option<String>,
    },
    /// Forget finished fencing operations of a target, or of all.
    ForgetFencing(Option<String>),
    /// Query or change the CIB; answered by [`super::Output::Reply`] with this number, for a change once it is durable here.
    Cib {
        /// The asker's number.
        number: u64,
        /// What to do.
        request: Box<CibRequest>,
    },
    /// Write to the CIB; the end is told by [`super::Event::Acknowledged`] with this number.
    Write {
        /// The asker's number.
        number: u64,
        /// What to write.
        writes: Vec<CibWrite>,
    },
}

/// How a request that had a number ended.
#[derive(Clone, Debug)]
pub enum Reply {
    /// [`Request::Cib`].
    Cib {
        /// Whether it succeeded.
        result: Result<(), Code>,
        /// The answer, if there is one.
        output: Option<Document>,
    },
    /// [`Request::Fence`].
    Fenced {
        /// Whether it succeeded.
        ok: bool,
        /// One line that explains it.
        reason: Option<String>,
    },
}

/// Marks fencing requests whose askers wait for the end.
const TOKEN: &str = "tool:";

/// The asker's number, if a tool asked for this fencing.
pub(super) fn number_of(token: &str) -> Option<u64> {
    token.strip_prefix(TOKEN)?.parse().ok()
}

/// Why a request was refused at once.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// The configuration text is wrong.
    #[error("configuration: {0}")]
    Configuration(String),
    /// The command is not known.
    #[error("unknown command: {0}")]
    Command(String),
    /// There is no node of that name.
    #[error("no node '{0}'")]
    Node(String),
    /// The attribute manager refused.
    #[error(transparent)]
    Attribute(#[from] attributes::AttributeError),
}

impl Node {
    /// A request of an operator, a tool or an agent on this node.
    ///
    /// # Errors
    /// It was refused at once, and nothing is changed.
    pub fn request(&mut self, now: Duration, request: Request) -> Result<(), RequestError> {
        let result = self.accept(now, request);
        self.pump(now);
        result
    }

    fn accept(&mut self, now: Duration, request: Request) -> Result<(), RequestError> {
        match request {
            Request::Configure(text) => self.configure(now, &text),
            Request::Crm(line) => self.crm(now, &line),
            Request::Standby { node, standby } => {
                let value = if standby { "on" } else { "off" };
                self.permanent_attribute(now, &node, "standby", Some(value))
            }
            Request::Attribute { node, name, value, permanent: true, .. } => {
                self.permanent_attribute(now, &node, &name, value.as_deref())
            }
            Request::Attribute { node, name, value, delay_ms, permanent: false } => {
                let mut update = Update::new(&name, value.as_deref(), &node);
                update.delay_ms = delay_ms;
                update.remote = self.node_id(&node).is_err();
                self.attributes.request(attributes::Request::Update(vec![update]))?;
                Ok(())
            }
            Request::AttributeAndWait { update, until, number } => {
                self.attributes.request_and_wait(now, attributes::Request::Update(vec![update]), until, number)?;
                Ok(())
            }
            Request::Property { name, value } => {
                self.write_for_client(now, 0, vec![property(&name, value.as_deref())]);
                Ok(())
            }
            Request::Fence { number, target, action } => {
                let client = "stonith_admin";
                let token = if number == 0 { String::new() } else { format!("{TOKEN}{number}") };
                self.fencer
                    .request(now, fencer::Request { token, ..fencer::Request::new(client, &target, &action, 60) });
                Ok(())
            }
            Request::CleanUp { resource, node } => self.clean_up(resource, node),
            Request::ClearFailures { resource, operation, node } => {
                self.attributes.request(attributes::Request::ClearFailure { resource, operation, node })?;
                Ok(())
            }
            Request::ForgetFencing(target) => {
                self.fencer.clean_up(target.as_deref());
                Ok(())
            }
            Request::Cib { number, request } => {
                self.cib_request(now, number, *request);
                Ok(())
            }
            Request::Write { number, writes } => {
                self.write_for_client(now, number, writes);
                Ok(())
            }
        }
    }

    fn write_for_client(&mut self, now: Duration, number: u64, writes: Vec<CibWrite>) {
        self.write_cib(now, super::Writer::Client(number), &writes);
    }

    fn configure(&mut self, now: Duration, text: &str) -> Result<(), RequestError> {
        let mut doc = self.cib().clone();
        cib_core::crmsh::configure(&mut doc, text).map_err(|e| RequestError::Configuration(e.to_string()))?;
        self.change_configuration(now, &doc);
        Ok(())
    }

    /// Writes only what is different here: what others have written in the meantime stays.
    fn change_configuration(&mut self, now: Duration, doc: &Document) {
        let Some(patch) = cib_core::patch::diff_without_version(self.cib(), doc, Ordered::Yes) else { return };
        let request = CibRequest::new(Operation::Patch).input(patch.document().clone());
        self.next_request += 1;
        let id = RequestId(self.next_request);
        self.writing.insert(id.0, super::Writer::Client(0));
        self.replica.handle_request(now, id, request.from(&self.config.name, "crm"));
    }

    /// Whether there is a remote node of that name: one that was connected, or a resource that is to connect to it.
    fn remote_node(&self, name: &str) -> bool {
        let cib = self.cib();
        let resource = || {
            let top = cib.path(cib.root(), &["configuration", "resources"])?;
            cib.find_id(top, name).filter(|&n| cib.attr(n, "type") == Some("remote"))
        };
        self.controller.remotes().any(|r| r.name == name) || resource().is_some()
    }

    fn node_id(&self, name: &str) -> Result<u32, RequestError> {
        self.names
            .iter()
            .find(|(_, n)| n.as_str() == name)
            .map(|(id, _)| *id)
            .ok_or_else(|| RequestError::Node(name.to_owned()))
    }

    fn permanent_attribute(
        &mut self,
        now: Duration,
        node: &str,
        name: &str,
        value: Option<&str>,
    ) -> Result<(), RequestError> {
        let remote = self.remote_node(node);
        let id = match self.node_id(node) {
            Ok(id) => id.to_string(),
            Err(_) if remote => node.to_owned(),
            Err(error) => return Err(error),
        };
        let set = format!("nodes-{id}");
        let pair = format!("{set}-{name}");
        let write = match value {
            None => CibWrite::Delete { xpath: format!("//nodes/node[@id='{id}']//nvpair[@id='{pair}']") },
            Some(value) => CibWrite::merge("nodes", |doc, root| {
                let element = doc.append(root, "node");
                doc.set_attr(element, "id", &id);
                doc.set_attr(element, "uname", node);
                if remote {
                    doc.set_attr(element, "type", "remote");
                }
                let attributes = doc.append(element, "instance_attributes");
                doc.set_attr(attributes, "id", &set);
                let nvpair = doc.append(attributes, "nvpair");
                for (n, v) in [("id", pair.as_str()), ("name", name), ("value", value)] {
                    doc.set_attr(nvpair, n, v);
                }
            }),
        };
        self.write_for_client(now, 0, vec![write]);
        Ok(())
    }

    /// Commands of the crm shell that act on a running cluster.
    fn crm(&mut self, now: Duration, line: &str) -> Result<(), RequestError> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["node", "standby", node] => self.permanent_attribute(now, node, "standby", Some("on")),
            ["node", "online", node] => self.permanent_attribute(now, node, "standby", Some("off")),
            ["node", "maintenance", node] => self.permanent_attribute(now, node, "maintenance", Some("true")),
            ["node", "ready", node] => self.permanent_attribute(now, node, "maintenance", Some("false")),
            ["node", "fence", node] => {
                let (target, action) = ((*node).to_owned(), "reboot".to_owned());
                self.accept(now, Request::Fence { number: 0, target, action })
            }
            ["resource", "move", resource, node] => {
                self.configure(now, &format!("location cli-prefer-{resource} {resource} role=Started inf: {node}\n"))
            }
            ["resource", "unmove" | "clear", resource] => {
                let xpath = format!("//rsc_location[@id='cli-prefer-{resource}' or @id='cli-ban-{resource}']");
                self.write_for_client(now, 0, vec![CibWrite::Delete { xpath }]);
                Ok(())
            }
            ["resource", "stop", resource] => self.meta(now, resource, "target-role", "Stopped"),
            ["resource", "start", resource] => self.meta(now, resource, "target-role", "Started"),
            ["resource", "unmanage", resource] => self.meta(now, resource, "is-managed", "false"),
            ["resource", "manage", resource] => self.meta(now, resource, "is-managed", "true"),
            ["resource", "cleanup", resource] => self.clean_up(Some((*resource).to_owned()), None),
            ["resource", "fail", resource, node] => {
                let host = self.controller.remotes().find(|r| r.name == *node && r.member).and_then(|r| r.host);
                let (to, remote) = match host {
                    Some(host) => (host, Some((*node).to_owned())),
                    None => (self.node_id(node)?, None),
                };
                let message = controller::Message::FailResource { resource: (*resource).to_owned(), remote };
                self.tell_controller(to, message);
                Ok(())
            }
            ["configure", "delete", ids @ ..] => {
                let whole = |id: &&str| CibWrite::Delete { xpath: format!("/cib/configuration//*[@id='{id}']") };
                self.write_for_client(now, 0, ids.iter().map(whole).collect());
                Ok(())
            }
            ["configure", rest @ ..] => self.configure(now, &format!("{}\n", rest.join(" "))),
            _ => Err(RequestError::Command(line.to_owned())),
        }
    }

    fn meta(&mut self, now: Duration, resource: &str, name: &str, value: &str) -> Result<(), RequestError> {
        let mut doc = self.cib().clone();
        let top = doc.path(doc.root(), &["configuration", "resources"]);
        let found = top.and_then(|t| doc.find_id(t, resource));
        let Some(element) = found else { return Err(RequestError::Command(format!("no resource '{resource}'"))) };
        let set_id = format!("{resource}-meta_attributes");
        let set = match doc.child(element, "meta_attributes") {
            Some(set) => set,
            None => {
                let set = doc.append(element, "meta_attributes");
                doc.set_attr(set, "id", &set_id);
                set
            }
        };
        let pair = doc.children_named(set, "nvpair").find(|&p| doc.attr(p, "name") == Some(name));
        let pair = pair.unwrap_or_else(|| doc.append(set, "nvpair"));
        for (n, v) in [("id", format!("{set_id}-{name}")), ("name", name.to_owned()), ("value", value.to_owned())] {
            doc.set_attr(pair, n, &v);
        }
        self.change_configuration(now, &doc);
        Ok(())
    }

    /// A tool's request: it comes from this node, and never from the cluster's own parts.
    fn cib_request(&mut self, now: Duration, number: u64, request: CibRequest) {
        let client = request.client.clone().filter(|name| name != super::OWN_CLIENT);
        self.next_request += 1;
        let id = RequestId(self.next_request);
        self.writing.insert(id.0, super::Writer::Tool(number));
        let request = request.from(&self.config.name, client.as_deref().unwrap_or("tool"));
        self.replica.handle_request(now, id, request);
    }

    fn clean_up(&mut self, resource: Option<String>, node: Option<String>) -> Result<(), RequestError> {
        let remotes = self.controller.remotes().filter(|r| r.member);
        let mut places: Vec<(u32, Option<Place>)> = remotes
            .filter_map(|r| Some((r.host?, Some(Place { name: r.name.clone(), uuid: r.name.clone() }))))
            .filter(|(_, place)| node.is_none() || place.as_ref().map(|p| &p.name) == node.as_ref())
            .collect();
        match &node {
            Some(name) if places.is_empty() => places.push((self.node_id(name)?, None)),
            Some(_) => {}
            None => places.extend(self.members.iter().map(|&id| (id, None))),
        }
        for resource in resource.clone().map_or_else(|| self.known_resources(), |one| vec![one]) {
            for (id, place) in &places {
                let (resource, place) = (Some(resource.clone()), place.clone());
                let deletion = controller::Deletion { resource, place, ..Default::default() };
                self.tell_controller(*id, controller::Message::DeleteHistory(deletion));
            }
        }
        self.attributes.request(attributes::Request::ClearFailure { resource, operation: None, node })?;
        Ok(())
    }

    /// Names of resources that have a history anywhere.
    fn known_resources(&self) -> Vec<String> {
        let doc = self.cib();
        let Some(status) = doc.child(doc.root(), "status") else { return Vec::new() };
        let histories = doc.descendants(status).filter(|&n| doc.name(n) == "lrm_resource");
        let mut names: Vec<String> = histories.filter_map(|n| doc.id(n)).map(str::to_owned).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}

fn property(name: &str, value: Option<&str>) -> CibWrite {
    let id = format!("cib-bootstrap-options-{name}");
    let Some(value) = value else {
        return CibWrite::Delete { xpath: format!("//crm_config//nvpair[@name='{name}']") };
    };
    CibWrite::merge("crm_config", |doc, root| {
        let set = doc.append(root, "cluster_property_set");
        doc.set_attr(set, "id", "cib-bootstrap-options");
        let pair = doc.append(set, "nvpair");
        for (n, v) in [("id", id.as_str()), ("name", name), ("value", value)] {
            doc.set_attr(pair, n, v);
        }
    })
}
