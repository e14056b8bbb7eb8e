//! Vote calculation as a pure function, the service around it, the quorum device.
