//! Any sequence of datagrams into a running ring: it neither panics nor stops working.
#![no_main]

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use std::time::Duration;
use totem_core::ring::{Config, Guarantee, Identity, Output, Ring};
use totem_core::wire::NodeId;

fuzz_target!(|data: &[u8]| {
    let identity = Identity { node: NodeId(1), ring_sequence: 0, seed: 0 };
    let mut ring = Ring::new(Config::default(), identity, Duration::ZERO);
    ring.handle_interface_up(Duration::ZERO);
    let mut now = Duration::ZERO;
    let turn = |ring: &mut Ring, now: &mut Duration| {
        for _ in 0..200 {
            while let Some(output) = ring.poll_output() {
                if matches!(&output, Output::Configuration(c) if c.left.is_empty()) {
                    ring.handle_synchronized();
                }
            }
            *now = ring.poll_timeout().unwrap_or(*now).max(*now);
            ring.handle_timeout(*now);
        }
    };
    turn(&mut ring, &mut now);
    let _ = ring.send(&[b"something to deliver"], Guarantee::Agreed);
    // each datagram: a length byte, then that many bytes behind a good header start
    let mut rest = data;
    while let Some((&n, tail)) = rest.split_first() {
        let (body, tail) = tail.split_at(tail.len().min(usize::from(n)));
        rest = tail;
        let datagram: Vec<u8> = [&[0x70, 0xc0, 3][..], body].concat();
        ring.handle_datagram(now, Bytes::from(datagram));
        turn(&mut ring, &mut now);
    }
    assert!(ring.poll_timeout().is_some());
});
