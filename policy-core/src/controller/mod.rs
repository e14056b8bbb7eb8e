//! Election, join, and the designated coordinator's loop.
