//! Small clusters of fencers, with virtual time and scripted agents, from outside.

mod cluster;
mod history;
mod rules;
mod scenarios;
mod schedules;
