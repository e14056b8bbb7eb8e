//! Command lines of the tools: short options that may be grouped, long options that may be abbreviated by `=`, as the released
//! programs read them.

/// An option of a tool.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Opt {
    /// Its letter.
    pub(crate) short: char,
    /// Its name.
    pub(crate) long: &'static str,
    /// Whether it takes a value.
    pub(crate) value: bool,
}

/// An option as it was given; its letter stands for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) short: char,
    pub(crate) value: String,
}

/// What a command line says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CommandLine {
    pub(crate) options: Vec<Given>,
    pub(crate) rest: Vec<String>,
}

impl CommandLine {
    /// Reads `args`; the error is the program's message without its name.
    pub(crate) fn parse(args: &[String], known: &[Opt]) -> Result<CommandLine, String> {
        let mut line = CommandLine::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            if arg == "--" {
                line.rest.extend(args.cloned());
                break;
            }
            if let Some(long) = arg.strip_prefix("--") {
                let (name, value) = match long.split_once('=') {
                    Some((name, value)) => (name, Some(value.to_owned())),
                    None => (long, None),
                };
                let option = known.iter().find(|option| option.long == name);
                let option = option.ok_or_else(|| format!("Unknown option --{name}"))?;
                let value = match (option.value, value) {
                    (true, Some(value)) => value,
                    (true, None) => args.next().cloned().ok_or_else(|| format!("Missing argument for --{name}"))?,
                    (false, _) => String::new(),
                };
                line.options.push(Given { short: option.short, value });
            } else if arg.len() > 1 && arg.starts_with('-') {
                line.group(&arg[1..], known, &mut args)?;
            } else {
                line.rest.push(arg.clone());
            }
        }
        Ok(line)
    }

    /// One or more letters; the last may take a value, attached or as the next argument.
    fn group<'a>(
        &mut self,
        letters: &str,
        known: &[Opt],
        args: &mut impl Iterator<Item = &'a String>,
    ) -> Result<(), String> {
        for (at, letter) in letters.char_indices() {
            let option = known.iter().find(|option| option.short == letter);
            let option = option.ok_or_else(|| format!("Unknown option -{letter}"))?;
            let mut value = String::new();
            if option.value {
                let attached = &letters[at + letter.len_utf8()..];
                value = if attached.is_empty() {
                    args.next().cloned().ok_or_else(|| format!("Missing argument for -{letter}"))?
                } else {
                    attached.to_owned()
                };
            }
            self.options.push(Given { short: letter, value });
            if option.value {
                break;
            }
        }
        Ok(())
    }

    /// Whether the option was given.
    pub(crate) fn has(&self, short: char) -> bool {
        self.options.iter().any(|given| given.short == short)
    }

    /// The value of the option's last occurrence.
    pub(crate) fn last(&self, short: char) -> Option<&str> {
        self.options.iter().rev().find(|given| given.short == short).map(|given| given.value.as_str())
    }

    /// The values of all its occurrences.
    pub(crate) fn all(&self, short: char) -> impl Iterator<Item = &str> {
        self.options.iter().filter(move |given| given.short == short).map(|given| given.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_values() {
        let known =
            [Opt { short: 'L', long: "local", value: false }, Opt { short: 'D', long: "duration", value: true }];
        let parse = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            CommandLine::parse(&args, &known)
        };
        let line = parse(&["-LDP1D", "x", "--duration=P2D", "--duration", "P3D"]).unwrap();
        assert!(line.has('L'));
        assert_eq!(line.all('D').collect::<Vec<_>>(), ["P1D", "P2D", "P3D"]);
        assert_eq!(line.last('D'), Some("P3D"));
        assert_eq!(line.rest, ["x"]);
        assert_eq!(parse(&["-D"]), Err("Missing argument for -D".to_owned()));
        assert_eq!(parse(&["-x"]), Err("Unknown option -x".to_owned()));
        assert_eq!(parse(&["--local-not"]), Err("Unknown option --local-not".to_owned()));
    }
}
