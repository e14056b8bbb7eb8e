//! `corosync.conf` reading, defaults, derived timeouts, the key-value view of both.
