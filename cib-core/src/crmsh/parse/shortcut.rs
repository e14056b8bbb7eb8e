//! Shortcuts for the paths of access rules [SH-4.17].

use super::cursor::is_object_id;

/// shortcut, path, extension; `@` stands for the next argument
const SHORTCUTS: [(&str, &str, &str); 10] = [
    ("meta", "//primitive[@id='@']/meta_attributes", "/nvpair[@name='@']"),
    ("params", "//primitive[@id='@']/instance_attributes", "/nvpair[@name='@']"),
    ("utilization", "//primitive[@id='@']/utilization", ""),
    ("location", "//rsc_location[@id='cli-prefer-@' and @rsc='@']", ""),
    ("property", "//crm_config/cluster_property_set", "/nvpair[@name='@']"),
    ("nodeattr", "//nodes/node/instance_attributes", "/nvpair[@name='@']"),
    ("nodeutil", "//nodes/node/utilization", "[@uname='@']"),
    ("node", "//nodes/node", "[@uname='@']"),
    ("status", "/cib/status", ""),
    ("cib", "/cib", ""),
];

/// The path that a shortcut stands for; `Err` where an argument is missing, `None` where there is no such shortcut.
pub(super) fn shortcut_xpath(word: &str, arguments: &[&str]) -> Option<Result<String, ()>> {
    let (name, path, extension) = SHORTCUTS.iter().find(|(name, ..)| word == *name)?;
    let needed = places(path).min(if *name == "location" { 1 } else { usize::MAX });
    if arguments.len() < needed {
        return Some(Err(()));
    }
    let mut text = fill(path, &arguments[..needed]);
    if arguments.len() > needed && !extension.is_empty() {
        text.push_str(&fill(extension, &arguments[needed..=needed]));
    }
    Some(Ok(text))
}

/// The arguments of a path that a shortcut stands for exactly, with the shortcut's name.
pub(in crate::crmsh) fn as_shortcut(xpath: &str) -> Option<String> {
    SHORTCUTS.iter().find_map(|(name, path, extension)| {
        let extended = (!extension.is_empty()).then(|| format!("{path}{extension}"));
        let candidates = [Some((*path).to_owned()), extended];
        candidates.into_iter().flatten().find_map(|pattern| {
            let mut arguments = matches(&pattern, xpath)?;
            if *name == "location" {
                arguments.dedup();
            }
            let single = *name != "location" || arguments.len() == 1;
            (single && arguments.iter().all(|argument| is_object_id(argument)))
                .then(|| [*name].into_iter().chain(arguments).collect::<Vec<_>>().join(":"))
        })
    })
}

/// How many arguments a pattern takes. An `@` that begins an attribute's name is none.
fn places(pattern: &str) -> usize {
    pieces(pattern).len() - 1
}

/// The literal parts between the arguments.
fn pieces(pattern: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (at, _) in pattern.match_indices('@') {
        if !pattern[at + 1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            parts.push(&pattern[start..at]);
            start = at + 1;
        }
    }
    parts.push(&pattern[start..]);
    parts
}

/// The pattern with its arguments; a last one serves all further places.
fn fill(pattern: &str, arguments: &[&str]) -> String {
    let parts = pieces(pattern);
    let mut text = parts[0].to_owned();
    for (index, part) in parts[1..].iter().enumerate() {
        text.push_str(arguments.get(index).or(arguments.last()).copied().unwrap_or_default());
        text.push_str(part);
    }
    text
}

/// The arguments with which the pattern gives the text.
fn matches<'t>(pattern: &str, text: &'t str) -> Option<Vec<&'t str>> {
    let parts = pieces(pattern);
    let mut rest = text.strip_prefix(parts[0])?;
    let mut arguments = Vec::new();
    for part in &parts[1..] {
        let end = rest.find(part)?;
        arguments.push(&rest[..end]);
        rest = &rest[end + part.len()..];
    }
    rest.is_empty().then_some(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortcuts_go_both_ways() {
        for text in [
            "meta:p1",
            "meta:p1:target-role",
            "params:a:b",
            "utilization:p1",
            "location:p1",
            "property",
            "node:n1",
            "nodeutil",
            "status",
            "cib",
        ] {
            let parts: Vec<&str> = text.split(':').collect();
            let xpath = shortcut_xpath(parts[0], &parts[1..]).unwrap().unwrap();
            assert_eq!(as_shortcut(&xpath).as_deref(), Some(text), "{xpath}");
        }
        assert_eq!(shortcut_xpath("meta", &[]), Some(Err(())));
        assert_eq!(shortcut_xpath("other", &[]), None);
        assert_eq!(as_shortcut("//nvpair[@name='x']"), None);
    }
}
