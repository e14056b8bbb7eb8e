//! Resource agent standards, the local executor and the fencer, without I/O.
//!
//! A cluster acts through *agents*: programs that start, stop and watch one kind of service, and programs that take the power from a node. This crate
//! knows how they are named, called and understood ([`standard`]), when each runs and what its end means ([`executor`]), and how the nodes of a cluster
//! together make sure that one of them is down ([`fencer`]).
//!
//! It opens no socket or file, starts no thread or process, and reads no clock or environment: a driver does that, and tells the time. Same inputs give
//! the same outputs, bit for bit. The exception stands behind a feature: `process` is a driver for tokio that starts real processes, `systemd` adds units
//! over D-Bus. Agents may also be written in Rust ([`native`]), or be simulated with everything they act upon ([`model`]).
//!
//! Both machines have the same verbs: push something, then drain `poll_output` until `None` and carry out each output in order, then call
//! `handle_timeout` no later than `poll_timeout` says.
//!
//! ```
//! use agents::executor::{Executor, Operation, Options, Output};
//! use agents::model::{Cue, Fault, World};
//! use agents::standard::{AgentName, ExecutionStatus};
//! use core::time::Duration;
//! use rand::SeedableRng;
//!
//! // An executor, and a world of simulated agents in which the second start of the database hangs.
//! let (mut executor, mut world) = (Executor::new(Options::default()), World::new("demo"));
//! let mut rng = rand::rngs::ChaCha8Rng::seed_from_u64(1);
//! let (mut now, mut runs, mut seen) = (Duration::ZERO, Vec::new(), Vec::new());
//! let start = |id: &str| Operation::new(id, AgentName::ocf("heartbeat", "pgsql"), "start").timeout_ms(20_000);
//! world.cue(Cue::new(Fault::Hang).resource("second"));
//! executor.request(now, start("first"))?;
//! executor.request(now, start("second"))?;
//! while seen.len() < 2 {
//!     while let Some(output) = executor.poll_output() {
//!         match output {
//!             Output::Spawn(call) => runs.push((world.start(now, "n1", &call, &mut rng).ends, call.run)),
//!             Output::Kill { run, scope } => {
//!                 let exit = world.kill(now, "n1", run, scope).expect("it dies");
//!                 executor.handle_exit(now, run, exit);
//!             }
//!             Output::Finished(report) => seen.push((report.resource, report.rc.0, report.status)),
//!             other => panic!("{other:?}"),
//!         }
//!     }
//!     // Time jumps to whatever is next: the end of a run, or a deadline.
//!     let ends = runs.iter().filter_map(|(ends, _)| *ends).filter(|ends| *ends > now).min();
//!     let Some(next) = ends.into_iter().chain(executor.poll_timeout()).min() else { break };
//!     now = next;
//!     for (_, run) in runs.iter().filter(|(ends, _)| *ends == Some(now)) {
//!         executor.handle_exit(now, *run, world.finish(now, "n1", *run).expect("it ran").exit);
//!     }
//!     executor.handle_timeout(now);
//! }
//! assert_eq!(seen, [("first".to_owned(), 0, ExecutionStatus::Done), ("second".to_owned(), 1, ExecutionStatus::Timeout)]);
//! # Ok::<(), agents::executor::RequestError>(())
//! ```
//!
//! # What differs from Pacemaker
//!
//! - The environment of an agent is built from nothing but what its standard demands and the driver's places say; the executor's own is not inherited.
//! - Standard output and error are kept as text: what is no UTF-8 is replaced. A child that is left behind and holds a pipe open is waited for 0.2 s.
//! - A line break inside a fence agent's parameter becomes a blank, so that a value cannot smuggle in another parameter.
//! - A recurring operation that was cancelled and is not yet reaped is never merged with.
//! - Retired standards (`upstart`, `nagios`, `heartbeat`) are answered "not installed", as current releases do.
//! - Fencing requests whose owner died are answered with a failure at once; the original leaves them to the requester's own limit.
//! - The fencer's own parameters (`pcmk_*`) are described in words of this project.

#![forbid(unsafe_code)]
#![warn(missing_docs, unreachable_pub)]

pub mod executor;
pub mod fencer;
pub mod model;
pub mod native;
#[cfg(feature = "process")]
pub mod process;
pub mod standard;
