//! Adapters: UDP, files, processes, clock, control socket.
