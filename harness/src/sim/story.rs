//! A failing run told short: events are left out as long as the run still fails.

use super::run::{Broken, RunOptions, end_of, run_with};
use super::scenario::{At, Event, Scenario};
use std::time::Duration;

/// The last events of a plan mend what is broken: without them nothing could come to rest, and every story would "fail".
const MENDING: Duration = Duration::from_secs(2);

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
    let last = events.iter().map(|e| e.time).max().unwrap_or_default();
    let (mending, mut best): (Vec<_>, Vec<_>) =
        events.iter().cloned().partition(|e| e.time + MENDING >= last && broken.invariant == Some(5));
    let mut left = tries;
    let mut chunk = best.len().div_ceil(2);
    while chunk > 0 && left > 0 {
        let mut from = 0;
        while from < best.len() && left > 0 {
            let mut fewer = best.clone();
            fewer.drain(from..(from + chunk).min(best.len()));
            left -= 1;
            let extra = Some(fewer.iter().chain(&mending).cloned().collect());
            let again = RunOptions { extra, until, ..options.clone() };
            let same = run_with(scenario, seed, &again).is_ok_and(|o| o.broken.is_some_and(|b| b.is_like(broken)));
            if same {
                best = fewer;
            } else {
                from += chunk;
            }
        }
        chunk /= 2;
    }
    best.extend(mending);
    best
}
