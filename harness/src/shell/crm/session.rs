//! A session: levels, the working copy, running a line [SH-16.2, SH-16.3].

use std::process::ExitCode;

use cib_core::crmsh::{Configuration, Level as Gravity, Line, Message, logical_lines};
use cib_core::xml::Document;

use super::agents::SystemAgents;
use super::cibstatus::Played;
use super::complete::Completion;
use super::levels::{Child, Command, level};
use super::options::Options;
use super::status::running_on;
use super::store::Store;

/// The state of the shell.
pub(super) struct Session {
    pub(super) store: Store,
    pub(super) options: Options,
    /// The status that `ptest` is to take for the present one.
    pub(super) played: Option<Played>,
    force: bool,
    no: bool,
    /// Whether a person is at the terminal.
    pub(super) interactive: bool,
    /// Names of the levels below the root.
    pub(super) levels: Vec<&'static str>,
    copy: Option<Configuration<'static>>,
    agents: &'static SystemAgents,
    /// Path of the command that runs or ran last, as messages name it.
    current: String,
    /// Name of the command that runs.
    pub(super) command: &'static str,
    failed: bool,
    over: bool,
}

impl Session {
    pub(super) fn new(store: Store, force: bool, no: bool) -> Session {
        Session {
            store,
            options: Options::default(),
            played: None,
            force,
            no,
            interactive: false,
            levels: Vec::new(),
            copy: None,
            // One for the life of the program: working copies refer to it.
            agents: Box::leak(Box::default()),
            current: "None".to_owned(),
            command: "",
            failed: false,
            over: false,
        }
    }

    pub(super) fn set_option(&mut self, name: &str, value: &str) {
        if let Err(text) = self.options.set(name, value) {
            self.error(&text);
        }
    }

    pub(super) fn agents(&self) -> &'static SystemAgents {
        self.agents
    }

    pub(super) fn force(&self) -> bool {
        self.force || self.options.is_true("core.force")
    }

    pub(super) fn is_at_root(&self) -> bool {
        self.levels.is_empty()
    }

    pub(super) fn is_over(&self) -> bool {
        self.over
    }

    pub(super) fn end(&mut self) {
        self.over = true;
    }

    /// The exit status after everything has been left.
    pub(super) fn finish(mut self) -> ExitCode {
        self.leave_all();
        if self.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    pub(super) fn prompt(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("crm({}/{}){}# ", self.store.name(), host.trim(), self.levels.join(" "))
    }

    pub(super) fn error(&mut self, text: &str) {
        eprintln!("ERROR: {text}");
    }

    /// An error of the running command, with its path.
    pub(super) fn fail(&mut self, text: &str) -> bool {
        eprintln!("ERROR: {}: {text}", self.current);
        false
    }

    pub(super) fn warn(&mut self, text: &str) {
        println!("WARNING: {text}");
    }

    pub(super) fn inform(&mut self, text: &str) {
        println!("INFO: {text}");
    }

    pub(super) fn path(&self) -> &str {
        &self.current
    }

    /// A question. Forced it is yes; without a terminal no.
    pub(super) fn ask(&mut self, question: &str) -> bool {
        if self.force() {
            println!("INFO: {question}? [YES]");
            return true;
        }
        !self.no && self.interactive && super::read_answer(question)
    }

    /// Runs lines from a file; an error does not end them.
    pub(super) fn run_batch(&mut self, text: &str) {
        for line in logical_lines(text) {
            if self.over {
                break;
            }
            if !line.is_comment() {
                self.run_line(&line.text);
            }
        }
    }

    /// Runs the line of the command line's words.
    pub(super) fn run_one_shot(&mut self, text: &str) {
        self.run_line(text);
    }

    /// Runs one line; whether it succeeded.
    pub(super) fn run_line(&mut self, text: &str) -> bool {
        let line = Line::typed(text);
        if line.text.is_empty() || line.is_comment() {
            return true;
        }
        let depth = self.levels.len();
        let done = match line.tokens() {
            Ok(tokens) => self.run_words(tokens.into_iter().map(|token| token.text).collect(), depth),
            Err(error) => {
                eprintln!("ERROR: {}: {error}", self.current);
                false
            }
        };
        self.failed |= !done;
        done
    }

    fn run_words(&mut self, words: Vec<String>, depth: usize) -> bool {
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let here = level(self.levels.last().copied().unwrap_or_default());
            let Some(child) = here.find(&word) else {
                self.current = self.path_of(&word);
                let done = self.fail("No such command");
                self.leave_to(depth);
                return done;
            };
            self.tell_alias(&word, &child);
            match child {
                Child::Level(name) => {
                    if !self.enter(name) {
                        self.leave_to(depth);
                        return false;
                    }
                }
                Child::Command { command, .. } => {
                    let arguments: Vec<String> = words.collect();
                    let moves = matches!(command.name, "up" | "cd" | "quit");
                    let done = self.run_command(command, &arguments);
                    return (moves || self.leave_to(depth)) && done;
                }
            }
        }
        true
    }

    fn path_of(&self, name: &str) -> String {
        self.levels.iter().copied().chain([name]).collect::<Vec<_>>().join(".")
    }

    fn tell_alias(&mut self, word: &str, child: &Child) {
        let name = child.name();
        if word == name || word.starts_with('-') {
            return;
        }
        if matches!(child, Child::Command { exact_alias: true, .. }) {
            self.warn(&format!("This command '{word}' is deprecated, please use '{name}'"));
        }
        self.inform(&format!("\"{word}\" is accepted as \"{name}\""));
    }

    fn run_command(&mut self, command: &'static Command, arguments: &[String]) -> bool {
        self.current = self.path_of(command.name);
        self.command = command.name;
        let given = arguments.len();
        if (command.least..=command.most).contains(&given) {
            return (command.run)(self, arguments);
        }
        let (bound, number) = if command.least == command.most {
            ("exactly", command.least)
        } else if given < command.least {
            ("at least", command.least)
        } else {
            ("at most", command.most)
        };
        self.fail(&format!("Expected ({}), takes {bound} {number} arguments ({given} given)", command.arguments))
    }

    /// Enters a level.
    pub(super) fn enter(&mut self, name: &'static str) -> bool {
        if name == "configure" && self.open_copy().is_none() {
            return false;
        }
        self.levels.push(name);
        true
    }

    /// Leaves levels until `depth` are left.
    pub(super) fn leave_to(&mut self, depth: usize) -> bool {
        let mut fine = true;
        while self.levels.len() > depth {
            if self.levels.pop() == Some("configure") {
                fine &= self.leave_configure();
            }
        }
        fine
    }

    /// Leaves every level, as at the end of the session.
    pub(super) fn leave_all(&mut self) {
        let fine = self.leave_to(0);
        self.failed |= !fine;
    }

    /// Pending changes are committed; at a terminal the user is asked.
    fn leave_configure(&mut self) -> bool {
        if !self.copy.as_ref().is_some_and(Configuration::has_changed) {
            return true;
        }
        if self.interactive && !self.ask("There are changes pending. Do you want to commit them") {
            self.copy = None;
            return true;
        }
        let done = self.commit(false);
        if !done && self.refresh_copy().is_none() {
            self.copy = None;
        }
        done
    }

    /// The CIB as it is now.
    pub(super) fn read_cib(&mut self) -> Option<Document> {
        match self.store.read() {
            Ok(cib) => Some(cib),
            Err(text) => {
                self.error(&text);
                None
            }
        }
    }

    /// The working copy, read afresh unless it has changes.
    pub(super) fn open_copy(&mut self) -> Option<&mut Configuration<'static>> {
        if !self.copy.as_ref().is_some_and(Configuration::has_changed) {
            self.refresh_copy()?;
        }
        self.copy.as_mut()
    }

    /// Reads the working copy afresh, dropping changes.
    pub(super) fn refresh_copy(&mut self) -> Option<()> {
        let cib = self.read_cib()?;
        let mut copy = Configuration::with_agents(&cib, self.agents, self.options.preferences());
        let messages = copy.take_messages();
        self.copy = Some(copy);
        self.print(messages);
        Some(())
    }

    /// What completion of the next line looks at; only the commands, if the CIB cannot be read.
    pub(super) fn completion(&self) -> Completion {
        let Ok(cib) = self.store.read() else { return Completion::default() };
        let fresh = || Configuration::with_agents(&cib, self.agents, self.options.preferences());
        let copy = self.copy.clone().filter(Configuration::has_changed).unwrap_or_else(fresh);
        let objects = copy.objects().into_iter().map(|object| copy.object_id(object).to_owned());
        let running = objects.filter(|id| !running_on(&cib, id).is_empty()).collect();
        Completion::new(&self.levels, &copy, running, self.agents)
    }

    /// Drops the working copy: the CIB is another one now.
    pub(super) fn forget_copy(&mut self) {
        self.copy = None;
    }

    /// The working copy that is open.
    pub(super) fn copy(&mut self) -> &mut Configuration<'static> {
        let (agents, preferences) = (self.agents, self.options.preferences());
        self.copy.get_or_insert_with(|| Configuration::with_agents(&Document::new("cib"), agents, preferences))
    }

    /// Whether the working copy has changes that are not committed.
    pub(super) fn has_changes(&self) -> bool {
        self.copy.as_ref().is_some_and(Configuration::has_changed)
    }

    /// Prints what the working copy has to say.
    pub(super) fn flush(&mut self) {
        let messages = self.copy.as_mut().map(Configuration::take_messages).unwrap_or_default();
        self.print(messages);
    }

    pub(super) fn print(&mut self, messages: Vec<Message>) {
        for message in messages {
            if message.level == Gravity::Error {
                eprintln!("{message}");
            } else {
                println!("{message}");
            }
        }
    }

    /// Runs a change of the working copy and prints what it says.
    pub(super) fn with_copy<T>(&mut self, change: impl FnOnce(&mut Configuration<'static>) -> T) -> T {
        let result = change(self.copy());
        self.flush();
        result
    }
}
