//! Several messages in one frame, one message in several frames. [TM-13]
//!
//! A [`Packer`] turns submitted messages into frames that wait for the token; an [`Assembly`] turns the packets of all
//! originators back into messages. Nothing is delivered half: an originator that is gone leaves no residue.

mod assembly;
mod packer;

pub use assembly::{Assembly, Mismatch, Stage};
pub use packer::{Frame, Packer};
