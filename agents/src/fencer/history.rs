//! What was fenced, kept equal on all nodes [CT-9.10].

use super::message::{FenceResult, Message, OperationId, OperationState, Record};
use super::{Destination, Fencer};
use crate::standard::ExecutionStatus;
use core::time::Duration;
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// How many operations are kept, and how many finished ones remain when there are more.
const KEPT: usize = 500;
const REMAIN: usize = 250;

const RESTARTED: &str = "Initiated by earlier fencer process and presumed failed";

impl Fencer {
    /// The history: pending operations first, then the newest completion first.
    pub fn history(&self) -> Vec<&Record> {
        let mut records: Vec<&Record> = self.operations.values().map(|o| &o.record).collect();
        records.sort_by_key(|r| (r.state.is_final(), Reverse(r.completed), r.id.clone()));
        records
    }

    /// Shares the history with all peers; the controller asks for it after it connected and after a peer came.
    pub fn synchronize(&mut self, _now: Duration) {
        let records = self.history().into_iter().cloned().collect();
        self.send(Destination::All, Message::History { records, differential: false });
    }

    /// Forgets finished operations everywhere, of one target or of all.
    pub fn clean_up(&mut self, target: Option<&str>) {
        self.send(Destination::All, Message::Cleanup { target: target.map(str::to_owned) });
    }

    pub(super) fn forget(&mut self, target: Option<&str>) {
        self.operations.retain(|_, o| {
            !(o.record.state.is_final() && target.is_none_or(|t| o.record.target.eq_ignore_ascii_case(t)))
        });
    }

    pub(super) fn trim_history(&mut self) {
        if self.operations.len() <= KEPT {
            return;
        }
        let dropped: Vec<OperationId> =
            self.history().into_iter().skip(REMAIN).filter(|r| r.state.is_final()).map(|r| r.id.clone()).collect();
        for id in dropped {
            self.operations.remove(&id);
        }
    }

    pub(super) fn history_arrived(&mut self, now: Duration, from: &str, records: Vec<Record>, differential: bool) {
        if self.is_me(from) {
            return;
        }
        let theirs: BTreeSet<OperationId> = records.iter().map(|r| r.id.clone()).collect();
        for record in records.into_iter().take(KEPT) {
            match self.operations.get(&record.id).map(|known| known.record.state.is_final()) {
                Some(false) if record.state.is_final() => {
                    // Its end was missed: it counts as if it came now.
                    self.finished(now, record, false);
                }
                Some(_) => {}
                None if !record.state.is_final() && self.is_me(&record.origin) => {
                    let result = FenceResult::failed(110, ExecutionStatus::Invalid, RESTARTED);
                    let failed = Record { state: OperationState::Failed, result: Some(result), ..record };
                    self.broadcast_end(now, failed, false);
                }
                None => self.note(now, record, None),
            }
        }
        if !differential {
            let lacking: Vec<Record> =
                self.history().into_iter().filter(|r| !theirs.contains(&r.id)).cloned().collect();
            if !lacking.is_empty() {
                self.send(Destination::All, Message::History { records: lacking, differential: true });
            }
        }
    }
}
