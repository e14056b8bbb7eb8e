//! Fencing topology, retries, delays, history.

mod message;
mod request;

pub use message::{ActionOffer, DeviceOffer, FenceResult, Message, OperationId, OperationState, Record};
pub use request::{Destination, Output, Request, Verdict};
