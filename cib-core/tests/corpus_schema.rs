//! The schema corpus, as far as it needs no tool: validation by `v-*` cases, upgrades by `u*` cases.

mod corpus;

use cib_core::cib::{Cib, Holder, Operation, Request};
use cib_core::schema;
use corpus::{Group, Tally};

#[test]
fn schema_corpus() {
    let Some(group) = Group::open("cib/schema") else { return };
    let mut tally = Tally::new(&["validate", "upgrade"]);
    for case in group.cases() {
        let Some(text) = group.read(&format!("{case}.in.xml")) else { continue };
        let mut cib = Cib::parse(&text).expect("corpus documents are well-formed");
        if cib.child(cib.root(), "status").is_none() {
            let mut doc = cib.into_document();
            let root = doc.root();
            doc.append(root, "status");
            cib = Cib::from_document(doc);
        }
        if case.starts_with("v-") {
            let expected = group.read(&format!("{case}.err")).is_none();
            let found = schema::validate(&cib);
            tally.check("validate", &case, &format!("{}", found.is_ok()), &format!("{expected}"));
            if found.is_ok() != expected {
                println!("{case}: {found:?}");
            }
        } else if group.read(&format!("{case}.err")).is_none() {
            let outcome = cib.perform(&Request::new(Operation::Upgrade), Holder::File);
            let expected = group.read(&format!("{case}.out.xml")).unwrap_or_default();
            tally.check(
                "upgrade",
                &case,
                &format!("{:?}\n{}", outcome.result, cib.write()),
                &format!("Ok(())\n{expected}"),
            );
        }
    }
    tally.finish();
}
