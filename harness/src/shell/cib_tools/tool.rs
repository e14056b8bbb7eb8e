//! What the tools share: surroundings, options as the released programs read them, and the two forms of output.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use cib_core::cib::{Code, exit_text};
use cib_core::xml::{Document, Limits, XmlError};

/// What a tool sees of the world: everything it may depend on, so that tests can set it.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The directory that relative file names start from.
    pub directory: PathBuf,
    /// Standard input, if it is not to be read from the process.
    pub input: Option<String>,
}

impl Surroundings {
    /// Those of this process.
    pub fn of_process() -> Self {
        Surroundings { environment: std::env::vars().collect(), directory: PathBuf::from("."), input: None }
    }

    /// An environment variable that is not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// A file name, relative to the directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(Path::new(name))
    }

    /// The bytes of a file; `-` is standard input.
    pub fn read(&self, name: &str) -> std::io::Result<Vec<u8>> {
        if name != "-" {
            return std::fs::read(self.path(name));
        }
        match &self.input {
            Some(input) => Ok(input.clone().into_bytes()),
            None => {
                let mut bytes = Vec::new();
                std::io::stdin().lock().read_to_end(&mut bytes)?;
                Ok(bytes)
            }
        }
    }

    /// A document from a file or standard input; text in it is dropped.
    pub fn document(&self, name: &str) -> Result<Document, Unreadable> {
        let bytes = self.read(name).map_err(Unreadable::Io)?;
        Document::parse_bytes(&bytes, &Limits::file()).map_err(Unreadable::Xml)
    }
}

/// Why a document could not be read.
#[derive(Debug)]
pub enum Unreadable {
    /// The file could not be read.
    Io(std::io::Error),
    /// It is no XML.
    Xml(XmlError),
}

/// What a tool printed, and how it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Finished {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Exit code.
    pub code: u8,
}

impl Finished {
    /// Prints it all and ends.
    pub fn exit(self) -> ExitCode {
        print!("{}", self.stdout);
        eprint!("{}", self.stderr);
        ExitCode::from(self.code)
    }
}

/// Whether an option takes a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Takes {
    /// No value.
    Nothing,
    /// The rest of the argument, or the next one.
    Value,
    /// Only what follows `=`, or the rest of the short form.
    Optional,
}

/// One option: its short letter (a blank for none), its long name, whether it takes a value.
pub type OptionSpec = (char, &'static str, Takes);

/// Options in the order given, by long name, and the other arguments.
#[derive(Clone, Debug, Default)]
pub struct Arguments {
    /// The options.
    pub options: Vec<(&'static str, Option<String>)>,
    /// What is not an option.
    pub rest: Vec<String>,
}

impl Arguments {
    /// Reads arguments; an error is the message to print.
    pub fn parse(args: &[String], known: &[OptionSpec]) -> Result<Arguments, String> {
        let mut out = Arguments::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if let Some(long) = arg.strip_prefix("--").filter(|long| !long.is_empty()) {
                let (name, value) = long.split_once('=').map_or((long, None), |(n, v)| (n, Some(v.to_owned())));
                let &(_, name, takes) =
                    known.iter().find(|spec| spec.1 == name).ok_or_else(|| format!("Unknown option {arg}"))?;
                let value = match (takes, value) {
                    (Takes::Value, None) => Some(args.next().ok_or(format!("Missing argument for {arg}"))?.clone()),
                    (Takes::Nothing, Some(_)) => return Err(format!("Unknown option {arg}")),
                    (_, value) => value,
                };
                out.options.push((name, value));
            } else if arg == "--" {
                out.rest.extend(args.by_ref().cloned());
            } else if let Some(letters) = arg.strip_prefix('-').filter(|letters| !letters.is_empty()) {
                let mut letters = letters.chars();
                while let Some(letter) = letters.next() {
                    let unknown = || format!("Unknown option -{letter}");
                    let &(_, name, takes) =
                        known.iter().find(|s| s.0 == letter && letter != ' ').ok_or_else(unknown)?;
                    let joined = letters.as_str();
                    let value = match takes {
                        Takes::Nothing => None,
                        _ if !joined.is_empty() => Some(joined.to_owned()),
                        Takes::Optional => None,
                        Takes::Value => Some(args.next().ok_or(format!("Missing argument for -{letter}"))?.clone()),
                    };
                    let done = takes != Takes::Nothing;
                    out.options.push((name, value));
                    if done {
                        break;
                    }
                }
            } else {
                out.rest.push(arg.clone());
            }
        }
        Ok(out)
    }

    /// Whether an option was given.
    pub fn has(&self, name: &str) -> bool {
        self.options.iter().any(|(n, _)| *n == name)
    }

    /// How often an option was given.
    pub fn count(&self, name: &str) -> usize {
        self.options.iter().filter(|(n, _)| *n == name).count()
    }

    /// The value of the last one of an option.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.options.iter().rev().find(|(n, _)| *n == name).and_then(|(_, value)| value.as_deref())
    }
}

/// Collects the output of a tool in text or XML form [CB-15.1].
#[derive(Debug)]
pub struct Report {
    tool: &'static str,
    /// The command line, where the form is XML.
    xml: Option<String>,
    body: String,
    errors: Vec<String>,
    stderr: String,
}

impl Report {
    /// A report of a tool called with `args`; XML if they ask for it.
    pub fn new(tool: &'static str, args: &[String], form: Option<&str>) -> Report {
        let quoted = |arg: &String| {
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+[]*\"~^!".contains(c) || !c.is_ascii();
            let bare = !arg.is_empty() && arg.chars().all(|c| plain(c) && !"\"*[]~^!".contains(c) || c == '/');
            if bare { arg.clone() } else { format!("'{}'", arg.replace('\'', "'\\''")) }
        };
        let line = core::iter::once(tool.to_owned()).chain(args.iter().map(quoted)).collect::<Vec<_>>().join(" ");
        let xml = (form == Some("xml")).then_some(line);
        Report { tool, xml, body: String::new(), errors: Vec::new(), stderr: String::new() }
    }

    /// Whether the form is XML.
    pub fn is_xml(&self) -> bool {
        self.xml.is_some()
    }

    /// A line on standard error as it is, whatever the form.
    pub fn note(&mut self, text: &str) {
        self.stderr.push_str(text);
        self.stderr.push('\n');
    }

    /// An error message.
    pub fn error(&mut self, text: &str) {
        self.errors.push(format!("{}: {text}", self.tool));
    }

    /// A document, or another long text, under an element name in XML.
    pub fn document(&mut self, element: &str, text: &str) {
        if self.is_xml() {
            let text = text.replace("]]>", "]]]]><![CDATA[>");
            self.body.push_str(&format!("  <{element}><![CDATA[{text}]]></{element}>\n"));
        } else {
            self.body.push_str(text);
        }
    }

    /// One line in text, or one empty element in XML.
    pub fn line(&mut self, text: &str, element: &str, attribute: &str) {
        if self.is_xml() {
            self.body.push_str(&format!("  <{element} {attribute}=\"{}\"/>\n", escape(text)));
        } else {
            self.body.push_str(text);
            self.body.push('\n');
        }
    }

    /// Ends with a result code as the message `prefix: TEXT`.
    pub fn failed(mut self, prefix: &str, code: Code) -> Finished {
        self.error(&format!("{prefix}: {}", code.text()));
        self.finish(code.exit())
    }

    /// Ends with an error message and an exit code.
    pub fn refuse(mut self, text: &str, code: u8) -> Finished {
        self.error(text);
        self.finish(code)
    }

    /// Ends.
    pub fn finish(self, code: u8) -> Finished {
        let Some(request) = &self.xml else {
            let errors: String = self.errors.iter().map(|e| format!("{e}\n")).collect();
            return Finished { stdout: self.body, stderr: self.stderr + &errors, code };
        };
        let mut out = format!("<pacemaker-result api-version=\"2.42\" request=\"{}\">\n{}", escape(request), self.body);
        let status = format!("  <status code=\"{code}\" message=\"{}\"", escape(exit_text(code)));
        if self.errors.is_empty() {
            out.push_str(&format!("{status}/>\n"));
        } else {
            let errors: String = self.errors.iter().map(|e| format!("      <error>{}</error>\n", escape(e))).collect();
            out.push_str(&format!("{status}>\n    <errors>\n{errors}    </errors>\n  </status>\n"));
        }
        out.push_str("</pacemaker-result>\n");
        Finished { stdout: out, stderr: self.stderr, code }
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
