//! A failing run told short: events are left out as long as the run still fails.

use super::run::{RunOptions, run_with};
use super::scenario::{At, Event, Scenario};

/// The shortest list of events found with which the run still breaks; at most `tries` runs are made.
pub fn shrink(
    scenario: &Scenario,
    seed: u64,
    options: &RunOptions,
    events: &[At<Event>],
    tries: usize,
) -> Vec<At<Event>> {
    let mut best = events.to_vec();
    let mut left = tries;
    let mut chunk = best.len().div_ceil(2);
    while chunk > 0 && left > 0 {
        let mut from = 0;
        while from < best.len() && left > 0 {
            let mut fewer = best.clone();
            fewer.drain(from..(from + chunk).min(best.len()));
            left -= 1;
            let again = RunOptions { extra: Some(fewer.clone()), ..options.clone() };
            if run_with(scenario, seed, &again).is_ok_and(|o| !o.is_ok()) {
                best = fewer;
            } else {
                from += chunk;
            }
        }
        chunk /= 2;
    }
    best
}
