//! The command line of `crm` [SH-16.1].

const USAGE: &str = "\
Usage: crm [OPTIONS] [LEVEL|COMMAND ARGS...]

  -f, --file FILE       commands from FILE ('-' is standard input)
  -c, --cib FILE        work on the CIB in FILE instead of that of the node that runs here
      --socket PATH     where that node listens; $METRONOME_SOCKET if not given
  -D, --display STYLE   plain, color-always, color, uppercase
  -F, --force           answer yes to all questions, commit in spite of errors
  -n, --no              answer no to all questions
  -w, --wait            wait for the cluster after each command
  -o, --opt S.N=V       an option for this run
      --version         the version
  -h, --help            this text

Without a command, crm reads commands from the terminal or standard input.
";

/// What the command line says.
#[derive(Debug, Default)]
pub(super) struct Invocation {
    pub(super) file: Option<String>,
    pub(super) cib: Option<String>,
    pub(super) socket: Option<String>,
    pub(super) wait: bool,
    pub(super) force: bool,
    pub(super) no: bool,
    pub(super) options: Vec<(String, String)>,
    pub(super) words: Vec<String>,
    /// A line for whose end the possible words are printed, instead of running.
    pub(super) complete: Option<String>,
    /// What to print instead of running.
    pub(super) answer: Option<String>,
}

impl Invocation {
    pub(super) fn parse(args: &[String]) -> Result<Invocation, String> {
        let mut found = Invocation::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            let (name, attached) = match arg.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (arg.as_str(), None),
            };
            let mut value = |what: &str| {
                attached
                    .clone()
                    .or_else(|| args.next().cloned())
                    .ok_or_else(|| format!("crm: {what} requires argument"))
            };
            match name {
                "-f" | "--file" => found.file = Some(value(name)?),
                "-c" | "--cib" => found.cib = Some(value(name)?),
                "--socket" => found.socket = Some(value(name)?),
                "-w" | "--wait" => found.wait = true,
                "-D" | "--display" | "-H" | "--history" | "-X" => {
                    value(name)?;
                }
                "-o" | "--opt" => {
                    let text = value(name)?;
                    let (option, value) = text.split_once('=').ok_or_else(|| format!("crm: bad option: {text}"))?;
                    found.options.push((option.to_owned(), value.to_owned()));
                }
                "--compgen" => {
                    let point = value(name)?;
                    let line = args.next().cloned().unwrap_or_default();
                    let end = point.parse().ok().filter(|&end| line.is_char_boundary(end)).unwrap_or(line.len());
                    let line = line[..end].trim_start();
                    // The line begins with the name of the program.
                    let rest = line.split_once(' ').map_or("", |(_, rest)| rest.trim_start());
                    found.complete = Some(rest.to_owned());
                }
                "-F" | "--force" => found.force = true,
                "-n" | "--no" => found.no = true,
                "--version" => found.answer = Some("crm 4.4.0\n".to_owned()),
                "-h" | "--help" => found.answer = Some(USAGE.to_owned()),
                // Unknown options are ignored, and so are those that change nothing here.
                _ if arg.starts_with('-') && arg.len() > 1 => {}
                _ => {
                    found.words.push(arg.clone());
                    found.words.extend(args.cloned());
                    break;
                }
            }
        }
        Ok(found)
    }
}
