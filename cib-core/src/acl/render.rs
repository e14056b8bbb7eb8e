//! The document with everybody's rights shown [CB-13.5].

use core::fmt::Write;
use thiserror::Error;

use super::{Acl, Mode, Permissions, is_privileged};
use crate::schema;
use crate::xml::{Document, Kind, NodeIx};

/// How rights are marked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Marking {
    /// Lines between the elements.
    Text,
    /// Terminal colours.
    Color,
    /// Name prefixes of elements.
    Namespace,
}

/// Why rights cannot be shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// The document's schema has no access control of this kind.
    #[error("schema is older than pacemaker-2.0")]
    Schema,
    /// The user may do everything.
    #[error("user is privileged")]
    Privileged,
    /// The user's name cannot be shown.
    #[error("user name contains markup")]
    UserName,
}

impl RenderError {
    /// The result code of the tool that shows rights.
    pub fn code(self) -> crate::cib::Code {
        match self {
            RenderError::Schema => crate::cib::Code::SchemaValidation,
            RenderError::Privileged => crate::cib::Code::Already,
            RenderError::UserName => crate::cib::Code::Einval,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Writable,
    Readable,
    Denied,
}

/// Shows a document as a user sees it. The property `enable-acl` does not matter.
pub fn render(doc: &Document, user: &str, groups: &[String], marking: Marking) -> Result<String, RenderError> {
    let known = doc.attr(doc.root(), "validate-with").and_then(schema::index);
    if known < schema::index("pacemaker-2.0") {
        return Err(RenderError::Schema);
    }
    if user.is_empty() || is_privileged(user) {
        return Err(RenderError::Privileged);
    }
    if user.contains(['<', '>', '&']) {
        return Err(RenderError::UserName);
    }
    let acl = Acl::rules_of(doc, user, groups);
    let permissions = Permissions::of(&acl, doc);
    let mut rendering = Rendering { doc, permissions, marking, out: String::new() };
    let _ = writeln!(rendering.out, "<!-- ACLs as evaluated for user {user} -->");
    rendering.document();
    Ok(rendering.out)
}

struct Rendering<'a> {
    doc: &'a Document,
    permissions: Permissions,
    marking: Marking,
    out: String,
}

impl Rendering<'_> {
    fn class(&self, n: NodeIx) -> Class {
        let allow = |mode| self.permissions.allow(self.doc, n, mode, |_| false);
        if !allow(Mode::Read) {
            Class::Denied
        } else if allow(Mode::Write) {
            Class::Writable
        } else {
            Class::Readable
        }
    }

    /// Whether the class differs from that of the element around, which always holds for the root.
    fn differs(&self, n: NodeIx) -> bool {
        self.doc.parent(n).is_none_or(|parent| self.class(parent) != self.class(n))
    }

    fn document(&mut self) {
        let mut open: Vec<(NodeIx, Option<NodeIx>)> = Vec::new();
        let root = self.doc.root();
        if self.start(root, 0) {
            open.push((root, self.doc.first_node(root)));
        }
        while let Some((n, next)) = open.last_mut() {
            let Some(child) = *next else {
                let n = *n;
                open.pop();
                self.end(n, open.len());
                continue;
            };
            *next = self.doc.next_node(child);
            let level = open.len();
            if self.start(child, level) {
                open.push((child, self.doc.first_node(child)));
            }
        }
    }

    fn start(&mut self, n: NodeIx, level: usize) -> bool {
        let doc = self.doc;
        let indent = "  ".repeat(level);
        if !doc.is_element(n) {
            let text = doc.text(n).unwrap_or_default();
            let _ = match doc.kind(n) {
                Kind::Comment => writeln!(self.out, "{indent}<!-- {text} -->\n"),
                _ => writeln!(self.out, "{indent}<![CDATA[{text}]]>"),
            };
            return false;
        }
        let class = self.class(n);
        if self.marking == Marking::Text && self.differs(n) {
            let mark = match class {
                Class::Writable => "vvv---[ WRITABLE ]---vvv",
                Class::Readable => "vvv---[ READABLE ]---vvv",
                Class::Denied => "vvv---[ ~DENIED~ ]---vvv",
            };
            if level > 0 {
                let _ = write!(self.out, "{indent}\n{indent}{mark}\n");
            } else {
                let _ = writeln!(self.out, "{mark}");
            }
        }
        self.out.push_str(&indent);
        self.color(class);
        let _ = write!(self.out, "<{}", self.tag(n));
        for (name, value) in doc.attrs(n) {
            let _ = write!(self.out, " {name}=\"{value}\"");
        }
        if level == 0 && self.marking == Marking::Namespace {
            self.declare(n);
        }
        let open = doc.has_nodes(n);
        self.out.push_str(if open { ">" } else { "/>" });
        if !open {
            self.reset();
        }
        self.out.push('\n');
        open
    }

    fn end(&mut self, n: NodeIx, level: usize) {
        self.out.push_str(&"  ".repeat(level));
        self.color(self.class(n));
        let _ = write!(self.out, "</{}>", self.tag(n));
        self.reset();
        self.out.push('\n');
    }

    fn tag(&self, n: NodeIx) -> String {
        if self.marking == Marking::Namespace && self.differs(n) {
            return format!("pcmk-access-{}:{}", word(self.class(n)), self.doc.name(n));
        }
        self.doc.name(n).into()
    }

    fn color(&mut self, class: Class) {
        if self.marking == Marking::Color {
            self.out.push_str(match class {
                Class::Writable => "\u{1b}[32m",
                Class::Readable => "\u{1b}[34m",
                Class::Denied => "\u{1b}[31m",
            });
        }
    }

    fn reset(&mut self) {
        if self.marking == Marking::Color {
            self.out.push_str("\u{1b}[0m");
        }
    }

    /// Declares the name spaces that occur.
    fn declare(&mut self, root: NodeIx) {
        let doc = self.doc;
        for class in [Class::Writable, Class::Readable, Class::Denied] {
            let occurs = core::iter::once(root).chain(doc.descendants(root)).any(|n| self.class(n) == class);
            if occurs {
                let word = word(class);
                let _ =
                    write!(self.out, " xmlns:pcmk-access-{word}=\"http://clusterlabs.org/ns/pacemaker/access/{word}\"");
            }
        }
    }
}

fn word(class: Class) -> &'static str {
    match class {
        Class::Writable => "writable",
        Class::Readable => "readable",
        Class::Denied => "denied",
    }
}
