//! Redundant links: framing, authentication and encryption of datagrams.
