//! Who wins an even split [QG-2.7].

use crate::wire::NodeId;

/// `auto_tie_breaker` and `auto_tie_breaker_node`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TieBreaker {
    /// Nobody wins.
    #[default]
    Off,
    /// The partition with the lowest node id of the last quorate one.
    Lowest,
    /// The same with the highest id.
    Highest,
    /// The partition with the first of these nodes that was there before.
    List(Vec<NodeId>),
}

impl TieBreaker {
    /// The number published as `runtime.votequorum.atb_type`.
    pub fn number(&self) -> u32 {
        match self {
            TieBreaker::Off => 0,
            TieBreaker::Lowest => 1,
            TieBreaker::Highest => 2,
            TieBreaker::List(_) => 3,
        }
    }

    /// Whether an even split has a winner at all.
    pub fn is_on(&self) -> bool {
        *self != TieBreaker::Off
    }

    /// Reads `auto_tie_breaker_node`: a word, or node ids separated by blanks up to the first thing that is none.
    pub fn parse(text: &str) -> Option<TieBreaker> {
        match text {
            "lowest" => return Some(TieBreaker::Lowest),
            "highest" => return Some(TieBreaker::Highest),
            _ => {}
        }
        let mut ids = Vec::new();
        let mut rest = text.trim_start();
        loop {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            match rest[..digits].parse::<u32>() {
                Ok(id) if id != 0 => ids.push(NodeId(id)),
                _ => break,
            }
            rest = &rest[digits..];
            let after = rest.trim_start();
            if after.len() == rest.len() {
                break;
            }
            rest = after;
        }
        (!ids.is_empty()).then_some(TieBreaker::List(ids))
    }

    /// Whether this side wins. `lowest` and `highest` are those of the last quorate calculation, absent before it.
    pub(super) fn wins(&self, history: &super::History, current: &[NodeId], members: &[NodeId]) -> bool {
        match self {
            TieBreaker::Off => false,
            TieBreaker::Lowest => history.lowest.is_some_and(|id| members.contains(&id)),
            TieBreaker::Highest => history.highest.is_some_and(|id| members.contains(&id)),
            TieBreaker::List(list) => match list.iter().position(|id| current.contains(id)) {
                Some(first) => !list[..first].iter().any(|id| history.previous.contains(id)),
                None => false,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let list = |ids: &[u32]| Some(TieBreaker::List(ids.iter().map(|id| NodeId(*id)).collect()));
        assert_eq!(TieBreaker::parse("lowest"), Some(TieBreaker::Lowest));
        assert_eq!(TieBreaker::parse(" 2 1\t3"), list(&[2, 1, 3]));
        assert_eq!(TieBreaker::parse("2 1 0 3"), list(&[2, 1]));
        assert_eq!(TieBreaker::parse("2 x"), list(&[2]));
        assert_eq!(TieBreaker::parse("2x 3"), list(&[2]));
        for bad in ["", "0", "Lowest", "-1", "x 1", "99999999999"] {
            assert_eq!(TieBreaker::parse(bad), None, "{bad:?}");
        }
    }
}
