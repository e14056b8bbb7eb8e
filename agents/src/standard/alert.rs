//! Alert agents: how one is called for an event [RA-7], [CT-10.3].
//!
//! Which alerts an event goes to, and in which order, the controller decides; [`call`] builds one call of one agent.

use super::{AgentName, Answer, Call, ExecutionStatus, ExitStatus, Parameters, RunId, Standard};
use std::collections::BTreeMap;

/// How long an alert agent may take where nothing else is configured, milliseconds [CT-10.1].
pub const DEFAULT_TIMEOUT_MS: u64 = 30_000;
/// How times are written where nothing else is configured [CT-10.1].
pub const DEFAULT_TIMESTAMP: &str = "%H:%M:%S.%06N";

/// One configured alert with one of its recipients: one call for each event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertTarget {
    /// Its id in the configuration.
    pub id: String,
    /// The agent's full path.
    pub path: String,
    /// The recipient's value; empty where the alert has none.
    pub recipient: String,
    /// Milliseconds.
    pub timeout_ms: u64,
    /// After `strftime`, with `%xN` for a fraction of a second in x digits.
    pub timestamp_format: String,
    /// Instance attributes, the recipient's before the alert's; one without value removes the variable of its name.
    pub attributes: BTreeMap<String, Option<String>>,
}

impl AlertTarget {
    /// An agent without recipient and attributes, with the default timeout and format.
    pub fn new(id: impl Into<String>, path: impl Into<String>) -> Self {
        Self {
            id: id.into(),
            path: path.into(),
            recipient: String::new(),
            timeout_ms: DEFAULT_TIMEOUT_MS,
            timestamp_format: DEFAULT_TIMESTAMP.to_owned(),
            attributes: BTreeMap::new(),
        }
    }
}

/// Calendar time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// Seconds since 1970.
    pub epoch_s: u64,
    /// Below 1,000,000.
    pub micros: u32,
    /// Of local time, seconds east of Greenwich.
    pub utc_offset_s: i32,
}

/// Something that an administrator may be told [CT-10.2].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AlertEvent {
    /// A node appeared or was lost.
    Node {
        /// Its name.
        node: String,
        /// Its number; 0 = unknown.
        id: u32,
        /// Whether it is a member now.
        member: bool,
    },
    /// A fencing operation ended.
    Fencing {
        /// Whom it fenced.
        target: String,
        /// `off`, `reboot` or `on`.
        action: String,
        /// Who carried it out.
        executioner: Option<String>,
        /// Who asked for it.
        client: Option<String>,
        /// The node that owned it.
        origin: Option<String>,
        /// Its id.
        reference: String,
        /// How it ended.
        result: Answer,
    },
    /// An operation of a resource ended.
    Resource {
        /// The node that ran it.
        node: String,
        /// The resource's id.
        resource: String,
        /// `start`, `monitor`, ...
        task: String,
        /// Milliseconds.
        interval_ms: u64,
        /// In OCF numbering.
        rc: ExitStatus,
        /// What was expected.
        target_rc: ExitStatus,
        /// How far it got.
        status: ExecutionStatus,
        /// Milliseconds.
        exec_time_ms: u64,
        /// The operation's limit, milliseconds.
        timeout_ms: u64,
    },
    /// An attribute of a node was written.
    Attribute {
        /// The node's name.
        node: String,
        /// Its number; 0 = unknown.
        id: u32,
        /// The attribute's name.
        name: String,
        /// Its new value; `None` = none.
        value: Option<String>,
    },
}

impl AlertEvent {
    /// `CRM_alert_kind`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Node { .. } => "node",
            Self::Fencing { .. } => "fencing",
            Self::Resource { .. } => "resource",
            Self::Attribute { .. } => "attribute",
        }
    }

    /// The variables that only this kind has, without their common prefix.
    fn variables(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Node { node, id, member } => vec![
                ("node", node.clone()),
                ("nodeid", id.to_string()),
                ("desc", if *member { "member" } else { "lost" }.to_owned()),
            ],
            Self::Fencing { target, result, .. } => vec![
                ("node", target.clone()),
                ("desc", self.fencing_text()),
                // The notification's name, as the released programs say it; the action stands in the description.
                ("task", "st_notify_fence".to_owned()),
                ("rc", result.errno().to_string()),
            ],
            Self::Resource { node, resource, task, interval_ms, rc, target_rc, status, exec_time_ms, timeout_ms } => {
                let unknown_time = *status == ExecutionStatus::Timeout && *exec_time_ms == 0;
                let text = if *status == ExecutionStatus::Done { rc.text() } else { status.text() };
                vec![
                    ("node", node.clone()),
                    ("desc", text.to_owned()),
                    ("task", task.clone()),
                    ("rc", rc.to_string()),
                    ("rsc", resource.clone()),
                    ("interval", interval_ms.to_string()),
                    ("target_rc", target_rc.to_string()),
                    ("status", status.code().to_string()),
                    ("exec_time", if unknown_time { timeout_ms } else { exec_time_ms }.to_string()),
                ]
            }
            Self::Attribute { node, id, name, value } => vec![
                ("node", node.clone()),
                ("nodeid", id.to_string()),
                ("attribute_name", name.clone()),
                ("attribute_value", value.clone().unwrap_or_default()),
            ],
        }
    }

    fn fencing_text(&self) -> String {
        let Self::Fencing { target, action, executioner, client, origin, reference, result } = self else {
            return String::new();
        };
        let status = match (result.is_ok(), result.status) {
            (true, _) => "OK",
            (false, ExecutionStatus::Done) => "Error",
            (false, other) => other.text(),
        };
        let reason = result.reason.as_deref().map(|r| format!(" ({r})")).unwrap_or_default();
        format!(
            "Operation {action} of {target} by {} for {}@{}: {status}{reason} (ref={reference})",
            executioner.as_deref().unwrap_or("the cluster"),
            client.as_deref().unwrap_or("a client"),
            origin.as_deref().unwrap_or("a node"),
        )
    }
}

/// The call of one alert agent. `sequence` counts the calls of this node's executor from 1, `version` is the program's.
///
/// ```
/// use agents::standard::RunId;
/// use agents::standard::alert::{AlertEvent, AlertTarget, Moment, call};
/// let event = AlertEvent::Node { node: "n2".into(), id: 2, member: false };
/// let moment = Moment { epoch_s: 0, micros: 1_500, utc_offset_s: 3600 };
/// let it = call(RunId(1), &AlertTarget::new("mail", "/usr/local/bin/alert"), &event, moment, 1, "1.0");
/// assert_eq!(it.parameters["CRM_alert_desc"], "lost");
/// assert_eq!(it.parameters["CRM_alert_timestamp"], "01:00:00.001500");
/// ```
pub fn call(
    run: RunId,
    target: &AlertTarget,
    event: &AlertEvent,
    moment: Moment,
    sequence: u64,
    version: &str,
) -> Call {
    let mut variables = vec![
        ("kind", event.kind().to_owned()),
        ("version", version.to_owned()),
        ("recipient", target.recipient.clone()),
        ("node_sequence", sequence.to_string()),
        ("timestamp_epoch", moment.epoch_s.to_string()),
        ("timestamp_usec", format!("{:06}", moment.micros)),
    ];
    variables.extend(timestamp(&target.timestamp_format, moment).map(|text| ("timestamp", text)));
    variables.extend(event.variables());
    let mut environment: Parameters =
        variables.into_iter().map(|(name, value)| (format!("CRM_alert_{name}"), value)).collect();
    for (name, value) in &target.attributes {
        match value {
            Some(value) => environment.insert(name.clone(), value.clone()),
            None => environment.remove(name),
        };
    }
    Call {
        run,
        resource: target.id.clone(),
        agent: AgentName::plain(Standard::Alert, &target.path),
        action: event.kind().to_owned(),
        interval_ms: 0,
        timeout_ms: target.timeout_ms,
        parameters: environment.into(),
    }
}

/// A time after `strftime`, where `%xN` is the fraction of a second in x digits (at most 9); `None` if the format cannot be used.
pub fn timestamp(format: &str, moment: Moment) -> Option<String> {
    let second = i64::try_from(moment.epoch_s).ok()?;
    let at = jiff::Timestamp::from_second(second).ok()?;
    let offset = jiff::tz::Offset::from_seconds(moment.utc_offset_s).ok()?;
    let at = at.to_zoned(jiff::tz::TimeZone::fixed(offset));
    jiff::fmt::strtime::format(with_fractions(format, moment.micros), &at).ok()
}

/// Replaces `%xN` and leaves everything else as it is.
fn with_fractions(format: &str, micros: u32) -> String {
    let fraction = format!("{:06}000", micros.min(999_999));
    let (mut text, mut rest) = (String::new(), format);
    while let Some(at) = rest.find('%') {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        let digits = after[1..].bytes().take_while(u8::is_ascii_digit).count();
        if after[1 + digits..].starts_with('N') {
            let count = after[1..=digits].parse().ok().filter(|n| *n > 0).unwrap_or(9).min(9);
            text.push_str(&fraction[..count]);
            rest = &after[digits + 2..];
        } else {
            // A doubled sign is one character of the format, whatever follows.
            let whole = if after[1..].starts_with('%') { 2 } else { 1 };
            text.push_str(&after[..whole]);
            rest = &after[whole..];
        }
    }
    text + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOMENT: Moment = Moment { epoch_s: 86_400 + 3_661, micros: 42, utc_offset_s: 0 };

    fn environment(event: &AlertEvent, target: &AlertTarget) -> Vec<String> {
        let it = call(RunId(7), target, event, MOMENT, 3, "2.0");
        assert_eq!((it.timeout_ms, it.agent.to_string()), (30_000, format!("alert:{}", target.path)));
        it.parameters.iter().map(|(n, v)| format!("{n}={v}")).collect()
    }

    #[test]
    fn a_resource_event_with_recipient_and_attributes() {
        let mut target = AlertTarget::new("a", "/x");
        target.recipient = "me".to_owned();
        target.attributes = [
            ("debug".to_owned(), Some("1".to_owned())),
            ("CRM_alert_version".to_owned(), None),
            ("CRM_alert_rsc".to_owned(), Some("own".to_owned())),
        ]
        .into();
        let event = AlertEvent::Resource {
            node: "n1".into(),
            resource: "db".into(),
            task: "start".into(),
            interval_ms: 0,
            rc: ExitStatus::GENERIC,
            target_rc: ExitStatus::OK,
            status: ExecutionStatus::Timeout,
            exec_time_ms: 0,
            timeout_ms: 20_000,
        };
        let expected = [
            "CRM_alert_desc=Timed out",
            "CRM_alert_exec_time=20000",
            "CRM_alert_interval=0",
            "CRM_alert_kind=resource",
            "CRM_alert_node=n1",
            "CRM_alert_node_sequence=3",
            "CRM_alert_rc=1",
            "CRM_alert_recipient=me",
            "CRM_alert_rsc=own",
            "CRM_alert_status=2",
            "CRM_alert_target_rc=0",
            "CRM_alert_task=start",
            "CRM_alert_timestamp=01:01:01.000042",
            "CRM_alert_timestamp_epoch=90061",
            "CRM_alert_timestamp_usec=000042",
            "debug=1",
        ];
        assert_eq!(environment(&event, &target), expected);
    }

    #[test]
    fn fencing_is_told_in_a_sentence() {
        let mut event = AlertEvent::Fencing {
            target: "n3".into(),
            action: "reboot".into(),
            executioner: Some("n1".into()),
            client: Some("pacemaker-controld.5".into()),
            origin: Some("n2".into()),
            reference: "abc".into(),
            result: Answer::done(ExitStatus::OK),
        };
        let lines = environment(&event, &AlertTarget::new("a", "/x"));
        let text = "CRM_alert_desc=Operation reboot of n3 by n1 for pacemaker-controld.5@n2: OK (ref=abc)";
        assert!(lines.iter().any(|l| l == text), "{lines:?}");
        assert!(lines.iter().any(|l| l == "CRM_alert_rc=0"));
        let AlertEvent::Fencing { executioner, client, origin, result, .. } = &mut event else { unreachable!() };
        (*executioner, *client, *origin) = (None, None, None);
        *result = Answer::failed(ExitStatus::GENERIC, ExecutionStatus::NoFenceDevice, "nothing there");
        let lines = environment(&event, &AlertTarget::new("a", "/x"));
        let text = "CRM_alert_desc=Operation reboot of n3 by the cluster for a client@a node: No fence device (nothing there) (ref=abc)";
        assert!(lines.iter().any(|l| l == text), "{lines:?}");
        assert!(lines.iter().any(|l| l == "CRM_alert_rc=-19"), "ENODEV");
    }

    #[test]
    fn nodes_and_attributes() {
        let node = AlertEvent::Node { node: "n2".into(), id: 2, member: true };
        let lines = environment(&node, &AlertTarget::new("a", "/x"));
        for line in ["CRM_alert_kind=node", "CRM_alert_node=n2", "CRM_alert_nodeid=2", "CRM_alert_desc=member"] {
            assert!(lines.iter().any(|l| l == line), "{line}");
        }
        let gone = AlertEvent::Attribute { node: "n2".into(), id: 0, name: "ping".into(), value: None };
        let lines = environment(&gone, &AlertTarget::new("a", "/x"));
        for line in ["CRM_alert_attribute_name=ping", "CRM_alert_attribute_value=", "CRM_alert_nodeid=0"] {
            assert!(lines.iter().any(|l| l == line), "{line}");
        }
    }

    #[test]
    fn fractions_and_formats_that_cannot_be_used() {
        let at = Moment { epoch_s: 1, micros: 123_456, utc_offset_s: -3600 };
        assert_eq!(timestamp("%Y-%m-%d %H:%M:%S.%3N %z", at).as_deref(), Some("1969-12-31 23:00:01.123 -0100"));
        assert_eq!(timestamp("%%06N %06N %N %00012N", at).as_deref(), Some("%06N 123456 123456000 123456000"));
        assert_eq!(timestamp("plain", at).as_deref(), Some("plain"));
        assert_eq!(timestamp("%", at), None);
        assert_eq!(timestamp("é%1Né", at).as_deref(), Some("é1é"));
    }
}
