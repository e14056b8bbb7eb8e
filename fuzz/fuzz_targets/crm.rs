//! Texts of the crm language: nothing panics, and what is accepted prints as something that is accepted and prints the same.
#![no_main]

use cib_core::crmsh;
use cib_core::xml::Document;
use libfuzzer_sys::fuzz_target;

const EMPTY: &str = "<cib validate-with='pacemaker-3.9'><configuration><crm_config/><nodes/><resources/><constraints/></configuration></cib>";

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = crmsh::parse(text);
    let mut cib = Document::parse(EMPTY).expect("a constant");
    if crmsh::configure(&mut cib, text).is_err() {
        return;
    }
    // The result is a document that can be read again.
    let cib = Document::parse(&cib.write()).expect("what was written can be read");
    let shown = crmsh::show(&cib);
    let mut again = Document::parse(EMPTY).expect("a constant");
    // Raw XML is read with its runs of blanks made one, so what it holds may change once.
    if crmsh::configure(&mut again, &shown).is_ok() && !shown.contains("xml <") {
        assert_eq!(crmsh::show(&again), shown);
    }
    let mut copy = crmsh::Configuration::new(&cib);
    // With an object goes what is nothing without it: the ids are asked for before.
    let ids: Vec<String> = copy.objects().into_iter().map(|object| copy.object_id(object).to_owned()).collect();
    for id in ids {
        copy.delete(&[&id], true);
    }
});
