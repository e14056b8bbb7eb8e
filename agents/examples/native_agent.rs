//! A service that manages a component of its own without any script: the executor decides, a native agent acts.
//!
//! Run with `cargo run -p agents --example native_agent`.

use agents::executor::{Executor, Operation, Options, Output};
use agents::native::{Agent, Context, Progress, Registry};
use agents::standard::{AgentName, Answer, ExecutionStatus, ExitStatus};
use core::time::Duration;

/// A cache that needs a moment to warm up, and can be primary or copy.
#[derive(Default)]
struct Cache {
    running: bool,
    primary: bool,
}

impl Agent for Cache {
    fn start(&mut self, context: &Context<'_>) -> Progress {
        let warm = context.since + Duration::from_millis(250);
        if context.now < warm {
            return Progress::Later(warm);
        }
        self.running = true;
        ExitStatus::OK.into()
    }

    fn stop(&mut self, _: &Context<'_>) -> Progress {
        *self = Self::default();
        ExitStatus::OK.into()
    }

    fn monitor(&mut self, _: &Context<'_>) -> Progress {
        match (self.running, self.primary) {
            (false, _) => ExitStatus::NOT_RUNNING,
            (true, false) => ExitStatus::OK,
            (true, true) => ExitStatus::RUNNING_PROMOTED,
        }
        .into()
    }

    fn promote(&mut self, _: &Context<'_>) -> Progress {
        if !self.running {
            return Answer::failed(ExitStatus::NOT_RUNNING, ExecutionStatus::Done, "a stopped cache has no role")
                .into();
        }
        self.primary = true;
        ExitStatus::OK.into()
    }

    fn demote(&mut self, _: &Context<'_>) -> Progress {
        self.primary = false;
        ExitStatus::OK.into()
    }
}

fn main() {
    let mut executor = Executor::new(Options::default());
    let mut registry = Registry::default();
    registry.register("shop", "Cache", |_resource| Box::new(Cache::default()));
    // Time is the driver's: here it jumps from one deadline to the next.
    let mut now = Duration::ZERO;
    let mut codes = Vec::new();
    for action in ["monitor", "start", "promote", "monitor", "demote", "stop", "monitor"] {
        let operation = Operation::new("cache", AgentName::ocf("shop", "Cache"), action).timeout_ms(1000);
        executor.request(now, operation).expect("a known kind of agent");
        let mut over = false;
        while !over {
            while let Some(output) = executor.poll_output() {
                match output {
                    Output::Spawn(call) => assert!(registry.begin(now, &call), "every agent here is a native one"),
                    Output::Kill { run, .. } => registry.kill(now, run),
                    Output::Finished(report) => {
                        println!(
                            "{:>5} ms  {:<8} {} ({})",
                            now.as_millis(),
                            report.action,
                            report.rc,
                            report.rc.text()
                        );
                        codes.push(report.rc.0);
                        over = true;
                    }
                    other => println!("{other:?}"),
                }
            }
            if let Some((run, exit)) = registry.poll(now) {
                executor.handle_exit(now, run, exit);
            } else if let Some(next) = [registry.poll_timeout(), executor.poll_timeout()].into_iter().flatten().min() {
                now = now.max(next);
                executor.handle_timeout(now);
            }
        }
    }
    assert_eq!(codes, [7, 0, 0, 8, 0, 0, 7]);
}
