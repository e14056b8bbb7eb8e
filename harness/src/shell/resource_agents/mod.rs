//! Resource agents: classes, lists, meta-data [RA-9.3].

use agents::process::{Found, Listing, Places};
use agents::standard::{AgentName, Metadata, Standard, info};
use std::process::ExitCode;

const USAGE: &str = "Usage: ra classes
       ra list CLASS [PROVIDER]
       ra providers TYPE [CLASS]
       ra info [CLASS:[PROVIDER:]]TYPE
";

/// `ra`: list and describe resource agents.
pub fn ra(args: &[String]) -> ExitCode {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let places = Places::default();
    let result = match args.as_slice() {
        ["classes"] => Ok(classes(&places)),
        ["list", class, rest @ ..] if rest.len() <= 1 => list(&places, class, rest.first().copied()),
        ["providers", type_name, rest @ ..] if rest.len() <= 1 => {
            let class = rest.first().copied().unwrap_or("ocf");
            Ok(providers(&places, type_name, class))
        }
        ["info" | "meta", name] => describe(&places, &resolve(&places, name)),
        ["info" | "meta", name, class, rest @ ..] if rest.len() <= 1 => {
            describe(&places, &AgentName::new(class, rest.first().copied(), name))
        }
        [] | ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(text) => {
            eprintln!("ERROR: {text}");
            ExitCode::FAILURE
        }
    }
}

/// The standards by name; `ocf` with its providers, and only if it has any.
fn classes(places: &Places) -> String {
    let listing = Listing::new(places);
    let mut standards = listing.standards();
    standards.sort_unstable();
    let mut text = String::new();
    for standard in standards {
        if standard != "ocf" {
            text.push_str(&format!("{standard}\n"));
            continue;
        }
        let mut providers = listing.providers();
        providers.sort();
        providers.dedup();
        if !providers.is_empty() {
            text.push_str(&format!("ocf / {}\n", providers.join(" ")));
        }
    }
    text
}

fn providers(places: &Places, type_name: &str, class: &str) -> String {
    if class != "ocf" {
        return "\n".to_owned();
    }
    let mut providers = Listing::new(places).providers_of(type_name);
    providers.sort();
    providers.dedup();
    providers.join(" ") + "\n"
}

fn list(places: &Places, class: &str, provider: Option<&str>) -> Result<String, String> {
    let listing = Listing::new(places);
    if !listing.standards().contains(&class) {
        return Err(format!("ra.list: class {class} does not exist"));
    }
    if let Some(provider) = provider
        && !(class == "ocf" && listing.providers().iter().any(|p| p == provider))
    {
        return Err(format!("ra.list: there is no provider {provider} for class {class}"));
    }
    let mut names = listing.agents(&Standard::parse(class), provider);
    names.sort();
    names.dedup();
    Ok(info::columns(&names, screen_width()))
}

fn screen_width() -> usize {
    std::env::var("COLUMNS").ok().and_then(|c| c.parse().ok()).filter(|w| *w > 0).unwrap_or(80)
}

/// A type alone is an OCF agent's: of provider heartbeat if that has it or nobody has it, else pacemaker's, else the first one's.
fn resolve(places: &Places, name: &str) -> AgentName {
    match name.split(':').collect::<Vec<_>>().as_slice() {
        [type_name] => {
            let has = |provider: &str| matches!(places.find(&AgentName::ocf(provider, type_name)), Found::Program(_));
            let others = Listing::new(places).providers_of(type_name);
            let provider = match others.first() {
                _ if has("heartbeat") => "heartbeat",
                _ if has("pacemaker") => "pacemaker",
                Some(first) => first,
                None => "heartbeat",
            };
            AgentName::ocf(provider, type_name)
        }
        ["ocf", type_name] => resolve(places, type_name),
        _ => AgentName::parse(name).unwrap_or_else(|_| AgentName::ocf("heartbeat", name)),
    }
}

fn describe(places: &Places, agent: &AgentName) -> Result<String, String> {
    let none = || format!("{agent}: got no meta-data, does this RA exist?");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let text = runtime.block_on(places.metadata(agent)).map_err(|_| none())?;
    let metadata = Metadata::parse(&text).map_err(|error| format!("{agent}: {error}"))?;
    Ok(info::info(agent, &metadata))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    fn places(dir: &std::path::Path) -> Places {
        let text = "#!/bin/sh\n[ \"$1\" = meta-data ] || exit 3\ncat <<X\n<resource-agent name='Thing'><shortdesc>A thing</shortdesc>\
                    <parameters/><actions><action name='start' timeout='9'/></actions></resource-agent>\nX\n";
        for provider in ["one", "two"] {
            fs::create_dir_all(dir.join(provider)).unwrap();
            let file = dir.join(provider).join("Thing");
            fs::write(&file, text).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let none = dir.join("none");
        Places {
            ocf_path: vec![dir.to_owned()],
            init_dir: none.clone(),
            fence_dir: none.clone(),
            plugin_dir: none,
            unit_dirs: Vec::new(),
            ..Places::default()
        }
    }

    #[test]
    fn lists_and_descriptions() {
        let dir = tempfile::TempDir::new().unwrap();
        let places = places(dir.path());
        assert_eq!(classes(&places), "lsb\nocf / one two\nservice\n");
        assert_eq!(list(&places, "ocf", Some("one")).unwrap(), format!("{:<10}\n", "Thing"));
        assert_eq!(list(&places, "foo", None).unwrap_err(), "ra.list: class foo does not exist");
        assert_eq!(list(&places, "ocf", Some("x")).unwrap_err(), "ra.list: there is no provider x for class ocf");
        assert_eq!(providers(&places, "thing", "ocf"), "one two\n");
        assert_eq!(resolve(&places, "Thing").to_string(), "ocf:one:Thing");
        assert_eq!(resolve(&places, "Nope").to_string(), "ocf:heartbeat:Nope");
        let text = describe(&places, &resolve(&places, "Thing")).unwrap();
        let expected =
            "A thing (ocf:one:Thing)\n\nOperations' defaults (advisory minimum):\n\n    start         timeout=9\n";
        assert_eq!(text, expected);
        let missing = describe(&places, &resolve(&places, "Nope")).unwrap_err();
        assert_eq!(missing, "ocf:heartbeat:Nope: got no meta-data, does this RA exist?");
    }
}
