//! Getting an agent's meta-data [RA-3.3], [RA-3.4].

use super::{Found, Places, run_once, run_program};
use crate::standard::document::{DocumentError, Element};
use crate::standard::invocation::Invocation;
use crate::standard::{AgentName, Call, Exit, RunId, Standard, templates};

/// Why there is no meta-data.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetadataError {
    /// There is no such agent.
    #[error("{0}: no such agent")]
    Missing(AgentName),
    /// The agent failed, or said nothing in time.
    #[error("{0}: the agent gave no meta-data")]
    Failed(AgentName),
    /// What it said is no document.
    #[error("{agent}: {error}")]
    Document {
        /// The agent.
        agent: AgentName,
        /// What is wrong.
        error: DocumentError,
    },
}

impl Places {
    /// An agent's meta-data document: its own, or made up for standards whose agents have none.
    ///
    /// # Errors
    /// There is no such agent, or it gives none.
    pub async fn metadata(&self, agent: &AgentName) -> Result<String, MetadataError> {
        let missing = || MetadataError::Missing(agent.clone());
        match (&agent.standard, self.find(agent)) {
            (Standard::Ocf, Found::Program(_)) => self.ask(agent, "meta-data").await,
            (Standard::Stonith, Found::Program(_)) => {
                let text = self.ask(agent, "metadata").await?;
                Ok(templates::fence_metadata(document(agent, &text)?).print())
            }
            (Standard::Stonith, Found::Plugin(_)) => {
                let it = Invocation {
                    arguments: ["-t", &agent.type_name, "-m"].map(str::to_owned).into(),
                    ..Invocation::default()
                };
                let (call, tool) = (self.call(agent, "meta-data"), self.fence_dir.join("stonith"));
                let text = said(agent, run_program(&call, &tool, it, self, self.metadata_timeout).await)?;
                Ok(templates::plugin_metadata(&agent.type_name, &document(agent, &text)?))
            }
            (Standard::Lsb | Standard::Service, Found::Program(path)) => {
                let script = std::fs::read(path).map_err(|_| missing())?;
                Ok(templates::lsb_metadata(&agent.type_name, &String::from_utf8_lossy(&script)))
            }
            (Standard::Systemd | Standard::Service, Found::Unit) => {
                Ok(templates::systemd_metadata(&agent.type_name, self.unit_description(&agent.type_name).as_deref()))
            }
            _ => Err(missing()),
        }
    }

    async fn ask(&self, agent: &AgentName, action: &str) -> Result<String, MetadataError> {
        said(agent, run_once(&self.call(agent, action), self, self.metadata_timeout).await)
    }

    fn call(&self, agent: &AgentName, action: &str) -> Call {
        Call {
            run: RunId(0),
            resource: agent.type_name.clone(),
            agent: agent.clone(),
            action: action.to_owned(),
            interval_ms: 0,
            timeout_ms: u64::try_from(self.metadata_timeout.as_millis()).unwrap_or(u64::MAX),
            parameters: Default::default(),
        }
    }

    /// `Description=` of a unit file, where there is one.
    fn unit_description(&self, name: &str) -> Option<String> {
        let file = templates::unit_name(name, true);
        let text = self.unit_dirs.iter().find_map(|dir| std::fs::read_to_string(dir.join(&file)).ok())?;
        let line = text.lines().find_map(|line| line.strip_prefix("Description="))?;
        Some(line.trim().to_owned())
    }
}

/// What an agent said, if it ended well and said something.
fn said(agent: &AgentName, exit: Exit) -> Result<String, MetadataError> {
    match exit {
        Exit::Exited { code: 0, stdout, .. } if !stdout.trim().is_empty() => Ok(stdout),
        _ => Err(MetadataError::Failed(agent.clone())),
    }
}

fn document(agent: &AgentName, text: &str) -> Result<Element, MetadataError> {
    let start = text.find('<').unwrap_or(0);
    Element::parse(&text[start..]).map_err(|error| MetadataError::Document { agent: agent.clone(), error })
}
