//! Rings of several sizes in memory: messages ordered and delivered everywhere, allocations per message, re-formation.

use benches::ring::Rings;
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

const MESSAGES: u64 = 2000;

/// Orders `MESSAGES` messages, sent round robin, at all members.
fn order(rings: &mut Rings, members: u64, payload: &[u8]) {
    let target = rings.delivered() + MESSAGES * members;
    for n in 0..MESSAGES {
        while !rings.send((n % members) as usize, payload) {
            rings.step();
        }
    }
    rings.until_delivered(target);
}

fn ordering(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/order");
    group.sample_size(10);
    for members in [3u64, 5, 16, 64] {
        for size in [64usize, 1600] {
            let payload = vec![7u8; size];
            let mut rings = Rings::formed(members as usize);
            group.throughput(Throughput::Elements(MESSAGES));
            let id = BenchmarkId::new(format!("{members} members"), format!("{size} bytes"));
            group.bench_function(id, |b| b.iter(|| order(&mut rings, members, &payload)));
        }
    }
    group.finish();
}

fn forming(c: &mut Criterion) {
    let mut group = c.benchmark_group("ring/form");
    group.sample_size(10);
    for members in [3usize, 5, 16, 64] {
        group.bench_function(BenchmarkId::new("after a crash", members), |b| {
            b.iter_batched(
                || Rings::formed(members),
                |mut rings| {
                    rings.crash_last();
                    rings.until_formed();
                },
                BatchSize::LargeInput,
            );
        });
    }
    group.finish();
}

criterion_group!(ring, ordering, forming);
criterion_main!(ring);
