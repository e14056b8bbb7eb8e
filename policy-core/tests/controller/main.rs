//! Controllers and attribute managers of small clusters over one ordered channel.

mod basics;
mod fixture;
mod history;
mod limits;
mod remote;
mod transitions;
