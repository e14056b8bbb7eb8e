//! A running node as tools see it, over its control socket.

use crate::drive::cluster::{Answer, NodeReport, Request};
use crate::drive::control::{self, Client, socket_path};
use cib_core::cib::{Code, Operation, Request as CibRequest};
use cib_core::patch::{Ordered, diff_without_version};
use cib_core::xml::{Document, Limits};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long a tool waits for a node: longer than any election and fencing that a change may wait for.
const PATIENCE: Duration = Duration::from_secs(120);

/// A node that runs here, perhaps.
#[derive(Clone, Debug)]
pub(crate) struct Live {
    socket: PathBuf,
}

/// Why a node gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silent {
    /// Nobody listens.
    #[error("no node listens at {}: {error}", socket.display())]
    Nobody { socket: PathBuf, error: io::Error },
    /// The connection ended, or time was up.
    #[error("the node gave no answer: {0}")]
    Broken(io::Error),
    /// It refused.
    #[error("{0}")]
    Refused(String),
}

impl Silent {
    /// The code that the CIB's tools show for it.
    pub(crate) fn code(&self) -> Code {
        match self {
            Silent::Nobody { .. } => Code::Enotconn,
            Silent::Broken(error) if error.kind() == io::ErrorKind::WouldBlock => Code::Etime,
            Silent::Broken(_) => Code::Ecomm,
            Silent::Refused(_) => Code::Eopnotsupp,
        }
    }
}

/// How a request to the CIB ended.
pub(crate) struct Ended {
    pub(crate) result: Result<(), Code>,
    pub(crate) output: Option<Document>,
}

impl Live {
    /// The node behind this socket, or the one that `$METRONOME_SOCKET` names, or the usual one.
    pub(crate) fn at(socket: Option<&str>) -> Live {
        Live { socket: socket.map_or_else(socket_path, PathBuf::from) }
    }

    /// Asks for one thing.
    pub(crate) fn ask(&self, request: Request) -> Result<Answer, Silent> {
        let nobody = |error| Silent::Nobody { socket: self.socket.clone(), error };
        let mut client = Client::connect(&self.socket).map_err(nobody)?;
        client.set_patience(PATIENCE).map_err(Silent::Broken)?;
        match client.ask(control::Request::Cluster(request)).map_err(Silent::Broken)? {
            control::Answer::Cluster(Answer::Refused { reason }) => Err(Silent::Refused(reason)),
            control::Answer::Cluster(answer) => Ok(answer),
            control::Answer::Error(5..=9) => Err(Silent::Refused("the node is busy: try again".to_owned())),
            _ => Err(Silent::Refused("only a ring runs there, no whole node".to_owned())),
        }
    }

    /// Asks for something that has no answer but that it was taken.
    pub(crate) fn order(&self, request: Request) -> Result<(), Silent> {
        self.ask(request).map(|_| ())
    }

    /// Who it is and how it sees the cluster.
    pub(crate) fn status(&self) -> Result<NodeReport, Silent> {
        match self.ask(Request::Status)? {
            Answer::Status(report) => Ok(report),
            _ => Err(unexpected()),
        }
    }

    /// Queries or changes its CIB; a change has been made on disk when this returns.
    pub(crate) fn perform(&self, request: &CibRequest) -> Result<Ended, Silent> {
        let mut request = request.clone();
        if request.operation.modifies() {
            request.written = Some(jiff::Zoned::now().strftime("%a %b %e %H:%M:%S %Y").to_string());
        }
        match self.ask(Request::Cib { command: request.to_message().write() })? {
            Answer::Cib { code, output } => {
                let output = output.map(|text| Document::parse_with(&text, &Limits::file())).transpose();
                let output = output.map_err(|error| Silent::Refused(error.to_string()))?;
                Ok(Ended { result: Code::from_legacy(code).map_or(Ok(()), Err), output })
            }
            _ => Err(unexpected()),
        }
    }

    /// Its whole CIB.
    pub(crate) fn read(&self) -> Result<Document, Silent> {
        let ended = self.perform(&CibRequest::new(Operation::Query))?;
        match (ended.result, ended.output) {
            (Ok(()), Some(document)) => Ok(document),
            (result, _) => Err(Silent::Refused(result.err().unwrap_or(Code::Error).text().to_owned())),
        }
    }

    /// Makes of the CIB `before` the CIB `after`: only what differs is sent, so that what others changed meanwhile stays.
    pub(crate) fn write(&self, before: &Document, after: &Document, client: &str) -> Result<Result<(), Code>, Silent> {
        let Some(patch) = diff_without_version(before, after, Ordered::No) else { return Ok(Ok(())) };
        let mut request = CibRequest::new(Operation::Patch).input(patch.document().clone());
        request.client = Some(client.to_owned());
        Ok(self.perform(&request)?.result)
    }
}

fn unexpected() -> Silent {
    Silent::Refused("an answer to another question".to_owned())
}
