//! Options as the original tools read them: short ones, bundled or not, with the messages administrators know.

/// One option, or a word that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Option(char),
    Valued(char, String),
    Plain(String),
}

/// What was typed wrong, in the words of the C library.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wrong(pub(super) String);

/// Reads `args` with a specification such as `sn:e:`, where a colon says that a value follows. `long` maps long names to
/// short ones.
pub(super) fn words(tool: &str, spec: &str, long: &[(&str, char)], args: &[String]) -> Result<Vec<Word>, Wrong> {
    let mut out = Vec::new();
    let mut args = args.iter();
    let takes_value = |c: char| spec.split(c).nth(1).is_some_and(|rest| rest.starts_with(':'));
    while let Some(arg) = args.next() {
        if arg == "--" {
            out.extend(args.by_ref().cloned().map(Word::Plain));
        } else if let Some(name) = arg.strip_prefix("--") {
            let (name, inline) = name.split_once('=').map_or((name, None), |(n, v)| (n, Some(v.to_owned())));
            let Some((_, c)) = long.iter().find(|(l, _)| *l == name) else {
                return Err(Wrong(format!("{tool}: unrecognized option '--{name}'")));
            };
            if takes_value(*c) {
                let value = inline.or_else(|| args.next().cloned());
                let value = value.ok_or_else(|| Wrong(format!("{tool}: option '--{name}' requires an argument")))?;
                out.push(Word::Valued(*c, value));
            } else {
                out.push(Word::Option(*c));
            }
        } else if arg.len() > 1 && arg.starts_with('-') {
            for (at, c) in arg[1..].char_indices() {
                if c == ':' || !spec.contains(c) {
                    return Err(Wrong(format!("{tool}: invalid option -- '{c}'")));
                }
                if !takes_value(c) {
                    out.push(Word::Option(c));
                    continue;
                }
                let rest = &arg[1 + at + c.len_utf8()..];
                let value = if rest.is_empty() { args.next().cloned() } else { Some(rest.to_owned()) };
                let value = value.ok_or_else(|| Wrong(format!("{tool}: option requires an argument -- '{c}'")))?;
                out.push(Word::Valued(c, value));
                break;
            }
        } else {
            out.push(Word::Plain(arg.clone()));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(spec: &str, args: &[&str]) -> Result<Vec<Word>, Wrong> {
        let args: Vec<String> = args.iter().map(|a| (*a).to_owned()).collect();
        words("tool", spec, &[("force", 'F'), ("kill", 'k')], &args)
    }

    #[test]
    fn bundles_values_and_long_names() {
        use Word::*;
        let v = |c, t: &str| Valued(c, t.to_owned());
        assert_eq!(
            read("sbk:F", &["-sb", "-k3", "--force", "--kill", "4"]).unwrap(),
            [Option('s'), Option('b'), v('k', "3"), Option('F'), v('k', "4")]
        );
        assert_eq!(read("d:", &["-d", "", "x"]).unwrap(), [v('d', ""), Plain("x".into())]);
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(read("s", &["-x"]), Err(Wrong("tool: invalid option -- 'x'".into())));
        assert_eq!(read("e:", &["-e"]), Err(Wrong("tool: option requires an argument -- 'e'".into())));
        assert_eq!(read("e:", &["--no"]), Err(Wrong("tool: unrecognized option '--no'".into())));
    }
}
