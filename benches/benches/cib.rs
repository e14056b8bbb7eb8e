//! The document on a large cluster: 10,000 resources with their status, about 17 MB.

use benches::large_cib::{document, pair};
use cib_core::cib::{CallOptions, Cib, Holder, Operation, Request};
use cib_core::patch::{Ordered, diff, digest};
use cib_core::schema;
use cib_core::xml::{Document, Limits};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const RESOURCES: usize = 10_000;

fn parse(text: &str) -> Document {
    Document::parse_with(text, &Limits::file()).expect("well-formed")
}

fn benches(c: &mut Criterion) {
    let text = document(RESOURCES);
    let (doc, changed) = pair(&text, RESOURCES);
    println!("document: {} bytes, {} nodes", text.len(), doc.table_len());
    let patch = diff(&doc, &changed, Ordered::Yes).expect("one change");

    let mut group = c.benchmark_group("cib-10000");
    group.sample_size(20);
    group.throughput(Throughput::Bytes(text.len() as u64));
    group.bench_function("parse", |b| b.iter(|| parse(&text)));
    group.bench_function("write", |b| b.iter(|| doc.write()));
    group.bench_function("digest", |b| b.iter(|| digest::versioned(&doc)));
    group.bench_function("validate", |b| b.iter(|| schema::validate(&doc)));
    group.bench_function("clone", |b| b.iter(|| doc.clone()));
    group.bench_function("diff one change", |b| b.iter(|| diff(&doc, &changed, Ordered::Yes)));
    let mut target = doc.clone();
    group.bench_function("apply one change", |b| b.iter(|| patch.apply(&mut target)));
    group.bench_function("xpath by id", |b| b.iter(|| doc.select("//primitive[@id='rsc5000']")));
    group.finish();

    let mut group = c.benchmark_group("operation-10000");
    group.sample_size(20);
    let mut cib = Cib::from_document(doc.clone());
    let mut count = 0;
    group.bench_function("modify status", |b| {
        b.iter(|| {
            count += 1;
            let text = format!("<node_state id=\"9\" uname=\"node9\" crmd=\"{count}\"/>");
            let input = Document::parse(&text).expect("well-formed");
            let request =
                Request::new(Operation::Modify).section("status").options(CallOptions::MAY_CREATE).input(input);
            cib.perform(&request, Holder::Member)
        })
    });
    group.bench_function("modify configuration", |b| {
        b.iter(|| {
            count += 1;
            let text = format!("<nvpair id=\"rsc5000-ma-p\" value=\"{count}\"/>");
            let input = Document::parse(&text).expect("well-formed");
            cib.perform(&Request::new(Operation::Modify).section("resources").input(input), Holder::Member)
        })
    });
    group.finish();
}

criterion_group!(cib, benches);
criterion_main!(cib);
