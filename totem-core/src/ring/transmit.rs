//! What leaves the ring, and what of it comes back to the node itself: tokens, their copies, and asking for a held one.

use super::{Output, Ring, State, Timer};
use crate::wire::{Body, CommitToken, Datagram, HoldCancel, NodeId, OrfToken};
use bytes::Bytes;

impl Ring {
    /// Sends to all other nodes, and, for the messages of membership, to the node itself.
    pub(super) fn multicast(&mut self, body: Body) {
        let datagram = Datagram::new(self.me, body).encode();
        self.loopback.push_back(datagram.clone());
        self.outputs.push_back(Output::Multicast { datagram });
    }

    pub(super) fn unicast(&mut self, to: NodeId, datagram: Bytes) {
        if to == self.me {
            self.loopback.push_back(datagram);
        } else {
            self.outputs.push_back(Output::Unicast { to, datagram });
        }
    }

    // tokens

    pub(super) fn encode_token(&self, token: &OrfToken) -> Bytes {
        let mut d = Datagram::new(self.me, Body::Token(OrfToken::default()));
        d.header.target = self.token_target.0;
        // encoding borrows the token instead of cloning its list
        crate::wire::encode_token(&d.header, token)
    }

    pub(super) fn encode_commit(&self, token: CommitToken) -> Bytes {
        let mut d = Datagram::new(self.me, Body::CommitToken(token));
        d.header.target = self.token_target.0;
        d.encode()
    }

    pub(super) fn retransmit_token(&mut self) {
        if self.state != State::Gather {
            self.resend_token();
            self.start(Timer::TokenRetransmit, self.config.timers.token_retransmit);
        }
    }

    pub(super) fn resend_token(&mut self) {
        if let Some((to, datagram)) = self.saved_token.clone() {
            self.counters.orf_token_tx += 1;
            self.unicast(to, datagram);
        }
    }

    pub(super) fn reset_token_timers(&mut self) {
        self.reset_token_timer();
        self.start(Timer::TokenRetransmit, self.config.timers.token_retransmit);
    }

    pub(super) fn reset_token_timer(&mut self) {
        self.start(Timer::Token, self.config.timers.token);
        self.start_token_warning();
    }

    pub(super) fn start_token_warning(&mut self) {
        if self.config.timers.token_warning > 0 {
            self.start(Timer::TokenWarning, self.config.timers.token * self.config.timers.token_warning / 100);
        }
    }

    pub(super) fn cancel_token_timer(&mut self) {
        self.timers.cancel(Timer::Token);
        self.timers.cancel(Timer::TokenWarning);
    }

    /// [TM-12]: whoever has something to send while the token is held asks for it, once per visit.
    pub(super) fn cancel_hold(&mut self) {
        if std::mem::take(&mut self.token_held) {
            self.counters.token_hold_cancel_tx += 1;
            self.multicast(Body::HoldCancel(HoldCancel { ring: self.ring }));
        }
    }

    pub(super) fn on_hold_cancel(&mut self, cancel: HoldCancel) {
        if cancel.ring == self.ring {
            self.my_seq_unchanged = 0;
            if self.me == self.ring.rep {
                self.retransmit_token();
            }
        }
    }
}
