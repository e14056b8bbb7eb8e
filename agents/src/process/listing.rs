//! Which agents this host has [RA-9.1].

use super::Places;
use crate::standard::Standard;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Lists agents, in the orders that tools print.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    places: &'a Places,
}

impl<'a> Listing<'a> {
    /// A look at these places.
    pub fn new(places: &'a Places) -> Self {
        Self { places }
    }

    /// The standards of which something can be run.
    pub fn standards(&self) -> Vec<&'static str> {
        let mut standards = vec!["ocf", "service", "lsb"];
        if !self.units().is_empty() {
            standards.push("systemd");
        }
        if !self.fence_agents().is_empty() {
            standards.push("stonith");
        }
        standards
    }

    /// Providers of OCF agents: per search directory in byte order.
    pub fn providers(&self) -> Vec<String> {
        let is_dir = |path: &Path| path.is_dir();
        self.places.ocf_path.iter().flat_map(|dir| names(dir, is_dir)).collect()
    }

    /// The providers that have an agent of this name, in any case.
    pub fn providers_of(&self, type_name: &str) -> Vec<String> {
        let has = |provider: &String| self.ocf(Some(provider)).iter().any(|name| name.eq_ignore_ascii_case(type_name));
        self.providers().into_iter().filter(has).collect()
    }

    /// The agents of a standard, for OCF of one provider or of all; an unknown standard has none.
    pub fn agents(&self, standard: &Standard, provider: Option<&str>) -> Vec<String> {
        match standard {
            Standard::Ocf => self.ocf(provider),
            Standard::Lsb => self.init_scripts(),
            Standard::Systemd => self.units(),
            Standard::Service => self.init_scripts().into_iter().chain(self.units()).collect(),
            Standard::Stonith => self.fence_agents(),
            Standard::Alert | Standard::Other(_) => Vec::new(),
        }
    }

    fn ocf(&self, provider: Option<&str>) -> Vec<String> {
        let providers = provider.map_or_else(|| self.providers(), |p| vec![p.to_owned()]);
        let dirs = providers.iter().flat_map(|p| self.places.ocf_path.iter().map(move |dir| dir.join(p)));
        dirs.flat_map(|dir| names(&dir, is_program)).collect()
    }

    fn init_scripts(&self) -> Vec<String> {
        names(&self.places.init_dir, is_program)
    }

    /// Plugins of the older kind, `external` standing for all of its own, then fence agents.
    fn fence_agents(&self) -> Vec<String> {
        let plugins = names(&self.places.plugin_dir.join("stonith2"), |path| path.is_file());
        let plugins = plugins.iter().filter_map(|name| name.strip_suffix(".so"));
        let mut list = Vec::new();
        for plugin in plugins {
            if plugin == "external" {
                let external = names(&self.places.plugin_dir.join(plugin), is_external);
                list.extend(external.into_iter().map(|name| format!("external/{name}")));
            } else if is_single(plugin) {
                list.push(plugin.to_owned());
            }
        }
        let agents = names(&self.places.fence_dir, |path| path.is_file());
        list.extend(agents.into_iter().filter(|name| name.starts_with("fence_")));
        list
    }

    fn units(&self) -> Vec<String> {
        unit_names(self.places.unit_dirs.iter().flat_map(|dir| names(dir, |path| path.is_file())))
    }
}

/// The resources that files of these names are, sorted as tools print them.
pub(super) fn unit_names(files: impl IntoIterator<Item = String>) -> Vec<String> {
    const EXTENSIONS: [&str; 5] = [".service", ".socket", ".mount", ".timer", ".path"];
    let known = |name: &String| EXTENSIONS.iter().any(|e| name.ends_with(e));
    let files = files.into_iter().filter(known);
    let mut units: Vec<String> =
        files.map(|name| name.strip_suffix(".service").map(str::to_owned).unwrap_or(name)).collect();
    units.sort_by_key(|name| (name.to_ascii_lowercase(), name.clone()));
    units.dedup();
    units
}

/// Plugins that stand for themselves; these two stand for programs: `external` for those beside it, `rhcs` for fence agents of another cluster.
pub(super) fn is_single(plugin: &str) -> bool {
    !matches!(plugin, "external" | "rhcs")
}

/// An external plugin must be a program that nobody but its owner can change [RA-6.8].
pub(super) fn is_external(path: &Path) -> bool {
    is_program(path) && fs::metadata(path).is_ok_and(|m| m.permissions().mode() & 0o022 == 0)
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

/// What a directory holds, but hidden things, in byte order.
fn names(dir: &Path, wanted: impl Fn(&Path) -> bool) -> Vec<String> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let entries = entries.flatten().filter(|entry| wanted(&entry.path()));
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| !name.starts_with('.'));
    names.sort();
    names
}
