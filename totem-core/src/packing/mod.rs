//! Several payloads in one datagram, one payload in several.
