//! ocf, lsb, systemd, service, stonith: names, environment, exit codes, meta-data.
