//! Where agents are on this host [RA-2.1], [RA-4.1], [RA-6.1].

use crate::standard::{AgentName, Standard};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Directories, and the environment that every agent gets.
#[derive(Debug, Clone)]
pub struct Places {
    /// `OCF_ROOT`.
    pub ocf_root: PathBuf,
    /// Searched in order for `<provider>/<type>`.
    pub ocf_path: Vec<PathBuf>,
    /// Init scripts.
    pub init_dir: PathBuf,
    /// Fence agents.
    pub fence_dir: PathBuf,
    /// Directories of unit files, for listings.
    pub unit_dirs: Vec<PathBuf>,
    /// Everything that is set besides what the standard demands; nothing is inherited.
    pub environment: BTreeMap<String, String>,
}

impl Default for Places {
    fn default() -> Self {
        let environment = [
            ("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"),
            ("LC_ALL", "C"),
            ("OCF_OUTPUT_FORMAT", "text"),
        ];
        // Where the service manager does not run, its units cannot be used, whatever files there are.
        let unit_dirs: &[&str] = if Path::new("/run/systemd/system").is_dir() {
            &["/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"]
        } else {
            &[]
        };
        Self {
            ocf_root: "/usr/lib/ocf".into(),
            ocf_path: vec!["/usr/lib/ocf/resource.d".into()],
            init_dir: "/etc/init.d".into(),
            fence_dir: "/usr/sbin".into(),
            unit_dirs: unit_dirs.iter().map(PathBuf::from).collect(),
            environment: environment.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
        }
    }
}

/// What stands behind an agent's name on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file to be run.
    Program(PathBuf),
    /// Something for the service manager.
    Unit,
    /// Nothing; the text names what was looked for.
    Missing(String),
}

impl Places {
    /// Looks for an agent. Existence alone counts: whether it can be run shows when it is started.
    pub fn find(&self, agent: &AgentName) -> Found {
        let name = agent.type_name.as_str();
        match agent.standard {
            Standard::Ocf => {
                let provider = agent.provider.as_deref().unwrap_or_default();
                // A name must not lead out of its directory.
                if is_name(provider) && is_name(name) {
                    let mut paths = self.ocf_path.iter().map(|dir| dir.join(provider).join(name));
                    if let Some(path) = paths.find(|path| path.exists()) {
                        return Found::Program(path);
                    }
                }
                Found::Missing(name.to_owned())
            }
            Standard::Lsb => self.init_script(name),
            Standard::Service => match self.init_script(name) {
                Found::Missing(_) if self.has_unit(name) => Found::Unit,
                found => found,
            },
            Standard::Systemd => Found::Unit,
            Standard::Stonith => {
                let path = self.fence_dir.join(name);
                if is_name(name) && path.is_file() { Found::Program(path) } else { Found::Missing(name.to_owned()) }
            }
            Standard::Alert if name.starts_with('/') => Found::Program(name.into()),
            Standard::Alert | Standard::Other(_) => Found::Missing(name.to_owned()),
        }
    }

    fn init_script(&self, name: &str) -> Found {
        let path = if name.starts_with('/') { PathBuf::from(name) } else { self.init_dir.join(name) };
        let fine = name.starts_with('/') || is_name(name);
        if fine && path.exists() { Found::Program(path) } else { Found::Missing(path.display().to_string()) }
    }

    /// Is there a unit file of this name?
    pub fn has_unit(&self, name: &str) -> bool {
        let file = crate::standard::templates::unit_name(name, true);
        is_name(&file) && self.unit_dirs.iter().any(|dir| dir.join(&file).exists())
    }

    pub(super) fn ocf_root_text(&self) -> String {
        self.ocf_root.display().to_string()
    }
}

/// One path component, and not one that climbs.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '\0'])
}
