//! What was fenced, and what is being fenced [SM-10.5].

use crate::report::text::Report;
use cib_core::rules::DateTime;
use std::cmp::Reverse;

/// Where a fencing action stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FencingState {
    /// Under way.
    Pending,
    /// Ended well.
    Successful,
    /// Ended badly.
    Failed,
}

/// A fencing action, as the fencers of a cluster remember it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fencing {
    /// Whom it is aimed at.
    pub target: String,
    /// `off`, `reboot` or `on`.
    pub action: String,
    /// The node that saw to it.
    pub origin: String,
    /// The node that carried it out, or `a human`.
    pub delegate: Option<String>,
    /// Who asked for it.
    pub client: String,
    /// Where it stands.
    pub state: FencingState,
    /// Seconds since the epoch and nanoseconds at its end.
    pub completed: Option<(i64, u32)>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// Which words tell of an action.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wording {
    /// Field by field instead of a sentence.
    pub technical: bool,
    /// It is the last one of its kind: others are left out.
    pub last: bool,
    /// Offset of local time, seconds east of Greenwich.
    pub utc_offset: i32,
}

impl Fencing {
    fn verb(&self) -> &str {
        match self.action.as_str() {
            "on" => "unfencing",
            "off" => "turning off",
            "" => "fencing",
            action => action,
        }
    }

    fn outcome(&self) -> &'static str {
        match self.state {
            FencingState::Pending => "pending",
            FencingState::Successful => "successful",
            FencingState::Failed => "failed",
        }
    }

    fn is_over(&self) -> bool {
        self.state != FencingState::Pending
    }

    /// One line; `all` are the actions that are known, among them a later one that may have succeeded.
    pub fn line(&self, all: &[Fencing], wording: Wording) -> String {
        let reason = self.reason.as_deref().filter(|r| !r.is_empty() && self.state == FencingState::Failed);
        let reason = reason.map_or_else(String::new, |r| format!(" ({r})"));
        let delegate = self.delegate.as_deref().filter(|_| self.is_over());
        let date = self.completed.filter(|_| self.is_over()).map(|at| date(at, wording.utc_offset));
        let (verb, target, outcome) = (self.verb(), &self.target, self.outcome());
        let (client, origin) = (&self.client, &self.origin);
        let mut line = if wording.technical {
            let delegate = delegate.map_or_else(String::new, |d| format!("delegate={d}, "));
            let label = match (wording.last, self.state) {
                (false, _) => "completed",
                (true, FencingState::Failed) => "last-failed",
                (true, _) => "last-successful",
            };
            let date = date.map_or_else(String::new, |d| format!(", {label}='{d}'"));
            format!("{verb} of {target} {outcome}{reason}: {delegate}client={client}, origin={origin}{date}")
        } else {
            let delegate = delegate.map_or_else(String::new, |d| format!(" by {d}"));
            let last = if wording.last && self.is_over() { " last" } else { "" };
            let date = date.map_or_else(String::new, |d| format!(" at {d}"));
            format!("{verb} of {target}{delegate} for {client}@{origin}{last} {outcome}{reason}{date}")
        };
        if let Some(later) = all.iter().find(|other| self.is_made_good_by(other)) {
            line.push_str(&format!(" (a later attempt from {} succeeded)", later.origin));
        }
        line
    }

    fn is_made_good_by(&self, other: &Fencing) -> bool {
        self.state == FencingState::Failed
            && other.state == FencingState::Successful
            && self.is_like(other)
            && other.completed > self.completed
    }

    fn is_like(&self, other: &Fencing) -> bool {
        self.action == other.action && self.target.eq_ignore_ascii_case(&other.target)
    }
}

fn date((seconds, nanoseconds): (i64, u32), utc_offset: i32) -> String {
    let whole = DateTime::from_epoch(seconds, utc_offset).format(cib_core::rules::DateStyle::Calendar, true);
    let (clock, zone) = whole.split_at(whole.len().min("YYYY-MM-DD HH:MM:SS".len()));
    format!("{clock}.{:06}{zone}", nanoseconds / 1000)
}

/// Pending actions first, the latest of them first if they come so; then those that ended, the latest first.
pub fn sort(history: &mut [Fencing]) {
    history.sort_by_key(|f| (f.is_over(), Reverse(f.completed)));
}

/// The latest of each kind: the same action on the same target with the same outcome. `history` is sorted.
pub fn latest(history: &[Fencing]) -> Vec<Fencing> {
    let mut kept: Vec<Fencing> = Vec::new();
    for action in history {
        let seen = |k: &Fencing| k.state == action.state && k.is_like(action);
        if !action.is_over() || !kept.iter().any(seen) {
            kept.push(action.clone());
        }
    }
    kept
}

/// What of the history is shown.
#[derive(Clone, Debug)]
pub struct FencingDisplay {
    /// Actions that failed.
    pub failed: bool,
    /// Actions that are under way.
    pub pending: bool,
    /// All that did not fail.
    pub succeeded: bool,
    /// Every action, not the latest of each kind alone.
    pub full: bool,
    /// What the cluster remembers, or why that is not known; `None`: there is no cluster to ask.
    pub history: Option<Result<Vec<Fencing>, String>>,
}

impl Default for FencingDisplay {
    fn default() -> Self {
        Self { failed: true, pending: true, succeeded: false, full: false, history: None }
    }
}

impl FencingDisplay {
    /// The failed ones, which stand before the others.
    pub(super) fn write_failed(&self, wording: Wording, printed: &mut bool, report: &mut Report) {
        if !self.failed || (self.full && self.succeeded) {
            return;
        }
        match &self.history {
            None => {}
            Some(Err(text)) => {
                let line = format!("Failed to get fencing history: {text}");
                list("Failed Fencing Actions", [line].into_iter(), printed, report);
            }
            Some(Ok(_)) => {
                self.write("Failed Fencing Actions", wording, printed, report, |s| s == FencingState::Failed)
            }
        }
    }

    /// The others.
    pub(super) fn write_others(&self, wording: Wording, printed: &mut bool, report: &mut Report) {
        if self.succeeded {
            let whole = self.full && self.failed;
            self.write("Fencing History", wording, printed, report, |s| whole || s != FencingState::Failed);
        } else if self.pending {
            self.write("Pending Fencing Actions", wording, printed, report, |s| s == FencingState::Pending);
        }
    }

    fn write(
        &self,
        title: &str,
        wording: Wording,
        printed: &mut bool,
        report: &mut Report,
        wanted: impl Fn(FencingState) -> bool,
    ) {
        let Some(Ok(history)) = &self.history else { return };
        let mut all = history.clone();
        sort(&mut all);
        let shown = if self.full { all.clone() } else { latest(&all) };
        let wording = Wording { last: !self.full, ..wording };
        let lines = shown.iter().filter(|f| wanted(f.state)).map(|f| f.line(&all, wording));
        list(title, lines, printed, report);
    }
}

fn list(title: &str, lines: impl Iterator<Item = String>, printed: &mut bool, report: &mut Report) {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return;
    }
    if std::mem::replace(printed, true) {
        report.blank();
    }
    report.open(title);
    lines.for_each(|line| report.item(format_args!("{line}")));
    report.close();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fencing(action: &str, state: FencingState, at: i64) -> Fencing {
        let over = state != FencingState::Pending;
        Fencing {
            target: "n1".into(),
            action: action.into(),
            origin: "n2".into(),
            delegate: over.then(|| "n3".into()),
            client: "stonith_admin.7".into(),
            state,
            completed: over.then_some((at, 123_456_789)),
            reason: (state == FencingState::Failed).then(|| "Agent exited with error".into()),
        }
    }

    fn shown(display: FencingDisplay, technical: bool) -> String {
        let (mut printed, mut report) = (false, Report::new());
        let wording = Wording { technical, ..Wording::default() };
        display.write_failed(wording, &mut printed, &mut report);
        display.write_others(wording, &mut printed, &mut report);
        report.output()
    }

    #[test]
    fn the_history_is_told_in_order() {
        use FencingState::{Failed, Pending, Successful};
        let history = vec![
            fencing("reboot", Successful, 1000),
            fencing("reboot", Failed, 900),
            fencing("reboot", Failed, 800),
            fencing("off", Pending, 0),
        ];
        let display = FencingDisplay { history: Some(Ok(history)), ..FencingDisplay::default() };
        assert_eq!(
            shown(display.clone(), false),
            "Failed Fencing Actions:\n  * reboot of n1 by n3 for stonith_admin.7@n2 last failed (Agent exited with error) at 1970-01-01 00:15:00.123456Z (a later attempt from n2 succeeded)\n\nPending Fencing Actions:\n  * turning off of n1 for stonith_admin.7@n2 pending\n"
        );
        let full = shown(FencingDisplay { succeeded: true, full: true, ..display.clone() }, true);
        let lines: Vec<&str> = full.lines().collect();
        assert_eq!(lines.len(), 5, "{full}");
        assert_eq!(lines[0], "Fencing History:");
        assert_eq!(lines[1], "  * turning off of n1 pending: client=stonith_admin.7, origin=n2");
        assert_eq!(
            lines[2],
            "  * reboot of n1 successful: delegate=n3, client=stonith_admin.7, origin=n2, completed='1970-01-01 00:16:40.123456Z'"
        );
        let unread = FencingDisplay { history: Some(Err("no answer".into())), ..display };
        assert_eq!(shown(unread, false), "Failed Fencing Actions:\n  * Failed to get fencing history: no answer\n");
        assert_eq!(shown(FencingDisplay::default(), false), "");
    }
}
