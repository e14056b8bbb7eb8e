//! Running a scenario to its end and judging it.

use super::scenario::{At, Condition, Event, Invariant, Recovery, Scenario};
use super::{BuildError, Builder, Faults, Line, Mutation, Simulation};
use std::time::Duration;

/// What broke a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// When it was seen.
    pub time: Duration,
    /// The line of the scenario file; 0 if it is in none.
    pub line: usize,
    /// The safety invariant, if it is one.
    pub invariant: Option<u8>,
    /// What was seen.
    pub what: String,
}

impl Broken {
    /// Whether two runs broke the same rule.
    pub fn is_like(&self, other: &Broken) -> bool {
        (self.line, self.invariant) == (other.line, other.invariant)
    }
}

/// How a run ended.
pub struct Outcome {
    /// The simulation, as it was at the end.
    pub simulation: Simulation,
    /// The first broken expectation or invariant.
    pub broken: Option<Broken>,
    /// The seed.
    pub seed: u64,
    /// The events that happened besides those of the file.
    pub extra: Vec<At<Event>>,
}

impl Outcome {
    /// All expectations held.
    pub fn is_ok(&self) -> bool {
        self.broken.is_none()
    }

    /// The moments before the end.
    pub fn last_moments(&self, lines: usize) -> &[Line] {
        let all = self.simulation.timeline();
        &all[all.len().saturating_sub(lines)..]
    }
}

/// The run as a scenario of its own: the same seed, all that happened as events of the file.
pub fn story(scenario: &Scenario, outcome: &Outcome, options: &RunOptions, extra: &[At<Event>]) -> Scenario {
    let mut story = scenario.clone();
    story.seed = Some(outcome.seed);
    story.events.extend(extra.iter().cloned());
    story.settles |= options.stable_at_end;
    story.mutation = options.mutation.or(scenario.mutation);
    story.until = Some(options.until.unwrap_or_else(|| end_of(scenario, &outcome.extra)));
    story
}

/// How to run a scenario.
#[derive(Clone, Debug, Default)]
pub struct RunOptions {
    /// Keep every line of every node's log.
    pub details: bool,
    /// Random faults besides the scenario's events.
    pub faults: Option<Faults>,
    /// Exactly these events besides the scenario's, instead of drawing them.
    pub extra: Option<Vec<At<Event>>>,
    /// A rule to break.
    pub mutation: Option<Mutation>,
    /// The cluster must be settled at the end.
    pub stable_at_end: bool,
    /// The end of the run, whatever the events.
    pub until: Option<Duration>,
}

/// Runs a scenario with a seed.
///
/// # Errors
/// Its configuration or its nodes are wrong.
pub fn run(scenario: &Scenario, seed: u64) -> Result<Outcome, BuildError> {
    run_with(scenario, seed, &RunOptions::default())
}

/// Runs a scenario with a seed and more.
///
/// # Errors
/// Its configuration or its nodes are wrong.
pub fn run_with(scenario: &Scenario, seed: u64, options: &RunOptions) -> Result<Outcome, BuildError> {
    let extra = match (&options.extra, &options.faults) {
        (Some(events), _) => events.clone(),
        (None, Some(faults)) => {
            let doc = Builder::cib(&scenario.configuration)?;
            let (resources, switches) = (super::check::primitives(&doc), super::check::switches(&doc));
            faults.plan(seed, &scenario.nodes, scenario.links, &resources, &switches)
        }
        (None, None) => Vec::new(),
    };
    let settles = options.stable_at_end || scenario.settles;
    let mut builder = builder(scenario, seed, options, &extra);
    if settles {
        builder = builder.marks(last_event(scenario, &extra));
    }
    let mut simulation = builder.build()?;
    let end = options.until.unwrap_or_else(|| end_of(scenario, &extra));
    let broken = play(scenario, &mut simulation, end, settles);
    Ok(Outcome { simulation, broken, seed, extra })
}

/// What is wrong with a cluster that should be settled.
fn restless(simulation: &Simulation) -> Option<Broken> {
    let (invariant, what) = simulation.unsettled()?;
    let what = format!("safety invariant {invariant} is broken: {what}");
    Some(Broken { time: simulation.now(), line: 0, invariant: Some(invariant), what })
}

/// How long a settled cluster must stay so.
const STAYS: Duration = Duration::from_secs(30);

fn builder(scenario: &Scenario, seed: u64, options: &RunOptions, extra: &[At<Event>]) -> Builder {
    let mut builder =
        Simulation::builder(seed).nodes(&scenario.nodes).configure(&scenario.configuration).details(options.details);
    for remote in &scenario.remotes {
        builder = match &remote.container {
            Some(container) => builder.guest(&remote.name, container),
            None => builder.remote(&remote.name),
        };
    }
    builder = builder.links(scenario.links);
    for (link, key, value) in &scenario.interfaces {
        builder = builder.link(*link, key, value);
    }
    for (key, value) in &scenario.totem {
        builder = builder.totem(key, value);
    }
    for (key, value) in &scenario.quorum {
        builder = builder.quorum(key, value);
    }
    for &(setting, link) in &scenario.network {
        builder = builder.network(setting, link);
    }
    if let Some(mutation) = options.mutation.or(scenario.mutation) {
        builder = builder.mutation(mutation);
    }
    builder.events(scenario.events.iter().cloned()).events(extra.iter().cloned())
}

fn last_event(scenario: &Scenario, extra: &[At<Event>]) -> Duration {
    scenario.events.iter().chain(extra).map(|e| e.time).max().unwrap_or_default()
}

/// The end of a run: as the file says, or a while after the last thing that is to happen.
pub(super) fn end_of(scenario: &Scenario, extra: &[At<Event>]) -> Duration {
    let expectations = scenario.expectations.iter().map(|e| e.time);
    let last = expectations.fold(last_event(scenario, extra), Duration::max);
    let quiet = Duration::from_secs(if extra.is_empty() && !scenario.settles { 10 } else { 180 });
    scenario.until.unwrap_or_default().max(last + quiet)
}

/// Plays to the end or to the first thing that is broken. A cluster that has to settle is looked at some time before the end, too:
/// it must stay as it is.
fn play(scenario: &Scenario, simulation: &mut Simulation, end: Duration, settles: bool) -> Option<Broken> {
    let mut rest = settles.then(|| end.saturating_sub(STAYS));
    let mut watches = Watches::new(scenario);
    let (mut seen, mut before) = (0, Duration::ZERO);
    let mut expectations: Vec<_> = scenario.expectations.iter().collect();
    expectations.sort_by_key(|e| e.time);
    let mut expectations = expectations.into_iter().peekable();
    loop {
        let due = expectations.peek().map_or(end, |e| e.time.min(end)).min(rest.unwrap_or(end));
        while simulation.step(due) {
            let changed = std::mem::replace(&mut seen, simulation.world_changes()) != simulation.world_changes();
            let broken = violated(scenario, simulation, changed, before).or_else(|| watches.look(simulation, changed));
            before = simulation.now();
            if broken.is_some() {
                return broken;
            }
        }
        simulation.run_until(due);
        if rest == Some(due) {
            rest = None;
            if let Some(broken) = restless(simulation) {
                return Some(broken);
            }
            continue;
        }
        match expectations.next() {
            Some(e) if e.time <= end => {
                if !simulation.holds(&e.what) {
                    let what = format!("expected by {}s: {}", e.time.as_secs_f64(), e.what);
                    return Some(Broken { time: e.time, line: e.line, invariant: None, what });
                }
            }
            _ => return if settles { restless(simulation) } else { None },
        }
    }
}

/// `before`: when the step before this one was.
fn violated(scenario: &Scenario, simulation: &Simulation, world_changed: bool, before: Duration) -> Option<Broken> {
    if let Some(v) = simulation.violations().first() {
        let what = format!("safety invariant {} is broken: {}", v.invariant, v.text);
        return Some(Broken { time: v.time, line: 0, invariant: Some(v.invariant), what });
    }
    let now = simulation.now();
    let due = |i: &&Invariant| match i.during {
        Some((from, to)) if now < from || now > to => false,
        Some((from, _)) if before < from => true,
        _ => world_changed || !i.condition.is_of_world(),
    };
    let broken = scenario.invariants.iter().filter(due).find(|i| simulation.holds(&i.condition) == i.never)?;
    let word = if broken.never { "never" } else { "always" };
    let what = format!("expected {word}: {}", broken.condition);
    Some(Broken { time: now, line: broken.line, invariant: None, what })
}

/// Resources that must come back in time: since when each is down, once it has been up.
struct Watches<'s> {
    all: Vec<(&'s Recovery, Option<Duration>, bool)>,
}

impl<'s> Watches<'s> {
    fn new(scenario: &'s Scenario) -> Self {
        Watches { all: scenario.recoveries.iter().map(|r| (r, None, false)).collect() }
    }

    fn look(&mut self, simulation: &Simulation, world_changed: bool) -> Option<Broken> {
        let now = simulation.now();
        for (recovery, since, was_up) in &mut self.all {
            if world_changed && simulation.holds(&Condition::Started(recovery.resource.clone(), None)) {
                (*since, *was_up) = (None, true);
            } else if *was_up && (world_changed || since.is_some()) {
                let down = now - *since.get_or_insert(now);
                if down > recovery.within {
                    let what = format!(
                        "expected always: {} back within {}s",
                        recovery.resource,
                        recovery.within.as_secs_f64()
                    );
                    return Some(Broken { time: now, line: recovery.line, invariant: None, what });
                }
            }
        }
        None
    }
}
