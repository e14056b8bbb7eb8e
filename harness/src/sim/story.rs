//! A failing run told short: events are left out as long as the run still fails.

use super::run::{Broken, RunOptions, end_of, run_with};
use super::scenario::{At, Event, Scenario};

/// The shortest list of events found with which the run still breaks as it did; at most `tries` runs are made.
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    options: &RunOptions,
    events: &[At<Event>],
    broken: &Broken,
    tries: usize,
) -> Vec<At<Event>> {
    let until = options.until.or_else(|| Some(end_of(scenario, events)));
    let mut best = events.to_vec();
    let mut left = tries;
    let mut chunk = best.len().div_ceil(2);
    while chunk > 0 && left > 0 {
        let mut from = 0;
        while from < best.len() && left > 0 {
            let mut fewer = best.clone();
            fewer.drain(from..(from + chunk).min(best.len()));
            left -= 1;
            let again = RunOptions { extra: Some(fewer.clone()), until, ..options.clone() };
            let same = run_with(scenario, seed, &again).is_ok_and(|o| o.broken.is_some_and(|b| b.is_like(broken)));
            if same {
                best = fewer;
            } else {
                from += chunk;
            }
        }
        chunk /= 2;
    }
    best
}
