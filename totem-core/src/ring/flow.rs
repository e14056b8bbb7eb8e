//! Flow control. [TM-11]

use super::seq::lt;
use super::{Ring, State};
use crate::wire::OrfToken;

impl Ring {
    /// What this node's joins say about it.
    pub(super) fn own_width(&self) -> u8 {
        self.config.kin_factor.clamp(1, u32::from(u8::MAX)) as u8
    }

    /// As wide as every member of the new ring takes; a daemon takes 1.
    pub(super) fn set_width(&mut self) {
        let widths = self.new_memb.iter().map(|node| match *node == self.me {
            true => self.own_width(),
            false => self.kin.get(node).copied().unwrap_or(1),
        });
        self.width = u32::from(widths.min().unwrap_or(1));
    }

    fn window(&self) -> u32 {
        self.config.timers.window_size.saturating_mul(self.width)
    }

    /// How many messages this visit may multicast, resent ones included. [TM-11.1]
    pub(super) fn budget(&mut self, token: &OrfToken) -> u32 {
        let window = self.window();
        let most = self.config.timers.max_messages.saturating_mul(self.width);
        let mut allowed = most.min(window.saturating_sub(token.fcc));
        self.my_cbl = self.backlog();
        let d = token.backlog.wrapping_add(self.my_cbl).wrapping_sub(self.my_pbl);
        if d != 0 {
            let share = u64::from(window) * u64::from(self.my_pbl) / u64::from(d);
            if share > 0 && u64::from(allowed) > share {
                allowed = share as u32;
            }
        }
        allowed
    }

    /// Length of the queue that would be sent now.
    pub(super) fn backlog(&self) -> u32 {
        let n = match self.state {
            State::Operational if self.waiting => self.sync.len(),
            State::Operational => self.sync.len() + self.normal.len(),
            State::Recovery => self.retrans.len(),
            _ => 0,
        };
        n as u32
    }

    /// The message store must not overflow. [TM-11.2]
    pub(super) fn within_window(&self, allowed: u32, token: &OrfToken) -> u32 {
        let last = self
            .last_released
            .wrapping_add(self.config.store_limit as u32)
            .wrapping_sub(allowed)
            .wrapping_sub(self.window());
        if lt(last, token.seq) { 0 } else { allowed }
    }

    /// After `sent` messages. [TM-11.3]
    pub(super) fn account(&mut self, token: &mut OrfToken, sent: u32) {
        token.fcc = token.fcc.wrapping_add(sent).wrapping_sub(self.my_trc);
        token.backlog = token.backlog.wrapping_add(self.my_cbl).wrapping_sub(self.my_pbl);
        self.my_trc = sent;
        self.my_pbl = self.my_cbl;
    }
}
