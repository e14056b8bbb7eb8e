//! Access control: who may read and write what [CB-13].
//!
//! ```
//! use cib_core::acl::Acl;
//! use cib_core::xml::{Document, Style};
//!
//! let doc = Document::parse(r#"<cib><configuration><crm_config><cluster_property_set id="o">
//!   <nvpair id="e" name="enable-acl" value="true"/></cluster_property_set></crm_config><nodes><node id="1" uname="a"/></nodes>
//!   <acls><acl_target id="fred"><role id="r"/></acl_target>
//!     <acl_role id="r"><acl_permission id="p" kind="read" xpath="//nodes"/></acl_role></acls></configuration></cib>"#)?;
//! let acl = Acl::for_user(&doc, Some("fred"), &[]).expect("access control is on");
//! let seen = acl.filter(&doc).expect("something may be read");
//! assert_eq!(
//!     seen.write_node(seen.root(), Style::Compact),
//!     r#"<cib><configuration><nodes><node id="1" uname="a"/></nodes></configuration></cib>"#
//! );
//! # Ok::<(), cib_core::xml::XmlError>(())
//! ```

mod permissions;
mod render;

pub use permissions::{Mode, Permissions};
pub use render::{Marking, RenderError, render};

use crate::xml::{Document, Found, NodeIx, XPath};

/// What a rule says about the elements it matches.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Read,
    Write,
    Deny,
}

/// One rule of a user. A rule whose path is malformed matches nothing.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) kind: Kind,
    xpath: Option<XPath>,
}

impl Rule {
    /// The elements that the rule marks: matched ones, and those of matched attributes, texts and comments.
    pub(crate) fn elements(&self, doc: &Document) -> Vec<NodeIx> {
        let found = self.xpath.as_ref().map(|xpath| xpath.select(doc).unwrap_or_default()).unwrap_or_default();
        let element = |found: Found<'_>| match found {
            Found::Document => Some(doc.root()),
            Found::Attribute { element, .. } => Some(element),
            Found::Node(n) if doc.is_element(n) => Some(n),
            Found::Node(n) => doc.parent(n),
        };
        found.into_iter().filter_map(element).collect()
    }
}

/// The rules that a document has for one user.
#[derive(Clone, Debug)]
pub struct Acl {
    pub(crate) rules: Vec<Rule>,
}

/// Whether a user may do everything whatever the document says.
pub fn is_privileged(user: &str) -> bool {
    matches!(user, "root" | "hacluster")
}

impl Acl {
    /// The rules for a user who is a member of `groups`; `None` where access control does not apply: no user, a
    /// privileged one, or `enable-acl` is not true [CB-13.1].
    pub fn for_user(doc: &Document, user: Option<&str>, groups: &[String]) -> Option<Acl> {
        let user = user.filter(|user| !user.is_empty() && !is_privileged(user))?;
        enabled(doc).then(|| Acl::rules_of(doc, user, groups))
    }

    /// The rules for a user, whether access control is on or not [CB-13.2].
    pub fn rules_of(doc: &Document, user: &str, groups: &[String]) -> Acl {
        let mut rules = Vec::new();
        if let Some(acls) = doc.only("acls") {
            for subject in doc.children(acls) {
                let name = doc.attr(subject, "name").filter(|n| !n.is_empty()).or(doc.id(subject)).unwrap_or_default();
                let applies = match doc.name(subject) {
                    "acl_target" => name == user,
                    "acl_group" => groups.iter().any(|g| g == name),
                    _ => false,
                };
                if applies {
                    subject_rules(doc, acls, subject, &mut rules);
                }
            }
        }
        Acl { rules }
    }

    /// What the user may see of a document; `None` if nothing at all [CB-13.3].
    pub fn filter(&self, doc: &Document) -> Option<Document> {
        if self.rules.is_empty() {
            return None;
        }
        let permissions = Permissions::of(self, doc);
        let mut copy = doc.clone();
        for rule in self.rules.iter().filter(|rule| rule.kind == Kind::Deny) {
            for n in rule.elements(&copy) {
                if copy.is_alive(n) && !purge(&mut copy, &permissions, n) {
                    return None;
                }
            }
        }
        let root = copy.root();
        purge(&mut copy, &permissions, root).then_some(copy)
    }
}

/// Removes what may not be read of `top`; false if that was the whole document.
fn purge(doc: &mut Document, permissions: &Permissions, top: NodeIx) -> bool {
    let mut kept = vec![false; doc.table_len()];
    let mut stripped = Vec::new();
    let mut open = vec![top];
    while let Some(n) = open.pop() {
        if permissions.is_readable_itself(n) {
            kept[n.index()] = true;
        } else {
            stripped.push(n);
            open.extend(doc.children(n));
        }
    }
    // What stands deeper comes later in the list: from the end, children are decided before their parents.
    for n in stripped.into_iter().rev() {
        if doc.children(n).any(|c| kept[c.index()]) {
            kept[n.index()] = true;
            let id = doc.id(n).map(str::to_owned);
            doc.clear_attrs(n);
            if let Some(id) = id {
                doc.set_attr(n, "id", &id);
            }
        } else if n == doc.root() {
            return false;
        } else {
            doc.remove(n);
        }
    }
    true
}

fn subject_rules(doc: &Document, acls: NodeIx, subject: NodeIx, rules: &mut Vec<Rule>) {
    for child in doc.children(subject) {
        match doc.name(child) {
            "role" => {
                let id = doc.id(child);
                if let Some(role) = doc.children_named(acls, "acl_role").find(|&r| doc.id(r) == id) {
                    rules.extend(doc.children_named(role, "acl_permission").filter_map(|p| rule(doc, p)));
                }
            }
            "acl_permission" => rules.extend(rule(doc, child)),
            _ => {}
        }
    }
}

fn rule(doc: &Document, n: NodeIx) -> Option<Rule> {
    let kind = match doc.attr(n, "kind")? {
        "read" => Kind::Read,
        "write" => Kind::Write,
        "deny" => Kind::Deny,
        _ => return None,
    };
    let given = |name| doc.attr(n, name).filter(|v| !v.is_empty());
    let (tag, reference, attribute) = (given("object-type"), given("reference"), given("attribute"));
    let xpath = match (given("xpath"), tag, reference) {
        (Some(xpath), _, _) => xpath.to_owned(),
        (None, None, None) => return None,
        (None, tag, reference) => {
            let condition = match (reference, attribute) {
                (Some(id), Some(attribute)) => format!("[@id='{id}' and @{attribute}]"),
                (Some(id), None) => format!("[@id='{id}']"),
                (None, Some(attribute)) => format!("[@{attribute}]"),
                (None, None) => String::new(),
            };
            format!("//{}{condition}", tag.unwrap_or("*"))
        }
    };
    Some(Rule { kind, xpath: XPath::parse(&xpath).ok() })
}

/// Whether the cluster property `enable-acl` is true. Property sets with rules do not count.
fn enabled(doc: &Document) -> bool {
    let Some(config) = doc.path(doc.root(), &["configuration", "crm_config"]) else { return false };
    let mut sets: Vec<NodeIx> =
        doc.children_named(config, "cluster_property_set").filter(|&set| doc.child(set, "rule").is_none()).collect();
    let score = |set: NodeIx| doc.attr(set, "score").and_then(crate::cib::parse_score).unwrap_or(0);
    sets.sort_by_key(|&set| (doc.id(set) != Some("cib-bootstrap-options"), core::cmp::Reverse(score(set))));
    let mut pairs = sets.iter().flat_map(|&set| doc.children_named(set, "nvpair"));
    let value =
        pairs.find(|&pair| doc.attr(pair, "name") == Some("enable-acl")).and_then(|pair| doc.attr(pair, "value"));
    value.is_some_and(|v| ["true", "on", "yes", "y", "1"].iter().any(|t| v.eq_ignore_ascii_case(t)))
}
