//! Counters of a member as keys, computed on access [TM-18, LK-17].

use totem_core::config::{Cmap, Value};
use totem_core::member::Member;

/// All counters. `reset` holds those that a tool set back, as they were then.
pub(super) fn of(member: &Member, reset: &Cmap) -> Cmap {
    let mut map = Cmap::default();
    let mut put = |key: String, value: Value| {
        let since = match (&value, reset.get(&key)) {
            (Value::U64(n), Some(Value::U64(before))) => Value::U64(n.saturating_sub(*before)),
            (Value::U32(n), Some(Value::U32(before))) => Value::U32(n.saturating_sub(*before)),
            _ => value,
        };
        // Names by construction valid.
        let _ = map.set(&key, since);
    };
    let status = member.status();
    let counters = status.ring.counters;
    for (name, value) in [
        ("orf_token_tx", counters.orf_token_tx),
        ("orf_token_rx", counters.orf_token_rx),
        ("memb_merge_detect_tx", counters.memb_merge_detect_tx),
        ("memb_merge_detect_rx", counters.memb_merge_detect_rx),
        ("memb_join_tx", counters.memb_join_tx),
        ("memb_join_rx", counters.memb_join_rx),
        ("mcast_tx", counters.mcast_tx),
        ("mcast_retx", counters.mcast_retx),
        ("mcast_rx", counters.mcast_rx),
        ("memb_commit_token_tx", counters.memb_commit_token_tx),
        ("memb_commit_token_rx", counters.memb_commit_token_rx),
        ("token_hold_cancel_tx", counters.token_hold_cancel_tx),
        ("token_hold_cancel_rx", counters.token_hold_cancel_rx),
        ("operational_entered", counters.operational_entered),
        ("operational_token_lost", counters.operational_token_lost),
        ("gather_entered", counters.gather_entered),
        ("gather_token_lost", counters.gather_token_lost),
        ("commit_entered", counters.commit_entered),
        ("commit_token_lost", counters.commit_token_lost),
        ("recovery_entered", counters.recovery_entered),
        ("recovery_token_lost", counters.recovery_token_lost),
        ("consensus_timeouts", counters.consensus_timeouts),
        ("rx_msg_dropped", counters.rx_msg_dropped),
    ] {
        put(format!("stats.srp.{name}"), Value::U64(value));
    }
    let gather = u32::try_from(counters.continuous_gather).unwrap_or(u32::MAX);
    put("stats.srp.continuous_gather".to_owned(), Value::U32(gather));
    let Some(links) = status.links else { return map };
    for link in links.links() {
        let key = |name: &str| format!("stats.knet.node{}.link{}.{name}", link.host, link.link);
        put(key("enabled"), Value::U8(1));
        put(key("connected"), Value::U8(link.connected.into()));
        put(key("mtu"), Value::U32(link.mtu));
        put(key("up_count"), Value::U32(link.ups));
        put(key("down_count"), Value::U32(link.downs));
    }
    let refused = links.refusals();
    for (name, value) in [
        ("altered", refused.unauthenticated),
        ("other_key", refused.other_key),
        ("replayed", refused.replayed),
        ("unproven", refused.unproven),
        ("malformed", refused.malformed),
        ("unlisted", refused.unlisted),
        ("early", refused.early),
        ("compressed", refused.compressed),
        ("misdirected", refused.misdirected),
        ("forged_pongs", refused.forged_pongs),
    ] {
        put(format!("stats.knet.refused.{name}"), Value::U64(value));
    }
    map
}
