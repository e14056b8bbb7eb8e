//! Scheduling of generated clusters.

use benches::cluster::{Cluster, State};
use cib_core::xml::{Document, Limits};
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use policy_core::Options;

fn schedule(c: &mut Criterion) {
    let mut group = c.benchmark_group("schedule");
    group.sample_size(10);
    for (nodes, instances) in [(3, 100), (8, 500), (16, 2_000), (32, 5_000)] {
        for (name, state) in State::ALL {
            let text = Cluster { nodes, instances, state }.write();
            let cib = Document::parse_with(&text, &Limits::file()).expect("the generator writes XML");
            group.bench_with_input(BenchmarkId::new(name, format!("{nodes}x{instances}")), &cib, |b, cib| {
                b.iter(|| policy_core::schedule(cib, &Options::default()));
            });
        }
    }
    group.finish();
}

criterion_group!(all, schedule);
criterion_main!(all);
