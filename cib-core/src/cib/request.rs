//! Requests: what to do, where, with what, for whom [CB-6.1], and their form as messages [CB-14.1].

use crate::xml::{Document, NodeIx};

use super::Code;

macro_rules! operations {
    ($($(#[$doc:meta])* $variant:ident = $wire:literal, $modifies:literal, $privileged:literal, $through:literal, $transaction:literal;)*) => {
        /// What a request asks for.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        #[non_exhaustive]
        pub enum Operation { $($(#[$doc])* $variant,)* }

        impl Operation {
            /// Every operation.
            pub const ALL: &'static [Operation] = &[$(Operation::$variant),*];

            /// The name in messages.
            pub fn wire_name(self) -> &'static str {
                match self { $(Operation::$variant => $wire,)* }
            }

            /// The operation with a name in messages.
            pub fn from_wire_name(name: &str) -> Option<Operation> {
                match name { $($wire => Some(Operation::$variant),)* _ => None }
            }

            /// Whether it changes the document.
            pub fn modifies(self) -> bool {
                match self { $(Operation::$variant => $modifies,)* }
            }

            /// Whether it is refused on read-only connections.
            pub fn is_privileged(self) -> bool {
                match self { $(Operation::$variant => $privileged,)* }
            }

            /// Whether the document is stored even if the configuration did not change.
            pub fn writes_through(self) -> bool {
                match self { $(Operation::$variant => $through,)* }
            }

            /// Whether it may be a member of a transaction.
            pub fn in_transactions(self) -> bool {
                match self { $(Operation::$variant => $transaction,)* }
            }
        }
    };
}

operations! {
    /// Show a part of the document.
    Query = "cib_query", false, false, false, false;
    /// Append new objects.
    Create = "cib_create", true, true, false, true;
    /// Merge into what exists.
    Modify = "cib_modify", true, true, false, true;
    /// Remove what matches.
    Delete = "cib_delete", true, true, false, true;
    /// Raise the epoch.
    Bump = "cib_bump", true, true, false, true;
    /// Apply a patch set.
    Patch = "cib_apply_diff", true, true, false, true;
    /// Empty the document.
    Erase = "cib_erase", true, true, false, true;
    /// Put something in the place of what exists.
    Replace = "cib_replace", true, true, true, true;
    /// Raise the schema.
    Upgrade = "cib_upgrade", true, true, true, true;
    /// Carry out several operations as one.
    Commit = "cib_commit_transact", true, true, true, false;
    /// Send the whole document to the others.
    Sync = "cib_sync", false, true, false, false;
    /// Ask whether a member is primary.
    IsPrimary = "cib_ismaster", false, true, false, false;
    /// Announce a shutdown.
    ShutdownRequest = "cib_shutdown_req", false, true, false, false;
    /// Become primary.
    Primary = "cib_master", true, true, false, false;
    /// Become secondary.
    Secondary = "cib_slave", false, true, false, false;
    /// Ask for a digest.
    Ping = "ping", false, false, false, false;
    /// Nothing.
    Noop = "noop", false, false, false, false;
    /// List schemas.
    Schemas = "cib_schemas", false, false, false, false;
    /// A former form of deletion; always fails.
    AbsoluteDelete = "cib_delete_alt", true, true, false, false;
}

/// Call options of a request: a set of flags.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct CallOptions(u32);

impl CallOptions {
    /// No option.
    pub const NONE: CallOptions = CallOptions(0);
    /// More output.
    pub const VERBOSE: CallOptions = CallOptions(1);
    /// The section is an XPath.
    pub const XPATH: CallOptions = CallOptions(2);
    /// All matches, not only the first.
    pub const MULTIPLE: CallOptions = CallOptions(4);
    /// What does not exist may be created.
    pub const MAY_CREATE: CallOptions = CallOptions(8);
    /// No reply is wanted.
    pub const NO_REPLY: CallOptions = CallOptions(16);
    /// Elements without their children.
    pub const NO_CHILDREN: CallOptions = CallOptions(32);
    /// Paths instead of elements.
    pub const PATHS: CallOptions = CallOptions(64);
    /// Only try.
    pub const DRY_RUN: CallOptions = CallOptions(512);
    /// Part of a transaction.
    pub const TRANSACTION: CallOptions = CallOptions(1024);
    /// `name++` and `name+=value` in attribute values are carried out.
    pub const SCORE: CallOptions = CallOptions(2048);
    /// The caller waits.
    pub const SYNC: CallOptions = CallOptions(4096);
    /// Who changed what and when is not noted.
    pub const NO_TRACKING: CallOptions = CallOptions(8192);
    /// No notification.
    pub const NO_NOTIFICATION: CallOptions = CallOptions(65536);

    /// Both sets together.
    #[must_use]
    pub const fn and(self, other: CallOptions) -> CallOptions {
        CallOptions(self.0 | other.0)
    }

    /// Whether all of `other` are in this set.
    pub const fn has(self, other: CallOptions) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bit sum, as in messages.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// The set of a bit sum.
    pub const fn from_bits(bits: u32) -> CallOptions {
        CallOptions(bits)
    }
}

/// One request.
#[derive(Clone, Debug)]
pub struct Request {
    /// What to do.
    pub operation: Operation,
    /// A scope name, or an XPath if the options say so; `None` for the whole document.
    pub section: Option<String>,
    /// What to do it with.
    pub input: Option<Document>,
    /// How.
    pub options: CallOptions,
    /// Who wants it; `None` for the cluster itself.
    pub user: Option<String>,
    /// The name of the client program.
    pub client: Option<String>,
    /// The cluster node it comes from.
    pub origin: Option<String>,
    /// The cluster node that is to process it; `None` for all.
    pub host: Option<String>,
    /// For replacements: the versioned digest that the input must have.
    pub digest: Option<String>,
    /// The input's versions are final: no version management.
    pub final_versions: bool,
    /// For upgrades: the highest schema.
    pub schema_max: Option<String>,
    /// The client's number of the call.
    pub call_id: i32,
    /// The groups of the user, as the cluster node that the request comes from knows them.
    pub groups: Vec<String>,
    /// Calendar time of the request as text, for `cib-last-written`.
    pub written: Option<String>,
}

impl Request {
    /// A request without any particulars.
    pub fn new(operation: Operation) -> Request {
        Request {
            operation,
            section: None,
            input: None,
            options: CallOptions::NONE,
            user: None,
            client: None,
            origin: None,
            host: None,
            digest: None,
            final_versions: false,
            schema_max: None,
            call_id: 0,
            groups: Vec::new(),
            written: None,
        }
    }

    /// The same for a section.
    #[must_use]
    pub fn section(self, section: impl Into<String>) -> Request {
        Request { section: Some(section.into()), ..self }
    }

    /// The same for the matches of an XPath.
    #[must_use]
    pub fn xpath(self, xpath: impl Into<String>) -> Request {
        Request { section: Some(xpath.into()), options: self.options.and(CallOptions::XPATH), ..self }
    }

    /// The same with an input element.
    #[must_use]
    pub fn input(self, input: Document) -> Request {
        Request { input: Some(input), ..self }
    }

    /// The same with more options.
    #[must_use]
    pub fn options(self, options: CallOptions) -> Request {
        Request { options: self.options.and(options), ..self }
    }

    /// The same for a user.
    #[must_use]
    pub fn user(self, user: impl Into<String>) -> Request {
        Request { user: Some(user.into()), ..self }
    }

    /// The same with the cluster node and client it comes from.
    #[must_use]
    pub fn from(self, origin: impl Into<String>, client: impl Into<String>) -> Request {
        Request { origin: Some(origin.into()), client: Some(client.into()), ..self }
    }

    /// The request as element `cib_command`.
    pub fn to_message(&self) -> Document {
        let mut doc = Document::new("cib_command");
        let root = doc.root();
        doc.set_attr(root, "t", "cib");
        doc.set_attr(root, "cib_op", self.operation.wire_name());
        let texts = [
            ("cib_host", &self.host),
            ("cib_section", &self.section),
            ("cib_user", &self.user),
            ("cib_clientname", &self.client),
            ("cib_delegated_from", &self.origin),
            ("digest", &self.digest),
            ("cib_schema_max", &self.schema_max),
            ("cib-last-written", &self.written),
        ];
        for (name, value) in texts {
            if let Some(value) = value {
                doc.set_attr(root, name, value);
            }
        }
        doc.set_attr(root, "cib_callid", &self.call_id.to_string());
        doc.set_attr(root, "cib_callopt", &self.options.bits().to_string());
        if !self.groups.is_empty() {
            doc.set_attr(root, "cib_groups", &self.groups.join(" "));
        }
        if self.final_versions {
            doc.set_attr(root, "cib_update", "true");
        }
        if let Some(input) = &self.input {
            let data = doc.append(root, "cib_calldata");
            doc.copy(data, input, input.root());
        }
        doc
    }

    /// Reads an element `cib_command`.
    pub fn from_message(doc: &Document, n: NodeIx) -> Result<Request, Code> {
        let operation = doc.attr(n, "cib_op").and_then(Operation::from_wire_name).ok_or(Code::Eopnotsupp)?;
        let text = |name| doc.attr(n, name).filter(|v| !v.is_empty()).map(str::to_owned);
        let number = |name| doc.attr(n, name).and_then(super::parse_int).unwrap_or(0);
        let input = doc.child(n, "cib_calldata").and_then(|data| doc.children(data).next());
        Ok(Request {
            operation,
            section: text("cib_section"),
            input: input.map(|input| doc.fragment(input)),
            options: CallOptions(number("cib_callopt") as u32),
            user: text("cib_user"),
            client: text("cib_clientname"),
            origin: text("cib_delegated_from"),
            host: text("cib_host"),
            digest: text("digest"),
            final_versions: doc.attr(n, "cib_update") == Some("true"),
            schema_max: text("cib_schema_max"),
            call_id: number("cib_callid"),
            groups: doc.attr(n, "cib_groups").unwrap_or_default().split_whitespace().map(str::to_owned).collect(),
            written: text("cib-last-written"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back() {
        let input = Document::parse(r#"<primitive id="A"/>"#).unwrap();
        let mut request = Request::new(Operation::Create).section("resources").input(input).user("fred");
        request.options = CallOptions::SYNC.and(CallOptions::SCORE);
        request = request.from("node1", "crm");
        let message = request.to_message();
        let again = Request::from_message(&message, message.root()).unwrap();
        assert_eq!(again.to_message().write(), message.write());
        assert_eq!(again.options.bits(), 4096 + 2048);
        let bad = Document::parse("<cib_command cib_op='nothing'/>").unwrap();
        assert_eq!(Request::from_message(&bad, bad.root()).unwrap_err(), Code::Eopnotsupp);
    }
}
