//! The configuration service: kill a node, shut down, reload, change keys [QG-6].

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;

use super::CsError;
use crate::quorum::{Level, LogLine};
use crate::ring::Guarantee;
use crate::sync::{Outgoing, Progress, Service, ServiceId, ServiceMessage, SyncPhase};
use crate::wire::{ByteOrder, NodeId, Reader, WireError};

const SUBSYSTEM: &str = "CFG";
/// How long trackers have to answer, unless set otherwise.
const DEFAULT_SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(5000);

/// A phase of a change of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptoPhase {
    /// 1 activates new keys, 2 drops the old ones.
    pub phase: u32,
    /// Name of the new key among nodes of this engine with keys of their own; what daemons have here means nothing.
    pub key: u32,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlMessage {
    /// Function 0: historic, ignored.
    RingReenable,
    /// Function 1.
    KillNode {
        /// Who must go.
        node: NodeId,
        /// Why, for its log.
        reason: String,
    },
    /// Function 2: the sender stops.
    Shutdown,
    /// Function 3: everybody reads the configuration again.
    Reload,
    /// Function 4.
    Crypto(CryptoPhase),
}

impl ControlMessage {
    /// Reads the structure of function `function`; offsets count from the executive header.
    ///
    /// # Errors
    /// If it is cut off or the function is unknown.
    pub fn decode(function: u16, data: &[u8], order: ByteOrder) -> Result<ControlMessage, WireError> {
        match function {
            0 => Ok(ControlMessage::RingReenable),
            1 => {
                let r = Reader::new(data, order, "cfg killnode", 288)?;
                let len = usize::from(r.u16(24)?).min(256);
                let reason = String::from_utf8_lossy(&data[32..32 + len]).trim_end_matches('\0').to_owned();
                Ok(ControlMessage::KillNode { node: r.node(16)?, reason })
            }
            2 => Ok(ControlMessage::Shutdown),
            3 => Ok(ControlMessage::Reload),
            4 => {
                let r = Reader::new(data, order, "cfg crypto", 20)?;
                let key = r.u32(20).unwrap_or(0);
                Ok(ControlMessage::Crypto(CryptoPhase { phase: r.u32(16)?, key }))
            }
            found => Err(WireError::Function { service: ServiceId::CFG.0, found, count: 5 }),
        }
    }

    /// The structure as node `from` multicasts it.
    pub fn encode(&self, from: NodeId) -> Outgoing {
        let mut source = [0; 16];
        source[..4].copy_from_slice(&from.0.to_le_bytes());
        let (function, body) = match self {
            ControlMessage::RingReenable => (0, source.to_vec()),
            ControlMessage::KillNode { node, reason } => {
                let mut body = vec![0; 288 - 16];
                body[..4].copy_from_slice(&node.0.to_le_bytes());
                let reason = &reason.as_bytes()[..reason.len().min(255)];
                // The length counts the terminating zero.
                body[8..10].copy_from_slice(&(reason.len() as u16 + 1).to_le_bytes());
                body[16..16 + reason.len()].copy_from_slice(reason);
                (1, body)
            }
            ControlMessage::Shutdown => (2, Vec::new()),
            ControlMessage::Reload => (3, source.to_vec()),
            ControlMessage::Crypto(CryptoPhase { phase, key }) => {
                (4, [phase.to_le_bytes(), key.to_le_bytes()].concat())
            }
        };
        let mut outgoing = Outgoing::new(ServiceId::CFG, function, &body, Bytes::new());
        outgoing.guarantee = Guarantee::Safe;
        outgoing
    }
}

/// How urgently a shutdown is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShutdownFlag {
    /// If every tracker agrees.
    Request,
    /// Trackers are told, whatever they answer.
    Regardless,
    /// Nobody is asked.
    Immediate,
}

/// What the service tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ControlOutput {
    /// This node must end at once, without leaving the ring in order.
    Killed {
        /// Who wants it.
        by: NodeId,
        /// Why.
        reason: String,
    },
    /// This node stops in order: its own message came back.
    Stop,
    /// Read the configuration again.
    Reload {
        /// Who wants it.
        by: NodeId,
    },
    /// A message of a change of keys came; only the own ones count where keys are those of daemons.
    CryptoPhase {
        /// Whose.
        by: NodeId,
        /// What it said.
        said: CryptoPhase,
    },
    /// A tracker is asked whether the node may stop.
    AskShutdown(u64),
    /// The trackers had their time.
    ShutdownTimedOut(u64),
    /// The answer to a request for shutdown.
    ShutdownAnswer(Result<(), CsError>),
    /// For administrators.
    Log(LogLine),
}

/// A shutdown that trackers were asked about.
struct Pending {
    flag: ShutdownFlag,
    requester: u64,
    waiting: Vec<u64>,
    refused: bool,
    ends: Duration,
}

/// The service. Clients are named by numbers that composition chooses.
pub struct Control {
    me: NodeId,
    trackers: Vec<u64>,
    pending: Option<Pending>,
    timeout: Duration,
    sends: VecDeque<ControlMessage>,
    outputs: VecDeque<ControlOutput>,
}

impl Control {
    /// A service without clients.
    pub fn new(me: NodeId) -> Self {
        Control {
            me,
            trackers: Vec::new(),
            pending: None,
            timeout: DEFAULT_SHUTDOWN_TIMEOUT,
            sends: VecDeque::new(),
            outputs: VecDeque::new(),
        }
    }

    /// `cfg.shutdown_timeout`.
    pub fn set_shutdown_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Ends another node, or this one.
    ///
    /// # Errors
    /// [`CsError::NotExist`] for a node that is not in the ring, as `is_member` says.
    pub fn kill(&mut self, node: NodeId, reason: &str, is_member: bool) -> Result<(), CsError> {
        if !is_member {
            return Err(CsError::NotExist);
        }
        self.sends.push_back(ControlMessage::KillNode { node, reason: reason.to_owned() });
        Ok(())
    }

    /// Everybody reads the configuration again; this node too, when its message comes back.
    pub fn reload(&mut self) {
        self.sends.push_back(ControlMessage::Reload);
    }

    /// Announces a phase of a change of keys.
    pub fn crypto_phase(&mut self, phase: CryptoPhase) {
        self.sends.push_back(ControlMessage::Crypto(phase));
    }

    /// A client wants to be asked before the node stops.
    pub fn track(&mut self, client: u64) {
        if !self.trackers.contains(&client) {
            self.trackers.push(client);
            if let Some(pending) = &mut self.pending {
                pending.waiting.push(client);
                self.outputs.push_back(ControlOutput::AskShutdown(client));
            }
        }
    }

    /// A client no longer wants that, or is gone: it agrees to what is pending, and withdraws what it asked for.
    pub fn untrack(&mut self, client: u64) {
        self.trackers.retain(|c| *c != client);
        if self.pending.as_ref().is_some_and(|p| p.requester == client) {
            self.pending = None;
            return;
        }
        self.answer(client, true);
    }

    /// Stops the node if its clients agree. The answer comes as [`ControlOutput::ShutdownAnswer`].
    ///
    /// # Errors
    /// [`CsError::Exist`] while another request is pending.
    pub fn try_shutdown(&mut self, now: Duration, client: u64, flag: ShutdownFlag) -> Result<(), CsError> {
        if flag == ShutdownFlag::Immediate {
            self.outputs.push_back(ControlOutput::ShutdownAnswer(Ok(())));
            self.sends.push_back(ControlMessage::Shutdown);
            return Ok(());
        }
        if self.pending.is_some() {
            return Err(CsError::Exist);
        }
        let waiting: Vec<u64> = self.trackers.iter().copied().filter(|c| *c != client).collect();
        for tracker in &waiting {
            self.outputs.push_back(ControlOutput::AskShutdown(*tracker));
        }
        let ends = now + self.timeout;
        self.pending = Some(Pending { flag, requester: client, waiting, refused: false, ends });
        self.conclude(false);
        Ok(())
    }

    /// A tracker's answer.
    ///
    /// # Errors
    /// [`CsError::Access`] if nothing is pending.
    pub fn reply(&mut self, client: u64, agrees: bool) -> Result<(), CsError> {
        if self.pending.is_none() {
            return Err(CsError::Access);
        }
        self.answer(client, agrees);
        Ok(())
    }

    fn answer(&mut self, client: u64, agrees: bool) {
        let Some(pending) = &mut self.pending else { return };
        if pending.waiting.contains(&client) {
            pending.waiting.retain(|c| *c != client);
            pending.refused |= !agrees;
            self.conclude(false);
        }
    }

    fn conclude(&mut self, timed_out: bool) {
        let Some(pending) = &self.pending else { return };
        if !pending.waiting.is_empty() && !timed_out {
            return;
        }
        let agreed = !pending.refused && pending.waiting.is_empty();
        let stops = agreed || pending.flag == ShutdownFlag::Regardless;
        self.pending = None;
        let answer = if stops { Ok(()) } else { Err(CsError::Busy) };
        self.outputs.push_back(ControlOutput::ShutdownAnswer(answer));
        if timed_out {
            self.outputs.extend(self.trackers.iter().copied().map(ControlOutput::ShutdownTimedOut));
        }
        if stops {
            self.sends.push_back(ControlMessage::Shutdown);
        }
    }

    fn notice(&mut self, text: String) {
        self.outputs.push_back(ControlOutput::Log(LogLine::new(Level::Notice, SUBSYSTEM, text)));
    }
}

impl Service for Control {
    type Output = ControlOutput;

    fn id(&self) -> ServiceId {
        ServiceId::CFG
    }

    fn takes_part_in_sync(&self) -> bool {
        false
    }

    fn handle_message(&mut self, _now: Duration, message: &ServiceMessage) -> Result<(), WireError> {
        let by = message.from;
        match ControlMessage::decode(message.function, &message.data, message.order)? {
            ControlMessage::RingReenable => {}
            ControlMessage::KillNode { node, reason } if node == self.me => {
                self.notice(format!("Killed by node {by} : {reason}"));
                self.outputs.push_back(ControlOutput::Killed { by, reason });
            }
            ControlMessage::KillNode { .. } => {}
            ControlMessage::Shutdown => {
                self.notice(format!("Node {by} was shut down by sysadmin"));
                if by == self.me {
                    self.outputs.push_back(ControlOutput::Stop);
                }
            }
            ControlMessage::Reload => {
                self.notice(format!("Config reload requested by node {by}"));
                self.outputs.push_back(ControlOutput::Reload { by });
            }
            ControlMessage::Crypto(said) => self.outputs.push_back(ControlOutput::CryptoPhase { by, said }),
        }
        Ok(())
    }

    fn handle_sync(&mut self, _now: Duration, _phase: SyncPhase<'_>) -> Progress {
        Progress::Done
    }

    fn handle_timeout(&mut self, now: Duration) {
        if self.pending.as_ref().is_some_and(|p| p.ends <= now) {
            self.conclude(true);
        }
    }

    fn poll_timeout(&self) -> Option<Duration> {
        self.pending.as_ref().map(|p| p.ends)
    }

    fn poll_send(&mut self) -> Option<Outgoing> {
        let me = self.me;
        self.sends.pop_front().map(|message| message.encode(me))
    }

    fn poll_output(&mut self) -> Option<ControlOutput> {
        self.outputs.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_read_back_with_their_lengths() {
        let all = [
            (ControlMessage::RingReenable, 32),
            (ControlMessage::KillNode { node: NodeId(3), reason: "Killed by corosync-cfgtool".into() }, 288),
            (ControlMessage::Shutdown, 16),
            (ControlMessage::Reload, 32),
            (ControlMessage::Crypto(CryptoPhase { phase: 2, key: 7 }), 24),
        ];
        for (function, (message, size)) in all.into_iter().enumerate() {
            let out = message.encode(NodeId(1));
            assert_eq!(out.head.len(), size);
            assert_eq!(ControlMessage::decode(function as u16, &out.head, ByteOrder::Little).unwrap(), message);
        }
    }

    fn drain(control: &mut Control) -> Vec<ControlOutput> {
        std::iter::from_fn(|| control.poll_output()).collect()
    }

    #[test]
    fn trackers_decide_unless_the_request_is_regardless() {
        for (flag, answer, stops) in [
            (ShutdownFlag::Request, true, true),
            (ShutdownFlag::Request, false, false),
            (ShutdownFlag::Regardless, false, true),
        ] {
            let mut control = Control::new(NodeId(1));
            control.track(7);
            control.try_shutdown(Duration::ZERO, 1, flag).unwrap();
            assert_eq!(drain(&mut control), [ControlOutput::AskShutdown(7)]);
            control.reply(7, answer).unwrap();
            let expected = if stops { Ok(()) } else { Err(CsError::Busy) };
            assert_eq!(drain(&mut control), [ControlOutput::ShutdownAnswer(expected)]);
            assert_eq!(control.poll_send().is_some(), stops);
        }
    }

    #[test]
    fn silence_counts_as_no() {
        let mut control = Control::new(NodeId(1));
        control.track(7);
        control.try_shutdown(Duration::ZERO, 1, ShutdownFlag::Request).unwrap();
        assert_eq!(control.try_shutdown(Duration::ZERO, 2, ShutdownFlag::Request), Err(CsError::Exist));
        drain(&mut control);
        control.handle_timeout(control.poll_timeout().unwrap());
        let expected = [ControlOutput::ShutdownAnswer(Err(CsError::Busy)), ControlOutput::ShutdownTimedOut(7)];
        assert_eq!(drain(&mut control), expected);
        assert_eq!(control.reply(7, true), Err(CsError::Access));
    }
}
