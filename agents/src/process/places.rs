//! Where agents are on this host [RA-2.1], [RA-4.1], [RA-6.1].

use crate::standard::{AgentName, Standard};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Directories, and the environment that every agent gets.
#[derive(Debug, Clone)]
pub struct Places {
    /// `OCF_ROOT`.
    pub ocf_root: PathBuf,
    /// Searched in order for `<provider>/<type>`.
    pub ocf_path: Vec<PathBuf>,
    /// Init scripts.
    pub init_dir: PathBuf,
    /// Fence agents, and the tools around the older plugins: `fence_legacy`, `stonith`.
    pub fence_dir: PathBuf,
    /// The older fencing plugins: `stonith2/<name>.so` and `external/<name>` [RA-6.8].
    pub plugin_dir: PathBuf,
    /// Directories of unit files, for listings.
    pub unit_dirs: Vec<PathBuf>,
    /// `<resource>/<parameter>` with the values of parameters that are secret.
    pub secrets_dir: PathBuf,
    /// Whom alert agents run as, if this process may choose; `None` = as this process.
    pub alert_user: Option<String>,
    /// The D-Bus address of the service manager's bus; `None` = the system's.
    pub bus: Option<String>,
    /// Where the service manager looks for override files that last until the next boot.
    pub override_dir: PathBuf,
    /// How long an agent may take to tell its meta-data.
    pub metadata_timeout: Duration,
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
            plugin_dir: "/usr/lib/stonith/plugins".into(),
            unit_dirs: unit_dirs.iter().map(PathBuf::from).collect(),
            secrets_dir: "/var/lib/pacemaker/lrm/secrets".into(),
            alert_user: Some("hacluster".to_owned()),
            bus: None,
            override_dir: "/run/systemd/system".into(),
            metadata_timeout: Duration::from_secs(20),
            environment: environment.map(|(n, v)| (n.to_owned(), v.to_owned())).into(),
        }
    }
}

/// What stands behind an agent's name on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A file to be run.
    Program(PathBuf),
    /// A fencing plugin of the older kind, to be called through this program.
    Plugin(PathBuf),
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
                if is_name(name) && path.is_file() { Found::Program(path) } else { self.plugin(name) }
            }
            Standard::Alert if name.starts_with('/') => Found::Program(name.into()),
            Standard::Alert | Standard::Other(_) => Found::Missing(name.to_owned()),
        }
    }

    /// A plugin of the older kind, if the program that calls them is here, too.
    fn plugin(&self, name: &str) -> Found {
        let wrapper = self.fence_dir.join("fence_legacy");
        let there = match name.strip_prefix("external/") {
            Some(external) => is_name(external) && super::listing::is_external(&self.plugin_dir.join(name)),
            None => {
                is_name(name)
                    && super::listing::is_single(name)
                    && self.plugin_dir.join("stonith2").join(format!("{name}.so")).is_file()
            }
        };
        if there && wrapper.is_file() { Found::Plugin(wrapper) } else { Found::Missing(name.to_owned()) }
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
