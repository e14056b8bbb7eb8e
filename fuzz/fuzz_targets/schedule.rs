//! Any document that parses: scheduling it gives a schedule or an error, and the schedule can be written and carried out.
#![no_main]

use cib_core::xml::{Document, Limits};
use libfuzzer_sys::fuzz_target;
use policy_core::model::Wants;
use policy_core::report::{self, Display, Report};
use policy_core::{Options, graph, schedule, simulate};

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(mut cib) = Document::parse_with(text, &Limits::file()) else { return };
    let wants = Wants { scores: true, utilization: true, trace: true, location_only: false };
    let options = Options { wants, ..Options::at(1_700_000_000) };
    let Ok(mut made) = schedule(&cib, &options) else { return };
    let _ = made.graph.write();
    let _ = graph::dot(&made.model, graph::DotOptions { all_actions: true, verbose: true });
    let mut report = Report::new();
    report::scores(&made.model, &mut report);
    report::changes::summary(&mut made.model, &mut report);
    let mut copy = simulate::Copy::new(&mut cib, 1_700_000_000, false);
    simulate::execute(&mut copy, &made.model, &made.graph, &[], &mut report);
    if let Ok(mut after) = policy_core::model::Model::read(&cib, &options) {
        let display = Display { attributes: true, failcounts: true, ..Display::current() };
        report::status(&mut after, &cib, display, "Status", &mut report);
    }
});
