//! Texts of `corosync.conf`: nothing panics, every error says where, and what is accepted has timers that can run.
#![no_main]

use libfuzzer_sys::fuzz_target;
use totem_core::config::{Accounts, Config, DeviceSettings, Error, Host, Mode, parse};

fuzz_target!(|data: &[u8]| {
    let text = String::from_utf8_lossy(data);
    let lines = text.lines().count() as u32 + 1;
    for mode in [Mode::Strict, Mode::Legacy] {
        if let Err(error) = parse(&text, mode, &Accounts::default()) {
            assert!(error.line <= lines);
        }
        let host = Host::new("n1.site", ["10.0.0.1".parse().unwrap(), "fe80::1".parse().unwrap()]);
        match Config::read(&text, mode, &host) {
            Ok(config) => {
                assert!(config.totem.timers.consensus >= config.totem.timers.join);
                assert!(!config.links.is_empty());
                if let Err(error) = DeviceSettings::read(&config) {
                    assert!(error.place().is_some());
                }
            }
            Err(error @ Error::Parse(_)) => assert!(error.report("f").starts_with("parser error: f:")),
            Err(error) => assert!(!error.report("f").is_empty()),
        }
    }
});
