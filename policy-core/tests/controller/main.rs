//! Controllers and attribute managers of small clusters over one ordered channel.

mod basics;
mod fixture;
mod history;
mod limits;
mod local_execution;
mod remote;
mod routing;
mod transitions;
