//! Which options of `quorum {}` take effect together, and which are refused [QG-2.2].

use std::time::Duration;

use super::log::{Level, LogLine};
use super::{SUBSYSTEM, TieBreaker};
use crate::config::{Config, QuorumSection};

/// What the node list says about votes; absent without a node list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roster {
    /// Votes of this node.
    pub own_votes: u32,
    /// Number of nodes.
    pub nodes: u32,
    /// Votes of all nodes.
    pub votes: u32,
}

impl Roster {
    /// The roster of a configuration; none where the node list is made up.
    pub fn of(config: &Config) -> Option<Roster> {
        (!config.implicit_nodes).then(|| Roster {
            own_votes: config.local_node().votes,
            nodes: u32::try_from(config.nodes.len()).unwrap_or(u32::MAX),
            votes: config.nodes.iter().fold(0u32, |sum, node| sum.saturating_add(node.votes)),
        })
    }
}

/// The quorum device as configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceOptions {
    /// Its votes.
    pub votes: u32,
    /// How long a vote lasts without a poll.
    pub timeout: Duration,
    /// The same while a ring is formed.
    pub sync_timeout: Duration,
}

/// Options in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Votes of this node.
    pub votes: u32,
    /// Votes it expects in the cluster.
    pub expected_votes: u32,
    /// Either node of two may act alone.
    pub two_node: bool,
    /// Not quorate before all nodes have been seen once.
    pub wait_for_all: bool,
    /// `wait_for_all` follows `two_node`.
    pub wait_for_all_automatic: bool,
    /// Expectations follow the members, after a while.
    pub last_man_standing: bool,
    /// That while.
    pub last_man_standing_window: Duration,
    /// Who wins an even split.
    pub tie_breaker: TieBreaker,
    /// Nodes that leave in order lower the expectation.
    pub allow_downscale: bool,
    /// The highest expectation ever is remembered.
    pub expected_votes_tracking: bool,
    /// The device.
    pub device: Option<DeviceOptions>,
    /// False if the configuration forbids the device to operate.
    pub device_can_operate: bool,
}

/// A combination of options that cannot be; the texts are those of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody knows how many votes there are.
    #[error("configuration error: nodelist or quorum.expected_votes must be configured!")]
    NoExpectation,
    /// Two nodes need no device.
    #[error("configuration error: two_node and quorum device cannot be configured at the same time!")]
    TwoNodeWithDevice,
    /// Ambiguous in a cluster of an odd size.
    #[error("configuration error: auto_tie_breaker & last_man_standing not available in odd sized cluster")]
    OddTieBreaker,
    /// A device counts for itself.
    #[error("configuration error: quorum.device is not compatible with last_man_standing")]
    DeviceWithLastManStanding,
    /// A device breaks ties itself.
    #[error("configuration error: quorum.device is not compatible with auto_tie_breaker")]
    DeviceWithTieBreaker,
    /// A device's votes are no member's.
    #[error("configuration error: quorum.device is not compatible with allow_downscale")]
    DeviceWithDownscale,
    /// The expectation must count the device.
    #[error("configuration error: quorum.device.votes must be specified when quorum.expected_votes is set")]
    DeviceVotesWithExpectation,
    /// No default for unequal votes.
    #[error("configuration error: quorum.device.votes must be specified when not all nodes votes 1")]
    DeviceVotesUnequal,
    /// The nodes must have two votes at least.
    #[error("configuration error: quorum.device.votes is too high or expected_votes is too low")]
    DeviceVotesTooHigh,
}

impl Refusal {
    /// Whether the option to blame is the device's: at run time it is the device that stops then.
    fn blames_device(self) -> bool {
        !matches!(self, Refusal::NoExpectation | Refusal::TwoNodeWithDevice | Refusal::OddTieBreaker)
    }
}

fn critical(log: &mut Vec<LogLine>, text: &str) {
    log.push(LogLine::new(Level::Critical, SUBSYSTEM, text));
}

fn warning(log: &mut Vec<LogLine>, text: &str) {
    log.push(LogLine::new(Level::Warning, SUBSYSTEM, text));
}

/// What evaluation has found so far.
struct Draft {
    expected: u32,
    roster_votes: u32,
    device_votes: Option<u32>,
    two_node: bool,
    wait_for_all: bool,
    tie_breaker: TieBreaker,
    device_can_operate: bool,
}

impl Options {
    /// Evaluates the section at start. `tracked` is the highest expectation remembered, 0 for none.
    ///
    /// # Errors
    /// The first combination that is refused. Lines already written to `log` stand.
    pub fn at_start(
        section: &QuorumSection,
        roster: Option<Roster>,
        tracked: u32,
        log: &mut Vec<LogLine>,
    ) -> Result<Options, Refusal> {
        let tie_breaker = read_tie_breaker(section, log);
        Options::evaluate(section, roster, tracked, tie_breaker, &mut |refusal, _| Err(refusal), log)
    }

    /// Evaluates the section again at run time: what would end a start stops the device, or changes nothing [QG-2.16].
    /// The tie breaker stays the one of the start; `registered` says whether a device is registered here.
    pub fn reread(
        &self,
        section: &QuorumSection,
        roster: Option<Roster>,
        tracked: u32,
        tie_breaker: TieBreaker,
        registered: bool,
        log: &mut Vec<LogLine>,
    ) -> Option<Options> {
        let mut section = section.clone();
        section.last_man_standing = self.last_man_standing;
        section.last_man_standing_window = self.last_man_standing_window;
        section.allow_downscale = self.allow_downscale;
        section.expected_votes_tracking = self.expected_votes_tracking;
        section.wait_for_all = if self.wait_for_all_automatic { None } else { Some(self.wait_for_all) };
        let mut lines = Vec::new();
        let result = Options::evaluate(
            &section,
            roster,
            tracked,
            tie_breaker,
            &mut |refusal, draft| {
                critical(&mut lines, &refusal.to_string());
                match refusal {
                    Refusal::NoExpectation => {
                        critical(&mut lines, "will continue with current runtime data");
                        return Err(refusal);
                    }
                    Refusal::TwoNodeWithDevice if registered => {
                        critical(&mut lines, "quorum device is registered, disabling two_node");
                        draft.two_node = false;
                    }
                    Refusal::TwoNodeWithDevice => {
                        critical(&mut lines, "quorum device is not registered, allowing two_node");
                        draft.device_can_operate = false;
                    }
                    _ if refusal.blames_device() => {
                        critical(&mut lines, "disabling quorum device operations");
                        draft.device_can_operate = false;
                    }
                    _ => draft.tie_breaker = TieBreaker::Off,
                }
                Ok(())
            },
            log,
        );
        log.append(&mut lines);
        result.ok()
    }

    /// The steps of [QG-2.2] in their order. `refuse` decides what a forbidden combination means.
    fn evaluate(
        section: &QuorumSection,
        roster: Option<Roster>,
        tracked: u32,
        tie_breaker: TieBreaker,
        refuse: &mut dyn FnMut(Refusal, &mut Draft) -> Result<(), Refusal>,
        log: &mut Vec<LogLine>,
    ) -> Result<Options, Refusal> {
        let device = section.device.as_ref();
        let mut draft = Draft {
            expected: section.expected_votes,
            roster_votes: roster.map_or(0, |r| r.votes),
            device_votes: device.and_then(|d| d.votes),
            two_node: section.two_node,
            wait_for_all: false,
            tie_breaker,
            device_can_operate: device.is_some(),
        };
        if roster.is_none() && draft.expected == 0 {
            refuse(Refusal::NoExpectation, &mut draft)?;
        }
        if draft.two_node && device.is_some() {
            refuse(Refusal::TwoNodeWithDevice, &mut draft)?;
        }
        draft.wait_for_all = section.wait_for_all.unwrap_or(draft.two_node);
        if draft.two_node && draft.tie_breaker.is_on() {
            critical(log, "two_node and auto_tie_breaker are both specified but are not compatible.");
            critical(log, "two_node has been disabled, please fix your corosync.conf");
            draft.two_node = false;
        }
        if draft.tie_breaker.is_on() && draft.roster_votes % 2 == 1 && !draft.wait_for_all {
            odd_tie_breaker(section.last_man_standing, &mut draft, refuse, log)?;
        }
        if device.is_some() {
            check_device(section, roster, &mut draft, refuse)?;
        }
        let expected_votes_tracking = section.expected_votes_tracking || section.allow_downscale;
        // What was tracked overrides the key, also if nothing was; only without a node list there is nothing else.
        if expected_votes_tracking && (tracked != 0 || roster.is_some()) {
            draft.expected = tracked;
        }
        let expected_votes = match (draft.expected, roster) {
            (0, Some(_)) => draft.roster_votes,
            (expected, _) => expected,
        };
        Ok(Options {
            votes: roster.map_or(section.votes, |r| r.own_votes),
            expected_votes,
            two_node: draft.two_node,
            wait_for_all: draft.wait_for_all,
            wait_for_all_automatic: section.wait_for_all.is_none(),
            last_man_standing: section.last_man_standing,
            last_man_standing_window: section.last_man_standing_window,
            tie_breaker: draft.tie_breaker,
            allow_downscale: section.allow_downscale,
            expected_votes_tracking,
            device: device.map(|d| DeviceOptions {
                votes: draft.device_votes.unwrap_or(0),
                timeout: d.timeout,
                sync_timeout: d.sync_timeout,
            }),
            device_can_operate: draft.device_can_operate,
        })
    }
}

/// Step 7: the tie breaker as the keys ask for it.
fn read_tie_breaker(section: &QuorumSection, log: &mut Vec<LogLine>) -> TieBreaker {
    match (section.auto_tie_breaker, section.auto_tie_breaker_node.as_deref()) {
        (true, None) => TieBreaker::Lowest,
        (true, Some(text)) => TieBreaker::parse(text).unwrap_or_else(|| {
            warning(
                log,
                "auto_tie_breaker_nodes is not valid. It must be 'lowest', 'highest' or a space-separated list of node IDs. auto_tie_breaker is disabled",
            );
            TieBreaker::Off
        }),
        (false, Some(_)) => {
            warning(log, "auto_tie_breaker_node: is meaningless if auto_tie_breaker is set to 0");
            TieBreaker::Off
        }
        (false, None) => TieBreaker::Off,
    }
}

/// Step 10.
fn odd_tie_breaker(
    last_man_standing: bool,
    draft: &mut Draft,
    refuse: &mut dyn FnMut(Refusal, &mut Draft) -> Result<(), Refusal>,
    log: &mut Vec<LogLine>,
) -> Result<(), Refusal> {
    if last_man_standing {
        critical(log, "auto_tie_breaker is set, the cluster has an odd number of nodes");
        critical(log, "and last_man_standing is also set. With this situation a better");
        critical(log, "solution would be to disable LMS, leave ATB enabled, and also");
        critical(log, "enable wait_for_all (mandatory for ATB in odd-numbered clusters).");
        critical(log, "Due to this ambiguity, corosync will fail to start. Please fix your corosync.conf");
        return refuse(Refusal::OddTieBreaker, draft);
    }
    critical(log, "auto_tie_breaker is set and the cluster has an odd number of nodes.");
    critical(log, "wait_for_all needs to be set for this configuration but it is missing");
    critical(log, "Therefore auto_tie_breaker has been disabled. Please fix your corosync.conf");
    draft.tie_breaker = TieBreaker::Off;
    Ok(())
}

/// Steps 11 to 17.
fn check_device(
    section: &QuorumSection,
    roster: Option<Roster>,
    draft: &mut Draft,
    refuse: &mut dyn FnMut(Refusal, &mut Draft) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let unequal = roster.is_some_and(|r| r.nodes != draft.roster_votes);
    if section.last_man_standing {
        refuse(Refusal::DeviceWithLastManStanding, draft)?;
    }
    if draft.tie_breaker.is_on() {
        refuse(Refusal::DeviceWithTieBreaker, draft)?;
    }
    if section.allow_downscale {
        refuse(Refusal::DeviceWithDownscale, draft)?;
    }
    if draft.expected != 0 && draft.device_votes.is_none() {
        refuse(Refusal::DeviceVotesWithExpectation, draft)?;
    }
    if draft.device_votes.is_none() && unequal {
        refuse(Refusal::DeviceVotesUnequal, draft)?;
    }
    if let Some(votes) = draft.device_votes
        && votes > 0
        && draft.expected != 0
        && i64::from(draft.expected) - i64::from(votes) < 2
    {
        refuse(Refusal::DeviceVotesTooHigh, draft)?;
    }
    if draft.device_votes.is_none() && draft.expected == 0 && roster.is_some() && !unequal {
        let votes = draft.roster_votes.saturating_sub(1);
        draft.device_votes = Some(votes);
        draft.roster_votes = draft.roster_votes.saturating_add(votes);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Accounts, Mode, parse};

    fn start(keys: &str, nodes: u32) -> (Result<Options, Refusal>, Vec<String>) {
        let text = format!("quorum {{\n{}\n}}\n", keys.replace("; ", "\n"));
        let text = text.replace("device ", "device {\n").replace(" end", "\n}");
        let map = parse(&text, Mode::Strict, &Accounts::default()).unwrap().map;
        let mut log = Vec::new();
        let roster = (nodes > 0).then_some(Roster { own_votes: 1, nodes, votes: nodes });
        let result = Options::at_start(&QuorumSection::read(&map), roster, 0, &mut log);
        (result, log.into_iter().map(|line| line.text).collect())
    }

    #[test]
    fn refused_combinations() {
        let cases: &[(&str, u32, Refusal)] = &[
            ("", 0, Refusal::NoExpectation),
            ("two_node: 1; device model: net end", 2, Refusal::TwoNodeWithDevice),
            ("auto_tie_breaker: 1; last_man_standing: 1", 3, Refusal::OddTieBreaker),
            ("last_man_standing: 1; device model: net end", 2, Refusal::DeviceWithLastManStanding),
            ("auto_tie_breaker: 1; device model: net end", 2, Refusal::DeviceWithTieBreaker),
            ("allow_downscale: 1; device model: net end", 2, Refusal::DeviceWithDownscale),
            ("expected_votes: 3; device model: net end", 2, Refusal::DeviceVotesWithExpectation),
            ("expected_votes: 3; device model: net; votes: 2 end", 2, Refusal::DeviceVotesTooHigh),
        ];
        for (keys, nodes, refusal) in cases {
            assert_eq!(start(keys, *nodes).0, Err(*refusal), "{keys}");
        }
        assert_eq!(
            Refusal::OddTieBreaker.to_string(),
            "configuration error: auto_tie_breaker & last_man_standing not available in odd sized cluster"
        );
    }

    #[test]
    fn accepted_combinations() {
        let two = start("two_node: 1", 2).0.unwrap();
        assert!(two.two_node && two.wait_for_all && two.wait_for_all_automatic);
        assert!(!start("two_node: 1; wait_for_all: 0", 2).0.unwrap().wait_for_all);

        let (both, log) = start("two_node: 1; auto_tie_breaker: 1", 2);
        let both = both.unwrap();
        assert!(!both.two_node && both.wait_for_all && both.tie_breaker == TieBreaker::Lowest);
        assert_eq!(log.len(), 2);

        let (odd, log) = start("auto_tie_breaker: 1", 3);
        assert_eq!((odd.unwrap().tie_breaker, log.len()), (TieBreaker::Off, 3));
        let odd = start("auto_tie_breaker: 1; wait_for_all: 1", 3).0.unwrap();
        assert_eq!(odd.tie_breaker, TieBreaker::Lowest);

        assert!(start("allow_downscale: 1", 3).0.unwrap().expected_votes_tracking);
        assert_eq!(start("expected_votes: 5", 0).0.unwrap().expected_votes, 5);
    }

    #[test]
    fn votes_of_the_device_default_to_one_less_than_those_of_the_nodes() {
        let options = start("device model: net end", 4).0.unwrap();
        assert_eq!((options.device.unwrap().votes, options.expected_votes), (3, 7));
        // Explicit votes are not added to the expectation here, only when they are counted.
        let options = start("device model: net; votes: 1 end", 2).0.unwrap();
        assert_eq!((options.device.unwrap().votes, options.expected_votes), (1, 2));
    }
}
