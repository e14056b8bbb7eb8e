//! Datagrams of the link layer: nothing panics, what decodes encodes to the same bytes, and a link layer that is fed with
//! anything stays alive, in clear and with the engine's own protection.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use totem_core::config::{Config, Host, Mode};
use totem_core::link::{Guard, Knet, Packet, Secret, Settings};

const CONF: &str = "totem {\nversion: 2\n}\nnodelist {\nnode {\nring0_addr: 10.0.0.1\nname: a\nnodeid: 1\n}\nnode {\nring0_addr: 10.0.0.2\nname: b\nnodeid: 2\n}\n}\n";

static CONFIG: LazyLock<Config> =
    LazyLock::new(|| Config::read(CONF, Mode::Strict, &Host::new("a", [])).expect("a configuration"));
static GUARD: LazyLock<Guard> = LazyLock::new(|| Secret::new("c", &[7; 128]).expect("a key").into());

fuzz_target!(|data: &[u8]| {
    let whole = Bytes::copy_from_slice(data);
    if let Ok(packet) = Packet::decode(&whole) {
        let again = Packet::decode(&packet.encode()).expect("what was decoded encodes");
        assert_eq!(again, packet);
    }
    let from = "10.0.0.2:5405".parse().expect("an address");
    for protection in [None, Some(GUARD.clone())] {
        let settings = Settings { config: CONFIG.clone(), protection, interface_mtu: BTreeMap::new(), seed: [0; 32] };
        let mut links = Knet::new(settings, Duration::ZERO);
        let mut now = Duration::ZERO;
        for chunk in data.split(|b| *b == 0xfe) {
            now += Duration::from_millis(50);
            links.handle_datagram(now, from, &Bytes::copy_from_slice(chunk));
            links.handle_timeout(now);
            while links.poll_output().is_some() {}
        }
    }
});
