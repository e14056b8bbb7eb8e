//! Transition keys and magic: how a result finds its action ([CT-5.6]).

use std::fmt;
use std::str::FromStr;

/// The uuid of results that belong to no transition.
pub(super) const OUTSIDE_UUID: &str = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

/// `ACTION:TRANSITION:TARGETRC:UUID`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionKey {
    /// Number of the action in the graph, or the call id of an outside event.
    pub action: i64,
    /// Number of the transition, -1 for outside events.
    pub transition: i64,
    /// The result that was expected.
    pub target_rc: i32,
    /// The coordinator that started it.
    pub uuid: String,
}

impl TransitionKey {
    /// The key of an event that no transition asked for.
    pub fn outside(call: i64, expected: i32) -> Self {
        TransitionKey { action: call, transition: -1, target_rc: expected, uuid: OUTSIDE_UUID.to_owned() }
    }
}

impl fmt::Display for TransitionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}:{:<36}", self.action, self.transition, self.target_rc, self.uuid)
    }
}

/// A key or magic that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a transition key: expected ACTION:TRANSITION:TARGETRC:UUID")]
pub struct KeyError {
    text: String,
}

impl FromStr for TransitionKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let error = || KeyError { text: text.to_owned() };
        let mut parts = text.splitn(4, ':');
        let mut next = || parts.next().ok_or_else(error);
        let action = next()?.parse().map_err(|_| error())?;
        let transition = next()?.parse().map_err(|_| error())?;
        let target_rc = next()?.parse().map_err(|_| error())?;
        let uuid = next()?.trim_end().to_owned();
        if uuid.is_empty() {
            return Err(error());
        }
        Ok(TransitionKey { action, transition, target_rc, uuid })
    }
}

/// `OPSTATUS:RC;KEY`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransitionMagic {
    /// Status of the operation.
    pub op_status: i32,
    /// Exit code.
    pub rc: i32,
    /// The key.
    pub key: TransitionKey,
}

impl fmt::Display for TransitionMagic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{};{}", self.op_status, self.rc, self.key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_padded_and_read_back() {
        let key = TransitionKey { action: 12, transition: 3, target_rc: 7, uuid: "short".into() };
        let text = key.to_string();
        assert_eq!(text.len(), "12:3:7:".len() + 36);
        assert_eq!(text.parse(), Ok(key));
        assert!("1:2:3".parse::<TransitionKey>().is_err());
        assert_eq!(TransitionKey::outside(5, 0).to_string(), format!("5:-1:0:{OUTSIDE_UUID}"));
    }
}
