//! Closed process groups: join, leave, ordered messages to a named group.
