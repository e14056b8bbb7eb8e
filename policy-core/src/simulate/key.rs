//! Operation keys as text [SM-4.4].

/// A key in its parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OperationKey<'a> {
    /// The resource's name; may hold underscores.
    pub resource: &'a str,
    /// The task, with the kind of notification if it is one.
    pub task: &'a str,
    /// Milliseconds.
    pub interval_ms: u32,
}

/// Splits `RESOURCE_TASK_INTERVAL`.
#[must_use]
pub fn parse_key(key: &str) -> Option<OperationKey<'_>> {
    if key.len() < 5 {
        return None;
    }
    let (rest, interval) = key.rsplit_once('_')?;
    if interval.is_empty() || !interval.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let interval_ms = interval.parse().ok()?;
    let at = ["_migrate_to", "_migrate_from"]
        .iter()
        .find_map(|task| rest.ends_with(task).then(|| rest.len() - task.len()))
        .or_else(|| rest.rfind('_'))?;
    let mut resource = &rest[..at];
    for prefix in ["_confirmed-pre_notify", "_confirmed-post_notify", "_pre_notify", "_post_notify"] {
        if let Some(shorter) = resource.strip_suffix(prefix) {
            resource = shorter;
            break;
        }
    }
    if resource.is_empty() {
        return None;
    }
    Some(OperationKey { resource, task: &rest[resource.len() + 1..], interval_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_split() {
        let split = |key| parse_key(key).map(|k: OperationKey<'_>| (k.resource, k.task, k.interval_ms));
        assert_eq!(split("a_b_monitor_10000"), Some(("a_b", "monitor", 10_000)));
        assert_eq!(split("vm_migrate_to_0"), Some(("vm", "migrate_to", 0)));
        assert_eq!(split("r_pre_notify_start_0"), Some(("r", "pre_notify_start", 0)));
        assert_eq!(split("r_confirmed-post_notify_stop_0"), Some(("r", "confirmed-post_notify_stop", 0)));
        assert_eq!(split("a_0"), None);
        assert_eq!(split("a_start_x"), None);
    }
}
