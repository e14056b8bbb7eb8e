//! Byte layouts of every message, encode and decode, nothing else.
