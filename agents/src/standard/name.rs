//! Names of agents: standard, provider, type.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The calling convention of an agent [RA-1.2].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Standard {
    /// Resource agents after the Open Cluster Framework.
    Ocf,
    /// Init scripts.
    Lsb,
    /// Units of the service manager.
    Systemd,
    /// An alias that is resolved for every operation: init script, else unit.
    Service,
    /// Fence agents.
    Stonith,
    /// Alert agents (internal).
    Alert,
    /// Anything else, such as the retired `upstart`, `nagios` and `heartbeat`: operations answer "not installed".
    Other(String),
}

impl Standard {
    /// The standard of this name, whatever its case.
    pub fn parse(name: &str) -> Self {
        for known in [Self::Ocf, Self::Lsb, Self::Systemd, Self::Service, Self::Stonith, Self::Alert] {
            if name.eq_ignore_ascii_case(known.as_str()) {
                return known;
            }
        }
        Self::Other(name.to_owned())
    }

    /// The name, in lower case for the known ones.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ocf => "ocf",
            Self::Lsb => "lsb",
            Self::Systemd => "systemd",
            Self::Service => "service",
            Self::Stonith => "stonith",
            Self::Alert => "alert",
            Self::Other(name) => name,
        }
    }

    /// Only OCF agents have providers.
    pub fn has_provider(&self) -> bool {
        matches!(self, Self::Ocf)
    }

    /// Do agents of this standard see parameters?
    pub fn has_parameters(&self) -> bool {
        matches!(self, Self::Ocf | Self::Stonith)
    }

    /// May instances of one clone differ?
    pub fn has_unique_clones(&self) -> bool {
        matches!(self, Self::Ocf | Self::Stonith)
    }

    /// Can agents of this standard be promoted?
    pub fn is_promotable(&self) -> bool {
        matches!(self, Self::Ocf)
    }

    /// Is a `monitor` called as `status`?
    pub fn monitors_by_status(&self) -> bool {
        matches!(self, Self::Lsb | Self::Systemd | Self::Service)
    }

    /// May tools run the agent directly?
    pub fn runs_directly(&self) -> bool {
        matches!(self, Self::Ocf | Self::Lsb | Self::Stonith)
    }
}

impl fmt::Display for Standard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which agent: the triple that a primitive names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct AgentName {
    /// The calling convention.
    pub standard: Standard,
    /// The directory of OCF agents it comes from; `None` for all other standards.
    pub provider: Option<String>,
    /// The agent's own name (`type` in the configuration).
    pub type_name: String,
}

/// Why a specification string is no agent's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// Nothing stands before the first colon.
    #[error("agent specification '{0}' has no standard")]
    NoStandard(String),
    /// A standard with providers lacks one.
    #[error("agent specification '{0}' has no provider")]
    NoProvider(String),
    /// The type is missing.
    #[error("agent specification '{0}' has no type")]
    NoType(String),
}

impl AgentName {
    /// An OCF agent.
    pub fn ocf(provider: &str, type_name: &str) -> Self {
        Self { standard: Standard::Ocf, provider: Some(provider.to_owned()), type_name: type_name.to_owned() }
    }

    /// An agent of a standard without providers.
    pub fn plain(standard: Standard, type_name: &str) -> Self {
        Self { standard, provider: None, type_name: type_name.to_owned() }
    }

    /// From the three attributes of a primitive.
    pub fn new(standard: &str, provider: Option<&str>, type_name: &str) -> Self {
        let standard = Standard::parse(standard);
        let provider = provider.filter(|_| standard.has_provider()).map(str::to_owned);
        Self { standard, provider, type_name: type_name.to_owned() }
    }

    /// Reads `standard[:provider]:type` [RA-1.2].
    ///
    /// # Errors
    /// An empty standard, or a missing provider or type.
    ///
    /// ```
    /// use agents::standard::AgentName;
    /// let name = AgentName::parse("systemd:getty@tty:1").unwrap();
    /// assert_eq!(name.type_name, "getty@tty:1");
    /// assert_eq!(AgentName::parse("ocf:pacemaker:Dummy").unwrap().to_string(), "ocf:pacemaker:Dummy");
    /// ```
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let mut parts = text.splitn(3, ':');
        let standard = parts.next().filter(|s| !s.is_empty()).ok_or_else(|| NameError::NoStandard(text.to_owned()))?;
        let standard = Standard::parse(standard);
        let (second, third) = (parts.next().filter(|s| !s.is_empty()), parts.next());
        if standard.has_provider() {
            let provider = second.ok_or_else(|| NameError::NoProvider(text.to_owned()))?;
            let type_name = third.filter(|s| !s.is_empty()).ok_or_else(|| NameError::NoType(text.to_owned()))?;
            return Ok(Self { standard, provider: Some(provider.to_owned()), type_name: type_name.to_owned() });
        }
        let second = second.ok_or_else(|| NameError::NoType(text.to_owned()))?;
        let type_name = third.map_or_else(|| second.to_owned(), |third| format!("{second}:{third}"));
        Ok(Self { standard, provider: None, type_name })
    }

    /// Equal but for case: what the executor calls the same registration [RA-8.1].
    pub fn same(&self, other: &Self) -> bool {
        let provider = |a: &Self| a.provider.as_deref().map(str::to_ascii_lowercase);
        self.standard.as_str().eq_ignore_ascii_case(other.standard.as_str())
            && provider(self) == provider(other)
            && self.type_name.eq_ignore_ascii_case(&other.type_name)
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.provider {
            Some(provider) => write!(f, "{}:{provider}:{}", self.standard, self.type_name),
            None => write!(f, "{}:{}", self.standard, self.type_name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specifications_that_are_refused() {
        assert!(matches!(AgentName::parse(""), Err(NameError::NoStandard(_))));
        assert!(matches!(AgentName::parse(":x"), Err(NameError::NoStandard(_))));
        assert!(matches!(AgentName::parse("ocf:pacemaker"), Err(NameError::NoType(_))));
        assert!(matches!(AgentName::parse("ocf::Dummy"), Err(NameError::NoProvider(_))));
        assert!(matches!(AgentName::parse("lsb"), Err(NameError::NoType(_))));
        assert!(matches!(AgentName::parse("lsb::x"), Err(NameError::NoType(_))));
    }

    #[test]
    fn the_third_part_may_hold_colons() {
        assert_eq!(AgentName::parse("ocf:p:a:b").unwrap().type_name, "a:b");
        assert_eq!(AgentName::parse("systemd:u@a:b").unwrap().type_name, "u@a:b");
    }
}
