//! What the spellings of older releases become [QG-11, TM-17, LK-23].

use super::{Cmap, Warning};

/// Keys without effect today, and what to know about each.
const OBSOLETE: &[(&str, &str)] = &[
    ("compatibility", "has no effect: there is no openais to interoperate with"),
    ("totem.threads", "has no effect: encryption runs where the datagram is made"),
    ("totem.thread", "has no effect, and was never a key; perhaps threads was meant"),
    ("totem.vsftype", "has no effect: every partition counts votes, or has no quorum provider"),
    ("totem.nodeid", "is ignored: node ids come from the node list, or from the address"),
    ("totem.rrp_token_expired_timeout", "has no effect: link faults are found by heartbeats"),
    ("totem.rrp_problem_count_timeout", "has no effect: link faults are found by heartbeats"),
    ("totem.rrp_problem_count_threshold", "has no effect: link faults are found by heartbeats"),
    ("totem.rrp_problem_count_mcast_threshold", "has no effect: link faults are found by heartbeats"),
    ("totem.rrp_autorecovery_check_timeout", "has no effect: links come back by themselves"),
    ("totem.crypto_type", "has no effect: see crypto_cipher and crypto_hash"),
    ("totem.crypto_accept", "has no effect: only the configured protection is accepted"),
    ("totem.interface.ringnumber", "has no effect: linknumber names the link, 0 where it is absent"),
    ("quorum.leaving_timeout", "has no effect"),
];

/// Sections without effect.
const OBSOLETE_SECTIONS: &[(&str, &str)] =
    &[("amf.", "has no effect: there is no availability framework"), ("event.", "has no effect")];

/// Warnings about every old spelling in the file, in the order of the tables.
pub(super) fn warnings(map: &Cmap) -> Vec<Warning> {
    let mut out = Vec::new();
    let mut say = |key: &str, becomes: &str| {
        out.push(Warning::Obsolete { key: key.to_owned(), becomes: becomes.to_owned() });
    };
    for (key, becomes) in OBSOLETE {
        if map.get(key).is_some() {
            say(key, becomes);
        }
    }
    match map.get_str("totem.secauth") {
        Some("on") => {
            say("totem.secauth", "becomes crypto_cipher: aes256 and crypto_hash: sha256, where these are not set");
        }
        Some(_) => say("totem.secauth", "becomes crypto_cipher: none and crypto_hash: none, where these are not set"),
        None => {}
    }
    match map.get_str("totem.rrp_mode") {
        Some("active") => say("totem.rrp_mode", "becomes link_mode: active; ringnumber becomes linknumber"),
        Some("passive") => say("totem.rrp_mode", "becomes link_mode: rr; ringnumber becomes linknumber"),
        Some(_) => say("totem.rrp_mode", "means one link"),
        None => {}
    }
    if map.get("totem.clear_node_high_bit").is_some() {
        say("totem.clear_node_high_bit", "takes effect only where node ids are made from addresses");
    }
    for (prefix, becomes) in OBSOLETE_SECTIONS {
        if map.prefixed(prefix).next().is_some() {
            say(prefix.trim_end_matches('.'), becomes);
        }
    }
    for section in ["aisexec", "aisexce"] {
        if map.prefixed(&format!("{section}.")).next().is_some() {
            let root =
                |key: &str| map.get_str(&format!("{section}.{key}")).is_none_or(|name| name == "root" || name == "0");
            if root("user") && root("group") {
                say(section, "has no effect: the user and group are those that start the program");
            } else {
                say(section, "names another user than root, which is not followed: start the program as that user");
            }
        }
    }
    if map.prefixed("service.").next().is_some() {
        if starts_resource_layer(map) {
            say("service", "starts the resource layer together with the ring");
        } else {
            say("service", "has no effect: the resource layer is started separately");
        }
    }
    out
}

/// `service { name: pacemaker ver: 0 }` of 1.x: the resource layer runs inside the ring's process [QG-11 item 2].
pub(super) fn starts_resource_layer(map: &Cmap) -> bool {
    map.get_str("service.name") == Some("pacemaker") && map.get_str("service.ver").is_none_or(|ver| ver == "0")
}
