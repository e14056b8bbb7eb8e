//! Messages of the services above the ring: nothing panics, and what is read and written again reads the same.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use totem_core::config::{ConfigVersion, ControlMessage};
use totem_core::wire::{ByteOrder, NodeId};
use totem_core::{groups, quorum};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else { return };
    let (function, order) = (u16::from(first & 7), if first & 8 == 0 { ByteOrder::Little } else { ByteOrder::Big });
    let whole = Bytes::copy_from_slice(rest);
    if let Ok(message) = quorum::Message::decode(function, &whole, order) {
        let again = quorum::Message::decode(function, &message.encode().head, ByteOrder::Little);
        // Names are cut at their field and read as text; once is enough to reach a form that stays.
        if let (quorum::Message::NodeInfo { .. }, Ok(again)) = (&message, again) {
            assert_eq!(again, message);
        }
    }
    if let Ok(message) = groups::Message::decode(function, &whole, order) {
        let out = message.encode();
        let bytes = Bytes::from([&out.head[..], &out.payload[..]].concat());
        assert_eq!(groups::Message::decode(function, &bytes, ByteOrder::Little).unwrap(), message);
    }
    let _ = ConfigVersion::decode(function, &whole, order);
    if let Ok(message) = ControlMessage::decode(function, &whole, order) {
        let _ = message.encode(NodeId(1));
    }
    let mut arbiter = quorum::arbiter::Arbiter::new();
    for (n, chunk) in rest.split(|b| *b == 0xfe).enumerate() {
        let (now, id) = (Duration::from_secs(n as u64), quorum::arbiter::ClientId(n as u64 % 3));
        if n < 3 {
            arbiter.handle_connect(now, id);
        }
        arbiter.handle_bytes(now, id, chunk);
        arbiter.handle_timeout(now);
        while arbiter.poll_output().is_some() {}
    }
    let mut framing = quorum::arbiter::Framing::default();
    framing.push(rest);
    while let Ok(Some(message)) = framing.next_message() {
        let _ = message.encode();
    }
});
