//! Protection of packets: the key file, and changing keys while the ring runs. [LK-14]

use super::ring::RingError;
use std::fs;
use std::io;
use std::time::Duration;
use totem_core::config::{Config, CryptoModel, CryptoPhase};
use totem_core::link::{Guard, Protection, Secret};
use totem_core::member::Member;
use totem_core::wire::NodeId;

/// What protects packets, with the bytes of the key.
pub(super) fn protection(config: &Config) -> Result<Option<Guard>, RingError> {
    let totem = &config.totem;
    if !totem.is_protected() {
        return Ok(None);
    }
    let key = match &totem.key {
        // An inline key is its text and a zero byte.
        Some(text) => [text.as_bytes(), &[0]].concat(),
        None => {
            let reason = |e: &io::Error| e.to_string().split(" (os error").next().unwrap_or_default().to_owned();
            fs::read(&totem.keyfile)
                .map_err(|e| RingError::Config(format!("Could not open {}: {}", totem.keyfile, reason(&e))))?
        }
    };
    let guard = match totem.crypto_model {
        CryptoModel::Stock => Protection::new(totem.crypto, key.into()).map(Guard::from),
        CryptoModel::Metronome => Secret::new(totem.cluster_name.as_deref().unwrap_or(""), &key).map(Guard::from),
    };
    guard.map(Some).map_err(|e| RingError::Config(format!("{e} from {}.", totem.keyfile)))
}

/// The configuration was read again: timers of links follow, and changed keys come into use in the order of messages, so
/// that every member passes the change at the same place.
///
/// # Errors
/// If the changed key cannot be read; then everything stays as it was.
pub(super) fn reload(member: &mut Member, now: Duration, config: &Config) -> Result<(), RingError> {
    let protection = protection(config)?;
    let own = |guard: Option<&Guard>| matches!(guard, Some(Guard::Own(_)));
    let present = member.with_links(now, |links| links.protection().cloned());
    let Some(present) = present else { return Ok(()) };
    if own(protection.as_ref()) != own(present.as_ref()) {
        return Err(RingError::Config("crypto_model cannot change to or from metronome at run time".into()));
    }
    let changed = protection != present;
    let key = member.with_links(now, |links| {
        links.set_links(config);
        changed.then(|| links.load_protection(now, protection))
    });
    if let Some(key) = key.flatten() {
        member.with_control(|control| control.crypto_phase(CryptoPhase { phase: 1, key }));
    }
    Ok(())
}

/// A message of a change of keys came: phase 1 sends with the new keys, phase 2 forgets the old ones.
pub(super) fn phase(member: &mut Member, now: Duration, by: NodeId, said: CryptoPhase) {
    let CryptoPhase { phase, key } = said;
    if phase == 1 && member.with_links(now, |links| links.announced(now, by, key)) == Some(true) {
        member.with_control(|control| control.crypto_phase(CryptoPhase { phase: 2, key }));
    } else if phase == 2 && by == member.node() {
        member.with_links(now, |links| links.drop_old_protection());
    }
}
