//! Meta-data of any kind: agents print whatever they like.
#![no_main]

use agents::standard::document::Element;
use agents::standard::outcome::exit_reason;
use agents::standard::templates::{fence_metadata, lsb_metadata};
use agents::standard::{AgentName, Metadata, info};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    if let Ok(metadata) = Metadata::parse(&text) {
        let _ = metadata.restart_parameters();
        let _ = metadata.private_parameters();
        let _ = info::info(&AgentName::ocf("p", "A"), &metadata);
    }
    if let Ok(document) = Element::parse(&text) {
        // What is printed can be read again, and says the same.
        let printed = document.print();
        let again = Element::parse(&printed).expect("a printed document is well formed");
        // Characters that XML does not have are passed on, but not laid out alike twice.
        if !text.contains(|c: char| c.is_control()) {
            assert_eq!(again.print(), printed);
        }
        let _ = fence_metadata(document).print();
    }
    // Whatever an init script says, its meta-data is a document.
    let script = format!("### BEGIN INIT INFO\n{text}");
    let _ = Metadata::parse(&lsb_metadata("s", &script));
    let _ = exit_reason(&text);
});
